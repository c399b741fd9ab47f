// SPDX-License-Identifier: GPL-2.0
/*
 * One step of the core, and everything that follows from it at once.  The order
 * matters:
 *
 *	1. the log is truncated, then appended to, here and on its way to disk;
 *	2. hard state goes on its way to disk;
 *	3. a lease that is longer than the core now promises is taken back;
 *	4. messages go out, or are held until 2. is durable;
 *	5. what depends on role, term and leader is updated.
 *
 * 3. comes before 4., since no node may hear that we gave leadership up while
 * our own device still counts on it.  None of it steps again: the caller of
 * node_step() finds the node as that step has left it, and the core's update in
 * what is returned.
 */
#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "base/planted.h"
#include "node/state.h"

/* splitmix64: the core wants a number with each event. */
uint64_t node_random(struct node *node)
{
	uint64_t z = node->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
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

static void take_truncate(struct node *node)
{
	uint64_t from = node->update.truncate_from;
	struct store_job *job;

	assert(from > node->image.issued);
	requests_truncated(node, from);
	gate_truncated(node, from);
	entries_truncate(&node->entries, from);
	job = node_job(node, STORE_JOB_TRUNCATE);
	job->index = from;
	node_begin(node, job);
}

/* New entries: received ones, a leader's no-op, or the batch proposed. */
static void take_append(struct node *node, const struct wire_msg *received)
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
			entry->standing.chain = raft_entry_chain(
				entries_head(&node->entries, node->entries.last)
					.standing.chain,
				entry);
		}
		assert(entry->index == update->append_first + i);
		entries_push(&node->entries, entry);
		store_job_add(job, entry);
	}
	job->seq = update->log_seq;
	node_begin(node, job);
}

static void take_state(struct node *node)
{
	struct store_job *job = node_job(node, STORE_JOB_STATE);

	job->state = node->update.state;
	job->seq = node->update.state_seq;
	past_saving(node, job);
	node_begin(node, job);
}

static void take_role(struct node *node)
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
		requests_ask_at(node, 0);
	if (role != node->role || term != node->term) {
		node->role_since_us = node->now_us;
		for (i = 0; i < node->peer_count; i++)
			resync_forget(&node->peers[i]);
	}
	if (term != node->term || leader != node->leader)
		resync_abort(node);
	node->role = role;
	node->term = term;
	node->leader = leader;
	status_soon(node);
	if (role == RAFT_LEADER)
		requests_became_leader(node);
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
	if (update->flags & RAFT_UP_CONTRADICTED) {
		diverge_committed(node, &update->contradiction);
		return &nothing;
	}
	if (!node->disk_failed) {
		if (update->flags & RAFT_UP_TRUNCATE)
			take_truncate(node);
		if (update->flags & RAFT_UP_APPEND)
			take_append(node, received);
		if (update->flags & RAFT_UP_STATE)
			take_state(node);
	}
	/* Nothing may tell a peer that we gave up before our device knows. */
	if (node->gate.lease_us &&
	    raft_lease_until(node->raft) < node->gate.lease_us)
		gate_revoke(node, "leadership ends");
	for (i = 0; i < update->msg_count; i++) {
		if (update->msgs[i].needs_state &&
		    update->state_seq > node->state_saved_seq &&
		    !planted(PLANTED_VOTE_SENT_UNSAVED))
			send_hold(node, &update->msgs[i], update->state_seq);
		else
			send_raft(node, &update->msgs[i]);
	}
	take_role(node);
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

const struct raft_update *node_step_send(struct node *node,
					 struct raft_event *event)
{
	event->now_us = node->now_us;
	raft_step(node->raft, event, &node->update);
	return &node->update;
}

void node_durable_to(struct node *node, uint64_t index, uint64_t term,
		     uint64_t seq)
{
	node->durable.index = index;
	node->durable.term = term;
	node->durable.seq = seq;
}

void node_durable_tell(struct node *node)
{
	struct raft_event event = {
		.type = RAFT_EV_PERSISTED,
		.index = node->durable.index,
		.term = node->durable.term,
		.seq = node->durable.seq,
	};

	if (!event.seq)
		return;
	node->durable.seq = 0;
	if (!node->disk_failed)
		node_step(node, &event, NULL);
}

void node_state_saved(struct node *node, uint64_t seq)
{
	struct raft_event event = { .type = RAFT_EV_STATE_SAVED, .seq = seq };

	if (node->disk_failed)
		return;
	send_saved(node, seq);
	node_step(node, &event, NULL);
}

void node_damaged(struct node *node, uint64_t first, uint64_t last)
{
	struct raft_event event = { .type = RAFT_EV_DAMAGED };
	char what[100];

	if (node->disk_failed || raft_hard_state(node->raft)->damaged)
		return;
	snprintf(what, sizeof(what),
		 "log entries %lu to %lu can't all be read back",
		 (unsigned long)first, (unsigned long)last);
	node_say(node, BASE_LOG_WARNING, "event=needs-data reason=\"%s\"",
		 what);
	node_set_damage(node, what);
	node_step(node, &event, NULL);
}
