// SPDX-License-Identifier: GPL-2.0
/*
 * The watch over the loop: what it makes of a pulse, by a clock of the test's;
 * and what it tells systemd, which the test plays.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <urcu/urcu-memb.h>

#include "qbdd/qbdd.h"
#include "qbdd/watch.h"
#include "tap.h"

#define PATIENCE_MS 20000
#define MS 1000ULL
#define LOOK_US (200 * MS)

static struct pulse pulse;
static struct watch_eye eye;
static struct watch_news news;
static uint64_t now_us;

static void begin(void)
{
	memset(&pulse, 0, sizeof(pulse));
	memset(&eye, 0, sizeof(eye));
	eye.pulse = &pulse;
	eye.bound_us = 250 * MS;
	now_us = 1000000 * MS;
}

/* The next look, @late_us after it was to be. */
static void look(uint64_t late_us)
{
	uint64_t planned_us = now_us + LOOK_US;

	now_us = planned_us + late_us;
	watch_look(&eye, planned_us, now_us, &news);
}

static bool no_news(void)
{
	return !news.not_run_us && !news.late && !news.over;
}

static void turn(const char *doing)
{
	pulse_turn(&pulse, now_us);
	pulse_doing(&pulse, doing);
}

static void a_loop_that_turns_or_sleeps_is_no_news(void)
{
	unsigned int i;

	begin();
	for (i = 0; i < 10; i++) {
		turn("this");
		look(0);
		tap_check(no_news());
	}
	pulse_sleep(&pulse, UINT64_MAX);
	for (i = 0; i < 10; i++) {
		look(i * MS);
		tap_check(no_news());
	}
}

static void a_late_loop_is_told_once_with_what_it_does_and_its_end(void)
{
	begin();
	turn("that");
	pulse_doing(&pulse, "this");
	look(0);
	tap_check(no_news());
	look(0);
	tap_check_str(news.late, "this");
	tap_check_eq(news.late_us, 2 * LOOK_US);
	look(0);
	tap_check(no_news());
	now_us += 100 * MS;
	turn("other");
	look(0);
	tap_check_str(news.over, "this");
	tap_check_eq(news.over_us, 3 * LOOK_US + 100 * MS);
	tap_check(!news.late && !news.not_run_us);
	look(0); /* this turn is late as well, by now */
	tap_check_str(news.late, "other");
}

static void a_timer_that_does_not_wake_the_loop_is_told(void)
{
	begin();
	turn("this");
	pulse_sleep(&pulse, now_us + 100 * MS);
	look(0);
	tap_check(no_news());
	look(0);
	tap_check_str(news.late, PULSE_ASLEEP);
	tap_check_eq(news.late_us, 2 * LOOK_US - 100 * MS);
}

/* SIGSTOP, a paused machine, starved by others: not the loop's fault. */
static void a_process_that_is_not_run_is_told_from_a_loop_that_hangs(void)
{
	begin();
	turn("this");
	look(5000 * MS);
	tap_check_eq(news.not_run_us, 5000 * MS);
	tap_check(!news.late && !news.over);
	turn("that");
	look(0);
	tap_check(no_news());
	/* But it is if it hangs from there on. */
	turn("that");
	look(3000 * MS);
	tap_check(news.not_run_us && !news.late);
	look(0);
	tap_check(no_news());
	look(0);
	tap_check_str(news.late, "that");
	tap_check_eq(news.late_us, 2 * LOOK_US);
}

static void a_late_loop_stays_late_through_a_pause(void)
{
	begin();
	turn("this");
	look(0);
	look(0);
	tap_check_str(news.late, "this");
	look(2000 * MS);
	tap_check(news.not_run_us && !news.late && !news.over);
	turn("that");
	look(0);
	tap_check_str(news.over, "this");
}

/* systemd, as far as it listens. */
static int systemd_fd = -1;
static char said[1024];
static struct conf conf;
static struct status_identity identity;
static struct status_cell *cell; /* kept: it has the last picture */

static uint64_t blocks; /* atomic */

static uint64_t read_so_far(void)
{
	return __atomic_load_n(&blocks, __ATOMIC_RELAXED);
}

static struct watch_config config = {
	.identity = &identity,
	.progress = read_so_far,
	.extend_every_us = 50 * MS,
};

static bool listen_as_systemd(const char *watchdog_us)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(address.sun_family);
	char name[64], pid[32];

	/* An abstract name of the kernel's choice. */
	systemd_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!tap_check(bind(systemd_fd, (struct sockaddr *)&address, size) ==
		       0))
		return false;
	size = sizeof(address);
	getsockname(systemd_fd, (struct sockaddr *)&address, &size);
	snprintf(name, sizeof(name), "@%.*s",
		 (int)(size - sizeof(address.sun_family) - 1),
		 address.sun_path + 1);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", watchdog_us, 1);
	setenv("WATCHDOG_PID", pid, 1);
	memset(&conf, 0, sizeof(conf));
	conf.election_timeout_ms = 100;
	conf.node_count = 1;
	conf.nodes[0].id = 1;
	strcpy(conf.nodes[0].name, "n1");
	identity.conf = &conf;
	identity.self = &conf.nodes[0];
	identity.pulse = &pulse;
	cell = cell ? cell : status_cell_new();
	config.cell = cell;
	begin();
	return true;
}

static void end_systemd(void)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	close(systemd_fd);
}

/* Does it hear what begins so?  The rest is in said[]. */
static bool heard(const char *start, int wait_ms)
{
	uint64_t end_ms = qbdd_now_ms() + (uint64_t)wait_ms, at_ms;
	struct pollfd ready = { .fd = systemd_fd, .events = POLLIN };
	ssize_t size;

	while ((at_ms = qbdd_now_ms()) <= end_ms) {
		if (poll(&ready, 1, (int)(end_ms - at_ms)) <= 0)
			return false;
		size = recv(systemd_fd, said, sizeof(said) - 1, 0);
		said[size > 0 ? size : 0] = '\0';
		if (strncmp(said, start, strlen(start)) == 0)
			return true;
	}
	return false;
}

static void forget_what_was_heard(void)
{
	while (recv(systemd_fd, said, sizeof(said), MSG_DONTWAIT) > 0)
		;
}

static void systemd_is_told_ready_status_and_stopping(void)
{
	struct published_status published = { .taken_us = qbdd_now_us() };
	struct watch *watch;

	tap_need(listen_as_systemd("0"));
	tap_need(watch_start(&config, &watch) == 0);
	tap_check(!heard("READY=1", 300));
	published.view.id = 1;
	published.view.leader = 1;
	published.view.writer = 1;
	strcpy(published.listen_problem, "listening on the moon");
	status_publish(cell, &published);
	watch_ready(watch);
	tap_check(heard("READY=1", PATIENCE_MS));
	tap_check(heard("STATUS=", PATIENCE_MS));
	tap_check(strstr(said, "; leader n1; writer none; "));
	tap_check(strstr(said, "listening on the moon"));
	watch_stopping(watch);
	tap_check(heard("STOPPING=1", PATIENCE_MS));
	tap_check(watch_end(watch));
	watch_failed("because");
	tap_check(heard("STATUS=not started: because", PATIENCE_MS));
	end_systemd();
}

static void systemd_hears_of_a_loop_only_while_it_turns(void)
{
	struct watch *watch;
	unsigned int i;

	tap_need(listen_as_systemd("200000"));
	tap_need(watch_start(&config, &watch) == 0);
	turn("this");
	tap_check(!heard("WATCHDOG=1", 300)); /* not before it is ready */
	watch_ready(watch);
	for (i = 0; i < 3; i++) {
		now_us = qbdd_now_us();
		turn("this");
		tap_check(heard("WATCHDOG=1", PATIENCE_MS));
	}
	forget_what_was_heard();
	tap_check(!heard("WATCHDOG=1", 600)); /* it hangs */
	now_us = qbdd_now_us();
	turn("that");
	tap_check(heard("WATCHDOG=1", PATIENCE_MS));
	tap_check(watch_end(watch));
	end_systemd();
}

/* A failed start must not be called ready at its end. */
static void an_end_before_the_start_is_not_called_ready(void)
{
	struct watch *watch;

	tap_need(listen_as_systemd("0"));
	tap_need(watch_start(&config, &watch) == 0);
	tap_check(watch_end(watch));
	tap_check(!heard("READY=1", 0));
	end_systemd();
}

/* The disk may be slow, but must not hang. */
static void a_start_that_reads_gets_more_time(void)
{
	struct watch *watch;

	tap_need(listen_as_systemd("0"));
	tap_need(watch_start(&config, &watch) == 0);
	tap_check(!heard("STATUS=reading", 300));
	__atomic_add_fetch(&blocks, 8, __ATOMIC_RELAXED);
	tap_check(heard("STATUS=reading", PATIENCE_MS));
	tap_check(strstr(said, "EXTEND_TIMEOUT_USEC=60000000"));
	tap_check(!heard("STATUS=reading", 300)); /* it hangs */
	watch_ready(watch);
	tap_check(heard("READY=1", PATIENCE_MS));
	__atomic_add_fetch(&blocks, 8, __ATOMIC_RELAXED);
	tap_check(!heard("STATUS=reading", 300));
	tap_check(watch_end(watch));
	end_systemd();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(a_loop_that_turns_or_sleeps_is_no_news),
		TAP_TEST(
			a_late_loop_is_told_once_with_what_it_does_and_its_end),
		TAP_TEST(a_timer_that_does_not_wake_the_loop_is_told),
		TAP_TEST(
			a_process_that_is_not_run_is_told_from_a_loop_that_hangs),
		TAP_TEST(a_late_loop_stays_late_through_a_pause),
		TAP_TEST(systemd_is_told_ready_status_and_stopping),
		TAP_TEST(systemd_hears_of_a_loop_only_while_it_turns),
		TAP_TEST(a_start_that_reads_gets_more_time),
		TAP_TEST(an_end_before_the_start_is_not_called_ready),
	};

	urcu_memb_register_thread();
	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
