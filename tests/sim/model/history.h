/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What clients did to the blocks of a volume and when, and whether it is
 * linearizable: each block is a register (Gibbons and Korach, "Testing shared
 * memories").
 */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#define HISTORY_OPEN UINT64_MAX /* never answered */

struct history;

/* Blocks begin as zeroes. */
struct history *history_new(unsigned int blocks);
void history_free(struct history *history);

/**
 * history_write() - a write to one block begins
 * @id: what a read of it returns: unique, or 0 for zeroes
 * Return: a handle for history_answer()
 */
unsigned int history_write(struct history *history, unsigned int block,
			   uint64_t id, uint64_t begin);
/** history_answer() - it was acknowledged; never called: it may be or not */
void history_answer(struct history *history, unsigned int write, uint64_t end);
/** history_read() - a read returned @id */
void history_read(struct history *history, unsigned int block, uint64_t id,
		  uint64_t begin, uint64_t end);

/**
 * history_check() - is each block linearizable?
 * Return: NULL, or a text that names block and values; valid until the next
 * call.
 * Zeroes are not unique, so which write a read of them saw is not known: what is
 * wrong with every possible one is found, and nothing that is right objected to.
 */
const char *history_check(const struct history *history);

#endif
