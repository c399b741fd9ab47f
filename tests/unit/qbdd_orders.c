// SPDX-License-Identifier: GPL-2.0
/*
 * Orders through the control socket: the test plays the loop, and whoever asks.
 * What is promised: an order is carried out only while its asker still waits,
 * and what the asker is told is what happens.
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

static char folder[] = "/tmp/qbd-orders-XXXXXX";
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

	snprintf(text, sizeof(text),
		 "{\"command\":\"%s\",\"node\":\"n2\",\"until_ms\":%lld}",
		 command, (long long)qbdd_now_ms() + wait_ms);
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

/* The loop's next order, NULL: none came in time. */
static struct order *next_order(int wait_ms)
{
	struct qbdd_item *item;
	struct qbdd_list list;

	if (!qbdd_queue_wait(&loop, wait_ms) || !qbdd_queue_take(&loop, &list))
		return NULL;
	item = qbdd_list_next(&list);
	tap_check(item && !qbdd_list_next(&list));
	return item ? base_container_of(item, struct order, errand.item) : NULL;
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
	struct order *order;
	int fd;

	tap_need(setup());
	fd = ask("transfer", PATIENCE_MS);
	order = next_order(PATIENCE_MS);
	tap_need(order && order_take(control, order));
	tap_check_eq(order->type, ORDER_TRANSFER);
	tap_check_eq(order->peer, 2);
	order_done(control, order);
	tap_check_str(answer(fd, PATIENCE_MS), "");
	close(fd);
	fd = ask("stop", PATIENCE_MS);
	order = next_order(PATIENCE_MS);
	tap_need(order && order_take(control, order));
	tap_check_eq(order->type, ORDER_STOP);
	base_error_set(&order->error, -EBUSY, "it is open");
	order_done(control, order);
	tap_check_str(answer(fd, PATIENCE_MS), "it is open");
	close(fd);
	teardown();
}

static void unknown_nodes_are_refused_with_those_that_there_are(void)
{
	int fd;

	tap_need(setup());
	fd = ask_text("{\"command\":\"transfer\",\"node\":\"n9\"}");
	tap_check_str(answer(fd, PATIENCE_MS), "the volume has no such node; "
					       "its nodes are: n1, n2");
	close(fd);
	teardown();
}

/* The loop takes its time: longer than anybody waits for it to begin. */
static void what_was_begun_is_answered_by_its_outcome(void)
{
	struct order *order;
	int fd;

	tap_need(setup());
	fd = ask("stop", 300);
	order = next_order(PATIENCE_MS);
	tap_need(order && order_take(control, order));
	tap_check_str(answer(fd, 1500), "(none)"); /* no refusal */
	order_done(control, order);
	tap_check_str(answer(fd, PATIENCE_MS), "");
	close(fd);
	teardown();
}

static void status_is_answered_while_an_order_waits(void)
{
	struct order *order;
	int fd;

	tap_need(setup());
	fd = ask("stop", PATIENCE_MS);
	order = next_order(PATIENCE_MS);
	tap_need(order != NULL);
	tap_check(status_answers());
	tap_need(order_take(control, order));
	tap_check(status_answers());
	order_done(control, order);
	tap_check_str(answer(fd, PATIENCE_MS), "");
	close(fd);
	teardown();
}

static void what_the_loop_does_not_get_to_is_refused_and_not_done(void)
{
	struct order *order;
	int fd;

	tap_need(setup());
	fd = ask("stop", 100);
	order = next_order(PATIENCE_MS);
	tap_need(order != NULL);
	tap_check(strstr(answer(fd, PATIENCE_MS), "nothing is done"));
	tap_check(!order_take(control, order));
	close(fd);
	teardown();
}

static void who_hangs_up_has_ordered_nothing(void)
{
	struct order *order;

	tap_need(setup());
	close(ask("stop", PATIENCE_MS));
	/* It may be dropped before, or at the last moment. */
	order = next_order(500);
	if (order)
		tap_check(!order_take(control, order));
	tap_check(status_answers());
	teardown();
}

static void who_hangs_up_while_the_loop_is_busy_has_ordered_nothing(void)
{
	struct order *order;
	int fd;

	tap_need(setup());
	fd = ask("stop", PATIENCE_MS);
	order = next_order(PATIENCE_MS);
	tap_need(order != NULL);
	close(fd);
	tap_check(!order_take(control, order));
	tap_check(status_answers());
	teardown();
}

static void who_hangs_up_once_it_was_begun_changes_nothing(void)
{
	struct order *order;
	int fd;

	tap_need(setup());
	fd = ask("stop", PATIENCE_MS);
	order = next_order(PATIENCE_MS);
	tap_need(order && order_take(control, order));
	close(fd);
	tap_check(status_answers());
	order_done(control, order);
	tap_check(status_answers());
	teardown();
}

/* Carries out whatever arrives, and says so by a byte into @told. */
static void agent(int told)
{
	struct base_error error;
	struct order *order;

	if (qbdd_queue_init(&loop) ||
	    control_start(path, &identity, cell, &loop, &control, &error) ||
	    write(told, "r", 1) != 1)
		_exit(1);
	for (;;) {
		order = next_order(-1);
		if (!order || !order_take(control, order))
			continue;
		if (write(told, "!", 1) != 1)
			_exit(1);
		order_done(control, order);
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

static void an_order_whose_time_is_over_is_not_begun(void)
{
	int fd;

	tap_need(setup());
	fd = ask("stop", -1); /* it was unread for too long */
	tap_check(strstr(answer(fd, PATIENCE_MS), "nothing is done"));
	tap_check(!next_order(0));
	close(fd);
	teardown();
}

static void the_end_of_the_agent_answers_what_it_was_ordered(void)
{
	struct order *order;
	int fd;

	tap_need(setup());
	fd = ask("stop", PATIENCE_MS);
	order = next_order(PATIENCE_MS);
	tap_need(order && order_take(control, order));
	order_done(control, order);
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

static void only_root_orders_and_all_may_ask(void)
{
	tap_need(setup());
	if (geteuid()) {
		tap_skip("root can become somebody else, and this is not root");
	} else {
		chmod(folder, 0755);
		chmod(path, 0666); /* as for a member of the group */
		tap_check(nobody_is_told("stop", "only root may order"));
		tap_check(nobody_is_told("transfer", "only root may order"));
		tap_check(nobody_is_told("status", ""));
		tap_check(!next_order(0));
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
		TAP_TEST(unknown_nodes_are_refused_with_those_that_there_are),
		TAP_TEST(what_was_begun_is_answered_by_its_outcome),
		TAP_TEST(status_is_answered_while_an_order_waits),
		TAP_TEST(what_the_loop_does_not_get_to_is_refused_and_not_done),
		TAP_TEST(who_hangs_up_has_ordered_nothing),
		TAP_TEST(
			who_hangs_up_while_the_loop_is_busy_has_ordered_nothing),
		TAP_TEST(who_hangs_up_once_it_was_begun_changes_nothing),
		TAP_TEST(
			a_stopped_agent_does_not_do_later_what_nobody_waits_for),
		TAP_TEST(an_order_whose_time_is_over_is_not_begun),
		TAP_TEST(the_end_of_the_agent_answers_what_it_was_ordered),
		TAP_TEST(only_root_orders_and_all_may_ask),
		TAP_TEST(the_socket_is_the_groups_where_there_is_one),
	};

	urcu_memb_register_thread();
	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
