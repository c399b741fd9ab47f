/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a subcommand takes: tables of its words and options.  The parser reads
 * them, and usage and help are made of them.  A subcommand numbers its words and
 * options by an enum, for its tables and for what was given.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stdio.h>

#define CLI_WORDS_MAX 4
#define CLI_OPTIONS_MAX 8
#define CLI_SECONDS_MAX 86400

struct cli_command;

enum cli_kind {
	CLI_FLAG, /* an option without a value */
	CLI_TEXT,
	CLI_NAME, /* of a volume: conf_name_problem() */
	CLI_SECONDS, /* 0 to CLI_SECONDS_MAX */
	CLI_CHOICE, /* one of `choices` */
};

struct cli_word {
	const char *name; /* in the usage; NULL ends the table */
	const char *noun; /* in messages */
	enum cli_kind kind;
	bool optional; /* as all behind it must be */
};

struct cli_choice {
	const char *name; /* NULL ends the table */
	const char *help;
};

struct cli_option {
	const char *name; /* without its dashes; NULL ends the table */
	enum cli_kind kind;
	const char *value; /* in the usage; not of flags and choices */
	const char *help; /* lines; not of choices, which have their own */
	const struct cli_choice *choices;
};

/* What several subcommands take. */
#define CLI_WORD_VOLUME                                              \
	{                                                            \
		.name = "VOLUME", .noun = "volume", .kind = CLI_NAME \
	}
#define CLI_OPTION_NODE                                                         \
	{                                                                       \
		.name = "node", .kind = CLI_TEXT, .value = "N",                 \
		.help = "this node's name; else QBD_NODE, else the host's name" \
	}
#define CLI_OPTION_CONFIG                                         \
	{                                                         \
		.name = "config", .kind = CLI_TEXT, .value = "F", \
		.help = "instead of /etc/qbd/VOLUME.conf"         \
	}

/* What was given; all zero: nothing. */
struct cli_value {
	bool given;
	const char *text; /* as it was typed; NULL of flags */
	unsigned int number; /* the seconds, or which choice */
};

struct cli_args {
	struct cli_value words[CLI_WORDS_MAX];
	struct cli_value options[CLI_OPTIONS_MAX];
};

/**
 * cli_args_parse() - read what stands behind the command's name
 * @argv: begins with that name; is reordered
 * @help: set when help was asked for, which ends the reading
 * Return: false: misused, which was told.
 */
bool cli_args_parse(const struct cli_command *command, int argc, char **argv,
		    struct cli_args *args, bool *help);

/** cli_help_usage() - "usage: qbd NAME WORD... [OPTION]...", a line */
void cli_help_usage(const struct cli_command *command, FILE *out);
/** cli_help_command() - all that is to be said of a command */
void cli_help_command(const struct cli_command *command);
/** cli_help_overview() - of all commands, a line each */
void cli_help_overview(FILE *out);

#endif
