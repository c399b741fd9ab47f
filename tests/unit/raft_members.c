// SPDX-License-Identifier: GPL-2.0
/* Members: changing them, learners, witnesses (thesis 4). */
#include <string.h>

#include "raft_rig.h"

static const struct raft_run term_one[] = { { 1, 1 } };

static const struct raft_boot veteran = {
	.state = { .term = 1, .joined = true },
	.last_index = 10,
	.runs = term_one,
	.run_count = 1,
	.commit = 10,
};

/* @count nodes, the first @members of them voters, node 1 leads. */
static void lead(unsigned int count, unsigned int members)
{
	rig_start_some(count, members, &veteran);
	rig_elect(1);
	rig_pass(2 * RIG_BEAT);
	tap_need(rig_leader() == 1);
}

static bool change(uint32_t leader, uint32_t id, enum raft_member_role role)
{
	struct raft_event event = { .type = RAFT_EV_MEMBER,
				    .peer = id,
				    .role = role };
	enum raft_refusal refusal =
		raft_member_refusal(rig_raft(leader), id, role);

	rig_step(leader, &event);
	tap_check_eq((rig.nodes[leader].update.flags & RAFT_UP_REFUSED) != 0,
		     refusal != RAFT_REFUSAL_NONE);
	return refusal == RAFT_REFUSAL_NONE;
}

/* Of three, @leader takes out @id, and tells nobody: it is cut off. */
static bool takes_out_unheard(uint32_t leader, uint32_t id)
{
	rig_start(3, &veteran);
	rig_elect(leader);
	rig_pass(2 * RIG_BEAT);
	if (!tap_check(rig_leader() == leader))
		return false;
	rig_isolate(leader, true);
	return tap_check(change(leader, id, RAFT_MEMBER_NONE));
}

static void changed(uint32_t leader, uint32_t id, enum raft_member_role role)
{
	tap_need(change(leader, id, role));
	rig_settle();
	rig_pass(2 * RIG_BEAT);
	tap_check_eq(raft_members_role(raft_members(rig_raft(leader)), id),
		     role);
	tap_check(raft_members_since(rig_raft(leader)) <=
		  raft_commit_index(rig_raft(leader)));
}

static enum raft_refusal why(uint32_t id, enum raft_member_role role)
{
	return raft_member_refusal(rig_raft(rig_leader()), id, role);
}

static enum raft_member_role role_of(uint32_t at, uint32_t id)
{
	return raft_members_role(raft_members(rig_raft(at)), id);
}

static void learner_is_sent_everything_and_counts_for_nothing(void)
{
	uint64_t commit;

	lead(4, 3);
	changed(1, 4, RAFT_MEMBER_LEARNER);
	rig_propose(1, 5);
	rig_settle();
	tap_check_eq(raft_last_index(rig_raft(4)),
		     raft_last_index(rig_raft(1)));
	tap_check_eq(role_of(4, 4), RAFT_MEMBER_LEARNER);
	rig_isolate(2, true);
	rig_isolate(3, true);
	commit = raft_commit_index(rig_raft(1));
	rig_propose(1, 1);
	rig_settle();
	tap_check_eq(raft_commit_index(rig_raft(1)), commit);
	rig_pass(3 * RIG_T);
	tap_check_eq(rig_leader(), 0);
}

static void learner_never_campaigns(void)
{
	lead(4, 3);
	changed(1, 4, RAFT_MEMBER_LEARNER);
	rig_isolate(1, true);
	rig_isolate(2, true);
	rig_isolate(3, true);
	rig_pass(20 * RIG_T);
	tap_check_eq(raft_role(rig_raft(4)), RAFT_FOLLOWER);
	tap_check_eq(raft_term(rig_raft(4)), 2);
}

static void learner_that_has_caught_up_becomes_a_voter(void)
{
	lead(4, 3);
	changed(1, 4, RAFT_MEMBER_LEARNER);
	changed(1, 4, RAFT_MEMBER_VOTER);
	tap_check_eq(role_of(4, 4), RAFT_MEMBER_VOTER);
	/* Three of four are a majority now. */
	rig_isolate(2, true);
	rig_propose(1, 1);
	rig_settle();
	tap_check_eq(raft_commit_index(rig_raft(1)),
		     raft_last_index(rig_raft(1)));
	rig_isolate(3, true);
	rig_propose(1, 1);
	rig_settle();
	tap_check(raft_commit_index(rig_raft(1)) <
		  raft_last_index(rig_raft(1)));
}

static void learner_that_lags_is_not_promoted(void)
{
	lead(4, 3);
	changed(1, 4, RAFT_MEMBER_LEARNER);
	rig_isolate(4, true);
	rig_propose(1, RAFT_BEHIND_MAX + 1);
	rig_settle();
	tap_check_eq(why(4, RAFT_MEMBER_VOTER), RAFT_REFUSAL_BEHIND);
	rig_isolate(4, false);
	rig_link(1, 4);
	rig_settle();
	rig_pass(2 * RIG_BEAT);
	tap_check_eq(why(4, RAFT_MEMBER_VOTER), RAFT_REFUSAL_NONE);
}

static void learner_that_is_gone_is_not_promoted(void)
{
	lead(4, 3);
	changed(1, 4, RAFT_MEMBER_LEARNER);
	rig_kill(4);
	rig_pass(2 * RIG_T);
	tap_check_eq(why(4, RAFT_MEMBER_VOTER), RAFT_REFUSAL_BEHIND);
}

static void blank_learner_is_promoted_when_it_has_joined(void)
{
	struct raft_boot blank = { .now_us = 0 };

	lead(4, 3);
	rig_boot(4, &blank);
	tap_need(change(1, 4, RAFT_MEMBER_LEARNER));
	rig_isolate(2, true);
	rig_isolate(3, true);
	rig_settle();
	tap_check_eq(why(4, RAFT_MEMBER_VOTER), RAFT_REFUSAL_PENDING);
	rig_isolate(2, false);
	rig_isolate(3, false);
	rig_link(1, 2);
	rig_link(1, 3);
	rig_pass(3 * RIG_BEAT);
	tap_check(raft_hard_state(rig_raft(4))->joined);
	tap_check_eq(why(4, RAFT_MEMBER_VOTER), RAFT_REFUSAL_NONE);
}

static void barred_learner_is_not_promoted(void)
{
	struct raft_boot blank = { .now_us = 0 };
	struct raft_event event = { .type = RAFT_EV_SEND,
				    .peer = 4,
				    .count = 4 };

	lead(4, 3);
	changed(1, 4, RAFT_MEMBER_LEARNER);
	rig_boot(4, &blank);
	rig.nodes[4].hold_disk = true; /* so it lacks what it must have */
	rig_link(1, 4);
	rig_link(4, 1);
	rig_settle();
	rig_step(1, &event);
	rig_settle();
	tap_check_eq(why(4, RAFT_MEMBER_VOTER), RAFT_REFUSAL_BARRED);
}

static void nothing_changes_before_the_term_has_committed(void)
{
	lead(4, 3);
	rig_isolate(2, true);
	rig_isolate(3, true);
	rig_pass(3 * RIG_T); /* nobody leads */
	rig_isolate(2, false);
	rig_isolate(3, false);
	rig.cut[2][1] = rig.cut[3][1] = true; /* votes come, answers don't */
	rig.cut[2][1] = false;
	rig.nodes[2].hold_disk = rig.nodes[3].hold_disk = true;
	rig.nodes[1].hold_disk = true;
	rig_elect(1);
	tap_need(raft_role(rig_raft(1)) == RAFT_LEADER);
	tap_check_eq(raft_member_refusal(rig_raft(1), 4, RAFT_MEMBER_LEARNER),
		     RAFT_REFUSAL_EARLY);
}

static void one_change_at_a_time(void)
{
	lead(5, 3);
	rig_isolate(2, true);
	rig_isolate(3, true);
	tap_check(change(1, 4, RAFT_MEMBER_LEARNER));
	tap_check_eq(why(5, RAFT_MEMBER_LEARNER), RAFT_REFUSAL_PENDING);
	tap_check(!change(1, 5, RAFT_MEMBER_LEARNER));
}

static void only_single_steps_are_possible(void)
{
	lead(4, 3);
	tap_check_eq(why(4, RAFT_MEMBER_VOTER), RAFT_REFUSAL_STEP);
	tap_check_eq(why(4, RAFT_MEMBER_NONE), RAFT_REFUSAL_SAME);
	tap_check_eq(why(3, RAFT_MEMBER_VOTER), RAFT_REFUSAL_SAME);
	tap_check_eq(why(3, RAFT_MEMBER_WITNESS), RAFT_REFUSAL_STEP);
	tap_check_eq(why(0, RAFT_MEMBER_LEARNER), RAFT_REFUSAL_FULL);
	tap_check_eq(raft_member_refusal(rig_raft(2), 4, RAFT_MEMBER_LEARNER),
		     RAFT_REFUSAL_NOT_LEADER);
}

static void somebody_who_can_lead_always_stays(void)
{
	lead(3, 1);
	tap_check_eq(why(1, RAFT_MEMBER_NONE), RAFT_REFUSAL_VOTERS);
	tap_check_eq(why(1, RAFT_MEMBER_LEARNER), RAFT_REFUSAL_VOTERS);
	tap_check_eq(why(3, RAFT_MEMBER_WITNESS), RAFT_REFUSAL_VOTERS);
	changed(1, 2, RAFT_MEMBER_LEARNER);
	changed(1, 2, RAFT_MEMBER_VOTER);
	changed(1, 3, RAFT_MEMBER_WITNESS);
	tap_check_eq(why(1, RAFT_MEMBER_NONE), RAFT_REFUSAL_VOTERS);
	tap_check_eq(why(2, RAFT_MEMBER_LEARNER), RAFT_REFUSAL_VOTERS);
}

static void eighth_member_finds_no_place(void)
{
	lead(7, 7);
	tap_check_eq(why(8, RAFT_MEMBER_LEARNER), RAFT_REFUSAL_FULL);
}

static void change_that_leaves_no_majority_is_refused(void)
{
	lead(3, 3);
	rig_isolate(3, true);
	rig_pass(2 * RIG_T);
	tap_need(rig_leader() == 1);
	/* Of 1 and 3 only one would be there. */
	tap_check_eq(why(2, RAFT_MEMBER_NONE), RAFT_REFUSAL_QUORUM);
	tap_check_eq(why(3, RAFT_MEMBER_NONE), RAFT_REFUSAL_NONE);
}

static void change_is_in_force_when_appended_and_forgotten_when_truncated(void)
{
	lead(3, 3);
	rig_isolate(1, true);
	tap_need(change(1, 3, RAFT_MEMBER_NONE));
	tap_check_eq(role_of(1, 3), RAFT_MEMBER_NONE);
	rig.now += RIG_T; /* the third one does not get there first */
	rig_elect(2);
	tap_need(raft_role(rig_raft(2)) == RAFT_LEADER);
	rig_isolate(1, false);
	rig_link(2, 1);
	rig_link(1, 2);
	rig_settle();
	rig_pass(2 * RIG_BEAT);
	tap_check(raft_members_equal(raft_members(rig_raft(1)),
				     raft_members(rig_raft(2))));
	tap_check_eq(role_of(1, 3), RAFT_MEMBER_VOTER);
	tap_check_eq(raft_commit_index(rig_raft(1)),
		     raft_last_index(rig_raft(1)));
}

static void members_are_known_after_a_restart(void)
{
	lead(4, 3);
	changed(1, 4, RAFT_MEMBER_LEARNER);
	changed(1, 3, RAFT_MEMBER_NONE);
	rig_restart(2);
	tap_check_eq(role_of(2, 4), RAFT_MEMBER_LEARNER);
	tap_check_eq(role_of(2, 3), RAFT_MEMBER_NONE);
	tap_check_eq(raft_members_since(rig_raft(2)),
		     raft_members_since(rig_raft(1)));
}

static void removed_leader_leads_until_that_is_committed(void)
{
	uint64_t last;

	lead(3, 3);
	rig_isolate(2, true);
	tap_need(change(1, 1, RAFT_MEMBER_NONE));
	rig_settle();
	/* Its own disk doesn't count for what takes it out. */
	tap_check_eq(raft_role(rig_raft(1)), RAFT_LEADER);
	last = raft_last_index(rig_raft(1));
	tap_check(raft_commit_index(rig_raft(1)) < last);
	rig_propose(1, 1);
	tap_check(!(rig.nodes[1].update.flags & RAFT_UP_REFUSED));
	rig_isolate(2, false);
	rig_link(1, 2);
	rig_settle();
	tap_check(raft_commit_index(rig_raft(1)) > last);
	/* And hands over at once. */
	tap_check_eq(raft_role(rig_raft(1)), RAFT_FOLLOWER);
	tap_need(rig_leader() == 2 || rig_leader() == 3);
	tap_check_eq(raft_lease_until(rig_raft(1)), 0);
	rig_pass(10 * RIG_T);
	tap_check(rig_leader() != 1);
}

static void removed_leader_finishes_its_removal_after_a_restart(void)
{
	lead(2, 2);
	rig_isolate(1, true);
	tap_need(change(1, 1, RAFT_MEMBER_NONE));
	rig_restart(1);
	rig_isolate(1, false);
	rig_link(1, 2);
	/* The entry is on its disk only, so only it can be elected. */
	rig_pass(8 * RIG_T);
	tap_check_eq(rig_leader(), 2);
	tap_check_eq(role_of(2, 1), RAFT_MEMBER_NONE);
	tap_check(raft_commit_index(rig_raft(2)) ==
		  raft_last_index(rig_raft(2)));
}

static void removed_node_does_not_disturb(void)
{
	uint64_t term;

	lead(3, 3);
	rig_isolate(3, true);
	changed(1, 3, RAFT_MEMBER_NONE);
	term = raft_term(rig_raft(1));
	rig_pass(5 * RIG_T);
	rig_isolate(3, false);
	/* It still believes to be a voter. */
	tap_check_eq(role_of(3, 3), RAFT_MEMBER_VOTER);
	rig_pass(20 * RIG_T);
	tap_check_eq(rig_leader(), 1);
	tap_check_eq(raft_term(rig_raft(1)), term);
	/* And is not elected even when nobody leads. */
	rig_kill(1);
	rig_pass(8 * RIG_T);
	tap_check(rig_leader() != 3);
}

static void answers_of_a_removed_node_count_for_nothing(void)
{
	struct raft_msg msg = {
		.type = RAFT_MSG_APPEND_REPLY,
		.from = 3,
		.to = 1,
		.append_reply = { .ok = true },
	};
	uint64_t commit;

	lead(3, 3);
	changed(1, 3, RAFT_MEMBER_NONE);
	rig_isolate(2, true);
	commit = raft_commit_index(rig_raft(1));
	rig_propose(1, 1);
	msg.term = raft_term(rig_raft(1));
	msg.append_reply.match = raft_last_index(rig_raft(1));
	rig_recv(1, &msg, NULL);
	tap_check_eq(raft_commit_index(rig_raft(1)), commit);
	/* Nor does its term. */
	msg.term += 5;
	rig_recv(1, &msg, NULL);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_LEADER);
}

/* Votes are given by log and term: who asks may know of members that we don't. */
static void voter_votes_for_a_candidate_it_does_not_know(void)
{
	lead(4, 3);
	changed(1, 4, RAFT_MEMBER_LEARNER);
	/* 2 never hears of the promotion, 3 and 4 commit it with 1. */
	rig_isolate(2, true);
	changed(1, 4, RAFT_MEMBER_VOTER);
	rig_kill(1);
	rig_isolate(2, false);
	rig_isolate(1, true);
	tap_need(role_of(2, 4) == RAFT_MEMBER_LEARNER);
	rig_elect(4); /* of four, so 2's vote is needed */
	tap_check_eq(rig_leader(), 4);
	rig_pass(2 * RIG_T);
	tap_check_eq(role_of(2, 4), RAFT_MEMBER_VOTER);
}

static void node_that_knows_no_members_follows_whoever_leads(void)
{
	struct raft_boot blank = { .now_us = 0 };

	rig_start_some(4, 3, &veteran);
	/* Its configuration says that it is alone with 7. */
	rig.nodes[4].config.members = (struct raft_members){ { 0 }, 0 };
	raft_members_set(&rig.nodes[4].config.members, 4, RAFT_MEMBER_VOTER);
	raft_members_set(&rig.nodes[4].config.members, 7, RAFT_MEMBER_VOTER);
	rig_boot(4, &blank);
	rig_elect(1);
	rig_pass(2 * RIG_BEAT);
	changed(1, 4, RAFT_MEMBER_LEARNER);
	tap_check(raft_members_equal(raft_members(rig_raft(4)),
				     raft_members(rig_raft(1))));
}

static void witness_votes_and_acknowledges_and_never_leads(void)
{
	lead(3, 2);
	changed(1, 3, RAFT_MEMBER_WITNESS);
	rig_isolate(2, true);
	rig_propose(1, 1);
	rig_settle();
	tap_check_eq(raft_commit_index(rig_raft(1)),
		     raft_last_index(rig_raft(1)));
	/* It has what 2 lacks: nobody can be elected without 1. */
	rig_kill(1);
	rig_isolate(2, false);
	rig_isolate(1, true);
	rig_pass(10 * RIG_T);
	tap_check_eq(rig_leader(), 0);
	tap_check_eq(raft_role(rig_raft(3)), RAFT_FOLLOWER);
}

static void witness_is_sent_what_is_on_the_leaders_disk(void)
{
	uint64_t last;

	lead(3, 2);
	changed(1, 3, RAFT_MEMBER_WITNESS);
	last = raft_last_index(rig_raft(1));
	rig.nodes[1].hold_disk = true;
	rig_propose(1, 2);
	rig_settle();
	tap_check_eq(raft_last_index(rig_raft(2)), last + 2);
	tap_check_eq(raft_last_index(rig_raft(3)), last);
	rig_persist_all(1);
	rig_settle();
	tap_check_eq(raft_last_index(rig_raft(3)), last + 2);
}

/* What 4 refuses 2 and 3 for is on 4 alone, so no majority has it. */
static void witness_does_not_stop_all_voters(void)
{
	struct raft_boot blank = { .now_us = 0 };
	uint64_t last;

	lead(4, 3);
	changed(1, 4, RAFT_MEMBER_WITNESS);
	rig_isolate(2, true);
	rig_isolate(3, true);
	rig_propose(1, 1);
	rig_settle();
	last = raft_last_index(rig_raft(1));
	tap_need(raft_last_index(rig_raft(4)) == last);
	tap_need(raft_commit_index(rig_raft(1)) < last);
	rig_kill(1);
	rig_isolate(2, false);
	rig_isolate(3, false);
	rig_pass(8 * RIG_T);
	tap_check_eq(rig_leader(), 0); /* 1 may come back with it */
	rig_boot(1, &blank);
	rig_pass(8 * RIG_T);
	tap_check(rig_leader() == 2 || rig_leader() == 3);
}

static void witness_elects_who_has_everything(void)
{
	lead(3, 2);
	changed(1, 3, RAFT_MEMBER_WITNESS);
	rig_kill(1);
	rig_pass(8 * RIG_T);
	tap_check_eq(rig_leader(), 2);
}

static void leadership_is_not_handed_to_learner_or_witness(void)
{
	struct raft_event event = { .type = RAFT_EV_TRANSFER };

	lead(4, 2);
	changed(1, 3, RAFT_MEMBER_LEARNER);
	changed(1, 4, RAFT_MEMBER_WITNESS);
	event.peer = 3;
	rig_step(1, &event);
	tap_check(rig.nodes[1].update.flags & RAFT_UP_REFUSED);
	event.peer = 4;
	rig_step(1, &event);
	tap_check(rig.nodes[1].update.flags & RAFT_UP_REFUSED);
	event.peer = 2;
	rig_step(1, &event);
	tap_check(!(rig.nodes[1].update.flags & RAFT_UP_REFUSED));
}

/*
 * The lease that 2's answer gave is worth nothing once 2 is out: what is told
 * of it falls in the very step that takes 2 out.
 */
static void lease_falls_with_the_member_that_it_rests_on(void)
{
	uint64_t before, after;

	lead(3, 3);
	rig_isolate(3, true);
	rig_pass(RIG_T * 7 / 10); /* 2 alone has answered since */
	before = raft_lease_until(rig_raft(1));
	tap_need(before > rig.now);
	tap_need(change(1, 2, RAFT_MEMBER_NONE));
	after = raft_lease_until(rig_raft(1));
	tap_check(after < before);
	tap_check(after <= before - RIG_T / 2);
}

/* Barred votes count if all grant; not on the strength of an open change. */
static void barred_votes_do_not_decide_while_a_change_is_open(void)
{
	struct raft_boot blank = { .now_us = 0 };

	/* 2 takes out 3, tells nobody, and is deposed by 1 and 3. */
	tap_need(takes_out_unheard(2, 3));
	rig.now += RIG_T; /* the third one does not get there first */
	rig_elect(1);
	tap_need(raft_role(rig_raft(1)) == RAFT_LEADER);
	rig_propose(1, 1);
	rig_settle();
	rig_pass(2 * RIG_BEAT);
	/* 1 loses its disk: what it committed is on 3 only. 3 is away. */
	rig_kill(1);
	rig_boot(1, &blank);
	rig_kill(3);
	rig_isolate(2, false);
	rig_link(2, 1);
	rig_link(1, 2);
	rig_pass(10 * RIG_T);
	/* To 2 the members are 1 and 2, and 1 would grant it everything. */
	tap_check_eq(rig_leader(), 0);
}

/*
 * 3 takes out 2 and is stopped before it can tell; 1 and 2 go on, then 1 loses
 * its disk and meets 3, which believes to lead.  To 3 the members are itself
 * and 1, but it may not tell 1 that it lacks nothing.
 */
static void joining_again_takes_the_members_before_an_open_change(void)
{
	struct raft_boot blank = { .now_us = 0 };
	struct raft *stopped;

	tap_need(takes_out_unheard(3, 2));
	stopped = rig.nodes[3].raft;
	rig.nodes[3].raft = NULL;
	rig_pass(4 * RIG_T);
	tap_need(rig_leader() == 1 || rig_leader() == 2);
	rig_propose(rig_leader(), 1);
	rig_settle();
	rig_kill(1);
	rig_boot(1, &blank);
	rig_isolate(2, true);
	rig_isolate(3, false);
	rig_isolate(2, true);
	rig.nodes[3].raft = stopped;
	rig_link(3, 1);
	rig_link(1, 3);
	rig_settle();
	rig.now += RIG_BEAT;
	rig_link(3, 1);
	rig_settle();
	tap_check(!raft_hard_state(rig_raft(1))->joined);
	tap_check(raft_commit_index(rig_raft(3)) <
		  raft_members_since(rig_raft(3)));
}

/*
 * 1 lost its disk when 3 took out 2, which nobody knew then: to join again it
 * takes a majority of the members before, 2 among them, that follows 3.
 */
static void who_is_taken_out_follows_until_that_is_committed(void)
{
	struct raft_boot blank = { .now_us = 0 };

	rig_start(3, &veteran);
	rig_elect(3);
	rig_pass(2 * RIG_BEAT);
	tap_need(rig_leader() == 3);
	rig_kill(1);
	tap_need(change(3, 2, RAFT_MEMBER_NONE));
	rig_boot(1, &blank);
	rig_link(3, 1);
	rig_link(1, 3);
	rig_settle();
	rig_pass(5 * RIG_T);
	tap_check_eq(rig_leader(), 3);
	tap_check(raft_hard_state(rig_raft(1))->joined);
	tap_check_eq(raft_commit_index(rig_raft(3)),
		     raft_last_index(rig_raft(3)));
	/* It was told why it hears no more, and hears no more. */
	tap_check_eq(role_of(2, 2), RAFT_MEMBER_NONE);
	tap_check(raft_commit_index(rig_raft(2)) >=
		  raft_members_since(rig_raft(2)));
	rig_propose(3, 1);
	rig_settle();
	tap_check(raft_last_index(rig_raft(2)) < raft_last_index(rig_raft(3)));
}

/* 1 lost its disk when 2 took out 3: 3's vote makes 2 lead again. */
static void who_is_taken_out_is_asked_for_its_vote(void)
{
	struct raft_boot blank = { .now_us = 0 };

	tap_need(takes_out_unheard(2, 3));
	rig_restart(2);
	rig_kill(1);
	rig_boot(1, &blank);
	rig_isolate(2, false);
	rig_pass(10 * RIG_T);
	tap_check_eq(rig_leader(), 2);
	tap_check(raft_hard_state(rig_raft(1))->joined);
	tap_check_eq(raft_commit_index(rig_raft(2)),
		     raft_last_index(rig_raft(2)));
}

/* What the configuration says was never in force. */
static void first_entry_is_no_change_of_members(void)
{
	static struct raft_member_run run;
	struct raft_boot boot = veteran;

	memset(&run, 0, sizeof(run));
	run.first_index = 1;
	raft_members_set(&run.members, 1, RAFT_MEMBER_VOTER);
	raft_members_set(&run.members, 2, RAFT_MEMBER_VOTER);
	raft_members_set(&run.members, 3, RAFT_MEMBER_WITNESS);
	boot.member_runs = &run;
	boot.member_run_count = 1;
	boot.commit = 0;
	rig_start(3, &boot);
	rig_elect(3);
	tap_check_eq(raft_role(rig_raft(3)), RAFT_FOLLOWER);
	tap_check_eq(rig_leader(), 0);
	rig_elect(2);
	tap_check_eq(rig_leader(), 2);
}

/* A sole voter needs nobody's promise - if it is one for sure. */
static void sole_voter_by_an_open_change_waits_like_any_other(void)
{
	static struct raft_member_run runs[2];
	struct raft_boot boot = veteran;

	memset(runs, 0, sizeof(runs));
	runs[0].first_index = 1;
	raft_members_set(&runs[0].members, 1, RAFT_MEMBER_VOTER);
	raft_members_set(&runs[0].members, 2, RAFT_MEMBER_VOTER);
	runs[1].first_index = 10;
	raft_members_set(&runs[1].members, 1, RAFT_MEMBER_VOTER);
	boot.member_runs = runs;
	boot.member_run_count = 2;
	boot.commit = 9; /* 2 may lead still, with our promise */
	rig_start(2, &boot);
	tap_check(raft_deadline(rig_raft(1)) >= rig.now + RIG_T);
	boot.commit = 10;
	rig_start(2, &boot);
	tap_check(raft_deadline(rig_raft(1)) <= rig.now);
}

static void hostile_members_are_ignored(void)
{
	struct raft_msg msg = {
		.type = RAFT_MSG_APPEND,
		.from = 2,
		.to = 1,
		.term = 3,
		.append = { .prev_index = 10, .prev_term = 1, .count = 2 },
	};
	uint64_t terms[2] = { 2, 3 };
	struct raft_members members[2];
	struct raft_event event = {
		.type = RAFT_EV_RECV,
		.msg = &msg,
		.entry_terms = terms,
		.members = members,
	};

	rig_start(3, &veteran);
	members[0] = members[1] = *raft_members(rig_raft(1));
	members[1].roles = 0;
	rig_step(1, &event);
	tap_check_eq(raft_last_index(rig_raft(1)), 10);
	/* Two changes at once, and then the first is overruled: impossible. */
	members[0] = members[1] = *raft_members(rig_raft(1));
	raft_members_set(&members[0], 4, RAFT_MEMBER_LEARNER);
	raft_members_set(&members[1], 5, RAFT_MEMBER_LEARNER);
	rig_step(1, &event);
	tap_check_eq(raft_last_index(rig_raft(1)), 12);
	msg.term = 4;
	terms[0] = terms[1] = 4;
	rig_step(1, &event);
	tap_check_eq(raft_entry_term(rig_raft(1), 11), 2);
	tap_check_eq(raft_last_index(rig_raft(1)), 12);
}

static void proposals_beyond_the_bound_are_refused(void)
{
	lead(3, 3);
	rig.nodes[1].hold_disk = true;
	rig_isolate(1, true);
	rig_propose(1, RAFT_UNCOMMITTED_MAX);
	tap_check(!(rig.nodes[1].update.flags & RAFT_UP_REFUSED));
	rig_propose(1, 1);
	tap_check(rig.nodes[1].update.flags & RAFT_UP_REFUSED);
}

static void memberships_have_one_form(void)
{
	struct raft_members members = { { 0 }, 0 };
	struct raft_members other = { { 0 }, 0 };
	uint32_t id;

	tap_check(raft_members_check(&members));
	tap_check(!raft_members_said(&members));
	for (id = 7; id; id--)
		tap_check(raft_members_set(&members, 10 * id,
					   id % 2 ? RAFT_MEMBER_VOTER :
						    RAFT_MEMBER_LEARNER));
	tap_check(!raft_members_set(&members, 5, RAFT_MEMBER_VOTER));
	tap_check(!raft_members_set(&members, 65536, RAFT_MEMBER_NONE));
	tap_check(!raft_members_check(&members));
	tap_check_eq(raft_members_count(&members), 7);
	tap_check_eq(raft_members_voting(&members), 4);
	tap_check_eq(raft_members_role(&members, 20), RAFT_MEMBER_LEARNER);
	tap_check_eq(raft_members_role(&members, 21), RAFT_MEMBER_NONE);
	for (id = 1; id <= 7; id++)
		if (id != 3)
			raft_members_set(&members, 10 * id, RAFT_MEMBER_NONE);
	raft_members_set(&other, 30, RAFT_MEMBER_VOTER);
	tap_check(raft_members_equal(&members, &other));
	raft_members_set(&members, 20, RAFT_MEMBER_VOTER);
	raft_members_set(&members, 40, RAFT_MEMBER_WITNESS);
	tap_check(!raft_members_check(&members));
	raft_members_set(&members, 50, RAFT_MEMBER_WITNESS);
	tap_check(raft_members_check(&members));
	members.ids[5] = 60;
	tap_check(raft_members_check(&members));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(memberships_have_one_form),
		TAP_TEST(learner_is_sent_everything_and_counts_for_nothing),
		TAP_TEST(learner_never_campaigns),
		TAP_TEST(learner_that_has_caught_up_becomes_a_voter),
		TAP_TEST(learner_that_lags_is_not_promoted),
		TAP_TEST(learner_that_is_gone_is_not_promoted),
		TAP_TEST(blank_learner_is_promoted_when_it_has_joined),
		TAP_TEST(barred_learner_is_not_promoted),
		TAP_TEST(nothing_changes_before_the_term_has_committed),
		TAP_TEST(one_change_at_a_time),
		TAP_TEST(only_single_steps_are_possible),
		TAP_TEST(somebody_who_can_lead_always_stays),
		TAP_TEST(eighth_member_finds_no_place),
		TAP_TEST(change_that_leaves_no_majority_is_refused),
		TAP_TEST(
			change_is_in_force_when_appended_and_forgotten_when_truncated),
		TAP_TEST(members_are_known_after_a_restart),
		TAP_TEST(removed_leader_leads_until_that_is_committed),
		TAP_TEST(removed_leader_finishes_its_removal_after_a_restart),
		TAP_TEST(removed_node_does_not_disturb),
		TAP_TEST(answers_of_a_removed_node_count_for_nothing),
		TAP_TEST(voter_votes_for_a_candidate_it_does_not_know),
		TAP_TEST(node_that_knows_no_members_follows_whoever_leads),
		TAP_TEST(witness_votes_and_acknowledges_and_never_leads),
		TAP_TEST(witness_is_sent_what_is_on_the_leaders_disk),
		TAP_TEST(witness_does_not_stop_all_voters),
		TAP_TEST(witness_elects_who_has_everything),
		TAP_TEST(leadership_is_not_handed_to_learner_or_witness),
		TAP_TEST(lease_falls_with_the_member_that_it_rests_on),
		TAP_TEST(barred_votes_do_not_decide_while_a_change_is_open),
		TAP_TEST(joining_again_takes_the_members_before_an_open_change),
		TAP_TEST(who_is_taken_out_follows_until_that_is_committed),
		TAP_TEST(who_is_taken_out_is_asked_for_its_vote),
		TAP_TEST(first_entry_is_no_change_of_members),
		TAP_TEST(sole_voter_by_an_open_change_waits_like_any_other),
		TAP_TEST(hostile_members_are_ignored),
		TAP_TEST(proposals_beyond_the_bound_are_refused),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
