// SPDX-License-Identifier: GPL-2.0
/* Finds the subcommand and runs it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

const struct cli_command *const cli_commands[] = {
	&cli_format,   &cli_up,	   &cli_down,	 &cli_status, &cli_wait,
	&cli_transfer, &cli_abort, &cli_version, NULL,
};

enum cli_exit cli_misused(const struct cli_command *command, const char *what,
			  const char *word)
{
	fprintf(stderr, "qbd %s: %s%s%s%s\n", command->name, what,
		word ? " \"" : "", word ? word : "", word ? "\"" : "");
	cli_help_usage(command, stderr);
	return CLI_MISUSED;
}

static enum cli_exit run(const struct cli_command *command, int argc,
			 char **argv)
{
	struct cli_args args;
	bool help;

	if (!cli_args_parse(command, argc, argv, &args, &help))
		return CLI_MISUSED;
	if (!help)
		return command->run(&args);
	cli_help_command(command);
	return CLI_DONE;
}

static enum cli_exit run_named(int argc, char **argv)
{
	const struct cli_command *const *command;

	for (command = cli_commands; *command; command++)
		if (strcmp((*command)->name, argv[0]) == 0)
			return run(*command, argc, argv);
	if (strcmp(argv[0], "--version") == 0)
		return cli_version.run(NULL);
	if (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0 ||
	    strcmp(argv[0], "-h") == 0) {
		cli_help_overview(stdout);
		return CLI_DONE;
	}
	fprintf(stderr, "qbd: there is no command \"%s\"\n\n", argv[0]);
	cli_help_overview(stderr);
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
