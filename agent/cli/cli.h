/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The `qbd` command: one file per subcommand, run.c has their table.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>

#include "base/error.h"
#include "conf/conf.h"

/* Exit statuses. */
enum cli_exit {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_MISUSED = 2,
};

/* Options that a command may have. */
enum cli_option {
	CLI_NODE = 1 << 0,
	CLI_CONFIG = 1 << 1,
	CLI_FORCE = 1 << 2,
	CLI_UNIT = 1 << 3,
	CLI_WAIT = 1 << 4,
	CLI_JSON = 1 << 5,
	CLI_WATCH = 1 << 6,
	CLI_FOR = 1 << 7,
	CLI_TIMEOUT = 1 << 8,
	CLI_CHECK = 1 << 9,
};

struct cli_args {
	const char *words[2]; /* VOLUME, NODE; NULL: not given */
	const char *node;
	const char *config;
	bool force;
	bool unit; /* systemd asks, see down.c */
	bool json;
	bool watch;
	bool check;
	unsigned int wait_s; /* 0: don't */
	const char *until; /* --for; NULL: not given */
	bool timed; /* --timeout was given: timeout_s */
	unsigned int timeout_s;
};

struct cli_command {
	const char *name;
	const char *usage; /* what follows the name */
	const char *summary; /* one line */
	const char *help; /* the rest, lines */
	unsigned int options; /* enum cli_option */
	unsigned int words_min;
	unsigned int words_max;
	enum cli_exit (*run)(const struct cli_args *args);
};

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
 * Return: NULL when there is something wrong with it, which was told.
 */
const struct conf_node *cli_configured(const struct cli_args *args,
				       struct conf *conf);

/** cli_human_bytes() - "64 MiB"; @text has at least 32 bytes. Returns it. */
const char *cli_human_bytes(uint64_t bytes, char *text);

/** cli_now_ms() - monotonic */
uint64_t cli_now_ms(void);
void cli_sleep_ms(unsigned int duration_ms);

#endif
