// SPDX-License-Identifier: GPL-2.0
/* See args.h: usage and help, made of the tables. */
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"

#define LABEL_MAX 64

void cli_help_usage(const struct cli_command *command, FILE *out)
{
	const struct cli_option *option = command->options;
	const struct cli_word *word = command->words;
	const struct cli_choice *choice;
	int i;

	fprintf(out, "usage: qbd %s", command->name);
	for (i = 0; i < CLI_WORDS_MAX && word[i].name; i++)
		fprintf(out, word[i].optional ? " [%s]" : " %s", word[i].name);
	for (i = 0; i < CLI_OPTIONS_MAX && option[i].name; i++) {
		fprintf(out, " [--%s", option[i].name);
		if (option[i].value)
			fprintf(out, " %s", option[i].value);
		for (choice = option[i].choices; choice && choice->name;
		     choice++)
			fprintf(out, "%s%s",
				choice == option[i].choices ? " " : "|",
				choice->name);
		fputc(']', out);
	}
	fputc('\n', out);
}

/* One line of the options' table, and what it says in its second column. */
struct row {
	char label[LABEL_MAX];
	const char *help;
};

/* Row @n of an option: its only one, or one for each choice; false: no more. */
static bool get_row(const struct cli_option *option, int n, struct row *row)
{
	const char *value = option->value;

	row->help = option->help;
	if (option->choices) {
		value = option->choices[n].name;
		row->help = option->choices[n].help;
	}
	snprintf(row->label, sizeof(row->label), "--%s%s%s", option->name,
		 value ? " " : "", value ? value : "");
	return option->choices ? value != NULL : n == 0;
}

static void print_row(const struct row *row, int width)
{
	const char *text;

	printf("  %-*s  ", width, row->label);
	for (text = row->help; *text; text++) {
		putchar(*text);
		if (*text == '\n')
			printf("%*s", width + 4, "");
	}
	putchar('\n');
}

static void print_options(const struct cli_option *options)
{
	struct row row;
	int width = 0, i, n;

	for (i = 0; i < CLI_OPTIONS_MAX && options[i].name; i++)
		for (n = 0; get_row(&options[i], n, &row); n++)
			if (width < (int)strlen(row.label))
				width = (int)strlen(row.label);
	if (width)
		putchar('\n');
	for (i = 0; i < CLI_OPTIONS_MAX && options[i].name; i++)
		for (n = 0; get_row(&options[i], n, &row); n++)
			print_row(&row, width);
}

void cli_help_command(const struct cli_command *command)
{
	cli_help_usage(command, stdout);
	printf("\n%s.\n", command->summary);
	if (command->help)
		printf("\n%s", command->help);
	print_options(command->options);
	if (command->notes)
		printf("\n%s", command->notes);
}

void cli_help_overview(FILE *out)
{
	const struct cli_command *const *command;

	fprintf(out, "usage: qbd COMMAND [OPTION]... [VOLUME]\n\n"
		     "Block devices that survive the loss of any minority of "
		     "their nodes.\nWithout a command: the status.\n\n");
	for (command = cli_commands; *command; command++)
		fprintf(out, "  %-9s %s\n", (*command)->name,
			(*command)->summary);
	fprintf(out,
		"\n'qbd COMMAND --help' says more about each.\n"
		"Exit status: 0 done, 1 failed, 2 misused (but see 'qbd status "
		"--help'\nfor --check).\n"
		"Configuration: %s/VOLUME.conf (folder: QBD_CONF_DIR),\n"
		"sockets and logs: %s (QBD_RUN_DIR), this node: QBD_NODE.\n",
		CONF_DIR, CONF_RUN_DIR);
}
