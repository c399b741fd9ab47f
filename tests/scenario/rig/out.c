// SPDX-License-Identifier: GPL-2.0
/* The trace: what a core did, in lines that a person reads. */
#include "scene.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(const char *format, va_list args)
{
	va_list again;
	size_t need;

	va_copy(again, args);
	need = (size_t)vsnprintf(NULL, 0, format, again) + 2;
	va_end(again);
	if (scene.out_bytes + need > scene.out_size) {
		scene.out_size = 2 * (scene.out_bytes + need);
		scene.out = realloc(scene.out, scene.out_size);
		if (!scene.out)
			abort();
	}
	vsnprintf(scene.out + scene.out_bytes, need, format, args);
	scene.out_bytes += need - 2;
	scene.out[scene.out_bytes++] = '\n';
	scene.out[scene.out_bytes] = '\0';
}

void scene_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(format, args);
	va_end(args);
}

void scene_tell(const char *format, ...)
{
	va_list args;

	if (scene.detail != SCENE_ALL)
		return;
	va_start(args, format);
	put(format, args);
	va_end(args);
}

const char *scene_time(uint64_t us)
{
	static char texts[4][32];
	static unsigned int turn;
	char *text = texts[turn++ % 4];

	if (us % 1000)
		snprintf(text, 32, "%" PRIu64 ".%03" PRIu64, us / 1000,
			 us % 1000);
	else
		snprintf(text, 32, "%" PRIu64, us / 1000);
	return text;
}

const char *scene_msg_name(const struct raft_msg *msg)
{
	switch (msg->type) {
	case RAFT_MSG_VOTE:
		return msg->vote.prevote ? "prevote" : "vote";
	case RAFT_MSG_VOTE_REPLY:
		if (msg->vote_reply.prevote)
			return msg->vote_reply.granted ? "prevote-yes" :
							 "prevote-no";
		return msg->vote_reply.granted ? "vote-yes" : "vote-no";
	case RAFT_MSG_APPEND:
		return "append";
	case RAFT_MSG_APPEND_REPLY:
		return msg->append_reply.ok ? "ok" : "refusal";
	case RAFT_MSG_TIMEOUT_NOW:
		return "timeout-now";
	}
	return "?";
}

/* Terms of a list of entries: "2*3,4" */
static void add_terms(char *text, size_t size, const uint64_t *terms,
		      uint32_t count)
{
	size_t used = strlen(text);
	uint32_t i, run;

	for (i = 0; i < count; i += run) {
		for (run = 1; i + run < count; run++)
			if (terms[i + run] != terms[i])
				break;
		used += (size_t)snprintf(text + used, size - used, "%s%" PRIu64,
					 i ? "," : "", terms[i]);
		if (run > 1)
			used += (size_t)snprintf(text + used, size - used,
						 "*%u", run);
	}
}

/* Which of the entries change the members, as far as the message tells */
static void add_changes(char *text, size_t size, const struct scene_mail *mail)
{
	const struct raft_msg *msg = &mail->msg;
	uint64_t index = msg->append.prev_index;
	struct raft_members before =
		scene_members_at(&scene.nodes[msg->from], index);
	size_t used = strlen(text);
	uint32_t i;

	for (i = 0; i < msg->append.count; i++) {
		if (!raft_members_equal(&before, &mail->members[i]))
			used += (size_t)snprintf(text + used, size - used,
						 " change=%" PRIu64,
						 index + 1 + i);
		before = mail->members[i];
	}
}

static void append_text(char *text, size_t size, const struct scene_mail *mail)
{
	const struct raft_msg *msg = &mail->msg;

	snprintf(text, size, " prev=%" PRIu64 "/%" PRIu64 " commit=%" PRIu64,
		 msg->append.prev_index, msg->append.prev_term,
		 msg->append.commit);
	if (msg->append.count) {
		strcat(text, " terms=");
		add_terms(text, size, mail->terms, msg->append.count);
		add_changes(text, size, mail);
	}
	if (msg->append.rejoin)
		snprintf(text + strlen(text), size - strlen(text),
			 " rejoin=%" PRIu64, msg->append.rejoin);
	if (msg->append.promise_us !=
	    scene.nodes[msg->to].config.election_timeout_us)
		snprintf(text + strlen(text), size - strlen(text),
			 " promise=%" PRIu32 "ms",
			 msg->append.promise_us / 1000);
	snprintf(text + strlen(text), size - strlen(text), " @%s",
		 scene_time(msg->append.sent_us));
}

static void reply_text(char *text, size_t size, const struct raft_msg *msg)
{
	if (msg->append_reply.ok)
		snprintf(text, size, " match=%" PRIu64 " @%s%s%s",
			 msg->append_reply.match,
			 scene_time(msg->append_reply.sent_us),
			 msg->append_reply.damaged ? " damaged" : "",
			 msg->append_reply.barred ? " barred" : "");
	else
		snprintf(text, size,
			 " prev=%" PRIu64 " hint=%" PRIu64 " @%s%s%s",
			 msg->append_reply.match, msg->append_reply.hint,
			 scene_time(msg->append_reply.sent_us),
			 msg->append_reply.damaged ? " damaged" : "",
			 msg->append_reply.barred ? " barred" : "");
}

void scene_say_msg(const char *head, const struct scene_mail *mail)
{
	const struct raft_msg *msg = &mail->msg;
	char text[4096] = "";

	if (msg->type == RAFT_MSG_VOTE)
		snprintf(text, sizeof(text), " last=%" PRIu64 "/%" PRIu64 "%s",
			 msg->vote.last_index, msg->vote.last_term,
			 msg->vote.transfer ? " transfer" : "");
	else if (msg->type == RAFT_MSG_VOTE_REPLY && msg->vote_reply.barred)
		strcpy(text, " barred");
	else if (msg->type == RAFT_MSG_APPEND)
		append_text(text, sizeof(text), mail);
	else if (msg->type == RAFT_MSG_APPEND_REPLY)
		reply_text(text, sizeof(text), msg);
	scene_tell("%s%s term=%" PRIu64 "%s%s", head, scene_msg_name(msg),
		   msg->term, text, mail->waiting ? " (waits)" : "");
}

void scene_say_role(const struct scene_node *node)
{
	static const char *const names[] = {
		[RAFT_FOLLOWER] = "follower",
		[RAFT_PRECANDIDATE] = "pre-candidate",
		[RAFT_CANDIDATE] = "candidate",
		[RAFT_LEADER] = "leader",
	};
	enum raft_role role = raft_role(node->raft);
	uint32_t leader = raft_leader(node->raft);
	char of[32] = "";

	if (scene.detail == SCENE_SILENT)
		return;
	if (role == RAFT_FOLLOWER && leader)
		snprintf(of, sizeof(of), " of n%u", leader);
	else if (raft_transferring(node->raft))
		snprintf(of, sizeof(of), " transferring");
	if (scene.detail == SCENE_ROLES)
		scene_say("%s: n%u %s%s term=%" PRIu64,
			  scene_time(node->clock_us), scene_node_id(node),
			  names[role], of, raft_term(node->raft));
	else
		scene_say("  %s%s term=%" PRIu64, names[role], of,
			  raft_term(node->raft));
}

static void say_append(const struct raft_update *update, const uint64_t *terms,
		       uint64_t own_term)
{
	char text[4096] = "";

	if (terms)
		add_terms(text, sizeof(text), terms + update->append_skip,
			  update->append_count);
	else
		snprintf(text, sizeof(text), "%" PRIu64, own_term);
	if (update->append_count > 1)
		scene_tell("  entries %" PRIu64 "..%" PRIu64 " of term %s",
			   update->append_first,
			   update->append_first + update->append_count - 1,
			   text);
	else
		scene_tell("  %s %" PRIu64 " of term %s",
			   update->append_noop ? "no-op" : "entry",
			   update->append_first, text);
}

/* All but its messages; @terms: of the message that came, if one did. */
void scene_say_update(const struct scene_node *node,
		      const struct raft_update *update, const uint64_t *terms)
{
	const struct raft_hard_state *state = &update->state;
	char vote[32] = "nobody", promise[32] = "";

	if (update->flags & RAFT_UP_REFUSED)
		scene_tell("  impossible");
	if (update->flags & RAFT_UP_ROLE)
		scene_say_role(node);
	if (update->flags & RAFT_UP_TRUNCATE)
		scene_tell("  drop from %" PRIu64, update->truncate_from);
	if (update->flags & RAFT_UP_APPEND)
		say_append(update, update->append_noop ? NULL : terms,
			   raft_term(node->raft));
	if (state->vote)
		snprintf(vote, sizeof(vote), "n%u", state->vote);
	if (state->promise_us != node->config.election_timeout_us)
		snprintf(promise, sizeof(promise), " promise=%" PRIu32 "ms",
			 state->promise_us / 1000);
	if (update->flags & RAFT_UP_STATE)
		scene_tell("  save term=%" PRIu64 " vote=%s%s%s%s", state->term,
			   vote, state->joined ? "" : " not-joined",
			   state->damaged ? " damaged" : "", promise);
	if (update->flags & RAFT_UP_CONTRADICTED)
		scene_tell("  contradicted by n%u term=%" PRIu64
			   " commit=%" PRIu64 ": entry %" PRIu64
			   " has term %" PRIu64 ", not %" PRIu64,
			   update->contradiction.leader,
			   update->contradiction.leader_term,
			   update->contradiction.leader_commit,
			   update->contradiction.index,
			   update->contradiction.our_term,
			   update->contradiction.their_term);
	if (update->flags & RAFT_UP_COMMIT)
		scene_tell("  commit %" PRIu64, raft_commit_index(node->raft));
}

/* "HEAD 1*3,4*2", what is before the log as "(5/1)" */
void scene_say_runs(const char *head, uint64_t base, uint64_t base_term,
		    uint64_t last, uint64_t (*term)(const void *, uint64_t),
		    const void *of)
{
	uint64_t index, first;
	char text[4096] = "";
	size_t used = 0;

	if (base)
		used = (size_t)snprintf(text, sizeof(text),
					" (%" PRIu64 "/%" PRIu64 ")", base,
					base_term);
	for (index = base + 1; index <= last; index = first) {
		for (first = index + 1; first <= last; first++)
			if (term(of, first) != term(of, index))
				break;
		if (used > sizeof(text) - 64)
			break;
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%" PRIu64 "*%" PRIu64,
					 index == base + 1 ? " " : ",",
					 term(of, index), first - index);
	}
	scene_say("%s%s%s", head, text, last == base && !base ? " empty" : "");
}
