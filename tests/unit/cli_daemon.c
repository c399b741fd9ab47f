// SPDX-License-Identifier: GPL-2.0
/* The `qbd` command and daemons that answer, refuse, hang or are not there. */
#include "cli_rig.h"

#include <jansson.h>

#include "cli/control.h"

#define STATUS                                                              \
	"{\"ok\":true,\"status\":{\"volume\":\"vol0\",\"node\":\"n1\","     \
	"\"state\":\"no-quorum\",\"problem\":\"n2 and n3 are missing\","    \
	"\"term\":7,\"leader\":null,\"writer\":\"n1\",\"pid\":1,"           \
	"\"log\":{\"base\":4,\"last\":9,\"used_bytes\":1536,"               \
	"\"capacity_bytes\":16777216},\"nodes\":["                          \
	"{\"name\":\"n1\",\"self\":true,\"role\":\"candidate\","            \
	"\"link\":\"self\",\"term\":7,\"last\":9,\"durable\":9,"            \
	"\"commit\":8,\"applied\":8,\"lacks\":0,\"problem\":\"\"},"         \
	"{\"name\":\"n2\",\"self\":false,\"role\":\"unknown\","             \
	"\"link\":\"down\",\"term\":null,\"last\":null,\"durable\":null,"   \
	"\"commit\":null,\"applied\":null,\"lacks\":null,"                  \
	"\"problem\":\"connection refused\"},"                              \
	"{\"name\":\"n3\",\"self\":false,\"role\":\"follower\","            \
	"\"link\":\"up\",\"term\":7,\"last\":9,\"durable\":9,\"commit\":8," \
	"\"applied\":2,\"lacks\":0,\"copy_percent\":40,\"problem\":\"\"}]}}"
#define LEADS "{\"ok\":true,\"status\":{\"leader\":\"n2\"}}"
#define REFUSAL "{\"ok\":false,\"error\":\"because I say so\"}"
#define OK "{\"ok\":true}"

/* The last output as an object; NULL after a complaint. */
static json_t *parse_output(void)
{
	json_t *json = json_loads(rig_output, 0, NULL);

	tap_check(json != NULL);
	return json;
}

static const char *field(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "(none)";
}

static void status_shows_what_the_daemon_says(void)
{
	pid_t daemon;

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_ANSWERS, STATUS, REFUSAL);
	tap_check_eq(rig_run("status", "vol0", NULL), 0);
	rig_said("vol0 on n1: no-quorum; leader none, term 7, writer n1\n");
	rig_said("  log     entries 5 to 9, 1.5 KiB of 16 MiB used\n");
	rig_said("  n1 *  candidate, writer  -         7     9        9       "
		 "8        8  0\n");
	rig_said("  n2    -                  down      -     -        -       "
		 "-        -  -\n");
	rig_said("  2  copying, 40 %\n");
	rig_said("  n2: connection refused\n");
	rig_said("  ! n2 and n3 are missing\n");
	rig_daemon_end(daemon);
	rig_teardown();
}

static void status_json_is_what_the_daemon_says_and_more(void)
{
	json_t *json;
	pid_t daemon;

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_ANSWERS, STATUS, REFUSAL);
	tap_check_eq(rig_run("status", "vol0", "--json", NULL), 0);
	json = parse_output();
	tap_check_str(field(json, "state"), "no-quorum");
	tap_check_str(field(json, "daemon"), "running");
	tap_check(json_is_null(json_object_get(json, "leader")));
	tap_check_eq(json_array_size(json_object_get(json, "nodes")), 3);
	tap_check(json_is_null(json_object_get(json, "device")));
	json_decref(json);
	rig_daemon_end(daemon);
	rig_teardown();
}

static void status_lists_what_is_wrong(void)
{
	static const char said[] =
		"{\"ok\":true,\"status\":{\"volume\":\"vol0\","
		"\"state\":\"degraded\",\"since_ms\":7505000,"
		"\"term_changed_ms\":61000,\"term_changes\":2,"
		"\"problem\":\"n2 is off. n3 is away\",\"problems\":["
		"{\"what\":\"x\",\"text\":\"n2 is off\"},"
		"{\"what\":\"y\",\"text\":\"n3 is away\"}]}}";
	pid_t daemon;

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_ANSWERS, said, REFUSAL);
	tap_check_eq(rig_run("status", "vol0", NULL), 0);
	rig_said("vol0: degraded\n  since   2 h 5 min; term for 1 min 1 s, "
		 "risen 2 times within the last minute\n");
	rig_said("  ! n2 is off\n  ! n3 is away\n");
	rig_daemon_end(daemon);
	rig_teardown();
}

static void status_lists_all_volumes(void)
{
	json_t *json;
	pid_t daemon;

	tap_need(rig_setup());
	rig_configure("alpha", "");
	daemon = rig_daemon_start(RIG_ANSWERS, STATUS, REFUSAL);
	tap_check_eq(rig_run("status", "--json", NULL), 0);
	json = parse_output();
	tap_need(json_is_array(json));
	tap_check_str(field(json_array_get(json, 0), "volume"), "alpha");
	tap_check_str(field(json_array_get(json, 0), "state"), "down");
	tap_check_str(field(json_array_get(json, 1), "state"), "no-quorum");
	json_decref(json);
	tap_check_eq(rig_run(NULL), 0); /* a bare qbd */
	rig_said("alpha: down\n");
	rig_said("start it with: qbd up alpha");
	rig_said("vol0 on n1: no-quorum");
	rig_daemon_end(daemon);
	rig_teardown();
}

static void status_of_nothing_says_how_to_begin(void)
{
	char path[64];

	tap_need(rig_setup());
	snprintf(path, sizeof(path), "%s/vol0.conf", rig_folder);
	unlink(path);
	if (!rig_module_loaded()) {
		tap_check_eq(rig_run("status", NULL), 0);
		rig_said("no volumes on this node");
	}
	tap_check_eq(rig_run("status", "vol0", NULL), 1);
	rig_said("volume vol0 is not known on this node");
	rig_teardown();
}

/*
 * Its limit is below a second.  How much more it takes is the machine's doing;
 * but ten times as much is no wait by that limit.
 */
static void status_does_not_wait_for_a_hanging_daemon(void)
{
	pid_t daemon;
	int i;

	tap_check(CONTROL_ANSWER_MS < 1000);
	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_HANGS, "", "");
	for (i = 0; i < 5; i++) { /* beyond what its socket lets wait */
		tap_check_eq(rig_run("status", "vol0", NULL), 0);
		rig_said("vol0: hung\n");
		tap_check(rig_took_ms < 10 * CONTROL_ANSWER_MS);
	}
	rig_daemon_end(daemon);
	tap_check_eq(rig_run("status", "vol0", "--json", NULL), 0);
	rig_said("\"daemon\": \"dead\"");
	rig_teardown();
}

static void nonsense_of_a_daemon_is_told(void)
{
	static const char *const nonsense[] = { "]", "[]", "{}", OK, REFUSAL };
	pid_t daemon;
	char path[64];
	size_t i;

	tap_need(rig_setup());
	snprintf(path, sizeof(path), "%s/vol0.sock", rig_folder);
	for (i = 0; i < TAP_COUNT(nonsense); i++) {
		daemon =
			rig_daemon_start(RIG_ANSWERS, nonsense[i], nonsense[i]);
		tap_check_eq(rig_run("status", "vol0", NULL), 0);
		rig_said("vol0: unknown\n");
		rig_daemon_end(daemon);
		unlink(path);
	}
	rig_said("because I say so");
	rig_teardown();
}

static void down_waits_for_the_daemons_end(void)
{
	pid_t daemon;

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_ENDS, STATUS, OK);
	tap_check_eq(rig_run("down", "vol0", NULL), 0);
	rig_said("vol0: down\n");
	tap_check(kill(daemon, 0) == 0); /* not reaped, but ended: */
	tap_check(waitpid(daemon, NULL, WNOHANG) == daemon);
	rig_teardown();
}

static void down_tells_a_refusal(void)
{
	pid_t daemon;

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_ANSWERS, STATUS, REFUSAL);
	tap_check_eq(rig_run("down", "vol0", NULL), 1);
	rig_said("volume vol0 stays up: because I say so");
	rig_daemon_end(daemon);
	rig_teardown();
}

static void down_of_a_hanging_daemon_names_the_remedy(void)
{
	char kill_it[64];
	pid_t daemon;

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_HANGS, "", "");
	tap_check_eq(rig_run("down", "vol0", NULL), 1);
	snprintf(kill_it, sizeof(kill_it), "kill -KILL %d, then qbd down vol0",
		 (int)daemon);
	rig_said(kill_it);
	rig_daemon_end(daemon);
	rig_teardown();
}

/* An agent that is stopped must not go down later, and nobody knows if it will. */
static void what_a_hanging_agent_does_not_answer_is_not_called_refused(void)
{
	pid_t daemon;

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_HANGS, "", "");
	tap_check_eq(rig_run("down", "vol0", NULL), 1);
	rig_said("unless it has begun: see qbd status vol0");
	tap_check(!strstr(rig_output, "stays up"));
	tap_check_eq(rig_run("transfer", "vol0", "n2", NULL), 1);
	rig_said("unless it has begun: see qbd status vol0");
	tap_check(!strstr(rig_output, "not handed"));
	rig_daemon_end(daemon);
	rig_teardown();
}

static void down_of_what_is_not_up_is_done(void)
{
	tap_need(rig_setup());
	if (rig_module_loaded() && geteuid()) {
		tap_skip("the module is loaded and this is not root");
	} else {
		tap_check_eq(rig_run("down", "vol0", NULL), 0);
		rig_said("vol0: is not up");
	}
	rig_teardown();
}

static void up_refuses_a_second_daemon(void)
{
	pid_t daemon;
	char text[64];

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_ANSWERS, STATUS, REFUSAL);
	tap_check_eq(rig_run("up", "vol0", NULL), 1);
	snprintf(text, sizeof(text),
		 "vol0 is up already, its agent is "
		 "pid %d",
		 (int)daemon);
	rig_said(text);
	rig_daemon_end(daemon);
	rig_teardown();
}

static void transfer_waits_until_the_node_leads(void)
{
	pid_t daemon;

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_ANSWERS, LEADS, OK);
	tap_check_eq(rig_run("transfer", "vol0", "n2", NULL), 0);
	rig_said("vol0: n2 leads\n");
	rig_daemon_end(daemon);
	rig_teardown();
}

static void transfer_tells_why_it_is_refused_and_no_more(void)
{
	pid_t daemon;

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_ANSWERS, LEADS, REFUSAL);
	tap_check_eq(rig_run("transfer", "vol0", "n1", NULL), 1);
	rig_said("leadership was not handed to n1: because I say so\n");
	rig_daemon_end(daemon);
	tap_check_eq(rig_run("transfer", "vol0", "n1", NULL), 1);
	rig_said("its agent is not running; start it with: qbd up vol0");
	rig_teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(status_shows_what_the_daemon_says),
		TAP_TEST(status_json_is_what_the_daemon_says_and_more),
		TAP_TEST(status_lists_what_is_wrong),
		TAP_TEST(status_lists_all_volumes),
		TAP_TEST(status_of_nothing_says_how_to_begin),
		TAP_TEST(status_does_not_wait_for_a_hanging_daemon),
		TAP_TEST(nonsense_of_a_daemon_is_told),
		TAP_TEST(down_waits_for_the_daemons_end),
		TAP_TEST(down_tells_a_refusal),
		TAP_TEST(down_of_a_hanging_daemon_names_the_remedy),
		TAP_TEST(
			what_a_hanging_agent_does_not_answer_is_not_called_refused),
		TAP_TEST(down_of_what_is_not_up_is_done),
		TAP_TEST(up_refuses_a_second_daemon),
		TAP_TEST(transfer_waits_until_the_node_leads),
		TAP_TEST(transfer_tells_why_it_is_refused_and_no_more),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
