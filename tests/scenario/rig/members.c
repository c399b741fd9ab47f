// SPDX-License-Identifier: GPL-2.0
/* Who belongs to the volume, by each entry of each log. */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct raft_members scene_members_at(const struct scene_node *node,
				     uint64_t index)
{
	return raft_members_said(&node->members[index]) ? node->members[index] :
							  node->config.members;
}

struct raft_members scene_members_on_disk(const struct scene_node *node,
					  uint64_t index)
{
	const struct raft_members *said = &node->disk.members[index];

	return raft_members_said(said) ? *said : node->config.members;
}

void scene_members_note(struct scene_node *node, const struct raft_event *event,
			const struct raft_update *update)
{
	bool received = event->type == RAFT_EV_RECV && event->members;
	uint32_t i;

	if (event->type == RAFT_EV_RESET && !(update->flags & RAFT_UP_REFUSED))
		node->members[event->index] = *raft_members(node->raft);
	if (!(update->flags & RAFT_UP_APPEND))
		return;
	for (i = 0; i < update->append_count; i++)
		node->members[update->append_first + i] =
			received && !update->append_noop ?
				event->members[update->append_skip + i] :
				*raft_members(node->raft);
}

static const char *const role_names[] = {
	[RAFT_MEMBER_NONE] = "none",
	[RAFT_MEMBER_VOTER] = "voter",
	[RAFT_MEMBER_LEARNER] = "learner",
	[RAFT_MEMBER_WITNESS] = "witness",
};

static enum raft_member_role parse_role(struct scene_args *args,
					const char *text)
{
	unsigned int i;

	for (i = 0; i < sizeof(role_names) / sizeof(role_names[0]); i++)
		if (text && strcmp(text, role_names[i]) == 0)
			return (enum raft_member_role)i;
	args->error = "a role is voter, learner, witness or none";
	return RAFT_MEMBER_NONE;
}

void scene_members_parse(struct scene_args *args, const char *text,
			 struct raft_members *members)
{
	char copy[128], *rest = copy, *word;
	uint32_t id;

	memset(members, 0, sizeof(*members));
	snprintf(copy, sizeof(copy), "%s", text);
	if (copy[0] >= '0' && copy[0] <= '9') {
		for (id = 1; id <= (uint32_t)(copy[0] - '0'); id++)
			raft_members_set(members, id, RAFT_MEMBER_VOTER);
		return;
	}
	while ((word = strtok_r(rest, ",", &rest))) {
		char *role = strchr(word, ':');

		if (role)
			*role++ = '\0';
		id = scene_id(args, word);
		raft_members_set(members, id,
				 parse_role(args, role ? role : "voter"));
	}
}

const char *scene_members_text(const struct raft_members *members)
{
	static char text[128];
	unsigned int count = raft_members_count(members), i;
	size_t used = 0;

	for (i = 0; i < count; i++) {
		enum raft_member_role role = raft_members_role_at(members, i);

		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%sn%u%s%s", i ? "," : "",
					 members->ids[i],
					 role == RAFT_MEMBER_VOTER ? "" : ":",
					 role == RAFT_MEMBER_VOTER ?
						 "" :
						 role_names[role]);
	}
	return text;
}

static const char *refusal_text(enum raft_refusal refusal)
{
	static const char *const texts[] = {
		[RAFT_REFUSAL_NONE] = "nothing",
		[RAFT_REFUSAL_NOT_LEADER] = "it does not lead",
		[RAFT_REFUSAL_TRANSFER] = "leadership is being handed over",
		[RAFT_REFUSAL_EARLY] = "its term has committed nothing",
		[RAFT_REFUSAL_PENDING] = "the last change is not committed",
		[RAFT_REFUSAL_SAME] = "it is that already",
		[RAFT_REFUSAL_STEP] = "not in one step",
		[RAFT_REFUSAL_FULL] = "no place is free",
		[RAFT_REFUSAL_VOTERS] = "too few voters would be left",
		[RAFT_REFUSAL_BARRED] = "it has not joined",
		[RAFT_REFUSAL_BEHIND] = "it has not caught up",
		[RAFT_REFUSAL_QUORUM] = "no majority that it takes is there",
	};

	return texts[refusal];
}

/* member n1 n4 learner: ask leader n1 to make n4 a learner */
static void run_member(struct scene_args *args)
{
	struct scene_node *node = scene_node(args, 1, false);
	struct raft_event event = { .type = RAFT_EV_MEMBER };
	enum raft_refusal refusal;

	event.peer = args->count > 2 ? scene_id(args, args->words[2]) : 0;
	event.role = parse_role(args, args->count > 3 ? args->words[3] : "");
	if (!node || args->error)
		return;
	refusal = raft_member_refusal(node->raft, event.peer, event.role);
	scene_tell("n%u member n%u %s", scene_node_id(node), event.peer,
		   role_names[event.role]);
	if (refusal)
		scene_tell("  because %s:", refusal_text(refusal));
	scene_step(node, &event);
}

static void run_members(struct scene_args *args)
{
	uint32_t i, id = args->count > 1 ? scene_id(args, args->words[1]) : 0;

	for (i = 1; i <= scene.count; i++) {
		const struct raft *raft = scene.nodes[i].raft;

		if (raft && (!id || i == id))
			scene_say("n%u: %s since %" PRIu64, i,
				  scene_members_text(raft_members(raft)),
				  raft_members_since(raft));
	}
}

const struct scene_command scene_member_commands[] = {
	{ "member", run_member },
	{ "members", run_members },
	{ NULL, NULL },
};
