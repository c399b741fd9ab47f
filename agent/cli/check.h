/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A status in one line and an exit status, for monitors.
 */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include <stdio.h>

#include <jansson.h>

/* Exit statuses of qbd status --check: not those of enum cli_exit. */
enum check_exit {
	CHECK_OK = 0,
	CHECK_DEGRADED = 1,
	CHECK_NOT_SERVING = 2,
};

/** check_status() - judge one volume's status, and write its line */
enum check_exit check_status(const json_t *status, FILE *out);

#endif
