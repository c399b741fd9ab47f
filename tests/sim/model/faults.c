// SPDX-License-Identifier: GPL-2.0
/*
 * What goes wrong, and when: each kind comes at a pace of its own, drawn from
 * the seed.  Disks lose what was acknowledged on a minority of nodes at a time
 * (host_wound()): more is beyond what is promised.
 *
 * Not here: rot in the data area and writes to it that get lost, which only a
 * scrub of the replicas can notice; and jumps of the wall clock, which nothing
 * under test reads: the node is given monotonic time only.
 */
#include "tests/sim/model/world.h"

const char *const fault_names[FAULT_KINDS] = {
	[FAULT_KILL_AGENT] = "agent-killed",
	[FAULT_STOP_AGENT] = "agent-stopped",
	[FAULT_KILL_IN_IO] = "agent-killed-in-io",
	[FAULT_KILL_STORM] = "agent-storm",
	[FAULT_POWER_ONE] = "power-one",
	[FAULT_POWER_IN_IO] = "power-in-io",
	[FAULT_POWER_ALL] = "power-all",
	[FAULT_POWER_STORM] = "power-storm",
	[FAULT_COPIED] = "disk-copied",
	[FAULT_PAUSE] = "paused",
	[FAULT_CUT_PAIR] = "pair-cut",
	[FAULT_CUT_ONE_WAY] = "one-way-cut",
	[FAULT_CUT_NODE] = "node-cut",
	[FAULT_CUT_GROUPS] = "groups-cut",
	[FAULT_LINK_FLAP] = "link-flap",
	[FAULT_LINK_SLOW] = "link-slow",
	[FAULT_TRANSFER] = "transfer",
	[FAULT_MEMBER] = "member-order",
	[FAULT_ABORT] = "abort",
	[FAULT_SLOW_DISK] = "slow-disk",
	[FAULT_REPLACED] = "disk-replaced",
	[FAULT_ROT_LOG] = "log-rot",
	[FAULT_ROT_META] = "meta-rot",
	[FAULT_UNREADABLE] = "log-unreadable",
	[FAULT_LOST_WRITE] = "lost-write",
	[FAULT_MISDIRECTED] = "misdirected-write",
	[FAULT_WRITE_EIO] = "write-eio",
	[FAULT_SYNC_EIO] = "sync-eio",
	[FAULT_DATA_UNREADABLE] = "data-unreadable",
	[FAULT_SET_BACK] = "disk-set-back",
	[FAULT_CORRUPTED] = "frame-corrupted",
	[FAULT_QUEUE_FULL] = "queue-full",
	[FAULT_UNAPPLIED] = "unapplied-log-lost",
};

#define STORM_MAX 6 /* restarts in one storm */
#define DOWN_US 1000000

void faults_draw(struct world *world)
{
	/* How rough this run is, all in all */
	uint64_t scale = 100000ULL << world_draw(world, 6);
	unsigned int kinds = 1 + (unsigned int)world_draw(world, 8);
	unsigned int i;

	for (i = 0; i < FAULT_SCHEDULED; i++)
		if (world_chance(world, kinds))
			world->fault_mean_us[i] = scale << world_draw(world, 5);
	if (world->fault_mean_us[FAULT_SET_BACK])
		world->fault_mean_us[FAULT_COPIED] =
			world->fault_mean_us[FAULT_SET_BACK];
	world->fault_mean_us[FAULT_MEMBER] /= 4;
	world->fault_mean_us[FAULT_REPLACED] /= 4;
	world->fault_us = 20000ULL << world_draw(world, 8);
	/* Time enough for a few of them to begin and to end */
	if (world->fault_us > 500000)
		world->fault_until_us += 2 * world->fault_us;
	if (world_chance(world, 3))
		world->corrupt_one_in = 50 + (uint32_t)world_draw(world, 3000);
	if (world_chance(world, 3))
		world->full_one_in = 10 + (uint32_t)world_draw(world, 1000);
	if (world_chance(world, 3))
		world->unapplied_one_in = 1 + (uint32_t)world_draw(world, 8);
}

static struct host *draw_host(struct world *world)
{
	return &world->hosts[world_draw(world, world->count)];
}

/* Half the time the leader: most of what can go wrong is about it. */
static struct host *draw_target(struct world *world)
{
	struct host *host = draw_host(world);
	unsigned int i;

	if (world_chance(world, 2))
		return host;
	for (i = 0; i < world->count; i++)
		if (device_active(&world->hosts[i].device))
			return &world->hosts[i];
	return host;
}

static uint64_t draw_us(struct world *world)
{
	uint64_t most = world->fault_us;

	if (world_chance(world, 3))
		most = 10000ULL << world_draw(world, 9);
	return 1000 + world_draw(world, most);
}

static void strike(struct host *host, bool power, uint64_t down_us)
{
	if (host_must_live(host) || host->disk_out)
		return;
	host_kill(host, power);
	host_start_later(host, down_us);
}

static void storm_again(struct world *world, void *object, uint64_t left,
			uint64_t power)
{
	struct host *host = object;

	if (world->calm)
		return;
	strike(host, power, 1000 + world_draw(world, 50000));
	if (left)
		world_at(world, world->now_us + draw_us(world), storm_again,
			 host, left - 1, power);
}

static struct disk *either_disk(struct host *host)
{
	return host->meta && world_draw(host->world, 2) ? host->meta :
							  host->disk;
}

/* At any step; half the time while term, vote or a checkpoint is saved. */
static void stop_in_io(struct host *host, bool power)
{
	struct world *world = host->world;
	uint64_t slots, ring, end;
	struct disk *disk;

	if (host_must_live(host) || host->disk_out)
		return;
	host->stop_power = power;
	host_layout(host, &slots, &ring, &end);
	if (world_chance(world, 2)) {
		disk_stop_at(host_log_disk(host), slots, ring,
			     1 + world_draw(world, 4));
		return;
	}
	disk = either_disk(host);
	disk_stop_after(disk, 1 + world_draw(world, 40));
}

static void power_all(struct world *world)
{
	unsigned int i;

	for (i = 0; i < world->count; i++)
		strike(&world->hosts[i], true,
		       1000 + world_draw(world, DOWN_US));
}

/* A backup is made of what is sound. */
static void disk_copied(struct host *host, uint64_t down_us)
{
	if (host->wounded || host->disk_out || host_must_live(host))
		return;
	host_kill(host, true);
	host_copy(host);
	host_start_later(host, down_us);
}

static void fault_crash(struct world *world, enum fault fault)
{
	struct host *host = draw_target(world);
	uint64_t down_us = draw_us(world);

	switch (fault) {
	case FAULT_KILL_AGENT:
	case FAULT_POWER_ONE:
		strike(host, fault == FAULT_POWER_ONE, down_us);
		break;
	case FAULT_STOP_AGENT:
		if (!host_must_live(host))
			host_stop(host, down_us);
		break;
	case FAULT_KILL_IN_IO:
	case FAULT_POWER_IN_IO:
		stop_in_io(host, fault == FAULT_POWER_IN_IO);
		break;
	case FAULT_KILL_STORM:
	case FAULT_POWER_STORM:
		storm_again(world, host, world_draw(world, STORM_MAX),
			    fault == FAULT_POWER_STORM);
		break;
	case FAULT_POWER_ALL:
		power_all(world);
		break;
	case FAULT_COPIED:
		disk_copied(host, down_us);
		break;
	case FAULT_PAUSE:
		host_pause(host, 2 * down_us);
		break;
	default:
		break;
	}
}

/* Any two groups; what is cut between them is cut both ways. */
static void cut_groups(struct world *world, uint64_t us)
{
	uint64_t group = world_draw(world, 1ULL << world->count);
	uint32_t a, b;

	for (a = 1; a <= world->count; a++)
		for (b = a + 1; b <= world->count; b++)
			if ((group >> (a - 1) & 1) != (group >> (b - 1) & 1))
				links_cut(world, a, b, true, us);
}

static void cut_node(struct world *world, uint32_t id, uint64_t us)
{
	uint32_t other;

	for (other = 1; other <= world->count; other++)
		links_cut(world, id, other, true, us);
}

/* The node that began the change may die before another has heard of it. */
static void member_changes(struct world *world)
{
	struct host *host = host_change_member(world);

	if (!host || world_draw(world, 3))
		return;
	if (world_chance(world, 2))
		cut_node(world, host->id, draw_us(world) + WORLD_ELECTION_US);
	else
		stop_in_io(host, world_chance(world, 2));
}

static void fault_link(struct world *world, enum fault fault)
{
	uint32_t a = draw_target(world)->id;
	uint32_t b = draw_host(world)->id;
	uint64_t us = draw_us(world);

	switch (fault) {
	case FAULT_CUT_PAIR:
	case FAULT_CUT_ONE_WAY:
		links_cut(world, a, b, fault == FAULT_CUT_PAIR, us);
		break;
	case FAULT_CUT_NODE:
		cut_node(world, a, us);
		break;
	case FAULT_CUT_GROUPS:
		cut_groups(world, us);
		break;
	case FAULT_LINK_FLAP:
		links_flap(world, a, b);
		break;
	case FAULT_LINK_SLOW:
		links_slow(world, a, b, us);
		break;
	case FAULT_TRANSFER:
		host_transfer(&world->hosts[a - 1], b);
		break;
	default:
		break;
	}
}

/* A restart brings to light what the disk has done. */
static void restart_once(struct world *world, void *object, uint64_t a,
			 uint64_t b)
{
	struct host *host = object;

	if (!host->wound_fresh || host->disk_out || !host->node)
		return;
	if (host_must_live(host)) {
		world_at(world, world->now_us + 100000, restart_once, host, a,
			 b);
		return;
	}
	host_kill(host, world_draw(world, 2));
	host_start_later(host, 1000 + world_draw(world, 100000));
}

static void disk_replaced(struct host *host)
{
	host_kill(host, true);
	host_reformat(host);
	host_start_later(host, 1000 + world_draw(host->world, DOWN_US));
}

static bool disk_set_back(struct host *host)
{
	if (!host_copy_is_known_old(host))
		return false;
	host_kill(host, true);
	host_put_back(host);
	host_start_later(host, 1000 + world_draw(host->world, DOWN_US));
	return true;
}

/* False: nothing came of it. */
static bool wound(struct host *host, enum fault fault)
{
	struct disk *disk = host_log_disk(host);
	uint64_t slots, ring, end;
	uint64_t nth = 1 + world_draw(host->world, 30);

	host_layout(host, &slots, &ring, &end);
	disk_stop_after(host->disk, 0);
	disk_stop_after(disk, 0);
	host->wound_log = fault == FAULT_ROT_LOG || fault == FAULT_ROT_META ||
			  fault == FAULT_UNREADABLE;
	switch (fault) {
	case FAULT_REPLACED:
		disk_replaced(host);
		return true;
	case FAULT_SET_BACK:
		return disk_set_back(host);
	case FAULT_ROT_LOG:
		return disk_rot(disk, ring, end, false);
	case FAULT_ROT_META:
		return disk_rot(disk, slots, ring, nth & 1);
	case FAULT_UNREADABLE:
		return disk_rot(disk, ring, end, true);
	case FAULT_LOST_WRITE:
		disk_lie(disk, &(struct disk_lie){ .kind = DISK_LIE_LOST,
						   .from = ring });
		return true;
	case FAULT_MISDIRECTED:
		disk_lie(disk, &(struct disk_lie){ .kind = DISK_LIE_MISDIRECTED,
						   .from = ring });
		return true;
	case FAULT_WRITE_EIO:
		disk_fail(either_disk(host), DISK_WRITE, nth);
		return true;
	case FAULT_SYNC_EIO:
		disk_fail(either_disk(host), DISK_SYNC, nth);
		return true;
	case FAULT_DATA_UNREADABLE:
		disk_spoil(host->disk, host_data_offset(host),
			   host_data_offset(host) + host->world->volume_bytes);
		return true;
	default:
		return false;
	}
}

static bool strike_disk(struct host *host, enum fault fault)
{
	struct world *world = host->world;

	if (host->wounded || host_must_live(host) || !host_wound(host))
		return false;
	if (!wound(host, fault)) {
		host->wounded = false;
		host->wound_fresh = false;
		return false;
	}
	world_tell(world, host->id, "%s", fault_names[fault]);
	if (fault != FAULT_REPLACED && fault != FAULT_SET_BACK)
		world_at(world, world->now_us + draw_us(world), restart_once,
			 host, 0, 0);
	return true;
}

static bool fault_disk(struct world *world, enum fault fault)
{
	struct host *host = draw_host(world);

	return host->node && strike_disk(host, fault);
}

/* No memory holds what it has yet to apply, and recovery has just read it. */
void faults_unapplied(struct host *host)
{
	struct world *world = host->world;
	enum fault fault = FAULT_ROT_LOG;

	if (world->calm || !world->unapplied_one_in ||
	    !world_chance(world, world->unapplied_one_in))
		return;
	if (world_chance(world, 2))
		fault = FAULT_UNREADABLE;
	world->stats.faults[FAULT_UNAPPLIED] += strike_disk(host, fault);
}

static void fault_strikes(struct world *world, enum fault fault)
{
	struct host *host;

	if (fault >= FAULT_REPLACED) {
		if (!fault_disk(world, fault))
			return;
	} else if (fault <= FAULT_PAUSE) {
		world_tell(world, 0, "fault %s", fault_names[fault]);
		fault_crash(world, fault);
	} else if (fault <= FAULT_TRANSFER) {
		world_tell(world, 0, "fault %s", fault_names[fault]);
		fault_link(world, fault);
	} else {
		host = draw_host(world);
		world_tell(world, host->id, "fault %s", fault_names[fault]);
		if (fault == FAULT_MEMBER)
			member_changes(world);
		else if (fault == FAULT_ABORT)
			device_abort(&host->device);
		else
			host->slow_until = world->now_us + draw_us(world);
	}
	world->stats.faults[fault]++;
}

static void fault_comes(struct world *world, void *object, uint64_t kind,
			uint64_t b)
{
	enum fault fault = (enum fault)kind;
	uint64_t next;

	if (world->calm)
		return;
	fault_strikes(world, fault);
	next = 1 + world_draw(world, 2 * world->fault_mean_us[fault]);
	world_at(world, world->now_us + next, fault_comes, NULL, kind, 0);
}

/* The volume is born in peace, mostly. */
void faults_start(struct world *world)
{
	uint64_t from = world_chance(world, 4) ? 0 : 700000;
	unsigned int i;
	uint64_t first;

	for (i = 0; i < FAULT_SCHEDULED; i++) {
		if (!world->fault_mean_us[i])
			continue;
		first = 1 + world_draw(world, 2 * world->fault_mean_us[i]);
		world_at(world, from + first, fault_comes, NULL, i, 0);
	}
}

void faults_end(struct world *world)
{
	unsigned int i;

	world->calm = true;
	links_heal(world);
	for (i = 0; i < world->count; i++) {
		struct host *host = &world->hosts[i];

		disk_stop_after(host->disk, 0);
		disk_stop_after(host_log_disk(host), 0);
		host->slow_until = 0;
		if (!disk_lie_unseen(host_log_disk(host)))
			disk_disarm(host_log_disk(host));
		if (host->meta)
			disk_disarm(host->disk);
		/* A bad sector is not mended by reading it. */
		if (!host->disk_out && !host_data(host, 0, world->volume_bytes))
			disk_replaced(host);
		else if (!host->node && !host->starting && !host->disk_out)
			host_start_later(host, 1000);
		else
			restart_once(world, host, 0, 0);
	}
}

/*
 * Damaged before anything was committed, it does not vote for the volume's
 * beginning, which takes all.  People see that no other node has anything
 * either, and format it.
 */
void faults_mend(struct world *world)
{
	bool damaged[WORLD_NODES_MAX];
	struct node_view view;
	unsigned int i;

	for (i = 0; i < world->count; i++) {
		struct host *host = &world->hosts[i];

		if (!host->node)
			return;
		node_view(host->node, host_now(host), &view);
		damaged[i] = view.damaged;
		if (!damaged[i] && view.last)
			return;
	}
	for (i = 0; i < world->count; i++)
		if (damaged[i])
			disk_replaced(&world->hosts[i]);
}
