// SPDX-License-Identifier: GPL-2.0
/*
 * See logger.h.  There is one logger in a process.  What is shared between
 * threads: the queue, and the counters `pending` and `lost`, which are atomic.
 */
#include "qbdd/logger.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "qbdd/thread.h"

#define STACK_BYTES (256U << 10) /* it is locked, as all memory of the agent */

static struct {
	struct qbdd_queue queue;
	struct logger_output output; /* the thread's, once it runs */
	pthread_t thread;
	bool opened;
	bool started;
	bool ending; /* the thread's: it has met the last item */
	struct qbdd_item last; /* queued to end the thread; no line */
	uint32_t pending; /* atomic: queued and not written */
	uint64_t lost; /* atomic: not queued or not written, and not told */
} logger;

static void lose(uint64_t count)
{
	__atomic_add_fetch(&logger.lost, count, __ATOMIC_RELAXED);
}

static uint64_t take_lost(void)
{
	return __atomic_exchange_n(&logger.lost, 0, __ATOMIC_RELAXED);
}

static struct logger_line *line_new(enum base_log_level level, const char *text)
{
	size_t size = strlen(text) + 1;
	struct logger_line *line = malloc(sizeof(*line) + size);

	if (!line)
		return NULL;
	clock_gettime(CLOCK_REALTIME, &line->time);
	line->lost_before = 0;
	line->level = level;
	memcpy(line->text, text, size);
	return line;
}

/* Of any thread: never waits. */
static void take_line(enum base_log_level level, const char *text)
{
	struct logger_line *line;

	if (__atomic_add_fetch(&logger.pending, 1, __ATOMIC_RELAXED) >
	    LOGGER_LINES_MAX)
		goto full;
	line = line_new(level, text);
	if (!line)
		goto full;
	if (__atomic_load_n(&logger.lost, __ATOMIC_RELAXED))
		line->lost_before = take_lost();
	qbdd_queue_put(&logger.queue, &line->item);
	qbdd_queue_wake(&logger.queue);
	return;
full:
	lose(1);
	__atomic_sub_fetch(&logger.pending, 1, __ATOMIC_RELEASE);
}

/* If it can't be told either, then with what is lost next. */
static void tell_lost(uint64_t count)
{
	char text[BASE_LOG_LINE_MAX];
	struct logger_line *line;

	if (!count)
		return;
	snprintf(text, sizeof(text),
		 "%s%sevent=log-lost lines=%lu remedy=\"what reads the log is "
		 "stuck or slow, or its disk is full\"",
		 base_log_context(), base_log_context()[0] ? " " : "",
		 (unsigned long)count);
	line = line_new(BASE_LOG_WARNING, text);
	if (!line || logger.output.write(logger.output.context, line))
		lose(count);
	free(line);
}

static void write_line(const struct logger_line *line)
{
	tell_lost(line->lost_before);
	if (logger.output.write(logger.output.context, line))
		lose(1);
	__atomic_sub_fetch(&logger.pending, 1, __ATOMIC_RELEASE);
}

/* Freed at the end: a thread that crashes may hold the allocator's lock. */
static void write_list(struct qbdd_list *list)
{
	struct logger_line *written = NULL, *line;
	struct qbdd_item *item;

	while ((item = qbdd_list_next(list))) {
		if (item == &logger.last) {
			logger.ending = true;
			continue;
		}
		line = base_container_of(item, struct logger_line, item);
		write_line(line);
		line->next = written;
		written = line;
	}
	while ((line = written)) {
		written = line->next;
		free(line);
	}
}

static void write_queued(void)
{
	struct qbdd_list list;

	while (qbdd_queue_take(&logger.queue, &list))
		write_list(&list);
	tell_lost(take_lost());
}

static void *logger_thread(void *argument)
{
	while (!logger.ending) {
		qbdd_queue_wait(&logger.queue, -1);
		write_queued();
	}
	return NULL;
}

int logger_open(const struct logger_output *output)
{
	int code = qbdd_queue_init(&logger.queue);

	if (code)
		return code;
	logger.output = *output;
	logger.ending = false;
	logger.pending = 0;
	logger.lost = 0;
	logger.opened = true;
	base_log_sink(take_line);
	return 0;
}

void logger_redirect(const struct logger_output *output)
{
	logger.output = *output;
}

int logger_start(void)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int code;

	code = pthread_attr_init(&attr);
	if (code)
		return -code;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&logger.thread, &attr, logger_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (code)
		return -code;
	pthread_setname_np(logger.thread, "qbdd-logger");
	logger.started = true;
	return 0;
}

void logger_close(unsigned int timeout_ms)
{
	if (!logger.opened)
		return;
	base_log_sink(NULL);
	if (logger.started) {
		qbdd_queue_put(&logger.queue, &logger.last);
		qbdd_queue_wake(&logger.queue);
		if (!qbdd_join(logger.thread, timeout_ms))
			return; /* what it uses must stay */
	}
	write_queued();
	logger.started = false;
	logger.opened = false;
	qbdd_queue_destroy(&logger.queue);
}

/*
 * The other threads go on while this one is in here.  Only what a signal
 * handler may call is called.
 */
static void crashed(int number)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	unsigned int i;

	if (logger.started && !pthread_equal(pthread_self(), logger.thread)) {
		qbdd_queue_wake(&logger.queue);
		for (i = 0; i < LOGGER_CRASH_MS; i++) {
			if (!__atomic_load_n(&logger.pending, __ATOMIC_ACQUIRE))
				break;
			nanosleep(&pause, NULL);
		}
	}
	raise(number); /* SA_RESETHAND: now it ends the process */
}

void logger_catch_crashes(void)
{
	static const int numbers[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE,
				       SIGILL };
	struct sigaction action = { .sa_handler = crashed,
				    .sa_flags = SA_RESETHAND | SA_NODEFER };
	unsigned int i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
}

static int write_stderr(void *context, const struct logger_line *line)
{
	char text[BASE_LOG_LINE_MAX + BASE_LOG_STAMP_MAX + 8];
	char stamp[BASE_LOG_STAMP_MAX];
	int size;

	base_log_stamp(&line->time, stamp, sizeof(stamp));
	size = snprintf(text, sizeof(text), "<%d>%s %s\n", (int)line->level,
			stamp, line->text);
	return write(STDERR_FILENO, text, (size_t)size) == size ? 0 : -EIO;
}

const struct logger_output logger_stderr = { .write = write_stderr };
