// SPDX-License-Identifier: GPL-2.0
/* qbd wait: what each of its goals needs, and what it says meanwhile. */
#include "cli_rig.h"

#define NODE(name, more) "{\"name\":\"" name "\"," more "}"
#define SELF(more) NODE("n1", "\"self\":true,\"link\":\"self\"," more)
#define PEER(name, more) NODE(name, "\"link\":\"up\"," more)
#define HOLDS "\"durable\":9"
#define LACKS "\"durable\":8"
#define GONE(name) \
	NODE(name, "\"link\":\"down\",\"problem\":\"it is off\"," HOLDS)
#define STATUS(more, nodes) \
	"{\"ok\":true,\"status\":{\"commit\":9," more ",\"nodes\":[" nodes "]}}"

#define HELD "\"device_held\":true"
#define OK "\"state\":\"ok\",\"leader\":\"n2\"," HELD
#define NODES SELF(HOLDS) "," PEER("n2", HOLDS)

#define WELL STATUS(OK, NODES)
#define STARTING STATUS("\"state\":\"starting\"", "")
#define STALE STATUS(OK ",\"age_ms\":2001", NODES)
#define NO_QUORUM                                               \
	STATUS("\"state\":\"no-quorum\",\"leader\":null," HELD, \
	       SELF(HOLDS) "," GONE("n2") "," GONE("n3"))
#define ELECTION STATUS("\"state\":\"no-quorum\",\"leader\":null", NODES)
#define WRITER(name) STATUS(OK ",\"writer\":\"" name "\"", NODES)
#define NO_DEVICE STATUS("\"state\":\"ok\",\"leader\":\"n1\"", NODES)
#define SELF_IS(flag) STATUS(OK, SELF("\"" flag "\":true"))
#define BEHIND \
	STATUS("\"state\":\"catching-up\",\"leader\":\"n2\"," HELD, NODES)
#define ONE_GONE STATUS(OK, NODES "," GONE("n3"))
#define ONE_LACKS STATUS(OK, NODES "," PEER("n3", LACKS))
#define ONE_IS_FILLED \
	STATUS(OK, NODES "," PEER("n3", HOLDS ",\"incomplete\":true"))

struct look {
	const char *status; /* of the agent */
	const char *goal;
	const char *lack; /* what is said to be missing; NULL: nothing */
};

static void look_once(const struct look *look)
{
	pid_t daemon = rig_daemon_start(RIG_ANSWERS, look->status, "");
	char path[64];

	tap_check_eq(rig_run("wait", "vol0", "--for", look->goal, "--timeout",
			     "0", NULL),
		     look->lack ? 1 : 0);
	if (look->lack)
		rig_said("volume vol0: waited 0 s, but --for");
	rig_said(look->lack ? look->lack : "vol0: ");
	rig_daemon_end(daemon);
	snprintf(path, sizeof(path), "%s/vol0.sock", rig_folder);
	unlink(path);
}

static void each_goal_names_what_is_missing(void)
{
	static const struct look looks[] = {
		{ WELL, "quorum", NULL },
		{ WELL, "open", NULL },
		{ WELL, "synced", NULL },
		{ STARTING, "quorum", "its agent starts" },
		{ STALE, "quorum", "its agent hangs" },
		{ NO_QUORUM, "quorum",
		  "missing: n2 (it is off), n3 (it is off)" },
		{ NO_QUORUM, "open", "missing: n2 (it is off)" },
		{ NO_QUORUM, "synced", "missing: n2 (it is off)" },
		{ ELECTION, "quorum", "about to elect a leader" },
		{ WRITER("n2"), "open", "node n2 has it open" },
		{ WRITER("n2"), "quorum", NULL },
		{ WRITER("n1"), "open", NULL },
		{ NO_DEVICE, "open", "its device is not there" },
		{ NO_DEVICE, "quorum", NULL },
		{ SELF_IS("incomplete"), "open", "replica is incomplete" },
		{ SELF_IS("damaged"), "open", "replica is incomplete" },
		{ SELF_IS("disk_failed"), "open", "disk has failed" },
		{ BEHIND, "open", "this replica is behind" },
		{ ONE_GONE, "open", NULL },
		{ ONE_GONE, "synced", "everything: n3 (it is off)" },
		{ ONE_LACKS, "synced", "everything: n3 (behind)" },
		{ ONE_LACKS, "open", NULL },
		{ ONE_IS_FILLED, "synced", "everything: n3 (being filled)" },
	};
	size_t i;

	tap_need(rig_setup());
	if (rig_module_loaded())
		tap_skip("the module is loaded: it is asked for the device");
	else
		for (i = 0; i < TAP_COUNT(looks); i++)
			look_once(&looks[i]);
	rig_teardown();
}

static void nothing_given_waits_for_open(void)
{
	pid_t daemon;

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_ANSWERS, WRITER("n2"), "");
	tap_check_eq(rig_run("wait", "vol0", "--timeout", "0", NULL), 1);
	rig_said("--for open is not reached: node n2 has it open");
	rig_daemon_end(daemon);
	rig_teardown();
}

static void an_agent_that_hangs_is_waited_for(void)
{
	pid_t daemon;

	tap_need(rig_setup());
	daemon = rig_daemon_start(RIG_HANGS, "", "");
	tap_check_eq(rig_run("wait", "vol0", "--for=quorum", "--timeout=1",
			     NULL),
		     1);
	rig_said("vol0: waiting: its agent does not answer");
	tap_check(rig_took_ms >= 1000);
	rig_daemon_end(daemon);
	rig_teardown();
}

static void a_wrong_configuration_is_not_waited_for(void)
{
	tap_need(rig_setup());
	tap_check_eq(rig_run("wait", "vol1", NULL), 1);
	rig_said("vol1.conf: No such file");
	tap_check_eq(rig_run("wait", "vol0", "--node", "n9", NULL), 1);
	rig_said("has no node \"n9\"");
	rig_teardown();
}

/* `qbd wait vol0` in the background; what it says comes out of @output. */
static pid_t wait_begin(int *output)
{
	char *argv[] = { "qbd", "wait", "vol0", "--for=quorum", NULL };
	int fds[2];
	pid_t pid;

	if (!tap_check(pipe2(fds, O_CLOEXEC) == 0))
		exit(1);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		exit(cli_main(4, argv));
	}
	close(fds[1]);
	*output = fds[0];
	return pid;
}

/* Read on until @words have come, or, NULL: until its end. */
static void hear(int output, const char *words)
{
	size_t used = strlen(rig_output);
	ssize_t got = 1;

	while (got > 0 && !(words && strstr(rig_output, words))) {
		got = read(output, rig_output + used,
			   sizeof(rig_output) - 1 - used);
		used += got > 0 ? (size_t)got : 0;
		rig_output[used] = '\0';
	}
}

static void it_says_when_what_it_waits_for_changes(void)
{
	char path[64];
	pid_t daemon, waiting;
	int output, status = 0;

	tap_need(rig_setup());
	rig_output[0] = '\0';
	waiting = wait_begin(&output);
	hear(output, "its agent is not running; start it with: qbd up vol0\n");
	daemon = rig_daemon_start(RIG_ANSWERS, NO_QUORUM, "");
	hear(output, "missing: n2 (it is off), n3 (it is off)\n");
	rig_daemon_end(daemon);
	snprintf(path, sizeof(path), "%s/vol0.sock", rig_folder);
	unlink(path);
	daemon = rig_daemon_start(RIG_ANSWERS, WELL, "");
	hear(output, NULL);
	rig_said("vol0: has quorum\n");
	tap_check(waitpid(waiting, &status, 0) == waiting);
	tap_check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(output);
	rig_daemon_end(daemon);
	rig_teardown();
}

static void sigterm_ends_it_quietly(void)
{
	int output, status = 0;
	const char *first;
	pid_t waiting;

	tap_need(rig_setup());
	rig_output[0] = '\0';
	waiting = wait_begin(&output);
	hear(output, "\n");
	kill(waiting, SIGTERM);
	hear(output, NULL);
	tap_check(waitpid(waiting, &status, 0) == waiting);
	tap_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	first = strchr(rig_output, '\n');
	tap_check(first && first[1] == '\0'); /* nothing was added */
	close(output);
	rig_teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(each_goal_names_what_is_missing),
		TAP_TEST(nothing_given_waits_for_open),
		TAP_TEST(an_agent_that_hangs_is_waited_for),
		TAP_TEST(a_wrong_configuration_is_not_waited_for),
		TAP_TEST(it_says_when_what_it_waits_for_changes),
		TAP_TEST(sigterm_ends_it_quietly),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
