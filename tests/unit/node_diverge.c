/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* A replica that contradicts the others is noticed, and stops. */
#include "node_rig.h"

#define SECOND_US 1000000

/* What node @id last said of itself, as @to heard it. */
static const struct wire_status *said(uint32_t to, uint32_t id)
{
	static struct node_peer_view view;

	view = rig_peer_view(to, id);
	return &view.status;
}

static bool differs(uint32_t to, uint32_t id)
{
	return rig_peer_view(to, id).differs;
}

/* It serves nothing, answers nothing, and says what is wrong. */
static void check_stopped(uint32_t id, const char *what)
{
	struct node_view view = rig_view(id);

	tap_check(view.diverged);
	tap_check(strstr(view.problem, what) != NULL);
	tap_check_eq(view.leader, 0);
	tap_check_eq(rig.nodes[id].lease_us, 0);
}

/* A leader of a later term says that a committed entry has another term. */
static void contradiction_of_a_committed_entry_stops_the_node(void)
{
	struct wire_msg msg = { .type = WIRE_RAFT };
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0), two = rig_other(leader, one);
	struct node_view before;

	rig_write(leader, 5);
	rig_cut_off(one, true);
	before = rig_view(one);
	msg.raft.msg = (struct raft_msg){
		.type = RAFT_MSG_APPEND,
		.from = two,
		.to = one,
		.term = before.term + 2,
		.append = { .prev_index = before.commit - 1,
			    .prev_term = before.term + 2,
			    .commit = before.commit - 1 },
	};
	node_recv(rig_at(one), two, &msg, rig.now, 1);
	rig_turns(1);
	check_stopped(one, "committed entry");
	tap_check_eq(rig_view(one).last, before.last);
	rig_cut_off(one, false);
	rig_pass(SECOND_US);
	tap_check(said(leader, one)->flags & WIRE_NODE_DIVERGED);
	tap_check_eq(rig_view(leader).role, RAFT_LEADER);
	rig_write(leader, 5);
	check_stopped(one, "committed entry");
	tap_check_eq(rig_view(one).last, before.last);
	rig_end();
}

/* The device's node: its lease is taken back and its opening ends. */
static void contradicted_writer_is_fenced(void)
{
	struct wire_msg msg = { .type = WIRE_RAFT };
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0);
	struct node_view before = rig_view(leader);

	msg.raft.msg = (struct raft_msg){
		.type = RAFT_MSG_APPEND,
		.from = one,
		.to = leader,
		.term = before.term + 1,
		.append = { .prev_index = before.commit,
			    .prev_term = before.term + 1 },
	};
	tap_check(rig.nodes[leader].lease_us > rig.now);
	node_recv(rig_at(leader), one, &msg, rig.now, 1);
	check_stopped(leader, "committed entry");
	tap_check(rig.nodes[leader].fenced);
	rig_end();
}

/* From the leader, of its term: an entry whose checksum is not the leader's. */
static void append_other(uint32_t leader, uint32_t to, uint64_t index,
			 uint64_t prev_term)
{
	struct wire_msg msg = { .type = WIRE_RAFT };
	struct raft_entry *entry = raft_entry_new();

	entry->op = RAFT_OP_ZERO;
	entry->length = 512;
	entry->index = index;
	entry->term = rig_view(to).term;
	entry->standing.members = rig.born;
	entry->standing.chain = 4711;
	msg.raft.msg = (struct raft_msg){
		.type = RAFT_MSG_APPEND,
		.from = leader,
		.to = to,
		.term = entry->term,
		.append = { .prev_index = index - 1,
			    .prev_term = prev_term,
			    .count = 1 },
	};
	msg.raft.entries[0] = entry;
	node_recv(rig_at(to), leader, &msg, rig.now, 1);
	rig_turns(1);
	raft_entry_put(entry);
}

/* Same index, same term, other contents: only the checksum can tell. */
static void entries_that_differ_in_contents_stop_the_node(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0);
	struct node_view before;

	rig_write(leader, 5);
	rig_cut_off(one, true);
	before = rig_view(one);
	append_other(leader, one, before.last + 1, before.term);
	check_stopped(one, "differs");
	tap_check_eq(rig_view(one).last, before.last);
	rig_end();
}

/* What comes before it is not known to be equal: the entry itself tells. */
static void entry_that_is_held_with_other_contents_stops_the_node(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0);
	struct node_view before;

	rig_write(leader, 5);
	before = rig_view(one);
	append_other(leader, one, before.last, before.term - 1);
	check_stopped(one, "differs");
	/* Not even that its loop was late is told to its core any more. */
	node_late(rig_at(one), rig.now);
	node_step_down(rig_at(one));
	rig_turns(1);
	check_stopped(one, "differs");
	tap_check_eq(rig_view(one).last, before.last);
	rig_end();
}

/* Without a write: the leader's next status does. */
static void status_of_a_log_that_differs_stops_the_follower(void)
{
	struct wire_msg msg = { .type = WIRE_STATUS };
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0);

	rig_write(leader, 5);
	rig_pass(SECOND_US);
	msg.status = *said(one, leader);
	tap_check(msg.status.chain != 0);
	tap_check_eq(msg.status.applied, rig_view(one).applied);
	node_recv(rig_at(one), leader, &msg, rig.now, 1);
	tap_check(!rig_view(one).diverged);
	msg.status.chain++;
	node_recv(rig_at(one), leader, &msg, rig.now, 1);
	check_stopped(one, "differs");
	rig_end();
}

/* The leader has a majority: it goes on, and names who differs. */
static void leader_names_the_follower_that_differs(void)
{
	struct wire_msg msg = { .type = WIRE_STATUS };
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0), two = rig_other(leader, one);

	rig_write(leader, 5);
	rig_pass(SECOND_US);
	msg.status = *said(leader, one);
	msg.status.chain++;
	node_recv(rig_at(leader), one, &msg, rig.now, 1);
	tap_check(differs(leader, one));
	tap_check(!differs(leader, two));
	tap_check_eq(rig_view(leader).role, RAFT_LEADER);
	tap_check(rig.nodes[leader].lease_us > rig.now);
	rig_end();
}

/* The checksum is kept by the log, checkpoints, restarts and copies. */
static void equal_replicas_have_equal_checksums(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0), two = rig_other(leader, one);
	uint64_t chain;

	rig_write(leader, 60);
	rig_pass(6 * SECOND_US); /* a checkpoint */
	rig_kill(one);
	rig_kill(two);
	rig_turns(2);
	rig_format(two);
	rig_boot(one);
	rig_boot(two);
	rig_pass(6 * SECOND_US);
	leader = rig_leader();
	tap_need(leader != 0);
	rig_open(leader);
	rig_write(leader, 60);
	rig_pass(2 * SECOND_US);
	one = rig_other(leader, 0);
	two = rig_other(leader, one);
	chain = said(one, leader)->chain;
	tap_check(chain != 0);
	tap_check_eq(said(leader, one)->chain, chain);
	tap_check_eq(said(leader, two)->chain, chain);
	tap_check_eq(said(leader, two)->applied, rig_view(leader).applied);
	tap_check(!rig_view(1).diverged && !rig_view(2).diverged &&
		  !rig_view(3).diverged);
	rig_end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(contradiction_of_a_committed_entry_stops_the_node),
		TAP_TEST(contradicted_writer_is_fenced),
		TAP_TEST(entries_that_differ_in_contents_stop_the_node),
		TAP_TEST(entry_that_is_held_with_other_contents_stops_the_node),
		TAP_TEST(status_of_a_log_that_differs_stops_the_follower),
		TAP_TEST(leader_names_the_follower_that_differs),
		TAP_TEST(equal_replicas_have_equal_checksums),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
