// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever a peer sends, the core's assertions and promises hold: random
 * messages, most of them impossible, some of them nearly right.
 */
#include "raft_rig.h"

#define STEPS 60000

static uint64_t hostile_random(void)
{
	return rig_random(1);
}

static uint64_t below(uint64_t bound)
{
	return hostile_random() % bound;
}

/* Near what the core has, or anything at all. */
static uint64_t near(uint64_t value)
{
	switch (below(12)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX - below(3);
	case 2:
		return (1ULL << 62) - 1 + below(3);
	case 3:
		return hostile_random() << 31 ^ hostile_random();
	case 4:
	case 5:
		return value + below(200);
	default:
		return value + 2 - below(5);
	}
}

static struct raft_msg any_msg(uint64_t *terms)
{
	struct raft *raft = rig_raft(1);
	struct raft_msg msg = { .type = (enum raft_msg_type)below(7) };
	uint64_t last = raft_last_index(raft);
	uint32_t i;

	msg.from = (uint32_t)below(6);
	msg.to = below(20) ? 1 : (uint32_t)below(6);
	/* Terms must not run away at once, or all else is of the past. */
	msg.term = raft_term(raft) + (below(50) ? 1 - below(2) : below(3));
	if (below(5000) == 0)
		msg.term = near(msg.term);
	switch (msg.type) {
	case RAFT_MSG_VOTE:
		msg.vote.last_index = near(last);
		msg.vote.last_term = near(raft_entry_term(raft, last));
		msg.vote.prevote = below(2);
		msg.vote.transfer = below(2);
		break;
	case RAFT_MSG_VOTE_REPLY:
		msg.vote_reply.prevote = below(2);
		msg.vote_reply.granted = below(2);
		msg.vote_reply.barred = below(3) == 0;
		break;
	case RAFT_MSG_APPEND:
		msg.append.prev_index = below(2) ? near(last) : below(last + 1);
		msg.append.prev_term =
			below(3) ?
				raft_entry_term(raft, msg.append.prev_index) :
				near(raft_term(raft));
		msg.append.commit = near(raft_commit_index(raft));
		msg.append.sent_us = near(rig.now);
		msg.append.promise_us = (uint32_t)near(below(2) * RIG_T);
		msg.append.count =
			below(3) ? 0 : (uint32_t)below(RAFT_APPEND_MAX + 3);
		msg.append.rejoin = below(2) ? 0 : near(last);
		break;
	case RAFT_MSG_APPEND_REPLY:
		msg.append_reply.ok = below(2);
		msg.append_reply.match = near(last);
		msg.append_reply.hint = near(last);
		msg.append_reply.sent_us = near(rig.now);
		msg.append_reply.damaged = below(8) == 0;
		msg.append_reply.barred = below(4) == 0;
		break;
	default:
		break;
	}
	for (i = 0; i < RAFT_APPEND_MAX + 3; i++)
		terms[i] = below(20) ? msg.term : near(msg.term);
	return msg;
}

static void any_event(void)
{
	struct raft_event event = {
		.type = (enum raft_event_type)below(RAFT_EV_LINK + 1),
		.peer = (uint32_t)below(6),
		.count = (uint32_t)below(RAFT_APPEND_MAX * 2),
		.index = near(raft_last_index(rig_raft(1))),
		.term = near(raft_term(rig_raft(1))),
	};
	uint64_t safe;

	switch (event.type) {
	case RAFT_EV_RECV:
	case RAFT_EV_STATE_SAVED:
		return;
	case RAFT_EV_PERSISTED:
		event.seq = rig.nodes[1].log_seq - below(2);
		if (event.seq == 0)
			return;
		break;
	case RAFT_EV_COMPACTED:
		/* The caller's duty: what is committed and durable. */
		safe = raft_commit_index(rig_raft(1));
		if (safe > raft_durable_index(rig_raft(1)))
			safe = raft_durable_index(rig_raft(1));
		event.index = below(safe + 1);
		break;
	case RAFT_EV_RESET:
		if (below(50))
			return;
		break;
	default:
		break;
	}
	rig_step(1, &event);
}

static void survive(const struct raft_boot *boot, uint64_t seed)
{
	static uint64_t terms[RAFT_APPEND_MAX + 3];
	uint64_t commit, term;
	unsigned int i;

	rig_start(4, boot);
	rig.random = seed;
	for (i = 0; i < STEPS; i++) {
		bool damaged = raft_hard_state(rig_raft(1))->damaged;

		commit = raft_commit_index(rig_raft(1));
		term = raft_term(rig_raft(1));
		rig.now += below(4) ? below(1000) : below(RIG_T / 4);
		rig.nodes[1].hold_disk = below(2);
		rig.nodes[1].hold_state = false;
		if (below(4)) {
			struct raft_msg msg = any_msg(terms);

			rig_recv(1, &msg, terms);
		} else {
			any_event();
		}
		rig.head = rig.tail;
		tap_need(damaged || raft_commit_index(rig_raft(1)) >= commit);
		tap_need(raft_term(rig_raft(1)) >= term);
		tap_need(raft_commit_index(rig_raft(1)) <=
			 raft_last_index(rig_raft(1)));
		tap_need(raft_lease_until(rig_raft(1)) <= rig.now + RIG_T);
		if (raft_term(rig_raft(1)) >= 1ULL << 62)
			return;
	}
}

static const struct raft_run one_run[] = { { 1, 1 } };

static void voter_survives_any_messages(void)
{
	const struct raft_boot boot = {
		.state = { .term = 1, .joined = true },
		.last_index = 10,
		.runs = one_run,
		.run_count = 1,
		.commit = 5,
	};
	uint64_t seed;

	for (seed = 1; seed <= 12; seed++)
		survive(&boot, seed);
}

static void damaged_replica_survives_any_messages(void)
{
	const struct raft_boot boot = {
		.state = { .term = 1, .damaged = true },
		.last_index = 10,
		.runs = one_run,
		.run_count = 1,
	};
	uint64_t seed;

	for (seed = 1; seed <= 6; seed++)
		survive(&boot, seed);
}

static void blank_replica_survives_any_messages(void)
{
	uint64_t seed;

	for (seed = 1; seed <= 6; seed++)
		survive(NULL, seed);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(voter_survives_any_messages),
		TAP_TEST(damaged_replica_survives_any_messages),
		TAP_TEST(blank_replica_survives_any_messages),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
