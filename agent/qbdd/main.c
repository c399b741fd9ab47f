// SPDX-License-Identifier: GPL-2.0
/* qbdd: the daemon of one volume on one node.  Arguments, start, exit. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "qbdd/journal.h"
#include "qbdd/logger.h"
#include "qbdd/notify.h"
#include "qbdd/qbdd.h"
#include "qbdd/watch.h"

static const char usage_text[] =
	"usage: qbdd VOLUME [--node NAME] [--config FILE] [--foreground]\n"
	"\n"
	"The agent of VOLUME on this node: keeps its replica, talks to the other\n"
	"nodes, and serves /dev/qbdN.  It goes into the background once it is\n"
	"ready; until then its caller sees its errors and exit status.\n"
	"\n"
	"  --node NAME     which node of the configuration this is; else\n"
	"                  $QBD_NODE, else the host's name\n"
	"  --config FILE   instead of /etc/qbd/VOLUME.conf\n"
	"  --foreground    stay, and log to standard error (for systemd)\n"
	"  --verbose       log more\n"
	"  --version       print the version\n"
	"  --help          print this\n"
	"\n"
	"Exit status: 0 stopped as told; 1 failed, may work later; 2 misused;\n"
	"3 the configuration is wrong, or does not fit what is on the disk:\n"
	"starting again will not help.\n";

#define LOGGER_CLOSE_MS 2000 /* for the last lines to get out */

struct arguments {
	const char *volume;
	const char *node;
	const char *config;
	bool foreground;
	bool verbose;
};

static int misused(const char *what)
{
	fprintf(stderr, "qbdd: %s; see qbdd --help\n", what);
	return QBDD_MISUSED;
}

/* Return: -1 to go on, or the exit status. */
static int parse(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
		{ "node", required_argument, NULL, 'n' },
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			arguments->node = optarg;
			break;
		case 'c':
			arguments->config = optarg;
			break;
		case 'f':
			arguments->foreground = true;
			break;
		case 'v':
			arguments->verbose = true;
			break;
		case 'V':
			printf("qbdd %s\n", QBD_VERSION);
			return 0;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			return misused("unknown or incomplete option");
		}
	}
	if (optind != argc - 1)
		return misused("give one volume");
	arguments->volume = argv[optind];
	return -1;
}

static int fail(const char *text, enum qbdd_exit status)
{
	daemon_complain(text);
	watch_failed(text);
	logger_close(LOGGER_CLOSE_MS);
	return status;
}

/*
 * What only people can mend is -EINVAL everywhere: addresses, sizes, a replica of
 * another volume or node.  All else - a disk, a port, a module, memory that is
 * not there - may be there the next time.
 */
static enum qbdd_exit exit_of(int code)
{
	return code == -EINVAL ? QBDD_CONFIG_WRONG : QBDD_FAILED;
}

static int configure(struct qbdd *daemon, const struct arguments *arguments)
{
	struct base_error error = { 0 };
	char context[256];

	if (conf_load(arguments->volume, arguments->config, stderr,
		      &daemon->conf)) {
		watch_failed("the configuration is wrong; why stands in the "
			     "log");
		return QBDD_CONFIG_WRONG;
	}
	daemon->self = conf_this_node(&daemon->conf, arguments->node, &error);
	if (!daemon->self)
		return fail(error.text, QBDD_CONFIG_WRONG);
	snprintf(context, sizeof(context), "node=%s volume=%s",
		 daemon->self->name, daemon->conf.volume);
	base_log_setup(context,
		       arguments->verbose ? BASE_LOG_DEBUG : BASE_LOG_INFO);
	return 0;
}

/* "unknown": it is older than the file that says it. */
static const char *module_version(char *text, size_t size)
{
	FILE *file = fopen("/sys/module/qbd/version", "re");

	if (!file || !fgets(text, (int)size, file))
		snprintf(text, size, "unknown");
	text[strcspn(text, "\n")] = '\0';
	if (file)
		fclose(file);
	return text;
}

int main(int argc, char **argv)
{
	static struct qbdd daemon; /* zeroed, and large */
	struct arguments arguments = { 0 };
	struct base_error error = { 0 };
	char module[64];
	int status;

	status = parse(argc, argv, &arguments);
	if (status >= 0)
		return status;
	status = configure(&daemon, &arguments);
	if (status)
		return status;
	if (!arguments.foreground && daemon_fork())
		return fail("can't go into the background", QBDD_FAILED);
	if (logger_open(journal_is_stderr() ? &journal_output : &logger_stderr))
		return fail("can't log: out of memory or descriptors",
			    QBDD_FAILED);
	if (qbdd_start(&daemon, &error))
		return fail(error.text, exit_of(error.code));
	base_log(BASE_LOG_NOTICE, "event=started version=%s module=%s pid=%d",
		 QBD_VERSION, module_version(module, sizeof(module)),
		 daemon.identity.pid);
	daemon_ready();
	watch_ready(daemon.watch);
	qbdd_loop_run(&daemon);
	qbdd_end(&daemon);
	base_log(BASE_LOG_NOTICE, "event=stopped reason=\"%s\" up_s=%.0f",
		 daemon.stop_why,
		 (double)(qbdd_now_us() - daemon.identity.started_us) /
			 1000000);
	logger_close(LOGGER_CLOSE_MS);
	return 0;
}
