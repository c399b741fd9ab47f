/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log: one line of key=value per event, on standard error, with the level
 * in front as systemd's journal reads it ("<3>").  Any thread; a line is one
 * write(2).  The pure parts (raft, wire, node) do not log: they tell their
 * caller, who does.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

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

/** base_log() - write one line; @format yields key=value pairs, no newline */
void base_log(enum base_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
