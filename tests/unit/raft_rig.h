/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the core's unit tests: up to 7 cores whose messages go where a test sends
 * them.  Disk and saved state are instant unless held back; time only moves
 * when a test moves it.  Include it in one source of a program only.
 */
#ifndef RAFT_RIG_H
#define RAFT_RIG_H

#include <stdlib.h>

#include "raft/raft.h"
#include "tap.h"
#include "tests/lib/random.h"

#define RIG_T 1000000ULL /* election timeout, us */
#define RIG_BEAT 100000ULL
#define RIG_QUEUE_MAX 4096
#define RIG_LOG_MAX 4096 /* entries whose members are remembered */

struct rig_mail {
	struct raft_msg msg;
	uint64_t terms[RAFT_APPEND_MAX];
	struct raft_members members[RAFT_APPEND_MAX];
	uint64_t state_seq;
};

struct rig_node {
	struct raft *raft;
	struct raft_config config;
	bool hold_disk; /* PERSISTED is given by the test */
	bool hold_state; /* likewise STATE_SAVED; messages wait in held[] */
	struct raft_hard_state disk_state;
	uint64_t log_seq;
	struct raft_update update; /* of the last step */
	struct rig_mail held[64];
	unsigned int held_count;
	struct raft_members members[RIG_LOG_MAX]; /* of entries; or not said */
};

struct rig {
	unsigned int count;
	uint64_t now;
	uint64_t random;
	struct rig_node nodes[RAFT_MEMBERS_MAX + 1]; /* by id, from 1 */
	bool cut[RAFT_MEMBERS_MAX + 1][RAFT_MEMBERS_MAX + 1]; /* from, to */
	struct rig_mail mail[RIG_QUEUE_MAX];
	unsigned int head, tail;
};

static struct rig rig;

static inline struct raft *rig_raft(uint32_t id)
{
	return rig.nodes[id].raft;
}

/* A heartbeat's worth of randomness, different for each call and node. */
static inline uint64_t rig_random(uint32_t id)
{
	return random_next(&rig.random) + id;
}

/* The members as of an entry; not said: those of the configuration. */
static inline struct raft_members rig_members_at(uint32_t id, uint64_t index)
{
	const struct rig_node *node = &rig.nodes[id];
	const struct raft_members *said = &node->members[index % RIG_LOG_MAX];

	return raft_members_said(said) ? *said : node->config.members;
}

static inline void rig_keep_members(uint32_t id, const struct raft_event *event)
{
	struct rig_node *node = &rig.nodes[id];
	const struct raft_update *update = &node->update;
	uint32_t i;

	if (event->type == RAFT_EV_RESET && !(update->flags & RAFT_UP_REFUSED))
		node->members[event->index % RIG_LOG_MAX] =
			*raft_members(node->raft);
	if (!(update->flags & RAFT_UP_APPEND))
		return;
	for (i = 0; i < update->append_count; i++)
		node->members[(update->append_first + i) % RIG_LOG_MAX] =
			event->members && !update->append_noop ?
				event->members[update->append_skip + i] :
				*raft_members(node->raft);
}

static inline void rig_post(const struct rig_mail *mail)
{
	if (rig.cut[mail->msg.from][mail->msg.to])
		return;
	if (rig.tail - rig.head == RIG_QUEUE_MAX)
		abort();
	rig.mail[rig.tail++ % RIG_QUEUE_MAX] = *mail;
}

static inline void rig_release(struct rig_node *node, uint64_t saved)
{
	unsigned int i, kept = 0;

	for (i = 0; i < node->held_count; i++) {
		if (node->held[i].state_seq <= saved)
			rig_post(&node->held[i]);
		else
			node->held[kept++] = node->held[i];
	}
	node->held_count = kept;
}

static inline void rig_step(uint32_t id, struct raft_event *event);

static inline void rig_saved(uint32_t id, uint64_t seq)
{
	struct raft_event event = { .type = RAFT_EV_STATE_SAVED, .seq = seq };

	rig_step(id, &event);
	rig_release(&rig.nodes[id], seq);
}

static inline void rig_persisted(uint32_t id, uint64_t index, uint64_t term,
				 uint64_t seq)
{
	struct raft_event event = {
		.type = RAFT_EV_PERSISTED,
		.index = index,
		.term = term,
		.seq = seq,
	};

	rig_step(id, &event);
}

/* All that the core's log holds is durable now. */
static inline void rig_persist_all(uint32_t id)
{
	uint64_t last = raft_last_index(rig_raft(id));

	rig_persisted(id, last, raft_entry_term(rig_raft(id), last),
		      rig.nodes[id].log_seq);
}

static inline void rig_send_due(uint32_t id)
{
	struct raft_event event = { .type = RAFT_EV_SEND, .count = 4 };
	uint32_t to;

	for (to = 1; to <= rig.count; to++) {
		event.peer = to;
		while (to != id && raft_send_due(rig_raft(id), to))
			rig_step(id, &event);
	}
}

static inline void rig_step(uint32_t id, struct raft_event *event)
{
	struct rig_node *node = &rig.nodes[id];
	struct raft_update *update = &node->update;
	unsigned int flags, i;
	uint64_t seq, k;

	event->now_us = rig.now;
	event->random = rig_random(id);
	raft_step(node->raft, event, update);
	node->log_seq = update->log_seq;
	rig_keep_members(id, event);
	if (update->flags & RAFT_UP_STATE)
		node->disk_state = update->state;
	for (i = 0; i < update->msg_count; i++) {
		struct rig_mail mail = { .msg = update->msgs[i] };

		for (k = 0; mail.msg.type == RAFT_MSG_APPEND &&
			    k < mail.msg.append.count;
		     k++) {
			uint64_t at = mail.msg.append.prev_index + 1 + k;

			mail.terms[k] = raft_entry_term(node->raft, at);
			mail.members[k] = rig_members_at(id, at);
		}
		mail.state_seq = update->state_seq;
		if (mail.msg.needs_state && node->held_count < 64)
			node->held[node->held_count++] = mail;
		else
			rig_post(&mail);
	}
	flags = update->flags;
	seq = update->state_seq;
	if ((flags & RAFT_UP_STATE) && !node->hold_state) {
		struct raft_update kept = *update;

		rig_saved(id, seq);
		*update = kept;
	}
	if ((flags & (RAFT_UP_APPEND | RAFT_UP_TRUNCATE)) && !node->hold_disk) {
		struct raft_update kept = *update;

		rig_persist_all(id);
		*update = kept;
	}
}

static inline void rig_tick(uint32_t id)
{
	struct raft_event event = { .type = RAFT_EV_TICK };

	rig_step(id, &event);
}

static inline void rig_link(uint32_t id, uint32_t peer)
{
	struct raft_event event = { .type = RAFT_EV_LINK, .peer = peer };

	rig_step(id, &event);
}

static inline void rig_recv(uint32_t id, const struct raft_msg *msg,
			    const uint64_t *terms)
{
	struct raft_event event = {
		.type = RAFT_EV_RECV,
		.msg = msg,
		.entry_terms = terms,
	};

	rig_step(id, &event);
}

static inline void rig_deliver(const struct rig_mail *mail)
{
	struct raft_event event = {
		.type = RAFT_EV_RECV,
		.msg = &mail->msg,
		.entry_terms = mail->terms,
		.members = mail->members,
	};

	rig_step(mail->msg.to, &event);
}

/* Deliver what is on its way, and what that brings forth. */
static inline void rig_settle(void)
{
	unsigned int round;
	uint32_t id;

	for (round = 0; round < 20000; round++) {
		struct rig_mail mail;

		for (id = 1; id <= rig.count; id++)
			if (rig.nodes[id].raft &&
			    raft_role(rig_raft(id)) == RAFT_LEADER)
				rig_send_due(id);
		if (rig.head == rig.tail)
			return;
		mail = rig.mail[rig.head++ % RIG_QUEUE_MAX];
		if (rig.nodes[mail.msg.to].raft &&
		    !rig.cut[mail.msg.from][mail.msg.to])
			rig_deliver(&mail);
	}
	tap_check(!"messages without end");
}

/* Let time pass in small steps, everybody ticking when due. */
static inline void rig_pass(uint64_t us)
{
	uint64_t end = rig.now + us;
	uint32_t id;

	while (rig.now < end) {
		rig.now += 10000;
		for (id = 1; id <= rig.count; id++)
			if (rig.nodes[id].raft &&
			    raft_deadline(rig_raft(id)) <= rig.now)
				rig_tick(id);
		rig_settle();
	}
}

static inline void rig_boot(uint32_t id, const struct raft_boot *boot)
{
	struct rig_node *node = &rig.nodes[id];
	struct raft_boot with_time = *boot;

	raft_free(node->raft);
	with_time.now_us = rig.now;
	with_time.random = rig_random(id);
	if (!with_time.state.promise_us)
		with_time.state.promise_us =
			(uint32_t)node->config.election_timeout_us;
	node->held_count = 0;
	node->log_seq = 1;
	node->disk_state = boot->state;
	node->raft = raft_new(&node->config, &with_time);
}

/* Stop it and start it on what its disk holds; a torn link to everybody. */
static inline void rig_restart(uint32_t id)
{
	struct raft *raft = rig_raft(id);
	static struct raft_run runs[RAFT_RUNS_MAX];
	static struct raft_member_run members[RIG_LOG_MAX];
	struct raft_boot boot = { .state = rig.nodes[id].disk_state };
	uint64_t index;
	uint32_t peer;

	boot.base_index = raft_base_index(raft);
	boot.base_term = raft_entry_term(raft, boot.base_index);
	boot.last_index = raft_durable_index(raft);
	boot.commit = boot.base_index;
	boot.runs = runs;
	boot.member_runs = members;
	for (index = boot.base_index; index <= boot.last_index; index++) {
		struct raft_members now = rig_members_at(id, index);

		if (boot.member_run_count &&
		    raft_members_equal(
			    &members[boot.member_run_count - 1].members, &now))
			continue;
		members[boot.member_run_count].first_index = index;
		members[boot.member_run_count++].members = now;
	}
	for (index = boot.base_index + 1; index <= boot.last_index; index++) {
		uint64_t term = raft_entry_term(raft, index);

		if (boot.run_count && runs[boot.run_count - 1].term == term)
			continue;
		runs[boot.run_count].first_index = index;
		runs[boot.run_count++].term = term;
	}
	rig_boot(id, &boot);
	for (peer = 1; peer <= rig.count; peer++)
		if (peer != id && rig_raft(peer))
			rig_link(peer, id);
}

static inline void rig_kill(uint32_t id)
{
	raft_free(rig.nodes[id].raft);
	rig.nodes[id].raft = NULL;
}

/* @count cores; @boot NULL: formatted anew; the first @members are voters */
static inline void rig_start_some(unsigned int count, unsigned int members,
				  const struct raft_boot *boot)
{
	struct raft_boot blank = { .now_us = 0 };
	uint32_t id, i;

	for (id = 1; id <= RAFT_MEMBERS_MAX; id++)
		raft_free(rig.nodes[id].raft);
	memset(&rig, 0, sizeof(rig));
	rig.count = count;
	rig.now = 1000;
	for (id = 1; id <= count; id++) {
		struct raft_config *config = &rig.nodes[id].config;

		config->id = id;
		for (i = 1; i <= members; i++)
			raft_members_set(&config->members, i,
					 RAFT_MEMBER_VOTER);
		config->election_timeout_us = RIG_T;
		config->heartbeat_us = RIG_BEAT;
		config->drift_ppm = 10000;
		rig_boot(id, boot ? boot : &blank);
	}
}

static inline void rig_start(unsigned int count, const struct raft_boot *boot)
{
	rig_start_some(count, count, boot);
}

static inline uint32_t rig_leader(void)
{
	uint32_t id, leader = 0;

	for (id = 1; id <= rig.count; id++)
		if (rig_raft(id) && raft_role(rig_raft(id)) == RAFT_LEADER &&
		    (!leader ||
		     raft_term(rig_raft(id)) > raft_term(rig_raft(leader))))
			leader = id;
	return leader;
}

/* Make @id campaign when promises have run out, and settle. */
static inline void rig_elect(uint32_t id)
{
	struct raft_event event = { .type = RAFT_EV_CAMPAIGN };

	rig.now += RIG_T;
	rig_step(id, &event);
	rig_settle();
}

static inline void rig_propose(uint32_t id, uint32_t count)
{
	struct raft_event event = { .type = RAFT_EV_PROPOSE, .count = count };

	rig_step(id, &event);
}

/* Cut a node off, both ways, or take it back. */
static inline void rig_isolate(uint32_t id, bool cut)
{
	uint32_t other;

	for (other = 1; other <= rig.count; other++) {
		rig.cut[id][other] = cut;
		rig.cut[other][id] = cut;
	}
}

/* The first message of @type in the last update of @id, or NULL. */
static inline const struct raft_msg *rig_said(uint32_t id,
					      enum raft_msg_type type)
{
	const struct raft_update *update = &rig.nodes[id].update;
	unsigned int i;

	for (i = 0; i < update->msg_count; i++)
		if (update->msgs[i].type == type)
			return &update->msgs[i];
	return NULL;
}

static const struct raft_run rig_one_run[]
	__attribute__((unused)) = { { 1, 1 } };

/* A member of an old volume: log 1..10 of term 1. */
static const struct raft_boot rig_veteran __attribute__((unused)) = {
	.state = { .term = 1, .joined = true },
	.last_index = 10,
	.runs = rig_one_run,
	.run_count = 1,
};

static inline struct raft_msg rig_append_msg(uint32_t from, uint32_t to,
					     uint64_t term, uint64_t prev,
					     uint64_t prev_term, uint32_t count)
{
	struct raft_msg msg = { .type = RAFT_MSG_APPEND, .term = term };

	msg.from = from;
	msg.to = to;
	msg.append.prev_index = prev;
	msg.append.prev_term = prev_term;
	msg.append.count = count;
	msg.append.sent_us = 500;
	msg.append.promise_us = RIG_T;
	return msg;
}

/* The reply to an append just received, or NULL. */
static inline const struct raft_msg *
rig_append_to(uint32_t id, struct raft_msg msg, const uint64_t *terms)
{
	rig_recv(id, &msg, terms);
	return rig_said(id, RAFT_MSG_APPEND_REPLY);
}

#endif
