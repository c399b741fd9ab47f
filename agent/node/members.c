// SPDX-License-Identifier: GPL-2.0
/*
 * The members of the volume: commands that change them, and what this node does
 * when its own role has changed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "node/state.h"

static const char *const role_names[] = {
	[RAFT_MEMBER_NONE] = "none",
	[RAFT_MEMBER_VOTER] = "voter",
	[RAFT_MEMBER_LEARNER] = "learner",
	[RAFT_MEMBER_WITNESS] = "witness",
};

enum raft_member_role node_member_role(enum node_member_op op)
{
	switch (op) {
	case NODE_MEMBER_ADD:
	case NODE_MEMBER_DEMOTE:
		return RAFT_MEMBER_LEARNER;
	case NODE_MEMBER_ADD_WITNESS:
		return RAFT_MEMBER_WITNESS;
	case NODE_MEMBER_PROMOTE:
		return RAFT_MEMBER_VOTER;
	case NODE_MEMBER_REMOVE:
		break;
	}
	return RAFT_MEMBER_NONE;
}

/* An order names where it starts from: adding is not demoting. */
static bool starts_right(enum node_member_op op, enum raft_member_role from)
{
	switch (op) {
	case NODE_MEMBER_ADD:
	case NODE_MEMBER_ADD_WITNESS:
		return from == RAFT_MEMBER_NONE;
	case NODE_MEMBER_PROMOTE:
		return from == RAFT_MEMBER_LEARNER;
	case NODE_MEMBER_DEMOTE:
		return from == RAFT_MEMBER_VOTER;
	case NODE_MEMBER_REMOVE:
		break;
	}
	return from != RAFT_MEMBER_NONE;
}

static const int refusal_errnos[] = {
	[RAFT_REFUSAL_NONE] = 0,
	[RAFT_REFUSAL_NOT_LEADER] = -ENOTCONN,
	[RAFT_REFUSAL_TRANSFER] = -EAGAIN,
	[RAFT_REFUSAL_EARLY] = -EAGAIN,
	[RAFT_REFUSAL_PENDING] = -EINPROGRESS,
	[RAFT_REFUSAL_SAME] = -EALREADY,
	[RAFT_REFUSAL_STEP] = -EOPNOTSUPP,
	[RAFT_REFUSAL_FULL] = -ENOSPC,
	[RAFT_REFUSAL_VOTERS] = -EPERM,
	[RAFT_REFUSAL_BARRED] = -ESTALE,
	[RAFT_REFUSAL_BEHIND] = -ESTALE,
	[RAFT_REFUSAL_QUORUM] = -ENOLINK,
};

static bool device_is_there(const struct node *node, const struct peer *peer)
{
	if (!peer)
		return node->requests.open ||
		       (node->gate.epoch && !node->gate.fenced);
	return peer_alive(node, peer) &&
	       peer->status.flags &
		       (WIRE_NODE_DEVICE_OPEN | WIRE_NODE_WANTS_LEAD);
}

/* What the core can't know; @peer NULL: this node. */
static int order_refused(const struct node *node, enum node_member_op op,
			 const struct peer *peer)
{
	const uint32_t unfit = WIRE_NODE_INCOMPLETE | WIRE_NODE_DAMAGED |
			       WIRE_NODE_DISK_FAILED;

	switch (op) {
	case NODE_MEMBER_ADD:
		return 0;
	case NODE_MEMBER_ADD_WITNESS: /* it counts at once */
		return !peer || (peer->up && peer->known) ? 0 : -EHOSTDOWN;
	case NODE_MEMBER_PROMOTE:
		if (peer && !peer_alive(node, peer))
			return -EHOSTDOWN;
		return peer && peer->status.flags & unfit ? -ESTALE : 0;
	case NODE_MEMBER_DEMOTE:
	case NODE_MEMBER_REMOVE:
		return device_is_there(node, peer) ? -EBUSY : 0;
	}
	return -EINVAL;
}

/* Who is another than last time? */
static void members_compare(struct node *node)
{
	const struct raft_members *now = raft_members(node->raft);
	unsigned int i;

	if (raft_members_equal(now, &node->members))
		return;
	node->changed = 0;
	for (i = 0; i < 2 * RAFT_MEMBERS_MAX; i++) {
		uint32_t id = i < RAFT_MEMBERS_MAX ?
				      now->ids[i] :
				      node->members.ids[i - RAFT_MEMBERS_MAX];
		enum raft_member_role role = raft_members_role(now, id);

		if (!id || role == raft_members_role(&node->members, id))
			continue;
		if (id != node->changed)
			node_say(node, BASE_LOG_NOTICE,
				 "event=member member=#%u role=%s since=%lu",
				 id, role_names[role],
				 (unsigned long)raft_members_since(node->raft));
		node->changed = id;
	}
	node->members = *now;
	status_soon(node);
}

int node_member_change(struct node *node, enum node_member_op op, uint32_t id)
{
	struct raft_event event = {
		.type = RAFT_EV_MEMBER,
		.peer = id,
		.role = node_member_role(op),
		.now_us = node->now_us,
	};
	struct peer *peer = peer_find(node, id);
	struct raft_entry *entry;
	int error;

	if (!node_leads(node) || node->disk_failed)
		return -ENOTCONN;
	if (!peer && id != node->config.raft.id)
		return -EINVAL;
	if (event.role == member_role(node, id))
		return -EALREADY;
	if (!starts_right(op, member_role(node, id)))
		return -EOPNOTSUPP;
	error = order_refused(node, op, peer);
	if (error)
		return error;
	error = refusal_errnos[raft_member_refusal(node->raft, id, event.role)];
	if (error)
		return error;
	if (!node_log_room(node))
		return -EAGAIN;
	entry = node_make_entry(node, RAFT_OP_MEMBERS);
	if (!node_propose(node, &event, &entry, 1))
		return -EAGAIN;
	members_compare(node);
	return 0;
}

/*
 * Who was a witness has heads where data should be: it is filled like a damaged
 * replica before it is anything else.  That its log says witness makes no
 * replica bare: it may be behind that of the leader, which sends by its own.
 */
static void members_witness(struct node *node)
{
	struct raft_event event = { .type = RAFT_EV_DAMAGED };
	enum raft_member_role role = raft_own_role(node->raft);

	if (!node->entries.bare || node->disk_failed ||
	    resync_blocks_log(node) || raft_hard_state(node->raft)->damaged ||
	    (role != RAFT_MEMBER_VOTER && role != RAFT_MEMBER_LEARNER))
		return;
	node_say(node, BASE_LOG_NOTICE,
		 "event=needs-data reason=\"was a witness\"");
	node_set_damage(node, "was a witness, which holds no data");
	node_step(node, &event, NULL);
}

void members_pump(struct node *node)
{
	members_compare(node);
	members_witness(node);
}

/* A node that is no member is sent no entries: this is how it learns of it. */
void members_told(struct node *node, const struct wire_status *status)
{
	if (!raft_members_said(&status->members) ||
	    status->members_since > status->commit ||
	    raft_members_role(&status->members, node->config.raft.id) ||
	    status->commit < node->outside_at)
		return;
	node->outside_at = status->commit;
	node->outside_term = status->commit_term;
}
