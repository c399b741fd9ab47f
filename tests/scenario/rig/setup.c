// SPDX-License-Identifier: GPL-2.0
/* How a script's cluster comes into being. */
#include "scene.h"

#include <stdio.h>
#include <string.h>

/* They have been up for so long when a script begins. */
#define UP_US 1000000ULL

static void boot_earlier(struct scene_node *node)
{
	node->clock_us -= UP_US;
	scene_boot(node);
	node->clock_us += UP_US;
}

/* Fill a disk from "log=1*10 base=5/1 term=2 vote=n2 not-joined damaged". */
static void describe(struct scene_args *args, struct scene_disk *disk)
{
	const char *vote = scene_arg(args, "vote");
	uint64_t last_term;

	memset(disk, 0, sizeof(*disk));
	scene_place(args, scene_arg(args, "base"), &disk->base_index,
		    &disk->base_term);
	if (disk->base_index >= SCENE_LOG_MAX)
		args->error = "that log is too long";
	if (args->error)
		return;
	disk->last_index = disk->base_index;
	disk->last_index +=
		scene_terms(args, scene_arg(args, "log"),
			    disk->terms + disk->base_index + 1,
			    SCENE_LOG_MAX - 1 - (unsigned int)disk->base_index);
	disk->terms[disk->base_index] = disk->base_term;
	last_term = disk->terms[disk->last_index];
	disk->state.term = scene_number(args, "term", last_term);
	disk->state.vote = vote ? scene_id(args, vote) : 0;
	disk->state.joined = (disk->last_index > 0 || disk->state.term > 0) &&
			     !scene_flag(args, "not-joined");
	disk->state.damaged = scene_flag(args, "damaged");
}

/* timeout=1s: of its configuration from the next start on */
void scene_timeout(struct scene_args *args, uint32_t id)
{
	struct scene_node *node = &scene.nodes[id];
	const char *timeout = scene_arg(args, "timeout");

	if (timeout)
		node->config.election_timeout_us = scene_us(args, timeout);
}

static void configure(struct scene_args *args, uint32_t id)
{
	struct raft_config *config = &scene.nodes[id].config;
	const char *members = scene_arg(args, "members");
	char everybody[16];

	config->id = id;
	snprintf(everybody, sizeof(everybody), "%u", scene.count);
	scene_members_parse(args, members ? members : everybody,
			    &config->members);
	config->election_timeout_us = 1000000;
	scene_timeout(args, id);
	config->heartbeat_us = 100000;
	config->drift_ppm = (uint32_t)scene_number(args, "drift", 10000);
}

/* cluster nodes=3 [members=2] [timeout=1s] [drift=10000] [what each disk holds] */
void scene_cluster(struct scene_args *args)
{
	unsigned int count = (unsigned int)scene_number(args, "nodes", 3);
	uint32_t id;

	if (scene.count) {
		args->error = "there is a cluster already";
		return;
	}
	if (count < 1 || count > SCENE_NODES_MAX) {
		args->error = "so many nodes are not possible";
		return;
	}
	scene.count = count;
	for (id = 1; id <= count; id++) {
		struct scene_node *node = &scene.nodes[id];

		configure(args, id);
		describe(args, &node->disk);
		node->clock_us = 1000000 + UP_US;
		node->random = id * 100000;
		if (!args->error)
			boot_earlier(node);
	}
}

/* replica n2 [timeout=1s] [what its disk holds]: instead of what cluster gave */
void scene_replica(struct scene_args *args)
{
	struct scene_node *node = scene_node(args, 1, false);

	if (!node)
		return;
	scene_crash(node);
	describe(args, &node->disk);
	scene_timeout(args, scene_node_id(node));
	if (!args->error)
		boot_earlier(node);
}

/* lead n1: elected in peace; the script is about what comes then */
void scene_lead(struct scene_args *args)
{
	struct raft_event event = { .type = RAFT_EV_CAMPAIGN };
	struct scene_node *node = scene_node(args, 1, false);

	if (!node)
		return;
	scene.detail = SCENE_SILENT;
	scene_step(node, &event);
	scene_settle();
	if (raft_role(node->raft) != RAFT_LEADER)
		args->error = "it was not elected";
}
