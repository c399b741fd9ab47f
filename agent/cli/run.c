// SPDX-License-Identifier: GPL-2.0
/* Finds the subcommand and reads its options. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const struct cli_command *const commands[] = {
	&cli_format, &cli_up,	    &cli_down,	&cli_status,
	&cli_wait,   &cli_transfer, &cli_abort, &cli_version,
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct {
	enum cli_option bit;
	struct option option;
} options[] = {
	{ CLI_NODE, { "node", required_argument, NULL, CLI_NODE } },
	{ CLI_CONFIG, { "config", required_argument, NULL, CLI_CONFIG } },
	{ CLI_FORCE, { "force", no_argument, NULL, CLI_FORCE } },
	{ CLI_UNIT, { "unit", no_argument, NULL, CLI_UNIT } },
	{ CLI_WAIT, { "wait", required_argument, NULL, CLI_WAIT } },
	{ CLI_JSON, { "json", no_argument, NULL, CLI_JSON } },
	{ CLI_WATCH, { "watch", no_argument, NULL, CLI_WATCH } },
	{ CLI_FOR, { "for", required_argument, NULL, CLI_FOR } },
	{ CLI_CHECK, { "check", no_argument, NULL, CLI_CHECK } },
	{ CLI_TIMEOUT, { "timeout", required_argument, NULL, CLI_TIMEOUT } },
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))
#define OPTION_HELP (1 << 16)

static void print_overview(FILE *out)
{
	size_t i;

	fprintf(out, "usage: qbd COMMAND [OPTION]... [VOLUME]\n\n"
		     "Block devices that survive the loss of any minority of "
		     "their nodes.\nWithout a command: the status.\n\n");
	for (i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-9s %s\n", commands[i]->name,
			commands[i]->summary);
	fprintf(out,
		"\n'qbd COMMAND --help' tells more about each.\n"
		"Exit status: 0 done, 1 failed, 2 misused (but see 'qbd status "
		"--help'\nfor --check).\n"
		"Configuration: %s/VOLUME.conf (folder: QBD_CONF_DIR),\n"
		"sockets and logs: %s (QBD_RUN_DIR), this node: QBD_NODE.\n",
		CONF_DIR, CONF_RUN_DIR);
}

static void print_help(const struct cli_command *command)
{
	printf("usage: qbd %s%s%s\n\n%s.\n\n%s", command->name,
	       *command->usage ? " " : "", command->usage, command->summary,
	       command->help);
}

enum cli_exit cli_misused(const struct cli_command *command, const char *what,
			  const char *word)
{
	fprintf(stderr, "qbd %s: %s%s%s%s\nusage: qbd %s%s%s\n", command->name,
		what, word ? " \"" : "", word ? word : "", word ? "\"" : "",
		command->name, *command->usage ? " " : "", command->usage);
	return CLI_MISUSED;
}

static bool parse_seconds(const char *text, unsigned int *seconds)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || end == text || *end || number > 86400)
		return false;
	*seconds = (unsigned int)number;
	return true;
}

static void take_option(struct cli_args *args, int option)
{
	switch (option) {
	case CLI_NODE:
		args->node = optarg;
		break;
	case CLI_CONFIG:
		args->config = optarg;
		break;
	case CLI_FORCE:
		args->force = true;
		break;
	case CLI_UNIT:
		args->unit = true;
		break;
	case CLI_JSON:
		args->json = true;
		break;
	case CLI_WATCH:
		args->watch = true;
		break;
	case CLI_CHECK:
		args->check = true;
		break;
	case CLI_FOR:
		args->until = optarg;
		break;
	}
}

static enum cli_exit run(const struct cli_command *command, int argc,
			 char **argv)
{
	struct option longs[OPTIONS + 2] = {
		{ "help", no_argument, NULL, OPTION_HELP },
	};
	struct cli_args args = { 0 };
	unsigned int words;
	size_t i, count = 1;
	int option;

	for (i = 0; i < OPTIONS; i++)
		if (command->options & options[i].bit)
			longs[count++] = options[i].option;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		switch (option) {
		case 'h':
		case OPTION_HELP:
			print_help(command);
			return CLI_DONE;
		case ':':
			return cli_misused(command, "a value is missing behind",
					   argv[optind - 1]);
		case '?':
			return cli_misused(command, "there is no such option:",
					   argv[optind - 1]);
		case CLI_WAIT:
			if (!parse_seconds(optarg, &args.wait_s))
				return cli_misused(command,
						   "--wait takes seconds, not",
						   optarg);
			break;
		case CLI_TIMEOUT:
			args.timed = true;
			if (!parse_seconds(optarg, &args.timeout_s))
				return cli_misused(
					command, "--timeout takes seconds, not",
					optarg);
			break;
		default:
			take_option(&args, option);
		}
	}
	words = (unsigned int)(argc - optind);
	if (words < command->words_min)
		return cli_misused(command,
				   words ? "the node is missing" :
					   "the volume is missing",
				   NULL);
	if (words > command->words_max)
		return cli_misused(command, "there is one word too many:",
				   argv[optind + (int)command->words_max]);
	for (i = 0; i < words; i++)
		args.words[i] = argv[optind + (int)i];
	if (words && conf_name_problem(args.words[0]))
		return cli_misused(command, conf_name_problem(args.words[0]),
				   args.words[0]);
	return command->run(&args);
}

static enum cli_exit run_named(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, argv[0]) == 0)
			return run(commands[i], argc, argv);
	if (strcmp(argv[0], "--version") == 0)
		return cli_version.run(NULL);
	if (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0 ||
	    strcmp(argv[0], "-h") == 0) {
		print_overview(stdout);
		return CLI_DONE;
	}
	fprintf(stderr, "qbd: there is no command \"%s\"\n\n", argv[0]);
	print_overview(stderr);
	return CLI_MISUSED;
}

int cli_main(int argc, char **argv)
{
	static char *bare[] = { "status", NULL };
	enum cli_exit status;

	status = argc > 1 ? run_named(argc - 1, argv + 1) : run_named(1, bare);
	/* A full disk or a closed pipe: what was asked for was not shown. */
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "qbd: writing the output: %s\n",
			strerror(errno));
		return status ? (int)status : CLI_FAILED;
	}
	return (int)status;
}
