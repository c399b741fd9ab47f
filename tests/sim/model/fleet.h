/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Many seeds, on all processors: a process each takes every n-th seed, so that a
 * failed assertion ends one seed and not the rest, and what is said at the end
 * does not depend on who was faster.
 */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include "tests/sim/model/world.h"

#define FLEET_FAILURES_MAX 5 /* enough to look at */

struct failure {
	uint64_t seed;
	char problem[256];
};

struct fleet {
	uint64_t seeds; /* that were run */
	struct stats stats; /* sums */
	unsigned int failure_count;
	struct failure failures[FLEET_FAILURES_MAX]; /* by rising seed */
};

/**
 * fleet_run() - run seeds @from to @to; returns when all have ended
 * @most: each process ends after so many failures, FLEET_FAILURES_MAX at most;
 * the lowest of all are told
 */
void fleet_run(struct fleet *fleet, uint64_t from, uint64_t to,
	       unsigned int most);

#endif
