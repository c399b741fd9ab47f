// SPDX-License-Identifier: GPL-2.0
/* See args.h: the parser. */
#include "cli/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define OPTION_FIRST 256 /* beyond what getopt() says of its own */

static bool parse_seconds(const char *text, unsigned int *seconds)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || end == text || *end || number > CLI_SECONDS_MAX)
		return false;
	*seconds = (unsigned int)number;
	return true;
}

static bool parse_choice(const struct cli_choice *choices, const char *text,
			 unsigned int *choice)
{
	unsigned int i;

	for (i = 0; choices[i].name; i++)
		if (strcmp(choices[i].name, text) == 0) {
			*choice = i;
			return true;
		}
	return false;
}

/* "--for takes open, quorum or synced, not" */
static void describe(const struct cli_option *option, char *text, size_t size)
{
	const struct cli_choice *choice = option->choices;
	size_t used = (size_t)snprintf(text, size, "--%s takes ", option->name);

	if (!choice)
		used += (size_t)snprintf(text + used, size - used, "seconds");
	for (; choice && choice->name && used < size; choice++)
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 choice == option->choices ? "" :
					 choice[1].name		   ? ", " :
								     " or ",
					 choice->name);
	if (used < size)
		snprintf(text + used, size - used, ", not");
}

static bool take_option(const struct cli_command *command, unsigned int i,
			const char *text, struct cli_args *args)
{
	const struct cli_option *option = &command->options[i];
	struct cli_value *value = &args->options[i];
	char what[256];
	bool right = true;

	if (option->kind == CLI_SECONDS)
		right = parse_seconds(text, &value->number);
	else if (option->kind == CLI_CHOICE)
		right = parse_choice(option->choices, text, &value->number);
	if (!right) {
		describe(option, what, sizeof(what));
		cli_misused(command, what, text);
		return false;
	}
	value->given = true;
	value->text = text;
	return true;
}

static bool parse_options(const struct cli_command *command, int argc,
			  char **argv, struct cli_args *args, bool *help)
{
	struct option longs[CLI_OPTIONS_MAX + 2] = {
		{ "help", no_argument, NULL, 'h' },
	};
	const struct cli_option *known = command->options;
	int option, i;

	for (i = 0; i < CLI_OPTIONS_MAX && known[i].name; i++)
		longs[i + 1] = (struct option){
			.name = known[i].name,
			.has_arg = known[i].kind == CLI_FLAG ?
					   no_argument :
					   required_argument,
			.val = OPTION_FIRST + i,
		};
	optind = 0; /* begin anew, whatever was read before */
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		if (option == 'h') {
			*help = true;
			return true;
		}
		if (option < OPTION_FIRST) {
			cli_misused(command,
				    option == ':' ?
					    "a value is missing behind" :
					    "there is no such option:",
				    argv[optind - 1]);
			return false;
		}
		if (!take_option(command, (unsigned int)(option - OPTION_FIRST),
				 optarg, args))
			return false;
	}
	return true;
}

static bool parse_words(const struct cli_command *command, int count,
			char **words, struct cli_args *args)
{
	const struct cli_word *known = command->words;
	const char *problem;
	char missing[64];
	int i;

	for (i = 0; i < CLI_WORDS_MAX && known[i].name; i++) {
		if (i < count) {
			args->words[i].given = true;
			args->words[i].text = words[i];
		} else if (!known[i].optional) {
			snprintf(missing, sizeof(missing), "the %s is missing",
				 known[i].noun);
			cli_misused(command, missing, NULL);
			return false;
		}
	}
	if (i < count) {
		cli_misused(command, "there is one word too many:", words[i]);
		return false;
	}
	for (i = 0; i < count; i++) {
		problem = known[i].kind == CLI_NAME ?
				  conf_name_problem(words[i]) :
				  NULL;
		if (problem) {
			cli_misused(command, problem, words[i]);
			return false;
		}
	}
	return true;
}

bool cli_args_parse(const struct cli_command *command, int argc, char **argv,
		    struct cli_args *args, bool *help)
{
	memset(args, 0, sizeof(*args));
	*help = false;
	if (!parse_options(command, argc, argv, args, help))
		return false;
	return *help ||
	       parse_words(command, argc - optind, argv + optind, args);
}
