/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log: one line of key=value per event.  Any thread.  A line goes to the
 * sink that the agent has set (qbdd/logger.h), which never waits; where there
 * is none, to standard error by one write(2), with the level in front as
 * systemd's journal reads it ("<3>") and the time.
 *
 * Text that others may have written is quoted, with base_log_clean().
 *
 * The pure parts (raft, wire, node) do not log: they return what happened to
 * their caller, which logs it.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define BASE_LOG_LINE_MAX 1024 /* bytes of a line; what is longer is cut off */
#define BASE_LOG_STAMP_MAX 40

enum base_log_level {
	BASE_LOG_ERROR = 3,
	BASE_LOG_WARNING = 4,
	BASE_LOG_NOTICE = 5,
	BASE_LOG_INFO = 6,
	BASE_LOG_DEBUG = 7,
};

/**
 * base_log_setup() - what each line begins with, and what is said at all
 * @context: copied, such as "node=n1 volume=vol0"
 * @level: the least important level that is written
 */
void base_log_setup(const char *context, enum base_log_level level);

/**
 * base_log_sink() - where lines go from now on
 * @sink: called by the logging thread, with context and text, without a
 *	newline; NULL: to standard error
 */
void base_log_sink(void (*sink)(enum base_log_level level, const char *line));

/** base_log() - write one line; @format yields key=value pairs, no newline */
void base_log(enum base_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** base_log_context() - what base_log_setup() was given */
const char *base_log_context(void);

/** base_log_stamp() - local time, ISO 8601: 2026-11-27T06:30:00.123+01:00 */
void base_log_stamp(const struct timespec *time, char *text, size_t size);

/** base_log_is_line() - is it a line of the log, and not a text for humans? */
bool base_log_is_line(const char *line);

/**
 * base_log_clean() - a text as it may stand between the quotes of a value
 * Return: @clean; quotes have become ', all that is no letter, sign or space ?
 */
const char *base_log_clean(const char *text, char *clean, size_t size);

#endif
