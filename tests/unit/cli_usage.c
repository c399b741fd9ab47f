// SPDX-License-Identifier: GPL-2.0
/* What `qbd` says of itself, and of how it is called. */
#include "cli_rig.h"

static const char *const commands[] = {
	"format", "up", "down", "status", "wait", "transfer", "abort", "version"
};

static void overview_names_every_command(void)
{
	size_t i;

	tap_need(rig_setup());
	tap_check_eq(rig_run("help", NULL), 0);
	for (i = 0; i < TAP_COUNT(commands); i++)
		rig_said(commands[i]);
	tap_check_eq(rig_run("--help", NULL), 0);
	rig_said("usage: qbd COMMAND");
	rig_teardown();
}

static void every_command_has_help(void)
{
	char usage[64];
	size_t i;

	tap_need(rig_setup());
	for (i = 0; i < TAP_COUNT(commands); i++) {
		tap_check_eq(rig_run(commands[i], "--help", NULL), 0);
		snprintf(usage, sizeof(usage), "usage: qbd %s", commands[i]);
		rig_said(usage);
		tap_check_eq(rig_run(commands[i], "-h", NULL), 0);
	}
	rig_teardown();
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

static void version_is_told(void)
{
	tap_need(rig_setup());
	tap_check_eq(rig_run("version", NULL), 0);
	rig_said("qbd " QBD_VERSION);
	rig_said("module qbd: ");
	tap_check_eq(rig_run("--version", NULL), 0);
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
		TAP_TEST(every_command_has_help),
		TAP_TEST(misuse_exits_with_2),
		TAP_TEST(version_is_told),
		TAP_TEST(mistakes_in_the_configuration_are_told),
		TAP_TEST(output_that_is_lost_is_a_failure),
		TAP_TEST(bytes_are_for_people),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
