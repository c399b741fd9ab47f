// SPDX-License-Identifier: GPL-2.0
/* Log replication and commit (thesis 3.5, 3.6, 10.2). */
#include "raft_rig.h"

/* A core alone in a test, member 1 of 3, with a log of these runs. */
static void start_with(const struct raft_run *runs, unsigned int count,
		       uint64_t last, uint64_t term)
{
	struct raft_boot boot = {
		.state = { .term = term, .joined = true },
		.last_index = last,
		.runs = runs,
		.run_count = count,
	};

	rig_start(3, &boot);
}

static struct raft_msg reply_msg(uint32_t from, uint32_t to, uint64_t term,
				 bool ok, uint64_t match)
{
	struct raft_msg msg = { .type = RAFT_MSG_APPEND_REPLY, .term = term };

	msg.from = from;
	msg.to = to;
	msg.append_reply.ok = ok;
	msg.append_reply.match = match;
	return msg;
}

static void entries_reach_every_log_and_commit(void)
{
	uint32_t id;

	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig_propose(1, 7);
	rig_settle();
	tap_check_eq(raft_commit_index(rig_raft(1)), 18);
	rig_pass(2 * RIG_BEAT);
	for (id = 1; id <= 3; id++) {
		tap_check_eq(raft_last_index(rig_raft(id)), 18);
		tap_check_eq(raft_commit_index(rig_raft(id)), 18);
		tap_check_eq(raft_entry_term(rig_raft(id), 18),
			     raft_term(rig_raft(1)));
	}
}

static void followers_majority_commits_before_the_leaders_disk(void)
{
	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig.nodes[1].hold_disk = true;
	rig_propose(1, 4);
	rig_settle();
	tap_check_eq(raft_commit_index(rig_raft(1)), 15);
	tap_check_eq(raft_durable_index(rig_raft(1)), 11);
}

static void leaders_disk_counts_like_any_other(void)
{
	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig.nodes[1].hold_disk = true;
	rig_isolate(3, true);
	rig_propose(1, 4);
	rig_settle();
	tap_check_eq(raft_commit_index(rig_raft(1)), 11);
	rig_persisted(1, 13, 2, 1);
	tap_check_eq(raft_commit_index(rig_raft(1)), 13);
	rig_persisted(1, 15, 2, 1);
	tap_check_eq(raft_commit_index(rig_raft(1)), 15);
}

static void follower_answers_entries_when_durable(void)
{
	const uint64_t terms[] = { 2, 2 };
	const struct raft_msg *reply;

	rig_start(3, &rig_veteran);
	rig.nodes[1].hold_disk = true;
	tap_check(!rig_append_to(1, rig_append_msg(2, 1, 2, 10, 1, 2), terms));
	tap_check(rig.nodes[1].update.flags & RAFT_UP_APPEND);
	rig_persisted(1, 11, 2, 1);
	reply = rig_said(1, RAFT_MSG_APPEND_REPLY);
	tap_need(reply);
	tap_check(reply->append_reply.ok);
	tap_check_eq(reply->append_reply.match, 11);
	tap_check_eq(reply->append_reply.sent_us, 500);
}

static void heartbeat_is_answered_at_once_with_what_is_durable(void)
{
	const uint64_t terms[] = { 2, 2 };
	const struct raft_msg *reply;

	rig_start(3, &rig_veteran);
	rig.nodes[1].hold_disk = true;
	rig_append_to(1, rig_append_msg(2, 1, 2, 10, 1, 2), terms);
	reply = rig_append_to(1, rig_append_msg(2, 1, 2, 12, 2, 0), NULL);
	tap_need(reply);
	tap_check(reply->append_reply.ok);
	tap_check_eq(reply->append_reply.match, 10);
}

static void durable_entries_are_not_claimed_before_they_are_matched(void)
{
	const struct raft_msg *reply;

	rig_start(3, &rig_veteran);
	reply = rig_append_to(1, rig_append_msg(2, 1, 2, 4, 1, 0), NULL);
	tap_need(reply);
	tap_check(reply->append_reply.ok);
	tap_check_eq(reply->append_reply.match, 4);
}

static void agreement_of_an_older_term_is_forgotten(void)
{
	const struct raft_msg *reply;

	rig_start(3, &rig_veteran);
	rig_append_to(1, rig_append_msg(2, 1, 2, 10, 1, 0), NULL);
	reply = rig_append_to(1, rig_append_msg(3, 1, 3, 4, 1, 0), NULL);
	tap_need(reply);
	tap_check_eq(reply->append_reply.match, 4);
}

static void answer_of_a_new_term_waits_for_its_saving(void)
{
	rig_start(3, &rig_veteran);
	rig.nodes[1].hold_state = true;
	tap_need(rig_append_to(1, rig_append_msg(2, 1, 2, 10, 1, 0), NULL));
	tap_check(rig_said(1, RAFT_MSG_APPEND_REPLY)->needs_state);
	tap_need(rig_append_to(1, rig_append_msg(2, 1, 2, 10, 1, 0), NULL));
	tap_check(rig_said(1, RAFT_MSG_APPEND_REPLY)->needs_state);
	rig_saved(1, rig.nodes[1].update.state_seq);
	tap_need(rig_append_to(1, rig_append_msg(2, 1, 2, 10, 1, 0), NULL));
	tap_check(!rig_said(1, RAFT_MSG_APPEND_REPLY)->needs_state);
}

static void conflict_truncates_and_replaces(void)
{
	const struct raft_run runs[] = { { 1, 1 }, { 6, 2 } };
	const uint64_t terms[] = { 1, 3, 3 };
	const struct raft_update *update = &rig.nodes[1].update;

	start_with(runs, 2, 10, 2);
	rig.nodes[1].hold_disk = true;
	rig_append_to(1, rig_append_msg(2, 1, 3, 4, 1, 3), terms);
	tap_check(update->flags & RAFT_UP_TRUNCATE);
	tap_check_eq(update->truncate_from, 6);
	tap_check(update->flags & RAFT_UP_APPEND);
	tap_check_eq(update->append_first, 6);
	tap_check_eq(update->append_count, 2);
	tap_check_eq(update->append_skip, 1);
	tap_check_eq(raft_last_index(rig_raft(1)), 7);
	tap_check_eq(raft_durable_index(rig_raft(1)), 5);
	tap_check_eq(raft_entry_term(rig_raft(1), 7), 3);
}

static void entries_already_there_are_not_truncated(void)
{
	const uint64_t terms[] = { 1, 1 };
	const struct raft_msg *reply;

	rig_start(3, &rig_veteran);
	reply = rig_append_to(1, rig_append_msg(2, 1, 2, 3, 1, 2), terms);
	tap_need(reply);
	tap_check_eq(reply->append_reply.match, 5);
	tap_check_eq(raft_last_index(rig_raft(1)), 10);
	tap_check(!(rig.nodes[1].update.flags &
		    (RAFT_UP_TRUNCATE | RAFT_UP_APPEND)));
}

static void report_of_a_truncated_entry_is_ignored(void)
{
	const uint64_t of_two[] = { 2, 2 }, of_three[] = { 3, 3 };

	rig_start(3, &rig_veteran);
	rig.nodes[1].hold_disk = true;
	rig_append_to(1, rig_append_msg(2, 1, 2, 10, 1, 2), of_two);
	rig_append_to(1, rig_append_msg(3, 1, 3, 10, 1, 2), of_three);
	rig_persisted(1, 12, 2, 1);
	tap_check_eq(raft_durable_index(rig_raft(1)), 10);
	rig_persisted(1, 12, 3, 2);
	tap_check_eq(raft_durable_index(rig_raft(1)), 12);
}

static void report_of_an_entry_that_went_and_came_back_is_ignored(void)
{
	const uint64_t of_two[] = { 2 }, of_three[] = { 3 };

	rig_start(3, &rig_veteran);
	rig.nodes[1].hold_disk = true;
	rig_append_to(1, rig_append_msg(2, 1, 2, 10, 1, 1), of_two);
	rig_append_to(1, rig_append_msg(3, 1, 3, 10, 1, 1), of_three);
	rig_append_to(1, rig_append_msg(2, 1, 4, 10, 1, 1), of_two);
	tap_check_eq(raft_entry_term(rig_raft(1), 11), 2);
	rig_persisted(1, 11, 2, 1);
	tap_check_eq(raft_durable_index(rig_raft(1)), 10);
	rig_persisted(1, 11, 2, 3);
	tap_check_eq(raft_durable_index(rig_raft(1)), 11);
}

static void refusal_skips_a_whole_term(void)
{
	const struct raft_run runs[] = { { 1, 1 }, { 4, 2 }, { 8, 3 } };
	const struct raft_msg *reply;

	start_with(runs, 3, 10, 3);
	reply = rig_append_to(1, rig_append_msg(2, 1, 5, 10, 4, 0), NULL);
	tap_need(reply);
	tap_check(!reply->append_reply.ok);
	tap_check_eq(reply->append_reply.match, 10);
	tap_check_eq(reply->append_reply.hint, 7);
	reply = rig_append_to(1, rig_append_msg(2, 1, 5, 20, 4, 0), NULL);
	tap_need(reply);
	tap_check_eq(reply->append_reply.hint, 10);
}

static void diverged_follower_is_brought_into_line(void)
{
	const struct raft_run theirs[] = { { 1, 1 }, { 4, 4 } };
	const struct raft_run ours[] = { { 1, 1 }, { 4, 2 }, { 7, 3 } };
	struct raft_boot boot = {
		.state = { .term = 4, .joined = true },
		.last_index = 9,
		.runs = theirs,
		.run_count = 2,
	};
	uint64_t index;

	start_with(theirs, 2, 9, 4);
	boot.runs = ours;
	boot.run_count = 3;
	boot.last_index = 30;
	boot.state.term = 3;
	rig_boot(3, &boot);
	rig_elect(1);
	rig_pass(3 * RIG_BEAT);
	tap_check_eq(raft_last_index(rig_raft(3)), 10);
	for (index = 1; index <= 10; index++)
		tap_check_eq(raft_entry_term(rig_raft(3), index),
			     raft_entry_term(rig_raft(1), index));
}

static void entry_of_an_older_term_is_not_committed_by_counting(void)
{
	/* Figure 3.7 (figure 8 of the paper), the leader S1 in (c). */
	const struct raft_run runs[] = { { 1, 1 }, { 2, 2 } };
	struct raft_boot boot = {
		.state = { .term = 3, .joined = true },
		.last_index = 2,
		.runs = runs,
		.run_count = 2,
	};
	struct raft_msg reply;
	uint64_t term;

	rig_start(5, &boot);
	rig_elect(1);
	tap_need(rig_leader() == 1);
	term = raft_term(rig_raft(1));
	/* Begin again from the log's state of (c): nothing acknowledged. */
	rig_start(5, &boot);
	rig_isolate(4, true);
	rig_isolate(5, true);
	rig.nodes[1].hold_disk = true;
	rig.nodes[2].hold_disk = true;
	rig.nodes[3].hold_disk = true;
	rig_elect(1);
	tap_need(rig_leader() == 1);
	/* Index 2 of term 2 is on three of five: not committed. */
	reply = reply_msg(2, 1, term, true, 2);
	rig_recv(1, &reply, NULL);
	reply = reply_msg(3, 1, term, true, 2);
	rig_recv(1, &reply, NULL);
	tap_check_eq(raft_commit_index(rig_raft(1)), 0);
	/* Index 3, of its own term, commits both (e). */
	rig_persist_all(1);
	reply = reply_msg(2, 1, term, true, 3);
	rig_recv(1, &reply, NULL);
	tap_check_eq(raft_commit_index(rig_raft(1)), 0);
	reply = reply_msg(3, 1, term, true, 3);
	rig_recv(1, &reply, NULL);
	tap_check_eq(raft_commit_index(rig_raft(1)), 3);
}

static void entries_flow_without_waiting_up_to_a_bound(void)
{
	struct raft_event event = {
		.type = RAFT_EV_SEND,
		.peer = 2,
		.count = 1000,
	};
	uint64_t sent = 0;

	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig_propose(1, 5000);
	while (raft_send_due(rig_raft(1), 2)) {
		rig_step(1, &event);
		tap_need(rig_said(1, RAFT_MSG_APPEND));
		tap_check(rig_said(1, RAFT_MSG_APPEND)->append.count <=
			  RAFT_APPEND_MAX);
		sent += rig_said(1, RAFT_MSG_APPEND)->append.count;
	}
	tap_check_eq(sent, RAFT_INFLIGHT_MAX);
	rig_settle();
	tap_check_eq(raft_commit_index(rig_raft(1)), 5011);
}

static void lost_entries_are_sent_again(void)
{
	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig_isolate(3, true);
	rig_propose(1, 5);
	rig_settle();
	rig_isolate(3, false);
	rig_pass(3 * RIG_BEAT);
	tap_check_eq(raft_last_index(rig_raft(3)), 16);
	tap_check_eq(raft_commit_index(rig_raft(3)), 16);
}

static void new_link_means_probing(void)
{
	struct raft_peer_view view;

	rig_start(3, &rig_veteran);
	rig_elect(1);
	tap_need(raft_peer(rig_raft(1), 2, &view));
	tap_check(!view.probing);
	tap_check_eq(view.match, 11);
	rig_isolate(2, true);
	rig_link(1, 2);
	tap_need(raft_peer(rig_raft(1), 2, &view));
	tap_check(view.probing);
	tap_check_eq(view.match, 0);
	tap_check(rig_said(1, RAFT_MSG_APPEND));
	rig_propose(1, 1);
	tap_check(!raft_send_due(rig_raft(1), 2));
	rig_isolate(2, false);
	rig_link(1, 2);
	rig_settle();
	tap_need(raft_peer(rig_raft(1), 2, &view));
	tap_check_eq(view.match, 12);
}

static void late_answers_do_not_end_probing(void)
{
	struct raft_peer_view view;
	struct raft_msg reply;

	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig_isolate(2, true);
	rig_propose(1, 8);
	rig_settle();
	rig.now += 1000;
	reply = reply_msg(2, 1, 2, false, 15);
	reply.append_reply.hint = 11;
	rig_recv(1, &reply, NULL);
	tap_need(raft_peer(rig_raft(1), 2, &view));
	tap_check(view.probing);
	/* To what was sent before the refusal came: no reason to resend. */
	reply = reply_msg(2, 1, 2, true, 12);
	reply.append_reply.sent_us = rig.now - 1;
	rig_recv(1, &reply, NULL);
	tap_need(raft_peer(rig_raft(1), 2, &view));
	tap_check(view.probing);
	tap_check_eq(view.match, 12);
	reply.append_reply.sent_us = rig.now;
	rig_recv(1, &reply, NULL);
	tap_need(raft_peer(rig_raft(1), 2, &view));
	tap_check(!view.probing);
	tap_check_eq(view.next, 13);
}

/* The leader's messages to @to in its last step; of those the one that is @urgent. */
static unsigned int sent_to(uint32_t to, bool urgent, struct raft_msg *found)
{
	const struct raft_update *update = &rig.nodes[1].update;
	unsigned int count = 0, i;

	for (i = 0; i < update->msg_count; i++) {
		const struct raft_msg *msg = &update->msgs[i];

		if (msg->to != to)
			continue;
		tap_check_eq(msg->append.count, 0);
		count++;
		if (msg->append.urgent == urgent)
			*found = *msg;
	}
	return count;
}

static void heartbeat_may_overtake_entries_on_their_way(void)
{
	struct raft_msg urgent = { .to = 0 }, behind = { .to = 0 };
	const struct raft_msg *reply;

	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig_pass(2 * RIG_BEAT);
	rig_isolate(2, true);
	rig_propose(1, 8);
	rig_settle();
	rig.now += RIG_BEAT;
	rig_tick(1);
	tap_check_eq(sent_to(2, true, &urgent), 2);
	sent_to(2, false, &behind);
	tap_check_eq(urgent.append.prev_index, 11);
	tap_check_eq(behind.append.prev_index, 19);
	/* One is enough where nothing is on its way. */
	tap_check_eq(sent_to(3, true, &behind), 1);
	rig_recv(2, &urgent, NULL);
	reply = rig_said(2, RAFT_MSG_APPEND_REPLY);
	tap_need(reply);
	tap_check(reply->append_reply.ok);
	tap_check_eq(reply->append_reply.match, 11);
	tap_check_eq(reply->append_reply.sent_us, rig.now);
}

static void committed_entries_are_never_truncated(void)
{
	const uint64_t terms[] = { 3 };
	struct raft_boot boot = rig_veteran;

	boot.commit = 8;
	rig_start(3, &boot);
	rig_append_to(1, rig_append_msg(2, 1, 3, 6, 1, 1), terms);
	tap_check_eq(rig.nodes[1].update.flags & RAFT_UP_TRUNCATE, 0);
	tap_check_eq(rig.nodes[1].update.msg_count, 0);
	rig_append_to(1, rig_append_msg(2, 1, 3, 7, 2, 0), NULL);
	tap_check_eq(rig.nodes[1].update.msg_count, 0);
	tap_check_eq(raft_last_index(rig_raft(1)), 10);
}

static void leader_that_contradicts_itself_is_ignored(void)
{
	const uint64_t terms[] = { 2, 3 };

	rig_start(3, &rig_veteran);
	rig_append_to(1, rig_append_msg(2, 1, 3, 10, 1, 2), terms);
	rig_append_to(1, rig_append_msg(2, 1, 3, 10, 1, 1), terms + 1);
	tap_check_eq(raft_last_index(rig_raft(1)), 12);
	tap_check_eq(raft_entry_term(rig_raft(1), 11), 2);
}

static void two_leaders_of_one_term_are_not_believed(void)
{
	const uint64_t terms[] = { 3 };

	rig_start(3, &rig_veteran);
	rig_append_to(1, rig_append_msg(2, 1, 3, 10, 1, 1), terms);
	tap_check(!rig_append_to(1, rig_append_msg(3, 1, 3, 10, 1, 1), terms));
	tap_check_eq(raft_leader(rig_raft(1)), 2);
}

static void impossible_appends_are_ignored(void)
{
	const uint64_t falling[] = { 3, 2 }, zero[] = { 0 }, future[] = { 9 };
	static uint64_t many[RAFT_APPEND_MAX + 1];
	unsigned int i;

	for (i = 0; i <= RAFT_APPEND_MAX; i++)
		many[i] = 3;
	rig_start(3, &rig_veteran);
	rig_append_to(1, rig_append_msg(2, 1, 3, 10, 1, 2), falling);
	rig_append_to(1, rig_append_msg(2, 1, 3, 10, 1, 1), zero);
	rig_append_to(1, rig_append_msg(2, 1, 3, 10, 1, 1), future);
	rig_append_to(1, rig_append_msg(2, 1, 3, 10, 1, RAFT_APPEND_MAX + 1),
		      many);
	rig_append_to(1, rig_append_msg(2, 1, 3, 0, 1, 1), many);
	rig_append_to(1, rig_append_msg(2, 1, 3, 10, 0, 1), many);
	rig_append_to(1, rig_append_msg(2, 1, 3, UINT64_MAX, 1, 1), many);
	rig_append_to(1, rig_append_msg(2, 1, 3, 10, 4, 0), NULL);
	tap_check_eq(raft_last_index(rig_raft(1)), 10);
	tap_check_eq(raft_leader(rig_raft(1)), 0);
}

static void impossible_replies_are_ignored(void)
{
	struct raft_peer_view view;
	struct raft_msg reply;

	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig_isolate(2, true);
	rig_propose(1, 3);
	rig_settle();
	reply = reply_msg(2, 1, 2, true, 99);
	rig_recv(1, &reply, NULL);
	reply = reply_msg(2, 1, 2, false, 99);
	rig_recv(1, &reply, NULL);
	reply = reply_msg(2, 1, 2, false, 12);
	reply.append_reply.hint = 50;
	rig_recv(1, &reply, NULL);
	reply = reply_msg(2, 1, 1, true, 14);
	rig_recv(1, &reply, NULL);
	tap_need(raft_peer(rig_raft(1), 2, &view));
	tap_check_eq(view.match, 11);
}

static void commit_follows_only_what_was_matched(void)
{
	struct raft_msg msg = rig_append_msg(2, 1, 2, 4, 1, 0);

	rig_start(3, &rig_veteran);
	msg.append.commit = 9;
	rig_append_to(1, msg, NULL);
	tap_check_eq(raft_commit_index(rig_raft(1)), 4);
}

static void only_a_leader_proposes(void)
{
	rig_start(3, &rig_veteran);
	rig_propose(2, 1);
	tap_check(rig.nodes[2].update.flags & RAFT_UP_REFUSED);
	tap_check_eq(raft_last_index(rig_raft(2)), 10);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(entries_reach_every_log_and_commit),
		TAP_TEST(followers_majority_commits_before_the_leaders_disk),
		TAP_TEST(leaders_disk_counts_like_any_other),
		TAP_TEST(follower_answers_entries_when_durable),
		TAP_TEST(heartbeat_is_answered_at_once_with_what_is_durable),
		TAP_TEST(
			durable_entries_are_not_claimed_before_they_are_matched),
		TAP_TEST(agreement_of_an_older_term_is_forgotten),
		TAP_TEST(answer_of_a_new_term_waits_for_its_saving),
		TAP_TEST(conflict_truncates_and_replaces),
		TAP_TEST(entries_already_there_are_not_truncated),
		TAP_TEST(report_of_a_truncated_entry_is_ignored),
		TAP_TEST(report_of_an_entry_that_went_and_came_back_is_ignored),
		TAP_TEST(refusal_skips_a_whole_term),
		TAP_TEST(diverged_follower_is_brought_into_line),
		TAP_TEST(entry_of_an_older_term_is_not_committed_by_counting),
		TAP_TEST(entries_flow_without_waiting_up_to_a_bound),
		TAP_TEST(lost_entries_are_sent_again),
		TAP_TEST(new_link_means_probing),
		TAP_TEST(late_answers_do_not_end_probing),
		TAP_TEST(heartbeat_may_overtake_entries_on_their_way),
		TAP_TEST(committed_entries_are_never_truncated),
		TAP_TEST(leader_that_contradicts_itself_is_ignored),
		TAP_TEST(two_leaders_of_one_term_are_not_believed),
		TAP_TEST(impossible_appends_are_ignored),
		TAP_TEST(impossible_replies_are_ignored),
		TAP_TEST(commit_follows_only_what_was_matched),
		TAP_TEST(only_a_leader_proposes),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
