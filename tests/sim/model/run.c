// SPDX-License-Identifier: GPL-2.0
/*
 * One seed's run: faults for a while, then calm, in which everything must come
 * back by itself: everything acknowledged is there, each block linearizable, the
 * replicas the same byte for byte.
 */
#include "tests/sim/model/world.h"

#include <stdio.h>
#include <string.h>

#define CALM_US 60000000ULL /* bound of healing */
#define LOOK_US 50000

/* Who leads, with a lease; NULL: nobody, or not one alone. */
static struct host *leader_of(struct world *world, struct node_view *view)
{
	struct host *leader = NULL;
	struct node_view other;
	unsigned int i;

	for (i = 0; i < world->count; i++) {
		struct host *host = &world->hosts[i];

		if (!host->node || host->disk_out)
			return NULL;
		node_view(host->node, host_now(host), &other);
		if (other.role != RAFT_LEADER)
			continue;
		if (leader || !other.lease_until_us)
			return NULL;
		leader = host;
		*view = other;
	}
	return leader;
}

static bool has_data(const struct world *world, const struct host *host)
{
	enum raft_member_role role =
		raft_members_role(oracle_members(world), host->id);

	return role == RAFT_MEMBER_VOTER || role == RAFT_MEMBER_LEARNER;
}

/* The state that must come back by itself, once nothing fails any more. */
static bool healed(struct world *world)
{
	struct node_view first = { 0 }, view;
	unsigned int i;

	if (!leader_of(world, &first))
		return false;
	for (i = 0; i < world->count; i++) {
		struct host *host = &world->hosts[i];
		const struct device *device = &host->device;

		if (host->user &&
		    (device->open || device->opening || device->closing))
			return false;
		if (!raft_members_role(oracle_members(world), host->id)) {
			/* Until it has heard that it is none. */
			if (device->hold_count)
				return false;
			continue;
		}
		node_view(host->node, host_now(host), &view);
		if (host->set_back || view.damaged || view.requests ||
		    view.last != first.last || view.applied != view.last)
			return false;
		if (view.incomplete && has_data(world, host))
			return false;
	}
	return true;
}

static void tell_views(struct world *world)
{
	struct node_view view;
	unsigned int i;

	for (i = 0; i < world->count; i++) {
		struct host *host = &world->hosts[i];

		if (!host->node) {
			world_tell(world, i + 1, "is down");
			continue;
		}
		node_view(host->node, host_now(host), &view);
		world_tell(
			world, i + 1,
			"member %d role %d term %lu leader %u last %lu durable %lu commit %lu applied %lu requests %u copied %lu%s%s%s%s%s%s%s%s%s%s: %s",
			view.member, view.role, (unsigned long)view.term,
			view.leader, (unsigned long)view.last,
			(unsigned long)view.durable, (unsigned long)view.commit,
			(unsigned long)view.applied, view.requests,
			(unsigned long)view.copy_received,
			view.incomplete ? " incomplete" : "",
			view.damaged ? " damaged" : "",
			view.blank ? " blank" : "",
			host->device.open ? " open" : "",
			host->device.fenced ? " fenced" : "",
			host->device.hold_count ? " holds" : "",
			host->device.opening ? " opening" : "",
			host->device.closing ? " closing" : "",
			host->disk_out ? " disk-out" : "",
			host->set_back ? " set-back" : "", view.problem);
	}
}

static void compare_replicas(struct world *world)
{
	const struct host *first = NULL;
	unsigned int i;

	for (i = 0; i < world->count; i++) {
		const struct host *host = &world->hosts[i];

		if (!has_data(world, host))
			continue;
		if (!first)
			first = host;
		if (memcmp(disk_cached(first->disk) + host_data_offset(first),
			   disk_cached(host->disk) + host_data_offset(host),
			   world->volume_bytes) != 0)
			world_fail(world, "the replicas of n%u and n%u differ",
				   first->id, host->id);
	}
}

static void run_calm(struct world *world)
{
	uint64_t until = world->now_us + CALM_US;
	unsigned int i;

	faults_end(world);
	while (!healed(world) && !world->problem[0]) {
		if (world->now_us > until) {
			tell_views(world);
			world_fail(world, "no progress after the faults ended");
			return;
		}
		world_run_until(world, world->now_us + LOOK_US);
		faults_mend(world);
	}
	for (i = 0; i < world->count; i++)
		client_read_all(&world->hosts[i]);
	compare_replicas(world);
}

struct world *run_seed(uint64_t seed, bool trace, bool hashing)
{
	struct world *world = world_new(seed, trace, hashing);
	const char *problem;

	world_run_until(world, world->fault_until_us);
	if (!world->problem[0])
		run_calm(world);
	if (!world->problem[0]) {
		problem = history_check(world->history);
		if (problem)
			world_fail(world, "%s", problem);
	}
	if (!world->problem[0] && !world->gap_bytes && world_chance(world, 3))
		ruin(world);
	world->stats.us = world->now_us;
	return world;
}
