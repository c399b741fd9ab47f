// SPDX-License-Identifier: GPL-2.0
/*
 * Opening the device here.  This node must lead, so it asks the leader to hand
 * leadership over, or campaigns where there is none.  As the leader it makes
 * sure that no other node has the device, proposes an OPEN, and has the device
 * once that is applied, unless another OPEN was later.
 *
 * The same applies to a device that is open here while another node leads: its
 * I/O needs leadership back.
 */
#include <errno.h>

#include "base/log.h"
#include "node/state.h"

/* Between two requests for leadership, to twice that; and without a leader. */
#define ASK_US 100000
#define CAMPAIGN_US 25000

/* Which other node has it open, as far as the leader knows? 0: none alive. */
static uint32_t other_writer(struct node *node, uint32_t asker, bool *unknown)
{
	struct store_checkpoint tail =
		entries_head(&node->entries, node->entries.last);
	struct peer *peer = peer_find(node, tail.standing.writer);
	uint64_t since_us;

	*unknown = false;
	if (!tail.standing.writer || tail.standing.writer == asker || !peer)
		return 0;
	if (peer_alive(node, peer))
		return (peer->status.flags & WIRE_NODE_DEVICE_OPEN &&
			peer->status.epoch == tail.standing.epoch) ?
			       tail.standing.writer :
			       0;
	/* Silent on a link that stands: it was there to be heard, and was not. */
	if (peer->up && peer->known)
		return 0;
	/* It may just not have reached us, or have lost its link for a moment. */
	since_us = peer->heard_us ? peer->heard_us : node->role_since_us;
	*unknown = node->now_us - since_us <
		   node->config.raft.election_timeout_us;
	return 0;
}

static void opening_propose(struct node *node)
{
	struct raft_event event = { .type = RAFT_EV_PROPOSE, .count = 1 };
	struct requests *requests = &node->requests;
	struct raft_entry *entry;
	uint32_t writer;
	bool unknown;

	writer = other_writer(node, node->config.raft.id, &unknown);
	if (writer) {
		node_say(node, BASE_LOG_NOTICE,
			 "event=open-refused writer=#%u reason=\"#%u has the "
			 "device open\" remedy=\"close it there first\"",
			 writer, writer);
		requests_end_open(node, 0, -EBUSY);
		return;
	}
	if (unknown || !node_log_room(node))
		return;
	entry = node_make_entry(node, RAFT_OP_OPEN);
	entry->standing.writer = node->config.raft.id;
	entry->standing.tag = requests->open->body.tag;
	requests_open_at(node, node_propose(node, &event, &entry, 1));
}

static void opening_go_on(struct node *node)
{
	struct requests *requests = &node->requests;
	struct store_checkpoint tail;

	if (!requests->open || !node_ready(node) || node->stopping ||
	    node->gate.lease_us <= node->now_us)
		return;
	if (!requests->open_index) {
		opening_propose(node);
		return;
	}
	if (node->image.applied < requests->open_index)
		return;
	tail = entries_head(&node->entries, node->entries.last);
	if (tail.standing.epoch !=
	    requests->open_index) { /* another node was later */
		requests_open_at(node, 0);
		return;
	}
	gate_open(node, requests->open_index);
	requests_tell_applied(node, requests->open->body.tag);
	node_say(node, BASE_LOG_NOTICE, "event=open-granted epoch=%lu",
		 (unsigned long)node->gate.epoch);
	requests_end_open(node, node->gate.epoch, 0);
}

/*
 * No leader is known: campaign ourselves, since we would only ask the winner to
 * hand over.  Again and again, as others heard the old leader a little later
 * than we did, and refuse at first.
 */
static void opening_campaign(struct node *node)
{
	struct raft_event event = { .type = RAFT_EV_CAMPAIGN };
	enum raft_role role = raft_role(node->raft);

	if ((role == RAFT_FOLLOWER || role == RAFT_PRECANDIDATE) &&
	    !node_jobs_out(node))
		node_step(node, &event, NULL);
}

/* Not in step with other nodes that want the same. */
static void opening_ask_later(struct node *node, uint64_t us)
{
	requests_ask_at(node, node->now_us + us + node->random % us);
}

/* Leadership belongs where the device is open: ask the leader for it. */
static void opening_ask(struct node *node)
{
	struct requests *requests = &node->requests;
	struct peer *leader = peer_find(node, raft_leader(node->raft));
	struct wire_msg msg; /* large; deliberately not zeroed */
	uint64_t lost_us;

	if (!node_wants_lead(node) || node->now_us < requests->ask_next_us)
		return;
	if (!leader || !peer_alive(node, leader)) {
		opening_ask_later(node, CAMPAIGN_US);
		if (!node->incomplete)
			opening_campaign(node);
		return;
	}
	opening_ask_later(node, ASK_US);
	/* If it is dead: when our promise to it is over. */
	lost_us = leader->heard_us + node->config.raft.election_timeout_us;
	if (requests->ask_next_us > lost_us)
		requests_ask_at(node, lost_us);
	if (node->incomplete)
		return;
	msg.type = WIRE_OPEN_ASK;
	msg.open_ask.serial = ++node->ask_serial;
	msg.open_ask.epoch = requests->open ? 0 : node->gate.epoch;
	node->ops->send(node->context, leader->id, &msg);
}

/*
 * A peer asks for leadership, since the device is open there (@ask->epoch) or to
 * be opened (0).  0: it may have it; else why not, and *writer the node that
 * has the device.  -EAGAIN: not now, so ask again; the others are final for an
 * opening.
 */
static int opening_judge(struct node *node, struct peer *peer,
			 const struct wire_open_ask *ask, uint32_t *writer)
{
	struct store_checkpoint tail =
		entries_head(&node->entries, node->entries.last);
	bool unknown;

	*writer = node->config.raft.id;
	if (!node_leads(node) || raft_transferring(node->raft))
		return -EAGAIN;
	if (ask->epoch && (tail.standing.writer != peer->id ||
			   tail.standing.epoch != ask->epoch)) {
		*writer = tail.standing.writer;
		return -EBUSY;
	}
	if (node->requests.open || (node->gate.epoch && !node->gate.fenced))
		return -EBUSY;
	if (member_role(node, peer->id) != RAFT_MEMBER_VOTER)
		return -EPERM;
	if (peer->status.flags &
	    (WIRE_NODE_INCOMPLETE | WIRE_NODE_DAMAGED | WIRE_NODE_DISK_FAILED))
		return -EAGAIN;
	*writer = other_writer(node, peer->id, &unknown);
	if (*writer)
		return -EBUSY;
	return unknown ? -EAGAIN : 0;
}

void opening_asked(struct node *node, struct peer *peer,
		   const struct wire_open_ask *ask)
{
	struct raft_event event = { .type = RAFT_EV_TRANSFER,
				    .peer = peer->id };
	struct wire_msg msg = { .type = WIRE_OPEN_REPLY };

	msg.open_reply.serial = ask->serial;
	msg.open_reply.error =
		opening_judge(node, peer, ask, &msg.open_reply.writer);
	if (!msg.open_reply.error) {
		gate_revoke(node, "handing leadership over");
		if (node_step(node, &event, NULL)->flags & RAFT_UP_REFUSED)
			msg.open_reply.error = -EAGAIN;
	}
	node->ops->send(node->context, peer->id, &msg);
}

void opening_replied(struct node *node, struct peer *peer,
		     const struct wire_open_reply *reply)
{
	struct requests *requests = &node->requests;

	if (reply->serial != node->ask_serial || node_leads(node))
		return;
	if (!requests->open) {
		/* Made a learner while it was away: it can't go on. */
		if (reply->error == -EPERM && node->gate.epoch &&
		    !node->gate.fenced)
			gate_fence(node, "this node is no voter");
		return;
	}
	if (reply->error != -EBUSY && reply->error != -EPERM)
		return; /* on its way, or asked again later */
	if (reply->error == -EBUSY)
		node_say(node, BASE_LOG_NOTICE,
			 "event=open-refused writer=#%u by=#%u reason=\"#%u has "
			 "the device open\" remedy=\"close it there first\"",
			 reply->writer, peer->id, reply->writer);
	else
		node_say(node, BASE_LOG_WARNING,
			 "event=open-refused by=#%u reason=\"this node is no "
			 "voter, so it can't lead\" remedy=\"promote it\"",
			 peer->id);
	requests_end_open(node, 0, reply->error);
}

/* The volume goes on without this node: nothing it waits for would come. */
static void opening_outside(struct node *node)
{
	struct requests *requests = &node->requests;

	if (requests->open) {
		node_say(node, BASE_LOG_WARNING,
			 "event=open-refused reason=\"this node is no member of "
			 "the volume\" remedy=\"add it on the leader\"");
		requests_end_open(node, 0, -EPERM);
	}
	if (node->gate.epoch && !node->gate.fenced)
		gate_fence(node, "this node is no member");
	/*
	 * Nor will it apply more before it is a member again, and then it has
	 * all of it before it has a lease.
	 */
	if (!node->gate.lease_us)
		requests_close_cut(node, node->image.applied);
}

void opening_pump(struct node *node)
{
	if (!node->gate.bound)
		return;
	if (members_outside(node))
		opening_outside(node);
	opening_go_on(node);
	opening_ask(node);
}
