// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's one clock.  CLOCK_BOOTTIME: after a suspend of the machine the
 * lease must have ended, in the agent and in the module alike.
 */
#include <time.h>

#include "qbdd/qbdd.h"

uint64_t qbdd_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t qbdd_now_ms(void)
{
	return qbdd_now_us() / 1000;
}
