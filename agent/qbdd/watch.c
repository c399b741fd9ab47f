// SPDX-License-Identifier: GPL-2.0
/* See watch.h.  The thread touches nothing of the loop's but its pulse. */
#include "qbdd/watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>
#include <urcu/urcu-memb.h>

#include "base/log.h"
#include "qbdd/qbdd.h"
#include "qbdd/thread.h"

#define LOOKS 5 /* in an election timeout */
#define BOUND_SHARE 2 /* of it, that the loop may be late */
#define LINES_MAX 10 /* logged in a minute */
#define STATUS_US 2000000 /* between two texts */
#define EXTEND_US 60000000
#define END_MS 2000 /* for what was to be said */

enum phase { PHASE_START, PHASE_RUN, PHASE_STOP, PHASE_END };

struct watch {
	struct watch_config config;
	struct watch_eye eye;
	pthread_t thread;
	int wake_fd;
	uint32_t phase; /* atomic, enum phase */
	uint64_t period_us;
	/* The thread's: */
	enum phase told;
	bool notifies; /* systemd listens */
	uint64_t minute_us;
	unsigned int lines;
	uint64_t watchdog_us; /* between two of systemd's, 0: none wanted */
	uint64_t watchdog_next_us;
	uint64_t watchdog_turn;
	uint64_t status_us;
	char status[512];
	uint64_t extend_us;
	uint64_t progress;
};

void watch_look(struct watch_eye *eye, uint64_t planned_us, uint64_t now_us,
		struct watch_news *news)
{
	const struct pulse *pulse = eye->pulse;
	uint64_t turn = __atomic_load_n(&pulse->turns, __ATOMIC_ACQUIRE);
	uint64_t due_us = __atomic_load_n(&pulse->due_us, __ATOMIC_RELAXED);

	memset(news, 0, sizeof(*news));
	if (now_us > planned_us && now_us - planned_us > eye->bound_us) {
		news->not_run_us = now_us - planned_us;
		eye->excused_us = now_us;
	}
	if (eye->late && turn != eye->turn) {
		eye->late = false;
		news->over = eye->doing;
		news->over_us = now_us - eye->since_us;
		/* If this is it, the next one's begin is the exact end. */
		if (due_us > eye->since_us && due_us < now_us)
			news->over_us = due_us - eye->since_us;
	}
	if (due_us < eye->excused_us)
		due_us = eye->excused_us;
	if (!turn || eye->late || due_us >= now_us ||
	    now_us - due_us <= eye->bound_us)
		return;
	eye->late = true;
	eye->turn = turn;
	eye->since_us = due_us;
	eye->doing = pulse_what(pulse);
	news->late = eye->doing;
	news->late_us = now_us - due_us;
}

/* A machine that is overloaded for hours must not fill the log. */
static bool may_log(struct watch *watch, uint64_t now_us)
{
	if (now_us - watch->minute_us >= 60000000) {
		watch->minute_us = now_us;
		watch->lines = 0;
	}
	return watch->lines++ < LINES_MAX;
}

static void look(struct watch *watch, uint64_t planned_us, uint64_t now_us)
{
	struct watch_news news;

	watch_look(&watch->eye, planned_us, now_us, &news);
	if (news.not_run_us && may_log(watch, now_us))
		base_log(BASE_LOG_WARNING,
			 "event=not-run late_ms=%lu what=\"the whole agent was "
			 "not run: the machine is overloaded or was paused, or "
			 "the agent was stopped\"",
			 (unsigned long)(news.not_run_us / 1000));
	if (news.over && may_log(watch, now_us))
		base_log(BASE_LOG_WARNING,
			 "event=loop-late-over doing=\"%s\" late_ms=%lu",
			 news.over, (unsigned long)(news.over_us / 1000));
	if (news.late && may_log(watch, now_us))
		base_log(BASE_LOG_WARNING,
			 "event=loop-late doing=\"%s\" late_ms=%lu", news.late,
			 (unsigned long)(news.late_us / 1000));
}

static const char *field(const json_t *status, const char *key)
{
	const char *text = json_string_value(json_object_get(status, key));

	return text ? text : "";
}

/* One line: what qbd status says first. */
static void make_status(const struct watch *watch, uint64_t now_us, char *text,
			size_t size)
{
	struct published_status published;
	bool any = status_read(watch->config.cell, &published);
	json_t *status = status_json(watch->config.identity,
				     any ? &published : NULL, now_us);
	const char *leader = field(status, "leader");
	const char *writer = field(status, "writer");
	const char *problem = field(status, "problem");
	char *at;

	snprintf(text, size, "%s; leader %s; writer %s%s%s",
		 field(status, "state"), *leader ? leader : "none",
		 *writer ? writer : "none", *problem ? "; " : "", problem);
	json_decref(status);
	for (at = text; *at; at++)
		if (*at == '\n')
			*at = ' ';
}

static void tell_status(struct watch *watch, uint64_t now_us)
{
	char text[sizeof(watch->status)];

	if (watch->told != PHASE_RUN || now_us - watch->status_us < STATUS_US)
		return;
	watch->status_us = now_us;
	make_status(watch, now_us, text, sizeof(text));
	if (strcmp(text, watch->status) == 0)
		return;
	strcpy(watch->status, text);
	sd_notifyf(0, "STATUS=%s", text);
}

/* A loop that hangs is not spoken for, and systemd starts the agent anew. */
static void tell_watchdog(struct watch *watch, uint64_t now_us)
{
	uint64_t turn =
		__atomic_load_n(&watch->eye.pulse->turns, __ATOMIC_ACQUIRE);

	if (!watch->watchdog_us || watch->told != PHASE_RUN ||
	    now_us < watch->watchdog_next_us || turn == watch->watchdog_turn)
		return;
	watch->watchdog_turn = turn;
	watch->watchdog_next_us = now_us + watch->watchdog_us / 2;
	sd_notify(0, "WATCHDOG=1");
}

/* A long log takes its time: as long as something is read, it goes on. */
static void tell_reading(struct watch *watch, uint64_t now_us)
{
	uint64_t progress;

	if (watch->told != PHASE_START ||
	    now_us - watch->extend_us < watch->config.extend_every_us)
		return;
	watch->extend_us = now_us;
	progress = watch->config.progress();
	if (progress == watch->progress)
		return;
	watch->progress = progress;
	sd_notifyf(0, "STATUS=reading the log\nEXTEND_TIMEOUT_USEC=%d",
		   EXTEND_US);
}

static void tell_phase(struct watch *watch, enum phase phase)
{
	if (watch->told == PHASE_START &&
	    (phase == PHASE_RUN || phase == PHASE_STOP))
		sd_notify(0, "READY=1\nSTATUS=the replica is open; no news of "
			     "the other nodes yet");
	if (watch->told < PHASE_STOP && phase == PHASE_STOP)
		sd_notify(0, "STOPPING=1\nSTATUS=handing over and stopping");
	watch->told = phase;
}

static enum phase phase_of(const struct watch *watch)
{
	return (enum phase)__atomic_load_n(&watch->phase, __ATOMIC_ACQUIRE);
}

static void *watch_thread(void *argument)
{
	struct watch *watch = argument;
	struct pollfd wake = { .fd = watch->wake_fd, .events = POLLIN };
	uint64_t now_us = qbdd_now_us(), planned_us, count;

	urcu_memb_register_thread();
	watch->extend_us = now_us;
	while (watch->told != PHASE_END) {
		planned_us = now_us + watch->period_us;
		if (poll(&wake, 1, (int)(watch->period_us / 1000)) > 0 &&
		    read(watch->wake_fd, &count, sizeof(count)) < 0)
			break;
		now_us = qbdd_now_us();
		if (watch->told == PHASE_RUN)
			look(watch, planned_us, now_us);
		if (watch->told != phase_of(watch))
			tell_phase(watch, phase_of(watch));
		if (!watch->notifies)
			continue;
		tell_reading(watch, now_us);
		tell_watchdog(watch, now_us);
		tell_status(watch, now_us);
	}
	urcu_memb_unregister_thread();
	return NULL;
}

uint64_t watch_blocks_read(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) ? 0 : (uint64_t)usage.ru_inblock;
}

int watch_start(const struct watch_config *config, struct watch **result)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	uint64_t timeout_us =
		(uint64_t)config->identity->conf->election_timeout_ms * 1000;
	int code;

	if (!watch)
		return -ENOMEM;
	watch->config = *config;
	watch->eye.pulse = config->identity->pulse;
	watch->progress = config->progress();
	watch->eye.bound_us = timeout_us / BOUND_SHARE;
	watch->period_us = timeout_us / LOOKS;
	watch->notifies = getenv("NOTIFY_SOCKET") != NULL;
	if (sd_watchdog_enabled(0, &watch->watchdog_us) <= 0)
		watch->watchdog_us = 0;
	if (watch->watchdog_us && watch->period_us > watch->watchdog_us / 4)
		watch->period_us = watch->watchdog_us / 4;
	watch->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watch->wake_fd < 0) {
		code = -errno;
		free(watch);
		return code;
	}
	code = -pthread_create(&watch->thread, NULL, watch_thread, watch);
	if (code) {
		close(watch->wake_fd);
		free(watch);
		return code;
	}
	pthread_setname_np(watch->thread, "qbdd-watch");
	*result = watch;
	return 0;
}

static void set_phase(struct watch *watch, enum phase phase)
{
	const uint64_t one = 1;

	__atomic_store_n(&watch->phase, phase, __ATOMIC_RELEASE);
	/* It can only fail when the count is full: then it is readable. */
	if (write(watch->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void watch_ready(struct watch *watch)
{
	set_phase(watch, PHASE_RUN);
}

void watch_stopping(struct watch *watch)
{
	set_phase(watch, PHASE_STOP);
}

bool watch_end(struct watch *watch)
{
	if (!watch)
		return true;
	set_phase(watch, PHASE_END);
	if (!qbdd_join(watch->thread, END_MS))
		return false;
	close(watch->wake_fd);
	free(watch);
	return true;
}

void watch_failed(const char *text)
{
	sd_notifyf(0, "STATUS=not started: %s", text);
}
