// SPDX-License-Identifier: GPL-2.0
/*
 * More is lost than any promise covers: each disk is replaced by a blank one or
 * damaged, and of none is the log what it was.  All that can be asked for is
 * that what is left stays as it is: nobody leads, and so nothing is written over
 * the data that a damaged replica still has.
 */
#include "tests/sim/model/world.h"

#define RUIN_US 4000000 /* a dozen elections */
#define SLOT_BLOCK 4096

/* The slots of term and vote, of the checkpoint, or all four. */
static void ruin_slots(struct host *host)
{
	unsigned int which = (unsigned int)world_draw(host->world, 3);
	uint64_t slots, ring, end;
	unsigned int i;

	host_layout(host, &slots, &ring, &end);
	for (i = 0; i < 4; i++)
		if (which == 2 || i / 2 == which)
			disk_flip(host_log_disk(host),
				  ring - (uint64_t)(7 - i) * SLOT_BLOCK + 100,
				  1);
}

static void ruin_begin(struct world *world, bool damaged[WORLD_NODES_MAX],
		       uint64_t digests[WORLD_NODES_MAX])
{
	uint32_t sure = (uint32_t)world_draw(world, world->count);
	unsigned int i;

	for (i = 0; i < world->count; i++) {
		struct host *host = &world->hosts[i];

		host_kill(host, true);
		host->wounded = true;
		damaged[i] = i == sure || world_chance(world, 4);
		if (damaged[i])
			ruin_slots(host);
		else
			host_reformat(host);
		world_tell(world, host->id, damaged[i] ? "damaged" : "blank");
		digests[i] = disk_digest(host->disk);
		host_start_later(host, 1000 + world_draw(world, 100000));
	}
}

void ruin(struct world *world)
{
	uint64_t digests[WORLD_NODES_MAX];
	bool damaged[WORLD_NODES_MAX];
	struct node_view view;
	unsigned int i;

	ruin_begin(world, damaged, digests);
	world_run_until(world, world->now_us + RUIN_US);
	for (i = 0; i < world->count && !world->problem[0]; i++) {
		const struct host *host = &world->hosts[i];

		if (!host->node) {
			world_fail(world, "n%u: does not start", host->id);
			return;
		}
		node_view(host->node, host_now(host), &view);
		if (view.leader)
			world_fail(world, "n%u: n%u leads, and nothing is left",
				   host->id, view.leader);
		else if (view.damaged != damaged[i])
			world_fail(world, "n%u: the damage is not seen",
				   host->id);
		else if (disk_digest(host->disk) != digests[i])
			world_fail(world, "n%u: the data that was left changes",
				   host->id);
	}
}
