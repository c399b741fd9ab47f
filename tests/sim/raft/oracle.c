// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold after every step (thesis figure 3.2, 6.4.1), seen from
 * outside: by what the cores tell the world, and what is on the disks.
 */
#include "world.h"

#include <string.h>

#define VERSIONS_MAX 32 /* different entries seen at one index */

struct version {
	uint64_t term;
	uint64_t chain;
};

static struct sim_entry committed[SIM_INDEX_MAX];
static uint64_t committed_last;
static uint32_t leader_of[SIM_TERMS_MAX];
static uint32_t vote_of[SIM_TERMS_MAX][SIM_NODES_MAX + 1];
static uint64_t newest_term;
static struct version versions[SIM_INDEX_MAX][VERSIONS_MAX];
static unsigned int version_count[SIM_INDEX_MAX];

static unsigned long long llu(uint64_t value)
{
	return value;
}

void oracle_begin(void)
{
	memset(leader_of, 0, (newest_term + 1) * sizeof(leader_of[0]));
	memset(vote_of, 0, (newest_term + 1) * sizeof(vote_of[0]));
	memset(version_count, 0, sizeof(version_count));
	newest_term = 0;
	committed_last = 0;
}

const struct raft_members *oracle_members(void)
{
	return committed_last ? &committed[committed_last].members : &sim.born;
}

unsigned int oracle_majority(void)
{
	return raft_members_voting(oracle_members()) / 2 + 1;
}

uint64_t oracle_committed(void)
{
	return committed_last;
}

/*
 * Log matching: an index and a term name one entry and all before it. A chain
 * that does not end in what was seen with that name before breaks it.
 */
uint64_t oracle_chain(uint64_t before, uint64_t index, uint64_t term,
		      uint64_t value)
{
	uint64_t chain = (before ^ value ^ term << 40) * 0x9fb21c651e98df25ULL;
	unsigned int i;

	chain ^= chain >> 29;
	for (i = 0; i < version_count[index]; i++) {
		if (versions[index][i].term != term)
			continue;
		if (versions[index][i].chain != chain)
			sim_fail("log matching: two logs up to %llu of term "
				 "%llu",
				 llu(index), llu(term));
		return chain;
	}
	if (i < VERSIONS_MAX) {
		versions[index][i] = (struct version){ term, chain };
		version_count[index]++;
	}
	return chain;
}

static bool gate_open(const struct sim_node *node)
{
	return node->gate_until_us > sim_clock(node);
}

static void check_no_other_gate(const struct sim_node *node, uint64_t term,
				const char *what)
{
	uint32_t id;

	for (id = 1; id <= sim.count; id++) {
		const struct sim_node *other = &sim.nodes[id];

		if (other == node || !gate_open(other) ||
		    other->gate_term > term)
			continue;
		sim_fail("lease: n%u %s in term %llu while n%u has a lease of "
			 "term %llu for another %llu us",
			 node->id, what, llu(term), id, llu(other->gate_term),
			 llu(other->gate_until_us - sim_clock(other)));
	}
}

void oracle_gate(const struct sim_node *node)
{
	if (gate_open(node))
		check_no_other_gate(node, UINT64_MAX, "gets a lease");
}

static bool log_has(const struct sim_node *node, uint64_t index)
{
	if (index < raft_base_index(node->raft))
		return true;
	return index <= raft_last_index(node->raft) &&
	       node->entries[index].chain == committed[index].chain;
}

static void check_leader(struct sim_node *node)
{
	uint64_t term = raft_term(node->raft);

	if (raft_role(node->raft) != RAFT_LEADER || node->led_term == term)
		return;
	if (term >= SIM_TERMS_MAX)
		sim_fail("terms run away");
	node->led_term = term;
	sim.leaders++;
	sim_note("n%u leads term %llu", node->id, llu(term));
	if (leader_of[term])
		sim_fail("election safety: n%u and n%u lead term %llu",
			 node->id, leader_of[term], llu(term));
	leader_of[term] = node->id;
	if (raft_own_role(node->raft) != RAFT_MEMBER_VOTER &&
	    raft_members_since(node->raft) <= raft_commit_index(node->raft))
		sim_fail("n%u leads and is no voter", node->id);
	if (raft_own_role(node->raft) == RAFT_MEMBER_WITNESS)
		sim_fail("n%u leads and is a witness", node->id);
	if (term > newest_term)
		newest_term = term;
	check_no_other_gate(node, term, "begins to lead");
	/* A leader of the past may lack what was committed since. */
	if (committed_last && committed[committed_last].term < term &&
	    !log_has(node, committed_last))
		sim_fail("leader completeness: n%u leads term %llu without "
			 "entry %llu of term %llu",
			 node->id, llu(term), llu(committed_last),
			 llu(committed[committed_last].term));
}

/* How many members' votes differ. */
static unsigned int votes_changed(const struct raft_members *a,
				  const struct raft_members *b)
{
	unsigned int changed = 0;
	uint32_t id;

	for (id = 1; id <= sim.count; id++)
		changed += raft_role_votes(raft_members_role(a, id)) !=
			   raft_role_votes(raft_members_role(b, id));
	return changed;
}

/* A leader has appended this entry. */
void oracle_change(const struct sim_node *node, uint64_t index)
{
	const struct raft_members *now = &node->entries[index].members;
	const struct raft_members *before =
		index > 1 ? &node->entries[index - 1].members : &sim.born;
	uint64_t since = index - 1;

	if (raft_members_equal(now, before))
		return;
	sim_note("n%u changes the members at %llu", node->id, llu(index));
	if (votes_changed(now, before) > 1)
		sim_fail("n%u changes two votes at once", node->id);
	while (since > raft_base_index(node->raft) &&
	       raft_members_equal(&node->entries[since - 1].members, before))
		since--;
	if (since > committed_last)
		sim_fail("n%u changes the members at %llu while %llu is open",
			 node->id, llu(index), llu(since));
	if (!committed_last ||
	    committed[committed_last].term < raft_term(node->raft))
		sim_fail("n%u changes the members before its term has "
			 "committed anything",
			 node->id);
}

/* An acknowledged entry is on a majority's disks, lost disks forgiven. */
static void check_durable(const struct sim_node *node, uint64_t index)
{
	const struct raft_members *members = raft_members(node->raft);
	unsigned int held = 0;
	uint32_t id;

	for (id = 1; id <= sim.count; id++) {
		const struct sim_node *other = &sim.nodes[id];
		const struct sim_disk *disk = &other->disk;

		if (!raft_role_votes(raft_members_role(members, id)))
			continue;
		held += other->lost || disk->base >= index ||
			(disk->last >= index &&
			 disk->entries[index].chain ==
				 node->entries[index].chain);
	}
	if (held < raft_members_voting(members) / 2 + 1)
		sim_fail("n%u commits %llu, which only %u disks hold", node->id,
			 llu(index), held);
}

static void check_commit(struct sim_node *node)
{
	uint64_t commit = raft_commit_index(node->raft);
	uint64_t first = node->commit_seen + 1, index;

	if (commit < node->commit_seen)
		sim_fail("n%u's commit went back from %llu to %llu", node->id,
			 llu(node->commit_seen), llu(commit));
	if (commit == node->commit_seen)
		return;
	if (first <= raft_base_index(node->raft))
		first = raft_base_index(node->raft) + 1;
	for (index = first; index <= commit; index++) {
		if (index <= committed_last) {
			if (!log_has(node, index))
				sim_fail("state machine safety: n%u commits "
					 "another entry %llu",
					 node->id, llu(index));
			continue;
		}
		/* It may have committed and handed over in one step. */
		if (node->led_term != raft_term(node->raft))
			sim_fail("n%u, not leading, commits %llu first",
				 node->id, llu(index));
		committed[index] = node->entries[index];
		committed_last = index;
	}
	node->commit_seen = commit;
	/* It led when it committed, even if that took it out. */
	if (node->led_term != raft_term(node->raft))
		return;
	check_no_other_gate(node, raft_term(node->raft), "commits");
	check_durable(node, commit);
}

void oracle_step(struct sim_node *node)
{
	check_leader(node);
	check_commit(node);
}

/* What a message promises must be on the disk when it leaves. */
void oracle_message(const struct sim_node *node, const struct raft_msg *msg)
{
	const struct sim_disk *disk = &node->disk;
	bool prevote =
		(msg->type == RAFT_MSG_VOTE && msg->vote.prevote) ||
		(msg->type == RAFT_MSG_VOTE_REPLY && msg->vote_reply.prevote);
	uint64_t match = msg->append_reply.match;

	if (!prevote && disk->state.term < msg->term)
		sim_fail("n%u speaks of term %llu before it has saved it",
			 node->id, llu(msg->term));
	if (msg->type == RAFT_MSG_VOTE_REPLY && !prevote &&
	    msg->vote_reply.granted) {
		uint32_t *vote = &vote_of[msg->term][node->id];

		if (disk->state.term == msg->term &&
		    disk->state.vote != msg->to)
			sim_fail("n%u grants a vote that it has not saved",
				 node->id);
		if (msg->term >= SIM_TERMS_MAX)
			sim_fail("terms run away");
		if (*vote && *vote != msg->to && !sim.disk_losses)
			sim_fail("n%u votes twice in term %llu", node->id,
				 llu(msg->term));
		*vote = msg->to;
		if (msg->term > newest_term)
			newest_term = msg->term;
	}
	if (msg->type == RAFT_MSG_APPEND_REPLY && msg->append_reply.ok &&
	    match > disk->base &&
	    (disk->last < match ||
	     disk->entries[match].chain != node->entries[match].chain))
		sim_fail("n%u claims %llu, its disk holds %llu", node->id,
			 llu(match), llu(disk->last));
}

/* The faults are long over: one leader, everybody equal and whole. */
void oracle_end(void)
{
	const struct sim_node *leader = NULL;
	uint32_t id;

	for (id = 1; id <= sim.count; id++) {
		const struct sim_node *node = &sim.nodes[id];

		if (raft_role(node->raft) != RAFT_LEADER)
			continue;
		if (leader)
			sim_fail("n%u and n%u lead at the end", leader->id, id);
		leader = node;
	}
	if (!leader)
		sim_fail("no progress: nobody leads at the end");
	/* Not even by those who were removed and don't know. */
	if (sim.leaders != sim.leaders_at_calm)
		sim_fail("leaders are disturbed: %llu since all is calm",
			 llu(sim.leaders - sim.leaders_at_calm));
	if (committed_last <= sim.commits_at_heal)
		sim_fail("no progress: nothing committed since the faults");
	if (!gate_open(leader))
		sim_fail("no progress: n%u leads without a lease", leader->id);
	for (id = 1; id <= sim.count; id++) {
		const struct sim_node *node = &sim.nodes[id];

		if (!raft_members_role(oracle_members(), id))
			continue;
		if (!raft_members_equal(raft_members(node->raft),
					oracle_members()))
			sim_fail("n%u has other members at the end", id);
		if (raft_commit_index(node->raft) != committed_last ||
		    raft_last_index(node->raft) !=
			    raft_last_index(leader->raft))
			sim_fail("n%u is at %llu/%llu, not %llu at the end", id,
				 llu(raft_commit_index(node->raft)),
				 llu(raft_last_index(node->raft)),
				 llu(committed_last));
		if (!log_has(node, committed_last))
			sim_fail("n%u's log differs at the end", id);
		if (!raft_hard_state(node->raft)->joined ||
		    raft_hard_state(node->raft)->damaged)
			sim_fail("n%u is still barred at the end", id);
	}
}
