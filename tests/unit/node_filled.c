/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* A replica's side of a copy: what it refuses, and what it gives up when. */
#define RIG_VOLUME_BYTES (4ULL << 20)
#include <errno.h>

#include "node_rig.h"

#define SERIAL 4711 /* of copies that no node has begun */

/* What the nodes sent. */
static struct {
	unsigned int accepted, refused; /* answers to SERIAL */
	int error; /* of the last one */
	struct wire_copy_begin head; /* of the last append: its last entry */
} sent;

static bool watch(uint32_t from, uint32_t to, const struct wire_msg *msg)
{
	if (msg->type == WIRE_COPY_ACK && msg->copy_ack.serial == SERIAL) {
		sent.error = msg->copy_ack.error;
		if (sent.error)
			sent.refused++;
		else
			sent.accepted++;
	}
	if (msg->type == WIRE_RAFT && msg->raft.msg.type == RAFT_MSG_APPEND &&
	    msg->raft.msg.append.count) {
		const struct raft_entry *last =
			msg->raft.entries[msg->raft.msg.append.count - 1];

		sent.head.index = last->index;
		sent.head.index_term = last->term;
		sent.head.standing = last->standing;
	}
	return true;
}

/* A leader whose device is open, and another that has all that it has. */
static uint32_t begin(uint32_t *peer)
{
	uint32_t leader = rig_begin(3, 3);

	*peer = rig_next(leader);
	memset(&sent, 0, sizeof(sent));
	rig_passes = watch;
	rig_write(leader, 8);
	tap_check_eq(rig_view(*peer).applied, rig_view(leader).applied);
	tap_check_eq(rig_view(*peer).applied, sent.head.index);
	return leader;
}

static void end(void)
{
	rig_passes = NULL;
	rig_end();
}

static void offer(uint32_t leader, uint32_t peer, uint64_t index, bool reset)
{
	struct wire_msg msg = { .type = WIRE_COPY_BEGIN };

	msg.copy_begin = sent.head;
	msg.copy_begin.serial = SERIAL;
	msg.copy_begin.term = rig_view(leader).term;
	msg.copy_begin.index = index;
	msg.copy_begin.reset = reset;
	node_recv(rig_at(peer), leader, &msg, rig.now, 1);
}

static unsigned int jobs(uint32_t id, enum store_job_type type)
{
	const struct store_job *job = rig.nodes[id].image.first;
	unsigned int count = 0;

	for (; job; job = job->next)
		count += job->type == type;
	return count;
}

/* Its chunks would be from before what is not applied again. */
static void copy_from_a_leader_that_is_behind_is_put_off(void)
{
	uint32_t peer, leader = begin(&peer);

	offer(leader, peer, sent.head.index - 1, false);
	tap_check_eq(sent.refused, 1);
	tap_check_eq(sent.error, -EAGAIN);
	rig_turns(4);
	tap_check(!rig_view(peer).incomplete);
	tap_check_eq(sent.accepted, 0);
	offer(leader, peer, sent.head.index, false);
	rig_turns(4);
	tap_check_eq(sent.refused, 1);
	tap_check_eq(sent.accepted, 1);
	tap_check(rig_view(peer).incomplete);
	rig_check_filled(leader, peer);
	end();
}

/* What is committed is not dropped, whatever a leader says. */
static void log_that_can_go_on_is_not_restarted(void)
{
	uint32_t peer, leader = begin(&peer);
	uint64_t base = rig_view(peer).base, last = rig_view(peer).last;

	offer(leader, peer, sent.head.index, true);
	rig_turns(1);
	tap_check_eq(sent.refused, 1);
	tap_check_eq(sent.error, -EAGAIN);
	tap_check_eq(rig_view(peer).base, base);
	tap_check_eq(rig_view(peer).last, last);
	tap_check(!rig_view(peer).incomplete);
	rig_write(leader, 3);
	tap_check_eq(sent.accepted, 0);
	rig_check_filled(leader, peer);
	end();
}

/* On the disk, too, before the leader hears that it may send. */
static void replica_is_marked_before_a_copy_changes_it(void)
{
	uint32_t peer, leader = begin(&peer);

	rig.nodes[peer].hold_image = true;
	offer(leader, peer, sent.head.index, false);
	rig_turns(4);
	tap_check_eq(jobs(peer, STORE_JOB_CHECKPOINT), 1);
	tap_check_eq(sent.accepted, 0);
	rig_request(leader); /* nor is anything applied meanwhile */
	rig_turns(4);
	tap_check_eq(jobs(peer, STORE_JOB_APPLY), 0);
	rig.nodes[peer].hold_image = false;
	rig.cut[leader][peer] = true; /* no copy of its own */
	rig_turns(1);
	tap_check_eq(sent.accepted, 1);
	rig_kill(peer);
	rig_boot(peer);
	tap_check(rig_view(peer).incomplete);
	rig.cut[leader][peer] = false;
	rig_links(peer, false);
	rig_links(peer, true);
	rig_check_filled(leader, peer);
	end();
}

/* The mark can't be taken back: all that is lost is the leader. */
static void copy_given_up_before_the_mark_is_not_accepted(void)
{
	uint32_t peer, leader = begin(&peer);

	rig.nodes[peer].hold_image = true;
	offer(leader, peer, sent.head.index, false);
	rig_turns(2);
	tap_need(jobs(peer, STORE_JOB_CHECKPOINT) == 1);
	node_link(rig_at(peer), leader, false);
	tap_check(!rig_view(peer).incomplete);
	tap_check_eq(sent.refused, 1);
	tap_check_eq(sent.error, -ESTALE);
	node_link(rig_at(peer), leader, true);
	offer(leader, peer, sent.head.index, false);
	rig.nodes[peer].hold_image = false;
	rig.cut[leader][peer] = true;
	rig_turns(1);
	tap_check(rig_view(peer).incomplete);
	tap_check_eq(sent.accepted, 0);
	rig.cut[leader][peer] = false;
	rig_links(peer, false);
	rig_links(peer, true);
	rig_check_filled(leader, peer);
	tap_check_eq(sent.accepted, 0);
	end();
}

/* From the offer on, until what is under way in the data area is done. */
static void log_that_is_to_be_restarted_takes_and_applies_nothing(void)
{
	uint32_t peer, leader = begin(&peer);
	uint64_t last;

	rig.nodes[peer].hold_image = true;
	rig_request(leader);
	rig_turns(6);
	tap_need(jobs(peer, STORE_JOB_APPLY) == 1);
	last = rig_view(peer).last;
	offer(leader, peer, sent.head.index, true);
	rig_write(leader, 6);
	rig_pass(20 * RIG_T); /* a checkpoint would be due */
	tap_check_eq(rig_view(peer).last, last);
	tap_check_eq(jobs(peer, STORE_JOB_APPLY), 1);
	tap_check_eq(jobs(peer, STORE_JOB_CHECKPOINT), 0);
	tap_check_eq(sent.accepted + sent.refused, 0);
	rig.nodes[peer].hold_image = false;
	rig_turns(1); /* it is committed here: the log can go on */
	tap_check_eq(sent.refused, 1);
	rig_write(leader, 1);
	rig_check_filled(leader, peer);
	end();
}

/* Turns until @peer, which is being filled, saves that it is complete. */
static bool finishing(uint32_t peer)
{
	const struct store_job *job;
	unsigned int turns;

	for (turns = 0; turns < 1000; turns++) {
		rig_turns(1);
		for (job = rig.nodes[peer].image.first; job; job = job->next)
			if (job->type == STORE_JOB_CHECKPOINT &&
			    !job->checkpoint.incomplete)
				return rig_view(peer).incomplete;
	}
	return false;
}

static void copy_that_is_all_there_can_not_be_given_up(void)
{
	uint32_t peer, leader = begin(&peer);

	offer(leader, peer, sent.head.index, false);
	tap_need(finishing(peer));
	rig.nodes[peer].hold_image = true;
	sent.accepted = 0;
	offer(leader, peer, rig_view(leader).applied, false);
	rig_links(peer, false);
	rig_links(peer, true);
	rig_turns(2);
	tap_check(rig_view(peer).incomplete);
	rig.nodes[peer].hold_image = false;
	rig_turns(1);
	tap_check(!rig_view(peer).incomplete);
	tap_check_eq(sent.accepted + sent.refused, 0);
	rig_write(leader, 2);
	rig_check_filled(leader, peer);
	end();
}

static void chunk_of_a_copy_that_is_not_known_is_answered_so(void)
{
	struct wire_msg msg = { .type = WIRE_COPY_DATA };
	uint32_t peer, leader = begin(&peer);

	msg.copy_data.serial = SERIAL;
	msg.copy_data.length = 4096;
	msg.copy_data.zero = true;
	node_recv(rig_at(peer), leader, &msg, rig.now, 1);
	tap_check_eq(sent.refused, 1);
	tap_check_eq(sent.error, -ESTALE);
	tap_check_eq(jobs(peer, STORE_JOB_COPY_WRITE), 0);
	rig_check_filled(leader, peer);
	end();
}

/* Each in its place: behind a gap, or beyond the end, there is none. */
static void chunk_that_leaves_a_gap_is_not_written(void)
{
	struct wire_msg msg = { .type = WIRE_COPY_DATA };
	uint32_t peer, leader = begin(&peer);

	offer(leader, peer, sent.head.index, false);
	rig_turns(1); /* its mark is under way */
	rig.cut[leader][peer] = true;
	rig_turns(1);
	tap_need(sent.accepted == 1);
	msg.copy_data.serial = SERIAL;
	msg.copy_data.length = 4096;
	msg.copy_data.zero = true;
	msg.copy_data.offset = 4096;
	node_recv(rig_at(peer), leader, &msg, rig.now, 1);
	msg.copy_data.offset = 0;
	msg.copy_data.length = RIG_VOLUME_BYTES + 4096;
	node_recv(rig_at(peer), leader, &msg, rig.now, 1);
	tap_check_eq(jobs(peer, STORE_JOB_COPY_WRITE), 0);
	tap_check_eq(rig_view(peer).copy_received, 0);
	msg.copy_data.length = 4096;
	node_recv(rig_at(peer), leader, &msg, rig.now, 1);
	tap_check_eq(jobs(peer, STORE_JOB_COPY_WRITE), 1);
	rig_turns(1);
	tap_check_eq(sent.accepted, 2);
	rig.cut[leader][peer] = false;
	rig_links(peer, false);
	rig_links(peer, true);
	rig_check_filled(leader, peer);
	end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(copy_from_a_leader_that_is_behind_is_put_off),
		TAP_TEST(log_that_can_go_on_is_not_restarted),
		TAP_TEST(replica_is_marked_before_a_copy_changes_it),
		TAP_TEST(copy_given_up_before_the_mark_is_not_accepted),
		TAP_TEST(log_that_is_to_be_restarted_takes_and_applies_nothing),
		TAP_TEST(copy_that_is_all_there_can_not_be_given_up),
		TAP_TEST(chunk_of_a_copy_that_is_not_known_is_answered_so),
		TAP_TEST(chunk_that_leaves_a_gap_is_not_written),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
