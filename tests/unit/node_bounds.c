/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* What a node holds at most in memory and on the way, with a log of plenty. */
#define RIG_LOG_BYTES (48ULL << 20)
#define RIG_VOLUME_BYTES (1ULL << 20)
#include "node_rig.h"

#define LARGE 65536U

/* One request of @length bytes; of zeroes, with which it takes no memory. */
static void request(uint32_t id, enum node_request_op op, uint32_t length)
{
	struct node_request body = {
		.op = (uint16_t)op,
		.epoch = rig.nodes[id].opened,
		.length = length,
		.tag = ++rig.tag,
	};

	body.offset = rig.tag % (RIG_VOLUME_BYTES / LARGE) * LARGE;
	if (op == NODE_REQ_WRITE) {
		body.buf = base_buf_new(length);
		rig_fill(body.buf->data, length, rig.tag);
		body.data = body.buf->data;
	}
	node_request(rig_at(id), &body);
	if (body.buf)
		base_buf_put(body.buf);
}

static void hold_others(uint32_t leader, bool hold)
{
	uint32_t id;

	for (id = 1; id <= rig.count; id++)
		if (id != leader)
			rig.nodes[id].hold_log = hold;
}

static void check_all_done(uint32_t leader)
{
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	tap_check_eq(rig.nodes[leader].done_error, 0);
	tap_check_eq(rig_view(leader).requests, 0);
}

/* The core refuses what is too much; it is proposed when there is room. */
static void refused_proposals_are_made_again(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint64_t last = rig_view(leader).last, first = rig.tag + 1;
	unsigned int i;

	hold_others(leader, true);
	for (i = 0; i < RAFT_UNCOMMITTED_MAX + 1000; i++)
		request(leader, NODE_REQ_ZERO, 4096);
	rig_turns(2);
	tap_check(rig_view(leader).last - last <= RAFT_UNCOMMITTED_MAX);
	tap_check(rig_view(leader).last - last > RAFT_UNCOMMITTED_MAX - 200);
	tap_check_eq(rig_view(leader).requests, RAFT_UNCOMMITTED_MAX + 1000);
	tap_check(rig.nodes[leader].done_tag < first);
	hold_others(leader, false);
	for (i = 0; i < 400 && rig.nodes[leader].done_tag < rig.tag; i++)
		rig_turns(1);
	check_all_done(leader);
	/* Each once: no other entry but that of the opening is before them. */
	tap_check_eq(rig_view(leader).last - last, RAFT_UNCOMMITTED_MAX + 1000);
	rig_pass(2 * RIG_T);
	tap_check_eq(rig_view(rig_next(leader)).applied, rig_view(leader).last);
	rig_end();
}

static void entries_beyond_the_cache_are_read_from_the_log(void)
{
	uint32_t leader, slow;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		rig_cache_bytes = i ? 4 * LARGE : 0;
		leader = rig_begin(3, 3);
		slow = rig_next(leader);
		rig_kill(slow);
		rig_write(leader, 100);
		rig_boot(slow);
		rig_pass(6 * RIG_T);
		tap_check(i ? rig.nodes[leader].log_reads >= 100 - 64 :
			      !rig.nodes[leader].log_reads);
		tap_check_eq(rig_view(slow).applied, rig_view(leader).applied);
		tap_check_eq(rig.nodes[slow].copied, 0);
		tap_check(rig_same(leader, slow));
		rig_end();
	}
	rig_cache_bytes = 0;
}

/* Larger than what is in memory: its appends are read part by part. */
static void appends_are_bounded_in_bytes(void)
{
	uint32_t leader, slow;
	unsigned int i, cached;

	for (cached = 0; cached < 2; cached++) {
		rig_cache_bytes = cached ? 0 : LARGE;
		leader = rig_begin(3, 3);
		slow = rig_next(leader);
		rig_kill(slow);
		for (i = 0; i < 40; i++)
			request(leader, NODE_REQ_WRITE, LARGE);
		rig_pass(RIG_T);
		check_all_done(leader);
		rig.nodes[slow].largest = 0;
		rig_boot(slow);
		rig_pass(6 * RIG_T);
		tap_check(rig.nodes[slow].largest > NODE_SEND_BYTES / 2);
		tap_check(rig.nodes[slow].largest < NODE_SEND_BYTES + LARGE);
		tap_check_eq(rig_view(slow).applied, rig_view(leader).applied);
		tap_check(rig_same(leader, slow));
		rig_end();
	}
	rig_cache_bytes = 0;
}

static uint64_t inbox_bytes(uint32_t id)
{
	const struct base_list *at;
	uint64_t bytes = 0;

	for (at = rig.nodes[id].inbox.next; at != &rig.nodes[id].inbox;
	     at = at->next)
		bytes +=
			base_container_of(at, struct rig_frame, link)->buf->size;
	return bytes;
}

/* It acknowledges nothing, so it is sent no more than is bounded. */
static void slow_follower_is_sent_what_it_acknowledges(void)
{
	uint32_t leader = rig_begin(3, 3), slow = rig_next(leader);
	unsigned int i, before = rig.nodes[slow].with_payload;

	rig.nodes[slow].hold_log = true;
	for (i = 0; i < 480; i++) { /* 30 MiB */
		request(leader, NODE_REQ_WRITE, LARGE);
		if (i % 8 == 0)
			rig_turns(1);
	}
	rig_pass(RIG_T);
	check_all_done(leader); /* the other is majority enough */
	tap_check(rig_view(slow).last - rig_view(slow).durable <=
		  NODE_INFLIGHT_BYTES / LARGE + 16);
	tap_check(rig_view(slow).last < rig_view(leader).last);
	rig.nodes[slow].hold_log = false;
	rig_pass(8 * RIG_T);
	tap_check(rig.nodes[slow].with_payload - before >= 480);
	tap_check_eq(rig_view(slow).applied, rig_view(leader).applied);
	tap_check(rig_same(leader, slow));
	rig_end();
}

/* A full queue takes heartbeats, and no entries. */
static void full_queue_is_given_no_entries(void)
{
	uint32_t leader = rig_begin(3, 3), other = rig_next(leader);
	uint64_t last = rig_view(other).last;

	rig.nodes[leader].queued = NODE_QUEUE_BYTES;
	request(leader, NODE_REQ_WRITE, LARGE);
	rig_turns(2);
	tap_check(inbox_bytes(other) < LARGE);
	rig_pass(2 * RIG_T);
	tap_check_eq(rig_view(other).last, last);
	tap_check_eq(rig_leader(), leader);
	tap_check(rig.nodes[leader].done_tag < rig.tag);
	rig.nodes[leader].queued = NODE_QUEUE_BYTES - 1;
	rig_pass(RIG_T);
	check_all_done(leader);
	rig_end();
}

/* Nothing is committed: memory holds it, so that is bounded, too. */
static void writes_that_can_not_be_committed_are_bounded(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint64_t last = rig_view(leader).last;
	unsigned int i, count = NODE_REQUEST_BYTES / LARGE + 40;

	hold_others(leader, true);
	for (i = 0; i < count; i++)
		request(leader, NODE_REQ_WRITE, LARGE);
	rig_turns(2);
	tap_check(rig_view(leader).last - last <= NODE_OPEN_BYTES / LARGE);
	tap_check(rig_view(leader).last - last > NODE_OPEN_BYTES / LARGE - 20);
	tap_check_eq(rig_view(leader).requests, count);
	/* The module is not told to send more. */
	tap_check(rig.nodes[leader].received_tag < rig.tag);
	hold_others(leader, false);
	rig_pass(8 * RIG_T);
	check_all_done(leader);
	tap_check_eq(rig.nodes[leader].received_tag, rig.tag);
	rig_end();
}

/* What is being applied is held in memory, a few MiB and no more. */
static void applying_is_bounded(void)
{
	uint32_t leader = rig_begin(3, 3);
	const struct store_job *job;
	uint64_t bytes = 0;
	unsigned int i;

	rig.nodes[leader].hold_image = true;
	for (i = 0; i < 200; i++)
		request(leader, NODE_REQ_WRITE, LARGE);
	rig_pass(RIG_T);
	check_all_done(leader); /* committed is enough */
	for (job = rig.nodes[leader].image.first; job; job = job->next)
		bytes += (uint64_t)job->count * LARGE;
	tap_check(bytes >= NODE_APPLY_BYTES);
	tap_check(bytes <= NODE_APPLY_BYTES + 128 * LARGE);
	rig.nodes[leader].hold_image = false;
	rig_pass(RIG_T);
	tap_check_eq(rig_view(leader).applied, rig_view(leader).last);
	tap_check_eq(rig.nodes[leader].applied_tag, rig.tag);
	rig_end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(refused_proposals_are_made_again),
		TAP_TEST(entries_beyond_the_cache_are_read_from_the_log),
		TAP_TEST(appends_are_bounded_in_bytes),
		TAP_TEST(slow_follower_is_sent_what_it_acknowledges),
		TAP_TEST(full_queue_is_given_no_entries),
		TAP_TEST(writes_that_can_not_be_committed_are_bounded),
		TAP_TEST(applying_is_bounded),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
