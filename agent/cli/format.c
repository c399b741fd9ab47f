// SPDX-License-Identifier: GPL-2.0
/*
 * qbd format: makes this node's disk a blank replica.  It opens the disk
 * exclusively, and overwrites recognised contents only with --force.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/probe.h"
#include "nl/nl.h"
#include "store/store.h"

#define DISKS_TEXT_MAX 2100 /* two paths, see conf_disks_text() */

enum { NODE, CONFIG, FORCE };

static void progress(uint64_t done, uint64_t all, void *context)
{
	const char *path = context;

	fprintf(stderr, "\rformatting %s: %3u %%", path,
		all ? (unsigned int)(done * 100 / all) : 100);
	if (done >= all)
		fputc('\n', stderr);
}

static struct store_identity wanted(const struct conf *conf,
				    const struct conf_node *node)
{
	struct store_identity identity = { .node_id = node->id,
					   .block_size = conf->block_size,
					   .volume_bytes = conf->size_bytes,
					   .log_bytes = conf->log_bytes,
					   .data_offset = STORE_DATA_OFFSET };

	memcpy(identity.volume_id, conf->volume_id, sizeof(identity.volume_id));
	snprintf(identity.volume_name, sizeof(identity.volume_name), "%s",
		 conf->volume);
	return identity;
}

/* Does it exist?  If not, how to make one. */
static bool need_disk(const struct conf *conf, const struct conf_node *node,
		      const char *key, const char *path, uint64_t bytes)
{
	struct stat found;

	if (stat(path, &found) == 0 || errno != ENOENT)
		return true;
	if (strncmp(path, "/dev/", 5) == 0)
		cli_fail("%s %s of node %s does not exist; lsblk lists those "
			 "that do, %s is where to name another",
			 key, path, node->name, conf->path);
	else
		cli_fail("%s %s of node %s does not exist; make such a file "
			 "with: truncate -s %llu %s",
			 key, path, node->name, (unsigned long long)bytes,
			 path);
	return false;
}

static bool need_disks(const struct conf *conf, const struct conf_node *node)
{
	struct store_identity identity = wanted(conf, node);

	if (!*node->meta_disk)
		return need_disk(conf, node, "disk", node->disk,
				 store_bytes_needed(&identity));
	return need_disk(conf, node, "disk", node->disk,
			 store_first_bytes_needed(&identity)) &&
	       need_disk(conf, node, "meta-disk", node->meta_disk,
			 store_second_bytes_needed(&identity));
}

/* Is there a replica already, perhaps another volume's, or part of one? */
static bool is_no_replica(struct store_io *io, const char *key,
			  const char *path)
{
	struct store_identity there;
	struct base_error error;
	int ret;

	if (store_identify_second(io, &there, &error) == 0) {
		cli_fail("%s %s is the meta-disk of a replica already: of "
			 "volume %s, node id %u; --force overwrites it",
			 key, path, there.volume_name, there.node_id);
		return false;
	}
	ret = store_identify(io, &there, &error);
	if (ret == -ENODATA)
		return true;
	if (ret)
		cli_fail("%s %s: %s; --force overwrites it", key, path,
			 error.text);
	else
		cli_fail("%s %s holds a replica already: of volume %s, node "
			 "id %u; --force overwrites it",
			 key, path, there.volume_name, there.node_id);
	return false;
}

/* @io: of that disk alone */
static bool is_blank(struct store_io *io, const char *key, const char *path)
{
	struct base_error error;
	char what[256];

	if (!is_no_replica(io, key, path))
		return false;
	if (probe_disk(path, what, sizeof(what), &error)) {
		cli_fail("%s", error.text);
		return false;
	}
	if (*what) {
		cli_fail("%s %s holds %s; --force overwrites it", key, path,
			 what);
		return false;
	}
	return true;
}

static bool are_blank(struct store_io *io, const struct conf_node *node)
{
	return is_blank(store_io_disk(io, 0), "disk", node->disk) &&
	       (!*node->meta_disk ||
		is_blank(store_io_disk(io, 1), "meta-disk", node->meta_disk));
}

/* A replica that is in use shows nowhere but in the module. */
static enum cli_exit cant_open(const struct conf_node *node,
			       const struct base_error *error)
{
	const char *key = "disk", *path = node->disk;
	char holder[256] = "";

	if (error->code == -EBUSY)
		nl_replica_holder(path, holder, sizeof(holder));
	if (error->code == -EBUSY && !*holder && *node->meta_disk) {
		key = "meta-disk";
		path = node->meta_disk;
		nl_replica_holder(path, holder, sizeof(holder));
	}
	if (*holder)
		return cli_fail("%s %s of node %s: %s", key, path, node->name,
				holder);
	return cli_fail("%s", error->text);
}

static enum cli_exit format_disk(struct store_io *io, const struct conf *conf,
				 const struct conf_node *node, bool force)
{
	struct store_identity identity = wanted(conf, node);
	char size[32], log[32], disks[DISKS_TEXT_MAX];
	struct base_error error;

	conf_disks_text(node->disk, node->meta_disk, disks, sizeof(disks));
	if (!force && !are_blank(io, node))
		return CLI_FAILED;
	if (getrandom(&identity.serial, sizeof(identity.serial), 0) !=
	    (ssize_t)sizeof(identity.serial))
		return cli_fail("no random number: %s", strerror(errno));
	if (store_format(io, &identity, force,
			 isatty(STDERR_FILENO) ? progress : NULL,
			 (void *)node->disk, &error))
		return cli_fail("%s: %s", disks, error.text);
	printf("%s: %s is a blank replica of node %s now, %s and a log of %s%s%s\n",
	       conf->volume, node->disk, node->name,
	       cli_human_bytes(conf->size_bytes, size),
	       cli_human_bytes(conf->log_bytes, log),
	       *node->meta_disk ? " on " : "", node->meta_disk);
	return CLI_DONE;
}

static enum cli_exit run(const struct cli_args *args)
{
	const struct conf_node *node;
	struct base_error error;
	enum cli_exit status;
	struct store_io *io;
	struct conf conf;

	node = cli_configured(args->words[0].text, args->options[CONFIG].text,
			      args->options[NODE].text, &conf);
	if (!node || !need_disks(&conf, node))
		return CLI_FAILED;
	io = store_io_open_both(node->disk, node->meta_disk, STORE_IO_CLAIM,
				&error);
	if (!io)
		return cant_open(node, &error);
	status = format_disk(io, &conf, node, args->options[FORCE].given);
	io->ops->close(io);
	return status;
}

const struct cli_command cli_format = {
	.name = "format",
	.summary = "Make this node's disk a blank replica of a volume",
	.help = "Run it once on each node, before the first qbd up.  All data "
		"on the disk is lost,\nand on the node's meta-disk if it has "
		"one.  A disk in use is refused.  Without\n--force, so is one "
		"that holds a filesystem, a partition table or a replica.\n",
	.words = { CLI_WORD_VOLUME },
	.options = {
		[NODE] = CLI_OPTION_NODE,
		[CONFIG] = CLI_OPTION_CONFIG,
		[FORCE] = { .name = "force",
			    .kind = CLI_FLAG,
			    .help = "overwrite what is there" },
	},
	.run = run,
};
