/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the loop is doing, and since when: written by the loop, a few stores a
 * iteration, and read by other threads while it hangs (watch.h, status.c).
 */
#ifndef QBDD_PULSE_H
#define QBDD_PULSE_H

#include <stdint.h>

struct pulse {
	/* All atomic. */
	const char *doing; /* a constant string, NULL: nothing yet */
	uint64_t due_us; /* begin of this iteration; asleep: when to wake */
	uint64_t turns;
};

#define PULSE_ASLEEP "waiting to be run"

static inline void pulse_doing(struct pulse *pulse, const char *doing)
{
	__atomic_store_n(&pulse->doing, doing, __ATOMIC_RELAXED);
}

static inline void pulse_turn(struct pulse *pulse, uint64_t now_us)
{
	__atomic_store_n(&pulse->due_us, now_us, __ATOMIC_RELAXED);
	/* Only the loop adds: no locked instruction is needed. */
	__atomic_store_n(&pulse->turns, pulse->turns + 1, __ATOMIC_RELEASE);
}

/* @until_us: its timer, UINT64_MAX: none */
static inline void pulse_sleep(struct pulse *pulse, uint64_t until_us)
{
	__atomic_store_n(&pulse->due_us, until_us, __ATOMIC_RELAXED);
	pulse_doing(pulse, PULSE_ASLEEP);
}

/* NULL is allowed */
static inline const char *pulse_what(const struct pulse *pulse)
{
	const char *doing =
		pulse ? __atomic_load_n(&pulse->doing, __ATOMIC_RELAXED) : NULL;

	return doing ? doing : "starting";
}

#endif
