// SPDX-License-Identifier: GPL-2.0
/* Elections: votes, PreVote, bootstrap, promises (thesis 3.4, 4.2.3, 9.6). */
#include "raft_rig.h"

static struct raft_msg vote_request(uint32_t from, uint32_t to, uint64_t term,
				    uint64_t last_index, uint64_t last_term)
{
	struct raft_msg msg = { .type = RAFT_MSG_VOTE, .term = term };

	msg.from = from;
	msg.to = to;
	msg.vote.last_index = last_index;
	msg.vote.last_term = last_term;
	return msg;
}

static bool grants(uint32_t id, struct raft_msg msg)
{
	const struct raft_msg *reply;

	rig_recv(id, &msg, NULL);
	reply = rig_said(id, RAFT_MSG_VOTE_REPLY);
	return reply && reply->vote_reply.granted;
}

static void sole_member_leads_at_once(void)
{
	struct raft_boot blank = { .now_us = 0 };

	rig_start(1, &blank);
	tap_check(raft_deadline(rig_raft(1)) <= rig.now);
	rig_tick(1);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_LEADER);
	tap_check_eq(raft_commit_index(rig_raft(1)), 1);
	tap_check(raft_lease_until(rig_raft(1)) > rig.now);
	rig_propose(1, 5);
	tap_check_eq(raft_commit_index(rig_raft(1)), 6);
}

static void sole_member_commits_only_what_is_durable(void)
{
	rig_start(1, NULL);
	rig.nodes[1].hold_disk = true;
	rig_tick(1);
	rig_propose(1, 3);
	tap_check_eq(raft_commit_index(rig_raft(1)), 0);
	rig_persisted(1, 2, 1, 1);
	tap_check_eq(raft_commit_index(rig_raft(1)), 2);
}

static void sole_member_lease_renews_with_time(void)
{
	uint64_t lease;

	rig_start(1, NULL);
	rig_tick(1);
	lease = raft_lease_until(rig_raft(1));
	rig_pass(10 * RIG_T);
	tap_check(raft_lease_until(rig_raft(1)) >= lease + 9 * RIG_T);
	tap_check(raft_deadline(rig_raft(1)) <= rig.now + RIG_BEAT);
}

static void sole_member_leads_only_when_its_term_is_saved(void)
{
	rig_start(1, NULL);
	rig.nodes[1].hold_state = true;
	rig_tick(1);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_CANDIDATE);
	tap_check_eq(raft_last_index(rig_raft(1)), 0);
	rig_saved(1, rig.nodes[1].update.state_seq);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_LEADER);
	tap_check(rig.nodes[1].update.append_noop);
}

static void birth_needs_every_member(void)
{
	rig_start(3, NULL);
	rig_isolate(3, true);
	rig_pass(20 * RIG_T);
	tap_check_eq(rig_leader(), 0);
	tap_check_eq(raft_term(rig_raft(1)), 0);
	rig_isolate(3, false);
	rig_pass(8 * RIG_T);
	tap_check(rig_leader() != 0);
	tap_check(raft_hard_state(rig_raft(1))->joined);
	tap_check(raft_hard_state(rig_raft(2))->joined);
	tap_check(raft_hard_state(rig_raft(3))->joined);
}

static void after_birth_a_majority_elects(void)
{
	rig_start(3, NULL);
	rig_elect(1);
	tap_need(rig_leader() == 1);
	rig_kill(1);
	rig_pass(10 * RIG_T);
	tap_check(rig_leader() != 0);
}

static void granting_sets_joined_in_the_same_save(void)
{
	rig_start(3, NULL);
	rig.now += RIG_T;
	tap_need(grants(2, vote_request(1, 2, 1, 0, 0)));
	tap_check(rig.nodes[2].update.flags & RAFT_UP_STATE);
	tap_check(rig.nodes[2].update.state.joined);
	tap_check_eq(rig.nodes[2].update.state.vote, 1);
	tap_check(rig_said(2, RAFT_MSG_VOTE_REPLY)->needs_state);
}

static void reformatted_replica_does_not_help_to_elect(void)
{
	struct raft_boot blank = { .now_us = 0 };

	rig_start(3, &rig_veteran);
	rig_kill(1);
	rig_boot(3, &blank);
	rig_pass(20 * RIG_T);
	tap_check_eq(rig_leader(), 0);
	tap_check(!raft_hard_state(rig_raft(3))->joined);
	tap_check_eq(raft_role(rig_raft(2)), RAFT_PRECANDIDATE);
}

static void reformatted_majority_does_not_bear_the_volume_again(void)
{
	struct raft_boot blank = { .now_us = 0 };

	rig_start(3, &rig_veteran);
	rig_boot(2, &blank);
	rig_boot(3, &blank);
	rig_pass(20 * RIG_T);
	tap_check_eq(rig_leader(), 0);
	tap_check_eq(raft_last_index(rig_raft(2)), 0);
}

static void half_filled_fresh_replica_does_not_campaign(void)
{
	struct raft_boot boot = rig_veteran;
	struct raft_event event = { .type = RAFT_EV_CAMPAIGN };

	boot.state.joined = false;
	rig_start(3, &boot);
	rig.now += 3 * RIG_T;
	rig_tick(1);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_FOLLOWER);
	tap_check_eq(rig.nodes[1].update.msg_count, 0);
	rig_step(1, &event);
	tap_check(rig.nodes[1].update.flags & RAFT_UP_REFUSED);
}

static void damaged_replica_neither_elects_nor_campaigns(void)
{
	struct raft_boot damaged = rig_veteran;

	damaged.state.damaged = true;
	rig_start(3, &rig_veteran);
	rig_kill(1);
	rig_boot(3, &damaged);
	rig_pass(20 * RIG_T);
	tap_check_eq(rig_leader(), 0);
	tap_check_eq(raft_role(rig_raft(3)), RAFT_FOLLOWER);
}

static void two_members_survive_the_loss_of_one_disk(void)
{
	struct raft_boot blank = { .now_us = 0 };

	rig_start(2, &rig_veteran);
	rig_boot(2, &blank);
	rig_pass(10 * RIG_T);
	tap_check_eq(rig_leader(), 1);
	tap_check(raft_hard_state(rig_raft(2))->joined);
	tap_check_eq(raft_last_index(rig_raft(2)),
		     raft_last_index(rig_raft(1)));
	tap_check_eq(raft_commit_index(rig_raft(1)),
		     raft_last_index(rig_raft(1)));
}

static void one_vote_in_a_term(void)
{
	rig_start(3, &rig_veteran);
	rig.now += RIG_T;
	tap_check(grants(3, vote_request(1, 3, 5, 10, 1)));
	tap_check(!grants(3, vote_request(2, 3, 5, 99, 4)));
	tap_check(grants(3, vote_request(1, 3, 5, 10, 1)));
	tap_check(grants(3, vote_request(2, 3, 6, 10, 1)));
}

static void a_vote_outlives_a_restart(void)
{
	rig_start(3, &rig_veteran);
	rig.now += RIG_T;
	tap_need(grants(3, vote_request(1, 3, 5, 10, 1)));
	rig_restart(3);
	rig.now += RIG_T;
	tap_check(!grants(3, vote_request(2, 3, 5, 10, 1)));
	tap_check(grants(3, vote_request(1, 3, 5, 10, 1)));
}

static void candidate_with_an_older_log_is_refused(void)
{
	rig_start(3, &rig_veteran);
	rig.now += RIG_T;
	tap_check(!grants(3, vote_request(1, 3, 5, 9, 1)));
	tap_check(grants(3, vote_request(1, 3, 6, 1, 2)));
}

static void restarted_node_keeps_silent_for_a_timeout(void)
{
	rig_start(3, &rig_veteran);
	rig.now += RIG_T - 1;
	tap_check(!grants(3, vote_request(1, 3, 5, 10, 1)));
	tap_check_eq(rig.nodes[3].update.msg_count, 0);
	tap_check_eq(raft_term(rig_raft(3)), 1);
	rig.now += 1;
	tap_check(grants(3, vote_request(1, 3, 5, 10, 1)));
}

static void follower_of_a_live_leader_ignores_candidates(void)
{
	struct raft_msg pre = vote_request(3, 2, 9, 99, 8);
	uint64_t term;

	rig_start(3, &rig_veteran);
	rig_elect(1);
	tap_need(rig_leader() == 1);
	term = raft_term(rig_raft(2));
	rig.now += RIG_T - 1;
	tap_check(!grants(2, vote_request(3, 2, 9, 99, 8)));
	pre.vote.prevote = true;
	tap_check(!grants(2, pre));
	tap_check_eq(raft_term(rig_raft(2)), term);
	tap_check_eq(raft_leader(rig_raft(2)), 1);
	rig.now += 1;
	tap_check(grants(2, vote_request(3, 2, 9, 99, 8)));
}

static void vote_with_the_leaders_consent_is_not_held_up(void)
{
	struct raft_msg msg = vote_request(3, 2, 9, 99, 8);

	rig_start(3, &rig_veteran);
	rig_elect(1);
	tap_need(rig_leader() == 1);
	msg.vote.transfer = true;
	tap_check(grants(2, msg));
}

static void campaign_is_refused_while_a_leader_is_heard(void)
{
	struct raft_event event = { .type = RAFT_EV_CAMPAIGN };

	rig_start(3, &rig_veteran);
	rig_step(2, &event);
	tap_check(rig.nodes[2].update.flags & RAFT_UP_REFUSED);
	rig_elect(1);
	tap_need(rig_leader() == 1);
	rig_step(2, &event);
	tap_check(rig.nodes[2].update.flags & RAFT_UP_REFUSED);
	tap_check_eq(raft_role(rig_raft(2)), RAFT_FOLLOWER);
}

static void leader_does_not_answer_candidates(void)
{
	struct raft_msg msg = vote_request(3, 1, 9, 99, 8);

	rig_start(3, &rig_veteran);
	rig_elect(1);
	tap_need(rig_leader() == 1);
	rig.now += 2 * RIG_T;
	msg.vote.transfer = true;
	tap_check(!grants(1, msg));
	tap_check_eq(raft_role(rig_raft(1)), RAFT_LEADER);
}

static void deposed_leader_keeps_its_own_promise(void)
{
	struct raft_event give_up = { .type = RAFT_EV_TRANSFER };

	rig_start(3, &rig_veteran);
	rig_elect(1);
	tap_need(rig_leader() == 1);
	rig_step(1, &give_up);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_FOLLOWER);
	tap_check_eq(raft_lease_until(rig_raft(1)), 0);
	rig.now += RIG_T - 1;
	tap_check(!grants(1, vote_request(3, 1, 9, 99, 8)));
	rig.now += 1;
	tap_check(grants(1, vote_request(3, 1, 9, 99, 8)));
}

static void prevote_changes_nothing(void)
{
	struct raft_msg msg = vote_request(1, 3, 5, 10, 1);

	rig_start(3, &rig_veteran);
	rig.now += RIG_T;
	msg.vote.prevote = true;
	tap_check(grants(3, msg));
	tap_check_eq(rig_said(3, RAFT_MSG_VOTE_REPLY)->term, 5);
	tap_check(!rig_said(3, RAFT_MSG_VOTE_REPLY)->needs_state);
	tap_check_eq(raft_term(rig_raft(3)), 1);
	tap_check_eq(rig.nodes[3].update.flags, 0);
}

static void prevote_lets_nobody_into_a_term_that_has_begun(void)
{
	struct raft_msg msg = vote_request(1, 3, 5, 10, 1);

	rig_start(3, &rig_veteran);
	rig.now += RIG_T;
	tap_need(grants(3, msg));
	msg.vote.prevote = true;
	tap_check(!grants(3, msg));
	tap_need(rig_said(3, RAFT_MSG_VOTE_REPLY));
	tap_check_eq(rig_said(3, RAFT_MSG_VOTE_REPLY)->term, 5);
}

static void cut_off_node_does_not_raise_its_term(void)
{
	uint64_t term;

	rig_start(3, &rig_veteran);
	rig_elect(1);
	tap_need(rig_leader() == 1);
	term = raft_term(rig_raft(1));
	rig_isolate(3, true);
	rig_pass(30 * RIG_T);
	tap_check_eq(raft_term(rig_raft(3)), term);
	rig_isolate(3, false);
	rig_pass(3 * RIG_T);
	tap_check_eq(rig_leader(), 1);
	tap_check_eq(raft_term(rig_raft(1)), term);
	tap_check_eq(raft_leader(rig_raft(3)), 1);
}

static void leader_without_a_quorum_steps_down(void)
{
	rig_start(3, &rig_veteran);
	rig_elect(1);
	tap_need(rig_leader() == 1);
	rig_isolate(1, true);
	rig_pass(RIG_T + 20000);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_FOLLOWER);
	tap_check_eq(raft_lease_until(rig_raft(1)), 0);
}

static void one_way_partition_deposes_a_deaf_leader(void)
{
	rig_start(3, &rig_veteran);
	rig_elect(1);
	tap_need(rig_leader() == 1);
	rig.cut[2][1] = true;
	rig.cut[3][1] = true;
	rig_pass(6 * RIG_T);
	tap_check(rig_leader() == 2 || rig_leader() == 3);
	tap_check(raft_role(rig_raft(1)) != RAFT_LEADER);
}

static void node_with_a_higher_term_deposes_the_leader(void)
{
	rig_start(3, &rig_veteran);
	rig_elect(1);
	tap_need(rig_leader() == 1);
	rig_kill(3);
	rig_boot(3, &(struct raft_boot){
			    .state = { .term = 40, .joined = true },
			    .last_index = 10,
			    .runs = rig_one_run,
			    .run_count = 1,
		    });
	rig_pass(8 * RIG_T);
	tap_check(rig_leader() != 0);
	tap_check(raft_term(rig_raft(rig_leader())) > 40);
}

static void votes_wait_until_they_are_saved(void)
{
	rig_start(3, &rig_veteran);
	rig.nodes[2].hold_state = true;
	rig.nodes[3].hold_state = true;
	rig_elect(1);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_CANDIDATE);
	rig_saved(2, rig.nodes[2].update.state_seq);
	rig_settle();
	tap_check_eq(raft_role(rig_raft(1)), RAFT_LEADER);
}

static void candidate_asks_only_after_saving_its_own_vote(void)
{
	rig_start(3, &rig_veteran);
	rig.nodes[1].hold_state = true;
	rig_elect(1);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_CANDIDATE);
	tap_check_eq(raft_term(rig_raft(2)), 1);
}

static void term_is_at_least_that_of_the_log(void)
{
	struct raft_boot boot = rig_veteran;
	const struct raft_run runs[] = { { 1, 1 }, { 8, 7 } };

	boot.runs = runs;
	boot.run_count = 2;
	rig_start(3, &boot);
	tap_check_eq(raft_term(rig_raft(1)), 7);
	rig_tick(1);
	tap_check(rig.nodes[1].update.flags & RAFT_UP_STATE);
	rig.now += RIG_T;
	tap_check(!grants(1, vote_request(2, 1, 7, 10, 6)));
}

/*
 * 2 lost its disk and is sent an entry that 1 then loses in a crash: 2 can't
 * lead with it, so it must let 1.
 */
static void barred_replica_does_not_stop_who_can_lead(void)
{
	struct raft_boot blank = { .now_us = 0 };

	rig_start(2, &rig_veteran);
	rig_boot(2, &blank);
	rig.nodes[2].hold_disk = true; /* so it doesn't join yet */
	rig_elect(1);
	tap_need(rig_leader() == 1);
	rig.nodes[1].hold_disk = true;
	rig_propose(1, 3);
	rig_settle();
	tap_need(raft_last_index(rig_raft(2)) >
		 raft_durable_index(rig_raft(1)));
	tap_need(!raft_hard_state(rig_raft(2))->joined);
	rig_restart(1);
	rig.nodes[1].hold_disk = false;
	rig_pass(8 * RIG_T);
	tap_check_eq(rig_leader(), 1);
	rig.nodes[2].hold_disk = false;
	rig_persist_all(2);
	rig_pass(2 * RIG_T);
	tap_check(raft_hard_state(rig_raft(2))->joined);
	tap_check_eq(raft_commit_index(rig_raft(1)),
		     raft_last_index(rig_raft(1)));
}

/* Else both would wait for the timeout of the one with the entries. */
static void who_is_asked_by_one_that_lacks_entries_stands_at_once(void)
{
	struct raft_event campaign = { .type = RAFT_EV_CAMPAIGN };

	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig.cut[1][2] = true;
	rig_propose(1, 3);
	rig_settle();
	rig_kill(1);
	tap_need(raft_last_index(rig_raft(2)) < raft_last_index(rig_raft(3)));
	rig.now += RIG_T;
	rig_step(2, &campaign);
	rig_settle();
	tap_need(raft_deadline(rig_raft(3)) <= rig.now);
	tap_check_eq(raft_role(rig_raft(3)), RAFT_FOLLOWER);
	rig_tick(3);
	rig_settle();
	tap_check_eq(rig_leader(), 3);
	tap_check_eq(raft_leader(rig_raft(2)), 3);
}

static void who_has_promised_to_follow_does_not_stand(void)
{
	struct raft_msg ask;

	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig_pass(2 * RIG_T); /* no election is under way */
	ask = vote_request(2, 3, raft_term(rig_raft(3)) + 1, 1, 1);
	ask.vote.prevote = true;
	rig_recv(3, &ask, NULL);
	tap_check(raft_deadline(rig_raft(3)) > rig.now + RIG_T / 2);
}

static void who_may_not_lead_does_not_stand(void)
{
	struct raft_boot boot = rig_veteran;
	struct raft_msg ask = vote_request(2, 3, 2, 0, 0);
	uint64_t due_us;

	boot.state.joined = false;
	rig_start(3, &boot);
	due_us = raft_deadline(rig_raft(3));
	rig.now += RIG_T;
	ask.vote.prevote = true;
	rig_recv(3, &ask, NULL);
	tap_need(rig_said(3, RAFT_MSG_VOTE_REPLY));
	tap_check_eq(raft_deadline(rig_raft(3)), due_us);
}

/* 2 asks before 3 can have heard that 1 won. */
static void who_has_voted_does_not_stand_against_it(void)
{
	struct raft_msg ask;

	rig_start(3, &rig_veteran);
	rig.now += RIG_T;
	tap_need(grants(3, vote_request(1, 3, 2, 10, 1)));
	ask = vote_request(2, 3, 3, 9, 1);
	ask.vote.prevote = true;
	rig_recv(3, &ask, NULL);
	tap_check(raft_deadline(rig_raft(3)) >= rig.now + RIG_T);
	rig.now += RIG_T;
	rig_recv(3, &ask, NULL);
	tap_check(raft_deadline(rig_raft(3)) <= rig.now);
}

/* Does 2, which lacks entries, bring about an election by asking? */
static bool elects_when_asked(unsigned int count, uint64_t random)
{
	struct raft_event campaign = { .type = RAFT_EV_CAMPAIGN };

	rig_start(count, &rig_veteran);
	rig.random = random;
	rig_elect(1);
	rig.cut[1][2] = true;
	rig_propose(1, 3);
	rig_settle();
	rig_kill(1);
	rig.now += RIG_T;
	rig_step(2, &campaign);
	rig_settle();
	rig_pass(RIG_T / 4 + 20000);
	return rig_leader() != 0;
}

/* Four who stood in the same moment would have a vote or two each. */
static void many_who_are_asked_do_not_split_the_votes(void)
{
	unsigned int count, elected, random;

	for (count = 4; count <= RAFT_MEMBERS_MAX; count++) {
		elected = 0;
		for (random = 0; random < 40; random++)
			elected += elects_when_asked(count, random);
		tap_check(elected >= 30);
	}
}

static void impossible_votes_are_ignored(void)
{
	struct raft_msg nobody = vote_request(0, 3, 5, 10, 1);
	struct raft_msg stranger = vote_request(65536, 3, 5, 10, 1);
	struct raft_msg huge = vote_request(1, 3, UINT64_MAX, 10, 1);
	struct raft_msg self = vote_request(3, 3, 5, 10, 1);
	struct raft_msg elsewhere = vote_request(1, 2, 5, 10, 1);

	rig_start(3, &rig_veteran);
	rig.now += RIG_T;
	tap_check(!grants(3, nobody));
	tap_check(!grants(3, stranger));
	tap_check(!grants(3, huge));
	tap_check(!grants(3, self));
	tap_check(!grants(3, elsewhere));
	tap_check(!grants(3, vote_request(1, 3, 0, 10, 1)));
	tap_check(!grants(3, vote_request(1, 3, 5, 10, 5)));
	tap_check(!grants(3, vote_request(1, 3, 5, 0, 1)));
	tap_check_eq(raft_term(rig_raft(3)), 1);
}

static void replies_of_another_election_do_not_count(void)
{
	struct raft_msg reply = {
		.type = RAFT_MSG_VOTE_REPLY,
		.from = 2,
		.to = 1,
		.term = 2,
		.vote_reply = { .granted = true },
	};

	rig_start(3, &rig_veteran);
	rig_isolate(1, true);
	rig_elect(1);
	tap_need(raft_role(rig_raft(1)) == RAFT_PRECANDIDATE);
	rig_recv(1, &reply, NULL);
	tap_check_eq(raft_term(rig_raft(1)), 2);
	tap_check(raft_role(rig_raft(1)) != RAFT_LEADER);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(sole_member_leads_at_once),
		TAP_TEST(sole_member_commits_only_what_is_durable),
		TAP_TEST(sole_member_lease_renews_with_time),
		TAP_TEST(sole_member_leads_only_when_its_term_is_saved),
		TAP_TEST(birth_needs_every_member),
		TAP_TEST(after_birth_a_majority_elects),
		TAP_TEST(granting_sets_joined_in_the_same_save),
		TAP_TEST(reformatted_replica_does_not_help_to_elect),
		TAP_TEST(reformatted_majority_does_not_bear_the_volume_again),
		TAP_TEST(half_filled_fresh_replica_does_not_campaign),
		TAP_TEST(damaged_replica_neither_elects_nor_campaigns),
		TAP_TEST(two_members_survive_the_loss_of_one_disk),
		TAP_TEST(one_vote_in_a_term),
		TAP_TEST(a_vote_outlives_a_restart),
		TAP_TEST(candidate_with_an_older_log_is_refused),
		TAP_TEST(restarted_node_keeps_silent_for_a_timeout),
		TAP_TEST(follower_of_a_live_leader_ignores_candidates),
		TAP_TEST(vote_with_the_leaders_consent_is_not_held_up),
		TAP_TEST(campaign_is_refused_while_a_leader_is_heard),
		TAP_TEST(leader_does_not_answer_candidates),
		TAP_TEST(deposed_leader_keeps_its_own_promise),
		TAP_TEST(prevote_changes_nothing),
		TAP_TEST(prevote_lets_nobody_into_a_term_that_has_begun),
		TAP_TEST(cut_off_node_does_not_raise_its_term),
		TAP_TEST(leader_without_a_quorum_steps_down),
		TAP_TEST(one_way_partition_deposes_a_deaf_leader),
		TAP_TEST(node_with_a_higher_term_deposes_the_leader),
		TAP_TEST(votes_wait_until_they_are_saved),
		TAP_TEST(candidate_asks_only_after_saving_its_own_vote),
		TAP_TEST(term_is_at_least_that_of_the_log),
		TAP_TEST(barred_replica_does_not_stop_who_can_lead),
		TAP_TEST(who_is_asked_by_one_that_lacks_entries_stands_at_once),
		TAP_TEST(who_has_promised_to_follow_does_not_stand),
		TAP_TEST(who_may_not_lead_does_not_stand),
		TAP_TEST(who_has_voted_does_not_stand_against_it),
		TAP_TEST(many_who_are_asked_do_not_split_the_votes),
		TAP_TEST(impossible_votes_are_ignored),
		TAP_TEST(replies_of_another_election_do_not_count),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
