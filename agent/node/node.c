// SPDX-License-Identifier: GPL-2.0
/*
 * The node as a whole: creation and end, events for more than one of its files,
 * and the pump that calls each in turn.  One thread; owns everything in struct
 * node.  It must never block, and never answer the device or a peer before the
 * promise of that answer holds.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/planted.h"
#include "node/state.h"

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

static void bounds_init(struct node_bounds *bounds)
{
	if (!bounds->cache_bytes)
		bounds->cache_bytes = NODE_CACHE_BYTES;
	if (!bounds->open_bytes)
		bounds->open_bytes = NODE_OPEN_BYTES;
	if (!bounds->inflight_bytes)
		bounds->inflight_bytes = NODE_INFLIGHT_BYTES;
	if (!bounds->send_bytes)
		bounds->send_bytes = NODE_SEND_BYTES;
	if (!bounds->queue_bytes)
		bounds->queue_bytes = NODE_QUEUE_BYTES;
	if (!bounds->apply_bytes)
		bounds->apply_bytes = NODE_APPLY_BYTES;
	if (!bounds->jobs)
		bounds->jobs = NODE_JOBS_MAX;
	if (!bounds->entry_slots)
		bounds->entry_slots = NODE_ENTRY_SLOTS;
}

struct node *node_new(const struct node_config *config, struct store_boot *boot,
		      const struct node_ops *ops, void *context,
		      uint64_t now_us, uint64_t random)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->config = *config;
	bounds_init(&node->config.bounds);
	node->ops = ops;
	node->context = context;
	node->now_us = now_us;
	node->random = random;
	node->serial = node_random(node);
	node->log_capacity = boot->log_capacity;
	node->incomplete = boot->checkpoint.incomplete;
	image_reset(node, boot->checkpoint.applied);
	node_set_damage(node, boot->damage);
	past_init(node, &boot->state.past);
	store_job_pool_init(&node->jobs, node->config.bounds.jobs);
	requests_init(node);
	peers_init(node);
	node->raft = node_new_raft(node, boot);
	if (!node->raft || entries_init(&node->entries, boot, &node->config)) {
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
	requests_clear(node);
	entries_free(&node->entries);
	if (node->raft)
		raft_free(node->raft);
	store_job_pool_end(&node->jobs);
	free(node);
}

void node_peer_differs(struct node *node, uint32_t id, uint32_t differs)
{
	struct peer *peer = peer_find(node, id);

	if (peer)
		peer->differs = differs;
}

void node_link(struct node *node, uint32_t id, bool up)
{
	struct peer *peer = peer_find(node, id);

	if (!peer)
		return;
	peer->up = up;
	peer->known = false;
	peer->differs_said = false;
	meet_link(peer);
	resync_link(node, peer);
	if (!up)
		return;
	send_forget(node, id); /* they belonged to the old connection */
	status_again(node);
}

void node_recv(struct node *node, uint32_t id, const struct wire_msg *msg,
	       uint64_t now_us, uint64_t random)
{
	struct peer *peer = peer_find(node, id);

	if (!peer)
		return;
	node->now_us = now_us;
	node->random ^= random;
	peer->heard_us = now_us;
	if (msg->type == WIRE_STATUS) {
		peer->status = msg->status;
		peer->known = true;
		members_told(node, &msg->status);
		past_heard_status(node, peer);
		diverge_in_status(node, peer);
		return;
	}
	if (node->dead)
		return;
	if (msg->type == WIRE_LIFE) {
		meet_told(node, peer, &msg->life);
		return;
	}
	if (!peer->ready)
		return; /* it may have been set back in time */
	switch (msg->type) {
	case WIRE_RAFT:
		if (!node_jobs_out(node)) /* else lost: it comes again */
			peer_recv_raft(node, peer, msg);
		break;
	case WIRE_OPEN_ASK:
		opening_asked(node, peer, &msg->open_ask);
		break;
	case WIRE_OPEN_REPLY:
		opening_replied(node, peer, &msg->open_reply);
		break;
	case WIRE_COPY_BEGIN:
	case WIRE_COPY_DATA:
	case WIRE_COPY_END:
		if (!node->disk_failed)
			resync_recv(node, peer, msg);
		break;
	case WIRE_COPY_ACK:
		if (!node->disk_failed)
			resync_send_acked(node, peer, &msg->copy_ack);
		break;
	default:
		break; /* HELLO and REFUSE are net's */
	}
}

static void log_done(struct node *node, const struct store_job *job)
{
	const struct raft_entry *last;

	if (job->error)
		return;
	if (job->type == STORE_JOB_APPEND) {
		/* Appends that become durable together are told together. */
		last = job->entries[job->count - 1];
		node_durable_to(node, last->index, last->term, job->seq);
		return;
	}
	node_durable_tell(node);
	if (job->type == STORE_JOB_STATE) {
		past_saved(node, job->index);
		node_state_saved(node, job->seq);
	}
	if (job->type == STORE_JOB_RESET)
		resync_recv_log_was_reset(node);
}

static void image_done(struct node *node, const struct store_job *job)
{
	if (job->type == STORE_JOB_APPLY && job->error == -EBADMSG)
		image_unread(node, job);
	if (job->error && !store_job_reads(job))
		return; /* node_disk_failed() says so */
	switch (job->type) {
	case STORE_JOB_APPLY:
		image_applied(node, job->entries[job->count - 1]->index);
		break;
	case STORE_JOB_COPY_READ:
		resync_send_was_read(node, job);
		break;
	case STORE_JOB_COPY_WRITE:
		resync_recv_written(node, job);
		break;
	case STORE_JOB_CHECKPOINT:
		image_checkpointed(node, job->base_index);
		resync_recv_checkpointed(node);
		break;
	case STORE_JOB_LOG_READ:
		peer_log_was_read(node, job);
		break;
	default:
		break; /* of the log */
	}
}

void node_job_done(struct node *node, struct store_job *job)
{
	node_job_ended(node, job);
	if (store_job_is_log(job))
		log_done(node, job);
	else
		image_done(node, job);
	store_job_free(job);
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
	gate_revoke(node, "disk failed");
	gate_fence(node, "disk failed");
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
	if (node->gate.epoch || node->requests.open)
		return -EBUSY;
	if (!peer_alive(node, peer) ||
	    peer->status.flags & (WIRE_NODE_INCOMPLETE | WIRE_NODE_DAMAGED |
				  WIRE_NODE_DISK_FAILED))
		return -EHOSTDOWN;
	gate_revoke(node, "handing leadership over");
	return node_step(node, &event, NULL)->flags & RAFT_UP_REFUSED ?
		       -EHOSTDOWN :
		       0;
}

void node_step_down(struct node *node)
{
	struct raft_event event = { .type = RAFT_EV_TRANSFER };
	struct peer *best = peer_best(node);

	node->stopping = true;
	gate_revoke(node, "agent stops");
	if (!node_leads(node))
		return;
	event.peer = best ? best->id : 0;
	node_step(node, &event, NULL);
}

void node_late(struct node *node, uint64_t now_us)
{
	struct raft_event event = { .type = RAFT_EV_LATE };

	node->now_us = now_us;
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

/* What is committed: complete requests, and check which node has the device. */
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
		    (i > node->gate.since ||
		     planted(PLANTED_FENCED_BY_AN_OLDER)) &&
		    !planted(PLANTED_NOT_FENCED))
			gate_fence(node, "opened on another node");
	}
	entries_commit(&node->entries, commit);
	if (planted(PLANTED_CLIENT_ANSWERED_EARLY))
		commit = node->entries.last;
	requests_commit(node, commit);
}

void node_pump(struct node *node, uint64_t now_us, uint64_t random)
{
	node->now_us = now_us;
	node->random ^= random;
	node_durable_tell(node);
	node_tick(node);
	if (!node->dead) {
		meet_pump(node);
		members_pump(node);
		gate_pump(node);
		opening_pump(node);
		propose_pump(node);
		peers_pump(node);
		node_take_commit(node);
		if (!node->disk_failed) {
			resync_recv_pump(node);
			image_pump(node);
			resync_send_pump(node);
		}
		/* What was just applied may be all that a lease waited for. */
		gate_pump(node);
		opening_pump(node);
		propose_pump(node);
	}
	status_pump(node);
	entries_evict(&node->entries, node->image.applied,
		      node->config.bounds.cache_bytes);
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
	if (node_wants_lead(node))
		earlier(&deadline, node->requests.ask_next_us);
	if (node->image.due_us && !node->image.checkpointing)
		earlier(&deadline, node->image.due_us);
	if (node->disk_failed)
		earlier(&deadline, node->dead_at_us);
	else if (!node_jobs_short(node))
		earlier(&deadline, node->past.due_us);
	if (node_leads(node))
		earlier(&deadline, resync_send_deadline(node));
	return deadline;
}
