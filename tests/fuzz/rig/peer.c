// SPDX-License-Identifier: GPL-2.0
/*
 * Peers that say what they should: most states of a member lie behind whole
 * conversations, which lies alone rarely make up.
 */
#include "rig/peer.h"

#include "tests/lib/replica.h"

static struct raft_msg *raft_to_us(struct wire_msg *msg, uint32_t peer,
				   enum raft_msg_type type, uint64_t term)
{
	msg->type = WIRE_RAFT;
	msg->raft.msg.type = type;
	msg->raft.msg.from = peer;
	msg->raft.msg.to = 1;
	msg->raft.msg.term = term;
	return &msg->raft.msg;
}

/* An answer to what we sent it last. */
static bool answer(const struct host *host, uint32_t peer, uint8_t bits,
		   struct wire_msg *msg)
{
	const struct raft_msg *asked = &host->sent[peer];
	struct raft_msg *reply;

	if (asked->type == RAFT_MSG_VOTE) {
		reply = raft_to_us(msg, peer, RAFT_MSG_VOTE_REPLY, asked->term);
		reply->vote_reply.prevote = asked->vote.prevote;
		reply->vote_reply.granted = true;
		reply->vote_reply.barred = bits & 1;
	} else if (asked->type == RAFT_MSG_APPEND) {
		reply = raft_to_us(msg, peer, RAFT_MSG_APPEND_REPLY,
				   asked->term);
		reply->append_reply.ok = true;
		reply->append_reply.match =
			asked->append.prev_index + asked->append.count;
		reply->append_reply.sent_us = asked->append.sent_us;
		reply->append_reply.barred = bits & 1;
	} else {
		return false;
	}
	return true;
}

/* It leads: entries that follow our last. */
static void lead(const struct host *host, const struct node_view *view,
		 uint32_t peer, uint8_t bits, struct wire_msg *msg)
{
	struct raft_msg *append =
		raft_to_us(msg, peer, RAFT_MSG_APPEND, view->term + (bits & 1));
	uint32_t i;

	if (!append->term)
		append->term = 1;
	append->append.prev_index = view->last;
	append->append.prev_term = host->terms[view->last % HOST_TERMS];
	append->append.commit = view->last;
	append->append.sent_us = host->now_us;
	append->append.promise_us = 300000;
	append->append.rejoin = bits & 2 ? view->last : 0;
	append->append.count = bits >> 2 & 3;
	for (i = 0; i < append->append.count; i++) {
		struct raft_entry *entry = raft_entry_new();

		entry->index = view->last + 1 + i;
		entry->term = append->term;
		entry->op = RAFT_OP_ZERO;
		entry->length = 4096;
		entry->standing.members = host_members(3);
		msg->raft.entries[i] = entry;
	}
}

static void fill(const struct node_view *view, uint8_t bits,
		 struct wire_msg *msg)
{
	switch (bits & 3) {
	case 0:
		msg->type = WIRE_COPY_BEGIN;
		msg->copy_begin.serial = 1;
		msg->copy_begin.term = view->term;
		msg->copy_begin.reset = bits & 4;
		msg->copy_begin.index = view->last + (bits >> 4);
		msg->copy_begin.index_term = msg->copy_begin.index ? 1 : 0;
		if (msg->copy_begin.index)
			msg->copy_begin.standing.members = host_members(3);
		break;
	case 1:
	case 2:
		msg->type = WIRE_COPY_DATA;
		msg->copy_data.serial = 1;
		msg->copy_data.length = RIG_VOLUME_BYTES;
		msg->copy_data.version = view->last;
		msg->copy_data.zero = true;
		break;
	default:
		msg->type = WIRE_COPY_END;
		msg->copy_end.serial = 1;
		msg->copy_end.version = view->last;
		break;
	}
}

/* It is being filled by us. */
static void be_filled(const struct host *host, const struct node_view *view,
		      uint8_t bits, struct wire_msg *msg)
{
	if (bits & 1) {
		msg->type = WIRE_COPY_ACK;
		msg->copy_ack.serial = host->copy.serial;
		msg->copy_ack.offset = host->copied;
		return;
	}
	msg->type = WIRE_STATUS;
	msg->status.flags = bits & 2 ? WIRE_NODE_INCOMPLETE : 0;
	msg->status.term = view->term;
	msg->status.last = view->last;
	msg->status.durable = view->last;
	msg->status.commit = view->commit;
	msg->status.applied = view->applied;
}

bool peer_behaves(const struct host *host, const struct node_view *view,
		  uint32_t peer, uint8_t bits, struct wire_msg *msg)
{
	switch (bits & 3) {
	case 0:
		return answer(host, peer, bits >> 2, msg);
	case 1:
		lead(host, view, peer, bits >> 2, msg);
		break;
	case 2:
		fill(view, bits >> 2, msg);
		break;
	default:
		be_filled(host, view, bits >> 2, msg);
		break;
	}
	return true;
}
