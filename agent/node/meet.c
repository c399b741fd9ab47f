// SPDX-License-Identifier: GPL-2.0
/*
 * Replicas that were set back in time: restored from a backup or a snapshot of a
 * virtual machine, or cloned.  Such a one has forgotten what it acknowledged and
 * for whom it voted, and its disk can't tell.  The others can.
 *
 * Each start of an agent is a life (raft/past.h), saved before a peer hears
 * anything.  On each new connection both sides say LIFE: which life theirs is,
 * and what they remember of the other.  Who is remembered
 *
 *	- in a later life than its own,
 *	- in a life of the same number and another nonce than it had,
 *	- with a term or an entry that it does not have,
 *
 * has been set back.  It bars itself like a damaged replica, which is durable
 * before its next word, begins a life that follows on all that is remembered, and
 * is filled by the leader.
 *
 * Nothing of the core or of a copy passes between two nodes before both have
 * judged what the other remembers (JUDGED) and saved what life the other is in
 * (NOTED).  So a vote or an acknowledgement counts only with who will remember,
 * over its own restarts too, in which life it was given.  That costs a save per
 * start and connection.  Term and entry are saved later: no write waits for it.
 *
 * A node that is told of a later life while it lives on itself was not set back:
 * another one has taken its place, from a copy of its disk.  It stops.
 */
#include <inttypes.h>

#include "base/log.h"
#include "base/planted.h"
#include "node/state.h"

static bool same_life(struct raft_life a, struct raft_life b)
{
	return a.number == b.number && a.nonce == b.nonce;
}

/* To be told to all, once it is saved. */
static void begin_life(struct node *node, uint32_t number)
{
	unsigned int i;

	past_begin_life(node, number, (uint32_t)(node_random(node) >> 32));
	for (i = 0; i < node->peer_count; i++)
		node->peers[i].meeting.due = true;
}

/*
 * Was this replica set back, by what a peer remembers of it?  NULL, or how it
 * shows.  One that is barred for another reason need not have what it had.
 */
static const char *set_back(struct node *node, const struct raft_known *known)
{
	const struct raft_hard_state *state = raft_hard_state(node->raft);
	uint32_t nonce;

	if (!known->life.number || planted(PLANTED_SET_BACK_TRUSTED))
		return NULL;
	if (known->life.number > node->past.now.number)
		return "it was started more often than its disk knows";
	nonce = past_nonce(node, known->life.number);
	if (!nonce)
		return NULL;
	if (nonce != known->life.nonce)
		return "it ran from another copy of its disk since";
	if (state->damaged || !state->joined)
		return NULL;
	if (known->term > raft_term(node->raft))
		return "it has been in a later term";
	if (known->index > raft_durable_index(node->raft))
		return "it has held more entries";
	return NULL;
}

static void say_set_back(struct node *node, const struct peer *peer,
			 const char *how)
{
	const struct raft_known *known = &peer->meeting.life.known;

	node_say(node, BASE_LOG_ERROR,
		 "event=set-back peer=#%u reason=\"%s\" life=%u peer-knows=%u "
		 "term=%" PRIu64 " peer-knows-term=%" PRIu64 " durable=%" PRIu64
		 " peer-knows-durable=%" PRIu64
		 " remedy=\"none needed if an older copy of this disk was put "
		 "back: the leader fills it; if it is a clone, stop this node "
		 "or the other\"",
		 peer->id, how, node->past.now.number, known->life.number,
		 raft_term(node->raft), known->term,
		 raft_durable_index(node->raft), known->index);
}

/* Barred and begun anew: one save holds both. */
static void bar(struct node *node, const struct peer *peer, const char *how)
{
	struct raft_event event = { .type = RAFT_EV_DAMAGED };
	const struct raft_hard_state *state = raft_hard_state(node->raft);
	uint32_t number = peer->meeting.life.known.life.number;

	if (number < node->past.now.number)
		number = node->past.now.number;
	if (state->joined && !state->damaged)
		say_set_back(node, peer, how);
	begin_life(node, number + 2); /* leaves one out: another line */
	if (!state->joined || state->damaged)
		return;
	node_set_damage(node, "disk was set back to an older state");
	node_step(node, &event, NULL);
	status_soon(node);
}

/* Return: is there something that can't be done yet? */
static bool judge(struct node *node, struct peer *peer)
{
	const struct raft_known *known = &peer->meeting.life.known;
	const char *how = set_back(node, known);
	struct raft_life own = past_life(node);

	if (how && peer->met_in.number && same_life(peer->met_in, own) &&
	    !same_life(known->life, own)) {
		diverge_cloned(node, peer->id);
		return true;
	}
	/* While the log begins anew, how far it goes says nothing. */
	if (how && (node->resync.phase == RESYNC_WAIT ||
		    node->resync.phase == RESYNC_PREPARING))
		return true;
	if (how)
		bar(node, peer, how);
	/* An answer to each answer would have no end. */
	peer->meeting.due |= !peer->meeting.judged;
	peer->meeting.judged = true;
	return false;
}

/* It has judged what we remember of it: so this life follows on that. */
static void note(struct node *node, struct peer *peer)
{
	const struct raft_life *life = &peer->meeting.life.life;
	struct raft_known *known = past_known(node, peer->id);

	if (!known || life->number < known->life.number ||
	    (life->number == known->life.number &&
	     life->nonce != known->life.nonce))
		return;
	if (!same_life(*life, known->life))
		past_note_life(node, known, life);
	else if (peer->meeting.noted)
		return;
	peer->meeting.note_version = node->past.version;
	peer->meeting.noting = true;
}

static void say_life(struct node *node, struct peer *peer)
{
	const struct raft_known *known = past_known(node, peer->id);
	struct wire_msg msg; /* large; deliberately not zeroed */

	msg.type = WIRE_LIFE;
	msg.life = (struct wire_life){
		.flags = (peer->meeting.judged ? WIRE_LIFE_JUDGED : 0) |
			 (peer->meeting.noted ? WIRE_LIFE_NOTED : 0),
		.life = past_life(node),
	};
	if (known)
		msg.life.known = *known;
	msg.life.known.id = 0;
	peer->meeting.due = node->ops->send(node->context, peer->id, &msg) != 0;
}

static void meet(struct node *node, struct peer *peer)
{
	struct raft_event event = { .type = RAFT_EV_LINK, .peer = peer->id };
	struct meeting *meeting = &peer->meeting;

	if (meeting->fresh && !judge(node, peer)) {
		meeting->fresh = false;
		if (meeting->life.flags & WIRE_LIFE_JUDGED)
			note(node, peer);
	}
	if (meeting->noting && node->past.saved >= meeting->note_version) {
		meeting->noting = false;
		meeting->noted = true;
		meeting->due = true;
	}
	if (node->dead || node->past.saved < node->past.life_version)
		return;
	if (meeting->due)
		say_life(node, peer);
	if (peer->ready || !meeting->noted || meeting->due ||
	    !(meeting->life.flags & WIRE_LIFE_NOTED))
		return;
	peer->ready = true;
	peer->met_in = past_life(node);
	node_step(node, &event, NULL);
}

void meet_link(struct peer *peer)
{
	peer->ready = false;
	peer->meeting = (struct meeting){ .due = true };
}

/* At once: what the peer says next may be the core's already. */
void meet_told(struct node *node, struct peer *peer,
	       const struct wire_life *life)
{
	peer->meeting.life = *life;
	peer->meeting.fresh = true;
	if (node->past.version)
		meet(node, peer);
}

void meet_pump(struct node *node)
{
	unsigned int i;

	if (!node->past.version)
		begin_life(node, node->past.now.number + 1);
	for (i = 0; i < node->peer_count && !node->dead; i++)
		if (node->peers[i].up)
			meet(node, &node->peers[i]);
	past_save(node);
}
