// SPDX-License-Identifier: GPL-2.0
/*
 * Whole volumes in one process, from one seed: the daemon's own node/, raft/,
 * wire/ and store/ code of 1 to 7 nodes, on a virtual clock, network, disk and
 * module.  Faults for a while, then calm: everything acknowledged must be
 * there, each block linearizable, the replicas the same byte for byte.
 *
 *	cluster_sim [FROM [TO]]		run these seeds, on all processors
 *	TRACE=1 cluster_sim SEED	tell what happens
 *	cluster_sim --hash FROM TO	of each seed's trace
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/model/fleet.h"

#define SEEDS_CI 6000 /* without arguments */

static int tell_one(uint64_t seed)
{
	struct world *world;
	bool failed;

	setvbuf(stdout, NULL, _IOLBF, 0); /* all is told of what aborts */
	world = run_seed(seed, true, false);
	failed = world->problem[0];
	printf("# seed %" PRIu64 ": %s\n", seed,
	       failed ? world->problem : "all is well");
	world_free(world);
	return failed;
}

static int hashes(uint64_t from, uint64_t to)
{
	struct world *world;
	uint64_t seed;

	for (seed = from; seed <= to; seed++) {
		world = run_seed(seed, false, true);
		printf("%" PRIu64 " %016" PRIx64 "\n", seed, world->hash);
		world_free(world);
	}
	return 0;
}

static void tell_totals(const struct fleet *fleet)
{
	const struct stats *stats = &fleet->stats;
	unsigned int i;

	printf("# seeds %" PRIu64 ", virtual hours %.2f, writes %" PRIu64
	       ", reads %" PRIu64 ", opens %" PRIu64 ", copies %" PRIu64
	       ", member changes %" PRIu64 ", damages found %" PRIu64
	       "\n# faults:",
	       fleet->seeds, (double)stats->us / 3.6e9, stats->writes,
	       stats->reads, stats->opens, stats->copies, stats->changes,
	       stats->damages);
	for (i = 0; i < FAULT_KINDS; i++)
		printf(" %s %" PRIu64, fault_names[i], stats->faults[i]);
	printf("\n# failures: %u\n", fleet->failure_count);
}

static void tell_failures(const struct fleet *fleet)
{
	unsigned int i;

	for (i = 0; i < fleet->failure_count; i++)
		printf("# seed %" PRIu64 " failed: %s\n"
		       "# reproduce: make sim SEED=%" PRIu64 " TRACE=1\n",
		       fleet->failures[i].seed, fleet->failures[i].problem,
		       fleet->failures[i].seed);
}

int main(int argc, char **argv)
{
	bool hash = argc > 1 && strcmp(argv[1], "--hash") == 0;
	struct fleet fleet;
	uint64_t from, to;

	argv += hash;
	argc -= hash;
	from = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	to = argc > 2 ? strtoull(argv[2], NULL, 10) :
	     argc > 1 ? from :
			SEEDS_CI;
	if (!from || to < from) {
		fprintf(stderr, "usage: cluster_sim [--hash] [FROM [TO]]\n");
		return 2;
	}
	if (hash)
		return hashes(from, to);
	if (getenv("TRACE") && from == to)
		return tell_one(from);
	printf("1..1\n");
	fflush(stdout);
	fleet_run(&fleet, from, to, FLEET_FAILURES_MAX);
	tell_failures(&fleet);
	tell_totals(&fleet);
	printf("%sok 1 - whole_volumes_from_seeds_%" PRIu64 "_to_%" PRIu64 "\n",
	       fleet.failure_count ? "not " : "", from, to);
	return fleet.failure_count != 0;
}
