// SPDX-License-Identifier: GPL-2.0
/*
 * A message that the script writes itself: of nodes that are not played, of the
 * past, or of a liar.
 *
 *	receive n1 from=n2 append term=3 prev=10/1 terms=2,3 commit=9 at=500ms
 *	receive n1 from=n2 vote term=3 last=10/1 transfer
 *	receive n1 from=n2 vote-yes term=3 barred
 *	receive n1 from=n2 ok term=3 match=10 at=500ms
 *	receive n1 from=n2 refusal term=3 prev=10 hint=5
 */
#include "scene.h"

#include <stdio.h>
#include <string.h>

static uint64_t sent_us(struct scene_args *args)
{
	const char *text = scene_arg(args, "at");

	return text ? scene_us(args, text) : 0;
}

static void write_vote(struct scene_args *args, struct raft_msg *msg)
{
	msg->vote.prevote = strcmp(args->words[3], "prevote") == 0;
	scene_place(args, scene_arg(args, "last"), &msg->vote.last_index,
		    &msg->vote.last_term);
	msg->vote.transfer = scene_flag(args, "transfer");
}

static void write_vote_reply(struct scene_args *args, struct raft_msg *msg)
{
	msg->vote_reply.prevote = strncmp(args->words[3], "pre", 3) == 0;
	msg->vote_reply.granted = strstr(args->words[3], "-yes");
	msg->vote_reply.barred = scene_flag(args, "barred");
}

static void write_append(struct scene_args *args, struct raft_msg *msg,
			 uint64_t *terms)
{
	scene_place(args, scene_arg(args, "prev"), &msg->append.prev_index,
		    &msg->append.prev_term);
	msg->append.commit = scene_number(args, "commit", 0);
	msg->append.sent_us = sent_us(args);
	msg->append.promise_us =
		scene_arg(args, "promise") ?
			(uint32_t)scene_us(args, scene_arg(args, "promise")) :
			(uint32_t)scene.nodes[msg->to]
				.config.election_timeout_us;
	msg->append.rejoin = scene_number(args, "rejoin", 0);
	msg->append.count = scene_terms(args, scene_arg(args, "terms"), terms,
					RAFT_APPEND_MAX + 1);
}

static void write_reply(struct scene_args *args, struct raft_msg *msg)
{
	msg->append_reply.ok = strcmp(args->words[3], "ok") == 0;
	msg->append_reply.match =
		scene_number(args, msg->append_reply.ok ? "match" : "prev", 0);
	msg->append_reply.hint = scene_number(args, "hint", 0);
	msg->append_reply.sent_us = sent_us(args);
	msg->append_reply.damaged = scene_flag(args, "damaged");
	msg->append_reply.barred = scene_flag(args, "barred");
}

/* Type and what belongs to it; false: no such type. */
static bool write_msg(struct scene_args *args, struct raft_msg *msg,
		      uint64_t *terms)
{
	const char *name = args->words[3];

	if (!strcmp(name, "vote") || !strcmp(name, "prevote")) {
		msg->type = RAFT_MSG_VOTE;
		write_vote(args, msg);
	} else if (!strncmp(name, "vote-", 5) ||
		   !strncmp(name, "prevote-", 8)) {
		msg->type = RAFT_MSG_VOTE_REPLY;
		write_vote_reply(args, msg);
	} else if (!strcmp(name, "append")) {
		msg->type = RAFT_MSG_APPEND;
		write_append(args, msg, terms);
	} else if (!strcmp(name, "ok") || !strcmp(name, "refusal")) {
		msg->type = RAFT_MSG_APPEND_REPLY;
		write_reply(args, msg);
	} else if (!strcmp(name, "timeout-now")) {
		msg->type = RAFT_MSG_TIMEOUT_NOW;
	} else {
		return false;
	}
	return true;
}

void scene_receive(struct scene_args *args)
{
	struct scene_node *node = scene_node(args, 1, false);
	uint64_t terms[RAFT_APPEND_MAX + 1];
	unsigned int i;
	struct raft_members members[RAFT_APPEND_MAX + 1];
	struct raft_msg msg;
	struct raft_event event = {
		.type = RAFT_EV_RECV,
		.msg = &msg,
		.entry_terms = terms,
	};

	memset(&msg, 0, sizeof(msg));
	if (!node)
		return;
	if (args->count < 4 || strncmp(args->words[2], "from=n", 6)) {
		args->error = "receive NODE from=NODE TYPE ...";
		return;
	}
	msg.from = (uint32_t)(args->words[2][6] - '0'); /* or a stranger */
	msg.to = scene_node_id(node);
	msg.term = scene_number(args, "term", 0);
	if (!write_msg(args, &msg, terms))
		args->error = "no such message";
	if (scene_arg(args, "members")) {
		scene_members_parse(args, scene_arg(args, "members"),
				    &members[0]);
		for (i = 1; i <= RAFT_APPEND_MAX; i++)
			members[i] = members[0];
		event.members = members;
	}
	if (args->error)
		return;
	scene_tell("n%u < n%u %s term=%s", msg.to, msg.from, args->words[3],
		   scene_arg(args, "term"));
	scene_step(node, &event);
}
