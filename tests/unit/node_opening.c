/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* What the device is told at the ends of openings, and where it can't open. */
#include <errno.h>

#include "node_rig.h"

static void request(uint32_t id, enum node_request_op op)
{
	struct node_request body = {
		.op = (uint16_t)op,
		.tag = ++rig.tag,
		.epoch = rig.nodes[id].opened,
	};

	node_request(rig_at(id), &body);
}

static uint32_t begin(void)
{
	uint32_t leader = rig_begin(3, 3);

	rig_write(leader, 5);
	return leader;
}

/* Holds outlive the agent that could have ended them. */
static void later_agent_says_what_an_earlier_one_applied(void)
{
	uint32_t leader = begin();

	request(leader, NODE_REQ_CLOSE);
	rig_kill(leader);
	rig.nodes[leader].applied_tag = 0;
	rig_boot(leader);
	node_bound(rig_at(leader), 0, false, rig.tag + 1);
	rig_pass(6 * RIG_T);
	tap_check_eq(rig.nodes[leader].applied_tag, rig.tag);
	rig_end();
}

/* What it closed after was overruled: that index will not be applied. */
static void close_does_not_wait_for_an_end_that_was_cut_off(void)
{
	uint32_t leader = begin();
	uint64_t last;

	rig_cut_off(leader, true);
	rig_write(leader, 8);
	request(leader, NODE_REQ_CLOSE);
	last = rig_view(leader).last;
	rig_pass(6 * RIG_T);
	rig_cut_off(leader, false);
	rig_pass(6 * RIG_T);
	tap_check(rig_view(leader).last < last);
	tap_check_eq(rig.nodes[leader].applied_tag, rig.tag);
	rig_end();
}

/* What was answered before the removal will not be applied here. */
static void removed_node_waits_for_the_end_of_no_opening(void)
{
	uint32_t writer = begin();
	uint32_t leader;

	rig_kill(writer);
	rig.nodes[writer].applied_tag = 0;
	rig_pass(6 * RIG_T);
	leader = rig_leader();
	tap_need(leader != 0);
	tap_check_eq(node_member_change(rig_at(leader), NODE_MEMBER_REMOVE,
					writer),
		     0);
	rig_pass(2 * RIG_T);
	rig_boot(writer);
	node_bound(rig_at(writer), 0, false, rig.tag + 1);
	tap_check_eq(rig.nodes[writer].applied_tag, 0);
	rig_pass(6 * RIG_T);
	tap_check(rig_view(writer).outside);
	tap_check(rig_view(writer).applied < rig_view(writer).last);
	tap_check_eq(rig.nodes[writer].applied_tag, rig.tag);
	rig_end();
}

static void answers_are_due_only_where_they_will_come(void)
{
	struct node_request body = { .op = NODE_REQ_ZERO, .length = 4096 };
	uint32_t leader = begin();

	tap_check(!node_dones_due(rig_at(leader))); /* all are given */
	request(leader, NODE_REQ_FLUSH);
	tap_check(!node_dones_due(rig_at(leader))); /* not even proposed */
	rig_turns(2);
	tap_check(!node_dones_due(rig_at(leader)));
	rig_cut_off(leader, true);
	body.tag = ++rig.tag;
	body.epoch = rig.nodes[leader].opened;
	node_request(rig_at(leader), &body);
	rig_turns(1);
	tap_check(node_dones_due(rig_at(leader)));
	rig_pass(6 * RIG_T); /* no quorum, so no lease */
	tap_check(!node_dones_due(rig_at(leader)));
	rig_end();
}

static void opening_fails_where_the_node_is_no_member(void)
{
	rig_start(3, 2);
	rig_open(3);
	tap_check_eq(rig.nodes[3].done_tag, rig.tag);
	tap_check_eq(rig.nodes[3].done_error, -EPERM);
	rig_end();
}

/* A new agent meets in its log what was long over when the device was opened. */
static void older_opening_of_another_node_fences_nothing(void)
{
	uint32_t first = begin(), second = first % 3 + 1;
	uint64_t epoch;

	rig_pass(6 * 1000000); /* a checkpoint: the next one takes 5 s */
	request(first, NODE_REQ_CLOSE);
	rig_open(second);
	tap_need(rig.nodes[second].done_error == 0);
	request(second, NODE_REQ_CLOSE);
	rig_open(first);
	tap_need(rig.nodes[first].done_error == 0);
	epoch = rig.nodes[first].opened;
	rig_kill(first);
	rig_boot(first);
	rig.nodes[first].fenced = false;
	tap_check(rig_view(first).committed_epoch < epoch);
	node_bound(rig_at(first), epoch, true, rig.tag + 1);
	rig_pass(6 * RIG_T);
	tap_check_eq(rig_view(first).committed_epoch, epoch);
	tap_check(!rig.nodes[first].fenced);
	rig_end();
}

/* Of readers the agent knows nothing: it tells the device in any case. */
static void opening_of_another_node_is_told_where_none_is_open(void)
{
	uint32_t first = begin(), second = first % 3 + 1;

	request(first, NODE_REQ_CLOSE);
	node_bound(rig_at(first), 0, false, rig.tag + 1);
	rig_pass(RIG_T);
	tap_check(!rig.nodes[first].fenced);
	rig_open(second);
	tap_need(rig.nodes[second].done_error == 0);
	tap_check(rig.nodes[first].fenced);
	rig_end();
}

/* It comes where the log had something else when the device was bound. */
static void opening_of_another_node_is_told_in_place_of_a_lost_tail(void)
{
	uint32_t first = begin(), second = first % 3 + 1;
	uint64_t last;

	rig_cut_off(first, true);
	rig_write(first, 8);
	last = rig_view(first).last;
	rig_kill(first);
	rig_boot(first);
	node_bound(rig_at(first), 0, false, rig.tag + 1);
	rig_open(second);
	tap_need(rig.nodes[second].done_error == 0);
	tap_check(rig.nodes[second].opened <= last);
	rig_cut_off(first, false);
	rig_pass(6 * RIG_T);
	tap_check(rig.nodes[first].fenced);
	rig_end();
}

/* It would wait for leadership forever. */
static void opening_is_fenced_where_the_node_was_made_a_learner(void)
{
	uint32_t writer = begin();
	uint32_t leader;

	rig_cut_off(writer, true);
	rig_pass(6 * RIG_T);
	for (leader = 1;
	     leader == writer || rig_view(leader).role != RAFT_LEADER;)
		leader++;
	tap_check_eq(node_member_change(rig_at(leader), NODE_MEMBER_DEMOTE,
					writer),
		     0);
	rig_pass(2 * RIG_T);
	tap_check(!rig.nodes[writer].fenced);
	rig_cut_off(writer, false);
	rig_pass(6 * RIG_T);
	tap_check(rig.nodes[writer].fenced);
	rig_end();
}

/* From the death of @leader until @heir has its device open; 0: never. */
static uint64_t failover_us(uint32_t leader, uint32_t heir)
{
	uint64_t died_us = rig.now;

	rig_kill(leader);
	node_bound(rig_at(heir), 0, false, rig.tag + 1);
	request(heir, NODE_REQ_OPEN);
	while (!rig.nodes[heir].opened && rig.now < died_us + 10 * RIG_T)
		rig_turns(1);
	return rig.nodes[heir].opened ? rig.now - died_us : 0;
}

/* No timer of its own, up to twice as long, is waited for. */
static void failover_takes_little_more_than_the_promise_to_the_dead(void)
{
	uint32_t leader = begin();
	uint64_t took_us = failover_us(leader, leader == 1 ? 2 : 1);

	tap_check(took_us > 0);
	tap_check(took_us < RIG_T + RIG_T / 3);
	rig_end();
}

static void failover_to_who_lacks_entries_takes_no_longer(void)
{
	uint32_t leader = begin();
	uint32_t heir = leader == 1 ? 2 : 1;
	uint32_t other = 6 - leader - heir;
	uint64_t took_us;

	rig_cut(leader, heir, true);
	rig_write(leader, 5);
	tap_need(rig_view(heir).last < rig_view(other).last);
	rig_cut(leader, heir, false);
	took_us = failover_us(leader, heir);
	tap_check(took_us > 0);
	tap_check(took_us < RIG_T + RIG_T / 3);
	rig_end();
}

/* Before the first tag there is none that an agent could have answered. */
static void device_that_was_never_used_is_told_of_nothing(void)
{
	uint32_t leader;

	rig_start(3, 3);
	leader = rig_leader();
	node_bound(rig_at(leader), 0, false, 0);
	rig_pass(RIG_T);
	tap_check_eq(rig.nodes[leader].applied_tag, 0);
	rig_end();
}

/* It still leads, but answers nothing any more. */
static void agent_that_stops_has_no_answers_due(void)
{
	uint32_t leader = begin();

	rig_cut_off(leader, true);
	rig_request(leader);
	rig_turns(1);
	tap_check(node_dones_due(rig_at(leader)));
	node_step_down(rig_at(leader));
	tap_need(rig_view(leader).role == RAFT_LEADER);
	tap_check(!node_dones_due(rig_at(leader)));
	rig_end();
}

/* Its entry is committed and applied at last, behind a later one of another. */
static void opening_that_another_overtook_is_proposed_again(void)
{
	uint32_t first, second;
	unsigned int turns;
	uint64_t last;

	rig_start(3, 3);
	first = rig_leader();
	second = rig_next(first);
	last = rig_view(first).last;
	node_bound(rig_at(first), 0, false, rig.tag + 1);
	rig.cut[1][first] = rig.cut[2][first] = rig.cut[3][first] = true;
	request(first, NODE_REQ_OPEN);
	for (turns = 0; rig_view(second).last == last && turns < 10; turns++)
		rig_turns(1);
	tap_need(rig_view(second).last == last + 1);
	rig_cut_off(first, true);
	rig_pass(6 * RIG_T);
	tap_check_eq(rig.nodes[first].opened, 0);
	rig_open(second);
	rig_pass(2 * RIG_T);
	tap_need(rig.nodes[second].opened > last + 1);
	request(second, NODE_REQ_CLOSE);
	rig_cut_off(first, false);
	rig_pass(6 * RIG_T);
	tap_check(rig.nodes[first].opened > rig.nodes[second].opened);
	tap_check_eq(rig_view(first).committed_epoch, rig.nodes[first].opened);
	rig_write(first, 3);
	tap_check_eq(rig.nodes[first].done_error, 0);
	tap_check_eq(rig.nodes[first].done_tag, rig.tag);
	rig_end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(answers_are_due_only_where_they_will_come),
		TAP_TEST(later_agent_says_what_an_earlier_one_applied),
		TAP_TEST(close_does_not_wait_for_an_end_that_was_cut_off),
		TAP_TEST(removed_node_waits_for_the_end_of_no_opening),
		TAP_TEST(opening_fails_where_the_node_is_no_member),
		TAP_TEST(older_opening_of_another_node_fences_nothing),
		TAP_TEST(opening_of_another_node_is_told_where_none_is_open),
		TAP_TEST(
			opening_of_another_node_is_told_in_place_of_a_lost_tail),
		TAP_TEST(opening_is_fenced_where_the_node_was_made_a_learner),
		TAP_TEST(
			failover_takes_little_more_than_the_promise_to_the_dead),
		TAP_TEST(failover_to_who_lacks_entries_takes_no_longer),
		TAP_TEST(device_that_was_never_used_is_told_of_nothing),
		TAP_TEST(agent_that_stops_has_no_answers_due),
		TAP_TEST(opening_that_another_overtook_is_proposed_again),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
