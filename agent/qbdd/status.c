// SPDX-License-Identifier: GPL-2.0
/*
 * The status object of cli/status.h, made from a snapshot.  Any thread; changes
 * nothing.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <uuid/uuid.h>

#include "qbdd/snapshot.h"

#define STARTING_US 5000000 /* so long no leader yet is no bad news */
#define STALE_US 2000000 /* older: the loop hangs */
#define BEHIND_ENTRIES (2 * RAFT_INFLIGHT_MAX)

struct status {
	const struct snapshot_identity *identity;
	const struct snapshot *snapshot;
	const struct node_view *view;
	uint64_t now_us;
	uint64_t commit; /* newest known anywhere */
};

static const char *role_text(enum raft_role role)
{
	switch (role) {
	case RAFT_LEADER:
		return "leader";
	case RAFT_CANDIDATE:
		return "candidate";
	case RAFT_PRECANDIDATE:
		return "precandidate";
	default:
		return "follower";
	}
}

static const char *link_text(enum net_link_state state)
{
	switch (state) {
	case NET_UP:
		return "up";
	case NET_HANDSHAKE:
		return "handshake";
	case NET_CONNECTING:
		return "connecting";
	default:
		return "down";
	}
}

json_t *snapshot_name(const struct snapshot_identity *identity, uint32_t id)
{
	const struct conf *conf = identity->conf;
	unsigned int i;

	for (i = 0; i < conf->node_count; i++)
		if (conf->nodes[i].id == id)
			return json_string(conf->nodes[i].name);
	return json_null();
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *number_if(bool known, uint64_t value)
{
	return known ? number(value) : json_null();
}

static const struct node_peer_view *peer_view(const struct node_view *view,
					      uint32_t id)
{
	unsigned int i;

	for (i = 0; i < view->peer_count; i++)
		if (view->peers[i].id == id)
			return &view->peers[i];
	return NULL;
}

/* What a peer told is news only while it is connected. */
static bool peer_told(const struct node_peer_view *peer)
{
	return peer && peer->known;
}

static uint64_t newest_commit(const struct node_view *view)
{
	uint64_t commit = view->commit;
	unsigned int i;

	for (i = 0; i < view->peer_count; i++)
		if (peer_told(&view->peers[i]) &&
		    view->peers[i].status.commit > commit)
			commit = view->peers[i].status.commit;
	return commit;
}

static uint64_t lacks(uint64_t commit, uint64_t has)
{
	return commit > has ? commit - has : 0;
}

static const char *state_text(const struct status *status)
{
	const struct node_view *view = status->view;

	if (!view)
		return "starting";
	if (view->disk_failed)
		return "disk-failed";
	if (view->damaged)
		return "damaged";
	if (!view->leader &&
	    status->now_us - status->identity->started_us < STARTING_US)
		return "starting";
	if (!view->leader)
		return "no-quorum";
	if (view->incomplete ||
	    lacks(status->commit, view->durable) > BEHIND_ENTRIES)
		return "catching-up";
	return "ok";
}

struct text {
	char bytes[2048];
	size_t used;
};

static void text_add(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void text_add(struct text *text, const char *format, ...)
{
	va_list args;
	int count;

	if (text->used >= sizeof(text->bytes))
		return;
	va_start(args, format);
	count = vsnprintf(text->bytes + text->used,
			  sizeof(text->bytes) - text->used, format, args);
	va_end(args);
	if (count > 0)
		text->used += (size_t)count;
}

static void add_missing(const struct status *status, struct text *text)
{
	const struct conf *conf = status->identity->conf;
	unsigned int missing = 0;
	unsigned int i;

	for (i = 0; i < conf->node_count; i++) {
		const struct snapshot_link *link = &status->snapshot->links[i];

		if (&conf->nodes[i] == status->identity->self ||
		    link->state == NET_UP)
			continue;
		text_add(text, "%s%s",
			 missing++ ? ", " : "missing: ", conf->nodes[i].name);
		if (link->problem[0])
			text_add(text, " (%s)", link->problem);
	}
	if (missing)
		text_add(text, "; start qbdd there or mend the network. ");
}

static void add_waiting(const struct status *status, struct text *text,
			uint64_t since_us, const char *what)
{
	if (since_us && status->now_us - since_us > STALE_US)
		text_add(text, "%s has waited for the disk for %lu s. ", what,
			 (unsigned long)((status->now_us - since_us) /
					 1000000));
}

static json_t *problem_json(const struct status *status)
{
	const struct snapshot *snapshot = status->snapshot;
	struct text text = { .used = 0 };

	if (!snapshot)
		return json_string("reading the log");
	if (status->now_us - snapshot->taken_us > STALE_US)
		text_add(&text, "the agent has not moved for %lu s: %s. ",
			 (unsigned long)((status->now_us - snapshot->taken_us) /
					 1000000),
			 pulse_what(status->identity->pulse));
	if (status->view->problem[0])
		text_add(&text, "%s. ", status->view->problem);
	add_waiting(status, &text, snapshot->log_waiting_us, "the log");
	add_waiting(status, &text, snapshot->image_waiting_us, "the data area");
	if (snapshot->device_problem[0])
		text_add(&text, "no device: %s. ", snapshot->device_problem);
	if (snapshot->listen_problem[0])
		text_add(&text, "%s. ", snapshot->listen_problem);
	add_missing(status, &text);
	if (snapshot->address_notice[0])
		text_add(&text, "%s. ", snapshot->address_notice);
	if (snapshot->log_notice[0])
		text_add(&text, "%s. ", snapshot->log_notice);
	if (text.used >= 2 && text.used < sizeof(text.bytes))
		text.bytes[text.used - 2] = '\0'; /* the last ". " */
	return json_string(text.bytes);
}

static json_t *log_json(const struct node_view *view)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "base",
			 number(view->base), "last", number(view->last),
			 "durable", number(view->durable), "commit",
			 number(view->commit), "applied", number(view->applied),
			 "capacity_bytes", number(view->log_capacity_bytes),
			 "used_bytes", number(view->log_used_bytes));
}

static json_t *percent(bool known, uint64_t done, uint64_t all)
{
	return known && all ? number(done * 100 / all) : json_null();
}

static json_t *self_json(const struct status *status,
			 const struct conf_node *node)
{
	const struct node_view *view = status->view;

	return json_pack("{s:s, s:i, s:s, s:b, s:s, s:s, s:s,"
			 " s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i,"
			 " s:b, s:b, s:b, s:b}",
			 "name", node->name, "id", (int)node->id, "address",
			 node->address, "self", 1, "role",
			 role_text(view->role), "link", "self", "problem",
			 view->problem, "term", number(view->term), "last",
			 number(view->last), "durable", number(view->durable),
			 "commit", number(view->commit), "applied",
			 number(view->applied), "match",
			 number_if(view->role == RAFT_LEADER, view->durable),
			 "lacks", number(lacks(status->commit, view->durable)),
			 "copy_percent",
			 percent(view->incomplete, view->copy_received,
				 status->identity->conf->size_bytes),
			 "copied_bytes",
			 number_if(view->incomplete, view->copy_received),
			 "heard_ms", 0, "device_open", view->device_epoch != 0,
			 "incomplete", view->incomplete, "damaged",
			 view->damaged, "disk_failed", view->disk_failed);
}

static const char *peer_problem(const struct snapshot_link *link,
				const struct node_peer_view *peer)
{
	if (link->state != NET_UP)
		return link->problem;
	if (!peer_told(peer))
		return "";
	if (peer->status.flags & WIRE_NODE_DISK_FAILED)
		return "disk failed";
	if (peer->status.flags & WIRE_NODE_DAMAGED)
		return "replica damaged";
	if (peer->status.flags & WIRE_NODE_INCOMPLETE)
		return "replica is being filled";
	return "";
}

static json_t *peer_json(const struct status *status,
			 const struct conf_node *node,
			 const struct snapshot_link *link)
{
	static const struct node_peer_view unknown;
	const struct node_view *view = status->view;
	const struct node_peer_view *peer = peer_view(view, node->id);
	bool told = peer_told(peer);
	bool lead = view->role == RAFT_LEADER && peer;
	const struct wire_status *said;
	const char *role = "unknown";

	if (!peer)
		peer = &unknown;
	said = &peer->status;
	if (told)
		role = view->leader == node->id ? "leader" : "follower";
	return json_pack(
		"{s:s, s:i, s:s, s:b, s:s, s:s, s:s,"
		" s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
		" s:b, s:b, s:b, s:b}",
		"name", node->name, "id", (int)node->id, "address",
		node->address, "self", 0, "role", role, "link",
		link_text(link->state), "problem", peer_problem(link, peer),
		"term", number_if(told, said->term), "last",
		number_if(told, said->last), "durable",
		number_if(told, said->durable), "commit",
		number_if(told, said->commit), "applied",
		number_if(told, said->applied), "match",
		number_if(lead, peer->match), "lacks",
		number_if(lead || told,
			  lacks(status->commit,
				lead ? peer->match : said->durable)),
		"copy_percent",
		percent(peer->copy == NODE_COPY_RUNNING, peer->copy_offset,
			status->identity->conf->size_bytes),
		"copied_bytes",
		number_if(peer->copy == NODE_COPY_RUNNING, peer->copy_offset),
		"heard_ms",
		number_if(peer->heard_us != 0,
			  (status->now_us - peer->heard_us) / 1000),
		"device_open", told && (said->flags & WIRE_NODE_DEVICE_OPEN),
		"incomplete", told && (said->flags & WIRE_NODE_INCOMPLETE),
		"damaged", told && (said->flags & WIRE_NODE_DAMAGED),
		"disk_failed", told && (said->flags & WIRE_NODE_DISK_FAILED));
}

static json_t *nodes_json(const struct status *status)
{
	const struct conf *conf = status->identity->conf;
	json_t *nodes = json_array();
	unsigned int i;

	for (i = 0; i < conf->node_count; i++) {
		const struct conf_node *node = &conf->nodes[i];

		if (node == status->identity->self)
			json_array_append_new(nodes, self_json(status, node));
		else
			json_array_append_new(
				nodes, peer_json(status, node,
						 &status->snapshot->links[i]));
	}
	return nodes;
}

/* The newest opening counts as long as its node says that it lives. */
static uint32_t writer_of(const struct node_view *view)
{
	const struct node_peer_view *peer = peer_view(view, view->writer);

	if (view->writer == view->id)
		return view->device_epoch ? view->id : 0;
	if (peer_told(peer) && peer->status.flags & WIRE_NODE_DEVICE_OPEN &&
	    peer->status.epoch == view->epoch)
		return view->writer;
	return 0;
}

json_t *snapshot_status(const struct snapshot_identity *identity,
			const struct snapshot *snapshot, uint64_t now_us)
{
	static const struct snapshot none;
	struct status status = {
		.identity = identity,
		.snapshot = snapshot,
		.view = snapshot ? &snapshot->view : NULL,
		.now_us = now_us,
		.commit = snapshot ? newest_commit(&snapshot->view) : 0,
	};
	json_t *state = json_string(state_text(&status));
	json_t *problem = problem_json(&status);
	const struct node_view *view;
	uint32_t writer;
	char id[37];

	if (!snapshot) {
		status.snapshot = &none;
		status.view = &none.view;
	}
	view = status.view;
	writer = writer_of(view);
	uuid_unparse_lower(identity->conf->volume_id, id);
	return json_pack(
		"{s:s, s:s, s:s, s:i, s:s, s:i, s:o, s:o, s:o,"
		" s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:s, s:o, s:o}",
		"volume", identity->conf->volume, "id", id, "node",
		identity->self->name, "node_id", (int)identity->self->id,
		"version", QBD_VERSION, "pid", identity->pid, "state", state,
		"problem", problem, "term", number(view->term), "role",
		role_text(view->role), "leader",
		snapshot_name(identity, view->leader), "commit",
		number(status.commit), "writer",
		snapshot_name(identity, writer), "epoch",
		number(writer ? view->epoch : 0), "age_ms",
		number_if(snapshot,
			  snapshot ? (now_us - snapshot->taken_us) / 1000 : 0),
		"device_held", status.snapshot->device_held, "listen_problem",
		status.snapshot->listen_problem, "log", log_json(view), "nodes",
		nodes_json(&status));
}
