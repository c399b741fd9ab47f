/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* Messages that come too late, from another, or say what can't be. */
#include <errno.h>

#include "node_rig.h"

static void receive(uint32_t id, uint32_t from, const struct wire_msg *msg)
{
	node_recv(rig_at(id), from, msg, rig.now, 1);
}

/* The first message of a type, kept; and do those of that type arrive? */
static struct {
	enum wire_type type;
	bool lost;
	bool found;
	struct wire_msg msg;
} seen;

static bool see(uint32_t from, uint32_t to, const struct wire_msg *msg)
{
	if (msg->type != seen.type)
		return true;
	if (!seen.found && msg->type == WIRE_COPY_DATA && msg->copy_data.buf)
		base_buf_get(msg->copy_data.buf);
	if (!seen.found)
		seen.msg = *msg;
	seen.found = true;
	return !seen.lost;
}

/* Turns until one of @type has been sent; with @lost it does not arrive. */
static bool wait_for(enum wire_type type, bool lost, struct wire_msg *msg)
{
	unsigned int turns;

	seen.type = type;
	seen.lost = lost;
	seen.found = false;
	rig_passes = see;
	for (turns = 0; turns < 1000 && !seen.found; turns++)
		rig_turns(1);
	if (!lost)
		rig_passes = NULL;
	*msg = seen.msg;
	return seen.found;
}

static void check_same(const struct node_view *before, uint32_t id)
{
	struct node_view view = rig_view(id);

	tap_check_eq(view.term, before->term);
	tap_check_eq(view.leader, before->leader);
	tap_check_eq(view.last, before->last);
	tap_check_eq(view.commit, before->commit);
	tap_check_eq(view.role, before->role);
}

static void nodes_of_no_configuration_count_for_nothing(void)
{
	uint32_t leader = rig_begin(3, 3), other = rig_next(leader);
	struct node_view before = rig_view(other);
	struct wire_msg msg = { .type = WIRE_RAFT };

	msg.raft.msg.type = RAFT_MSG_APPEND;
	msg.raft.msg.from = 9;
	msg.raft.msg.to = other;
	msg.raft.msg.term = before.term + 1;
	node_peer_differs(rig_at(other), 9, 0);
	node_link(rig_at(other), 9, true);
	receive(other, 9, &msg);
	check_same(&before, other);
	tap_check_eq(rig_view(other).peer_count, 2);
	/* Nor does a peer speak for others, or to others. */
	receive(other, leader, &msg);
	check_same(&before, other);
	msg.raft.msg.from = leader;
	msg.raft.msg.to = rig_next(other);
	receive(other, leader, &msg);
	check_same(&before, other);
	msg.raft.msg.to = other;
	receive(other, leader, &msg);
	tap_check_eq(rig_view(other).term, before.term + 1);
	rig_end();
}

/* They are the connections' own. */
static void greetings_are_not_for_the_node(void)
{
	uint32_t leader = rig_begin(3, 3), other = rig_next(leader);
	struct node_view before = rig_view(other);
	struct wire_msg msg = { .type = WIRE_HELLO };

	receive(other, leader, &msg);
	msg.type = WIRE_REFUSE;
	receive(other, leader, &msg);
	check_same(&before, other);
	rig_end();
}

/* A node whose replica is blank and is about to be filled by the leader. */
static uint32_t begin_copy(uint32_t *blank)
{
	uint32_t leader = rig_begin(3, 3);

	*blank = rig_next(leader);
	rig_blank(leader, *blank);
	return leader;
}

static void copy_begins_by_the_leader_of_the_term_only(void)
{
	struct wire_msg begun;
	uint32_t blank, leader = begin_copy(&blank), other = rig_next(blank);
	uint64_t term;

	tap_need(wait_for(WIRE_COPY_BEGIN, true, &begun));
	term = begun.copy_begin.term;
	begun.copy_begin.serial++;
	receive(blank, other, &begun);
	begun.copy_begin.term = term - 1;
	receive(blank, leader, &begun);
	rig_turns(4);
	tap_check(!rig_view(blank).incomplete);
	tap_check_eq(rig.nodes[blank].copied, 0);
	begun.copy_begin.term = term;
	receive(blank, leader, &begun);
	rig_turns(2);
	tap_check(rig_view(blank).incomplete);
	rig_passes = NULL;
	rig_end();
}

/* Between the restart of the log and its end no other can begin. */
static void second_copy_waits_until_the_log_is_restarted(void)
{
	struct wire_msg begun, ack;
	uint32_t blank, leader = begin_copy(&blank);

	tap_need(wait_for(WIRE_COPY_BEGIN, true, &begun));
	rig_passes = NULL;
	receive(blank, leader, &begun);
	rig.nodes[blank].hold_log = true;
	rig_turns(2);
	tap_need(rig_view(blank).incomplete);
	begun.copy_begin.serial += 1000;
	receive(blank, leader, &begun);
	rig.nodes[blank].hold_log = false;
	tap_need(wait_for(WIRE_COPY_ACK, false, &ack));
	tap_check_eq(ack.copy_ack.serial, begun.copy_begin.serial - 1000);
	rig_check_filled(leader, blank);
	rig_end();
}

static void chunks_out_of_place_are_not_written(void)
{
	struct wire_msg data, wrong, end = { .type = WIRE_COPY_END };
	uint32_t blank, leader = begin_copy(&blank);
	unsigned int copied;

	tap_need(wait_for(WIRE_COPY_DATA, false, &data));
	copied = rig.nodes[blank].copied;
	wrong = data;
	wrong.copy_data.serial++;
	receive(blank, leader, &wrong);
	wrong = data;
	wrong.copy_data.offset += 4096;
	receive(blank, leader, &wrong);
	wrong = data;
	wrong.copy_data.length = RIG_VOLUME_BYTES + 4096;
	receive(blank, leader, &wrong);
	/* An end before the end, or of another copy. */
	end.copy_end.serial = data.copy_data.serial;
	receive(blank, leader, &end);
	end.copy_end.serial++;
	receive(blank, leader, &end);
	tap_check(!rig.nodes[blank].image.first ||
		  rig.nodes[blank].image.first->type != STORE_JOB_COPY_WRITE);
	tap_check_eq(rig.nodes[blank].copied, copied);
	tap_check(rig_view(blank).incomplete);
	wire_msg_clear(&data);
	rig_check_filled(leader, blank);
	rig_end();
}

/* It may have applied more when it said so than when it read the last chunk. */
static void copy_is_whole_when_the_end_says_so(void)
{
	struct wire_msg end;
	uint32_t blank, leader = begin_copy(&blank);
	uint64_t version;

	tap_need(wait_for(WIRE_COPY_END, true, &end));
	version = end.copy_end.version + 5;
	end.copy_end.version = version;
	rig_passes = NULL;
	receive(blank, leader, &end);
	rig_turns(20);
	tap_check(rig_view(blank).incomplete);
	rig_write(leader, 10);
	tap_check(rig_view(blank).applied >= version);
	rig_check_filled(leader, blank);
	rig_end();
}

static void acknowledgement_that_can_not_be_is_ignored(void)
{
	struct wire_msg ack, wrong;
	uint32_t blank, leader = begin_copy(&blank), other = rig_next(blank);

	tap_need(wait_for(WIRE_COPY_ACK, false, &ack));
	wrong = ack;
	wrong.copy_ack.offset = RIG_VOLUME_BYTES * 2; /* never sent */
	receive(leader, blank, &wrong);
	wrong = ack;
	wrong.copy_ack.serial++;
	wrong.copy_ack.error = -EIO;
	receive(leader, blank, &wrong);
	receive(leader, other, &ack); /* to which there is no copy */
	receive(other, blank, &ack); /* which leads nothing */
	rig_check_filled(leader, blank);
	/* Once it is over, nothing is left to be acknowledged. */
	receive(leader, blank, &ack);
	rig_pass(RIG_T);
	tap_check(!rig_view(blank).incomplete);
	rig_end();
}

/* What it would overwrite is on a disk that failed. */
static void copy_stops_at_a_failed_disk(void)
{
	struct wire_msg data;
	uint32_t blank, leader = begin_copy(&blank);

	tap_need(wait_for(WIRE_COPY_DATA, true, &data));
	rig_passes = NULL;
	node_disk_failed(rig_at(blank), "sync: EIO");
	receive(blank, leader, &data);
	tap_check(!rig.nodes[blank].image.first);
	wire_msg_clear(&data);
	rig_pass(4 * RIG_T);
	tap_check_eq(rig.nodes[blank].copied, 0);
	tap_check(rig_view(blank).incomplete);
	tap_check_eq(rig_leader(), leader);
	rig_write(leader, 2);
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	rig_end();
}

/* A full queue loses them: the copy begins again, and ends. */
static void copy_survives_what_can_not_be_sent(void)
{
	uint32_t blank, leader = begin_copy(&blank);
	unsigned int i;

	for (i = 0; i < 40; i++) {
		rig.nodes[leader].send_error = i % 3 ? 0 : -EAGAIN;
		rig_turns(1);
	}
	rig.nodes[leader].send_error = 0;
	rig_check_filled(leader, blank);
	rig_end();
}

static void answer_to_an_older_question_opens_nothing(void)
{
	uint32_t leader, other;
	struct node_request body = { .op = NODE_REQ_OPEN };
	struct wire_msg ask, reply = { .type = WIRE_OPEN_REPLY };

	rig_start(3, 3);
	leader = rig_leader();
	other = rig_next(leader);
	body.tag = ++rig.tag;
	node_bound(rig_at(other), 0, false, rig.tag);
	node_request(rig_at(other), &body);
	tap_need(wait_for(WIRE_OPEN_ASK, true, &ask));
	reply.open_reply.serial = ask.open_ask.serial + 1;
	reply.open_reply.error = -EBUSY;
	reply.open_reply.writer = leader;
	rig_passes = NULL;
	receive(other, leader, &reply);
	tap_check(rig_view(other).open_pending);
	reply.open_reply.serial = ask.open_ask.serial;
	reply.open_reply.error = -EAGAIN;
	receive(other, leader, &reply);
	tap_check(rig_view(other).open_pending);
	reply.open_reply.error = -EBUSY;
	receive(other, leader, &reply);
	tap_check(!rig_view(other).open_pending);
	tap_check_eq(rig.nodes[other].done_error, -EBUSY);
	/* Not what a leader is to be told. */
	rig_open(leader);
	tap_check(rig.nodes[leader].opened != 0);
	reply.open_reply.error = -EPERM;
	receive(leader, other, &reply);
	tap_check(!rig.nodes[leader].fenced);
	rig_end();
}

/* By an agent that has not heard of a later opening of its own device. */
static void leadership_is_not_given_for_an_older_opening(void)
{
	uint32_t writer = rig_begin(3, 3), leader;
	struct wire_msg ask = { .type = WIRE_OPEN_ASK };

	rig_cut_off(writer, true);
	rig_pass(6 * RIG_T);
	leader = rig_leader_but(writer);
	tap_need(leader != 0);
	rig_cut(leader, writer, false);
	seen.type = WIRE_OPEN_REPLY;
	seen.lost = true;
	seen.found = false;
	rig_passes = see;
	ask.open_ask.serial = 7;
	ask.open_ask.epoch = rig.nodes[writer].opened - 1;
	receive(leader, writer, &ask);
	rig_passes = NULL;
	tap_need(seen.found);
	tap_check_eq(seen.msg.open_reply.serial, 7);
	tap_check_eq(seen.msg.open_reply.error, -EBUSY);
	tap_check_eq(seen.msg.open_reply.writer, writer);
	rig_end();
}

static void refusal_fences_only_what_is_open(void)
{
	uint32_t leader = rig_begin(3, 3), other = rig_next(leader);
	struct wire_msg reply = { .type = WIRE_OPEN_REPLY };

	reply.open_reply.error = -EPERM;
	node_bound(rig_at(other), 0, false, rig.tag + 1);
	receive(other, leader, &reply);
	tap_check(!rig.nodes[other].fenced); /* nothing is open */
	node_bound(rig_at(other), rig.nodes[leader].opened, true, rig.tag + 1);
	tap_need(!rig.nodes[other].fenced);
	receive(other, leader, &reply);
	tap_check(rig.nodes[other].fenced);
	rig.nodes[other].fenced = false;
	receive(other, leader, &reply);
	tap_check(!rig.nodes[other].fenced); /* it was said */
	rig_end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(nodes_of_no_configuration_count_for_nothing),
		TAP_TEST(greetings_are_not_for_the_node),
		TAP_TEST(copy_begins_by_the_leader_of_the_term_only),
		TAP_TEST(second_copy_waits_until_the_log_is_restarted),
		TAP_TEST(chunks_out_of_place_are_not_written),
		TAP_TEST(copy_is_whole_when_the_end_says_so),
		TAP_TEST(acknowledgement_that_can_not_be_is_ignored),
		TAP_TEST(copy_stops_at_a_failed_disk),
		TAP_TEST(copy_survives_what_can_not_be_sent),
		TAP_TEST(answer_to_an_older_question_opens_nothing),
		TAP_TEST(leadership_is_not_given_for_an_older_opening),
		TAP_TEST(refusal_fences_only_what_is_open),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
