/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A status (control/status.h) in readable form.  Uses the fields that are
 * there: the daemon may be of another version, or not there at all.
 */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <stdio.h>

#include <jansson.h>

/** show_status() - one volume, several lines */
void show_status(const json_t *status, FILE *out);

#endif
