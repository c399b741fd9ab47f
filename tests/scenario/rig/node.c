// SPDX-License-Identifier: GPL-2.0
/*
 * One core and what carries out its updates.  Unless held back, a disk is
 * instant and entries are sent as soon as they may be.
 */
#include "scene.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct scene scene;

uint32_t scene_node_id(const struct scene_node *node)
{
	return (uint32_t)(node - scene.nodes);
}

void scene_send_due(struct scene_node *node, uint32_t peer, uint32_t count)
{
	struct raft_event event = {
		.type = RAFT_EV_SEND,
		.peer = peer,
		.count = count,
	};

	while (raft_send_due(node->raft, peer))
		scene_step(node, &event);
}

static void carry_on(struct scene_node *node)
{
	uint32_t id;

	if (!node->hold_state)
		scene_disk_save(node, true);
	if (!node->hold_send)
		for (id = 1; id <= scene.count; id++)
			scene_send_due(node, id, RAFT_APPEND_MAX);
	if (!node->hold_disk)
		scene_disk_persist(node, SCENE_OPS_MAX, true);
}

void scene_step(struct scene_node *node, struct raft_event *event)
{
	struct raft_update *update = malloc(sizeof(*update));
	struct raft_members members = *raft_members(node->raft);
	const uint64_t *terms = NULL;
	unsigned int i;

	if (!update)
		abort();
	event->now_us = node->clock_us;
	event->random = node->random;
	raft_step(node->raft, event, update);
	if (event->type == RAFT_EV_RECV)
		terms = event->entry_terms;
	scene_say_update(node, update, terms);
	if (!raft_members_equal(&members, raft_members(node->raft)))
		scene_tell("  members %s since %" PRIu64,
			   scene_members_text(raft_members(node->raft)),
			   raft_members_since(node->raft));
	scene_members_note(node, event, update);
	scene_disk_note(node, event, update);
	for (i = 0; i < update->msg_count; i++)
		scene_mail_post(node, &update->msgs[i], update->state_seq);
	free(update);
	scene_safety_check();
	if (event->type != RAFT_EV_SEND)
		carry_on(node);
}

/* Start it on what its disk holds. */
void scene_boot(struct scene_node *node)
{
	static struct raft_run runs[SCENE_LOG_MAX];
	static struct raft_member_run members[SCENE_LOG_MAX];
	struct scene_disk *disk = &node->disk;
	struct raft_boot boot = {
		.base_index = disk->base_index,
		.base_term = disk->base_term,
		.last_index = disk->last_index,
		.runs = runs,
		.member_runs = members,
		.commit = disk->base_index,
		.now_us = node->clock_us,
		.random = node->random,
	};
	uint64_t index;

	/* As if it had started before: a first step would save it. */
	if (!disk->state.promise_us)
		disk->state.promise_us =
			(uint32_t)node->config.election_timeout_us;
	boot.state = disk->state;
	for (index = disk->base_index + 1; index <= disk->last_index; index++) {
		uint64_t term = disk->terms[index];

		if (boot.run_count && runs[boot.run_count - 1].term == term)
			continue;
		runs[boot.run_count].first_index = index;
		runs[boot.run_count++].term = term;
	}
	for (index = disk->base_index; index <= disk->last_index; index++) {
		struct raft_members now = scene_members_on_disk(node, index);
		unsigned int count = boot.member_run_count;

		node->members[index] = disk->members[index];
		if (count &&
		    raft_members_equal(&members[count - 1].members, &now))
			continue;
		members[count].first_index = index;
		members[count].members = now;
		boot.member_run_count++;
	}
	node->raft = raft_new(&node->config, &boot);
	if (!node->raft)
		abort();
}

void scene_crash(struct scene_node *node)
{
	raft_free(node->raft);
	node->raft = NULL;
	scene_disk_lose(node);
	scene_mail_forget(scene_node_id(node), 0, true);
}

/* A new connection of two nodes that are up. */
void scene_link(struct scene_node *node, uint32_t peer)
{
	struct raft_event event = { .type = RAFT_EV_LINK, .peer = peer };
	uint32_t id = scene_node_id(node);

	scene_mail_forget(id, peer, false);
	scene_tell("n%u link to n%u", id, peer);
	scene_step(node, &event);
	event.peer = id;
	scene_tell("n%u link to n%u", peer, id);
	scene_step(&scene.nodes[peer], &event);
}

void scene_clear(void)
{
	unsigned int i;

	for (i = 0; i <= SCENE_NODES_MAX; i++)
		raft_free(scene.nodes[i].raft);
	free(scene.out);
	memset(&scene, 0, sizeof(scene));
	scene.detail = SCENE_ALL;
	scene_safety_clear();
}
