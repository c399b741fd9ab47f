/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* Orders that change members, and what learners, witnesses and others do. */
#include <errno.h>

#include "node_rig.h"

static uint32_t begin(unsigned int count, unsigned int members)
{
	uint32_t leader = rig_begin(count, members);

	rig_write(leader, 10);
	return leader;
}

static int order(uint32_t leader, enum node_member_op op, uint32_t id)
{
	return node_member_change(rig_at(leader), op, id);
}

static void ordered(uint32_t leader, enum node_member_op op, uint32_t id)
{
	tap_check_eq(order(leader, op, id), 0);
	tap_check_eq(rig_view(leader).members_since, rig_view(leader).last);
	rig_pass(2 * RIG_T);
	tap_check_eq(rig_view(leader).change_open, 0);
}

static void new_node_is_filled_and_becomes_a_voter(void)
{
	uint32_t leader = begin(4, 3);

	tap_check(rig_view(4).outside);
	tap_check_str(rig_view(4).problem,
		      "not a member yet: add it on the leader");
	tap_check_eq(rig_view(4).last, 0);
	ordered(leader, NODE_MEMBER_ADD, 4);
	tap_check_eq(rig_view(4).member, RAFT_MEMBER_LEARNER);
	tap_check(!rig_view(4).outside);
	rig_write(leader, 5);
	rig_pass(4 * RIG_T);
	tap_check(rig_same(leader, 4));
	ordered(leader, NODE_MEMBER_PROMOTE, 4);
	tap_check_eq(rig_view(4).member, RAFT_MEMBER_VOTER);
	tap_check(!rig_view(4).blank);
	rig_end();
}

static void node_that_the_log_can_not_help_is_copied_and_promoted_then(void)
{
	uint32_t leader = begin(4, 3);

	rig_write(leader, 150); /* more than the ring holds */
	tap_need(rig_view(leader).base > 0);
	tap_check_eq(order(leader, NODE_MEMBER_ADD, 4), 0);
	/* Its log is whole before its image is. */
	rig_turns(2);
	rig.nodes[4].hold_image = true;
	rig_pass(4 * RIG_T);
	tap_check_eq(rig_view(4).last, rig_view(leader).last);
	tap_check(!rig_view(4).blank && rig_view(4).incomplete);
	tap_check_eq(order(leader, NODE_MEMBER_PROMOTE, 4), -ESTALE);
	rig.nodes[4].hold_image = false;
	rig_pass(4 * RIG_T);
	tap_check(rig.nodes[4].copied > 0);
	ordered(leader, NODE_MEMBER_PROMOTE, 4);
	tap_check(rig_same(leader, 4));
	rig_end();
}

static void orders_that_can_not_be_are_refused_with_the_reason(void)
{
	uint32_t leader = begin(4, 3);
	uint32_t follower = rig_other(leader, 0);

	tap_check_eq(order(follower, NODE_MEMBER_ADD, 4), -ENOTCONN);
	tap_check_eq(order(leader, NODE_MEMBER_ADD, 9), -EINVAL);
	tap_check_eq(order(leader, NODE_MEMBER_ADD, follower), -EOPNOTSUPP);
	tap_check_eq(order(leader, NODE_MEMBER_PROMOTE, follower), -EALREADY);
	tap_check_eq(order(leader, NODE_MEMBER_PROMOTE, 4), -EOPNOTSUPP);
	tap_check_eq(order(leader, NODE_MEMBER_REMOVE, 4), -EALREADY);
	tap_check_eq(order(leader, NODE_MEMBER_REMOVE, leader), -EBUSY);
	rig_kill(4);
	tap_check_eq(order(leader, NODE_MEMBER_ADD_WITNESS, 4), -EHOSTDOWN);
	tap_check_eq(order(leader, NODE_MEMBER_ADD, 4), 0);
	tap_check_eq(rig_view(leader).change_open, 4);
	tap_check_eq(order(leader, NODE_MEMBER_REMOVE, follower), -EINPROGRESS);
	rig_pass(2 * RIG_T);
	tap_check_eq(order(leader, NODE_MEMBER_PROMOTE, 4), -EHOSTDOWN);
	rig_kill(follower);
	rig_pass(2 * RIG_T);
	tap_check_eq(order(leader, NODE_MEMBER_REMOVE,
			   rig_other(leader, follower)),
		     -ENOLINK);
	rig_end();
}

static void orders_about_the_leader_itself_wait_for_the_one_before(void)
{
	uint32_t leader;

	rig_start(3, 3);
	leader = rig_leader();
	tap_check_eq(order(leader, NODE_MEMBER_DEMOTE, leader), 0);
	tap_check_eq(order(leader, NODE_MEMBER_PROMOTE, leader), -EINPROGRESS);
	rig_pass(4 * RIG_T);
	tap_check_eq(rig_view(leader).member, RAFT_MEMBER_LEARNER);
	tap_check(rig_leader() != leader);
	leader = rig_leader();
	tap_need(leader != 0);
	tap_check_eq(order(leader, NODE_MEMBER_REMOVE, leader), 0);
	tap_check_eq(order(leader, NODE_MEMBER_ADD_WITNESS, leader),
		     -EINPROGRESS);
	rig_end();
}

static void order_that_there_is_not_changes_nothing(void)
{
	uint32_t leader = begin(3, 3);
	uint64_t last = rig_view(leader).last;

	tap_check_eq(order(leader, (enum node_member_op)77,
			   rig_other(leader, 0)),
		     -EINVAL);
	tap_check_eq(rig_view(leader).last, last);
	rig_end();
}

/* Seven are members: an eighth has no place in an entry. */
static void volume_has_as_many_members_as_it_can_have(void)
{
	uint32_t leader = begin(8, RAFT_MEMBERS_MAX);
	uint64_t last = rig_view(leader).last;

	tap_check_eq(order(leader, NODE_MEMBER_ADD, 8), -ENOSPC);
	tap_check_eq(order(leader, NODE_MEMBER_ADD_WITNESS, 8), -ENOSPC);
	tap_check_eq(rig_view(leader).last, last);
	ordered(leader, NODE_MEMBER_REMOVE, rig_other(leader, 0));
	ordered(leader, NODE_MEMBER_ADD, 8);
	rig_end();
}

/* It said so to the core; its status, that it is damaged, is yet to come. */
static void learner_that_is_barred_is_not_promoted(void)
{
	struct wire_msg msg = { .type = WIRE_RAFT };
	uint32_t leader = begin(4, 3);

	ordered(leader, NODE_MEMBER_ADD, 4);
	rig_pass(2 * RIG_T);
	msg.raft.msg = (struct raft_msg){
		.type = RAFT_MSG_APPEND_REPLY,
		.from = 4,
		.to = leader,
		.term = rig_view(leader).term,
		.append_reply = { .ok = true,
				  .barred = true,
				  .match = rig_view(4).last },
	};
	node_recv(rig_at(leader), 4, &msg, rig.now, 1);
	tap_check_eq(order(leader, NODE_MEMBER_PROMOTE, 4), -ESTALE);
	tap_check_eq(rig_view(leader).change_open, 0);
	rig_pass(4 * RIG_T);
	ordered(leader, NODE_MEMBER_PROMOTE, 4);
	rig_end();
}

/* A link alone says nothing: it may have come up to an agent that hangs. */
static void witness_is_added_once_it_has_been_heard(void)
{
	uint32_t leader = begin(4, 3);

	rig_kill(4);
	node_link(rig_at(leader), 4, true);
	tap_check_eq(order(leader, NODE_MEMBER_ADD_WITNESS, 4), -EHOSTDOWN);
	rig_boot(4);
	rig_turns(4);
	ordered(leader, NODE_MEMBER_ADD_WITNESS, 4);
	rig_end();
}

static bool asks_nothing(uint32_t from, uint32_t to, const struct wire_msg *msg)
{
	return msg->type != WIRE_OPEN_ASK;
}

static void node_where_the_device_is_wanted_stays_a_voter(void)
{
	struct node_request open = { .op = NODE_REQ_OPEN, .tag = 1 };
	struct node_request close = { .op = NODE_REQ_CLOSE, .tag = 2 };
	uint32_t leader, one;

	rig_start(3, 3);
	leader = rig_leader();
	one = rig_other(leader, 0);
	rig_passes = asks_nothing;
	node_bound(rig_at(one), 0, false, 1);
	node_request(rig_at(one), &open);
	rig_pass(RIG_T);
	rig_passes = NULL;
	tap_check_eq(order(leader, NODE_MEMBER_DEMOTE, one), -EBUSY);
	tap_check_eq(order(leader, NODE_MEMBER_REMOVE, one), -EBUSY);
	rig_pass(2 * RIG_T);
	tap_need(rig_leader() == one);
	tap_check(rig.nodes[one].opened != 0);
	tap_check_eq(order(one, NODE_MEMBER_DEMOTE, one), -EBUSY);
	close.epoch = rig.nodes[one].opened;
	node_request(rig_at(one), &close);
	tap_check_eq(order(one, NODE_MEMBER_DEMOTE, one), 0);
	rig_end();
}

/* Who was fenced while it was cut off, and leads again.  @led meanwhile */
static uint32_t begin_fenced(uint32_t *led)
{
	uint32_t writer = begin(3, 3);

	rig_cut_off(writer, true);
	rig_pass(6 * RIG_T);
	*led = rig_leader_but(writer);
	ordered(*led, NODE_MEMBER_DEMOTE, writer);
	rig_cut_off(writer, false);
	rig_pass(6 * RIG_T);
	tap_check(rig_view(writer).fenced);
	ordered(*led, NODE_MEMBER_PROMOTE, writer);
	tap_check_eq(node_transfer(rig_at(*led), writer), 0);
	rig_pass(2 * RIG_T);
	tap_check_eq(rig_leader(), writer);
	tap_check(rig_view(writer).fenced);
	return writer;
}

/* Who holds a device without the right to it is in nobody's way. */
static void fenced_device_keeps_nothing_where_it_is(void)
{
	uint32_t leader, writer = begin_fenced(&leader), next;

	/* Not of the opening, nor of leadership, which another asks for. */
	next = rig_other(writer, leader);
	rig_open(next);
	tap_check_eq(rig.nodes[next].done_error, 0);
	tap_check(rig.nodes[next].opened > rig.nodes[writer].opened);
	tap_check_eq(rig_leader(), next);
	tap_check(rig_view(writer).fenced);
	tap_check_eq(order(next, NODE_MEMBER_DEMOTE, writer), 0);
	rig_end();
}

static void fenced_leader_becomes_a_learner(void)
{
	uint32_t leader, writer = begin_fenced(&leader);

	tap_check_eq(order(writer, NODE_MEMBER_DEMOTE, writer), 0);
	rig_pass(4 * RIG_T);
	tap_check_eq(rig_view(writer).member, RAFT_MEMBER_LEARNER);
	tap_check(rig_leader() != 0 && rig_leader() != writer);
	rig_end();
}

/* The same that stops writes: it is to be tried again. */
static void order_waits_for_room_in_the_log(void)
{
	uint32_t leader = begin(4, 3), id;
	struct node_request zero = { .op = NODE_REQ_ZERO, .length = 4096 };
	unsigned int i;

	for (id = 1; id <= 3; id++)
		rig.nodes[id].hold_log = id != leader;
	zero.epoch = rig.nodes[leader].opened;
	for (i = 0; i < 1000; i++) { /* more than the ring holds */
		zero.tag = ++rig.tag;
		node_request(rig_at(leader), &zero);
	}
	rig_turns(2);
	tap_check_eq(order(leader, NODE_MEMBER_ADD, 4), -EAGAIN);
	for (id = 1; id <= 3; id++)
		rig.nodes[id].hold_log = false;
	rig_pass(10 * RIG_T);
	ordered(leader, NODE_MEMBER_ADD, 4);
	rig_end();
}

static void removed_node_learns_of_it_when_it_returns(void)
{
	uint32_t leader = begin(3, 3);
	uint32_t gone = rig_other(leader, 0);

	rig_kill(gone);
	rig_pass(2 * RIG_T);
	ordered(leader, NODE_MEMBER_REMOVE, gone);
	rig_write(leader, 5);
	rig_boot(gone);
	rig_pass(20 * RIG_T);
	tap_check_eq(rig_leader(), leader);
	tap_check(rig_view(gone).outside);
	tap_check_str(rig_view(gone).problem,
		      "removed: the volume goes on without it");
	tap_check(rig_view(gone).last < rig_view(leader).last);
	/* And may come back. */
	ordered(leader, NODE_MEMBER_ADD, gone);
	rig_pass(4 * RIG_T);
	tap_check(!rig_view(gone).outside);
	tap_check(rig_same(leader, gone));
	ordered(leader, NODE_MEMBER_PROMOTE, gone);
	rig_end();
}

/* What none of the three hears of: writes, and then a fourth member. */
static void propose_in_vain(uint32_t leader, unsigned int writes)
{
	struct node_request write = { .op = NODE_REQ_ZERO,
				      .epoch = rig.nodes[leader].opened,
				      .length = 4096 };

	while (writes--) {
		write.tag = ++rig.tag;
		node_request(rig_at(leader), &write);
	}
	rig_turns(1);
	tap_check_eq(order(leader, NODE_MEMBER_ADD, 4), 0);
}

/* Its log says the contrary, with a later index, for as long as it is cut off. */
static void removed_leader_with_a_dead_change_learns_of_it(void)
{
	uint32_t leader = begin(4, 3), next;

	rig_cut_off(leader, true);
	propose_in_vain(leader, 5);
	rig_pass(6 * RIG_T);
	next = rig_leader_but(leader);
	ordered(next, NODE_MEMBER_REMOVE, leader);
	tap_check(rig_view(next).members_since <
		  rig_view(leader).members_since);
	rig_open(next);
	rig_write(next, 10);
	rig_cut_off(leader, false);
	rig_pass(6 * RIG_T);
	tap_check(rig_view(leader).outside);
	tap_check(rig.nodes[leader].fenced);
	rig_end();
}

/* Nobody writes any more, so the others' log stays shorter. */
static void removed_leader_with_a_longer_log_learns_of_it(void)
{
	uint32_t leader = begin(4, 3), next;

	rig_cut_off(leader, true);
	propose_in_vain(leader, 20);
	rig_pass(6 * RIG_T);
	next = rig_leader_but(leader);
	ordered(next, NODE_MEMBER_REMOVE, leader);
	tap_need(rig_view(next).last < rig_view(leader).members_since);
	rig_cut_off(leader, false);
	rig_pass(6 * RIG_T);
	tap_check(rig_view(leader).outside);
	tap_check(rig.nodes[leader].fenced);
	/* And may come back: its tail gives way. */
	ordered(next, NODE_MEMBER_ADD, leader);
	rig_pass(4 * RIG_T);
	tap_check(!rig_view(leader).outside);
	tap_check_eq(rig_view(leader).member, RAFT_MEMBER_LEARNER);
	rig_end();
}

/* What only a dead tail has added is no member, and not to wait for. */
static void node_that_a_dead_change_added_learns_of_it(void)
{
	uint32_t leader = begin(4, 3), next, id;

	for (id = 1; id <= 3; id++)
		if (id != leader)
			rig_cut(leader, id, true);
	propose_in_vain(leader, 20);
	rig_turns(4);
	tap_need(!rig_view(4).outside);
	rig_kill(leader);
	rig_pass(6 * RIG_T);
	next = rig_leader_but(leader);
	tap_need(rig_view(next).last < rig_view(4).members_since);
	tap_check(rig_view(4).outside);
	rig_end();
}

static void removed_leader_hands_over(void)
{
	uint32_t leader, next;

	rig_start(3, 3);
	leader = rig_leader();
	tap_check_eq(order(leader, NODE_MEMBER_REMOVE, leader), 0);
	rig_pass(3 * RIG_T);
	next = rig_leader();
	tap_check(next != 0 && next != leader);
	tap_check(rig_view(leader).outside);
	rig_open(next);
	tap_check(rig.nodes[next].opened != 0);
	rig_end();
}

static void node_is_replaced(void)
{
	uint32_t leader = begin(4, 3);
	uint32_t old = rig_other(leader, 0);

	rig_kill(old); /* for good */
	ordered(leader, NODE_MEMBER_ADD, 4);
	rig_pass(4 * RIG_T);
	ordered(leader, NODE_MEMBER_PROMOTE, 4);
	ordered(leader, NODE_MEMBER_REMOVE, old);
	rig_write(leader, 5);
	/* With two of the new three. */
	rig_kill(rig_other(leader, old));
	rig_write(leader, 5);
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	tap_check_eq(rig.nodes[leader].done_error, 0);
	rig_end();
}

static void witness_holds_heads_and_no_data(void)
{
	static const uint8_t zeroes[RIG_VOLUME_BYTES];
	static uint8_t image[RIG_VOLUME_BYTES];
	uint32_t leader = begin(3, 2);

	ordered(leader, NODE_MEMBER_ADD_WITNESS, 3);
	rig_write(leader, 30);
	tap_check_eq(rig_view(3).last, rig_view(leader).last);
	tap_check_eq(rig.nodes[3].with_payload, 0);
	tap_check_eq(rig.nodes[3].copied, 0);
	tap_check_eq(store_image_read(rig.nodes[3].store, 0, image,
				      sizeof(image)),
		     0);
	tap_check(memcmp(image, zeroes, sizeof(image)) == 0);
	/* With its acknowledgement writes go on without the other voter. */
	rig_kill(3 - leader);
	rig_write(leader, 3);
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	/* And with its vote there is a leader again. */
	rig_boot(3 - leader);
	rig_pass(2 * RIG_T);
	rig_kill(leader);
	rig_pass(8 * RIG_T);
	tap_check_eq(rig_leader(), 3 - leader);
	tap_check(rig_view(3).member == RAFT_MEMBER_WITNESS);
	rig_end();
}

static void witness_far_behind_needs_numbers_only(void)
{
	uint32_t leader = begin(3, 2);

	ordered(leader, NODE_MEMBER_ADD_WITNESS, 3);
	rig_kill(3);
	rig_write(leader, 200);
	rig_boot(3);
	rig_pass(8 * RIG_T);
	tap_check_eq(rig.nodes[3].copied, 0);
	tap_check_eq(rig.nodes[3].with_payload, 0);
	tap_check_eq(rig_view(3).commit, rig_view(leader).commit);
	tap_check(!rig_view(3).incomplete);
	rig_write(leader, 200);
	tap_check_eq(rig_view(3).commit, rig_view(leader).commit);
	tap_check(rig_view(3).base > 0);
	rig_end();
}

static void former_witness_is_filled_before_it_is_a_voter(void)
{
	uint32_t leader = begin(3, 2);

	ordered(leader, NODE_MEMBER_ADD_WITNESS, 3);
	rig_write(leader, 30);
	ordered(leader, NODE_MEMBER_REMOVE, 3);
	rig_kill(3);
	rig_boot(3);
	ordered(leader, NODE_MEMBER_ADD, 3);
	rig_pass(8 * RIG_T);
	tap_check(rig.nodes[3].copied > 0);
	tap_check(rig_same(leader, 3));
	ordered(leader, NODE_MEMBER_PROMOTE, 3);
	rig_kill(3 - leader);
	rig_write(leader, 5);
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	tap_check(rig_same(leader, 3));
	rig_end();
}

/*
 * Its disk is replaced while the leader has started again, and knows only that
 * the time is committed when it was a witness: that is where the copy begins.
 */
static void former_witness_is_filled_from_where_it_was_one(void)
{
	uint32_t leader = begin(3, 2);
	uint32_t other = 3 - leader;
	unsigned int turns;

	ordered(leader, NODE_MEMBER_ADD_WITNESS, 3);
	rig_write(leader, 200);
	tap_need(rig_view(leader).base > 0);
	/* Soon enough that the leader makes no checkpoint meanwhile. */
	tap_check_eq(order(leader, NODE_MEMBER_REMOVE, 3), 0);
	rig_turns(20);
	tap_check_eq(order(leader, NODE_MEMBER_ADD, 3), 0);
	rig_pass(RIG_T);
	tap_check_eq(order(leader, NODE_MEMBER_REMOVE, other), 0);
	rig_turns(20);
	tap_check_eq(order(leader, NODE_MEMBER_PROMOTE, 3), 0);
	rig_turns(20);
	rig_kill(other);
	rig_kill(3);
	rig_kill(leader);
	rig_format(3);
	rig.nodes[3].copied = 0;
	rig_boot(leader);
	tap_need(rig_view(leader).applied + 3 < rig_view(leader).last);
	rig_boot(3);
	for (turns = 0; turns < 1000; turns++) {
		struct node_view view = rig_view(3);

		/* Each would have it copied to again, and again. */
		tap_check(!view.damaged);
		tap_check(!view.last || view.incomplete ||
			  rig.nodes[3].copied > 0);
		rig_turns(1);
	}
	tap_check_eq(rig_leader(), leader);
	tap_check_eq(rig_view(3).member, RAFT_MEMBER_VOTER);
	tap_check(!rig_view(3).incomplete);
	tap_check_eq(rig_view(3).applied, rig_view(leader).last);
	tap_check(rig_same(leader, 3));
	rig_end();
}

static void device_opens_on_voters_only(void)
{
	uint32_t leader;

	rig_start(3, 2);
	leader = rig_leader();
	ordered(leader, NODE_MEMBER_ADD, 3);
	rig_open(3);
	tap_check_eq(rig.nodes[3].done_tag, rig.tag);
	tap_check_eq(rig.nodes[3].done_error, -EPERM);
	rig_open(3 - leader);
	tap_check_eq(rig.nodes[3 - leader].done_error, 0);
	tap_check_eq(rig_leader(), 3 - leader);
	rig_end();
}

static void members_survive_restarts_and_compaction(void)
{
	uint32_t leader = begin(4, 3);
	uint32_t id;

	ordered(leader, NODE_MEMBER_ADD, 4);
	rig_write(leader, 200);
	for (id = 1; id <= 4; id++)
		rig_kill(id);
	for (id = 1; id <= 4; id++)
		rig_boot(id);
	rig_pass(6 * RIG_T);
	for (id = 1; id <= 4; id++) {
		tap_check(rig_view(id).base > 0);
		tap_check_eq(rig_view(id).member,
			     id == 4 ? RAFT_MEMBER_LEARNER : RAFT_MEMBER_VOTER);
	}
	tap_check(rig_leader() != 0 && rig_leader() != 4);
	rig_end();
}

/* With other lists elsewhere there could be two beginnings. */
static void volume_is_not_born_while_lists_differ(void)
{
	uint32_t id;

	rig_differs = WIRE_DIFFERS_NODES;
	rig_boot_all(3, 3);
	rig_pass(12 * RIG_T);
	tap_check_eq(rig_leader(), 0);
	for (id = 1; id <= 3; id++) {
		tap_check_eq(rig_view(id).last, 0);
		tap_check(rig_view(id).blank);
	}
	rig_differs = 0;
	for (id = 1; id <= 3; id++) {
		rig_kill(id);
		rig_boot(id);
	}
	rig_pass(6 * RIG_T);
	tap_check(rig_leader() != 0);
	rig_end();
}

static void born_volume_goes_on_while_lists_differ(void)
{
	uint32_t leader = begin(3, 3);

	rig_differs = WIRE_DIFFERS_NODES;
	rig_kill(leader);
	rig_pass(6 * RIG_T);
	rig_boot(leader);
	rig_kill(rig_other(leader, 0));
	rig_pass(2 * RIG_T);
	rig_boot(rig_other(leader, 0));
	rig_kill(rig_other(leader, rig_other(leader, 0)));
	rig_pass(6 * RIG_T);
	/* Both that are there have told each other of other lists. */
	leader = rig_leader();
	tap_need(leader != 0);
	rig_open(leader);
	rig_write(leader, 3);
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	rig_differs = 0;
	rig_end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(volume_is_not_born_while_lists_differ),
		TAP_TEST(born_volume_goes_on_while_lists_differ),
		TAP_TEST(new_node_is_filled_and_becomes_a_voter),
		TAP_TEST(
			node_that_the_log_can_not_help_is_copied_and_promoted_then),
		TAP_TEST(orders_that_can_not_be_are_refused_with_the_reason),
		TAP_TEST(
			orders_about_the_leader_itself_wait_for_the_one_before),
		TAP_TEST(order_that_there_is_not_changes_nothing),
		TAP_TEST(volume_has_as_many_members_as_it_can_have),
		TAP_TEST(learner_that_is_barred_is_not_promoted),
		TAP_TEST(witness_is_added_once_it_has_been_heard),
		TAP_TEST(node_where_the_device_is_wanted_stays_a_voter),
		TAP_TEST(fenced_device_keeps_nothing_where_it_is),
		TAP_TEST(fenced_leader_becomes_a_learner),
		TAP_TEST(order_waits_for_room_in_the_log),
		TAP_TEST(removed_node_learns_of_it_when_it_returns),
		TAP_TEST(removed_leader_with_a_dead_change_learns_of_it),
		TAP_TEST(removed_leader_with_a_longer_log_learns_of_it),
		TAP_TEST(node_that_a_dead_change_added_learns_of_it),
		TAP_TEST(removed_leader_hands_over),
		TAP_TEST(node_is_replaced),
		TAP_TEST(witness_holds_heads_and_no_data),
		TAP_TEST(witness_far_behind_needs_numbers_only),
		TAP_TEST(former_witness_is_filled_before_it_is_a_voter),
		TAP_TEST(former_witness_is_filled_from_where_it_was_one),
		TAP_TEST(device_opens_on_voters_only),
		TAP_TEST(members_survive_restarts_and_compaction),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
