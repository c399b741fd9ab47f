// SPDX-License-Identifier: GPL-2.0
/*
 * What goes wrong, and the client's load.  At most as many disks are lost at a
 * time as leave one copy of whatever a majority holds.
 */
#include "world.h"

#include <string.h>

void faults_begin(void)
{
	struct sim_weather *weather = &sim.weather;

	weather->latency_us = 200 + sim_below(20000);
	weather->slow_mail = sim_chance(500000) ? sim_below(50000) : 0;
	weather->drop = sim_chance(500000) ? sim_below(200000) : 0;
	weather->twice = sim_chance(500000) ? sim_below(200000) : 0;
	weather->disk_us = 100 + sim_below(20000);
	weather->slow_disk = sim_chance(500000) ? sim_below(100000) : 0;
	weather->fault_every_us = 10000 + sim_below(600000);
	if (sim_chance(300000)) /* a storm */
		weather->fault_every_us = 3000 + sim_below(40000);
	weather->hunts_leaders = sim_chance(500000) ? sim_below(900000) : 0;
	weather->batch = sim_chance(500000) ? 20 : 1 + sim_below(3);
	weather->client_every_us = 5000 + sim_below(150000);
	weather->end_us = 5000000 + sim_below(15000000);
	weather->loses_disks = sim_chance(500000);
	sim_schedule(weather->fault_every_us, SIM_FAULT, 0);
	sim_schedule(weather->client_every_us, SIM_CLIENT, 0);
	sim_note("seed %llu: %u nodes, timeout %llu us, drift %llu ppm",
		 (unsigned long long)sim.seed, sim.count,
		 (unsigned long long)sim.timeout_us,
		 (unsigned long long)sim.drift_ppm);
}

static struct sim_node *any_node(void)
{
	return &sim.nodes[1 + sim_below(sim.count)];
}

static void cut_one_way(uint32_t from, uint32_t to)
{
	sim.cut[from][to] = from != to;
}

static void cut_some(void)
{
	uint64_t kind = sim_below(5), side = sim_random();
	uint32_t one = any_node()->id, two = any_node()->id, i, j;

	sim.cuts++;
	sim_note("cut: kind %llu, n%u, n%u", (unsigned long long)kind, one,
		 two);
	for (i = 1; i <= sim.count; i++) {
		for (j = 1; j <= sim.count; j++) {
			if (kind == 0 && (i == one) != (j == one))
				cut_one_way(i, j); /* one alone */
			else if (kind == 1 && ((side >> i ^ side >> j) & 1))
				cut_one_way(i, j); /* two sides */
			else if (kind == 2 && j == one)
				cut_one_way(i, j); /* one is deaf */
			else if (kind == 3 && i == one)
				cut_one_way(i, j); /* one is dumb */
			else if (kind == 4 && i != one && j != one)
				cut_one_way(i, j); /* all see but one */
		}
	}
	sim_schedule(sim_below(10 * sim.timeout_us), SIM_HEAL_CUTS, 0);
}

static void crash(struct sim_node *node, bool machine)
{
	if (!node->up)
		return;
	sim.crashes++;
	node_crash(node, machine);
	sim_schedule(sim_chance(500000) ? sim_below(20000) :
					  sim_below(15 * sim.timeout_us),
		     SIM_RESTART, node->id);
}

void faults_crash(struct sim_node *node)
{
	if (!sim.healed)
		crash(node, sim_chance(300000));
}

static struct sim_node *some_leader(void)
{
	struct sim_node *node = any_node();
	uint32_t tries;

	for (tries = 0; tries < sim.count; tries++) {
		if (node->up && raft_role(node->raft) == RAFT_LEADER)
			return node;
		node = &sim.nodes[node->id % sim.count + 1];
	}
	return node;
}

/*
 * The leader's lease hangs on few followers, the others look for a leader of
 * their own, and then one of those few forgets what it promised.
 */
static void tempt(void)
{
	const struct sim_node *leader = some_leader();
	uint64_t keep = 1 + sim_below(oracle_majority() - 1), after;
	uint32_t to = any_node()->id, i;

	if (sim.count < 3)
		return;
	sim.cuts++;
	for (i = 0; i < sim.count; i++, to = to % sim.count + 1) {
		if (to == leader->id)
			continue;
		after = sim_below(2 * sim.timeout_us);
		if (keep) {
			keep--;
			sim_schedule(sim.timeout_us + after, SIM_CRASH, to);
			continue;
		}
		cut_one_way(leader->id, to);
		if (sim_chance(500000))
			cut_one_way(to, leader->id);
	}
	after = sim_below(4 * sim.timeout_us);
	sim_schedule(sim.timeout_us + after, SIM_HEAL_CUTS, 0);
}

/*
 * A leader is most vulnerable when it is new: figure 3.7 begins with leaders
 * that reach nobody with what they wrote.
 */
void faults_leads(struct sim_node *node)
{
	uint64_t after;
	uint32_t to;

	if (sim.healed || !sim_chance(sim.weather.hunts_leaders))
		return;
	after = sim_below(sim_chance(500000) ? 5000 : sim.timeout_us / 2);
	if (sim_chance(500000)) {
		sim_schedule(after, SIM_CRASH, node->id);
		return;
	}
	for (to = 1; to <= sim.count; to++)
		if (sim_chance(700000))
			cut_one_way(node->id, to);
	after = sim_below(4 * sim.timeout_us);
	sim_schedule(after, SIM_HEAL_CUTS, 0);
}

/*
 * If this node's disk goes too, does each majority of these members still have
 * a node that holds the data and has not forgotten it?
 */
static bool leaves_enough(const struct raft_members *members, uint32_t losing)
{
	unsigned int voting = raft_members_voting(members);
	unsigned int majority = voting / 2 + 1;
	/* Unanimity saves an even number from more, but not amid changes. */
	unsigned int bound = sim.weather.changes ? voting - majority + 1 :
						   majority;
	unsigned int witnesses = 0, lost_voters = 0, lost = 0, i;

	for (i = 0; i < raft_members_count(members); i++) {
		enum raft_member_role role = raft_members_role_at(members, i);
		uint32_t id = members->ids[i];
		bool gone = id == losing || sim.nodes[id].lost;

		witnesses += role == RAFT_MEMBER_WITNESS;
		lost_voters += gone && role == RAFT_MEMBER_VOTER;
		lost += gone && raft_role_votes(role);
	}
	return lost < bound &&
	       (!lost_voters || lost_voters + witnesses < majority);
}

/* By all memberships that may be in force: of the members, and their newest. */
static bool may_lose(uint32_t losing)
{
	const struct raft_members *members = oracle_members();
	uint32_t id;

	if (!leaves_enough(members, losing))
		return false;
	for (id = 1; id <= sim.count; id++) {
		const struct sim_node *node = &sim.nodes[id];

		if (!raft_members_role(members, id))
			continue;
		if (node->up &&
		    !leaves_enough(raft_members(node->raft), losing))
			return false;
		if (node->disk.last > 0 &&
		    !leaves_enough(&node->disk.entries[node->disk.last].members,
				   losing))
			return false;
	}
	return true;
}

static void lose_disk(struct sim_node *node)
{
	if (!sim.weather.loses_disks || !node->up ||
	    (!node->lost && !may_lose(node->id)))
		return;
	sim.disk_losses++;
	crash(node, true);
	disk_lose(node);
}

/* Its disk is gone, and of all peers it sees only the one it once followed. */
void faults_usurp(struct sim_node *node, uint32_t old_leader)
{
	uint64_t after;
	uint32_t id;

	if (sim.healed)
		return;
	lose_disk(node);
	for (id = 1; id <= sim.count; id++) {
		if (id == old_leader)
			continue;
		cut_one_way(id, node->id);
		cut_one_way(node->id, id);
	}
	after = sim_below(4 * sim.timeout_us);
	sim_schedule(after, SIM_HEAL_CUTS, 0);
}

/*
 * A leader sleeps through its deposition, out of the new one's sight, and one
 * of those who deposed it forgets: the sleeper finds a follower when it wakes.
 */
static void usurp(void)
{
	struct sim_node *leader = some_leader();
	uint64_t sleep = 2 * sim.timeout_us + sim_below(4 * sim.timeout_us);
	uint64_t before = sim_below(sim.timeout_us);
	uint32_t heir = any_node()->id, id;
	struct sim_event *event;

	if (sim.count < 3 || !leader->up || leader->paused ||
	    heir == leader->id)
		return;
	for (id = 1; id <= sim.count; id++) {
		if (id == heir)
			continue;
		cut_one_way(id, leader->id);
		cut_one_way(leader->id, id);
	}
	sim.pauses++;
	leader->paused = true;
	sim_note("n%u is stopped", leader->id);
	sim_schedule(sleep, SIM_RESUME, leader->id);
	event = sim_schedule(sleep - before, SIM_USURP, heir);
	event->a = leader->id;
}

/*
 * A bare majority commits, one of it forgets, is filled by the leader, and then
 * the leader is gone: what only these two had must not be missed by the rest.
 */
static void forget(void)
{
	const struct sim_node *leader = some_leader();
	uint64_t keep = oracle_majority() - 1, after;
	uint32_t to = any_node()->id, i;

	if (sim.count < 3)
		return;
	after = sim.timeout_us / 4 + sim_below(sim.timeout_us / 2);
	for (i = 0; i < sim.count; i++, to = to % sim.count + 1) {
		if (to == leader->id)
			continue;
		if (keep) {
			if (--keep == 0)
				sim_schedule(after, SIM_FORGET, to);
			continue;
		}
		cut_one_way(leader->id, to);
		cut_one_way(to, leader->id);
	}
}

void faults_forget(struct sim_node *node)
{
	if (sim.healed)
		return;
	lose_disk(node);
	memset(sim.cut, 0, sizeof(sim.cut));
	sim.hunts_copiers = true;
}

/* @from has just filled another node. */
void faults_copied(uint32_t from)
{
	if (!sim.hunts_copiers)
		return;
	sim.hunts_copiers = false;
	sim_schedule(sim_below(4000), SIM_CRASH, from);
}

static void pause_node(struct sim_node *node)
{
	if (!node->up || node->paused)
		return;
	sim.pauses++;
	node->paused = true;
	sim_note("n%u is stopped", node->id);
	sim_schedule(sim_below(10 * sim.timeout_us), SIM_RESUME, node->id);
}

static void ask(struct sim_node *node, enum raft_event_type type, uint32_t peer)
{
	struct raft_event event = { .type = type, .peer = peer };

	if (node->up && !node->paused)
		node_step(node, &event, NULL);
}

/* For entries of its own, and the no-ops of later leaders. */
static bool has_room(const struct sim_node *node)
{
	return raft_last_index(node->raft) <
	       SIM_INDEX_MAX - (sim.healed ? 500 : 2500);
}

static void change_member(void)
{
	struct raft_event event = { .type = RAFT_EV_MEMBER };
	struct sim_node *node = some_leader();
	unsigned int tries = 8;

	if (!node->up || node->paused || !has_room(node))
		return;
	do {
		event.peer = any_node()->id;
		/* Many learners make few voters. */
		event.role = sim_chance(500000) ?
				     RAFT_MEMBER_VOTER :
				     (enum raft_member_role)sim_below(4);
	} while (--tries &&
		 raft_member_refusal(node->raft, event.peer, event.role));
	node_step(node, &event, NULL);
	if (node->update.flags & RAFT_UP_REFUSED)
		return;
	sim.changes++;
	if (sim_chance(200000)) /* nobody or few hear of it */
		sim_schedule(sim_below(5000), SIM_CRASH, node->id);
}

static void strike_once(void)
{
	struct sim_node *node = sim_chance(400000) ? some_leader() : any_node();
	uint32_t id;

	switch (sim_below(20)) {
	case 0:
	case 1:
	case 2:
		crash(node, sim_chance(500000));
		break;
	case 3:
		for (id = 1; id <= sim.count; id++)
			if (sim_chance(700000))
				crash(&sim.nodes[id], true);
		break;
	case 4:
	case 5:
	case 6:
		cut_some();
		break;
	case 7:
	case 8:
		pause_node(node);
		break;
	case 9:
	case 10:
	case 11:
		/* One draw a statement: arguments have no order in C. */
		sim.transfers++;
		node = some_leader();
		id = sim_chance(900000) ? any_node()->id : 0;
		ask(node, RAFT_EV_TRANSFER, id);
		break;
	case 12:
		ask(node, RAFT_EV_CAMPAIGN, 0);
		break;
	case 13:
		if (node != any_node())
			sim_connect_later(node->id, node->id % sim.count + 1);
		break;
	case 14:
		if (node->up)
			sim_clock_drift(node);
		break;
	case 15:
		lose_disk(node);
		break;
	case 16:
	case 17:
		tempt();
		break;
	case 18:
		usurp();
		break;
	case 19:
		forget();
		break;
	}
}

void faults_strike(void)
{
	if (sim.healed)
		return;
	if (sim_chance(sim.weather.changes))
		change_member();
	else
		strike_once();
	sim_schedule(sim_below(2 * sim.weather.fault_every_us), SIM_FAULT, 0);
}

void faults_client(void)
{
	struct sim_node *node = some_leader();
	struct raft_event event = { .type = RAFT_EV_PROPOSE };

	if (sim.client_stopped)
		return;
	if (sim_chance(sim.weather.changes / 2))
		change_member();
	if (node->up && !node->paused && has_room(node)) {
		event.count = 1 + (uint32_t)sim_below(8);
		node_step(node, &event, NULL);
	}
	sim_schedule(sim_below(2 * sim.weather.client_every_us), SIM_CLIENT, 0);
}

/* From here on the world is kind, and there is no excuse. */
void faults_heal(void)
{
	struct sim_weather *weather = &sim.weather;
	uint32_t id, peer;

	sim_note("the faults are over");
	sim.healed = true;
	sim.commits_at_heal = oracle_committed();
	memset(sim.cut, 0, sizeof(sim.cut));
	weather->latency_us = 1000;
	weather->disk_us = 1000;
	weather->slow_mail = 0;
	weather->drop = 0;
	weather->twice = 0;
	weather->slow_disk = 0;
	/* Mail still overtakes mail: entry by entry that is a crawl. */
	weather->batch = 20;
	for (id = 1; id <= sim.count; id++) {
		struct sim_node *node = &sim.nodes[id];

		if (!node->up)
			node_start(node);
		else if (node->paused)
			node_resume(node);
	}
	for (id = 1; id <= sim.count; id++)
		for (peer = id + 1; peer <= sim.count; peer++)
			sim_connect_later(id, peer);
}
