// SPDX-License-Identifier: GPL-2.0
/*
 * The log between this node and its peers: which entries go into the next
 * append to a peer, at its pace and within the bounds; reading back payloads
 * that have left the cache; and which of the arriving entries can be taken.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/planted.h"
#include "node/state.h"

#define BLANK_TOLD_US 600000000 /* so often it is logged again */

/*
 * How many entries go into the next append to this peer: up to the bounds, and
 * none whose payload must be read from disk first.
 */
static uint32_t peer_append_count(struct node *node, uint64_t first,
				  bool heads_only)
{
	uint64_t bytes = 0;
	uint32_t count;

	for (count = 0; count < RAFT_APPEND_MAX; count++) {
		struct raft_entry *entry =
			entries_at(&node->entries, first + count);

		if (!entry)
			break;
		if (heads_only)
			continue;
		if (raft_entry_data_bytes(entry) && !entry->data &&
		    !planted(PLANTED_EVICTED_SENT))
			break;
		bytes += raft_entry_data_bytes(entry);
		if (count && bytes > node->config.bounds.send_bytes)
			break;
	}
	return count;
}

static void peer_read_log(struct node *node, struct peer *peer, uint64_t first)
{
	struct store_job *job;
	uint64_t bytes = 0;
	unsigned int count;

	for (count = 0; count < RAFT_APPEND_MAX; count++) {
		struct raft_entry *entry =
			entries_at(&node->entries, first + count);

		if (!entry || first + count > raft_durable_index(node->raft))
			break;
		bytes += raft_entry_data_bytes(entry);
		if (count && bytes > node->config.bounds.send_bytes)
			break;
	}
	if (!count || node_jobs_short(node))
		return;
	peer->reading = true;
	job = node_job(node, STORE_JOB_LOG_READ);
	job->peer = peer->id;
	job->index = first;
	job->wanted = count;
	node_begin(node, job);
}

/*
 * A slow follower: what was sent fills its queues and ours.  It is sent on at
 * the pace at which its disk acknowledges.  How large entries were that a
 * checkpoint has freed meanwhile is not known: as large as can be.
 */
static bool peer_window_full(const struct node *node,
			     const struct raft_peer_view *view)
{
	uint64_t base = node->entries.base.applied, bytes = 0;

	if (view->role == RAFT_MEMBER_WITNESS ||
	    (view->next - view->match - 1) * RAFT_ENTRY_DATA_MAX <
		    node->config.bounds.inflight_bytes)
		return false;
	if (view->match < base)
		bytes = (base - view->match) * RAFT_ENTRY_DATA_MAX;
	bytes += entries_data_bytes(&node->entries, view->match + 1,
				    view->next - 1);
	return bytes >= node->config.bounds.inflight_bytes;
}

static void peer_send_entries(struct node *node, struct peer *peer)
{
	struct raft_event event = { .type = RAFT_EV_SEND, .peer = peer->id };
	struct raft_peer_view view;

	while (!peer->reading && raft_send_due(node->raft, peer->id) &&
	       node->ops->queued(node->context, peer->id) <
		       node->config.bounds.queue_bytes) {
		if (!raft_peer(node->raft, peer->id, &view) ||
		    peer_window_full(node, &view))
			return;
		event.count =
			peer_append_count(node, view.next,
					  view.role == RAFT_MEMBER_WITNESS);
		if (!event.count) {
			peer_read_log(node, peer, view.next);
			return;
		}
		if (!node_step(node, &event, NULL)->msg_count)
			return;
	}
}

void peers_pump(struct node *node)
{
	unsigned int i;

	if (!node_leads(node))
		return;
	for (i = 0; i < node->peer_count; i++)
		if (node->peers[i].ready)
			peer_send_entries(node, &node->peers[i]);
}

/*
 * What can't be read can't be sent, today or tomorrow.  Once applied it is as if
 * compacted: the peer is given a copy of the image, which has it.  Before that
 * nothing here has it, and no other node can get it from us: who has it leads.
 */
static void peer_read_failed(struct node *node, uint32_t id, uint64_t index,
			     int error)
{
	struct raft_event event = { .type = RAFT_EV_COMPACTED, .index = index };

	if (index > node->image.applied && node_leads(node) &&
	    (error == -EIO || error == -EBADMSG)) {
		node_damaged(node, index, index);
		return;
	}
	node_say(node, BASE_LOG_WARNING,
		 "event=log-read-failed peer=#%u index=%lu error=\"%s\" "
		 "remedy=\"#%u is given a copy of the data instead; look at "
		 "this node's disk\"",
		 id, (unsigned long)index, strerror(-error), id);
	if ((error != -EIO && error != -EBADMSG) ||
	    index > node->image.applied || index <= node->entries.base.applied)
		return;
	entries_compact(&node->entries, index);
	node_step(node, &event, NULL);
}

/*
 * Payloads that had left the cache, for one peer: they go into this message
 * alone, whatever the cache does meanwhile.
 */
void peer_log_was_read(struct node *node, const struct store_job *job)
{
	struct raft_event event = { .type = RAFT_EV_SEND,
				    .peer = job->peer,
				    .count = job->count };
	struct peer *peer = peer_find(node, job->peer);
	struct wire_msg msg = { .type = WIRE_RAFT };
	const struct raft_update *update;
	struct raft_peer_view view;
	unsigned int i;

	peer->reading = false;
	if (job->error) {
		peer_read_failed(node, peer->id, job->index, job->error);
		return;
	}
	for (i = 0; i < job->count; i++)
		if (job->entries[i]->term !=
		    raft_entry_term(node->raft, job->index + i))
			return; /* overruled since */
	if (!node_leads(node) || !peer->ready ||
	    !raft_peer(node->raft, peer->id, &view) ||
	    view.next != job->index || !raft_send_due(node->raft, peer->id))
		return;
	update = node_step_send(node, &event);
	for (i = 0; i < update->msg_count; i++) {
		msg.raft.msg = update->msgs[i];
		assert(msg.raft.msg.append.count <= job->count);
		assert(msg.raft.msg.append.prev_index + 1 == job->index);
		memcpy(msg.raft.entries, job->entries,
		       msg.raft.msg.append.count * sizeof(job->entries[0]));
		node->ops->send(node->context, peer->id, &msg);
	}
}

/* What the log's entries from @index on take, which an append would drop. */
static uint64_t peer_append_frees(const struct node *node, uint64_t index)
{
	uint64_t bytes = 0;

	for (; index <= node->entries.last; index++)
		bytes += store_record_bytes(entries_at(&node->entries, index),
					    node->config.align);
	return bytes;
}

/*
 * How many of an append's entries there is room for; the rest comes again.
 * What is held already needs none, and a tail that is overruled gives its own
 * back: else a log full of such a tail could never take what overrules it.
 */
static uint32_t peer_append_fits(const struct node *node,
				 const struct wire_msg *msg)
{
	uint64_t first = msg->raft.msg.append.prev_index + 1;
	uint64_t room = node_log_room(node);
	bool held = true;
	uint64_t bytes;
	uint32_t i;

	for (i = 0; i < msg->raft.msg.append.count; i++) {
		const struct raft_entry *entry = msg->raft.entries[i];

		if (held && first + i <= node->entries.last &&
		    (first + i <= node->entries.base.applied ||
		     raft_entry_term(node->raft, first + i) == entry->term))
			continue;
		if (held && first + i > node->entries.base.applied)
			room += peer_append_frees(node, first + i);
		held = false;
		bytes = store_record_bytes(entry, node->config.align);
		if (bytes > room)
			break;
		room -= bytes;
	}
	return i;
}

/*
 * Does the volume begin with this vote?  That takes all whom the candidate's
 * configuration lists; with other lists elsewhere there could be two beginnings.
 * Once there is an entry, it is what says who belongs to the volume.
 */
static bool peer_bears_another(const struct node *node, const struct peer *peer,
			       const struct raft_msg *msg)
{
	return (peer->differs & ~WIRE_DIFFERS_TIMEOUT) &&
	       msg->type == RAFT_MSG_VOTE && msg->vote.last_index == 0 &&
	       node->entries.last == 0;
}

/*
 * A blank replica asks for votes, and there is data here: the core refuses, and
 * without a leader that is the end of it.  Say so to who wonders.
 */
static void peer_asks_blank(struct node *node, struct peer *peer,
			    const struct raft_msg *msg)
{
	const struct raft_hard_state *state = raft_hard_state(node->raft);

	if (msg->type != RAFT_MSG_VOTE || msg->vote.last_index > 0 ||
	    raft_leader(node->raft) || (!node->entries.last && !state->damaged))
		return;
	if (peer->refused_us && node->now_us - peer->refused_us < BLANK_TOLD_US)
		return;
	peer->refused_us = node->now_us;
	node_say(node, BASE_LOG_WARNING,
		 "event=blank-refused peer=#%u reason=\"its replica is blank, "
		 "and this one has data%s, which a new volume would overwrite\" "
		 "remedy=\"bring back the disks that held the volume; if they "
		 "are lost, see 'When a majority is lost' in the README\"",
		 peer->id, state->damaged ? " (and damage)" : "");
}

void peer_recv_raft(struct node *node, struct peer *peer,
		    const struct wire_msg *msg)
{
	struct raft_msg raft_msg = msg->raft.msg;
	struct raft_event event = {
		.type = RAFT_EV_RECV,
		.msg = &raft_msg,
	};
	struct raft_members members[RAFT_APPEND_MAX];
	uint64_t terms[RAFT_APPEND_MAX];
	uint32_t i;

	if (raft_msg.from != peer->id || raft_msg.to != node->config.raft.id ||
	    peer_bears_another(node, peer, &raft_msg))
		return;
	peer_asks_blank(node, peer, &raft_msg);
	if (raft_msg.type == RAFT_MSG_APPEND && diverge_in_append(node, msg))
		return;
	if (raft_msg.type == RAFT_MSG_APPEND) {
		if (raft_msg.append.count && resync_blocks_log(node))
			return;
		raft_msg.append.count = peer_append_fits(node, msg);
		for (i = 0; i < raft_msg.append.count; i++) {
			terms[i] = msg->raft.entries[i]->term;
			members[i] = msg->raft.entries[i]->standing.members;
		}
		event.entry_terms = terms;
		event.members = members;
	}
	node_step(node, &event, msg);
	past_heard_raft(node, &raft_msg);
}
