/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* A node's end: its agent stops, its disk fails, its device is bound anew. */
#include <errno.h>

#include "node_rig.h"

static struct node_request body_of(uint32_t id, enum node_request_op op)
{
	struct node_request body = {
		.op = (uint16_t)op,
		.tag = ++rig.tag,
		.epoch = rig.nodes[id].opened,
		.length = op == NODE_REQ_ZERO ? 4096 : 0,
	};

	return body;
}

static void request(uint32_t id, enum node_request_op op)
{
	struct node_request body = body_of(id, op);

	node_request(rig_at(id), &body);
}

/* Since when there is no answer, nothing may be done for the device. */
static void check_serves_nothing(uint32_t id)
{
	uint64_t done = rig.nodes[id].done_tag;

	tap_check_eq(rig.nodes[id].lease_us, 0);
	tap_check_eq(rig_view(id).lease_until_us, 0);
	request(id, NODE_REQ_ZERO);
	rig_turns(4);
	tap_check(rig.nodes[id].done_tag == done ||
		  rig.nodes[id].done_error == -EIO);
	tap_check_eq(rig.nodes[id].lease_us, 0);
}

static void leader_that_stops_hands_over_at_once(void)
{
	uint32_t leader = rig_begin(3, 3), heir;
	uint64_t term = rig_view(leader).term, applied;

	rig_write(leader, 10);
	applied = rig_view(leader).applied;
	node_step_down(rig_at(leader));
	tap_check_eq(rig.nodes[leader].lease_us, 0); /* before others lead */
	rig_turns(10); /* far less than an election timeout */
	heir = rig_leader();
	tap_check(heir != 0 && heir != leader);
	tap_check_eq(rig_view(leader).term, term + 1);
	check_serves_nothing(leader);
	tap_check_str(rig_view(leader).problem, "");
	/* The next start has little to apply: it made a checkpoint. */
	rig_kill(leader);
	rig_boot(leader);
	tap_check(rig_view(leader).applied >= applied);
	tap_check_eq(rig_leader(), heir);
	rig_end();
}

static void leadership_is_given_up_when_no_heir_is_there(void)
{
	uint32_t leader = rig_begin(3, 3);

	rig_kill(rig_next(leader));
	rig_kill(rig_next(rig_next(leader)));
	node_step_down(rig_at(leader));
	tap_check(rig_view(leader).role != RAFT_LEADER);
	tap_check_eq(rig.nodes[leader].lease_us, 0);
	rig_end();
}

static void follower_that_stops_changes_nothing(void)
{
	uint32_t leader = rig_begin(3, 3), other = rig_next(leader);
	uint64_t term = rig_view(leader).term;

	node_step_down(rig_at(other));
	rig_pass(4 * RIG_T);
	tap_check_eq(rig_leader(), leader);
	tap_check_eq(rig_view(leader).term, term);
	tap_check(rig.nodes[leader].lease_us > rig.now);
	rig_end();
}

static void agent_that_stops_opens_nothing(void)
{
	uint32_t leader, other;
	uint64_t last;

	rig_start(3, 3);
	leader = rig_leader();
	other = rig_next(leader);
	last = rig_view(leader).last;
	node_step_down(rig_at(other));
	rig_open(other);
	tap_check_eq(rig.nodes[other].opened, 0);
	tap_check_eq(rig_leader(), leader); /* it was not asked for it */
	tap_check_eq(rig_view(leader).last, last);
	rig_end();
}

static void failed_disk_fences_and_hands_over(void)
{
	uint32_t leader = rig_begin(3, 3), heir;
	struct node_view view;

	rig_write(leader, 10);
	node_disk_failed(rig_at(leader), "log write: EIO");
	tap_check(rig.nodes[leader].fenced);
	tap_check_eq(rig.nodes[leader].lease_us, 0);
	tap_check_eq(node_member_change(rig_at(leader), NODE_MEMBER_REMOVE,
					rig_next(leader)),
		     -ENOTCONN);
	rig_turns(10);
	heir = rig_leader();
	tap_check(heir != 0 && heir != leader);
	check_serves_nothing(leader);
	view = rig_view(leader);
	tap_check(view.disk_failed && view.fenced);
	tap_check_str(view.problem, "disk failed: log write: EIO");
	rig.nodes[leader].fenced = false;
	node_disk_failed(rig_at(leader), "again");
	tap_check(!rig.nodes[leader].fenced); /* it was said */
	tap_check_str(rig_view(leader).problem, "disk failed: log write: EIO");
	rig_open(heir);
	rig_write(heir, 5);
	tap_check_eq(rig.nodes[heir].done_tag, rig.tag);
	/* It takes no part: nothing of that has come to it. */
	tap_check(rig_view(leader).last < rig_view(heir).last);
	tap_check_eq(rig_view(leader).leader, 0);
	tap_check(node_deadline(rig_at(leader)) < UINT64_MAX);
	rig_end();
}

/* The heir may die on the way: then others must be free to elect. */
static void leader_without_a_disk_does_not_lead_for_long(void)
{
	uint32_t leader = rig_begin(3, 3), id;

	for (id = 1; id <= 3; id++)
		rig.nodes[id].hold_log = id != leader;
	rig_request(leader); /* which an heir must have first */
	rig_turns(1);
	rig_cut_off(leader, true);
	node_disk_failed(rig_at(leader), "sync: EIO");
	tap_check_eq(rig_view(leader).role, RAFT_LEADER);
	tap_check(node_deadline(rig_at(leader)) <= rig.now + RIG_T);
	rig_pass(2 * RIG_T);
	tap_check(rig_view(leader).role != RAFT_LEADER);
	rig_end();
}

static void failed_disk_ends_a_node_that_no_one_can_follow(void)
{
	uint32_t leader = rig_begin(3, 3), other = rig_next(leader), i;

	node_disk_failed(rig_at(other), "sync: EIO");
	rig_write(leader, 3);
	tap_check(rig_view(other).last < rig_view(leader).last);
	for (i = 1; i <= 3; i++)
		if (i != leader)
			rig_kill(i);
	node_disk_failed(rig_at(leader), "sync: EIO");
	tap_check(rig_view(leader).role != RAFT_LEADER);
	rig_end();
}

/* No agent was there to hear of it: the module still has the old epoch. */
static void device_of_an_older_opening_is_fenced_when_bound(void)
{
	uint32_t first = rig_begin(3, 3), second = rig_next(first);
	uint64_t epoch = rig.nodes[first].opened;

	rig_kill(first);
	rig_pass(6 * RIG_T);
	rig_open(second);
	tap_need(rig.nodes[second].opened > epoch);
	rig_boot(first);
	rig_pass(4 * RIG_T);
	tap_check(!rig.nodes[first].fenced);
	node_bound(rig_at(first), epoch, true, ++rig.tag);
	tap_check(rig.nodes[first].fenced);
	tap_check(rig_view(first).fenced);
	tap_check_eq(rig_view(first).device_epoch, 0);
	rig.nodes[first].opened = epoch;
	request(first, NODE_REQ_ZERO);
	tap_check_eq(rig.nodes[first].done_error, -EIO);
	rig_end();
}

/* That of the newest opening goes on. */
static void device_of_the_newest_opening_is_not_fenced_when_bound(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint64_t epoch = rig.nodes[leader].opened;

	rig_write(leader, 3);
	node_bound(rig_at(leader), epoch, true, rig.tag + 1);
	tap_check(!rig.nodes[leader].fenced);
	rig_write(leader, 3);
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	tap_check_eq(rig.nodes[leader].done_error, 0);
	rig_end();
}

static void device_on_a_failed_disk_is_fenced_when_bound(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint64_t epoch = rig.nodes[leader].opened;

	node_unbound(rig_at(leader));
	rig.nodes[leader].lease_us = 0;
	node_disk_failed(rig_at(leader), "sync: EIO");
	tap_check(!rig.nodes[leader].fenced); /* nothing is bound */
	node_bound(rig_at(leader), epoch, true, rig.tag + 1);
	tap_check(rig.nodes[leader].fenced);
	check_serves_nothing(leader);
	rig_end();
}

static void device_that_is_not_bound_is_told_nothing(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint64_t epoch = rig.nodes[leader].opened, tag, last;

	rig_write(leader, 3);
	tag = rig.tag;
	rig.nodes[leader].hold_log = true;
	rig_request(leader);
	node_unbound(rig_at(leader));
	rig.nodes[leader].lease_us = 0;
	rig.nodes[leader].applied_tag = 0;
	rig.nodes[leader].hold_log = false;
	last = rig_view(leader).last;
	request(leader, NODE_REQ_ZERO);
	rig_pass(2 * RIG_T);
	tap_check_eq(rig_view(leader).requests, 0);
	tap_check_eq(rig_view(leader).last, last);
	tap_check_eq(rig.nodes[leader].done_tag, tag);
	tap_check_eq(rig.nodes[leader].applied_tag, 0);
	tap_check_eq(rig.nodes[leader].lease_us, 0);
	/* Bound again it goes on, with what was not answered sent again. */
	node_bound(rig_at(leader), epoch, true, tag + 1);
	rig.tag = tag;
	rig_write(leader, 3);
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	tap_check(rig.nodes[leader].lease_us > rig.now);
	rig_end();
}

static void request_of_another_opening_fails(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint64_t last = rig_view(leader).last;
	struct node_request body = body_of(leader, NODE_REQ_ZERO);

	body.epoch++;
	node_request(rig_at(leader), &body);
	tap_check_eq(rig.nodes[leader].done_tag, body.tag);
	tap_check_eq(rig.nodes[leader].done_error, -EIO);
	rig_pass(RIG_T);
	tap_check_eq(rig_view(leader).last, last);
	rig_end();
}

static void leadership_is_handed_to_who_can_lead(void)
{
	uint32_t leader, other, third;

	rig_start(4, 3);
	leader = rig_leader();
	other = leader % 3 + 1;
	third = other % 3 + 1;
	tap_check_eq(node_transfer(rig_at(leader), leader), 0);
	tap_check_eq(node_transfer(rig_at(other), other), -ENOTCONN);
	tap_check_eq(node_transfer(rig_at(other), third), -ENOTCONN);
	tap_check_eq(node_transfer(rig_at(leader), 9), -EINVAL);
	tap_check_eq(node_transfer(rig_at(leader), 4), -EINVAL);
	rig_kill(third);
	tap_check_eq(node_transfer(rig_at(leader), third), -EHOSTDOWN);
	rig_boot(third);
	tap_check_eq(node_transfer(rig_at(leader), third), -EHOSTDOWN);
	node_disk_failed(rig_at(third), "sync: EIO");
	rig_pass(RIG_T);
	tap_check_eq(node_transfer(rig_at(leader), third), -EHOSTDOWN);
	rig_open(leader);
	tap_check_eq(node_transfer(rig_at(leader), other), -EBUSY);
	rig.nodes[other].hold_log = true;
	request(leader, NODE_REQ_ZERO);
	rig_turns(1);
	request(leader, NODE_REQ_CLOSE);
	tap_check_eq(node_transfer(rig_at(leader), other), 0);
	tap_check_eq(rig.nodes[leader].lease_us, 0);
	/* While that is under way there is no other one, and no change. */
	tap_check_eq(node_transfer(rig_at(leader), other), -EHOSTDOWN);
	tap_check_eq(node_member_change(rig_at(leader), NODE_MEMBER_ADD, 4),
		     -EAGAIN);
	rig.nodes[other].hold_log = false;
	rig_pass(RIG_T / 2);
	tap_check_eq(rig_leader(), other);
	rig_end();
}

static uint32_t voter;
static unsigned int votes; /* that it asked for or gave */

static bool count_votes(uint32_t from, uint32_t to, const struct wire_msg *msg)
{
	const struct raft_msg *raft = &msg->raft.msg;

	if (msg->type != WIRE_RAFT || from != voter)
		return true;
	votes += (raft->type == RAFT_MSG_VOTE && !raft->vote.prevote) ||
		 (raft->type == RAFT_MSG_VOTE_REPLY &&
		  !raft->vote_reply.prevote);
	return true;
}

/* What was queued before may end as if it were well: nothing builds on it. */
static void vote_under_way_to_a_disk_that_fails_is_not_sent(void)
{
	uint32_t leader = rig_begin(3, 3);
	unsigned int turns;
	uint64_t term;

	voter = rig_next(leader);
	term = rig_view(voter).term;
	votes = 0;
	rig_passes = count_votes;
	rig.nodes[voter].hold_log = true;
	rig_kill(leader);
	for (turns = 0; rig_view(voter).term == term && turns < 1000; turns++)
		rig_turns(1);
	tap_need(rig_view(voter).term > term);
	tap_need(rig.nodes[voter].log.first != NULL);
	tap_check_eq(votes, 0);
	node_disk_failed(rig_at(voter), "sync: EIO");
	rig.nodes[voter].hold_log = false;
	rig_turns(4);
	tap_check(!rig.nodes[voter].log.first);
	tap_check_eq(votes, 0);
	rig_passes = NULL;
	rig_end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(leader_that_stops_hands_over_at_once),
		TAP_TEST(leadership_is_given_up_when_no_heir_is_there),
		TAP_TEST(follower_that_stops_changes_nothing),
		TAP_TEST(agent_that_stops_opens_nothing),
		TAP_TEST(failed_disk_fences_and_hands_over),
		TAP_TEST(leader_without_a_disk_does_not_lead_for_long),
		TAP_TEST(failed_disk_ends_a_node_that_no_one_can_follow),
		TAP_TEST(device_of_an_older_opening_is_fenced_when_bound),
		TAP_TEST(device_of_the_newest_opening_is_not_fenced_when_bound),
		TAP_TEST(device_on_a_failed_disk_is_fenced_when_bound),
		TAP_TEST(device_that_is_not_bound_is_told_nothing),
		TAP_TEST(request_of_another_opening_fails),
		TAP_TEST(leadership_is_handed_to_who_can_lead),
		TAP_TEST(vote_under_way_to_a_disk_that_fails_is_not_sent),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
