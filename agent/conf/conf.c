// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration of a volume, /etc/qbd/VOLUME.conf:
 *
 *	volume = "vol0";	# the file's name without .conf
 *	id = "0b6f3c2e-6a57-4c0e-9d43-0c1f1a4a7e55";
 *				# the same on all nodes; `uuidgen` makes one
 *	size = "64M";		# bytes, or with K M G T (binary); a multiple
 *				# of 4096; at most 1024T
 *	log-size = "64M";	# optional, 16M to 1T, a multiple of 4096
 *	block-size = 512;	# optional, 512 or 4096
 *	io-timeout = "30s";	# optional, 100ms to 24h; "0": for ever.  I/O
 *				# fails when none has gone on for so long
 *	election-timeout = "1s"; # optional, 100ms to 60s.  Silence of the
 *				# leader after which another is chosen;
 *				# never before the leader's own has passed
 *	nodes = (		# 1 to 7
 *	  {
 *	    name = "n1";	# letters, digits, '.', '_', '-'
 *	    id = 1;		# 1 to 65535; never given to another node
 *	    address = "10.77.0.1:7700";	# or "host:7700", "[fd00::1]:7700"
 *	    disk = "/dev/vdb";	# this node's replica: block device or file
 *	    meta-disk = "/dev/vdc"; # optional: its log and metadata, by
 *				# themselves on another block device or file
 *	    minor = 0;		# optional: /dev/qbd0; else any that is free
 *	  }
 *	);
 *
 * The syntax is libconfig's (without @include): what begins with # is a
 * comment, each setting ends with a ';'.  Durations have a suffix: ms s m h.
 */
#include "conf/conf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libconfig.h>
#include <linux/qbd.h>
#include <uuid/uuid.h>

#include "conf/reader.h"
#include "conf/value.h"

#define SIZE_ALIGN 4096
#define SIZE_MAX_BYTES (1ULL << 50)
#define LOG_BYTES_MIN (16ULL << 20)
#define LOG_BYTES_MAX (1ULL << 40)
#define LOG_BYTES_DEFAULT (64ULL << 20)
#define IO_TIMEOUT_MIN_MS 100
#define IO_TIMEOUT_MAX_MS (24U * 60 * 60 * 1000)
#define IO_TIMEOUT_DEFAULT_MS (30U * 1000)
#define ELECTION_MIN_MS 100
#define ELECTION_DEFAULT_MS 1000
#define NODE_ID_MAX 65535

static void set_volume(struct reader *reader, config_setting_t *setting,
		       void *into)
{
	struct conf *conf = into;
	const char *name = reader_text(reader, setting, "\"vol0\"");

	/* conf->volume is what was asked for, and good. */
	if (name && strcmp(name, conf->volume) != 0)
		reader_complain(reader, setting,
				"volume is \"%s\", but \"%s\" was asked for; "
				"the file of a volume is VOLUME.conf",
				name, conf->volume);
}

static void set_id(struct reader *reader, config_setting_t *setting, void *into)
{
	struct conf *conf = into;
	const char *text =
		reader_text(reader, setting,
			    "\"0b6f3c2e-6a57-4c0e-9d43-0c1f1a4a7e55\"");

	if (!text)
		return;
	if (uuid_parse(text, conf->volume_id) || uuid_is_null(conf->volume_id))
		reader_complain(reader, setting,
				"id \"%s\" is no UUID; make one with uuidgen, "
				"the same on all nodes",
				text);
}

static void set_bytes(struct reader *reader, config_setting_t *setting,
		      uint64_t least, uint64_t most, const char *bounds,
		      uint64_t *bytes)
{
	const char *key = config_setting_name(setting);
	const char *text = reader_text(reader, setting, "\"64M\"");
	uint64_t number;
	int ret;

	if (!text)
		return;
	ret = conf_parse_size(text, &number);
	if (ret == -EINVAL) {
		reader_complain(reader, setting,
				"%s \"%s\" is no size; write a number with K, "
				"M, G, T or nothing behind it, such as \"64M\"",
				key, text);
	} else if (ret || number < least || number > most) {
		reader_complain(reader, setting,
				"%s \"%s\" is out of bounds; it goes from %s",
				key, text, bounds);
	} else if (number % SIZE_ALIGN) {
		reader_complain(reader, setting,
				"%s \"%s\" is not a multiple of %u bytes; "
				"\"%llu\" would be",
				key, text, SIZE_ALIGN,
				(unsigned long long)(number -
						     number % SIZE_ALIGN +
						     SIZE_ALIGN));
	} else {
		*bytes = number;
	}
}

static void set_size(struct reader *reader, config_setting_t *setting,
		     void *into)
{
	struct conf *conf = into;

	set_bytes(reader, setting, SIZE_ALIGN, SIZE_MAX_BYTES, "4K to 1024T",
		  &conf->size_bytes);
}

static void set_log_size(struct reader *reader, config_setting_t *setting,
			 void *into)
{
	struct conf *conf = into;

	set_bytes(reader, setting, LOG_BYTES_MIN, LOG_BYTES_MAX, "16M to 1T",
		  &conf->log_bytes);
}

static void set_block_size(struct reader *reader, config_setting_t *setting,
			   void *into)
{
	struct conf *conf = into;
	int64_t number;

	if (!reader_number(reader, setting, 512, 4096, &number))
		return;
	if (number != 512 && number != 4096)
		reader_complain(reader, setting,
				"block-size %lld is not possible; it is 512 "
				"or 4096",
				(long long)number);
	else
		conf->block_size = (uint32_t)number;
}

static void set_duration(struct reader *reader, config_setting_t *setting,
			 uint32_t least, uint32_t most, bool zero,
			 const char *bounds, uint32_t *duration_ms)
{
	const char *key = config_setting_name(setting);
	const char *text = reader_text(reader, setting, "\"30s\"");
	uint32_t number;
	int ret;

	if (!text)
		return;
	ret = conf_parse_duration(text, &number);
	if (ret == -EINVAL)
		reader_complain(reader, setting,
				"%s \"%s\" is no duration; write a number and "
				"ms, s, m or h behind it, such as \"30s\"",
				key, text);
	else if (ret ||
		 (!(zero && number == 0) && (number < least || number > most)))
		reader_complain(reader, setting,
				"%s \"%s\" is out of bounds; it goes from %s",
				key, text, bounds);
	else
		*duration_ms = number;
}

static void set_io_timeout(struct reader *reader, config_setting_t *setting,
			   void *into)
{
	struct conf *conf = into;

	set_duration(reader, setting, IO_TIMEOUT_MIN_MS, IO_TIMEOUT_MAX_MS,
		     true, "100ms to 24h, or \"0\" for ever",
		     &conf->io_timeout_ms);
}

static void set_election_timeout(struct reader *reader,
				 config_setting_t *setting, void *into)
{
	struct conf *conf = into;

	set_duration(reader, setting, ELECTION_MIN_MS, CONF_ELECTION_MAX_MS,
		     false, "100ms to 60s", &conf->election_timeout_ms);
}

static void set_node_name(struct reader *reader, config_setting_t *setting,
			  void *into)
{
	struct conf_node *node = into;
	const char *name = reader_text(reader, setting, "\"n1\"");
	const char *problem;

	if (!name)
		return;
	problem = conf_name_problem(name);
	if (problem)
		reader_complain(reader, setting, "name \"%s\": %s", name,
				problem);
	else
		strcpy(node->name, name);
}

static void set_node_id(struct reader *reader, config_setting_t *setting,
			void *into)
{
	struct conf_node *node = into;
	int64_t number;

	if (reader_number(reader, setting, 1, NODE_ID_MAX, &number))
		node->id = (uint32_t)number;
}

static void set_node_address(struct reader *reader, config_setting_t *setting,
			     void *into)
{
	struct conf_node *node = into;
	const char *text = reader_text(reader, setting, "\"10.77.0.1:7700\"");
	const char *problem;

	if (!text)
		return;
	problem = conf_address_problem(text);
	if (problem)
		reader_complain(reader, setting, "address \"%s\" %s", text,
				problem);
	else
		strcpy(node->address, text);
}

static void set_path(struct reader *reader, config_setting_t *setting,
		     char *into)
{
	const char *key = config_setting_name(setting);
	const char *path = reader_text(reader, setting, "\"/dev/vdb\"");

	if (!path)
		return;
	if (*path != '/')
		reader_complain(reader, setting,
				"%s \"%s\" is no absolute path; write it "
				"from the root, such as \"/dev/vdb\"",
				key, path);
	else if (strlen(path) > QBD_PATH_MAX)
		reader_complain(reader, setting,
				"%s is a path of %zu letters; at most %u", key,
				strlen(path), QBD_PATH_MAX);
	else
		strcpy(into, path);
}

static void set_node_disk(struct reader *reader, config_setting_t *setting,
			  void *into)
{
	struct conf_node *node = into;

	set_path(reader, setting, node->disk);
}

static void set_node_meta_disk(struct reader *reader, config_setting_t *setting,
			       void *into)
{
	struct conf_node *node = into;

	set_path(reader, setting, node->meta_disk);
}

static void set_node_minor(struct reader *reader, config_setting_t *setting,
			   void *into)
{
	struct conf_node *node = into;
	int64_t number;

	if (reader_number(reader, setting, 0, QBD_MINORS_MAX - 1, &number))
		node->minor = (int32_t)number;
}

static const struct reader_key node_keys[] = {
	{ "name", true, set_node_name },
	{ "id", true, set_node_id },
	{ "address", true, set_node_address },
	{ "disk", true, set_node_disk },
	{ "meta-disk", false, set_node_meta_disk },
	{ "minor", false, set_node_minor },
	{ NULL, false, NULL },
};

/* @path of the node at @place is @key there; does the other have it as well? */
static void compare_disk(struct reader *reader, config_setting_t *place,
			 const char *key, const char *path,
			 const struct conf_node *other, unsigned int line)
{
	if (*path && (strcmp(path, other->disk) == 0 ||
		      strcmp(path, other->meta_disk) == 0))
		reader_complain(reader, config_setting_get_member(place, key),
				"%s \"%s\" of this host is that of the node "
				"of line %u too; two replicas need two disks",
				key, path, line);
}

/* Two nodes that can't both be so: @a stands before @b in the file. */
static void compare_nodes(struct reader *reader, config_setting_t *list,
			  const struct conf_node *nodes, unsigned int a,
			  unsigned int b)
{
	const struct conf_node *one = &nodes[a], *two = &nodes[b];
	config_setting_t *place = config_setting_get_elem(list, b);
	unsigned int line =
		config_setting_source_line(config_setting_get_elem(list, a));

	if (*one->name && strcmp(one->name, two->name) == 0)
		reader_complain(reader,
				config_setting_get_member(place, "name"),
				"name \"%s\" is that of the node of line %u "
				"too; each node needs its own",
				two->name, line);
	if (one->id && one->id == two->id)
		reader_complain(reader, config_setting_get_member(place, "id"),
				"id %u is that of the node of line %u too; "
				"each node needs its own",
				two->id, line);
	if (!*one->address || !*two->address)
		return;
	if (strcasecmp(one->address, two->address) == 0)
		reader_complain(reader,
				config_setting_get_member(place, "address"),
				"address \"%s\" is that of the node of line %u "
				"too; each node needs its own",
				two->address, line);
	if (!conf_same_host(one->address, two->address))
		return;
	compare_disk(reader, place, "disk", two->disk, one, line);
	compare_disk(reader, place, "meta-disk", two->meta_disk, one, line);
	if (one->minor >= 0 && one->minor == two->minor)
		reader_complain(reader,
				config_setting_get_member(place, "minor"),
				"minor %d of this host is that of the node of "
				"line %u too; give another, or none",
				two->minor, line);
}

static void check_disks(struct reader *reader, config_setting_t *place,
			const struct conf_node *node)
{
	if (*node->disk && strcmp(node->disk, node->meta_disk) == 0)
		reader_complain(reader,
				config_setting_get_member(place, "meta-disk"),
				"meta-disk \"%s\" is this node's disk too; "
				"give another, or none: then the disk holds "
				"the metadata as well",
				node->meta_disk);
}

static int compare_ids(const void *one, const void *two)
{
	const struct conf_node *a = one, *b = two;

	return a->id < b->id ? -1 : a->id > b->id;
}

static void set_nodes(struct reader *reader, config_setting_t *setting,
		      void *into)
{
	struct conf *conf = into;
	config_setting_t *node;
	int count, i, j;

	if (!config_setting_is_list(setting)) {
		reader_complain(reader, setting,
				"nodes is no list; write nodes = ( { ... }, "
				"{ ... } );");
		return;
	}
	count = config_setting_length(setting);
	if (count < 1 || count > CONF_NODES_MAX) {
		reader_complain(reader, setting,
				"nodes has %d of them; a volume has 1 to %d",
				count, CONF_NODES_MAX);
		return;
	}
	conf->node_count = (unsigned int)count;
	for (i = 0; i < count; i++) {
		node = config_setting_get_elem(setting, (unsigned int)i);
		conf->nodes[i].minor = -1;
		if (!config_setting_is_group(node)) {
			reader_complain(reader, node,
					"node %d of the list is no group; "
					"write { name = ...; }",
					i + 1);
			continue;
		}
		reader_group(reader, node, node_keys, "a node",
			     &conf->nodes[i]);
		check_disks(reader, node, &conf->nodes[i]);
		for (j = 0; j < i; j++)
			compare_nodes(reader, setting, conf->nodes,
				      (unsigned int)j, (unsigned int)i);
	}
	qsort(conf->nodes, conf->node_count, sizeof(conf->nodes[0]),
	      compare_ids);
}

static const struct reader_key volume_keys[] = {
	{ "volume", true, set_volume },
	{ "id", true, set_id },
	{ "size", true, set_size },
	{ "log-size", false, set_log_size },
	{ "block-size", false, set_block_size },
	{ "io-timeout", false, set_io_timeout },
	{ "election-timeout", false, set_election_timeout },
	{ "nodes", true, set_nodes },
	{ NULL, false, NULL },
};

int conf_load(const char *volume, const char *path, FILE *report,
	      struct conf *conf)
{
	const char *problem = conf_name_problem(volume);
	struct conf *draft;
	int used, ret;

	if (problem) {
		fprintf(report, "volume \"%s\": %s\n", volume, problem);
		return -EINVAL;
	}
	draft = calloc(1, sizeof(*draft));
	if (!draft) {
		fprintf(report, "out of memory\n");
		return -ENOMEM;
	}
	strcpy(draft->volume, volume);
	draft->log_bytes = LOG_BYTES_DEFAULT;
	draft->block_size = 512;
	draft->io_timeout_ms = IO_TIMEOUT_DEFAULT_MS;
	draft->election_timeout_ms = ELECTION_DEFAULT_MS;
	used = path ? snprintf(draft->path, sizeof(draft->path), "%s", path) :
		      snprintf(draft->path, sizeof(draft->path), "%s/%s.conf",
			       conf_dir(), volume);
	if ((size_t)used >= sizeof(draft->path)) {
		fprintf(report, "%s...: this path is too long\n", draft->path);
		ret = -ENAMETOOLONG;
	} else {
		ret = reader_file(draft->path, report, volume_keys, "a volume",
				  draft);
	}
	if (!ret)
		*conf = *draft;
	free(draft);
	return ret;
}
