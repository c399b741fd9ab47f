// SPDX-License-Identifier: GPL-2.0
/*
 * What belongs to this machine and is not in the file: its folders, and which
 * of the nodes it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"

static const char *folder(const char *variable, const char *otherwise)
{
	const char *path = getenv(variable);

	return path && *path ? path : otherwise;
}

const char *conf_dir(void)
{
	return folder("QBD_CONF_DIR", CONF_DIR);
}

const char *conf_run_dir(void)
{
	return folder("QBD_RUN_DIR", CONF_RUN_DIR);
}

static const struct conf_node *find(const struct conf *conf, const char *name,
				    size_t length)
{
	unsigned int i;

	for (i = 0; i < conf->node_count; i++)
		if (strlen(conf->nodes[i].name) == length &&
		    strncmp(conf->nodes[i].name, name, length) == 0)
			return &conf->nodes[i];
	return NULL;
}

const char *conf_disks_text(const char *disk, const char *meta_disk, char *text,
			    size_t size)
{
	snprintf(text, size, "disk %s%s%s", disk,
		 *meta_disk ? ", meta-disk " : "", meta_disk);
	return text;
}

void conf_node_names(const struct conf *conf, char *text, size_t size)
{
	size_t used = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < conf->node_count && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 i ? ", " : "", conf->nodes[i].name);
}

const struct conf_node *conf_this_node(const struct conf *conf,
				       const char *name,
				       struct base_error *error)
{
	const struct conf_node *node;
	char host[256], names[512];

	conf_node_names(conf, names, sizeof(names));
	if (!name)
		name = getenv("QBD_NODE");
	if (name && *name) {
		node = find(conf, name, strlen(name));
		if (!node)
			base_error_set(error, -ENOENT,
				       "%s: volume %s has no node \"%s\"; its "
				       "nodes are: %s",
				       conf->path, conf->volume, name, names);
		return node;
	}
	if (gethostname(host, sizeof(host))) {
		base_error_set(error, -errno,
			       "this machine's name is not known; give "
			       "--node NODE, one of: %s",
			       names);
		return NULL;
	}
	host[sizeof(host) - 1] = '\0';
	node = find(conf, host, strlen(host));
	if (!node)
		node = find(conf, host, strcspn(host, "."));
	if (!node)
		base_error_set(error, -ENOENT,
			       "%s: no node of volume %s is called \"%s\" as "
			       "this machine is; give --node NODE (or set "
			       "QBD_NODE), one of: %s",
			       conf->path, conf->volume, host, names);
	return node;
}
