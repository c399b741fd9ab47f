// SPDX-License-Identifier: GPL-2.0
/*
 * The loop: the daemon's main thread.  One iteration collects what has arrived
 * - from the module, the peers, the threads, the control socket, the clock -
 * lets the node act on all of it at once, and sends the results.  It must never
 * wait for anything but the next event.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "qbdd/qbdd.h"

#define EVENTS_MAX (LOOP_SOURCES + 1 + NET_SOURCES_MAX) /* two queues */

/* xorshift64*: the node mixes it with its own. */
uint64_t qbdd_random(struct qbdd *daemon)
{
	uint64_t x = daemon->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	daemon->random = x;
	return x * 0x2545f4914f6cdd1dULL;
}

int qbdd_loop_watch(struct qbdd *daemon, int fd, uint32_t what, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = what };

	return epoll_ctl(daemon->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno :
									0;
}

static int loop_open_all(struct qbdd *daemon)
{
	sigset_t signals;
	int code;

	if (getrandom(&daemon->random, sizeof(daemon->random), 0) < 0)
		return -errno;
	daemon->random |= 1; /* xorshift is stuck at 0 */
	daemon->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	daemon->timer_fd =
		timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	daemon->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (daemon->epoll_fd < 0 || daemon->timer_fd < 0 ||
	    daemon->signal_fd < 0)
		return -errno;
	code = qbdd_loop_watch(daemon, daemon->signal_fd, LOOP_SIGNAL, EPOLLIN);
	if (!code)
		code = qbdd_loop_watch(daemon, daemon->timer_fd, LOOP_TIMER,
				       EPOLLIN | EPOLLET);
	if (!code)
		code = qbdd_loop_watch(daemon, daemon->done.event_fd,
				       LOOP_QUEUE, EPOLLIN | EPOLLET);
	if (!code)
		code = qbdd_loop_watch(daemon, daemon->errands.event_fd,
				       LOOP_QUEUE, EPOLLIN | EPOLLET);
	return code;
}

int qbdd_loop_open(struct qbdd *daemon, struct base_error *error)
{
	int code;

	daemon->epoll_fd = -1;
	daemon->timer_fd = -1;
	daemon->signal_fd = -1;
	code = qbdd_queue_init(&daemon->done);
	if (code)
		goto fail;
	code = qbdd_queue_init(&daemon->errands);
	if (code)
		goto destroy_done;
	code = loop_open_all(daemon);
	if (!code)
		return 0;
	qbdd_loop_close(daemon);
	goto fail;

destroy_done:
	qbdd_queue_destroy(&daemon->done);
fail:
	return base_error_set(error, code, "event loop: %s", strerror(-code));
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void qbdd_loop_close(struct qbdd *daemon)
{
	close_fd(daemon->signal_fd);
	close_fd(daemon->timer_fd);
	close_fd(daemon->epoll_fd);
	qbdd_queue_destroy(&daemon->errands);
	qbdd_queue_destroy(&daemon->done);
}

static void loop_signal(struct qbdd *daemon)
{
	struct signalfd_siginfo info;

	if (read(daemon->signal_fd, &info, sizeof(info)) == sizeof(info))
		qbdd_stop_begin(daemon, info.ssi_signo == SIGTERM ? "SIGTERM" :
								    "SIGINT");
}

static void loop_event(struct qbdd *daemon, uint64_t source, uint32_t events)
{
	if (source >= LOOP_SOURCES) {
		pulse_doing(&daemon->pulse, "peers");
		net_event(daemon->net, source, events, daemon->now_us / 1000);
		return;
	}
	switch ((enum loop_source)source) {
	case LOOP_SESSION:
		pulse_doing(&daemon->pulse, "requests of the device");
		qbdd_device_receive(daemon);
		break;
	case LOOP_SIGNAL:
		loop_signal(daemon);
		break;
	case LOOP_TIMER:
		daemon->timer_us = 0;
		break;
	case LOOP_RING:
		daemon->ring_ready = true;
		break;
	case LOOP_QUEUE:
	case LOOP_SOURCES:
		break;
	}
}

/*
 * The time that the loop wanted to be run at has passed by much: on a starved
 * machine, or while something in here took long.
 */
static void loop_late(struct qbdd *daemon)
{
	uint64_t bound_us =
		(uint64_t)daemon->conf.election_timeout_ms * 1000 / LATE_SHARE;

	if (daemon->timer_us && daemon->now_us > daemon->timer_us + bound_us)
		node_late(daemon->node, daemon->now_us);
}

static void loop_wait(struct qbdd *daemon)
{
	const struct timespec held = { .tv_nsec = LANES_HELD_US * 1000 };
	struct epoll_event events[EVENTS_MAX];
	int count, i;
	bool sleep;

	sleep = qbdd_queue_doze(&daemon->done);
	sleep = qbdd_queue_doze(&daemon->errands) && sleep;
	sleep = sleep && !daemon->ring_ready;
	pulse_sleep(&daemon->pulse, !sleep	     ? daemon->now_us :
				    daemon->timer_us ? daemon->timer_us :
						       UINT64_MAX);
	if (sleep && daemon->image_held)
		count = epoll_pwait2(daemon->epoll_fd, events, EVENTS_MAX,
				     &held, NULL);
	else
		count = epoll_wait(daemon->epoll_fd, events, EVENTS_MAX,
				   sleep ? -1 : 0);
	qbdd_queue_awake(&daemon->done);
	qbdd_queue_awake(&daemon->errands);
	daemon->now_us = qbdd_now_us();
	pulse_turn(&daemon->pulse, daemon->now_us);
	loop_late(daemon);
	for (i = 0; i < count; i++)
		loop_event(daemon, events[i].data.u64, events[i].events);
	pulse_doing(&daemon->pulse, "peers");
	net_settle(daemon->net, daemon->now_us / 1000);
}

/* The address that we listen on may be another later: a name was looked up. */
static void loop_notice(struct qbdd *daemon)
{
	char now[NOTICE_TEXT_MAX];

	notice_local_address(&daemon->conf, daemon->self,
			     net_listens_locally(daemon->net), now);
	if (strcmp(now, daemon->address_notice) == 0)
		return;
	strcpy(daemon->address_notice, now);
	if (*now)
		base_log(BASE_LOG_WARNING, "event=configuration what=\"%s\"",
			 now);
}

static void published_links(struct qbdd *daemon,
			    struct published_status *published)
{
	struct net_peer_view peer;
	unsigned int i;

	net_look(daemon->net, daemon->now_us / 1000);
	for (i = 0; i < daemon->conf.node_count; i++) {
		struct published_link *link = &published->links[i];

		if (&daemon->conf.nodes[i] == daemon->self)
			continue;
		net_peer(daemon->net, daemon->conf.nodes[i].id, &peer);
		link->state = peer.state;
		link->since_us = peer.since_ms * 1000;
		link->refused = peer.refused;
		link->differs = peer.differs;
		link->volume_bytes = peer.volume_bytes;
		link->unacked_bytes = peer.unacked_bytes;
		link->stuck_ms = peer.stuck_ms;
		link->acked_ms = peer.acked_ms;
		memcpy(link->problem, peer.problem, sizeof(link->problem));
	}
}

/* What a single picture does not show: since when it has been so. */
static void published_history(struct qbdd *daemon,
			      struct published_status *published)
{
	struct health health; /* large; deliberately not zeroed */

	terms_note(&daemon->terms, daemon->now_us, published->view.term,
		   published->view.committed_epoch);
	published->term_changed_us = daemon->terms.changed_us;
	published->term_rises = terms_rises(&daemon->terms);
	published->terms_lost = terms_lost(&daemon->terms);
	health_judge(&daemon->identity, published, daemon->now_us, &health);
	if (!daemon->state_since_us || health.state != daemon->state)
		daemon->state_since_us = daemon->now_us;
	daemon->state = health.state;
	published->state = daemon->state;
	published->state_since_us = daemon->state_since_us;
}

static void loop_publish(struct qbdd *daemon)
{
	/* Large; deliberately not zeroed. */
	struct published_status published;

	if (daemon->now_us - daemon->published_us < PUBLISH_US)
		return;
	daemon->published_us = daemon->now_us;
	memset(&published, 0, sizeof(published));
	published.taken_us = daemon->now_us;
	published.log_waiting_us = daemon->log.waiting_us;
	published.image_waiting_us = daemon->image.waiting_us;
	node_view(daemon->node, daemon->now_us, &published.view);
	published.device_held = daemon->session != NULL;
	memcpy(published.device_problem, daemon->device_problem,
	       sizeof(published.device_problem));
	loop_notice(daemon);
	memcpy(published.address_notice, daemon->address_notice,
	       sizeof(published.address_notice));
	memcpy(published.log_notice, daemon->log_notice,
	       sizeof(published.log_notice));
	strcpy(published.listen_problem, net_listen_problem(daemon->net));
	published_links(daemon, &published);
	published_history(daemon, &published);
	status_publish(daemon->cell, &published);
	if (!daemon->stopping)
		events_look(&daemon->events, &published);
}

static void earlier(uint64_t *deadline, uint64_t at)
{
	if (at && at < *deadline)
		*deadline = at;
}

/*
 * The timer is set anew only to wake earlier: a deadline that has moved away
 * costs one wake-up too many, and no system call each iteration.
 */
static void loop_arm(struct qbdd *daemon)
{
	uint64_t floor_us = daemon->now_us + TIMER_FLOOR_US;
	uint64_t at = node_deadline(daemon->node);
	uint64_t net_ms = net_deadline_ms(daemon->net);
	struct itimerspec spec = { 0 };

	if (net_ms != UINT64_MAX)
		earlier(&at, net_ms * 1000);
	earlier(&at, daemon->published_us + 5 * PUBLISH_US);
	earlier(&at, daemon->device_retry_us);
	if (!daemon->noting)
		earlier(&at, daemon->note_us);
	if (daemon->stopping)
		earlier(&at, daemon->stop_us);
	if (at < floor_us)
		at = floor_us;
	if (daemon->timer_us && daemon->timer_us <= at)
		return;
	daemon->timer_us = at;
	spec.it_value.tv_sec = (time_t)(at / 1000000);
	spec.it_value.tv_nsec = (long)(at % 1000000) * 1000;
	timerfd_settime(daemon->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void loop_act(struct qbdd *daemon)
{
	struct pulse *pulse = &daemon->pulse;

	pulse_doing(pulse, "what the disk's threads did");
	qbdd_jobs_take(daemon);
	pulse_doing(pulse, "commands and errands");
	errands_take(&daemon->errands, daemon);
	pulse_doing(pulse, "peers");
	if (daemon->now_us / 1000 >= net_deadline_ms(daemon->net))
		net_tick(daemon->net, daemon->now_us / 1000);
	pulse_doing(pulse, "consensus");
	daemon->now_us = qbdd_now_us();
	node_pump(daemon->node, daemon->now_us, qbdd_random(daemon));
	/* The log first: the disk works while the rest is being sent. */
	pulse_doing(pulse, "beginning to write the log");
	qbdd_jobs_log(daemon);
	pulse_doing(pulse, "sending to peers");
	net_flush(daemon->net);
	pulse_doing(pulse, "answers to the device");
	qbdd_device_flush(daemon);
	pulse_doing(pulse, "beginning to write the data area");
	qbdd_jobs_image(daemon);
	pulse_doing(pulse, "stop and status");
	qbdd_stop_check(daemon);
	loop_publish(daemon);
	loop_arm(daemon);
}

void qbdd_loop_run(struct qbdd *daemon)
{
	pulse_turn(&daemon->pulse, qbdd_now_us());
	loop_act(daemon); /* sets the timer */
	while (!daemon->ended) {
		loop_wait(daemon);
		loop_act(daemon);
	}
}
