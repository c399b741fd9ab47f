/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel module, for commands that need it.
 */
#ifndef CLI_MODULE_H
#define CLI_MODULE_H

#include <stdbool.h>
#include <stddef.h>

/** module_need() - load it if it is not there; false: why not was told */
bool module_need(void);

/**
 * module_explain() - why modprobe failed and what to do, for humans
 * @said: what it said, any number of lines
 * @status: its exit status; 127: it could not be run
 * @root: were we root?
 */
void module_explain(const char *said, int status, bool root, char *text,
		    size_t size);

#endif
