// SPDX-License-Identifier: GPL-2.0
/* Who lacks more than the log has, or has lost it: copies, rejoining, compaction. */
#include "raft_rig.h"

static void compacted(uint32_t id, uint64_t index)
{
	struct raft_event event = { .type = RAFT_EV_COMPACTED, .index = index };

	rig_step(id, &event);
}

static void reset(uint32_t id, uint64_t index, uint64_t term)
{
	struct raft_event event = {
		.type = RAFT_EV_RESET,
		.index = index,
		.term = term,
	};

	rig_step(id, &event);
}

/* Leader 1 of three, 3 cut off, what it lacks compacted away. */
static void leave_three_behind(void)
{
	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig_isolate(3, true);
	rig_propose(1, 50);
	rig_settle();
	rig_pass(5 * RIG_BEAT);
	compacted(1, 40);
	rig_isolate(3, false);
	rig_pass(5 * RIG_BEAT);
}

static void peer_behind_the_log_needs_a_copy_and_still_counts(void)
{
	struct raft_peer_view view;

	leave_three_behind();
	tap_need(raft_peer(rig_raft(1), 3, &view));
	tap_check(view.needs_copy);
	tap_check(!view.damaged && !view.barred);
	tap_check(!raft_send_due(rig_raft(1), 3));
	rig_isolate(2, true);
	rig_pass(4 * RIG_T);
	tap_check_eq(rig_leader(), 1);
	tap_check(raft_lease_until(rig_raft(1)) > rig.now);
	tap_check_eq(raft_leader(rig_raft(3)), 1);
	tap_check_eq(raft_last_index(rig_raft(3)), 11);
}

static void replication_resumes_after_a_copy(void)
{
	struct raft_peer_view view;

	leave_three_behind();
	tap_check(raft_can_reset(rig_raft(3), 55, 2));
	reset(3, 55, 2);
	tap_check_eq(raft_last_index(rig_raft(3)), 55);
	tap_check_eq(raft_commit_index(rig_raft(3)), 55);
	rig_persist_all(3);
	rig_pass(3 * RIG_BEAT);
	tap_need(raft_peer(rig_raft(1), 3, &view));
	tap_check(!view.needs_copy);
	tap_check_eq(view.match, 61);
	tap_check_eq(raft_last_index(rig_raft(3)), 61);
	tap_check(raft_hard_state(rig_raft(3))->joined);
}

static void peer_behind_the_base_but_holding_it_needs_no_copy(void)
{
	struct raft_peer_view view;

	rig_start(3, &rig_veteran);
	rig_elect(1);
	rig_pass(3 * RIG_BEAT);
	compacted(1, 11);
	rig_link(1, 3);
	rig_settle();
	rig_propose(1, 1);
	rig_settle();
	tap_need(raft_peer(rig_raft(1), 3, &view));
	tap_check(!view.needs_copy);
	tap_check_eq(view.match, 12);
}

static void reset_is_refused_where_the_log_holds_the_entry(void)
{
	rig_start(3, &rig_veteran);
	rig_elect(1);
	reset(2, 11, 2);
	tap_check(rig.nodes[2].update.flags & RAFT_UP_REFUSED);
	tap_check_eq(raft_last_index(rig_raft(2)), 11);
	reset(1, 50, 2);
	tap_check(rig.nodes[1].update.flags & RAFT_UP_REFUSED);
	reset(2, 50, 9);
	tap_check(rig.nodes[2].update.flags & RAFT_UP_REFUSED);
}

static void damaged_replica_refuses_entries_until_it_is_filled(void)
{
	const uint64_t terms[] = { 2 };
	struct raft_boot boot = rig_veteran;
	const struct raft_msg *reply;

	boot.state.damaged = true;
	rig_start(3, &boot);
	reply = rig_append_to(1, rig_append_msg(2, 1, 2, 10, 1, 1), terms);
	tap_need(reply);
	tap_check(!reply->append_reply.ok);
	tap_check(reply->append_reply.damaged);
	tap_check(reply->append_reply.barred);
	tap_check_eq(raft_last_index(rig_raft(1)), 10);
	rig.nodes[1].hold_disk = true;
	reset(1, 5, 1);
	tap_check(raft_hard_state(rig_raft(1))->damaged);
	reply = rig_append_to(1, rig_append_msg(2, 1, 2, 5, 1, 0), NULL);
	tap_need(reply);
	tap_check(reply->append_reply.ok);
	tap_check(!reply->append_reply.damaged);
	tap_check(reply->append_reply.barred);
	tap_check_eq(reply->append_reply.match, 0);
	rig_persisted(1, 5, 1, 2);
	tap_check(!raft_hard_state(rig_raft(1))->damaged);
	tap_check(!raft_hard_state(rig_raft(1))->joined);
}

/* Three of an old volume, 3 of them damaged; 1 leads and is at index 11. */
static void damage_three(void)
{
	struct raft_boot damaged = rig_veteran;

	rig_start(3, &rig_veteran);
	damaged.state = (struct raft_hard_state){ .damaged = true };
	rig_boot(3, &damaged);
	rig_elect(1);
	rig_pass(3 * RIG_BEAT);
}

static void damaged_replica_joins_when_it_holds_all_it_may_have_promised(void)
{
	struct raft_peer_view view;

	damage_three();
	tap_need(rig_leader() == 1);
	tap_need(raft_peer(rig_raft(1), 3, &view));
	tap_check(view.needs_copy && view.damaged && view.barred);
	rig.nodes[3].hold_disk = true;
	reset(3, 8, 1);
	rig_persist_all(3);
	tap_check(!raft_hard_state(rig_raft(3))->joined);
	rig_pass(3 * RIG_BEAT);
	tap_check_eq(raft_last_index(rig_raft(3)), 11);
	tap_check(!raft_hard_state(rig_raft(3))->joined);
	rig_persist_all(3);
	tap_check(raft_hard_state(rig_raft(3))->joined);
	tap_check_eq(raft_hard_state(rig_raft(3))->vote, 1);
	rig_pass(3 * RIG_BEAT);
	tap_need(raft_peer(rig_raft(1), 3, &view));
	tap_check(!view.barred);
	tap_check_eq(view.match, 11);
}

static void barred_replica_counts_neither_for_commit_nor_lease(void)
{
	damage_three();
	tap_need(rig_leader() == 1);
	rig.nodes[3].hold_disk = true;
	reset(3, 8, 1);
	rig_pass(3 * RIG_BEAT);
	rig_isolate(2, true);
	rig_pass(2 * RIG_T);
	tap_check(raft_lease_until(rig_raft(1)) <= rig.now);
	rig_propose(1, 1);
	rig_settle();
	tap_check_eq(raft_commit_index(rig_raft(1)), 11);
}

static void no_rejoin_without_proof_of_leading_since_the_damage(void)
{
	damage_three();
	tap_need(rig_leader() == 1);
	rig_isolate(2, true);
	rig_kill(3);
	rig_boot(3, &(struct raft_boot){ .state = { .damaged = true } });
	rig_link(1, 3);
	rig_settle();
	reset(3, 8, 1);
	rig_persist_all(3);
	rig_pass(RIG_T / 2);
	tap_check_eq(raft_last_index(rig_raft(3)), 11);
	tap_check(!raft_hard_state(rig_raft(3))->joined);
}

static void fresh_replica_is_filled_from_the_log_and_joins(void)
{
	struct raft_boot blank = { .now_us = 0 };

	rig_start(3, &rig_veteran);
	rig_boot(3, &blank);
	rig_elect(1);
	rig_pass(3 * RIG_BEAT);
	tap_check_eq(raft_last_index(rig_raft(3)), 11);
	tap_check(raft_hard_state(rig_raft(3))->joined);
	rig_kill(2);
	rig_pass(2 * RIG_T);
	tap_check_eq(rig_leader(), 1);
	tap_check(raft_lease_until(rig_raft(1)) > rig.now);
}

static void log_of_more_terms_than_fit_forgets_the_oldest(void)
{
	static struct raft_run runs[RAFT_RUNS_MAX + 10];
	struct raft_boot boot = {
		.state = { .term = RAFT_RUNS_MAX + 10, .joined = true },
		.last_index = 2 * (RAFT_RUNS_MAX + 10),
		.runs = runs,
		.run_count = RAFT_RUNS_MAX + 10,
	};
	unsigned int i;

	for (i = 0; i < RAFT_RUNS_MAX + 10; i++)
		runs[i] = (struct raft_run){ 2 * i + 1, i + 1 };
	rig_start(1, &boot);
	tap_check_eq(raft_base_index(rig_raft(1)), 20);
	tap_check_eq(raft_entry_term(rig_raft(1), 20), 10);
	tap_check_eq(raft_entry_term(rig_raft(1), 21), 11);
	tap_check_eq(raft_commit_index(rig_raft(1)), 20);
	/* The new leader's run pushes out none that is uncommitted. */
	rig_tick(1);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_FOLLOWER);
	boot.commit = 30;
	rig_start(1, &boot);
	rig_tick(1);
	tap_check_eq(raft_role(rig_raft(1)), RAFT_LEADER);
	tap_check_eq(raft_base_index(rig_raft(1)), 22);
}

static void compaction_keeps_the_bases_term(void)
{
	const struct raft_run runs[] = { { 1, 1 }, { 4, 2 }, { 8, 3 } };
	struct raft_boot boot = {
		.state = { .term = 3, .joined = true },
		.last_index = 10,
		.runs = runs,
		.run_count = 3,
		.commit = 10,
	};
	uint64_t base;

	for (base = 1; base <= 10; base++) {
		rig_start(3, &boot);
		compacted(1, base);
		tap_check_eq(raft_base_index(rig_raft(1)), base);
		tap_check_eq(raft_entry_term(rig_raft(1), base), base < 4 ? 1 :
								 base < 8 ? 2 :
									    3);
		tap_check_eq(raft_entry_term(rig_raft(1), 10), 3);
		tap_check_eq(raft_entry_term(rig_raft(1), base - 1), 0);
		tap_check_eq(raft_entry_term(rig_raft(1), 11), 0);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(peer_behind_the_log_needs_a_copy_and_still_counts),
		TAP_TEST(replication_resumes_after_a_copy),
		TAP_TEST(peer_behind_the_base_but_holding_it_needs_no_copy),
		TAP_TEST(reset_is_refused_where_the_log_holds_the_entry),
		TAP_TEST(damaged_replica_refuses_entries_until_it_is_filled),
		TAP_TEST(
			damaged_replica_joins_when_it_holds_all_it_may_have_promised),
		TAP_TEST(barred_replica_counts_neither_for_commit_nor_lease),
		TAP_TEST(no_rejoin_without_proof_of_leading_since_the_damage),
		TAP_TEST(fresh_replica_is_filled_from_the_log_and_joins),
		TAP_TEST(log_of_more_terms_than_fit_forgets_the_oldest),
		TAP_TEST(compaction_keeps_the_bases_term),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
