// SPDX-License-Identifier: GPL-2.0
/* What `qbd` says of itself, and of how it is called. */
#include "cli_rig.h"

#include <linux/qbd.h>

#include "store/format.h"
#include "wire/wire.h"

static void overview_names_every_command(void)
{
	size_t i;

	tap_need(rig_setup());
	tap_check_eq(rig_run("help", NULL), 0);
	for (i = 0; cli_commands[i]; i++) {
		rig_said(cli_commands[i]->name);
		rig_said(cli_commands[i]->summary);
	}
	tap_check_eq(i, 8);
	tap_check_eq(rig_run("--help", NULL), 0);
	rig_said("usage: qbd COMMAND");
	rig_teardown();
}

static void help_names_all_that_a_command_takes(void)
{
	const struct cli_command *command;
	const struct cli_option *option;
	char text[96];
	size_t i, k;

	tap_need(rig_setup());
	for (i = 0; (command = cli_commands[i]); i++) {
		tap_check_eq(rig_run(command->name, "-h", NULL), 0);
		tap_check_eq(rig_run(command->name, "--help", NULL), 0);
		snprintf(text, sizeof(text), "usage: qbd %s", command->name);
		rig_said(text);
		rig_said(command->summary);
		for (k = 0; k < CLI_WORDS_MAX && command->words[k].name; k++)
			rig_said(command->words[k].name);
		for (k = 0; k < CLI_OPTIONS_MAX; k++) {
			option = &command->options[k];
			if (!option->name)
				break;
			snprintf(text, sizeof(text), " [--%s", option->name);
			rig_said(text);
			snprintf(text, sizeof(text), "\n  --%s", option->name);
			rig_said(text);
		}
	}
	rig_teardown();
}

/* Of a command that takes one of each kind. */
enum { BRIEF, NAME, SECONDS, COLOUR };

static const struct cli_choice colours[] = { { "red", "as a rose" },
					     { "green", "as grass\nin May" },
					     { "blue", "as the sea" },
					     { NULL, NULL } };

static const struct cli_command paint = {
	.name = "paint",
	.summary = "Paint a volume",
	.words = { CLI_WORD_VOLUME,
		   { .name = "PLACE",
		     .noun = "place",
		     .kind = CLI_TEXT,
		     .optional = true } },
	.options = {
		[BRIEF] = { .name = "brief", .kind = CLI_FLAG, .help = "soon" },
		[NAME] = { .name = "name",
			   .kind = CLI_TEXT,
			   .value = "N",
			   .help = "its name" },
		[SECONDS] = { .name = "seconds",
			      .kind = CLI_SECONDS,
			      .value = "S",
			      .help = "so long" },
		[COLOUR] = { .name = "colour",
			     .kind = CLI_CHOICE,
			     .choices = colours },
	},
};

static bool parse(struct cli_args *args, bool *help, const char *one,
		  const char *two, const char *three)
{
	const char *argv[] = { "paint", one, two, three, NULL };
	int argc = 0;

	while (argv[argc])
		argc++;
	return cli_args_parse(&paint, argc, (char **)(uintptr_t)argv, args,
			      help);
}

static void what_is_given_is_taken_by_its_kind(void)
{
	struct cli_args args;
	bool help;

	tap_need(parse(&args, &help, "--brief", "vol0", "--name=x"));
	tap_check(!help);
	tap_check_str(args.words[0].text, "vol0");
	tap_check(!args.words[1].given && !args.words[1].text);
	tap_check(args.options[BRIEF].given);
	tap_check_str(args.options[NAME].text, "x");
	tap_check(!args.options[SECONDS].given);
	tap_check_eq(args.options[COLOUR].number, 0);
	tap_need(parse(&args, &help, "vol0", "--seconds=86400",
		       "--colour=blue"));
	tap_check(!args.options[BRIEF].given);
	tap_check_eq(args.options[SECONDS].number, 86400);
	tap_check_eq(args.options[COLOUR].number, 2);
	tap_need(parse(&args, &help, "vol0", "wall", NULL));
	tap_check_str(args.words[1].text, "wall");
	tap_need(parse(&args, &help, "--help", "--nonsense", NULL));
	tap_check(help);
	fflush(stderr);
	tap_check(!parse(&args, &help, "vol0", "--seconds=86401", NULL));
	tap_check(!parse(&args, &help, "vol0", "--colour=re", NULL));
	tap_check(!parse(&args, &help, "wall", "vol0", "x"));
	tap_check(!parse(&args, &help, "--brief", NULL, NULL));
}

static void usage_shows_words_options_and_choices(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cli_help_usage(&paint, out);
	fclose(out);
	tap_check_str(text,
		      "usage: qbd paint VOLUME [PLACE] [--brief] [--name N] "
		      "[--seconds S] [--colour red|green|blue]\n");
	free(text);
}

static void misuse_exits_with_2(void)
{
	static const struct {
		const char *words[3];
		const char *said;
	} cases[] = {
		{ { "mount" }, "there is no command \"mount\"" },
		{ { "down" }, "the volume is missing" },
		{ { "transfer", "vol0" }, "the node is missing" },
		{ { "down", "vol0", "n1" }, "one word too many: \"n1\"" },
		{ { "down", "vol0", "--force" },
		  "no such option: \"--force\"" },
		{ { "format", "vol0", "--node" }, "missing behind \"--node\"" },
		{ { "up", "vol0", "--wait=x" }, "takes seconds, not \"x\"" },
		{ { "up", "vol0", "--wait=-1" }, "takes seconds, not \"-1\"" },
		{ { "status", "../vol0" }, "must begin with a letter" },
		{ { "status", "a/b" }, "a name has only letters" },
		{ { "status", "" }, "the name is empty" },
		{ { "version", "x" }, "one word too many" },
		{ { "wait" }, "the volume is missing" },
		{ { "wait", "vol0", "--for=ever" },
		  "--for takes open, quorum or synced, not \"ever\"" },
		{ { "wait", "vol0", "--timeout=1m" },
		  "--timeout takes seconds, not \"1m\"" },
	};
	size_t i;

	tap_need(rig_setup());
	for (i = 0; i < TAP_COUNT(cases); i++) {
		tap_check_eq(rig_run(cases[i].words[0], cases[i].words[1],
				     cases[i].words[2], NULL),
			     2);
		rig_said(cases[i].said);
		rig_said("usage: qbd ");
	}
	rig_teardown();
}

static void all_versions_are_told_on_one_line(void)
{
	char line[128];

	tap_need(rig_setup());
	snprintf(line, sizeof(line),
		 "qbd %s, netlink protocol %d, wire protocol %d, disk format "
		 "%d\n",
		 QBD_VERSION, QBD_GENL_VERSION, WIRE_VERSION_MAX,
		 FORMAT_VERSION);
	tap_check_eq(rig_run("version", NULL), 0);
	tap_check(strncmp(rig_output, line, strlen(line)) == 0);
	rig_said("\nmodule qbd: ");
	tap_check_eq(rig_run("--version", NULL), 0);
	rig_said(line);
	rig_teardown();
}

static void mistakes_in_the_configuration_are_told(void)
{
	static const char *const with_conf[] = { "format", "up", "wait" };
	char place[128];
	size_t i;

	tap_need(rig_setup());
	rig_configure("vol0", "log_size = \"1G\";\nio-timeout = 3;\n");
	for (i = 0; i < TAP_COUNT(with_conf); i++) {
		tap_check_eq(rig_run(with_conf[i], "vol0", NULL), 1);
		snprintf(place, sizeof(place),
			 "%s/vol0.conf:6: unknown key log_size", rig_folder);
		rig_said(place);
		rig_said("did you mean log-size?");
		rig_said("vol0.conf:7: io-timeout is a number");
		tap_check_eq(rig_run(with_conf[i], "vol1", NULL), 1);
		rig_said("vol1.conf: No such file");
	}
	rig_configure("vol0", "");
	tap_check_eq(rig_run("format", "vol0", "--node", "n9", NULL), 1);
	rig_said("has no node \"n9\"; its nodes are: n1");
	tap_check_eq(rig_run("format", "vol0", "--config", "/nowhere", NULL),
		     1);
	rig_said("/nowhere: No such file");
	rig_teardown();
}

static void output_that_is_lost_is_a_failure(void)
{
	pid_t pid;
	int status;

	tap_need(rig_setup());
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		char *argv[] = { "qbd", "help", NULL };

		dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		exit(cli_main(2, argv));
	}
	waitpid(pid, &status, 0);
	tap_check(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	rig_teardown();
}

static void bytes_are_for_people(void)
{
	char text[32];

	tap_check_str(cli_human_bytes(0, text), "0 B");
	tap_check_str(cli_human_bytes(1023, text), "1023 B");
	tap_check_str(cli_human_bytes(1024, text), "1 KiB");
	tap_check_str(cli_human_bytes(1536, text), "1.5 KiB");
	tap_check_str(cli_human_bytes(64 << 20, text), "64 MiB");
	tap_check_str(cli_human_bytes(UINT64_MAX, text), "15.9 EiB");
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(overview_names_every_command),
		TAP_TEST(help_names_all_that_a_command_takes),
		TAP_TEST(what_is_given_is_taken_by_its_kind),
		TAP_TEST(usage_shows_words_options_and_choices),
		TAP_TEST(misuse_exits_with_2),
		TAP_TEST(all_versions_are_told_on_one_line),
		TAP_TEST(mistakes_in_the_configuration_are_told),
		TAP_TEST(output_that_is_lost_is_a_failure),
		TAP_TEST(bytes_are_for_people),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
