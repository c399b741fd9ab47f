// SPDX-License-Identifier: GPL-2.0
/*
 * The node: takes events, steps the core and carries out what it says.  One
 * thread; owns everything in struct node.  It must never block, and never
 * answer the device or a peer before what the answer promises is so.
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/planted.h"
#include "node/state.h"

void node_say(struct node *node, int level, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	node->ops->event(node->context, level, text);
}

void node_set_damage(struct node *node, const char *what)
{
	snprintf(node->damage, sizeof(node->damage), "%.150s", what);
}

/* splitmix64: the core wants a number with each event. */
static uint64_t node_random(struct node *node)
{
	uint64_t z = node->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void peers_init(struct node *node)
{
	const struct node_config *config = &node->config;
	unsigned int i;

	assert(config->node_count <= NODE_COUNT_MAX);
	for (i = 0; i < config->node_count; i++)
		if (config->nodes[i] != config->raft.id)
			node->peers[node->peer_count++].id = config->nodes[i];
}

/* The base's members first, then each change. */
static unsigned int member_runs(const struct store_boot *boot,
				struct raft_member_run *runs)
{
	uint64_t length = boot->last_index - boot->base_index, i;
	unsigned int count = 0;

	if (boot->base_index == boot->checkpoint.applied &&
	    raft_members_said(&boot->checkpoint.standing.members)) {
		runs[count].first_index = boot->base_index;
		runs[count++].members = boot->checkpoint.standing.members;
	}
	for (i = 0; i < length; i++) {
		const struct raft_entry *entry = boot->entries[i];

		if (count && raft_members_equal(&runs[count - 1].members,
						&entry->standing.members))
			continue;
		runs[count].first_index = entry->index;
		runs[count++].members = entry->standing.members;
	}
	return count;
}

/* The store found the log as it is: tell the core as runs of terms. */
static struct raft *node_new_raft(struct node *node,
				  const struct store_boot *boot)
{
	struct raft_boot raft_boot = {
		.state = boot->state,
		.base_index = boot->base_index,
		.base_term = boot->base_term,
		.last_index = boot->last_index,
		.commit = boot->checkpoint.applied,
		.now_us = node->now_us,
		.random = node_random(node),
	};
	uint64_t count = boot->last_index - boot->base_index;
	struct raft_run *runs = calloc(count + 1, sizeof(*runs));
	struct raft_member_run *members = calloc(count + 1, sizeof(*members));
	struct raft *raft = NULL;
	uint64_t i;

	if (!runs || !members)
		goto out;
	for (i = 0; i < count; i++) {
		const struct raft_entry *entry = boot->entries[i];

		if (raft_boot.run_count &&
		    runs[raft_boot.run_count - 1].term == entry->term)
			continue;
		runs[raft_boot.run_count].first_index = entry->index;
		runs[raft_boot.run_count++].term = entry->term;
	}
	raft_boot.runs = runs;
	raft_boot.member_runs = members;
	raft_boot.member_run_count = member_runs(boot, members);
	raft = raft_new(&node->config.raft, &raft_boot);
out:
	free(members);
	free(runs);
	return raft;
}

struct node *node_new(const struct node_config *config, struct store_boot *boot,
		      const struct node_ops *ops, void *context,
		      uint64_t now_us, uint64_t random)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->config = *config;
	node->ops = ops;
	node->context = context;
	node->now_us = now_us;
	node->random = random;
	node->serial = node_random(node);
	node->log_capacity = boot->log_capacity;
	node->incomplete = boot->checkpoint.incomplete;
	image_reset(node, boot->checkpoint.applied);
	node_set_damage(node, boot->damage);
	store_job_pool_init(&node->jobs, NODE_JOBS_MAX);
	device_init(node);
	peers_init(node);
	node->raft = node_new_raft(node, boot);
	if (!node->raft || entries_init(&node->entries, boot, config->align)) {
		node_free(node);
		return NULL;
	}
	node->term = raft_term(node->raft);
	node->members = *raft_members(node->raft);
	return node;
}

void node_free(struct node *node)
{
	if (!node)
		return;
	device_clear(node);
	entries_free(&node->entries);
	if (node->raft)
		raft_free(node->raft);
	store_job_pool_end(&node->jobs);
	free(node);
}

bool node_leads(const struct node *node)
{
	return !node->dead && raft_role(node->raft) == RAFT_LEADER;
}

bool node_ready(const struct node *node)
{
	return node_leads(node) && !node->incomplete && !node->disk_failed &&
	       (node->image.applied >= raft_term_start(node->raft) ||
		planted(PLANTED_SERVED_UNAPPLIED));
}

/* Some room is kept for what a leader must be able to write: its no-op. */
uint64_t node_log_room(const struct node *node)
{
	uint64_t used = node->entries.record_bytes + (64U << 10);

	if (node_jobs_short(node) || used >= node->log_capacity)
		return 0;
	return node->log_capacity - used;
}

static void node_take_truncate(struct node *node)
{
	uint64_t from = node->update.truncate_from;
	struct store_job *job;

	assert(from > node->image.issued);
	device_truncated(node, from);
	entries_truncate(&node->entries, from);
	job = node_job(node, STORE_JOB_TRUNCATE);
	job->index = from;
	node_begin(node, job);
}

struct raft_entry *node_make_entry(const struct node *node, uint16_t op)
{
	struct store_checkpoint tail =
		entries_head(&node->entries, node->entries.last);
	struct raft_entry *entry = raft_entry_new();

	assert(entry); /* a node that stops is safe */
	entry->op = op;
	entry->standing = tail.standing;
	return entry;
}

/* New entries: received ones, a leader's no-op, or the batch proposed. */
static void node_take_append(struct node *node, const struct wire_msg *received)
{
	const struct raft_update *update = &node->update;
	struct store_job *job = node_job(node, STORE_JOB_APPEND);
	struct raft_entry *entry;
	uint32_t i;

	assert(update->append_first == node->entries.last + 1);
	assert(update->append_count <= BATCH_MAX);
	for (i = 0; i < update->append_count; i++) {
		if (update->append_noop)
			entry = node_make_entry(node, RAFT_OP_NOOP);
		else if (received)
			entry = raft_entry_get(
				received->raft.entries[update->append_skip + i]);
		else
			entry = node->proposed[i];
		if (update->append_noop || !received) {
			entry->index = update->append_first + i;
			entry->term = raft_term(node->raft);
			entry->standing.members = *raft_members(node->raft);
			if (raft_op_opens(entry->op))
				entry->standing.epoch = entry->index;
		}
		assert(entry->index == update->append_first + i);
		entries_push(&node->entries, entry);
		store_job_add(job, entry);
	}
	job->seq = update->log_seq;
	node_begin(node, job);
}

static void node_save_state(struct node *node)
{
	struct store_job *job = node_job(node, STORE_JOB_STATE);

	job->state = node->update.state;
	job->seq = node->update.state_seq;
	node_begin(node, job);
}

static void node_hold(struct node *node, const struct raft_msg *msg)
{
	if (node->held_count == HELD_MAX) /* the network may lose messages */
		memmove(node->held, node->held + 1,
			--node->held_count * sizeof(node->held[0]));
	node->held[node->held_count].seq = node->update.state_seq;
	node->held[node->held_count++].msg = *msg;
}

void node_forget_held(struct node *node, uint32_t peer)
{
	unsigned int kept = 0;
	unsigned int i;

	for (i = 0; i < node->held_count; i++)
		if (node->held[i].msg.to != peer)
			node->held[kept++] = node->held[i];
	node->held_count = kept;
}

static void node_take_role(struct node *node)
{
	enum raft_role role = raft_role(node->raft);
	uint64_t term = raft_term(node->raft);
	uint32_t leader = raft_leader(node->raft);
	unsigned int i;

	if (role == node->role && term == node->term && leader == node->leader)
		return;
	if (leader && (leader != node->leader || term != node->term))
		node_say(node, BASE_LOG_NOTICE, "event=leader leader=#%u",
			 leader);
	if (role != RAFT_LEADER && leader && leader != node->leader)
		device_ask_at(node, 0);
	if (role != node->role || term != node->term) {
		node->role_since_us = node->now_us;
		for (i = 0; i < node->peer_count; i++)
			copy_forget(&node->peers[i]);
	}
	if (term != node->term || leader != node->leader)
		fill_abort(node);
	node->role = role;
	node->term = term;
	node->leader = leader;
	status_soon(node);
	if (role == RAFT_LEADER)
		device_became_leader(node);
}

const struct raft_update *node_step(struct node *node, struct raft_event *event,
				    const struct wire_msg *received)
{
	static const struct raft_update nothing = { .flags = RAFT_UP_REFUSED };
	const struct raft_update *update = &node->update;
	unsigned int i;

	if (node->dead)
		return &nothing;
	if (!event->now_us)
		event->now_us = node->now_us;
	event->random = node_random(node);
	raft_step(node->raft, event, &node->update);
	if (!node->disk_failed) {
		if (update->flags & RAFT_UP_TRUNCATE)
			node_take_truncate(node);
		if (update->flags & RAFT_UP_APPEND)
			node_take_append(node, received);
		if (update->flags & RAFT_UP_STATE)
			node_save_state(node);
	}
	/* Nothing may tell a peer that we gave up before our device knows. */
	if (node->device.lease_us &&
	    raft_lease_until(node->raft) < node->device.lease_us)
		device_revoke(node, "leadership ends");
	for (i = 0; i < update->msg_count; i++) {
		if (update->msgs[i].needs_state &&
		    update->state_seq > node->state_saved_seq &&
		    !planted(PLANTED_VOTE_SENT_UNSAVED))
			node_hold(node, &update->msgs[i]);
		else
			peer_send_raft(node, &update->msgs[i]);
	}
	node_take_role(node);
	return update;
}

uint64_t node_propose(struct node *node, struct raft_event *event,
		      struct raft_entry *const *entries, uint32_t count)
{
	const struct raft_update *update;
	uint32_t i;

	node->proposed = entries;
	update = node_step(node, event, NULL);
	node->proposed = NULL;
	if (!(update->flags & RAFT_UP_REFUSED))
		return update->append_first;
	for (i = 0; i < count; i++)
		raft_entry_put(entries[i]);
	return 0;
}

void node_state_saved(struct node *node, uint64_t seq)
{
	struct raft_event event = { .type = RAFT_EV_STATE_SAVED, .seq = seq };
	struct held_msg held[HELD_MAX];
	unsigned int count = node->held_count;
	unsigned int i;

	if (node->disk_failed)
		return;
	if (seq > node->state_saved_seq)
		node->state_saved_seq = seq;
	memcpy(held, node->held, count * sizeof(held[0]));
	node->held_count = 0;
	for (i = 0; i < count; i++) {
		if (held[i].seq <= seq)
			peer_send_raft(node, &held[i].msg);
		else
			node->held[node->held_count++] = held[i];
	}
	node_step(node, &event, NULL);
}

void node_disk_failed(struct node *node, const char *what)
{
	struct raft_event event = { .type = RAFT_EV_TRANSFER };
	struct peer *best;

	if (node->disk_failed)
		return;
	node->disk_failed = true;
	node_set_damage(node, what);
	node_say(node, BASE_LOG_ERROR,
		 "event=disk-failed error=\"%s\" remedy=\"replace the disk, "
		 "then qbd format and qbd up on this node\"",
		 what);
	device_revoke(node, "disk failed");
	device_fence(node, "disk failed");
	best = peer_best(node);
	if (!node_leads(node) || !best) {
		node->dead = true;
		return;
	}
	/* What the followers lack of the log can still be sent from memory. */
	event.peer = best->id;
	node_step(node, &event, NULL);
	node->dead_at_us = node->now_us + node->config.raft.election_timeout_us;
}

int node_transfer(struct node *node, uint32_t peer_id)
{
	struct raft_event event = { .type = RAFT_EV_TRANSFER, .peer = peer_id };
	struct peer *peer = peer_find(node, peer_id);

	if (peer_id == node->config.raft.id)
		return node_leads(node) ? 0 : -ENOTCONN;
	if (!peer || member_role(node, peer_id) != RAFT_MEMBER_VOTER)
		return -EINVAL;
	if (!node_leads(node))
		return -ENOTCONN;
	if (node->device.epoch || node->device.open)
		return -EBUSY;
	if (!peer_alive(node, peer) ||
	    peer->status.flags & (WIRE_NODE_INCOMPLETE | WIRE_NODE_DAMAGED |
				  WIRE_NODE_DISK_FAILED))
		return -EHOSTDOWN;
	device_revoke(node, "handing leadership over");
	return node_step(node, &event, NULL)->flags & RAFT_UP_REFUSED ?
		       -EHOSTDOWN :
		       0;
}

void node_step_down(struct node *node)
{
	struct raft_event event = { .type = RAFT_EV_TRANSFER };
	struct peer *best = peer_best(node);

	node->stopping = true;
	device_revoke(node, "agent stops");
	if (!node_leads(node))
		return;
	event.peer = best ? best->id : 0;
	node_step(node, &event, NULL);
}

static void node_tick(struct node *node)
{
	struct raft_event event = { .type = RAFT_EV_TICK };

	if (node->disk_failed && !node->dead &&
	    (node->now_us >= node->dead_at_us || !node_leads(node)))
		node->dead = true;
	if (!node->dead && !node_jobs_out(node) &&
	    node->now_us >= raft_deadline(node->raft))
		node_step(node, &event, NULL);
}

/* What has become committed: answer for it, and look who has the device. */
static void node_take_commit(struct node *node)
{
	uint64_t commit = raft_commit_index(node->raft);
	uint64_t i;

	if (commit > node->entries.last)
		commit = node->entries.last;
	for (i = node->entries.committed + 1; i <= commit; i++) {
		struct raft_entry *entry = entries_at(&node->entries, i);

		if (entry && raft_op_opens(entry->op) &&
		    entry->standing.writer != node->config.raft.id &&
		    !planted(PLANTED_NOT_FENCED))
			device_fence(node, "opened on another node");
	}
	entries_commit(&node->entries, commit);
	if (planted(PLANTED_CLIENT_ANSWERED_EARLY))
		commit = node->entries.last;
	device_commit(node, commit);
}

void node_pump(struct node *node, uint64_t now_us, uint64_t random)
{
	node->now_us = now_us;
	node->random ^= random;
	node_durable_tell(node);
	node_tick(node);
	if (!node->dead) {
		members_pump(node);
		device_pump_lease(node);
		device_pump(node);
		peers_pump(node);
		node_take_commit(node);
		if (!node->disk_failed) {
			fill_pump(node);
			image_pump(node);
			copy_pump(node);
		}
		/* What was just applied may be all that a lease waited for. */
		device_pump_lease(node);
		device_pump(node);
	}
	peers_status(node);
	entries_evict(&node->entries, node->image.applied);
}

static void earlier(uint64_t *deadline, uint64_t at)
{
	if (at < *deadline)
		*deadline = at;
}

uint64_t node_deadline(const struct node *node)
{
	uint64_t deadline = node->status_next_us;

	if (node->dead)
		return deadline;
	if (!node_jobs_out(node)) /* else when one is done */
		earlier(&deadline, raft_deadline(node->raft));
	if (device_wants_lead(node))
		earlier(&deadline, node->device.ask_next_us);
	if (node->image.due_us && !node->image.checkpointing)
		earlier(&deadline, node->image.due_us);
	if (node->disk_failed)
		earlier(&deadline, node->dead_at_us);
	if (node_leads(node))
		earlier(&deadline, copy_deadline(node));
	return deadline;
}
