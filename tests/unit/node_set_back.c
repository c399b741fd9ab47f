/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* A replica that an older copy was put back of is told so, barred and filled. */
#include "node_rig.h"

#define SECOND_US 1000000

static struct disk *copy;

static void copy_make(uint32_t id)
{
	copy = disk_new(rig_disk_bytes(), 512, 77);
	disk_copy(copy, rig.nodes[id].disk);
}

static void copy_put_back(uint32_t id)
{
	disk_copy(rig.nodes[id].disk, copy);
	disk_free(copy);
}

static bool all_equal(uint32_t leader)
{
	uint32_t id;

	for (id = 1; id <= rig.count; id++) {
		struct node_view view = rig_view(id);

		if (view.damaged || view.blank || view.incomplete ||
		    view.diverged || view.applied != rig_view(leader).applied ||
		    !rig_same(id, leader))
			return false;
	}
	return true;
}

/* Who holds the write is off; who is on must not go on without it. */
static void copy_from_before_a_restart_does_not_elect(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0), two = rig_other(leader, one);
	uint64_t last;

	rig_write(leader, 4);
	rig_kill(one);
	copy_make(one);
	rig_boot(one);
	rig_pass(SECOND_US);
	rig_kill(two);
	rig_write(leader, 4);
	last = rig_view(leader).commit;
	tap_check_eq(rig.nodes[leader].done_tag, rig.tag);
	rig_kill(leader);
	rig_kill(one);
	copy_put_back(one);
	rig_boot(one);
	rig_boot(two);
	rig_pass(5 * SECOND_US);
	tap_check(rig_view(one).damaged);
	tap_check(strstr(rig_view(one).problem, "set back") != NULL);
	tap_check_eq(rig_leader(), 0);
	rig_boot(leader);
	rig_pass(5 * SECOND_US);
	tap_need(rig_leader() != 0);
	tap_check(rig_view(rig_leader()).commit > last);
	tap_check(all_equal(rig_leader()));
	rig_end();
}

/* A snapshot of a running machine: the life that it knows of is not over. */
static void copy_of_a_running_replica_lacks_what_it_acknowledged(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0), two = rig_other(leader, one);

	rig_write(leader, 4);
	rig_pass(SECOND_US);
	copy_make(one);
	rig_kill(two);
	rig_write(leader, 4);
	rig_kill(one);
	copy_put_back(one);
	rig_cut(leader, one, true);
	rig_boot(one);
	rig_cut(leader, one, false);
	rig_links(one, false);
	rig_links(one, true);
	rig_turns(20);
	tap_check(rig_view(one).damaged || rig_view(one).blank);
	rig_boot(two);
	rig_pass(5 * SECOND_US);
	tap_need(rig_leader() != 0);
	tap_check(all_equal(rig_leader()));
	rig_end();
}

/* What is remembered is on the disk: all have been off since. */
static void memory_survives_restarts(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0), two = rig_other(leader, one);

	rig_kill(one);
	copy_make(one);
	rig_boot(one);
	rig_pass(SECOND_US);
	rig_kill(leader);
	rig_kill(two);
	rig_kill(one);
	copy_put_back(one);
	rig_boot(two);
	rig_boot(one);
	rig_turns(40);
	tap_check(rig_view(one).damaged);
	rig_boot(leader);
	rig_pass(5 * SECOND_US);
	tap_need(rig_leader() != 0);
	tap_check(all_equal(rig_leader()));
	rig_end();
}

/* Restarts and new connections, however many, are no copies. */
static void restarts_are_no_copies(void)
{
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0), two = rig_other(leader, one);
	unsigned int i;

	rig_kill(two);
	for (i = 0; i < 40; i++) {
		rig_write(leader, 1);
		rig_kill(one);
		rig_boot(one);
		rig_turns(i % 8);
		tap_check(!rig_view(one).damaged);
	}
	rig_boot(two);
	rig_pass(SECOND_US);
	tap_check(!rig_view(one).damaged && !rig_view(two).damaged &&
		  !rig_view(leader).damaged);
	tap_check(all_equal(leader));
	rig_end();
}

/* While it lives on, a peer has met another one under its name. */
static void node_whose_place_was_taken_stops(void)
{
	struct wire_msg msg = { .type = WIRE_LIFE };
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0);

	tap_check(rig.nodes[leader].lease_us > rig.now);
	msg.life.life = (struct raft_life){ 1, 4711 };
	msg.life.known.life = (struct raft_life){ 2, 815 };
	node_link(rig_at(leader), one, false);
	node_link(rig_at(leader), one, true);
	node_recv(rig_at(leader), one, &msg, rig.now, 1);
	node_pump(rig_at(leader), rig.now, 1);
	tap_check(rig_view(leader).diverged);
	tap_check(rig.nodes[leader].fenced);
	tap_check_eq(rig.nodes[leader].lease_us, 0);
	tap_check(strstr(rig_view(leader).problem, "another machine") != NULL);
	rig_end();
}

/* Nothing of the core counts before the two have met. */
static void vote_of_one_not_met_does_not_count(void)
{
	struct wire_msg msg = { .type = WIRE_RAFT };
	uint32_t leader = rig_begin(3, 3);
	uint32_t one = rig_other(leader, 0), two = rig_other(leader, one);
	uint64_t term = rig_view(one).term;

	rig_cut_off(one, true);
	node_link(rig_at(one), two, false);
	node_link(rig_at(one), two, true);
	msg.raft.msg = (struct raft_msg){
		.type = RAFT_MSG_APPEND,
		.from = two,
		.to = one,
		.term = term + 5,
	};
	node_recv(rig_at(one), two, &msg, rig.now, 1);
	tap_check_eq(rig_view(one).term, term);
	rig_end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(copy_from_before_a_restart_does_not_elect),
		TAP_TEST(copy_of_a_running_replica_lacks_what_it_acknowledged),
		TAP_TEST(memory_survives_restarts),
		TAP_TEST(restarts_are_no_copies),
		TAP_TEST(node_whose_place_was_taken_stops),
		TAP_TEST(vote_of_one_not_met_does_not_count),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
