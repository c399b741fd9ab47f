/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /etc/qbd/VOLUME.conf: one volume, the same file on all of its nodes.
 *
 * The syntax is libconfig's; the keys, their meaning and bounds are described
 * at the head of conf.c.  Checking continues after a mistake, so that one run
 * reports them all.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

#define CONF_DIR "/etc/qbd"
#define CONF_RUN_DIR "/run/qbd"
#define CONF_NODES_MAX 7
#define CONF_NAME_MAX 63
#define CONF_ELECTION_MAX_MS 60000U

struct conf_node {
	char name[CONF_NAME_MAX + 1];
	uint32_t id; /* 1 to 65535; never given to another node later */
	char address[128]; /* host:port or [v6]:port */
	char disk[1024]; /* path of a block device or file */
	char meta_disk[1024]; /* the same, for log and metadata; "": on disk */
	int32_t minor; /* /dev/qbdMINOR; -1: any */
};

struct conf {
	char path[1024];
	char volume[CONF_NAME_MAX + 1];
	uint8_t volume_id[16];
	uint64_t size_bytes;
	uint64_t log_bytes;
	uint32_t block_size; /* 512 or 4096 */
	uint32_t io_timeout_ms; /* 0: for ever */
	uint32_t election_timeout_ms;
	unsigned int node_count;
	struct conf_node nodes[CONF_NODES_MAX]; /* sorted by id */
};

/**
 * conf_name_problem() - may a volume or node be called so?
 * Return: NULL, or what is wrong and how to mend it.
 */
const char *conf_name_problem(const char *name);

/** conf_dir() - $QBD_CONF_DIR (for tests), or CONF_DIR */
const char *conf_dir(void);
/** conf_run_dir() - sockets and logs: $QBD_RUN_DIR, or CONF_RUN_DIR */
const char *conf_run_dir(void);

/**
 * conf_load() - read and check a volume's configuration
 * @volume: its name (must be the file's too)
 * @path: another file than conf_dir()/VOLUME.conf, or NULL
 * @report: every mistake is a line "FILE:LINE: what; how to mend it" here
 * Return: 0; -ENOENT, -EACCES, -EINVAL (after the report). Never half-filled.
 */
int conf_load(const char *volume, const char *path, FILE *report,
	      struct conf *conf);

/**
 * conf_disks_text() - "disk /dev/vdb, meta-disk /dev/vdc", for messages
 * @meta_disk: "" for none
 * Return: @text
 */
const char *conf_disks_text(const char *disk, const char *meta_disk, char *text,
			    size_t size);

/** conf_node_names() - "n1, n2, n3", as much as there is room for */
void conf_node_names(const struct conf *conf, char *text, size_t size);

/**
 * conf_this_node() - which node are we?
 * @name: given by --node, or NULL: $QBD_NODE, or the host's name (whole, or up
 *	to its first dot)
 * Return: points into @conf; NULL and @error when no such node is there (the
 * text lists those that are).
 */
const struct conf_node *conf_this_node(const struct conf *conf,
				       const char *name,
				       struct base_error *error);

#endif
