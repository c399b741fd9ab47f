// SPDX-License-Identifier: GPL-2.0
/* See collect.h. */
#include "cli/collect.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/control.h"
#include "cli/kernel.h"

/* One volume being asked. */
struct ask {
	const char *volume;
	struct control control;
	int code; /* why its daemon was not asked, 0: it was */
};

/* Add the names of files NAME@suffix in a folder to a set. */
static void add_files(json_t *set, const char *folder, const char *suffix)
{
	DIR *dir = opendir(folder);
	char name[CONF_NAME_MAX + 1];
	const struct dirent *entry;
	size_t length;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		length = strlen(entry->d_name);
		if (length <= strlen(suffix) ||
		    length - strlen(suffix) >= sizeof(name))
			continue;
		length -= strlen(suffix);
		if (strcmp(entry->d_name + length, suffix) != 0)
			continue;
		memcpy(name, entry->d_name, length);
		name[length] = '\0';
		if (!conf_name_problem(name))
			json_object_set_new(set, name, json_true());
	}
	closedir(dir);
}

static int compare_names(const void *one, const void *two)
{
	return strcmp(*(const char *const *)one, *(const char *const *)two);
}

json_t *collect_volumes(void)
{
	json_t *set = json_object(), *list = json_array(), *value;
	const char **names, *name;
	size_t count = 0, i;

	add_files(set, conf_dir(), ".conf");
	add_files(set, conf_run_dir(), ".sock");
	kernel_add_volumes(set);
	names = calloc(json_object_size(set) + 1, sizeof(*names));
	if (names) {
		json_object_foreach(set, name, value) names[count++] = name;
		qsort(names, count, sizeof(*names), compare_names);
		for (i = 0; i < count; i++)
			json_array_append_new(list, json_string(names[i]));
		free(names);
	}
	json_decref(set);
	return list;
}

/* What is there when the daemon tells nothing. */
static json_t *without_daemon(const struct ask *ask, const char *how,
			      const char *state, const char *problem)
{
	json_t *status = json_pack("{s:s, s:s, s:s, s:s}", "volume",
				   ask->volume, "daemon", how, "state", state,
				   "problem", problem);

	if (ask->control.pid)
		json_object_set_new(status, "pid",
				    json_integer(ask->control.pid));
	return status;
}

/* It may be well, but not for us. */
static json_t *unknown(const struct ask *ask, const char *problem)
{
	return without_daemon(ask, "unknown", "unknown", problem);
}

static json_t *dead(const struct ask *ask, bool device)
{
	char problem[512];

	snprintf(problem, sizeof(problem), "%sstart it with: qbd up %s",
		 device ? "its agent is dead, I/O waits; " :
			  "it is not up on this node; ",
		 ask->volume);
	return without_daemon(ask, "dead", device ? "dead" : "down", problem);
}

static json_t *hung(const struct ask *ask)
{
	char problem[512];

	if (ask->control.pid)
		snprintf(problem, sizeof(problem),
			 "its agent (pid %d) does not answer; it is "
			 "stopped (kill -CONT %d) or hangs (kill -KILL %d, "
			 "then qbd up %s; I/O waits meanwhile)",
			 (int)ask->control.pid, (int)ask->control.pid,
			 (int)ask->control.pid, ask->volume);
	else
		snprintf(problem, sizeof(problem),
			 "its agent accepts no questions; it is stopped "
			 "or hangs");
	return without_daemon(ask, "hung", "hung", problem);
}

/* The daemon's reply as our status, or what stands in for it. */
static json_t *take_reply(struct ask *ask, uint64_t until_ms, bool device)
{
	struct base_error error = { 0 };
	json_t *reply, *status;

	if (ask->code == -EAGAIN)
		return hung(ask);
	if (ask->code == -ENOENT || ask->code == -ECONNREFUSED)
		return dead(ask, device);
	if (ask->code)
		return unknown(ask, ask->code == -EACCES ?
					    CONTROL_DENIED :
					    strerror(-ask->code));
	reply = control_receive(&ask->control, until_ms, &error);
	if (!reply && error.code == -ETIMEDOUT)
		return hung(ask);
	if (!reply || control_refused(reply, &error)) {
		json_decref(reply);
		return unknown(ask, error.text);
	}
	status = json_incref(json_object_get(reply, "status"));
	json_decref(reply);
	if (!json_is_object(status)) {
		json_decref(status);
		return unknown(ask, "its agent answers nonsense; are "
				    "qbd and qbdd of the same version?");
	}
	json_object_set_new(status, "daemon", json_string("running"));
	return status;
}

static void start_asking(struct ask *ask, const char *volume)
{
	ask->volume = volume;
	ask->control.fd = -1;
	ask->code = control_open(volume, &ask->control, NULL);
	if (!ask->code)
		ask->code = control_send(&ask->control, &control_status);
}

json_t *collect_status(const json_t *names)
{
	uint64_t until_ms = cli_now_ms() + CONTROL_ANSWER_MS;
	size_t count = json_array_size(names), i;
	struct ask *asks = calloc(count + 1, sizeof(*asks));
	json_t *list = json_array(), *device, *status;
	struct kernel *kernel;

	if (!asks)
		return list;
	for (i = 0; i < count; i++)
		start_asking(&asks[i],
			     json_string_value(json_array_get(names, i)));
	kernel = kernel_open();
	for (i = 0; i < count; i++) {
		device = kernel_device(kernel, asks[i].volume);
		status = take_reply(&asks[i], until_ms, device != NULL);
		json_object_set_new(status, "device_problem",
				    json_string(kernel_problem(kernel)));
		json_object_set_new(status, "device",
				    device ? device : json_null());
		json_array_append_new(list, status);
		control_close(&asks[i].control);
	}
	kernel_close(kernel);
	free(asks);
	return list;
}
