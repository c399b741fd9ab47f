// SPDX-License-Identifier: GPL-2.0
/*
 * The network: messages lie here in the order of their sending until the script
 * says what becomes of them.  Those that wait for the sender's disk lie here
 * too, marked, and cannot be delivered.
 */
#include "scene.h"

#include <inttypes.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

static bool matches(const struct scene_mail *mail,
		    const struct scene_filter *filter)
{
	const struct raft_msg *msg = &mail->msg;

	return !mail->waiting && (!filter->from || msg->from == filter->from) &&
	       (!filter->to || msg->to == filter->to) &&
	       (!filter->type ||
		strcmp(scene_msg_name(msg), filter->type) == 0);
}

static void take_out(unsigned int at)
{
	scene.mail_count--;
	memmove(&scene.mail[at], &scene.mail[at + 1],
		(scene.mail_count - at) * sizeof(scene.mail[0]));
}

static struct scene_mail *mail_new(void)
{
	if (scene.mail_count == SCENE_MAIL_MAX)
		abort();
	return &scene.mail[scene.mail_count++];
}

void scene_mail_post(struct scene_node *node, const struct raft_msg *msg,
		     uint64_t state_seq)
{
	static struct scene_mail mail;
	char head[32];
	uint64_t i;

	mail.msg = *msg;
	mail.state_seq = state_seq;
	mail.waiting = msg->needs_state && node->hold_state;
	for (i = 0; msg->type == RAFT_MSG_APPEND && i < msg->append.count;
	     i++) {
		uint64_t index = msg->append.prev_index + 1 + i;

		mail.terms[i] = raft_entry_term(node->raft, index);
		mail.members[i] = scene_members_at(node, index);
	}
	snprintf(head, sizeof(head), "  > n%u ", msg->to);
	scene_say_msg(head, &mail);
	if (!scene.cut[msg->from][msg->to])
		*mail_new() = mail;
}

void scene_mail_release(struct scene_node *node, uint64_t saved)
{
	uint32_t id = scene_node_id(node);
	unsigned int i;

	for (i = 0; i < scene.mail_count; i++)
		if (scene.mail[i].msg.from == id &&
		    scene.mail[i].state_seq <= saved)
			scene.mail[i].waiting = false;
}

/* What is on its way between two nodes is lost; 0: any node. */
void scene_mail_forget(uint32_t a, uint32_t b, bool waiting)
{
	unsigned int i = 0;

	while (i < scene.mail_count) {
		const struct raft_msg *msg = &scene.mail[i].msg;

		if (((msg->from == a && (!b || msg->to == b)) ||
		     (msg->to == a && (!b || msg->from == b))) &&
		    (waiting || !scene.mail[i].waiting))
			take_out(i);
		else
			i++;
	}
}

static void receive(const struct scene_mail *mail)
{
	struct scene_node *node = &scene.nodes[mail->msg.to];
	struct raft_event event = {
		.type = RAFT_EV_RECV,
		.msg = &mail->msg,
		.entry_terms = mail->terms,
		.members = mail->members,
	};

	if (!node->raft)
		return;
	scene_tell("n%u < n%u %s term=%" PRIu64, mail->msg.to, mail->msg.from,
		   scene_msg_name(&mail->msg), mail->msg.term);
	scene_step(node, &event);
}

/* Of those there now, not of what they bring forth. */
unsigned int scene_mail_deliver(const struct scene_filter *filter)
{
	static struct scene_mail batch[SCENE_MAIL_MAX];
	unsigned int count = 0, i = 0;

	while (i < scene.mail_count && count < filter->count) {
		if (!matches(&scene.mail[i], filter)) {
			i++;
			continue;
		}
		batch[count++] = scene.mail[i];
		take_out(i);
	}
	for (i = 0; i < count; i++)
		receive(&batch[i]);
	return count;
}

unsigned int scene_mail_drop(const struct scene_filter *filter)
{
	unsigned int count = 0, i = 0;
	char head[32];

	while (i < scene.mail_count && count < filter->count) {
		const struct raft_msg *msg = &scene.mail[i].msg;

		if (!matches(&scene.mail[i], filter)) {
			i++;
			continue;
		}
		snprintf(head, sizeof(head), "lost n%u>n%u ", msg->from,
			 msg->to);
		scene_say_msg(head, &scene.mail[i]);
		take_out(i);
		count++;
	}
	return count;
}

unsigned int scene_mail_double(const struct scene_filter *filter)
{
	unsigned int there = scene.mail_count, count = 0, i;

	for (i = 0; i < there && count < filter->count; i++) {
		if (!matches(&scene.mail[i], filter))
			continue;
		*mail_new() = scene.mail[i];
		count++;
	}
	return count;
}

unsigned int scene_mail_reverse(const struct scene_filter *filter)
{
	static struct scene_mail mail;
	unsigned int places[SCENE_MAIL_MAX], count = 0, i;

	for (i = 0; i < scene.mail_count && count < filter->count; i++)
		if (matches(&scene.mail[i], filter))
			places[count++] = i;
	for (i = 0; i < count / 2; i++) {
		mail = scene.mail[places[i]];
		scene.mail[places[i]] = scene.mail[places[count - 1 - i]];
		scene.mail[places[count - 1 - i]] = mail;
	}
	return count;
}

void scene_settle(void)
{
	const struct scene_filter all = { .count = SCENE_MAIL_MAX };
	unsigned int rounds = 0;

	while (scene_mail_deliver(&all)) {
		if (++rounds < 10000)
			continue;
		scene_say("messages without end");
		scene.broken++;
		return;
	}
}
