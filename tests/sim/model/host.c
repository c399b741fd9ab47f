// SPDX-License-Identifier: GPL-2.0
/* An agent's life: clock, start, death, and what its disk does to it. */
#include "tests/sim/model/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_OFFSET 8192
#define STOP_US 1000000 /* as qbdd has it */

static const uint8_t volume_id[16] = "simulated-volume";

uint64_t host_now(const struct host *host)
{
	int64_t now = (int64_t)host->world->now_us;

	return (uint64_t)(now + now * host->clock_ppm / 1000000 +
			  host->clock_offset_us);
}

/* When (true time) is it this late on the host's clock? Never too early. */
static uint64_t host_true(const struct host *host, uint64_t local_us)
{
	uint64_t now = host_now(host);

	if (local_us <= now)
		return host->world->now_us;
	if (local_us - now > 3600000000ULL)
		return host->world->now_us + 3600000000ULL;
	return host->world->now_us +
	       (local_us - now) * 1000000 /
		       (uint64_t)(1000000 + host->clock_ppm) +
	       1;
}

bool host_paused(const struct host *host)
{
	return host->world->now_us < host->paused_until;
}

uint64_t host_data_offset(const struct host *host)
{
	return host->id % 2 ? DATA_OFFSET : 0;
}

struct disk *host_log_disk(const struct host *host)
{
	return host->meta ? host->meta : host->disk;
}

bool host_is_off(const struct host *host)
{
	return disk_is_off(host->disk) ||
	       (host->meta && disk_is_off(host->meta));
}

/* To be closed with what was opened on it. */
static struct store_io *host_io(struct host *host)
{
	host->io = turns_over(&host->disk_turns, disk_io(host->disk));
	if (host->meta)
		host->io = store_io_pair(host->io,
					 turns_over(&host->meta_turns,
						    disk_io(host->meta)));
	if (!host->io)
		abort();
	return host->io;
}

const uint8_t *host_data(const struct host *host, uint64_t offset,
			 uint64_t size)
{
	return disk_read_bytes(host->disk, host_data_offset(host) + offset,
			       size);
}

void host_copy(struct host *host)
{
	struct disk *const from[] = { host->disk, host->meta };
	struct disk **const to[] = { &host->copy, &host->copy_meta };
	unsigned int i;

	for (i = 0; i < 2 && from[i]; i++) {
		if (!*to[i])
			*to[i] = disk_new_like(from[i], 1);
		disk_copy(*to[i], from[i]);
	}
	oracle_sight_copy(&host->copy_sight, &host->sight);
	host->copied = true;
}

/* What the others' disks hold counts: they may start anew, too. */
bool host_copy_is_known_old(const struct host *host)
{
	uint32_t number = host->copy_sight.saved.past.number;
	unsigned int i, place;

	if (!host->copied)
		return false;
	for (i = 0; i < host->world->count; i++) {
		const struct host *other = &host->world->hosts[i];
		const struct raft_known *known = other->sight.saved.past.known;

		for (place = 0; place < RAFT_MEMBERS_MAX; place++)
			if (known[place].id == host->id &&
			    known[place].life.number > number)
				break;
		if (other != host && place == RAFT_MEMBERS_MAX)
			return false;
	}
	return true;
}

void host_put_back(struct host *host)
{
	disk_copy(host->disk, host->copy);
	if (host->meta)
		disk_copy(host->meta, host->copy_meta);
	oracle_sight_copy(&host->sight, &host->copy_sight);
	host->stop_applied = 0;
	host->set_back = true;
}

/* Whole again: what was lost has come back from the others, durably. */
static void host_wound_heals(struct host *host)
{
	struct node_view view;

	if (!host->wounded || host->wound_fresh || host->disk_out ||
	    host->log_jobs || !host_data(host, 0, host->world->volume_bytes))
		return;
	node_view(host->node, host_now(host), &view);
	/* It looks whole until the others have told it. */
	if (host->set_back) {
		host->set_back = !view.blank && !view.damaged;
		return;
	}
	if (view.blank || view.damaged || view.incomplete || view.disk_failed)
		return;
	host->wounded = false;
	world_tell(host->world, host->id, "is whole again");
}

/* As qbdd/stop.c has it.  True: it is gone. */
static bool host_stop_ends(struct host *host)
{
	struct node_view view;
	bool done;

	if (!host->stop_at)
		return false;
	node_view(host->node, host_now(host), &view);
	done = view.role != RAFT_LEADER && !host->log_jobs && !host->image_jobs;
	if (!done && host->world->now_us < host->stop_at)
		return false;
	if (done && !view.incomplete && !view.damaged && !view.disk_failed)
		host->stop_applied = view.applied;
	world_tell(host->world, host->id, "stops");
	host_kill(host, false);
	/* Told to stop for that reason: a new disk, or another try with it. */
	if (host->disk_out && world_draw(host->world, 2)) {
		host_replace_later(host, host->stop_down_us);
		return true;
	}
	host->disk_out = false;
	host_start_later(host, host->stop_down_us);
	return true;
}

static void host_do_pump(struct world *world, void *object, uint64_t life,
			 uint64_t due)
{
	struct host *host = object;
	uint64_t random, jobs_at;

	if (!host->node || host->life != life || host->pump_at != due)
		return;
	if (host_paused(host)) {
		host->late = true;
		host->pump_at = host->paused_until;
		world_at(world, host->pump_at, host_do_pump, host, life,
			 host->pump_at);
		return;
	}
	if (host->late)
		node_late(host->node, host_now(host));
	host->late = false;
	random = world_draw(world, UINT64_MAX);
	node_pump(host->node, host_now(host), random);
	oracle_step(host);
	oracle_pumped(host);
	/* qbdd looks behind this; then what needs no disk may be left unsaved. */
	if (host_stop_ends(host))
		return;
	jobs_at = jobs_run(host);
	host_wound_heals(host);
	host->pump_at = host_true(host, node_deadline(host->node));
	if (jobs_at < host->pump_at)
		host->pump_at = jobs_at;
	if (host->stop_at && host->stop_at < host->pump_at)
		host->pump_at = host->stop_at;
	if (host->pump_at <= world->now_us)
		host->pump_at = world->now_us + 1;
	world_at(world, host->pump_at, host_do_pump, host, life, host->pump_at);
}

void host_pump(struct host *host)
{
	if (!host->node || host->pump_at <= host->world->now_us)
		return;
	host->pump_at = host->world->now_us;
	world_at(host->world, host->pump_at, host_do_pump, host, host->life,
		 host->pump_at);
}

static struct store_identity host_identity(const struct host *host)
{
	struct store_identity identity = {
		.volume_name = "sim",
		.node_id = host->id,
		.block_size = DISK_SECTOR,
		.volume_bytes =
			host->world->volume_bytes + host->world->gap_bytes,
		.log_bytes = host->world->log_bytes,
		.data_offset = host_data_offset(host),
	};

	memcpy(identity.volume_id, volume_id, sizeof(volume_id));
	return identity;
}

/* As format.h has it. */
void host_layout(const struct host *host, uint64_t *slots, uint64_t *ring,
		 uint64_t *end)
{
	uint64_t bytes = host->world->volume_bytes + host->world->gap_bytes;
	uint64_t volume = (bytes + 4095) / 4096 * 4096;

	/* With a superblock before them on a second disk, and where the data
	 * begin at byte 0. */
	*slots = host->meta ? 0 : host_data_offset(host) + volume;
	*ring = *slots + (host->meta || !host_data_offset(host) ? 8 : 7) * 4096;
	*end = *ring + host->world->log_bytes;
}

void host_reformat(struct host *host)
{
	struct store_identity identity = host_identity(host);
	struct base_error error;

	disk_replace(host->disk);
	if (host->meta)
		disk_replace(host->meta);
	host->disk_out = false;
	host->wound_fresh = false;
	host->set_back = false;
	host->stop_applied = 0;
	oracle_forget(host);
	if (store_format(host_io(host), &identity, true, NULL, NULL, &error))
		world_fail(host->world, "format: %s", error.text);
	host->io->ops->close(host->io);
}

void host_init(struct host *host)
{
	struct world *world = host->world;
	struct store_identity identity = host_identity(host);
	uint64_t size = store_bytes_needed(&identity);

	if (world_chance(world, 3)) {
		size = store_second_bytes_needed(&identity);
		host->meta = disk_new(size, DISK_SECTOR,
				      world_draw(world, UINT64_MAX));
		size = store_first_bytes_needed(&identity);
	}
	host->disk = disk_new(size - world->gap_bytes, DISK_SECTOR,
			      world_draw(world, UINT64_MAX));
	if (world->gap_bytes)
		disk_gap(host->disk, identity.data_offset + world->gap_from,
			 world->gap_bytes);
	disk_digest_keep(host->disk, identity.data_offset, world->volume_bytes);
	host->device.host = host;
	host->clock_offset_us =
		1000000000 + (int64_t)world_draw(world, 1000000000);
	host->clock_ppm = (int32_t)world_draw(world, 2 * WORLD_RATE_PPM + 1) -
			  WORLD_RATE_PPM;
	/* The extremes are what breaks leases. */
	if (world_draw(world, 2))
		host->clock_ppm = world_draw(world, 2) ? WORLD_RATE_PPM :
							 -WORLD_RATE_PPM;
	host_reformat(host);
	if (host->user)
		client_start(host);
}

/* Half the time as small as they may be, or nearly so; 0: the daemon's own. */
static uint64_t draw_bound(struct world *world, uint64_t low,
			   unsigned int doublings)
{
	if (world_draw(world, 2))
		return low << world_draw(world, doublings);
	return world_draw(world, 2) ? low : 0;
}

static void host_bounds(struct world *world, struct node_bounds *bounds)
{
	bounds->cache_bytes = draw_bound(world, 4096, 14);
	bounds->open_bytes = draw_bound(world, 64U << 10, 8);
	bounds->inflight_bytes = draw_bound(world, 4096, 12);
	bounds->send_bytes = draw_bound(world, 1024, 10);
	bounds->queue_bytes = draw_bound(world, 4096, 10);
	bounds->apply_bytes = draw_bound(world, 1024, 12);
	bounds->jobs = 80 + (unsigned int)world_draw(world, 100);
	bounds->entry_slots = (unsigned int)draw_bound(world, 2, 10);
}

static void host_config(const struct host *host, struct node_config *config)
{
	unsigned int i;

	memset(config, 0, sizeof(*config));
	config->raft.id = host->id;
	for (i = 0; i < host->world->count; i++)
		config->nodes[config->node_count++] = i + 1;
	config->raft.members = host->world->born;
	config->raft.election_timeout_us = host->election_us;
	config->raft.heartbeat_us = host->election_us / WORLD_HEARTBEATS;
	config->raft.drift_ppm = WORLD_DRIFT_PPM;
	config->volume_bytes =
		host->world->volume_bytes + host->world->gap_bytes;
	config->align = DISK_SECTOR;
	host_bounds(host->world, &config->bounds);
	config->incarnation = host->life;
}

/* Recovery itself may be cut short, find a broken disk, or no replica. */
static void host_start_failed(struct host *host, const char *text)
{
	struct world *world = host->world;

	if (host_is_off(host)) {
		world_tell(world, host->id, "stopped while it starts");
		host_kill(host, host->stop_power);
		host_start_later(host, 1000 + world_draw(world, 500000));
		return;
	}
	world_tell(world, host->id, "does not start: %s", text);
	if (!host->wounded) {
		world_fail(world, "n%u: open: %s", host->id, text);
		return;
	}
	host->disk_out = true;
	host_replace_later(host, 1000 + world_draw(world, 1000000));
}

/* The configuration is edited, one node at a time. */
static void host_timeout(struct host *host)
{
	struct world *world = host->world;

	if (host->election_us && (!world->unlike || world_draw(world, 3)))
		return;
	host->election_us = WORLD_ELECTION_US;
	if (world->unlike)
		host->election_us += world_draw(world, (WORLD_TIMEOUTS -
							1) * WORLD_ELECTION_US);
}

static void host_run(struct host *host, struct store_boot *boot)
{
	struct world *world = host->world;
	uint64_t random = world_draw(world, UINT64_MAX);
	struct node_config config;

	host_timeout(host);
	host_config(host, &config);
	oracle_started(host, boot);
	jobs_start(host);
	host->node = node_new(&config, boot, &host_ops, host, host_now(host),
			      random);
	host->pump_at = UINT64_MAX;
	device_bind(&host->device);
	host_pump(host);
	links_host_up(host);
}

static void host_start(struct world *world, void *object, uint64_t life,
		       uint64_t b)
{
	struct host *host = object;
	struct store_identity identity = host_identity(host);
	struct store_boot boot;
	struct base_error error;

	if (host->node || host->life != life)
		return;
	host->starting = false;
	host->life++;
	if (store_open(host_io(host), &identity, false, &host->store, &boot,
		       &error)) {
		host->io->ops->close(host->io);
		host_start_failed(host, error.text);
		return;
	}
	world_tell(world, host->id,
		   "starts: base %lu last %lu applied %lu%s %s",
		   (unsigned long)boot.base_index,
		   (unsigned long)boot.last_index,
		   (unsigned long)boot.checkpoint.applied,
		   boot.checkpoint.incomplete ? " incomplete" : "",
		   boot.damage);
	if (boot.state.damaged) {
		world->stats.damages++;
		if (!host->wounded && !host->sight.was_bare)
			world_fail(world, "n%u: recovery says damage: %s",
				   host->id, boot.damage);
	}
	if (boot.checkpoint.applied < host->stop_applied && !host->wounded)
		world_fail(world, "n%u: stopped without a checkpoint",
			   host->id);
	host->stop_applied = 0;
	host->wound_fresh = false;
	disk_disarm(host->disk);
	if (host->meta)
		disk_disarm(host->meta);
	if (boot.last_index > boot.checkpoint.applied && !boot.state.damaged)
		faults_unapplied(host);
	host_run(host, &boot);
}

void host_start_later(struct host *host, uint64_t after_us)
{
	if (host->node)
		return;
	host->starting = true;
	world_at(host->world, host->world->now_us + after_us, host_start, host,
		 host->life, 0);
}

void host_kill(struct host *host, bool power)
{
	struct node *node = host->node;

	world_tell(host->world, host->id, power ? "power cut" : "agent killed");
	host->node = NULL;
	host->life++;
	host->starting = false;
	host->stop_at = 0;
	host->paused_until = 0;
	host->device.lease_us = 0;
	if (node) {
		links_host_down(host);
		jobs_stop(host);
		node_free(node);
		store_close(host->store);
		host->store = NULL;
	}
	disk_on(host->disk);
	if (host->meta)
		disk_on(host->meta);
	if (!power)
		return;
	device_power_off(&host->device);
	/* What one cache loses has nothing to do with the other's. */
	disk_crash(host->disk, DISK_CRASH_SECTORS);
	if (host->meta)
		disk_crash(host->meta, DISK_CRASH_SECTORS);
}

void host_stop(struct host *host, uint64_t down_us)
{
	if (!host->node || host->stop_at || host_paused(host))
		return;
	world_tell(host->world, host->id, "is told to stop");
	host->stop_at = host->world->now_us + STOP_US;
	host->stop_down_us = down_us;
	node_step_down(host->node);
	oracle_step(host);
	host_pump(host);
}

void host_pause(struct host *host, uint64_t us)
{
	if (host->node)
		host->paused_until = host->world->now_us + us;
}

void host_transfer(struct host *host, uint32_t peer)
{
	if (!host->node || host_paused(host))
		return;
	node_transfer(host->node, peer);
	host_pump(host);
}

/* agent/raft/README.md, "Witnesses", says how many data disks may be lost. */
static unsigned int wounds_most(const struct world *world,
				const struct raft_members *members)
{
	unsigned int voting = raft_members_voting(members);
	unsigned int majority = voting / 2 + 1;
	unsigned int witnesses = 0;
	unsigned int i;

	for (i = 0; i < raft_members_count(members); i++)
		witnesses += raft_members_role_at(members, i) ==
			     RAFT_MEMBER_WITNESS;
	if (witnesses)
		return majority > witnesses + 1 ? majority - witnesses - 1 : 0;
	/* One more of an even number, where no change is about: same place. */
	if (!world->fault_mean_us[FAULT_MEMBER])
		return voting / 2;
	return (voting - 1) / 2;
}

/*
 * Of those who vote, no more have lost something than may at one time.  Who has
 * joined again but is still being filled counts: it has the log, not the data.
 */
static bool wounds_allowed(const struct world *world,
			   const struct raft_members *members)
{
	unsigned int count = 0, i;

	for (i = 0; i < world->count; i++)
		count += world->hosts[i].wounded &&
			 raft_role_votes(raft_members_role(members,
							   world->hosts[i].id));
	return count <= wounds_most(world, members);
}

/* Mostly one that starts from what it is. */
static enum node_member_op draw_order(struct world *world, uint32_t id)
{
	bool one = world_draw(world, 2);

	if (world_chance(world, 8))
		return (enum node_member_op)world_draw(world, 5);
	switch (raft_members_role(oracle_members(world), id)) {
	case RAFT_MEMBER_NONE:
		return one ? NODE_MEMBER_ADD : NODE_MEMBER_ADD_WITNESS;
	case RAFT_MEMBER_LEARNER:
		return one ? NODE_MEMBER_PROMOTE : NODE_MEMBER_REMOVE;
	case RAFT_MEMBER_VOTER:
		return one ? NODE_MEMBER_DEMOTE : NODE_MEMBER_REMOVE;
	default:
		return NODE_MEMBER_REMOVE;
	}
}

/* Of fewer members, what is wounded already might be too many. */
static bool change_allowed(const struct host *leader, enum node_member_op op,
			   uint32_t id)
{
	struct raft_members members = *oracle_members_of(leader);

	return raft_members_set(&members, id, node_member_role(op)) &&
	       wounds_allowed(leader->world, &members);
}

struct host *host_change_member(struct world *world)
{
	uint32_t id = 1 + (uint32_t)world_draw(world, world->count);
	enum node_member_op op = draw_order(world, id);
	unsigned int i;
	int error;

	for (i = 0; i < world->count; i++) {
		struct host *host = &world->hosts[i];

		if (!host->node || host_paused(host) ||
		    !change_allowed(host, op, id))
			continue;
		error = node_member_change(host->node, op, id);
		if (error == -ENOTCONN)
			continue;
		world_tell(world, host->id, "member n%u order %d: %d", id, op,
			   error);
		world->stats.changes += !error;
		oracle_step(host);
		host_pump(host);
		if (!error)
			return host;
	}
	return NULL;
}

bool host_wound(struct host *host)
{
	struct world *world = host->world;

	host->wounded = true;
	if (!oracle_members_all(world, wounds_allowed)) {
		host->wounded = false;
		return false;
	}
	host->wound_fresh = true;
	host->wound_log = false;
	return true;
}

bool host_must_live(const struct host *host)
{
	return disk_lie_pending(host_log_disk(host));
}

static void host_replace(struct world *world, void *object, uint64_t life,
			 uint64_t b)
{
	struct host *host = object;

	if (!host->disk_out || host->life != life)
		return;
	host_kill(host, true);
	host_reformat(host);
	host_start_later(host, 1000 + world_draw(world, 100000));
}

void host_replace_later(struct host *host, uint64_t after_us)
{
	world_at(host->world, host->world->now_us + after_us, host_replace,
		 host, host->life, 0);
}

bool host_disk_check(struct host *host, int error, const char *what)
{
	struct world *world = host->world;
	char text[200];

	if (host_is_off(host)) {
		world_tell(world, host->id, "stopped in the middle of: %s",
			   what);
		host_kill(host, host->stop_power);
		host_start_later(host, 1000 + world_draw(world, 500000));
		return true;
	}
	if (!error || host->disk_out)
		return false;
	if (!host->wounded || host->wound_log) {
		world_fail(world, "n%u: %s failed: %d", host->id, what, error);
		return false;
	}
	host->disk_out = true;
	/* It is on until it is replaced. */
	disk_stop_after(host->disk, 0);
	disk_stop_after(host_log_disk(host), 0);
	snprintf(text, sizeof(text), "%s: %s", what,
		 store_failure(host->store));
	node_disk_failed(host->node, text);
	host_replace_later(host, 1000 + world_draw(world, 3000000));
	return false;
}
