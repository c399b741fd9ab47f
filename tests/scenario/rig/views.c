// SPDX-License-Identifier: GPL-2.0
/* The commands that only look. */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const role_names[] = {
	[RAFT_FOLLOWER] = "follower",
	[RAFT_PRECANDIDATE] = "pre-candidate",
	[RAFT_CANDIDATE] = "candidate",
	[RAFT_LEADER] = "leader",
};

static uint64_t core_term(const void *of, uint64_t index)
{
	return raft_entry_term(of, index);
}

static void status_of(const struct scene_node *node)
{
	const struct raft *raft = node->raft;
	uint32_t id = scene_node_id(node);
	char of[32] = "";

	if (!raft) {
		scene_say("n%u down", id);
		return;
	}
	if (raft_role(raft) == RAFT_FOLLOWER && raft_leader(raft))
		snprintf(of, sizeof(of), " of n%u", raft_leader(raft));
	scene_say("n%u %s%s term=%" PRIu64 " last=%" PRIu64 "/%" PRIu64
		  " durable=%" PRIu64 " commit=%" PRIu64 "%s%s%s",
		  id, role_names[raft_role(raft)], of, raft_term(raft),
		  raft_last_index(raft),
		  raft_entry_term(raft, raft_last_index(raft)),
		  raft_durable_index(raft), raft_commit_index(raft),
		  raft_transferring(raft) ? " transferring" : "",
		  raft_hard_state(raft)->joined ? "" : " not-joined",
		  raft_hard_state(raft)->damaged ? " damaged" : "");
}

/* One node, or all of them. */
static void each(struct scene_args *args,
		 void (*view)(const struct scene_node *node))
{
	struct scene_node *node;
	uint32_t i;

	if (args->count > 1) {
		node = scene_node(args, 1, true);
		if (node)
			view(node);
		return;
	}
	for (i = 1; i <= scene.count; i++)
		view(&scene.nodes[i]);
}

static void run_status(struct scene_args *args)
{
	each(args, status_of);
}

static void log_of(const struct scene_node *node)
{
	const struct raft *raft = node->raft;
	char head[16];

	if (!raft)
		return;
	snprintf(head, sizeof(head), "n%u", scene_node_id(node));
	scene_say_runs(head, raft_base_index(raft),
		       raft_entry_term(raft, raft_base_index(raft)),
		       raft_last_index(raft), core_term, raft);
}

static void run_log(struct scene_args *args)
{
	each(args, log_of);
}

static void run_disk(struct scene_args *args)
{
	each(args, scene_disk_say);
}

static void run_peers(struct scene_args *args)
{
	const struct scene_node *node = scene_node(args, 1, false);
	uint32_t id;

	for (id = 1; node && id <= scene.count; id++) {
		struct raft_peer_view view;

		if (!raft_peer(node->raft, id, &view))
			continue;
		scene_say("n%u: match=%" PRIu64 " next=%" PRIu64 "%s%s%s%s%s%s",
			  id, view.match, view.next,
			  view.heard_us ? "" : " unheard",
			  view.probing ? " probing" : "",
			  view.needs_copy ? " needs-copy" : "",
			  view.damaged ? " damaged" : "",
			  view.barred ? " barred" : "",
			  view.role == RAFT_MEMBER_LEARNER ? " learner" :
			  view.role == RAFT_MEMBER_WITNESS ? " witness" :
							     "");
	}
}

static void run_lease(struct scene_args *args)
{
	const struct scene_node *node = scene_node(args, 1, false);
	uint64_t until;

	if (!node)
		return;
	until = raft_lease_until(node->raft);
	if (until > node->clock_us)
		scene_say("n%u at %s: lease until %s", scene_node_id(node),
			  scene_time(node->clock_us), scene_time(until));
	else if (until)
		scene_say("n%u at %s: lease ended at %s", scene_node_id(node),
			  scene_time(node->clock_us), scene_time(until));
	else
		scene_say("n%u at %s: no lease", scene_node_id(node),
			  scene_time(node->clock_us));
}

/* May it answer reads from its own replica (thesis 6.4, 6.4.1)? */
static void run_reads(struct scene_args *args)
{
	const struct scene_node *node = scene_node(args, 1, false);
	const struct raft *raft = node ? node->raft : NULL;
	const char *answer = "yes";

	if (!node)
		return;
	if (raft_role(raft) != RAFT_LEADER)
		answer = "no, it does not lead";
	else if (raft_commit_index(raft) < raft_term_start(raft))
		answer = "no, its term has committed nothing";
	else if (raft_lease_until(raft) <= node->clock_us)
		answer = "no, it has no lease";
	scene_say("n%u at %s: reads %s", scene_node_id(node),
		  scene_time(node->clock_us), answer);
}

static void run_deadline(struct scene_args *args)
{
	const struct scene_node *node = scene_node(args, 1, false);

	if (node)
		scene_say("n%u at %s: due at %s", scene_node_id(node),
			  scene_time(node->clock_us),
			  scene_time(raft_deadline(node->raft)));
}

static void run_mail(struct scene_args *args)
{
	unsigned int i;

	for (i = 0; i < scene.mail_count; i++) {
		char head[32];

		snprintf(head, sizeof(head), "n%u>n%u ", scene.mail[i].msg.from,
			 scene.mail[i].msg.to);
		scene_say_msg(head, &scene.mail[i]);
	}
}

static void run_can_reset(struct scene_args *args)
{
	const struct scene_node *node = scene_node(args, 1, false);
	uint64_t index, term;

	scene_place(args, scene_arg(args, "to"), &index, &term);
	if (node && !args->error)
		scene_say("%s", raft_can_reset(node->raft, index, term) ?
					"yes" :
					"no");
}

const struct scene_command scene_views[] = {
	{ "status", run_status },	{ "log", run_log },
	{ "disk", run_disk },		{ "peers", run_peers },
	{ "lease", run_lease },		{ "reads", run_reads },
	{ "deadline", run_deadline },	{ "mail", run_mail },
	{ "can-reset", run_can_reset }, { NULL, NULL },
};
