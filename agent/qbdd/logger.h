/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Life of a log line: a thread that logs (base/log.h) puts the line into a
 * bounded queue and continues; the logger's thread writes it to the journal, to
 * a file or to standard error.  So logging never waits for a full pipe, a slow
 * disk or a stopped journald.  Lines that do not fit are counted, and the loss
 * is logged as event=log-lost.
 *
 * Lines are queued from logger_open() on and written from logger_start() on, or
 * by logger_close().  When the process crashes, the crashing thread waits a
 * moment until the queued lines are written.  What libc prints of a failed
 * assertion goes to standard error directly.
 */
#ifndef QBDD_LOGGER_H
#define QBDD_LOGGER_H

#include <stdint.h>
#include <time.h>

#include "base/log.h"
#include "qbdd/queue.h"

#define LOGGER_LINES_MAX 1024 /* queued; beyond it they are lost */
#define LOGGER_CRASH_MS 1000 /* a crash waits for them at most */

struct logger_line {
	struct qbdd_item item;
	struct logger_line *next; /* the thread's: written, to be freed */
	struct timespec time; /* CLOCK_REALTIME, when it was said */
	uint64_t lost_before; /* that did not fit, right before this one */
	enum base_log_level level;
	char text[]; /* the context and the text, no newline */
};

/* Where lines go. */
struct logger_output {
	/* In the logger's thread; may wait.  Return: 0, or the line is lost. */
	int (*write)(void *context, const struct logger_line *line);
	void *context;
};

/** logger_open() - from now on base_log() queues; 0 or a negative errno */
int logger_open(const struct logger_output *output);
/** logger_redirect() - to another output; before logger_start() */
void logger_redirect(const struct logger_output *output);
/** logger_start() - begin to write what was queued; 0 or a negative errno */
int logger_start(void);
/** logger_catch_crashes() - see above */
void logger_catch_crashes(void);
/**
 * logger_close() - write what is queued, and end; base_log() writes by itself then
 * Gives up after @timeout_ms: the output hangs, and so the lines are lost.
 */
void logger_close(unsigned int timeout_ms);

/** logger_stderr() - lines with level and time in front: "<5>2026-... text" */
extern const struct logger_output logger_stderr;

#endif
