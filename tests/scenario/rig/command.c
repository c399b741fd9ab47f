// SPDX-License-Identifier: GPL-2.0
/* The commands that drive cores, disks and clocks; README.md lists them. */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct scene_node *need_node(struct scene_args *args, const char *what)
{
	struct scene_node *node = scene_node(args, 1, false);

	if (node && what)
		scene_tell("n%u %s", scene_node_id(node), what);
	return node;
}

/* Events that name a node and at most a peer. */
static void simple(struct scene_args *args, enum raft_event_type type,
		   const char *what)
{
	struct raft_event event = { .type = type };
	struct scene_node *node;

	if (args->count > 2 && args->words[2][0] == 'n')
		event.peer = scene_id(args, args->words[2]);
	event.count = (uint32_t)scene_number(args, "count", 1);
	node = args->error ? NULL : need_node(args, what);
	if (node)
		scene_step(node, &event);
}

static void run_campaign(struct scene_args *args)
{
	simple(args, RAFT_EV_CAMPAIGN, "campaign");
}

static void run_damaged(struct scene_args *args)
{
	simple(args, RAFT_EV_DAMAGED, "damaged");
}

static void run_propose(struct scene_args *args)
{
	simple(args, RAFT_EV_PROPOSE, "propose");
}

static void run_transfer(struct scene_args *args)
{
	simple(args, RAFT_EV_TRANSFER, "transfer");
}

static void run_beat(struct scene_args *args)
{
	struct raft_event event = { .type = RAFT_EV_SEND };
	struct scene_node *node = need_node(args, "beat");
	uint32_t peer = args->count > 2 ? scene_id(args, args->words[2]) : 0;

	event.peer = peer;
	if (node && !args->error)
		scene_step(node, &event);
}

static void run_send(struct scene_args *args)
{
	uint32_t count = (uint32_t)scene_number(args, "count", RAFT_APPEND_MAX);
	struct scene_node *node = need_node(args, "send");
	struct raft_event event = { .type = RAFT_EV_SEND, .count = count };

	event.peer = args->count > 2 ? scene_id(args, args->words[2]) : 0;
	if (!node || args->error)
		return;
	if (scene_flag(args, "once"))
		scene_step(node, &event);
	else
		scene_send_due(node, event.peer, count);
}

static void run_compact(struct scene_args *args)
{
	struct raft_event event = { .type = RAFT_EV_COMPACTED };
	struct scene_node *node = need_node(args, "compact");
	struct scene_disk *disk;

	event.index = scene_number(args, "to", 0);
	if (!node || args->error)
		return;
	disk = &node->disk;
	if (event.index > disk->last_index) {
		args->error = "the disk is not that far";
		return;
	}
	if (event.index > disk->base_index) {
		disk->base_term = disk->terms[event.index];
		disk->base_index = event.index;
	}
	scene_step(node, &event);
}

static void run_reset(struct scene_args *args)
{
	struct raft_event event = { .type = RAFT_EV_RESET };
	struct scene_node *node = need_node(args, "reset");
	struct raft_members members;
	uint32_t from = 0;

	scene_place(args, scene_arg(args, "to"), &event.index, &event.term);
	if (scene_arg(args, "from"))
		from = scene_id(args, scene_arg(args, "from"));
	if (!node || args->error)
		return;
	if (from)
		members = scene_members_at(&scene.nodes[from], event.index);
	event.members = from ? &members : NULL;
	scene_step(node, &event);
}

/* A report that the script makes up; the disk is as it is. */
static void run_persisted(struct scene_args *args)
{
	struct raft_event event = { .type = RAFT_EV_PERSISTED };
	struct scene_node *node = need_node(args, "persisted");

	scene_place(args, scene_arg(args, "upto"), &event.index, &event.term);
	event.seq = scene_number(args, "seq", 1);
	if (node && !args->error)
		scene_step(node, &event);
}

static void run_persist(struct scene_args *args)
{
	unsigned int count =
		(unsigned int)scene_number(args, "count", SCENE_OPS_MAX);
	struct scene_node *node = need_node(args, "persist");

	if (node && !args->error)
		scene_disk_persist(node, count, !scene_flag(args, "untold"));
}

static void run_save(struct scene_args *args)
{
	struct scene_node *node = need_node(args, "save");

	if (node)
		scene_disk_save(node, !scene_flag(args, "untold"));
}

static void hold(struct scene_args *args, bool held)
{
	struct scene_node *node = scene_node(args, 1, true);

	if (!node)
		return;
	if (scene_flag(args, "disk"))
		node->hold_disk = held;
	else if (scene_flag(args, "state"))
		node->hold_state = held;
	else if (scene_flag(args, "send"))
		node->hold_send = held;
	else
		args->error = "hold what: disk, state or send";
}

static void run_hold(struct scene_args *args)
{
	hold(args, true);
}

static void run_release(struct scene_args *args)
{
	hold(args, false);
}

static void run_crash(struct scene_args *args)
{
	struct scene_node *node = scene_node(args, 1, false);

	if (node)
		scene_crash(node);
}

static void run_restart(struct scene_args *args)
{
	struct scene_node *node = scene_node(args, 1, true);
	uint32_t id;

	if (!node)
		return;
	if (node->raft)
		scene_crash(node);
	if (scene_flag(args, "blank"))
		memset(&node->disk, 0, sizeof(node->disk));
	if (scene_flag(args, "damaged"))
		node->disk.state.damaged = true;
	scene_timeout(args, scene_node_id(node));
	scene_boot(node);
	for (id = 1; id <= scene.count && !scene_flag(args, "alone"); id++)
		if (id != scene_node_id(node) && scene.nodes[id].raft)
			scene_link(node, id);
}

static void run_link(struct scene_args *args)
{
	struct scene_node *node = scene_node(args, 1, false);
	struct scene_node *peer = scene_node(args, 2, false);

	if (node && peer)
		scene_link(node, scene_node_id(peer));
}

static void run_random(struct scene_args *args)
{
	struct scene_node *node = scene_node(args, 1, true);

	if (node && args->count > 2)
		node->random = scene_us(args, args->words[2]);
}

/* Node @id's clock, or everybody's; crashed nodes' go on. */
static void move_clocks(uint32_t id, uint64_t us)
{
	uint32_t i;

	for (i = 1; i <= scene.count; i++)
		if (!id || i == id)
			scene.nodes[i].clock_us += us;
}

static void tick(struct scene_node *node)
{
	struct raft_event event = { .type = RAFT_EV_TICK };

	scene_tell("n%u tick at %s", scene_node_id(node),
		   scene_time(node->clock_us));
	scene_step(node, &event);
}

/* "all 100ms", "n1 100ms", "n1" */
static void time_passes(struct scene_args *args, bool ticking)
{
	const char *who = args->count > 1 ? args->words[1] : "";
	uint32_t id = strcmp(who, "all") ? scene_id(args, who) : 0;
	uint64_t us = args->count > 2 ? scene_us(args, args->words[2]) : 0;
	uint32_t i;

	if (args->error)
		return;
	move_clocks(id, us);
	for (i = 1; i <= scene.count && ticking; i++)
		if (scene.nodes[i].raft && (!id || i == id))
			tick(&scene.nodes[i]);
}

static void run_wait(struct scene_args *args)
{
	time_passes(args, false);
}

static void run_tick(struct scene_args *args)
{
	time_passes(args, true);
}

/* Life as it is: in steps of 10 ms who is due ticks, messages arrive. */
static void run_run(struct scene_args *args)
{
	uint64_t us = args->count > 1 ? scene_us(args, args->words[1]) : 0;
	uint64_t passed;
	uint32_t i;

	for (passed = 0; passed < us && !args->error; passed += 10000) {
		move_clocks(0, 10000);
		for (i = 1; i <= scene.count; i++) {
			struct scene_node *node = &scene.nodes[i];

			if (node->raft &&
			    raft_deadline(node->raft) <= node->clock_us)
				tick(node);
		}
		scene_settle();
	}
}

static const struct scene_command commands[] = {
	{ "cluster", scene_cluster },
	{ "replica", scene_replica },
	{ "lead", scene_lead },
	{ "wait", run_wait },
	{ "tick", run_tick },
	{ "run", run_run },
	{ "random", run_random },
	{ "campaign", run_campaign },
	{ "damaged", run_damaged },
	{ "propose", run_propose },
	{ "transfer", run_transfer },
	{ "beat", run_beat },
	{ "send", run_send },
	{ "compact", run_compact },
	{ "reset", run_reset },
	{ "persist", run_persist },
	{ "persisted", run_persisted },
	{ "save", run_save },
	{ "hold", run_hold },
	{ "release", run_release },
	{ "crash", run_crash },
	{ "restart", run_restart },
	{ "link", run_link },
	{ "receive", scene_receive },
	{ NULL, NULL },
};

static const struct scene_command *find(const char *name)
{
	static const struct scene_command *const tables[] = {
		commands,
		scene_mail_commands,
		scene_member_commands,
		scene_views,
	};
	const struct scene_command *command;
	unsigned int i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (command = tables[i]; command->name; command++)
			if (strcmp(command->name, name) == 0)
				return command;
	return NULL;
}

void scene_run(const char *line)
{
	const struct scene_command *command;
	struct scene_args args;

	scene.detail = SCENE_ALL;
	if (strncmp(line, "quiet ", 6) == 0) {
		scene.detail = SCENE_SILENT;
		line += 6;
	} else if (strncmp(line, "roles ", 6) == 0) {
		scene.detail = SCENE_ROLES;
		line += 6;
	}
	scene_args_parse(&args, line);
	if (!args.count)
		return;
	command = find(args.words[0]);
	if (!command)
		args.error = "no such command";
	else if (!scene.count && strcmp(args.words[0], "cluster"))
		args.error = "a script begins with cluster";
	else if (!args.error)
		command->run(&args);
	scene.detail = SCENE_ALL;
	if (args.error) {
		scene_say("MISTAKE: %s: %s", line, args.error);
		scene.broken++;
	}
}
