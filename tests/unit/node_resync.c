/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* A resync makes way for the device's writes, and ends although there are always some. */
#define RIG_VOLUME_BYTES (4ULL << 20)
#include <errno.h>

#include "node_rig.h"

#define CHUNKS (RIG_VOLUME_BYTES / WIRE_COPY_DATA_MAX)

/* The leader of three, of which one has a blank replica and waits to be filled. */
static uint32_t begin(uint32_t *blank)
{
	uint32_t leader = rig_begin(3, 3);

	*blank = leader == 3 ? 2 : 3;
	rig_blank(leader, *blank);
	while (rig_view(*blank).copy_received == 0)
		rig_turns(1);
	return leader;
}

static uint64_t acknowledged(uint32_t leader, uint32_t blank)
{
	return rig_peer_view(leader, blank).copy_offset;
}

/* One write a turn until @blank is filled; returns the turns. */
static unsigned int fill(uint32_t leader, uint32_t blank, bool writes)
{
	unsigned int turns;

	for (turns = 0; rig_view(blank).incomplete && turns < 2000; turns++) {
		if (writes)
			rig_request(leader);
		rig_turns(1);
	}
	return turns;
}

static void copy_rests_while_the_device_writes(void)
{
	uint32_t blank, leader = begin(&blank);
	unsigned int before, turns;

	for (turns = 0; turns < 10; turns++) {
		rig_request(leader); /* what is under way arrives */
		rig_turns(1);
	}
	before = rig.nodes[blank].copied;
	for (turns = 0; turns < 40; turns++) {
		uint64_t acked = acknowledged(leader, blank);

		rig_request(leader);
		rig_turns(1);
		/* Of what it got, at most one chunk is not acknowledged. */
		tap_check(rig_view(blank).copy_received <=
			  acked + WIRE_COPY_DATA_MAX);
	}
	tap_check(rig.nodes[blank].copied > before);
	tap_check(rig.nodes[blank].copied <= before + 40 / 5);
	rig_pass(100000);
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	tap_check(fill(leader, blank, false) <= 3 * CHUNKS);
	tap_check(rig_same(leader, blank));
	rig_end();
}

static void copy_ends_although_the_device_never_rests(void)
{
	uint32_t blank, leader = begin(&blank);

	tap_check(fill(leader, blank, true) > 5 * CHUNKS);
	tap_check(!rig_view(blank).incomplete);
	rig_pass(RIG_T);
	tap_check_eq(rig_view(blank).applied, rig_view(leader).applied);
	tap_check(rig_same(leader, blank));
	rig_end();
}

static void replica_of_another_size_is_not_filled(void)
{
	uint32_t blank, leader = begin(&blank);
	unsigned int copied;

	rig_differs = WIRE_DIFFERS_SIZE;
	rig_kill(blank);
	rig_boot(blank);
	copied = rig.nodes[blank].copied;
	rig_pass(4 * RIG_T);
	tap_check_eq(rig.nodes[blank].copied, copied);
	tap_check(rig_view(blank).incomplete);
	rig_write(leader, 3); /* the others go on */
	rig_differs = 0;
	rig_kill(blank);
	rig_boot(blank);
	rig_pass(RIG_T);
	fill(leader, blank, false);
	tap_check(rig_same(leader, blank));
	rig_end();
}

/*
 * Only a node that is being filled has all entries, so it must lead.  It serves
 * nothing, but carries them to one that has all data, and hands over.
 */
static void leader_without_all_data_carries_the_log_to_who_has_it(void)
{
	uint32_t blank, leader = begin(&blank);
	uint32_t other = 6 - leader - blank;
	uint64_t last;

	rig.nodes[blank].hold_image = true; /* its log is whole, and no more */
	rig_pass(RIG_T);
	rig_cut_off(other, true);
	rig_write(leader, 5);
	last = rig_view(leader).commit;
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	tap_need(rig_view(other).last < last);
	rig_kill(leader);
	rig_cut_off(other, false);
	while (rig_view(blank).role != RAFT_LEADER && rig.now < 100000000)
		rig_turns(1);
	tap_check(strstr(rig_view(blank).problem, "leads without all data") !=
		  NULL);
	tap_check(rig_view(blank).lease_until_us == 0);
	rig.nodes[other].hold_log = true;
	rig_turns(4);
	tap_check_eq(rig_leader(), blank); /* the other lacks the entries */
	rig.nodes[other].hold_log = false;
	rig_pass(RIG_T);
	tap_check_eq(rig_leader(), other);
	tap_check(rig_view(other).commit >= last);
	rig.nodes[blank].hold_image = false;
	fill(other, blank, false);
	rig_pass(RIG_T);
	tap_check(!rig_view(blank).incomplete);
	tap_check(rig_same(other, blank));
	rig_end();
}

/* A full queue takes heartbeats, but not what is larger. */
static void copy_goes_on_when_its_messages_are_taken_again(void)
{
	static const enum wire_type refused[] = {
		WIRE_COPY_BEGIN,
		WIRE_COPY_DATA,
		WIRE_COPY_END,
	};
	unsigned int i;

	for (i = 0; i < TAP_COUNT(refused); i++) {
		uint32_t leader = rig_begin(3, 3);
		uint32_t blank = leader == 3 ? 2 : 3;

		rig_blank(leader, blank);
		rig.nodes[leader].send_error = -EAGAIN;
		rig.nodes[leader].send_refused = refused[i];
		rig_pass(2 * RIG_T);
		tap_check_eq(rig_leader(), leader);
		tap_check_eq(rig_view(blank).incomplete,
			     refused[i] != WIRE_COPY_BEGIN);
		tap_check_eq(rig.nodes[blank].copied,
			     refused[i] == WIRE_COPY_END ? CHUNKS : 0);
		rig.nodes[leader].send_error = 0;
		rig_pass(2 * RIG_T);
		tap_check(!rig_view(blank).incomplete);
		tap_check_eq(rig.nodes[blank].copied, CHUNKS);
		tap_check(rig_same(leader, blank));
		rig_end();
	}
}

static void copy_waits_while_much_is_queued(void)
{
	uint32_t blank, leader = begin(&blank);
	unsigned int copied;

	rig.nodes[leader].queued = 3U << 20;
	rig_turns(4); /* what is under way arrives */
	copied = rig.nodes[blank].copied;
	tap_need(copied < CHUNKS);
	rig_pass(RIG_T);
	tap_check_eq(rig.nodes[blank].copied, copied);
	rig.nodes[leader].queued = 0;
	fill(leader, blank, false);
	tap_check(rig_same(leader, blank));
	rig_end();
}

static struct wire_msg first_ack;

static bool keep_ack(uint32_t from, uint32_t to, const struct wire_msg *msg)
{
	if (msg->type == WIRE_COPY_ACK && !first_ack.type)
		first_ack = *msg;
	return true;
}

static void late_acknowledgement_takes_nothing_back(void)
{
	uint32_t blank, leader = begin(&blank);
	uint64_t offset = 0;
	unsigned int turns;

	memset(&first_ack, 0, sizeof(first_ack));
	rig_passes = keep_ack;
	for (turns = 0; turns < 100; turns++) {
		rig_request(leader); /* slowly */
		rig_turns(1);
		offset = acknowledged(leader, blank);
		if (first_ack.type && offset > first_ack.copy_ack.offset)
			break;
	}
	rig_passes = NULL;
	tap_need(turns < 100);
	node_recv(rig_at(leader), blank, &first_ack, rig.now, 1);
	tap_check_eq(acknowledged(leader, blank), offset);
	fill(leader, blank, false);
	tap_check(rig_same(leader, blank));
	rig_end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(copy_rests_while_the_device_writes),
		TAP_TEST(copy_ends_although_the_device_never_rests),
		TAP_TEST(replica_of_another_size_is_not_filled),
		TAP_TEST(leader_without_all_data_carries_the_log_to_who_has_it),
		TAP_TEST(copy_goes_on_when_its_messages_are_taken_again),
		TAP_TEST(copy_waits_while_much_is_queued),
		TAP_TEST(late_acknowledgement_takes_nothing_back),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
