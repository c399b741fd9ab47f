/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RUN/VOLUME.*: the lock that keeps a second daemon of the volume out, which is
 * the pid file too; the control socket; the log of a daemon in the background.
 */
#ifndef QBDD_RUNDIR_H
#define QBDD_RUNDIR_H

#include "base/error.h"

struct rundir {
	int lock_fd; /* -1: not held */
	char pid_path[1024];
	char socket_path[1024];
	char log_path[1024];
};

/**
 * rundir_open() - make the folder and take the lock
 * -EBUSY: another daemon has it (the text says its pid)
 */
int rundir_open(struct rundir *run, const char *volume,
		struct base_error *error);
void rundir_close(struct rundir *run);

#endif
