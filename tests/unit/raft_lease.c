// SPDX-License-Identifier: GPL-2.0
/* Leases, CheckQuorum, deadlines, transfer (thesis 3.10, 6.2, 6.4.1). */
#include "raft_rig.h"

/* Three, led by 1, everything of its term committed and echoed. */
static void lead_three(void)
{
	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig_pass(2 * RIG_BEAT);
}

static void transfer(uint32_t id, uint32_t to)
{
	struct raft_event event = { .type = RAFT_EV_TRANSFER, .peer = to };

	rig_step(id, &event);
}

static bool refused(uint32_t id)
{
	return rig.nodes[id].update.flags & RAFT_UP_REFUSED;
}

static void echo(uint32_t from, uint64_t sent_us)
{
	struct raft_msg msg = {
		.type = RAFT_MSG_APPEND_REPLY,
		.from = from,
		.to = 1,
		.term = raft_term(rig_raft(1)),
		.append_reply = { .ok = true, .sent_us = sent_us },
	};

	rig_recv(1, &msg, NULL);
}

static void lease_runs_from_the_begin_of_the_round_less_drift(void)
{
	uint64_t begun;

	lead_three();
	rig_isolate(1, true);
	rig.now += 50000;
	begun = rig.now - 30000;
	echo(2, begun);
	/* drift 10000 ppm of the timeout */
	tap_check_eq(raft_lease_until(rig_raft(1)), begun + RIG_T - 10000);
}

static void lease_needs_a_majority(void)
{
	uint64_t lease;

	rig_start(5, &rig_veteran);
	rig_elect(1);
	rig_pass(2 * RIG_BEAT);
	lease = raft_lease_until(rig_raft(1));
	tap_check(lease > rig.now);
	rig_isolate(1, true);
	rig.now += 50000;
	echo(2, rig.now);
	tap_check_eq(raft_lease_until(rig_raft(1)), lease);
	echo(3, rig.now - 1);
	tap_check_eq(raft_lease_until(rig_raft(1)),
		     rig.now - 1 + RIG_T - 10000);
}

static void fresh_leader_has_no_lease_before_a_round(void)
{
	rig_start(3, &rig_veteran);
	rig.now += RIG_T;
	rig_step(1, &(struct raft_event){ .type = RAFT_EV_CAMPAIGN });
	while (raft_role(rig_raft(1)) != RAFT_LEADER && rig.head != rig.tail) {
		struct rig_mail mail = rig.mail[rig.head++ % RIG_QUEUE_MAX];

		rig_recv(mail.msg.to, &mail.msg, mail.terms);
	}
	tap_check_eq(raft_role(rig_raft(1)), RAFT_LEADER);
	tap_check_eq(raft_lease_until(rig_raft(1)), 0);
	rig_settle();
	tap_check(raft_lease_until(rig_raft(1)) > rig.now);
}

static void echo_of_the_future_gives_no_lease(void)
{
	uint64_t lease;

	lead_three();
	rig_isolate(1, true);
	lease = raft_lease_until(rig_raft(1));
	echo(2, rig.now + 1);
	echo(3, UINT64_MAX);
	tap_check_eq(raft_lease_until(rig_raft(1)), lease);
}

static void echo_of_another_term_gives_no_lease(void)
{
	struct raft_msg msg = {
		.type = RAFT_MSG_APPEND_REPLY,
		.from = 2,
		.to = 1,
		.term = 1,
		.append_reply = { .ok = true },
	};
	uint64_t lease;

	lead_three();
	rig_isolate(1, true);
	lease = raft_lease_until(rig_raft(1));
	rig.now += 1000;
	msg.append_reply.sent_us = rig.now;
	rig_recv(1, &msg, NULL);
	tap_check_eq(raft_lease_until(rig_raft(1)), lease);
}

static void refusal_of_entries_still_counts_for_the_lease(void)
{
	struct raft_msg msg = {
		.type = RAFT_MSG_APPEND_REPLY,
		.from = 2,
		.to = 1,
		.append_reply = { .match = 11 },
	};

	lead_three();
	rig_isolate(1, true);
	rig.now += 1000;
	msg.term = raft_term(rig_raft(1));
	msg.append_reply.sent_us = rig.now;
	rig_recv(1, &msg, NULL);
	tap_check_eq(raft_lease_until(rig_raft(1)), rig.now + RIG_T - 10000);
}

static void lease_runs_out_before_anyone_votes(void)
{
	lead_three();
	rig_isolate(1, true);
	while (!(raft_role(rig_raft(2)) == RAFT_LEADER ||
		 raft_role(rig_raft(3)) == RAFT_LEADER)) {
		rig_pass(10000);
		tap_need(rig.now < 20 * RIG_T);
	}
	tap_check(raft_lease_until(rig_raft(1)) <= rig.now);
}

static void heartbeats_keep_their_pace_under_load(void)
{
	uint64_t last = 0, now, beats = 0;
	unsigned int i;

	lead_three();
	rig_isolate(1, true);
	for (i = 0; i < 50; i++) {
		rig.now += 10000;
		rig_propose(1, 1);
		echo(2, rig.now);
		now = rig.now;
		if (raft_deadline(rig_raft(1)) > now)
			continue;
		rig_tick(1);
		tap_check(rig_said(1, RAFT_MSG_APPEND) != NULL);
		tap_check(!last || now - last <= RIG_BEAT + 10000);
		last = now;
		beats++;
	}
	tap_check_eq(beats, 5);
}

static void idle_leader_wakes_only_for_heartbeats(void)
{
	uint64_t due, ticks = 0, end;

	lead_three();
	end = rig.now + 10 * RIG_BEAT;
	while ((due = raft_deadline(rig_raft(1))) < end) {
		tap_need(due > rig.now);
		rig.now = due;
		rig_tick(1);
		rig_settle();
		ticks++;
	}
	tap_check(ticks >= 9 && ticks <= 10);
}

static void tick_before_the_deadline_does_nothing(void)
{
	uint32_t id;

	lead_three();
	for (id = 1; id <= 3; id++) {
		rig.now = raft_deadline(rig_raft(id)) - 1;
		if (id == 1)
			echo(2, rig.now);
		rig_tick(id);
		tap_check_eq(rig.nodes[id].update.flags, 0);
		tap_check_eq(rig.nodes[id].update.msg_count, 0);
		rig.now++;
		rig_tick(id);
		tap_check(rig.nodes[id].update.msg_count > 0);
	}
}

static void election_deadline_is_between_one_and_two_timeouts(void)
{
	uint64_t low = UINT64_MAX, high = 0;
	unsigned int i;

	for (i = 0; i < 200; i++) {
		uint64_t left;

		rig.random += i;
		lead_three();
		rig.random += i * 7919;
		echo(2, rig.now);
		rig_step(1, &(struct raft_event){ .type = RAFT_EV_SEND,
						  .peer = 2 });
		rig_settle();
		left = raft_deadline(rig_raft(2)) - rig.now;
		low = left < low ? left : low;
		high = left > high ? left : high;
	}
	tap_check(low >= RIG_T && low < RIG_T + RIG_T / 5);
	tap_check(high < 2 * RIG_T && high > 2 * RIG_T - RIG_T / 5);
}

static void transfer_hands_over_without_waiting(void)
{
	uint64_t begun;

	lead_three();
	begun = rig.now;
	transfer(1, 2);
	tap_check(rig_said(1, RAFT_MSG_TIMEOUT_NOW) != NULL);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_FOLLOWER);
	tap_check_eq(raft_lease_until(rig_raft(1)), 0);
	rig_settle();
	tap_check_eq(rig_leader(), 2);
	tap_check_eq(rig.now, begun);
	tap_check_eq(raft_leader(rig_raft(1)), 2);
}

static void transfer_waits_for_the_target_to_have_everything(void)
{
	lead_three();
	rig.nodes[2].hold_disk = true;
	rig_propose(1, 3);
	rig_settle();
	transfer(1, 2);
	tap_check(!refused(1));
	tap_check(raft_transferring(rig_raft(1)));
	tap_check_eq(raft_role(rig_raft(1)), RAFT_LEADER);
	tap_check_eq(raft_lease_until(rig_raft(1)), 0);
	rig_propose(1, 1);
	tap_check(refused(1));
	rig_persist_all(2);
	rig_settle();
	tap_check_eq(rig_leader(), 2);
}

static void transfer_that_does_not_get_there_is_given_up(void)
{
	uint64_t given_up;

	lead_three();
	rig.nodes[2].hold_disk = true;
	rig_propose(1, 3);
	rig_settle();
	transfer(1, 2);
	rig_pass(RIG_T - 20000);
	tap_check(raft_transferring(rig_raft(1)));
	tap_check_eq(raft_lease_until(rig_raft(1)), 0);
	tap_check(raft_deadline(rig_raft(1)) <= rig.now + 20000);
	rig_isolate(1, true);
	rig_pass(20000);
	given_up = rig.now;
	tap_check(!raft_transferring(rig_raft(1)));
	tap_check_eq(raft_role(rig_raft(1)), RAFT_LEADER);
	/* Rounds begun before are no ground for a lease. */
	echo(3, given_up - 1);
	tap_check_eq(raft_lease_until(rig_raft(1)), 0);
	echo(3, given_up);
	tap_check(raft_lease_until(rig_raft(1)) > rig.now);
	rig_propose(1, 1);
	tap_check(!refused(1));
}

static void leader_that_sent_timeout_now_leads_no_more_in_its_term(void)
{
	lead_three();
	rig.cut[1][2] = true;
	transfer(1, 2);
	tap_need(raft_role(rig_raft(1)) == RAFT_FOLLOWER);
	echo(2, rig.now);
	echo(3, rig.now);
	tap_check_eq(raft_lease_until(rig_raft(1)), 0);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_FOLLOWER);
	rig.cut[1][2] = false;
	rig_pass(6 * RIG_T);
	tap_check(rig_leader() != 0);
	tap_check(raft_term(rig_raft(rig_leader())) > 2);
}

static void transfer_to_ineligible_node_is_refused(void)
{
	struct raft_boot damaged = rig_veteran;

	lead_three();
	transfer(1, 1);
	tap_check(refused(1));
	transfer(1, 9);
	tap_check(refused(1));
	transfer(2, 3);
	tap_check(refused(2));
	rig_isolate(3, true);
	rig_pass(RIG_T + 20000);
	transfer(1, 3);
	tap_check(refused(1));
	damaged.state.damaged = true;
	rig_isolate(3, false);
	rig_boot(3, &damaged);
	rig_link(1, 3);
	rig_settle();
	transfer(1, 3);
	tap_check(refused(1));
	tap_check(raft_lease_until(rig_raft(1)) > rig.now);
	rig_propose(1, 1);
	rig.cut[1][2] = true;
	transfer(1, 2);
	tap_check(!refused(1));
	transfer(1, 2);
	tap_check(refused(1));
}

static void leadership_can_be_given_up_without_an_heir(void)
{
	lead_three();
	transfer(1, 0);
	tap_check(!refused(1));
	tap_check_eq(raft_role(rig_raft(1)), RAFT_FOLLOWER);
	tap_check_eq(raft_lease_until(rig_raft(1)), 0);
	rig_pass(8 * RIG_T);
	tap_check(rig_leader() != 0);
}

static void timeout_now_of_a_stranger_is_ignored(void)
{
	struct raft_msg msg = { .type = RAFT_MSG_TIMEOUT_NOW, .to = 2 };

	lead_three();
	msg.from = 3;
	msg.term = 2;
	rig_recv(2, &msg, NULL);
	tap_check_eq(raft_role(rig_raft(2)), RAFT_FOLLOWER);
	msg.from = 1;
	msg.term = 3;
	rig_recv(2, &msg, NULL);
	msg.term = 1;
	rig_recv(2, &msg, NULL);
	tap_check_eq(raft_role(rig_raft(2)), RAFT_FOLLOWER);
	tap_check_eq(raft_term(rig_raft(2)), 2);
}

static void new_link_lets_a_candidate_ask_again(void)
{
	rig_start(3, &rig_veteran);
	rig.cut[1][2] = true;
	rig.cut[1][3] = true;
	rig_elect(1);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_PRECANDIDATE);
	rig_isolate(1, false);
	rig_link(1, 2);
	rig_settle();
	tap_check_eq(raft_role(rig_raft(1)), RAFT_LEADER);
}

/* Three, led by 1, whose election timeout is longer than the others'. */
static void lead_three_by_the_longest(void)
{
	rig_start(3, &rig_veteran);
	rig.nodes[1].config.election_timeout_us = 9 * RIG_T;
	rig_boot(1, &rig_veteran);
	rig.now += 8 * RIG_T;
	rig_elect(1);
	tap_need(rig_leader() == 1);
	rig_settle();
}

/* Until another than 1 leads; the lease of 1 must be over then. */
static void nobody_leads_while_1_has_a_lease(void)
{
	rig_isolate(1, true);
	tap_check(raft_lease_until(rig_raft(1)) > rig.now + 7 * RIG_T);
	while (raft_role(rig_raft(2)) != RAFT_LEADER &&
	       raft_role(rig_raft(3)) != RAFT_LEADER) {
		rig.now += 10000;
		rig_tick(2);
		rig_tick(3);
		rig_settle();
		tap_need(rig.now < 40 * RIG_T);
	}
	tap_check(raft_lease_until(rig_raft(1)) <= rig.now);
}

static void longer_lease_than_the_followers_timeout_is_kept(void)
{
	lead_three_by_the_longest();
	nobody_leads_while_1_has_a_lease();
}

static void longer_lease_is_kept_over_restarts_of_all_followers(void)
{
	lead_three_by_the_longest();
	rig_isolate(1, true);
	rig.now += RIG_T;
	rig_restart(2);
	rig_restart(3);
	tap_check_eq(rig.nodes[2].disk_state.promise_us, 9 * RIG_T);
	nobody_leads_while_1_has_a_lease();
}

static void own_lease_is_kept_with_a_shorter_timeout_after_a_restart(void)
{
	struct raft_event campaign = { .type = RAFT_EV_CAMPAIGN };

	lead_three_by_the_longest();
	rig_isolate(1, true);
	rig.nodes[1].config.election_timeout_us = RIG_T;
	rig_restart(1);
	rig.now += 9 * RIG_T - 1;
	rig_step(1, &campaign);
	tap_check(refused(1));
	rig.now++;
	rig_step(1, &campaign);
	tap_check(!refused(1));
}

static const struct raft_msg *append_asking(uint32_t from, uint64_t term,
					    uint64_t promise_us)
{
	struct raft_msg msg = rig_append_msg(from, 2, term, 10, 1, 0);

	msg.append.promise_us = (uint32_t)promise_us;
	return rig_append_to(2, msg, NULL);
}

static void answer_waits_until_a_longer_promise_is_durable(void)
{
	const struct raft_msg *reply;

	rig_start(3, &rig_veteran);
	append_asking(1, 2, RIG_T);
	rig.nodes[2].hold_state = true;
	reply = append_asking(1, 2, RIG_T);
	tap_need(reply);
	tap_check(!reply->needs_state);
	reply = append_asking(1, 2, 5 * RIG_T);
	tap_need(reply);
	tap_check(reply->needs_state);
	tap_check_eq(rig.nodes[2].update.state.promise_us, 5 * RIG_T);
	reply = append_asking(1, 2, 5 * RIG_T);
	tap_need(reply);
	tap_check(reply->needs_state);
	tap_check(!(rig.nodes[2].update.flags & RAFT_UP_STATE));
}

static bool votes_for_3(void)
{
	struct raft_msg msg = { .type = RAFT_MSG_VOTE, .term = 9 };

	msg.from = 3;
	msg.to = 2;
	msg.vote.last_index = 10;
	msg.vote.last_term = 8;
	rig_recv(2, &msg, NULL);
	return rig_said(2, RAFT_MSG_VOTE_REPLY) != NULL;
}

static void shorter_promise_does_not_end_a_longer_one(void)
{
	rig_start(3, &rig_veteran);
	append_asking(1, 2, 5 * RIG_T);
	rig.now += RIG_T;
	append_asking(3, 3, RIG_T);
	tap_check_eq(rig.nodes[2].disk_state.promise_us, 5 * RIG_T);
	rig.now += 4 * RIG_T - 1;
	tap_check(!votes_for_3());
	rig.now++;
	tap_check(votes_for_3());
}

static void promise_on_the_disk_falls_when_no_longer_one_is_left(void)
{
	rig_start(3, &rig_veteran);
	append_asking(1, 2, 5 * RIG_T);
	rig.now += 4 * RIG_T - 1;
	append_asking(3, 3, RIG_T);
	tap_check_eq(rig.nodes[2].disk_state.promise_us, 5 * RIG_T);
	rig.now++;
	append_asking(3, 3, RIG_T);
	tap_check_eq(rig.nodes[2].disk_state.promise_us, RIG_T);
}

static void promise_that_no_configuration_asks_for_is_not_given(void)
{
	rig_start(3, &rig_veteran);
	tap_check(!append_asking(1, 2, RAFT_PROMISE_MAX_US + 1ULL));
	rig.now += RIG_T;
	tap_check(votes_for_3());
	tap_check(append_asking(1, 10, RAFT_PROMISE_MAX_US) != NULL);
}

static void late(uint32_t id)
{
	rig_step(id, &(struct raft_event){ .type = RAFT_EV_LATE });
}

static void late_follower_hears_what_came_before_it_campaigns(void)
{
	lead_three();
	rig_isolate(1, true);
	rig.now += 3 * RIG_T;
	late(2);
	rig_tick(2);
	tap_check_eq(raft_role(rig_raft(2)), RAFT_FOLLOWER);
	tap_check_eq(raft_leader(rig_raft(2)), 1);
	tap_check_eq(raft_deadline(rig_raft(2)), rig.now + RIG_T / 4);
	append_asking(1, raft_term(rig_raft(1)), RIG_T);
	rig.now += RIG_T - 1;
	rig_tick(2);
	tap_check_eq(raft_leader(rig_raft(2)), 1);
}

static void follower_that_is_late_again_and_again_campaigns(void)
{
	lead_three();
	rig_isolate(1, true);
	rig.now += 3 * RIG_T;
	late(2);
	rig.now += RIG_T / 4;
	late(2);
	rig_tick(2);
	tap_check_eq(raft_role(rig_raft(2)), RAFT_PRECANDIDATE);
}

static void late_leader_counts_the_answers_before_it_steps_down(void)
{
	lead_three();
	rig_isolate(1, true);
	rig.now += 3 * RIG_T;
	late(1);
	rig_tick(1);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_LEADER);
	/* Its lease is over all the same. */
	tap_check(raft_lease_until(rig_raft(1)) <= rig.now);
	rig.now += RIG_T / 4;
	late(1);
	rig_tick(1);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_FOLLOWER);
}

/* Until 2 leads by its timer, for 1 is not heard. */
static void take_it_by_the_timer(void)
{
	rig_isolate(1, true);
	while (raft_role(rig_raft(2)) != RAFT_LEADER) {
		rig.now += 10000;
		rig_tick(2);
		rig_settle();
		tap_need(rig.now < 1000 * RIG_T);
	}
	rig_isolate(1, false);
	rig_link(2, 1);
	rig_settle();
}

static uint64_t wait_of_2(void)
{
	rig_step(1, &(struct raft_event){ .type = RAFT_EV_SEND, .peer = 2 });
	rig_settle();
	return raft_deadline(rig_raft(2)) - rig.now;
}

static void leadership_of_the_living_is_taken_more_slowly(void)
{
	lead_three();
	tap_check(wait_of_2() < 2 * RIG_T);
	take_it_by_the_timer();
	transfer(2, 1);
	rig_settle();
	tap_need(rig_leader() == 1);
	tap_check(wait_of_2() >= 2 * RIG_T);
	/* Its promise is not longer for that. */
	rig.now += RIG_T;
	tap_check(votes_for_3());
	rig_pass(8 * RIG_T);
	tap_need(rig_leader() != 0);
}

static void calm_makes_a_follower_as_quick_as_before(void)
{
	lead_three();
	take_it_by_the_timer();
	transfer(2, 1);
	rig_settle();
	tap_need(rig_leader() == 1);
	rig_pass(63 * RIG_T);
	tap_check(wait_of_2() >= 2 * RIG_T);
	rig_pass(RIG_T);
	tap_check(wait_of_2() < 2 * RIG_T);
}

static void leadership_that_was_handed_over_is_no_sign_of_haste(void)
{
	lead_three();
	transfer(1, 2);
	rig_settle();
	tap_need(rig_leader() == 2);
	transfer(2, 1);
	rig_settle();
	tap_need(rig_leader() == 1);
	tap_check(wait_of_2() < 2 * RIG_T);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(lease_runs_from_the_begin_of_the_round_less_drift),
		TAP_TEST(lease_needs_a_majority),
		TAP_TEST(fresh_leader_has_no_lease_before_a_round),
		TAP_TEST(echo_of_the_future_gives_no_lease),
		TAP_TEST(echo_of_another_term_gives_no_lease),
		TAP_TEST(refusal_of_entries_still_counts_for_the_lease),
		TAP_TEST(lease_runs_out_before_anyone_votes),
		TAP_TEST(heartbeats_keep_their_pace_under_load),
		TAP_TEST(idle_leader_wakes_only_for_heartbeats),
		TAP_TEST(tick_before_the_deadline_does_nothing),
		TAP_TEST(election_deadline_is_between_one_and_two_timeouts),
		TAP_TEST(transfer_hands_over_without_waiting),
		TAP_TEST(transfer_waits_for_the_target_to_have_everything),
		TAP_TEST(transfer_that_does_not_get_there_is_given_up),
		TAP_TEST(
			leader_that_sent_timeout_now_leads_no_more_in_its_term),
		TAP_TEST(transfer_to_ineligible_node_is_refused),
		TAP_TEST(leadership_can_be_given_up_without_an_heir),
		TAP_TEST(timeout_now_of_a_stranger_is_ignored),
		TAP_TEST(new_link_lets_a_candidate_ask_again),
		TAP_TEST(longer_lease_than_the_followers_timeout_is_kept),
		TAP_TEST(longer_lease_is_kept_over_restarts_of_all_followers),
		TAP_TEST(
			own_lease_is_kept_with_a_shorter_timeout_after_a_restart),
		TAP_TEST(answer_waits_until_a_longer_promise_is_durable),
		TAP_TEST(shorter_promise_does_not_end_a_longer_one),
		TAP_TEST(promise_on_the_disk_falls_when_no_longer_one_is_left),
		TAP_TEST(promise_that_no_configuration_asks_for_is_not_given),
		TAP_TEST(late_follower_hears_what_came_before_it_campaigns),
		TAP_TEST(follower_that_is_late_again_and_again_campaigns),
		TAP_TEST(late_leader_counts_the_answers_before_it_steps_down),
		TAP_TEST(leadership_of_the_living_is_taken_more_slowly),
		TAP_TEST(calm_makes_a_follower_as_quick_as_before),
		TAP_TEST(leadership_that_was_handed_over_is_no_sign_of_haste),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
