/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* What two nodes that meet say to each other of their lives, and count on. */
#include "node_rig.h"

#define SECOND_US 1000000

/* The last LIFE that each node has sent to each. */
static struct wire_life lives[RIG_NODES + 1][RIG_NODES + 1];

/* Of this node nothing arrives; 0: of all it does. */
static uint32_t silent;

static bool keep(uint32_t from, uint32_t to, const struct wire_msg *msg)
{
	if (msg->type == WIRE_LIFE)
		lives[from][to] = msg->life;
	return from != silent;
}

static uint32_t begin(unsigned int count, unsigned int members)
{
	memset(lives, 0, sizeof(lives));
	rig_passes = keep;
	return rig_begin(count, members);
}

static void end(void)
{
	rig_end();
	rig_passes = NULL;
	silent = 0;
}

static void reconnect(uint32_t id, uint32_t peer)
{
	node_link(rig_at(id), peer, false);
	node_link(rig_at(id), peer, true);
}

/* @from says that it is in @life, and what it remembers of @to. */
static void tell(uint32_t from, uint32_t to, uint32_t flags,
		 struct raft_life life, struct raft_known known)
{
	struct wire_msg msg = { .type = WIRE_LIFE };

	msg.life = (struct wire_life){ .flags = flags,
				       .life = life,
				       .known = known };
	node_recv(rig_at(to), from, &msg, rig.now, 1);
}

/* The same life, from two copies of one disk, while the first still runs. */
static void same_life_of_another_copy_stops_the_node(void)
{
	uint32_t leader = begin(3, 3), one = rig_next(leader);
	struct raft_known known = { .life = lives[leader][one].life };

	known.life.nonce += 2;
	reconnect(leader, one);
	tell(one, leader, 0, lives[one][leader].life, known);
	node_pump(rig_at(leader), rig.now, 1);
	tap_check(rig_view(leader).diverged);
	tap_check(strstr(rig_view(leader).problem, "another machine") != NULL);
	tap_check_eq(rig.nodes[leader].lease_us, 0);
	end();
}

/* It is the life that was met, but its disk has lost what it had done in it. */
static void check_barred_by(struct raft_known remembered)
{
	uint32_t leader = begin(3, 3), one = rig_next(leader);
	uint32_t number = lives[one][leader].life.number;

	rig_write(leader, 5);
	remembered.life = lives[one][leader].life;
	if (remembered.index)
		remembered.index += rig_view(one).durable;
	if (remembered.term)
		remembered.term += rig_view(one).term;
	reconnect(one, leader);
	tell(leader, one, 0, lives[leader][one].life, remembered);
	tap_check(rig_view(one).damaged);
	tap_check(!rig_view(one).diverged);
	tap_check(strstr(rig_view(one).problem, "set back") != NULL);
	rig_links(one, false);
	rig_links(one, true);
	rig_pass(5 * SECOND_US);
	/* In a life of another line it was filled, and goes on. */
	tap_check(lives[one][leader].life.number > number + 1);
	tap_check(!rig_view(one).damaged && !rig_view(one).incomplete);
	tap_check(rig_same(leader, one));
	end();
}

static void node_that_has_been_in_a_later_term_is_barred(void)
{
	check_barred_by((struct raft_known){ .term = 1 });
}

static void node_that_has_held_more_is_barred(void)
{
	check_barred_by((struct raft_known){ .index = 1 });
}

static void check_not_noted(uint32_t id, uint32_t peer, struct raft_life life,
			    struct raft_known known)
{
	reconnect(id, peer);
	tell(peer, id, WIRE_LIFE_JUDGED, life, known);
	rig_turns(2);
	tap_check(lives[id][peer].flags & WIRE_LIFE_JUDGED);
	tap_check(!(lives[id][peer].flags & WIRE_LIFE_NOTED));
}

/* As a word that was under way when the node started again would be. */
static void earlier_life_of_a_peer_is_not_noted(void)
{
	uint32_t leader = begin(3, 3), one = rig_next(leader);
	struct raft_known known;
	struct raft_life now;

	rig_kill(one);
	rig_boot(one);
	rig_pass(SECOND_US);
	now = lives[one][leader].life;
	tap_need(now.number == 2);
	known.life = lives[leader][one].life;
	tap_check(lives[leader][one].flags & WIRE_LIFE_NOTED);
	known.term = 0;
	known.index = 0;
	silent = one;
	check_not_noted(leader, one, (struct raft_life){ 1, 4711 }, known);
	/* Nor is the same one, of another copy of its disk. */
	now.nonce += 2;
	check_not_noted(leader, one, now, known);
	now.nonce -= 2;
	reconnect(leader, one);
	tell(one, leader, WIRE_LIFE_JUDGED, now, known);
	rig_turns(2);
	tap_check(lives[leader][one].flags & WIRE_LIFE_NOTED);
	end();
}

/* Nine nodes, seven of them members: who is none may have to be forgotten. */
static void members_are_remembered_rather_than_others(void)
{
	uint32_t id;

	begin(9, RAFT_MEMBERS_MAX);
	rig_pass(SECOND_US);
	for (id = 1; id <= RAFT_MEMBERS_MAX; id++) {
		uint32_t next = id % RAFT_MEMBERS_MAX + 1;

		tap_check(lives[id][next].flags & WIRE_LIFE_NOTED);
		tap_check(lives[8][id].flags & WIRE_LIFE_NOTED);
		tap_check(lives[9][id].flags & WIRE_LIFE_NOTED);
		/* One place is left for both. */
		tap_check(lives[id][8].flags & WIRE_LIFE_NOTED);
		tap_check(lives[id][9].flags & WIRE_LIFE_NOTED);
	}
	/* Those two have none for each other, and need none. */
	tap_check(lives[8][9].life.number != 0);
	tap_check(!(lives[8][9].flags & WIRE_LIFE_NOTED));
	tap_check_eq(lives[8][9].known.life.number, 0);
	tap_check(!(lives[9][8].flags & WIRE_LIFE_NOTED));
	end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(same_life_of_another_copy_stops_the_node),
		TAP_TEST(node_that_has_been_in_a_later_term_is_barred),
		TAP_TEST(node_that_has_held_more_is_barred),
		TAP_TEST(earlier_life_of_a_peer_is_not_noted),
		TAP_TEST(members_are_remembered_rather_than_others),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
