/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Other programs, run to their end: modprobe, systemctl, the agent.
 */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include <stddef.h>

/**
 * program_run() - with no open file of ours but its output
 * A shell's open /dev/qbd0 that an agent inherited would keep this very device
 * open for good.
 * @argv: ends with NULL; the program is looked for in PATH
 * @output: a descriptor for what it prints on both streams; -1: of no interest
 * Return: its exit status; 127: it could not be run; 128 + the signal.
 */
int program_run(char *const *argv, int output);

/**
 * program_read() - program_run(), and what it printed
 * @text: of what is longer than @size the end, where reasons stand; without the
 *	last newline
 */
int program_read(char *const *argv, char *text, size_t size);

#endif
