// SPDX-License-Identifier: GPL-2.0
/*
 * A node's disk: what is durable, and what it has in hand, which a crash loses.
 */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct scene_op *op_new(struct scene_disk *disk, uint64_t log_seq)
{
	struct scene_op *op;

	if (disk->op_count == SCENE_OPS_MAX)
		abort();
	op = &disk->ops[disk->op_count++];
	memset(op, 0, sizeof(*op));
	op->log_seq = log_seq;
	return op;
}

static void note_append(struct scene_node *node, const struct raft_event *event,
			const struct raft_update *update)
{
	struct scene_op *op = op_new(&node->disk, update->log_seq);
	uint32_t i;

	op->kind = SCENE_APPEND;
	op->index = update->append_first;
	op->count = update->append_count;
	if (update->append_noop || event->type != RAFT_EV_RECV) {
		op->term = raft_term(node->raft);
		op->own = *raft_members(node->raft);
		return;
	}
	for (i = 0; i < update->append_count; i++) {
		op->terms[i] = event->entry_terms[update->append_skip + i];
		op->members[i] = scene_members_at(node, op->index + i);
	}
}

void scene_disk_note(struct scene_node *node, const struct raft_event *event,
		     const struct raft_update *update)
{
	struct scene_op *op;

	if (event->type == RAFT_EV_RESET &&
	    !(update->flags & RAFT_UP_REFUSED)) {
		op = op_new(&node->disk, update->log_seq);
		op->kind = SCENE_RESET;
		op->index = event->index;
		op->term = event->term;
		op->own = *raft_members(node->raft);
	}
	if (update->flags & RAFT_UP_TRUNCATE) {
		op = op_new(&node->disk, update->log_seq);
		op->kind = SCENE_TRUNCATE;
		op->index = update->truncate_from;
	}
	if (update->flags & RAFT_UP_APPEND)
		note_append(node, event, update);
	if (update->flags & RAFT_UP_STATE) {
		node->disk.state_pending = true;
		node->disk.next_state = update->state;
		node->disk.next_state_seq = update->state_seq;
	}
}

static void apply(struct scene_disk *disk, const struct scene_op *op)
{
	uint32_t i;

	switch (op->kind) {
	case SCENE_TRUNCATE:
		disk->last_index = op->index - 1;
		break;
	case SCENE_APPEND:
		if (op->index != disk->last_index + 1 ||
		    op->index + op->count > SCENE_LOG_MAX)
			abort();
		for (i = 0; i < op->count; i++) {
			disk->terms[op->index + i] = op->term;
			disk->members[op->index + i] = op->own;
			if (op->term)
				continue;
			disk->terms[op->index + i] = op->terms[i];
			disk->members[op->index + i] = op->members[i];
		}
		disk->last_index = op->index + op->count - 1;
		break;
	case SCENE_RESET:
		disk->base_index = op->index;
		disk->base_term = op->term;
		disk->last_index = op->index;
		disk->members[op->index] = op->own;
		break;
	}
}

static uint64_t disk_term(const void *of, uint64_t index)
{
	const struct scene_disk *disk = of;

	return index == disk->base_index ? disk->base_term : disk->terms[index];
}

void scene_disk_persist(struct scene_node *node, unsigned int count, bool tell)
{
	struct raft_event event = { .type = RAFT_EV_PERSISTED };
	struct scene_disk *disk = &node->disk;
	unsigned int i;

	if (count > disk->op_count)
		count = disk->op_count;
	if (!count)
		return;
	for (i = 0; i < count; i++)
		apply(disk, &disk->ops[i]);
	event.seq = disk->ops[count - 1].log_seq;
	event.index = disk->last_index;
	event.term = disk_term(disk, disk->last_index);
	disk->op_count -= count;
	memmove(disk->ops, disk->ops + count,
		disk->op_count * sizeof(disk->ops[0]));
	if (tell)
		scene_step(node, &event);
}

void scene_disk_save(struct scene_node *node, bool tell)
{
	struct raft_event event = { .type = RAFT_EV_STATE_SAVED };

	if (!node->disk.state_pending)
		return;
	node->disk.state_pending = false;
	node->disk.state = node->disk.next_state;
	event.seq = node->disk.next_state_seq;
	if (!tell)
		return;
	scene_mail_release(node, event.seq);
	scene_step(node, &event);
}

void scene_disk_lose(struct scene_node *node)
{
	node->disk.op_count = 0;
	node->disk.state_pending = false;
}

void scene_disk_say(const struct scene_node *node)
{
	const struct scene_disk *disk = &node->disk;
	char vote[16] = "nobody", head[128];

	if (disk->state.vote)
		snprintf(vote, sizeof(vote), "n%u", disk->state.vote);
	snprintf(head, sizeof(head), "n%u disk: term=%" PRIu64 " vote=%s%s%s,",
		 scene_node_id(node), disk->state.term, vote,
		 disk->state.joined ? "" : " not-joined",
		 disk->state.damaged ? " damaged" : "");
	scene_say_runs(head, disk->base_index, disk->base_term,
		       disk->last_index, disk_term, disk);
	if (disk->state_pending || disk->op_count)
		scene_say("  in hand: %u of the log, %u of the state",
			  disk->op_count, disk->state_pending);
}
