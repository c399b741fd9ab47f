/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* A replica that was away or lost its disk gets on again, whatever is in its way. */
#include "node_rig.h"

#define SECOND_US 1000000
#define SECTOR_BYTES 512
#define WRITE_BYTES (4096 + SECTOR_BYTES) /* of a write in the log */
#define NO_OP_ROOM (64U << 10) /* that a leader keeps in its log */

/* Turn by turn until its log has begun anew for a copy. */
static bool copy_has_begun(uint32_t id)
{
	unsigned int turns;

	for (turns = 0; turns < 1000; turns++) {
		rig_turns(1);
		if (rig_view(id).incomplete && rig_view(id).base > 0)
			return true;
	}
	return false;
}

/* One message holds more than a nearly full log has room for. */
static void append_that_does_not_fit_is_taken_in_part(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint32_t away = leader == 3 ? 2 : 3;

	rig_write(leader, 60);
	rig_kill(away);
	rig_write(leader, 20);
	rig_boot(away);
	tap_check(rig_view(away).last >= rig_view(leader).base);
	rig_pass(6 * RIG_T);
	tap_check_eq(rig_view(away).last, rig_view(leader).last);
	tap_check_eq(rig.nodes[away].copied, 0);
	rig_end();
}

static uint64_t log_room(uint32_t id)
{
	return rig_view(id).log_capacity_bytes - rig_view(id).log_used_bytes -
	       NO_OP_ROOM;
}

/* Ranges of zeroes are a record's head alone: one sector each in the log. */
static void write_zeroes(uint32_t id, unsigned int count)
{
	struct node_request request = {
		.op = NODE_REQ_ZERO,
		.epoch = rig.nodes[id].opened,
		.length = 4096,
	};

	while (count--) {
		request.tag = ++rig.tag;
		node_request(rig_at(id), &request);
	}
}

/* Its log is full of what nobody else has, and that is what must go. */
static void overruled_tail_that_fills_the_log_gives_way(void)
{
	uint32_t old = rig_begin(3, 3);
	uint32_t one = old == 1 ? 2 : 1;
	uint32_t two = old == 3 ? 2 : 3;
	uint32_t leader;

	rig_write(old, 10);
	rig_pass(6 * SECOND_US); /* a checkpoint: nothing more to free */
	rig_cut_off(old, true);
	write_zeroes(old, log_room(old) % WRITE_BYTES / SECTOR_BYTES);
	rig_write(old, 60);
	tap_check_eq(log_room(old), 0);
	rig_kill(old);
	rig_boot(old);
	tap_check_eq(log_room(old), 0);
	rig_pass(4 * SECOND_US);
	leader = rig_view(one).role == RAFT_LEADER ? one : two;
	tap_need(rig_view(leader).role == RAFT_LEADER);
	rig_open(leader);
	rig_write(leader, 20);
	rig_cut_off(old, false);
	rig_pass(4 * SECOND_US);
	tap_check_eq(rig_view(old).last, rig_view(leader).last);
	tap_check_eq(rig_view(old).applied, rig_view(leader).applied);
	tap_check(rig_same(old, leader));
	rig_end();
}

/* The log that the copy began is too old by the time the peer is back. */
static void copy_begins_anew_when_its_log_can_not_be_continued(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint32_t away = leader == 3 ? 2 : 3;

	rig_write(leader, 150);
	rig_kill(away);
	rig_turns(2);
	rig_format(away);
	rig_boot(away);
	tap_check(copy_has_begun(away));
	rig_turns(1);
	rig_cut(leader, away, true);
	rig_write(leader, 150);
	rig_cut(leader, away, false);
	tap_check(rig_view(away).last < rig_view(leader).base);
	rig_pass(4 * SECOND_US);
	tap_check(!rig_view(away).incomplete);
	tap_check(rig_same(leader, away));
	rig_end();
}

/* Else the leader would wait for it to apply what it threw away. */
static void copy_that_was_given_up_is_answered_so(void)
{
	struct wire_msg msg = { .type = WIRE_COPY_END,
				.copy_end = { .serial = 77, .version = 1 } };
	uint32_t leader = rig_begin(3, 3);
	uint32_t peer = leader == 3 ? 2 : 3;
	struct base_error error;
	struct rig_frame *frame;

	node_recv(rig_at(peer), leader, &msg, rig.now, 1);
	tap_need(!base_list_empty(&rig.nodes[leader].inbox));
	frame = base_container_of(rig.nodes[leader].inbox.prev,
				  struct rig_frame, link);
	tap_need(!whole_frame_decode(frame->buf->data, frame->buf->size,
				     RIG_VOLUME_BYTES, &msg, &error));
	tap_check_eq(msg.type, WIRE_COPY_ACK);
	tap_check_eq(msg.copy_ack.serial, 77);
	tap_check(msg.copy_ack.error != 0);
	wire_msg_clear(&msg);
	rig_end();
}

/* Bytes of the copy that are not acknowledged. */
static uint64_t copy_left(uint32_t leader, uint32_t peer)
{
	return RIG_VOLUME_BYTES - rig_peer_view(leader, peer).copy_offset;
}

/* All of it was there, and was thrown away before the log was applied to it. */
static void copy_that_is_given_up_at_its_end_begins_again(void)
{
	uint32_t leader = rig_begin(3, 3), away = leader == 3 ? 2 : 3;
	unsigned int turns;

	rig_kill(away);
	rig_write(leader, 150);
	rig_format(away);
	rig_boot(away);
	tap_check(copy_has_begun(away));
	for (turns = 0; copy_left(leader, away) && turns < 1000; turns++) {
		rig_request(leader);
		rig_turns(1);
	}
	rig.nodes[away].hold_image = true;
	rig.cut[leader][away] = true; /* one way: it hears of no leader */
	tap_need(rig_view(away).incomplete);
	rig_pass(4 * RIG_T);
	rig.nodes[away].hold_image = false;
	rig.cut[leader][away] = false;
	rig_pass(30 * SECOND_US); /* it waits for two minutes while we apply */
	tap_check(!rig_view(away).incomplete);
	tap_check(rig_same(leader, away));
	rig_end();
}

/* Nobody fills a witness: what it lacks is only to say that it is whole. */
static void witness_that_stops_early_finishes_by_itself(void)
{
	uint32_t leader;

	rig_start(3, 2);
	leader = rig_leader();
	rig_open(leader);
	rig_write(leader, 150);
	tap_check_eq(node_member_change(rig_at(leader), NODE_MEMBER_ADD_WITNESS,
					3),
		     0);
	tap_check(copy_has_begun(3));
	rig_turns(1); /* ... on its disk, too */
	rig_kill(3);
	rig_turns(2);
	rig_boot(3);
	tap_check(rig_view(3).incomplete);
	rig_pass(6 * RIG_T);
	tap_check(!rig_view(3).incomplete);
	tap_check_eq(rig_view(3).applied, rig_view(leader).applied);
	rig_end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(append_that_does_not_fit_is_taken_in_part),
		TAP_TEST(overruled_tail_that_fills_the_log_gives_way),
		TAP_TEST(copy_begins_anew_when_its_log_can_not_be_continued),
		TAP_TEST(copy_that_was_given_up_is_answered_so),
		TAP_TEST(copy_that_is_given_up_at_its_end_begins_again),
		TAP_TEST(witness_that_stops_early_finishes_by_itself),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
