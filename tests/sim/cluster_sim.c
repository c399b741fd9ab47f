/* build: tests/sim/model/memdisk.c tests/sim/model/history.c tests/sim/model/world.c tests/sim/model/host.c tests/sim/model/device.c tests/sim/model/links.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * Whole volumes in one process, from one seed: the daemon's own node/, raft/,
 * wire/ and store/ code of 1 to 5 nodes, on a virtual clock, network, disk and
 * module.  Faults for a while, then calm: everything acknowledged must be
 * there, each block linearizable, the replicas the same byte for byte.
 *
 *	cluster_sim [FROM [TO]]	run these seeds; TRACE=1 tells what happens
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/model/world.h"

#define FAULT_US 20000000ULL /* virtual time with faults */
#define CALM_US 90000000ULL /* bound of healing */
#define SEEDS_CI 150 /* without arguments */
#define FAILURES_MAX 5 /* enough to look at */

enum fault {
	FAULT_KILL_AGENT,
	FAULT_POWER_ONE,
	FAULT_POWER_ALL,
	FAULT_PAUSE,
	FAULT_CUT_PAIR,
	FAULT_CUT_ONE_WAY,
	FAULT_CUT_NODE,
	FAULT_TRANSFER,
	FAULT_ABORT,
	FAULT_REFORMAT,
	FAULT_KINDS,
};

static const char *const fault_names[FAULT_KINDS] = {
	"agent-killed", "power-one", "power-all", "paused", "pair-cut",
	"one-way-cut",	"node-cut",  "transfer",  "abort",  "reformatted",
};

static uint64_t fault_counts[FAULT_KINDS];

static void fault_node(struct world *world, enum fault fault)
{
	struct host *host = &world->hosts[world_draw(world, world->count)];
	uint64_t down_us = 1000 + world_draw(world, 4000000);

	switch (fault) {
	case FAULT_KILL_AGENT:
		host_kill(host, false);
		host_start_later(host, down_us);
		break;
	case FAULT_POWER_ONE:
		host_kill(host, true);
		host_start_later(host, down_us);
		break;
	case FAULT_PAUSE:
		host_pause(host, down_us);
		break;
	case FAULT_CUT_NODE:
		links_cut_node(world, host->id, down_us);
		break;
	case FAULT_TRANSFER:
		host_transfer(host, 1 + world_draw(world, world->count));
		break;
	case FAULT_ABORT:
		device_abort(&host->device);
		break;
	case FAULT_REFORMAT:
		/* A minority of disks is lost in the end: always the same. */
		if (world->count < 3 || host->id > (world->count - 1) / 2)
			break;
		host_kill(host, true);
		host_reformat(host);
		host_start_later(host, down_us);
		break;
	default:
		break;
	}
}

static void fault_inject(struct world *world)
{
	enum fault fault = world_draw(world, FAULT_KINDS);
	uint64_t down_us = 1000 + world_draw(world, 3000000);
	unsigned int i;

	if (!(world->fault_mask >> fault & 1))
		return;
	fault_counts[fault]++;
	world_tell(world, 0, "fault %s", fault_names[fault]);
	switch (fault) {
	case FAULT_POWER_ALL:
		for (i = 0; i < world->count; i++) {
			host_kill(&world->hosts[i], true);
			host_start_later(&world->hosts[i],
					 1000 + world_draw(world, 2000000));
		}
		break;
	case FAULT_CUT_PAIR:
	case FAULT_CUT_ONE_WAY:
		links_cut(world, 1 + world_draw(world, world->count),
			  1 + world_draw(world, world->count),
			  fault == FAULT_CUT_PAIR, down_us);
		break;
	default:
		fault_node(world, fault);
		break;
	}
}

static void run_faults(struct world *world)
{
	uint64_t next = world->now_us + 1000000;

	while (world->now_us < FAULT_US) {
		world_run_until(world, next);
		fault_inject(world);
		next = world->now_us + 1 +
		       world_draw(world, 2 * world->fault_every_us);
	}
}

/* The state that must come back by itself, once nothing fails any more. */
static bool healed(struct world *world)
{
	struct node_view first;
	struct node_view view;
	unsigned int leaders = 0;
	unsigned int i;

	for (i = 0; i < world->count; i++) {
		struct host *host = &world->hosts[i];

		if (!host->node)
			return false;
		node_view(host->node, host_now(host), &view);
		if (i == 0)
			first = view;
		if (view.incomplete || view.damaged || view.requests ||
		    view.applied != view.last || view.last != first.last)
			return false;
		leaders += view.role == RAFT_LEADER && view.lease_until_us;
	}
	return leaders == 1;
}

static void tell_views(struct world *world)
{
	struct node_view view;
	unsigned int i;

	for (i = 0; i < world->count; i++) {
		if (!world->hosts[i].node)
			continue;
		node_view(world->hosts[i].node, host_now(&world->hosts[i]),
			  &view);
		world_tell(
			world, i + 1,
			"role %d term %lu leader %u last %lu durable %lu commit %lu applied %lu requests %u copied %lu%s%s%s: %s",
			view.role, (unsigned long)view.term, view.leader,
			(unsigned long)view.last, (unsigned long)view.durable,
			(unsigned long)view.commit, (unsigned long)view.applied,
			view.requests, (unsigned long)view.copy_received,
			view.incomplete ? " incomplete" : "",
			view.damaged ? " damaged" : "",
			view.blank ? " blank" : "", view.problem);
	}
}

static const char *compare_replicas(struct world *world)
{
	unsigned int i;

	for (i = 1; i < world->count; i++)
		if (memcmp(memdisk_bytes(world->hosts[0].disk),
			   memdisk_bytes(world->hosts[i].disk), WORLD_BYTES))
			return "replicas differ at the same applied index";
	return NULL;
}

static const char *run_calm(struct world *world)
{
	uint64_t until = world->now_us + CALM_US;
	unsigned int i;

	world->calm = true;
	links_heal(world);
	for (i = 0; i < world->count; i++) {
		if (!world->hosts[i].node && !world->hosts[i].starting)
			host_start_later(&world->hosts[i], 1000);
		device_finish(&world->hosts[i].device);
	}
	/* Time for what was begun, then all must agree. */
	world_run_until(world, world->now_us + 5000000);
	while (!healed(world)) {
		if (world->now_us > until) {
			tell_views(world);
			return "no progress after the faults ended";
		}
		world_run_until(world, world->now_us + 100000);
	}
	for (i = 0; i < world->count; i++)
		device_read_all(&world->hosts[i].device);
	return compare_replicas(world);
}

static const char *run_seed(uint64_t seed, struct world **out)
{
	struct world *world = world_new(seed);
	const char *problem;

	*out = world;
	run_faults(world);
	problem = world->problem[0] ? world->problem : run_calm(world);
	if (!problem && world->problem[0])
		problem = world->problem;
	if (!problem)
		problem = history_check(world->history);
	return problem;
}

struct totals {
	uint64_t seeds;
	uint64_t failed;
	uint64_t us;
	uint64_t writes;
	uint64_t reads;
	uint64_t opens;
	uint64_t copies;
};

static void run_seeds(uint64_t from, uint64_t to, struct totals *totals)
{
	struct world *world;
	const char *problem;
	uint64_t seed;

	for (seed = from; seed <= to && totals->failed < FAILURES_MAX; seed++) {
		problem = run_seed(seed, &world);
		if (problem) {
			printf("# seed %lu failed: %s\n"
			       "# reproduce: TRACE=1 build/tests/sim/cluster_sim %lu\n",
			       (unsigned long)seed, problem,
			       (unsigned long)seed);
			fflush(stdout);
			totals->failed++;
		}
		totals->seeds++;
		totals->writes += world->writes;
		totals->reads += world->reads;
		totals->copies += world->copies;
		totals->opens += world->opens;
		totals->us += world->now_us;
		world_free(world);
	}
}

int main(int argc, char **argv)
{
	uint64_t from = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t to = argc > 2 ? strtoull(argv[2], NULL, 10) :
		      argc > 1 ? from :
				 SEEDS_CI;
	struct totals totals = { 0 };
	int i;

	if (!from || to < from) {
		fprintf(stderr, "usage: cluster_sim [FROM [TO]]\n");
		return 2;
	}
	printf("1..1\n");
	run_seeds(from, to, &totals);
	printf("# seeds %lu, virtual hours %.2f, writes %lu, reads %lu, opens %lu, copies %lu\n# faults:",
	       (unsigned long)totals.seeds, (double)totals.us / 3.6e9,
	       (unsigned long)totals.writes, (unsigned long)totals.reads,
	       (unsigned long)totals.opens, (unsigned long)totals.copies);
	for (i = 0; i < FAULT_KINDS; i++)
		printf(" %s %lu", fault_names[i],
		       (unsigned long)fault_counts[i]);
	printf("\n%sok 1 - whole_volumes_from_seeds_%lu_to_%lu\n",
	       totals.failed ? "not " : "", (unsigned long)from,
	       (unsigned long)to);
	return totals.failed != 0;
}
