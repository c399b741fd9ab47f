// SPDX-License-Identifier: GPL-2.0
/*
 * Commands through the control socket: the test plays the loop and the caller.
 * Promised: a command is carried out only while its caller still waits, and the
 * caller's answer is what happens.
 */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <urcu/urcu-memb.h>

#include "base/list.h"
#include "qbdd/control.h"
#include "qbdd/qbdd.h"
#include "tap.h"

#define PATIENCE_MS 20000

static char folder[] = "/tmp/qbd-commands-XXXXXX";
static char path[64];
static struct conf conf;
static struct status_identity identity;
static struct status_cell *cell;
static struct qbdd_queue loop;
static struct control *control;

static bool setup(void)
{
	struct base_error error;

	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!tap_check(mkdtemp(folder) != NULL))
		return false;
	snprintf(path, sizeof(path), "%s/vol0.sock", folder);
	memset(&conf, 0, sizeof(conf));
	strcpy(conf.volume, "vol0");
	conf.node_count = 2;
	strcpy(conf.nodes[0].name, "n1");
	conf.nodes[0].id = 1;
	strcpy(conf.nodes[1].name, "n2");
	conf.nodes[1].id = 2;
	identity.conf = &conf;
	identity.self = &conf.nodes[0];
	identity.pid = (int)getpid();
	cell = status_cell_new();
	return tap_check(qbdd_queue_init(&loop) == 0) &&
	       tap_check(control_start(path, &identity, cell, &loop, &control,
				       &error) == 0);
}

static void teardown(void)
{
	control_stop(control);
	qbdd_queue_destroy(&loop);
	free(cell);
	tap_check(rmdir(folder) == 0);
}

static int ask_text(const char *text)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	tap_check(connect(fd, (struct sockaddr *)&address, sizeof(address)) ==
		  0);
	tap_check(send(fd, text, strlen(text), MSG_NOSIGNAL) ==
		  (ssize_t)strlen(text));
	return fd;
}

static int ask(const char *command, int wait_ms)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"command\":\"%s\"%s,\"until_ms\":%lld}",
		 command, strcmp(command, "transfer") ? "" : ",\"node\":\"n2\"",
		 (long long)qbdd_now_ms() + wait_ms);
	return ask_text(text);
}

/* The reply's error, "" when it is done, "(none)" when none came in time. */
static const char *answer(int fd, int wait_ms)
{
	static char error[512];
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char packet[8192];
	json_t *reply;
	ssize_t size;

	strcpy(error, "(none)");
	if (poll(&ready, 1, wait_ms) <= 0)
		return error;
	size = recv(fd, packet, sizeof(packet), 0);
	reply = size > 0 ? json_loadb(packet, (size_t)size, 0, NULL) : NULL;
	if (json_is_true(json_object_get(reply, "ok")))
		*error = '\0';
	else if (reply)
		snprintf(error, sizeof(error), "%s",
			 json_string_value(json_object_get(reply, "error")));
	json_decref(reply);
	return error;
}

/* The loop's next command, NULL: none came in time. */
static struct command *next_command(int wait_ms)
{
	struct qbdd_item *item;
	struct qbdd_list list;

	if (!qbdd_queue_wait(&loop, wait_ms) || !qbdd_queue_take(&loop, &list))
		return NULL;
	item = qbdd_list_next(&list);
	tap_check(item && !qbdd_list_next(&list));
	return item ? base_container_of(item, struct command, errand.item) :
		      NULL;
}

/* Set up, ask, and let it come to the loop; NULL: it does not. */
static struct command *put(const char *name, int wait_ms, int *fd)
{
	struct command *command;

	if (!setup())
		return NULL;
	*fd = ask(name, wait_ms);
	command = next_command(PATIENCE_MS);
	tap_check(command != NULL);
	return command;
}

/* The same, and the loop has begun it. */
static struct command *begun(const char *name, int wait_ms, int *fd)
{
	struct command *command = put(name, wait_ms, fd);

	if (!command || !tap_check(command_take(control, command)))
		return NULL;
	return command;
}

/* It is done, its caller is answered, and all ends. */
static void finish(struct command *command, int fd, const char *error)
{
	command_done(control, command);
	tap_check_str(answer(fd, PATIENCE_MS), error);
	close(fd);
	teardown();
}

static bool status_answers(void)
{
	int fd = ask_text("{\"command\":\"status\"}");
	bool answers = strcmp(answer(fd, PATIENCE_MS), "") == 0;

	close(fd);
	return answers;
}

static void what_the_loop_answers_is_told(void)
{
	struct command *command;
	int fd;

	command = begun("transfer", PATIENCE_MS, &fd);
	tap_need(command);
	tap_check_eq(command->asked.type, CONTROL_TRANSFER);
	tap_check_str(command->asked.node, "n2");
	finish(command, fd, "");
	command = begun("stop", PATIENCE_MS, &fd);
	tap_need(command);
	tap_check_eq(command->asked.type, CONTROL_STOP);
	base_error_set(&command->error, -EBUSY, "it is open");
	finish(command, fd, "it is open");
}

/* And the loop never hears of it. */
static void what_is_no_command_is_refused_at_once(void)
{
	static char large[CONTROL_REQUEST_MAX + 2];
	const struct {
		const char *request;
		const char *error;
	} cases[] = {
		{ "nonsense", "a request is {\"command\":...}" },
		{ "{\"command\":\"dance\"}",
		  "unknown command; known are status, transfer, stop" },
		{ "{\"command\":\"transfer\"}",
		  "transfer needs the argument \"node\"" },
		{ "{\"command\":\"stop\",\"force\":true}",
		  "stop takes no argument \"force\"" },
		{ large, "a request has at most 4096 bytes" },
	};
	size_t i;
	int fd;

	tap_need(setup());
	snprintf(large, sizeof(large), "%-*s", CONTROL_REQUEST_MAX + 1,
		 "{\"command\":\"stop\"}");
	for (i = 0; i < TAP_COUNT(cases); i++) {
		fd = ask_text(cases[i].request);
		tap_check_str(answer(fd, PATIENCE_MS), cases[i].error);
		close(fd);
	}
	tap_check(!next_command(0));
	teardown();
}

/* What a daemon without a node says to @request. */
static void carry_out(struct qbdd *daemon, const char *request,
		      const char *error)
{
	int fd = ask_text(request);
	struct command *command = next_command(PATIENCE_MS);

	tap_need(command);
	daemon->conf = conf;
	daemon->control = control;
	command->errand.back(daemon, &command->errand);
	tap_check_str(answer(fd, PATIENCE_MS), error);
	close(fd);
}

static void what_cannot_be_done_is_refused_with_the_remedy(void)
{
	static struct qbdd daemon;
	static struct command under_way;

	tap_need(setup());
	carry_out(&daemon, "{\"command\":\"transfer\",\"node\":\"n9\"}",
		  "the volume has no such node; its nodes are: n1, n2");
	daemon.stop_command = &under_way;
	carry_out(&daemon, "{\"command\":\"stop\"}",
		  "the device of vol0 is being removed already; see qbd "
		  "status vol0");
	daemon.ended = true;
	carry_out(&daemon, "{\"command\":\"transfer\",\"node\":\"n2\"}",
		  "the agent of vol0 is stopping");
	teardown();
}

/* The loop takes its time: longer than a caller waits for it to begin. */
static void what_was_begun_is_answered_by_its_outcome(void)
{
	struct command *command;
	int fd;

	command = begun("stop", 300, &fd);
	tap_need(command);
	tap_check_str(answer(fd, 1500), "(none)"); /* no refusal */
	finish(command, fd, "");
}

static void status_is_answered_while_a_command_waits(void)
{
	struct command *command;
	int fd;

	command = put("stop", PATIENCE_MS, &fd);
	tap_need(command);
	tap_check(status_answers());
	tap_need(command_take(control, command));
	tap_check(status_answers());
	finish(command, fd, "");
}

static void what_the_loop_does_not_get_to_is_refused_and_not_done(void)
{
	struct command *command;
	int fd;

	command = put("stop", 100, &fd);
	tap_need(command);
	tap_check(strstr(answer(fd, PATIENCE_MS), "nothing is done"));
	tap_check(!command_take(control, command));
	close(fd);
	teardown();
}

static void who_hangs_up_has_commanded_nothing(void)
{
	struct command *command;

	tap_need(setup());
	close(ask("stop", PATIENCE_MS));
	/* It may be dropped before, or at the last moment. */
	command = next_command(500);
	if (command)
		tap_check(!command_take(control, command));
	tap_check(status_answers());
	teardown();
}

static void who_hangs_up_while_the_loop_is_busy_has_commanded_nothing(void)
{
	struct command *command;
	int fd;

	command = put("stop", PATIENCE_MS, &fd);
	tap_need(command);
	close(fd);
	tap_check(!command_take(control, command));
	tap_check(status_answers());
	teardown();
}

static void who_hangs_up_once_it_was_begun_changes_nothing(void)
{
	struct command *command;
	int fd;

	command = begun("stop", PATIENCE_MS, &fd);
	tap_need(command);
	close(fd);
	tap_check(status_answers());
	command_done(control, command);
	tap_check(status_answers());
	teardown();
}

/* Carries out whatever arrives, and says so by a byte into @told. */
static void agent(int told)
{
	struct base_error error;
	struct command *command;

	if (qbdd_queue_init(&loop) ||
	    control_start(path, &identity, cell, &loop, &control, &error) ||
	    write(told, "r", 1) != 1)
		_exit(1);
	for (;;) {
		command = next_command(-1);
		if (!command || !command_take(control, command))
			continue;
		if (write(told, "!", 1) != 1)
			_exit(1);
		command_done(control, command);
	}
}

static bool told(int fd, char want, int wait_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char byte = 0;

	return poll(&ready, 1, wait_ms) > 0 && read(fd, &byte, 1) == 1 &&
	       byte == want;
}

/* SIGSTOP, ask, give up, SIGCONT: nothing happens. */
static void a_stopped_agent_does_not_do_later_what_nobody_waits_for(void)
{
	int pipes[2], status, fd;
	pid_t pid;

	tap_need(setup());
	control_stop(control);
	qbdd_queue_destroy(&loop);
	tap_need(pipe(pipes) == 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		agent(pipes[1]);
	tap_need(told(pipes[0], 'r', PATIENCE_MS));
	kill(pid, SIGSTOP);
	tap_check(waitpid(pid, &status, WUNTRACED) == pid);
	fd = ask("stop", PATIENCE_MS); /* as far as its deadline goes: valid */
	tap_check_str(answer(fd, 100), "(none)");
	close(fd);
	kill(pid, SIGCONT);
	/* The next one is answered behind it, and does happen: just once. */
	fd = ask("transfer", PATIENCE_MS);
	tap_check_str(answer(fd, PATIENCE_MS), "");
	tap_check(told(pipes[0], '!', PATIENCE_MS));
	tap_check(!told(pipes[0], '!', 200));
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(pipes[0]);
	close(pipes[1]);
	unlink(path);
	free(cell);
	tap_check(rmdir(folder) == 0);
}

static void a_command_whose_time_is_over_is_not_begun(void)
{
	int fd;

	tap_need(setup());
	fd = ask("stop", -1); /* it was unread for too long */
	tap_check(strstr(answer(fd, PATIENCE_MS), "nothing is done"));
	tap_check(!next_command(0));
	close(fd);
	teardown();
}

static void the_end_of_the_agent_answers_what_was_begun(void)
{
	struct command *command;
	int fd;

	command = begun("stop", PATIENCE_MS, &fd);
	tap_need(command);
	command_done(control, command);
	teardown();
	tap_check_str(answer(fd, PATIENCE_MS), "");
	close(fd);
}

/* In a child that is nobody: does the reply to @command begin with @error? */
static bool nobody_is_told(const char *command, const char *error)
{
	pid_t child;
	int status = 0;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(99);
		_exit(strncmp(answer(ask(command, 1000), PATIENCE_MS), error,
			      strlen(error) + !*error) != 0);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void only_root_commands_and_all_may_ask(void)
{
	tap_need(setup());
	if (geteuid()) {
		tap_skip("needs root, to become another user");
	} else {
		chmod(folder, 0755);
		chmod(path, 0666); /* as for a member of the group */
		tap_check(nobody_is_told("stop", "only root may order"));
		tap_check(nobody_is_told("transfer", "only root may order"));
		tap_check(nobody_is_told("status", ""));
		tap_check(!next_command(0));
	}
	teardown();
}

static void the_socket_is_the_groups_where_there_is_one(void)
{
	const struct group *group = getgrnam(CONTROL_GROUP);
	struct stat file;

	tap_need(setup());
	tap_check(stat(path, &file) == 0);
	if (group && geteuid() == 0) {
		tap_check_eq(file.st_mode & 0777, 0660);
		tap_check_eq(file.st_gid, group->gr_gid);
	} else if (!group) {
		tap_check_eq(file.st_mode & 0777, 0600);
	}
	teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(what_the_loop_answers_is_told),
		TAP_TEST(what_is_no_command_is_refused_at_once),
		TAP_TEST(what_cannot_be_done_is_refused_with_the_remedy),
		TAP_TEST(what_was_begun_is_answered_by_its_outcome),
		TAP_TEST(status_is_answered_while_a_command_waits),
		TAP_TEST(what_the_loop_does_not_get_to_is_refused_and_not_done),
		TAP_TEST(who_hangs_up_has_commanded_nothing),
		TAP_TEST(
			who_hangs_up_while_the_loop_is_busy_has_commanded_nothing),
		TAP_TEST(who_hangs_up_once_it_was_begun_changes_nothing),
		TAP_TEST(
			a_stopped_agent_does_not_do_later_what_nobody_waits_for),
		TAP_TEST(a_command_whose_time_is_over_is_not_begun),
		TAP_TEST(the_end_of_the_agent_answers_what_was_begun),
		TAP_TEST(only_root_commands_and_all_may_ask),
		TAP_TEST(the_socket_is_the_groups_where_there_is_one),
	};

	urcu_memb_register_thread();
	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
