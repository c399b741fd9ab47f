// SPDX-License-Identifier: GPL-2.0
/* How the `qbd` command drives systemd, with a systemctl of the test's own. */
#include "cli_rig.h"

#include "cli/unit.h"

/* It notes how it was called, and says what lies in files: next-X after show-X. */
static const char systemctl[] =
	"#!/bin/sh\n"
	"cd \"$QBD_CONF_DIR\" || exit 99\n"
	"echo \"$*\" >>calls\n"
	"case $1 in\n"
	"show) cat \"show-$4\" 2>/dev/null; [ \"$4\" != Job ] || rm -f show-Job\n"
	"	[ ! -e \"next-$4\" ] || mv \"next-$4\" \"show-$4\" ;;\n"
	"list-jobs) cat jobs 2>/dev/null ;;\n"
	"is-system-running) cat state; exit 1 ;;\n"
	"*) [ ! -e refusal ] || { cat refusal >&2; exit 1; } ;;\n"
	"esac\n"
	"exit 0\n";

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", rig_folder, name);
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
}

/* How often was it called so? */
static int calls(const char *line)
{
	char command[256], count[16] = "";
	FILE *pipe;

	snprintf(command, sizeof(command), "grep -cxF -- '%s' %s/calls", line,
		 rig_folder);
	pipe = popen(command, "re");
	if (!pipe || !fgets(count, sizeof(count), pipe))
		return -1;
	pclose(pipe);
	return atoi(count);
}

static bool called(const char *line)
{
	return calls(line) > 0;
}

static bool begin(void)
{
	static char original[4096];
	char path[4200];

	if (!rig_setup())
		return false;
	if (!*original)
		snprintf(original, sizeof(original), "%s", getenv("PATH"));
	put("systemctl", systemctl);
	snprintf(path, sizeof(path), "%s/systemctl", rig_folder);
	tap_check(chmod(path, 0755) == 0);
	snprintf(path, sizeof(path), "%s:%s", rig_folder, original);
	setenv("PATH", path, 1);
	setenv("QBD_SYSTEMD", rig_folder, 1);
	return true;
}

static void tests_folders_are_not_systemds(void)
{
	tap_need(rig_setup());
	unsetenv("QBD_SYSTEMD");
	tap_check(!unit_managed());
	setenv("QBD_SYSTEMD", rig_folder, 1);
	tap_check(unit_managed());
	rig_teardown();
}

static void start_waits_for_the_units_job(void)
{
	tap_need(begin());
	put("show-LoadState", "loaded\n");
	put("show-Job", "17\n");
	put("show-ActiveState", "active\n");
	tap_check_eq(unit_start("vol0"), CLI_DONE);
	tap_check(called("restart qbd@vol0.service --no-block"));
	rig_teardown();
}

static void failed_start_is_told_and_not_tried_again(void)
{
	tap_need(begin());
	put("show-LoadState", "loaded\n");
	put("show-ActiveState", "activating\n"); /* tries again, and again */
	put("show-StatusText", "disk /dev/vdz: No such file or directory\n");
	tap_check_eq(unit_start("vol0"), CLI_FAILED);
	tap_check(called("stop qbd@vol0.service --no-block"));
	rig_teardown();
}

/* As on a busy machine, where it is being tried again by now. */
static void reason_of_a_failed_start_is_waited_for(void)
{
	tap_need(begin());
	put("show-LoadState", "loaded\n");
	put("show-ActiveState", "activating\n");
	put("next-StatusText", "disk /dev/vdz: no replica\n");
	tap_check_eq(unit_start("vol0"), CLI_FAILED);
	tap_check_eq(calls("show --value --property StatusText "
			   "qbd@vol0.service"),
		     2);
	rig_teardown();
}

static void unit_that_is_not_installed_is_told(void)
{
	tap_need(begin());
	put("show-LoadState", "not-found\n");
	tap_check_eq(unit_start("vol0"), CLI_FAILED);
	tap_check(!called("restart qbd@vol0.service --no-block"));
	rig_teardown();
}

static void down_stops_the_unit(void)
{
	tap_need(begin());
	put("show-ActiveState", "active\n");
	put("refusal", "Job for qbd@vol0.service canceled.\n");
	tap_check_eq(rig_run("down", "vol0", NULL), 1);
	tap_check(called("stop qbd@vol0.service"));
	rig_said("volume vol0 stays up: Job for qbd@vol0.service canceled.");
	rig_teardown();
}

static void jobs_are_told_apart(void)
{
	tap_need(begin());
	tap_check_eq(unit_job("vol0"), UNIT_JOB_NONE);
	put("jobs", "31 qbd@vol0.service stop running\n");
	tap_check_eq(unit_job("vol0"), UNIT_JOB_STOP);
	put("jobs", "32 qbd@vol0.service restart running\n");
	tap_check_eq(unit_job("vol0"), UNIT_JOB_RESTART);
	put("jobs", "33 qbd@vol0.service start waiting\n");
	tap_check_eq(unit_job("vol0"), UNIT_JOB_OTHER);
	put("state", "degraded\n");
	tap_check(!unit_shutting_down());
	put("state", "stopping\n");
	tap_check(unit_shutting_down());
	rig_teardown();
}

static void restart_of_the_unit_lets_the_device_be(void)
{
	pid_t agent;

	tap_need(begin());
	/* An agent that would end, if it were told to. */
	agent = rig_daemon_start(RIG_ANSWERS, "{\"ok\":true}", "{\"ok\":true}");
	put("jobs", "32 qbd@vol0.service restart running\n");
	tap_check_eq(rig_run("down", "vol0", "--unit", NULL), 0);
	/* It was asked nothing: it is not for us to end it. */
	tap_check_str(rig_output, "");
	tap_check(!called("stop qbd-wait@vol0.service --no-block"));
	rig_daemon_end(agent);
	rig_teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(tests_folders_are_not_systemds),
		TAP_TEST(start_waits_for_the_units_job),
		TAP_TEST(failed_start_is_told_and_not_tried_again),
		TAP_TEST(reason_of_a_failed_start_is_waited_for),
		TAP_TEST(unit_that_is_not_installed_is_told),
		TAP_TEST(down_stops_the_unit),
		TAP_TEST(jobs_are_told_apart),
		TAP_TEST(restart_of_the_unit_lets_the_device_be),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
