/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log of an agent in the background: a file of lines with local time and
 * level, "2026-11-27T06:30:00.123+01:00 warning node=n1 volume=vol0 event=...".
 * When it has grown to its bound, PATH becomes PATH.1, PATH.1 becomes PATH.2, and
 * a new PATH begins; the old PATH.2 is dropped.  Logger's thread.
 */
#ifndef QBDD_LOGFILE_H
#define QBDD_LOGFILE_H

#include <stdbool.h>

#include "qbdd/logger.h"

#define LOGFILE_BYTES_MAX (4U << 20)
#define LOGFILE_OLD_MAX 2 /* PATH.1, PATH.2 */

struct logfile {
	const char *path; /* the caller's */
	uint64_t bytes_max;
	bool is_stderr; /* what else is said goes there too */
	int fd;
	uint64_t bytes; /* what it has by now */
};

/** logfile_open() - path, bytes_max and is_stderr are set; 0 or negative errno */
int logfile_open(struct logfile *file);
void logfile_close(struct logfile *file);
/** logfile_output() - to this file, which stays the caller's */
struct logger_output logfile_output(struct logfile *file);

#endif
