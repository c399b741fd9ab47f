// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold whatever a script does (thesis figure 3.2): one leader in a
 * term, an index committed with one term only, and two logs that have an entry
 * in common are equal up to it.
 */
#include "scene.h"

#include <inttypes.h>
#include <string.h>

#define TERMS_MAX 4096

static uint32_t leaders[TERMS_MAX];
static uint64_t committed[SCENE_LOG_MAX];
static uint64_t committed_in[SCENE_LOG_MAX]; /* the term then */
static uint64_t checked[SCENE_NODES_MAX + 1];

void scene_safety_clear(void)
{
	memset(leaders, 0, sizeof(leaders));
	memset(committed, 0, sizeof(committed));
	memset(committed_in, 0, sizeof(committed_in));
	memset(checked, 0, sizeof(checked));
}

/* The leader of a later term has what was committed. */
static void check_complete(const struct scene_node *node)
{
	uint64_t index = raft_base_index(node->raft) + 1;

	for (; index < SCENE_LOG_MAX && committed[index]; index++) {
		if (committed_in[index] >= raft_term(node->raft) ||
		    raft_entry_term(node->raft, index) == committed[index])
			continue;
		scene_say("BROKEN: n%u leads without %" PRIu64 "/%" PRIu64,
			  scene_node_id(node), index, committed[index]);
		scene.broken++;
	}
}

static void check_leader(const struct scene_node *node)
{
	uint64_t term = raft_term(node->raft);
	uint32_t id = scene_node_id(node);

	if (raft_role(node->raft) != RAFT_LEADER || term >= TERMS_MAX)
		return;
	if (leaders[term] && leaders[term] != id) {
		scene_say("BROKEN: n%u and n%u lead term %" PRIu64,
			  leaders[term], id, term);
		scene.broken++;
	}
	leaders[term] = id;
	check_complete(node);
}

static void check_commit(const struct scene_node *node)
{
	uint64_t commit = raft_commit_index(node->raft);
	uint64_t *from = &checked[scene_node_id(node)];
	uint64_t index;

	/* A restart forgets what was committed. */
	if (*from > commit)
		*from = 0;
	for (index = *from + 1; index <= commit; index++) {
		uint64_t term = raft_entry_term(node->raft, index);

		if (!term || index >= SCENE_LOG_MAX)
			continue;
		if (committed[index] && committed[index] != term) {
			scene_say("BROKEN: n%u commits %" PRIu64 "/%" PRIu64
				  ", before it was of term %" PRIu64,
				  scene_node_id(node), index, term,
				  committed[index]);
			scene.broken++;
		}
		if (!committed[index] ||
		    committed_in[index] > raft_term(node->raft))
			committed_in[index] = raft_term(node->raft);
		committed[index] = term;
	}
	*from = commit;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void check_matching(const struct scene_node *a,
			   const struct scene_node *b)
{
	uint64_t index =
		min_u64(raft_last_index(a->raft), raft_last_index(b->raft));
	bool common = false;

	for (; index > 0; index--) {
		uint64_t of_a = raft_entry_term(a->raft, index);
		uint64_t of_b = raft_entry_term(b->raft, index);

		if (!of_a || !of_b)
			return;
		if (common && of_a != of_b) {
			scene_say("BROKEN: n%u and n%u differ at %" PRIu64
				  " below a common entry",
				  scene_node_id(a), scene_node_id(b), index);
			scene.broken++;
			return;
		}
		common |= of_a == of_b;
	}
}

void scene_safety_check(void)
{
	unsigned int i, j;

	for (i = 1; i <= scene.count; i++) {
		if (!scene.nodes[i].raft)
			continue;
		check_leader(&scene.nodes[i]);
		check_commit(&scene.nodes[i]);
		for (j = 1; j < i; j++)
			if (scene.nodes[j].raft)
				check_matching(&scene.nodes[i],
					       &scene.nodes[j]);
	}
}
