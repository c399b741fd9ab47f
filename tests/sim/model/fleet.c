// SPDX-License-Identifier: GPL-2.0
/* See fleet.h. */
#include "tests/sim/model/fleet.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS_MAX 64
#define SEED_SECONDS_MAX 120 /* of a run that never ends */

/* In memory that all share; each process writes its own. */
struct ship {
	struct fleet fleet;
	uint64_t seed; /* under way */
	pid_t pid;
};

static void failure_add(struct fleet *fleet, uint64_t seed, const char *problem)
{
	struct failure *failure;
	unsigned int at = fleet->failure_count;

	while (at && fleet->failures[at - 1].seed > seed)
		at--;
	if (at == FLEET_FAILURES_MAX)
		return;
	if (fleet->failure_count < FLEET_FAILURES_MAX)
		fleet->failure_count++;
	failure = &fleet->failures[at];
	memmove(failure + 1, failure,
		(fleet->failure_count - at - 1) * sizeof(*failure));
	failure->seed = seed;
	snprintf(failure->problem, sizeof(failure->problem), "%s", problem);
}

static void stats_add(struct stats *sum, const struct stats *stats)
{
	unsigned int i;

	sum->us += stats->us;
	sum->events += stats->events;
	sum->writes += stats->writes;
	sum->reads += stats->reads;
	sum->opens += stats->opens;
	sum->copies += stats->copies;
	sum->changes += stats->changes;
	sum->damages += stats->damages;
	for (i = 0; i < FAULT_KINDS; i++)
		sum->faults[i] += stats->faults[i];
}

static void ship_sail(struct ship *ship, uint64_t to, unsigned int step,
		      unsigned int most)
{
	struct world *world;

	/* A store takes megabytes at each start: not from the kernel anew. */
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	for (; ship->seed <= to; ship->seed += step) {
		if (ship->fleet.failure_count >= most)
			break;
		alarm(SEED_SECONDS_MAX);
		world = run_seed(ship->seed, false, false);
		ship->fleet.seeds++;
		stats_add(&ship->fleet.stats, &world->stats);
		if (world->problem[0])
			failure_add(&ship->fleet, ship->seed, world->problem);
		world_free(world);
	}
	_exit(0);
}

static void ship_launch(struct ship *ship, uint64_t to, unsigned int step,
			unsigned int most)
{
	pid_t pid = fork();

	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (pid == 0)
		ship_sail(ship, to, step, most);
	ship->pid = pid;
}

/* It ended in the middle of a seed: that one failed; go on with the next. */
static bool ship_sank(struct ship *ship, int status, uint64_t to,
		      unsigned int step, unsigned int most)
{
	char problem[64];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return false;
	snprintf(problem, sizeof(problem), "%s",
		 WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ?
			 "an assertion does not hold" :
		 WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ?
			 "it does not end" :
			 "the process ended");
	failure_add(&ship->fleet, ship->seed, problem);
	ship->fleet.seeds++;
	ship->seed += step;
	if (ship->seed > to || ship->fleet.failure_count >= most)
		return false;
	ship_launch(ship, to, step, most);
	return true;
}

static struct ship *ships_wait(struct ship *ships, unsigned int count,
			       int *status)
{
	pid_t pid = wait(status);
	unsigned int i;

	for (i = 0; i < count; i++)
		if (ships[i].pid == pid)
			return &ships[i];
	return NULL;
}

void fleet_run(struct fleet *fleet, uint64_t from, uint64_t to,
	       unsigned int most)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int count = processors > 0 ? (unsigned int)processors : 1;
	unsigned int i, j, sailing;
	struct ship *ships, *ship;
	int status;

	if (count > WORKERS_MAX)
		count = WORKERS_MAX;
	if (count > to - from + 1)
		count = (unsigned int)(to - from + 1);
	ships = mmap(NULL, count * sizeof(*ships), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ships == MAP_FAILED)
		abort();
	for (i = 0; i < count; i++) {
		ships[i].seed = from + i;
		ship_launch(&ships[i], to, count, most);
	}
	for (sailing = count; sailing;) {
		ship = ships_wait(ships, count, &status);
		if (ship && !ship_sank(ship, status, to, count, most))
			sailing--;
	}
	memset(fleet, 0, sizeof(*fleet));
	for (i = 0; i < count; i++) {
		fleet->seeds += ships[i].fleet.seeds;
		stats_add(&fleet->stats, &ships[i].fleet.stats);
		for (j = 0; j < ships[i].fleet.failure_count; j++)
			failure_add(fleet, ships[i].fleet.failures[j].seed,
				    ships[i].fleet.failures[j].problem);
	}
	munmap(ships, count * sizeof(*ships));
}
