// SPDX-License-Identifier: GPL-2.0
/* The result of a step: begin it, add messages, end it. */
#include "raft/state.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

void raft_update_begin(struct raft *raft, struct raft_update *update)
{
	memset(update, 0, offsetof(struct raft_update, msgs));
	raft->update = update;
}

struct raft_msg *raft_msg_add(struct raft *raft, uint32_t to,
			      enum raft_msg_type type)
{
	struct raft_update *update = raft->update;
	struct raft_msg *msg = &update->msgs[update->msg_count++];

	assert(update->msg_count <= RAFT_MSGS_MAX);
	memset(msg, 0, sizeof(*msg));
	msg->type = type;
	msg->from = raft->config.id;
	msg->to = to;
	msg->term = raft->hard.term;
	return msg;
}

void raft_update_end(struct raft *raft)
{
	struct raft_update *update = raft->update;
	unsigned int i;

	if (raft->hard_dirty) {
		raft->hard_dirty = false;
		raft->state_seq++;
		update->flags |= RAFT_UP_STATE;
	}
	update->state = raft->hard;
	update->state_seq = raft->state_seq;
	update->log_seq = raft->log_seq;
	for (i = 0; i < update->msg_count; i++) {
		struct raft_msg *msg = &update->msgs[i];
		bool prevote =
			(msg->type == RAFT_MSG_VOTE && msg->vote.prevote) ||
			(msg->type == RAFT_MSG_VOTE_REPLY &&
			 msg->vote_reply.prevote);

		/* PreVote promises nothing. */
		msg->needs_state = !prevote &&
				   raft->saved_seq < raft->state_seq;
	}
	assert(raft->commit <= raft->log.last_index);
	assert(raft->commit >= raft->log.base_index);
	assert(raft->log.durable <= raft->log.last_index);
	raft->update = NULL;
}
