/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The `qbd` command: one file per subcommand, run.c has their table; args.h is
 * what each takes.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>

#include "base/error.h"
#include "cli/args.h"
#include "conf/conf.h"

/* Exit statuses. */
enum cli_exit {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_MISUSED = 2,
};

struct cli_command {
	const char *name;
	const char *summary; /* one line */
	const char *help; /* lines, before the options; NULL: none */
	const char *notes; /* lines, behind them; NULL: none */
	struct cli_word words[CLI_WORDS_MAX];
	struct cli_option options[CLI_OPTIONS_MAX];
	enum cli_exit (*run)(const struct cli_args *args);
};

/* All of them, ending with NULL */
extern const struct cli_command *const cli_commands[];

extern const struct cli_command cli_abort;
extern const struct cli_command cli_down;
extern const struct cli_command cli_format;
extern const struct cli_command cli_status;
extern const struct cli_command cli_transfer;
extern const struct cli_command cli_up;
extern const struct cli_command cli_version;
extern const struct cli_command cli_wait;

/** cli_main() - all of it; returns the exit status */
int cli_main(int argc, char **argv);

/**
 * cli_fail() - say what failed and with which remedy, on standard error
 * Return: CLI_FAILED
 */
enum cli_exit cli_fail(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/** cli_misused() - the same of an option's value; Return: CLI_MISUSED */
enum cli_exit cli_misused(const struct cli_command *command, const char *what,
			  const char *word);

/**
 * cli_configured() - this node's part of a volume's configuration
 * @config: the file; NULL: the usual one
 * @name: of the node; NULL: as conf_this_node() finds it
 * Return: NULL when there is something wrong with it, which was told.
 */
const struct conf_node *cli_configured(const char *volume, const char *config,
				       const char *name, struct conf *conf);

/** cli_human_bytes() - "64 MiB"; @text has at least 32 bytes. Returns it. */
const char *cli_human_bytes(uint64_t bytes, char *text);

/** cli_now_ms() - monotonic */
uint64_t cli_now_ms(void);
void cli_sleep_ms(unsigned int duration_ms);

#endif
