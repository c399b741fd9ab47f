// SPDX-License-Identifier: GPL-2.0
/* qbd status --check: each state's exit status, and the line that is said. */
#include "cli_rig.h"

#include <jansson.h>

#include "cli/check.h"

#define STATUS(more) "{\"ok\":true,\"status\":{\"volume\":\"vol0\"," more "}}"

static void unlink_socket(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/vol0.sock", rig_folder);
	unlink(path);
}

static void every_state_has_its_exit_status(void)
{
	static const struct {
		const char *status;
		int code;
		const char *said;
	} cases[] = {
		{ STATUS("\"state\":\"ok\",\"leader\":\"n1\",\"writer\":\"n2\""),
		  0, "vol0 OK: ok; leader n1, writer n2\n" },
		{ STATUS("\"state\":\"ok\",\"leader\":\"n1\",\"writer\":null"),
		  0, "vol0 OK: ok; leader n1, no writer\n" },
		{ STATUS("\"state\":\"degraded\",\"problem\":\"n3 is gone\""),
		  1, "vol0 DEGRADED: degraded; n3 is gone\n" },
		{ STATUS("\"state\":\"degraded\",\"problem\":\"a\\nb\""), 1,
		  "degraded; a b\n" },
		{ STATUS("\"state\":\"catching-up\""), 1,
		  "vol0 DEGRADED: catching-up\n" },
		{ STATUS("\"state\":\"starting\",\"since_ms\":2000"), 1,
		  "vol0 DEGRADED: starting\n" },
		{ STATUS("\"state\":\"starting\",\"since_ms\":30000"), 2,
		  "vol0 NOT SERVING: starting\n" },
		{ STATUS("\"state\":\"no-quorum\",\"problem\":\"alone\""), 2,
		  "vol0 NOT SERVING: no-quorum; alone\n" },
		{ STATUS("\"state\":\"damaged\""), 2, "NOT SERVING: damaged" },
		{ STATUS("\"state\":\"disk-failed\""), 2, ": disk-failed" },
		{ STATUS("\"state\":\"hung\""), 2, "NOT SERVING: hung" },
		{ STATUS("\"state\":\"of the future\""), 2, "NOT SERVING: of" },
		{ STATUS("\"state\":\"degraded\",\"problems\":[{\"what\":"
			 "\"fenced\"}]"),
		  2, "vol0 NOT SERVING: degraded; its device is fenced here" },
		{ STATUS("\"state\":\"degraded\",\"problems\":[{\"what\":"
			 "\"no-device\"}]"),
		  2, "its device is not there" },
		{ "nonsense", 2, "vol0 NOT SERVING: unknown" },
	};
	pid_t daemon;
	size_t i;

	tap_need(rig_setup());
	for (i = 0; i < TAP_COUNT(cases); i++) {
		daemon = rig_daemon_start(RIG_ANSWERS, cases[i].status, "");
		tap_check_eq(rig_run("status", "vol0", "--check", NULL),
			     cases[i].code);
		rig_said(cases[i].said);
		rig_daemon_end(daemon);
		unlink_socket();
	}
	rig_teardown();
}

static void an_agent_that_is_not_there_serves_nothing(void)
{
	pid_t daemon;

	tap_need(rig_setup());
	tap_check_eq(rig_run("status", "vol0", "--check", NULL), 2);
	rig_said("vol0 NOT SERVING: down");
	rig_said("start it with: qbd up vol0\n");
	daemon = rig_daemon_start(RIG_HANGS, "", "");
	tap_check_eq(rig_run("status", "vol0", "--check", NULL), 2);
	rig_said("vol0 NOT SERVING: hung");
	rig_daemon_end(daemon);
	tap_check_eq(rig_run("status", "vol9", "--check", NULL), 2);
	rig_teardown();
}

static void of_all_volumes_the_worst_counts(void)
{
	char path[64];
	pid_t daemon;

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_ANSWERS, STATUS("\"state\":\"degraded\""),
				  "");
	tap_check_eq(rig_run("status", "--check", NULL), 1);
	/* Configured and down: that is no good, whatever the others are. */
	rig_configure("alpha", "");
	tap_check_eq(rig_run("status", "--check", NULL), 2);
	rig_said("alpha NOT SERVING: down");
	rig_said("vol0 DEGRADED: degraded");
	rig_daemon_end(daemon);
	unlink_socket();
	snprintf(path, sizeof(path), "%s/vol0.conf", rig_folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/alpha.conf", rig_folder);
	unlink(path);
	tap_check_eq(rig_run("status", "--check", NULL), 2);
	rig_said("NOT SERVING: no volumes on this node");
	rig_teardown();
}

/* The status of a volume that is ok, with a device in this state. */
static int check_gate(const char *gate, int writers)
{
	json_t *status = json_pack("{s:s, s:s, s:s, s:{s:s, s:i}}", "volume",
				   "vol0", "state", "ok", "leader", "n1",
				   "device", "gate", gate, "writers", writers);
	FILE *nowhere = fopen("/dev/null", "we");
	int code = (int)check_status(status, nowhere);

	fclose(nowhere);
	json_decref(status);
	return code;
}

static void a_gate_that_serves_nobody_is_not_serving(void)
{
	tap_check_eq(check_gate("active", 1), 0);
	tap_check_eq(check_gate("active", 0), 0);
	/* Another node leads; here it can be opened. */
	tap_check_eq(check_gate("suspended", 0), 0);
	tap_check_eq(check_gate("suspended", 1), 2);
	tap_check_eq(check_gate("fenced", 1), 2);
	tap_check_eq(check_gate("detached", 0), 2);
}

static void it_goes_alone(void)
{
	tap_need(rig_setup());
	tap_check_eq(rig_run("status", "--check", "--json", NULL), 2);
	rig_said("goes without --json and --watch");
	tap_check_eq(rig_run("status", "--check", "--watch", NULL), 2);
	tap_check_eq(rig_run("down", "vol0", "--check", NULL), 2);
	rig_said("no such option");
	rig_teardown();
}

/* Told by another uid: only root can be one. */
static void who_may_not_ask_is_told_the_remedy(void)
{
	pid_t daemon, child;
	char path[64];
	int status = 0;

	tap_need(rig_setup());
	if (geteuid()) {
		tap_skip("needs root, to become another user");
		rig_teardown();
		return;
	}
	daemon = rig_daemon_start(RIG_ANSWERS, STATUS("\"state\":\"ok\""), "");
	snprintf(path, sizeof(path), "%s/vol0.sock", rig_folder);
	chmod(path, 0600);
	chmod(rig_folder, 0755);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(99);
		if (rig_run("status", "vol0", "--check", NULL) != 2)
			_exit(1);
		_exit(strstr(rig_output, "vol0 NOT SERVING: unknown; its agent "
					 "answers root and group qbd only") ?
			      0 :
			      2);
	}
	waitpid(child, &status, 0);
	tap_check(WIFEXITED(status));
	tap_check_eq(WEXITSTATUS(status), 0);
	rig_daemon_end(daemon);
	rig_teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(every_state_has_its_exit_status),
		TAP_TEST(an_agent_that_is_not_there_serves_nothing),
		TAP_TEST(of_all_volumes_the_worst_counts),
		TAP_TEST(a_gate_that_serves_nobody_is_not_serving),
		TAP_TEST(it_goes_alone),
		TAP_TEST(who_may_not_ask_is_told_the_remedy),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
