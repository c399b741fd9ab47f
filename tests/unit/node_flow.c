/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* Bounds and pace: slow followers, full queues, and where leadership goes. */
#include <errno.h>

#include "node_rig.h"
#include "store/format.h"

/* All but @dead start again: nobody has payloads in memory.  Who leads then. */
static uint32_t forget_payloads(uint32_t dead)
{
	uint32_t id;

	for (id = 1; id <= rig.count; id++) {
		rig_kill(id);
		if (id != dead)
			rig_boot(id);
	}
	rig_pass(6 * RIG_T);
	return rig_leader();
}

static void slow_follower_is_read_to_from_the_log(void)
{
	uint32_t leader = rig_begin(3, 3), slow = rig_next(leader);

	rig_write(leader, 3);
	rig_kill(slow);
	rig_write(leader, 20);
	leader = forget_payloads(slow);
	tap_need(leader != 0);
	rig_boot(slow);
	rig_pass(2 * RIG_T);
	tap_check_eq(rig_view(slow).last, rig_view(leader).last);
	tap_check(rig.nodes[leader].log_reads >= 20);
	tap_check_eq(rig.nodes[slow].copied, 0);
	tap_check(rig_same(leader, slow));
	rig_end();
}

static void entries_that_can_not_be_read_are_made_up_for_by_a_copy(void)
{
	struct store_identity identity = rig_id(1);
	struct format_layout layout;
	uint32_t leader = rig_begin(3, 3), slow = rig_next(leader);
	uint64_t at;

	rig_kill(slow);
	rig_write(leader, 20);
	leader = forget_payloads(slow);
	tap_need(leader != 0);
	tap_need(rig_layout(&identity, rig_disk_bytes(), &layout));
	for (at = 0; at < 80 << 10; at += DISK_SECTOR)
		disk_unreadable(rig.nodes[leader].disk, layout.ring + at);
	rig_boot(slow);
	rig_pass(8 * RIG_T);
	tap_check(rig.nodes[slow].copied > 0);
	tap_check_eq(rig_view(slow).applied, rig_view(leader).applied);
	tap_check(rig_same(leader, slow));
	rig_end();
}

/* After a restart a follower can't read what it is to apply: one bad sector. */
static void entry_that_can_not_be_applied_costs_no_disk(void)
{
	struct store_identity identity = rig_id(1);
	struct format_layout layout;
	uint32_t leader = rig_begin(3, 3), bad = rig_next(leader);
	bool damaged = false;
	unsigned int turns;
	uint64_t at;

	rig.nodes[bad].hold_image = true;
	rig_write(leader, 20);
	rig.nodes[bad].hold_image = false;
	rig_kill(bad);
	rig_boot(bad);
	tap_need(rig_layout(&identity, rig_disk_bytes(), &layout));
	for (at = 40 << 10; at < 44 << 10; at += DISK_SECTOR)
		disk_unreadable(rig.nodes[bad].disk, layout.ring + at);
	for (turns = 0; turns < 1000; turns++) {
		rig_turns(1);
		damaged |= rig_view(bad).damaged;
	}
	tap_check(damaged);
	tap_check(!rig_view(bad).disk_failed);
	tap_check(rig.nodes[bad].copied > 0);
	tap_check(!rig_view(bad).damaged && !rig_view(bad).incomplete);
	tap_check_eq(rig_view(bad).applied, rig_view(leader).applied);
	tap_check(rig_same(leader, bad));
	rig_end();
}

/* What is not committed is bounded; what waits for room is not lost. */
static void writes_wait_for_room_and_none_is_lost(void)
{
	uint32_t leader = rig_begin(3, 3), id;
	uint64_t last;

	for (id = 1; id <= 3; id++)
		if (id != leader)
			rig.nodes[id].hold_log = true;
	last = rig_view(leader).last;
	rig_write(leader, 120); /* twice what the ring holds */
	tap_check(rig_view(leader).last - last < 60);
	tap_check(rig_view(leader).requests >= 120);
	tap_check_eq(rig_leader(), leader);
	for (id = 1; id <= 3; id++)
		rig.nodes[id].hold_log = false;
	rig_pass(10 * RIG_T);
	tap_check_eq(rig_view(leader).requests, 0);
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	tap_check_eq(rig.nodes[leader].done_error, 0);
	for (id = 1; id <= 3; id++)
		tap_check(rig_same(leader, id));
	rig_end();
}

/* One follower's disk stands still: the other is majority enough. */
static void writer_does_not_wait_for_a_slow_follower(void)
{
	uint32_t leader = rig_begin(3, 3), slow = rig_next(leader);

	rig.nodes[slow].hold_log = true;
	rig_write(leader, 300); /* several times the ring */
	rig_pass(10 * RIG_T);
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	tap_check_eq(rig_view(leader).requests, 0);
	rig.nodes[slow].hold_log = false;
	rig_pass(10 * RIG_T);
	tap_check_eq(rig_view(slow).applied, rig_view(leader).applied);
	tap_check(rig_same(leader, slow));
	rig_end();
}

/* Each term is to be saved: what comes beyond the bound is lost, and no more. */
static void hung_disk_is_asked_for_no_more_than_is_bounded(void)
{
	uint32_t leader = rig_begin(3, 3), slow = rig_next(leader);
	struct wire_msg msg = {
		.type = WIRE_RAFT,
		.raft.msg = {
			.type = RAFT_MSG_APPEND,
			.from = leader,
			.to = slow,
			.term = rig_view(slow).term,
		},
	};
	const struct store_job *job;
	unsigned int count = 0, i;

	rig_cut_off(slow, true);
	rig.nodes[slow].hold_log = true;
	for (i = 0; i < 2 * NODE_JOBS_MAX; i++) {
		msg.raft.msg.term++;
		node_recv(rig_at(slow), leader, &msg, rig.now, i);
	}
	for (job = rig.nodes[slow].log.first; job; job = job->next)
		count++;
	tap_check(count > NODE_JOBS_MAX / 2 && count <= NODE_JOBS_MAX);
	rig.nodes[slow].hold_log = false;
	rig_cut_off(slow, false);
	rig_pass(20 * RIG_T);
	tap_need(rig_leader() != 0);
	tap_check_eq(rig_view(slow).term, rig_view(rig_leader()).term);
	tap_check_eq(rig_view(slow).applied, rig_view(rig_leader()).applied);
	rig_end();
}

/* The module's socket takes a part; the new agent leads before the rest comes. */
static void request_sent_again_to_a_leader_is_not_proposed_twice(void)
{
	uint32_t leader = rig_begin(1, 1);
	uint64_t epoch = rig.nodes[leader].opened, last, first;

	rig_write(leader, 6);
	rig_kill(leader);
	rig_boot(leader);
	first = rig.tag - 5;
	node_bound(rig_at(leader), epoch, true, first);
	rig_pass(4 * RIG_T);
	tap_need(rig_view(leader).role == RAFT_LEADER);
	last = rig_view(leader).last;
	rig.tag = first - 1;
	rig.nodes[leader].opened = epoch;
	rig.nodes[leader].done_tag = 0;
	rig_write(leader, 6);
	tap_check_eq(rig_view(leader).last, last);
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	tap_check_eq(rig.nodes[leader].done_error, 0);
	/* What it never had is new. */
	rig_write(leader, 1);
	tap_check_eq(rig_view(leader).last, last + 1);
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	rig_end();
}

static void leadership_goes_where_the_device_is_open(void)
{
	uint32_t leader, other, third, from;

	rig_start(3, 3);
	leader = rig_leader();
	other = rig_next(leader);
	third = rig_next(other);
	rig_open(other);
	tap_check(rig.nodes[other].opened != 0);
	tap_check_eq(rig_leader(), other);
	/* It is cut off for a while, and comes back: so does leadership. */
	rig_cut_off(other, true);
	rig_pass(6 * RIG_T);
	from = 0;
	if (rig_view(leader).role == RAFT_LEADER)
		from = leader;
	if (rig_view(third).role == RAFT_LEADER)
		from = third;
	tap_check(from != 0);
	rig_cut_off(other, false);
	rig_pass(6 * RIG_T);
	tap_check_eq(rig_leader(), other);
	tap_check(!rig.nodes[other].fenced);
	rig_write(other, 5);
	tap_check_eq(rig.nodes[other].done_tag, rig.tag);
	rig_end();
}

/* The first entries that @id reads back for a peer: the disk fails at it. */
static bool fail_log_read(uint32_t id, int error)
{
	struct rig_jobs *jobs = &rig.nodes[id].image;
	struct store_job **at, *job;

	for (at = &jobs->first; (job = *at); at = &job->next) {
		if (job->type != STORE_JOB_LOG_READ)
			continue;
		*at = job->next;
		if (jobs->last == &job->next)
			jobs->last = at;
		job->next = NULL;
		job->error = error;
		node_job_done(rig_at(id), job);
		return true;
	}
	return false;
}

/* A leader that reads back for @slow what it has not applied itself. */
static uint32_t begin_unapplied(uint32_t *slow)
{
	uint32_t leader = rig_begin(3, 3), id;

	*slow = rig_next(leader);
	rig_kill(*slow);
	for (id = 1; id <= 3; id++)
		rig.nodes[id].hold_image = true;
	rig_write(leader, 20);
	leader = forget_payloads(*slow);
	if (!leader)
		return 0;
	tap_check(rig_view(leader).applied < rig_view(leader).commit);
	rig_boot(*slow);
	rig_turns(40);
	tap_check(rig_view(*slow).last < rig_view(leader).last);
	return leader;
}

static void check_caught_up(uint32_t slow)
{
	uint32_t id;

	for (id = 1; id <= 3; id++)
		rig.nodes[id].hold_image = false;
	rig_pass(12 * RIG_T);
	tap_need(rig_leader() != 0);
	for (id = 1; id <= 3; id++) {
		tap_check(!rig_view(id).damaged && !rig_view(id).incomplete);
		tap_check_eq(rig_view(id).applied, rig_view(rig_leader()).last);
		tap_check(rig_same(id, slow));
	}
}

/* No other can get it from here, so another leads, and fills this one. */
static void leader_that_can_not_read_what_it_has_not_applied_resigns(void)
{
	uint32_t slow, leader = begin_unapplied(&slow);
	uint32_t other = 6 - leader - slow;

	tap_need(leader != 0);
	tap_need(fail_log_read(leader, -EIO));
	tap_check(rig_view(leader).damaged);
	rig_pass(8 * RIG_T);
	tap_check_eq(rig_leader(), other);
	check_caught_up(slow);
	rig_end();
}

/* What says nothing of the disk is tried again, and costs nothing. */
static void read_that_fails_for_lack_of_memory_is_done_again(void)
{
	uint32_t leader = rig_begin(3, 3), slow = rig_next(leader);
	uint64_t base;

	rig_kill(slow);
	rig_write(leader, 20);
	leader = forget_payloads(slow);
	tap_need(leader != 0);
	base = rig_view(leader).base;
	rig.nodes[leader].hold_image = true;
	rig_boot(slow);
	rig_turns(40);
	tap_need(fail_log_read(leader, -ENOMEM));
	tap_check_eq(rig_view(leader).base, base);
	tap_check(!rig_view(leader).damaged);
	tap_check_eq(rig_leader(), leader);
	check_caught_up(slow);
	tap_check_eq(rig.nodes[slow].copied, 0);
	rig_end();
}

/* Who leads no more is asked for nothing: it finds out when it applies it. */
static void read_that_fails_after_the_term_changes_nothing(void)
{
	uint32_t slow, leader = begin_unapplied(&slow);

	tap_need(leader != 0);
	rig_cut_off(leader, true);
	rig_pass(2 * RIG_T);
	tap_need(rig_view(leader).role != RAFT_LEADER);
	tap_need(fail_log_read(leader, -EBADMSG));
	tap_check(!rig_view(leader).damaged);
	rig_cut_off(leader, false);
	check_caught_up(slow);
	rig_end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(slow_follower_is_read_to_from_the_log),
		TAP_TEST(
			entries_that_can_not_be_read_are_made_up_for_by_a_copy),
		TAP_TEST(entry_that_can_not_be_applied_costs_no_disk),
		TAP_TEST(writes_wait_for_room_and_none_is_lost),
		TAP_TEST(writer_does_not_wait_for_a_slow_follower),
		TAP_TEST(hung_disk_is_asked_for_no_more_than_is_bounded),
		TAP_TEST(request_sent_again_to_a_leader_is_not_proposed_twice),
		TAP_TEST(leadership_goes_where_the_device_is_open),
		TAP_TEST(
			leader_that_can_not_read_what_it_has_not_applied_resigns),
		TAP_TEST(read_that_fails_for_lack_of_memory_is_done_again),
		TAP_TEST(read_that_fails_after_the_term_changes_nothing),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
