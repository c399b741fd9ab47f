// SPDX-License-Identifier: GPL-2.0
/*
 * What this node remembers, durably: its own lives, and how far each other node
 * has been (raft/past.h).  It goes to disk with each save of the hard state.
 * What others must not hear of, or count on, before it is saved (change()) is
 * saved at once; the rest at the latest after SAVE_US, so that no write waits
 * for it.  meet.c has the rules that rest on it.
 */
#include <string.h>

#include "node/state.h"

#define SAVE_US 10000000

void past_init(struct node *node, const struct raft_past *found)
{
	node->past.now = *found;
	node->past.due_us = UINT64_MAX;
}

static uint32_t *nonce_of(struct raft_past *past, uint32_t number)
{
	return &past->nonces[number % RAFT_PAST_LIVES];
}

struct raft_life past_life(const struct node *node)
{
	const struct raft_past *past = &node->past.now;

	return (struct raft_life){
		.number = past->number,
		.nonce = past->nonces[past->number % RAFT_PAST_LIVES],
	};
}

uint32_t past_nonce(const struct node *node, uint32_t number)
{
	const struct raft_past *past = &node->past.now;

	if (number > past->number || past->number - number >= RAFT_PAST_LIVES)
		return 0;
	return past->nonces[number % RAFT_PAST_LIVES];
}

static void change(struct node *node)
{
	node->past.version++;
	node->past.due_us = node->now_us;
}

void past_begin_life(struct node *node, uint32_t number, uint32_t random)
{
	struct raft_past *past = &node->past.now;

	/* Another line of lives: what this one had before says nothing. */
	if (number != past->number + 1)
		memset(past->nonces, 0, sizeof(past->nonces));
	past->number = number;
	*nonce_of(past, number) = random | 1;
	change(node);
	node->past.life_version = node->past.version;
}

struct raft_known *past_known(struct node *node, uint32_t id)
{
	struct raft_known *list = node->past.now.known;
	struct raft_known *place = NULL;
	unsigned int i;

	for (i = 0; i < RAFT_MEMBERS_MAX; i++) {
		if (list[i].id == id)
			return &list[i];
		/* Who is no member can do no harm. */
		if (!list[i].id || (!place && !member_role(node, list[i].id)))
			place = &list[i];
	}
	if (place)
		*place = (struct raft_known){ .id = id };
	return place;
}

void past_note_life(struct node *node, struct raft_known *known,
		    const struct raft_life *life)
{
	/* What it was in earlier lives it has confirmed. */
	known->life = *life;
	known->term = 0;
	known->index = 0;
	change(node);
}

static void rise(struct node *node, uint32_t id, uint64_t term, uint64_t index)
{
	struct raft_known *known = past_known(node, id);

	if (!known || (term <= known->term && index <= known->index))
		return;
	if (term > known->term)
		known->term = term;
	if (index > known->index)
		known->index = index;
	if (node->past.due_us == UINT64_MAX)
		node->past.due_us = node->now_us + SAVE_US;
}

/* A PreVote is about a term that is not saved. */
void past_heard_raft(struct node *node, const struct raft_msg *msg)
{
	bool counts = msg->type == RAFT_MSG_APPEND_REPLY &&
		      msg->append_reply.ok && !msg->append_reply.barred &&
		      !msg->append_reply.damaged && node_leads(node) &&
		      msg->term == raft_term(node->raft);
	uint64_t index = counts ? msg->append_reply.match : 0;

	if ((msg->type == RAFT_MSG_VOTE && msg->vote.prevote) ||
	    (msg->type == RAFT_MSG_VOTE_REPLY && msg->vote_reply.prevote))
		return;
	if (index > raft_commit_index(node->raft))
		index = raft_commit_index(node->raft);
	rise(node, msg->from, msg->term, index);
}

void past_heard_status(struct node *node, const struct peer *peer)
{
	const struct wire_status *status = &peer->status;

	if (!peer->ready ||
	    status->flags & (WIRE_NODE_DAMAGED | WIRE_NODE_INCOMPLETE))
		return;
	rise(node, peer->id, 0,
	     status->durable < status->commit ? status->durable :
						status->commit);
}

void past_saving(struct node *node, struct store_job *job)
{
	job->state.past = node->past.now;
	job->index = node->past.version;
	node->past.due_us = UINT64_MAX;
}

void past_saved(struct node *node, uint64_t version)
{
	if (version > node->past.saved)
		node->past.saved = version;
}

void past_save(struct node *node)
{
	struct store_job *job;

	if (node->disk_failed || node_jobs_short(node) ||
	    node->now_us < node->past.due_us)
		return;
	job = node_job(node, STORE_JOB_STATE);
	job->state = *raft_hard_state(node->raft);
	job->seq = node->update.state_seq;
	past_saving(node, job);
	node_begin(node, job);
}
