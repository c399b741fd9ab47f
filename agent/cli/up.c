// SPDX-License-Identifier: GPL-2.0
/*
 * qbd up: starts a volume's daemon, after checking what it will need, so that
 * mistakes are reported here and with their remedy.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/module.h"
#include "cli/program.h"
#include "cli/unit.h"

#define LOOK_MS 100
#define DAEMON "qbdd"

enum { NODE, CONFIG, WAIT };

static bool is_running(const char *volume)
{
	struct control control;
	struct base_error error;
	int ret;

	ret = control_open(volume, &control, &error);
	if (ret == -ENOENT || ret == -ECONNREFUSED)
		return false;
	if (ret) {
		cli_fail("%s", error.text);
		return true;
	}
	cli_fail("volume %s is up already, its agent is pid %d", volume,
		 (int)control.pid);
	control_close(&control);
	return true;
}

/* Beside this very program (a build's folder), else where PATH says. */
static void find_daemon(char *path, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (length > 0) {
		path[length] = '\0';
		slash = strrchr(path, '/');
		if (slash &&
		    (size_t)(slash + 1 - path) + sizeof(DAEMON) <= size) {
			strcpy(slash + 1, DAEMON);
			if (access(path, X_OK) == 0)
				return;
		}
	}
	snprintf(path, size, "%s", DAEMON);
}

static bool make_folder(const char *path)
{
	/* Others find the sockets in it, whatever our umask is. */
	if ((mkdir(path, 0755) == 0 && chmod(path, 0755) == 0) ||
	    errno == EEXIST)
		return true;
	cli_fail("folder %s can't be made: %s%s", path, strerror(errno),
		 errno == EACCES ? "; run this as root" : "");
	return false;
}

/*
 * What the agent printed for humans since it was started: its log's lines say
 * the same again.
 */
static void print_log_from(int log, off_t from)
{
	FILE *file;
	char *line = NULL;
	size_t room = 0;
	int copy = dup(log);

	file = copy < 0 ? NULL : fdopen(copy, "r");
	if (!file || fseeko(file, from, SEEK_SET)) {
		if (file)
			fclose(file);
		else if (copy >= 0)
			close(copy);
		return;
	}
	while (getline(&line, &room, file) > 0)
		if (!base_log_is_line(line))
			fputs(line, stderr);
	free(line);
	fclose(file);
}

/*
 * The daemon leaves its parent only when it has started.  What it says until
 * then belongs into its log as all the rest; why it could not start is read
 * there.
 */
static enum cli_exit start(const char *volume, char **argv)
{
	char path[PATH_MAX];
	off_t before;
	int log, status;

	snprintf(path, sizeof(path), "%s/%s.log", conf_run_dir(), volume);
	log = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (log < 0)
		return cli_fail("log %s can't be opened: %s%s", path,
				strerror(errno),
				errno == EACCES ? "; run this as root" : "");
	before = lseek(log, 0, SEEK_END);
	status = program_run(argv, log);
	if (status)
		print_log_from(log, before);
	close(log);
	if (status == 127)
		return cli_fail("volume %s: the agent %s can't be run; "
				"install it beside qbd or into the PATH",
				volume, argv[0]);
	if (status)
		return cli_fail("volume %s: its agent did not start (exit "
				"status %d); the reason is above, and in %s",
				volume, status, path);
	return CLI_DONE;
}

static enum cli_exit wait_until_serving(const char *volume, unsigned int wait_s)
{
	uint64_t until_ms = cli_now_ms() + (uint64_t)wait_s * 1000;
	struct base_error error;
	const char *state, *problem;
	char last[1024] = "it was not asked";
	json_t *reply, *status;
	bool ok;

	do {
		reply = control_ask(volume, &control_status, CONTROL_ANSWER_MS,
				    &error);
		status = json_object_get(reply, "status");
		state = json_string_value(json_object_get(status, "state"));
		problem = json_string_value(json_object_get(status, "problem"));
		ok = state && (strcmp(state, "ok") == 0 ||
			       strcmp(state, "degraded") == 0);
		snprintf(last, sizeof(last), "%s%s%s",
			 reply ? (state ? state : "?") : error.text,
			 problem && *problem ? ": " : "",
			 problem ? problem : "");
		json_decref(reply);
		if (ok)
			return CLI_DONE;
		cli_sleep_ms(LOOK_MS);
	} while (cli_now_ms() < until_ms);
	return cli_fail("volume %s is up, but does not serve within %u s: %s",
			volume, wait_s, last);
}

/* Where nothing else runs the machine's services: as a process of its own. */
static enum cli_exit start_plain(const char *volume, const char *config,
				 const struct conf_node *node)
{
	char daemon[PATH_MAX];
	char *argv[8];
	int count = 0;

	if (!make_folder(conf_run_dir()))
		return CLI_FAILED;
	find_daemon(daemon, sizeof(daemon));
	argv[count++] = daemon;
	argv[count++] = (char *)volume;
	argv[count++] = "--node";
	argv[count++] = (char *)node->name;
	if (config) {
		argv[count++] = "--config";
		argv[count++] = (char *)config;
	}
	argv[count] = NULL;
	return start(volume, argv);
}

static enum cli_exit start_unit(const char *volume, const struct cli_args *args)
{
	if (args->options[CONFIG].given)
		return cli_fail("--config is not possible where systemd runs "
				"the agent; move the file to %s/%s.conf",
				conf_dir(), volume);
	if (args->options[NODE].given)
		return cli_fail("--node is not possible where systemd runs the "
				"agent; write QBD_NODE=%s to /etc/default/qbd",
				args->options[NODE].text);
	return unit_start(volume);
}

static enum cli_exit run(const struct cli_args *args)
{
	const char *config = args->options[CONFIG].text;
	const char *volume = args->words[0].text;
	unsigned int wait_s = args->options[WAIT].number;
	const struct conf_node *node;
	enum cli_exit status;
	struct conf conf;

	node = cli_configured(volume, config, args->options[NODE].text, &conf);
	if (!node || is_running(volume) || !module_need())
		return CLI_FAILED;
	status = unit_managed() ? start_unit(volume, args) :
				  start_plain(volume, config, node);
	if (status == CLI_DONE && wait_s)
		status = wait_until_serving(volume, wait_s);
	if (status == CLI_DONE)
		printf("%s: up on %s%s\n", volume, node->name,
		       wait_s ? ", serving" : "");
	return status;
}

const struct cli_command cli_up = {
	.name = "up",
	.summary = "Start a volume's agent and make its device, on this node",
	.help = "Loads the module if need be.  The replica must have been "
		"made with qbd format.\nWhere systemd runs the machine this "
		"starts qbd@VOLUME.service (systemctl enable\nqbd@VOLUME "
		"starts it at each boot) and the agent's messages go to the "
		"journal;\nelse they go to RUN/VOLUME.log (RUN: /run/qbd, or "
		"QBD_RUN_DIR).\n",
	.words = { CLI_WORD_VOLUME },
	.options = {
		[NODE] = CLI_OPTION_NODE,
		[CONFIG] = CLI_OPTION_CONFIG,
		[WAIT] = { .name = "wait",
			   .kind = CLI_SECONDS,
			   .value = "S",
			   .help = "until the volume serves (ok or degraded), "
				   "at most S seconds" },
	},
	.run = run,
};
