/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reporting the outcome of the start to the parent, which waits while its child
 * goes into the background.  (watch.h reports to systemd.)
 */
#ifndef QBDD_NOTIFY_H
#define QBDD_NOTIFY_H

/**
 * daemon_fork() - go on in a child; the parent waits and exits as it is told
 * Return: in the child, 0 or a negative errno (then there is no child).
 */
int daemon_fork(void);
/**
 * daemon_log() - in the background: what is logged goes to @path from now on
 * Once, before logger_start(); @path stays the caller's, and stays.
 */
void daemon_log(const char *path);
/** daemon_complain() - a text for the process that started us */
void daemon_complain(const char *text);
/** daemon_ready() - the start is over: let the parent exit with success */
void daemon_ready(void);

#endif
