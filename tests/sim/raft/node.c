// SPDX-License-Identifier: GPL-2.0
/*
 * A member around its core: carries out what the core says, in the order that
 * raft.h asks for, applies, compacts, and fills peers that need a copy.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

static const char *const role_names[] = { "follower", "precandidate",
					  "candidate", "leader" };
static const char *const event_names[] = {
	"tick",	  "recv",     "propose",  "send",      "persisted",
	"saved",  "campaign", "transfer", "compacted", "reset",
	"member", "damaged",  "late",	  "link",
};

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void arm_timer(struct sim_node *node)
{
	uint64_t due = sim_clock_to_real(node, raft_deadline(node->raft));

	/* An earlier one that is on its way looks again. */
	if (node->timer_us > sim.now_us && node->timer_us <= due)
		return;
	if (sim_chance(50000))
		due += sim_below(sim.timeout_us / 4);
	node->timer_us = due;
	sim_schedule(due - sim.now_us, SIM_TIMER, node->id);
}

/* Duty 6: told before anything is sent. */
static void set_gate(struct sim_node *node)
{
	node->gate_until_us = raft_lease_until(node->raft);
	node->gate_term = raft_term(node->raft);
	oracle_gate(node);
}

static void take_log(struct sim_node *node, const struct sim_mail *mail)
{
	const struct raft_update *update = &node->update;
	uint32_t i;

	if (update->flags & RAFT_UP_TRUNCATE)
		disk_queue_truncate(node, update->truncate_from);
	if (!(update->flags & RAFT_UP_APPEND))
		return;
	for (i = 0; i < update->append_count; i++) {
		uint64_t index = update->append_first + i;
		struct sim_entry *entry = &node->entries[index];

		if (index >= SIM_INDEX_MAX)
			sim_fail("log too long for the simulation");
		if (mail && !update->append_noop) {
			*entry = mail->entries[update->append_skip + i];
		} else {
			entry->term = raft_term(node->raft);
			entry->value = ++sim.value;
			entry->members = *raft_members(node->raft);
			oracle_change(node, index);
		}
		entry->chain = oracle_chain(entry[-1].chain, index, entry->term,
					    entry->value);
	}
	disk_queue_append(node, update->append_first, update->append_count);
}

static void hold(struct sim_node *node, struct sim_mail *mail, uint64_t seq)
{
	if (node->held_count == node->held_room) {
		node->held_room = node->held_room ? 2 * node->held_room : 16;
		node->held = realloc(node->held,
				     node->held_room * sizeof(*node->held));
		node->held_seq =
			realloc(node->held_seq,
				node->held_room * sizeof(*node->held_seq));
		if (!node->held || !node->held_seq)
			abort();
	}
	node->held[node->held_count] = mail;
	node->held_seq[node->held_count++] = seq;
}

static void send_mail(struct sim_node *node, struct sim_mail *mail)
{
	oracle_message(node, &mail->msg);
	sim_post(mail);
}

static void take_messages(struct sim_node *node)
{
	const struct raft_update *update = &node->update;
	unsigned int i;

	for (i = 0; i < update->msg_count; i++) {
		const struct raft_msg *msg = &update->msgs[i];
		uint32_t count =
			msg->type == RAFT_MSG_APPEND ? msg->append.count : 0;
		struct sim_mail *mail =
			calloc(1, sizeof(*mail) +
					  count * sizeof(mail->entries[0]));

		if (!mail)
			abort();
		mail->msg = *msg;
		if (count)
			memcpy(mail->entries,
			       &node->entries[msg->append.prev_index + 1],
			       count * sizeof(mail->entries[0]));
		if (msg->needs_state && update->state_seq > node->saved_seq)
			hold(node, mail, update->state_seq);
		else
			send_mail(node, mail);
	}
}

static void release_held(struct sim_node *node)
{
	unsigned int i, kept = 0;

	for (i = 0; i < node->held_count; i++) {
		if (node->held_seq[i] <= node->saved_seq) {
			send_mail(node, node->held[i]);
			continue;
		}
		node->held[kept] = node->held[i];
		node->held_seq[kept++] = node->held_seq[i];
	}
	node->held_count = kept;
}

static void trace_step(const struct sim_node *node,
		       const struct raft_event *event)
{
	struct raft *raft = node->raft;
	uint64_t sum = raft_term(raft) * 31 + raft_role(raft);

	sum = sum * 31 + raft_last_index(raft);
	sum = sum * 31 + raft_commit_index(raft);
	sum = sum * 31 + node->update.msg_count;
	sim.trace_hash = (sim.trace_hash ^ sum ^ sim.now_us) * 0x100000001b3ULL;
	if (!sim.trace)
		return;
	if (event->type == RAFT_EV_RECV) {
		const struct raft_msg *msg = event->msg;

		sim_note("n%u recv type %d from n%u term %llu "
			 "(%llu %llu %llu %u)",
			 node->id, msg->type, msg->from,
			 (unsigned long long)msg->term,
			 (unsigned long long)msg->append.prev_index,
			 (unsigned long long)msg->append.prev_term,
			 (unsigned long long)msg->append.commit,
			 msg->type == RAFT_MSG_APPEND ? msg->append.count : 0);
	}
	sim_note("n%u %s -> %s of n%u term %llu base %llu last %llu "
		 "durable %llu commit %llu flags %x msgs %u%s%s",
		 node->id, event_names[event->type],
		 role_names[raft_role(raft)], raft_leader(raft),
		 (unsigned long long)raft_term(raft),
		 (unsigned long long)raft_base_index(raft),
		 (unsigned long long)raft_last_index(raft),
		 (unsigned long long)raft_durable_index(raft),
		 (unsigned long long)raft_commit_index(raft),
		 node->update.flags, node->update.msg_count,
		 raft_hard_state(raft)->damaged ? " damaged" : "",
		 raft_hard_state(raft)->joined ? "" : " barred");
}

static void send_entries(struct sim_node *node);

/* @mail: of RAFT_EV_RECV */
void node_step(struct sim_node *node, struct raft_event *event,
	       const struct sim_mail *mail)
{
	uint64_t led_term;

	event->now_us = sim_clock(node);
	event->random = sim_random();
	raft_step(node->raft, event, &node->update);
	sim.steps++;
	trace_step(node, event);
	set_gate(node);
	take_log(node, mail);
	if (event->type == RAFT_EV_RESET &&
	    !(node->update.flags & RAFT_UP_REFUSED))
		disk_queue_reset(node, event->index);
	if (node->update.flags & RAFT_UP_STATE)
		disk_queue_state(node);
	led_term = node->led_term;
	oracle_step(node);
	take_messages(node);
	if (node->led_term != led_term)
		faults_leads(node);
	if (event->type != RAFT_EV_SEND)
		send_entries(node);
	arm_timer(node);
}

static void send_entries(struct sim_node *node)
{
	uint32_t to;

	if (raft_role(node->raft) != RAFT_LEADER)
		return;
	for (to = 1; to <= sim.count; to++) {
		struct raft_event event = { .type = RAFT_EV_SEND, .peer = to };

		while (raft_send_due(node->raft, to) && !sim_chance(200000)) {
			event.count =
				1 + (uint32_t)sim_below(sim.weather.batch);
			node_step(node, &event, NULL);
		}
	}
}

static void receive(struct sim_node *node, const struct sim_mail *mail)
{
	struct raft_members members[RAFT_APPEND_MAX];
	uint64_t terms[RAFT_APPEND_MAX];
	struct raft_event event = {
		.type = RAFT_EV_RECV,
		.msg = &mail->msg,
		.entry_terms = terms,
		.members = members,
	};
	uint32_t i;

	if (mail->msg.type == RAFT_MSG_APPEND)
		for (i = 0; i < mail->msg.append.count; i++) {
			terms[i] = mail->entries[i].term;
			members[i] = mail->entries[i].members;
		}
	node_step(node, &event, mail);
}

/* The image of a leader's applied index, whole and at once. */
static void receive_copy(struct sim_node *node, const struct sim_mail *mail)
{
	struct raft_event event = {
		.type = RAFT_EV_RESET,
		.index = mail->copy_index,
		.term = mail->entries[0].term,
		.members = &mail->entries[0].members,
	};

	if (raft_leader(node->raft) != mail->msg.from ||
	    !raft_can_reset(node->raft, event.index, event.term))
		return;
	sim.copies++;
	sim_note("n%u is filled by n%u up to %llu", node->id, mail->msg.from,
		 (unsigned long long)mail->copy_index);
	node->entries[mail->copy_index] = mail->entries[0];
	node->applied = mail->copy_index;
	node->commit_seen = mail->copy_index;
	node_step(node, &event, NULL);
	faults_copied(mail->msg.from);
}

static void offer_copy(struct sim_node *node, uint32_t to)
{
	struct sim_mail *mail;
	struct raft_peer_view view;

	if (!raft_peer(node->raft, to, &view) || !view.needs_copy ||
	    node->applied < raft_base_index(node->raft) ||
	    node->copy_offered_us[to] + sim.timeout_us / 2 > sim.now_us)
		return;
	node->copy_offered_us[to] = sim.now_us;
	mail = calloc(1, sizeof(*mail) + sizeof(mail->entries[0]));
	if (!mail)
		abort();
	mail->is_copy = true;
	mail->msg.from = node->id;
	mail->msg.to = to;
	mail->copy_index = node->applied;
	mail->entries[0] = node->entries[node->applied];
	sim_post(mail);
}

static void housekeeping(struct sim_node *node)
{
	struct sim_disk *disk = &node->disk;
	uint64_t ready = min_u64(raft_commit_index(node->raft),
				 raft_durable_index(node->raft));
	uint32_t to;

	if (node->applied < ready)
		node->applied += 1 + sim_below(ready - node->applied);
	if (sim_chance(300000) && node->applied > disk->checkpoint &&
	    node->applied <= raft_durable_index(node->raft))
		disk->checkpoint = node->applied;
	if (sim_chance(100000) && disk->checkpoint > disk->base &&
	    disk->checkpoint <= raft_durable_index(node->raft)) {
		struct raft_event event = { .type = RAFT_EV_COMPACTED };

		disk->base += 1 + sim_below(disk->checkpoint - disk->base);
		event.index = disk->base;
		node_step(node, &event, NULL);
	}
	for (to = 1; to <= sim.count; to++)
		offer_copy(node, to);
	send_entries(node);
	sim_schedule(5000 + sim_below(20000), SIM_HOUSEKEEPING, node->id);
}

static void linked(struct sim_node *node, uint32_t peer, uint64_t connection)
{
	struct raft_event event = { .type = RAFT_EV_LINK, .peer = peer };

	/* Two may come about at nearly the same time: the newer one counts. */
	if (connection < node->connection[peer])
		return;
	node->connection[peer] = connection;
	node_step(node, &event, NULL);
}

static void process(struct sim_node *node, struct sim_event *event)
{
	struct raft_event told = { .index = event->a, .term = event->b };

	switch (event->kind) {
	case SIM_MAIL:
		if (event->mail->connection !=
		    node->connection[event->mail->msg.from])
			break;
		if (event->mail->is_copy)
			receive_copy(node, event->mail);
		else
			receive(node, event->mail);
		break;
	case SIM_LINKED:
		linked(node, event->peer, event->a);
		break;
	case SIM_TIMER:
		if (raft_deadline(node->raft) <= sim_clock(node))
			node_step(node, &(struct raft_event){ .type = 0 },
				  NULL);
		else
			arm_timer(node);
		break;
	case SIM_LOG_TOLD:
		told.type = RAFT_EV_PERSISTED;
		told.seq = event->c;
		disk_log_next(node);
		node_step(node, &told, NULL);
		break;
	case SIM_STATE_TOLD:
		told.type = RAFT_EV_STATE_SAVED;
		told.seq = event->a;
		node->saved_seq = event->a;
		node_step(node, &told, NULL);
		release_held(node);
		break;
	case SIM_HOUSEKEEPING:
		housekeeping(node);
		break;
	default:
		abort();
	}
}

void node_handle(struct sim_node *node, struct sim_event *event)
{
	/* Mail knows its connection, all else is of one life. */
	if (!node->up ||
	    (event->kind != SIM_MAIL && event->life != node->life)) {
		free(event->mail);
		return;
	}
	/* The disk works on without the process. */
	if (event->kind == SIM_LOG_DONE) {
		disk_log_done(node);
		return;
	}
	if (event->kind == SIM_STATE_DONE) {
		disk_state_done(node);
		return;
	}
	if (!node->paused) {
		process(node, event);
		free(event->mail);
		return;
	}
	if (node->waiting_count == node->waiting_room) {
		node->waiting_room =
			node->waiting_room ? 2 * node->waiting_room : 64;
		node->waiting =
			realloc(node->waiting,
				node->waiting_room * sizeof(*node->waiting));
		if (!node->waiting)
			abort();
	}
	node->waiting[node->waiting_count++] = *event;
}

void node_resume(struct sim_node *node)
{
	struct raft_event late = { .type = RAFT_EV_LATE };
	unsigned int i, count = node->waiting_count;

	sim_note("n%u goes on", node->id);
	node->paused = false;
	node_step(node, &late, NULL);
	/* Nothing of this takes time, so nothing new comes in between. */
	for (i = 0; i < count; i++) {
		process(node, &node->waiting[i]);
		free(node->waiting[i].mail);
	}
	node->waiting_count = 0;
}

/* The configuration may have been edited between two starts. */
static void configure(struct sim_node *node)
{
	struct raft_config *config = &node->config;

	if (config->election_timeout_us && (!sim.unlike || sim_chance(700000)))
		return;
	config->election_timeout_us = sim.timeout_us;
	if (sim.unlike)
		config->election_timeout_us +=
			sim_below((SIM_TIMEOUTS - 1) * sim.timeout_us);
	config->heartbeat_us = config->election_timeout_us / (4 + sim.seed % 7);
}

void node_start(struct sim_node *node)
{
	static struct raft_run runs[SIM_INDEX_MAX];
	static struct raft_member_run members[SIM_INDEX_MAX];
	struct raft_boot boot;
	uint32_t peer;

	if (!node->gate_until_us) {
		/* The machine was off: its clock begins anew. */
		node->clock_real_us = sim.now_us;
		node->clock_own_us = 1000000 + sim_below(1000000000);
		sim_clock_drift(node);
	}
	/* A volume that is there is in the configuration with all nodes. */
	for (peer = 1; oracle_committed() && peer <= sim.count; peer++)
		raft_members_set(&node->config.members, peer,
				 RAFT_MEMBER_VOTER);
	configure(node);
	disk_boot(node, &boot, runs, members);
	boot.now_us = sim_clock(node);
	boot.random = sim_random();
	memcpy(&node->entries[node->disk.base],
	       &node->disk.entries[node->disk.base],
	       (node->disk.last - node->disk.base + 1) *
		       sizeof(node->entries[0]));
	node->raft = raft_new(&node->config, &boot);
	if (!node->raft)
		abort();
	node->up = true;
	node->paused = false;
	node->saved_seq = 0;
	node->timer_us = 0;
	node->led_term = 0;
	node->applied = boot.commit;
	node->commit_seen = boot.commit;
	memset(&node->update, 0, sizeof(node->update));
	memset(node->connection, 0, sizeof(node->connection));
	sim_note("n%u starts: term %llu vote %u base %llu last %llu", node->id,
		 (unsigned long long)boot.state.term, boot.state.vote,
		 (unsigned long long)boot.base_index,
		 (unsigned long long)boot.last_index);
	for (peer = 1; peer <= sim.count; peer++)
		if (peer != node->id && sim.nodes[peer].up)
			sim_connect_later(node->id, peer);
	arm_timer(node);
	sim_schedule(sim_below(20000), SIM_HOUSEKEEPING, node->id);
}

static void drop_volatile(struct sim_node *node)
{
	unsigned int i;

	for (i = 0; i < node->held_count; i++)
		free(node->held[i]);
	node->held_count = 0;
	for (i = 0; i < node->waiting_count; i++)
		free(node->waiting[i].mail);
	node->waiting_count = 0;
	raft_free(node->raft);
	node->raft = NULL;
}

/* A crash of the agent alone leaves the kernel's gate and the clock. */
void node_crash(struct sim_node *node, bool machine)
{
	sim_note("n%u: %s crashes", node->id, machine ? "machine" : "agent");
	drop_volatile(node);
	disk_crash(node);
	node->up = false;
	node->life++;
	if (machine)
		node->gate_until_us = 0;
	else if (!node->gate_until_us)
		node->gate_until_us = 1; /* the clock goes on */
}

void node_free(struct sim_node *node)
{
	drop_volatile(node);
	disk_crash(node);
	free(node->held);
	free(node->held_seq);
	free(node->waiting);
}
