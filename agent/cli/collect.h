/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The status of volumes as control/status.h describes it: what the daemons say,
 * and what the kernel says beside it.
 */
#ifndef CLI_COLLECT_H
#define CLI_COLLECT_H

#include <jansson.h>

/**
 * collect_volumes() - the names of all volumes that this node knows of: by a
 * configuration, a control socket or a device
 * Return: a sorted array of strings, the caller's.
 */
json_t *collect_volumes(void);

/**
 * collect_status() - of volumes by name
 * All daemons are asked at once, so that the answer comes within
 * CONTROL_ANSWER_MS also when all of them hang.
 * Return: an array of objects in the order of @names, the caller's.
 */
json_t *collect_status(const json_t *names);

#endif
