// SPDX-License-Identifier: GPL-2.0
/*
 * The status object of control/status.h, made from what the loop has published.
 * Any thread; changes nothing.
 */
#include <stdio.h>
#include <string.h>

#include <uuid/uuid.h>

#include "control/status.h"
#include "qbdd/published_status.h"

#define PROBLEM_MAX CONTROL_TEXT_MAX /* all of them as one text */

struct status {
	const struct status_identity *identity;
	const struct published_status *published;
	const struct node_view *view;
	uint64_t now_us;
	uint64_t commit; /* newest known anywhere */
	struct health health;
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

json_t *status_node_name(const struct status_identity *identity, uint32_t id)
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

static uint64_t lacks(uint64_t commit, uint64_t has)
{
	return commit > has ? commit - has : 0;
}

static bool is_silent(const struct status *status, unsigned int i)
{
	return health_silent(status->identity, status->published, i,
			     status->now_us);
}

/* What a peer told is news only while it is heard. */
static bool is_heard(const struct status *status, unsigned int i)
{
	return status->published->links[i].state == NET_UP &&
	       !is_silent(status, i);
}

/* For humans: all problems in one text. */
static json_t *problem_json(const struct health *health)
{
	char text[PROBLEM_MAX] = "";
	size_t used = 0;
	unsigned int i;

	for (i = 0; i < health->count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%s", i ? ". " : "",
					 health->problems[i].text);
	return control_text(text);
}

static json_t *problems_json(const struct status *status)
{
	const struct health *health = &status->health;
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < health->count; i++)
		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:o}", "what",
				  health->problems[i].what, "node",
				  status_node_name(status->identity,
						   health->problems[i].node),
				  "text",
				  control_text(health->problems[i].text)));
	return list;
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

	return json_pack("{s:s, s:i, s:s, s:b, s:s, s:s, s:o,"
			 " s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i,"
			 " s:b, s:b, s:b, s:b}",
			 "name", node->name, "id", (int)node->id, "address",
			 node->address, "self", 1, "role",
			 role_text(view->role), "link", "self", "problem",
			 control_text(view->problem), "term",
			 number(view->term), "last", number(view->last),
			 "durable", number(view->durable), "commit",
			 number(view->commit), "applied", number(view->applied),
			 "match",
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

static const char *peer_problem(const struct status *status, unsigned int i,
				const struct node_peer_view *peer)
{
	const struct published_link *link = &status->published->links[i];

	if (link->state != NET_UP)
		return link->problem;
	if (is_silent(status, i))
		return "nothing is heard of it";
	if (!peer->known)
		return "";
	if (peer->status.flags & WIRE_NODE_DISK_FAILED)
		return "disk failed";
	if (peer->status.flags & WIRE_NODE_DIVERGED || peer->differs)
		return "log contradicts the others'";
	if (peer->status.flags & WIRE_NODE_DAMAGED)
		return "replica damaged";
	if (peer->status.flags & WIRE_NODE_INCOMPLETE)
		return "replica is being filled";
	return "";
}

static json_t *peer_json(const struct status *status, unsigned int i)
{
	static const struct node_peer_view unknown;
	const struct conf_node *node = &status->identity->conf->nodes[i];
	const struct published_link *link = &status->published->links[i];
	const struct node_view *view = status->view;
	const struct node_peer_view *peer =
		health_peer(status->published, node->id);
	bool lead = view->role == RAFT_LEADER && peer;
	bool heard = is_heard(status, i), told;
	const struct wire_status *said;
	const char *role = "unknown";

	if (!peer)
		peer = &unknown;
	told = peer->known;
	said = &peer->status;
	if (told && heard)
		role = view->leader == node->id ? "leader" : "follower";
	return json_pack(
		"{s:s, s:i, s:s, s:b, s:s, s:s, s:o,"
		" s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
		" s:b, s:b, s:b, s:b, s:o, s:o, s:o}",
		"name", node->name, "id", (int)node->id, "address",
		node->address, "self", 0, "role", role, "link",
		is_silent(status, i) ? "silent" : link_text(link->state),
		"problem", control_text(peer_problem(status, i, peer)), "term",
		number_if(told, said->term), "last",
		number_if(told, said->last), "durable",
		number_if(told, said->durable), "commit",
		number_if(told, said->commit), "applied",
		number_if(told, said->applied), "match",
		number_if(lead, peer->match), "lacks",
		number_if(heard && (lead || told),
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
		"disk_failed", told && (said->flags & WIRE_NODE_DISK_FAILED),
		"refused", json_boolean(link->refused), "unacked_bytes",
		number(link->unacked_bytes), "stuck_ms",
		number(link->stuck_ms));
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
			json_array_append_new(nodes, peer_json(status, i));
	}
	return nodes;
}

/* The newest opening counts as long as its node says that it lives. */
static uint32_t writer_of(const struct status *status)
{
	const struct conf *conf = status->identity->conf;
	const struct node_view *view = status->view;
	const struct node_peer_view *peer;
	unsigned int i;

	if (view->writer == view->id)
		return view->device_epoch ? view->id : 0;
	peer = health_peer(status->published, view->writer);
	for (i = 0; peer && i < conf->node_count; i++)
		if (conf->nodes[i].id == peer->id && peer->known &&
		    is_heard(status, i) &&
		    peer->status.flags & WIRE_NODE_DEVICE_OPEN &&
		    peer->status.epoch == view->epoch)
			return view->writer;
	return 0;
}

/* A picture that has grown old was of another state. */
static uint64_t state_since_us(const struct status *status)
{
	const struct published_status *published = status->published;

	if (!published)
		return status->identity->started_us;
	return status->health.state == published->state ?
		       published->state_since_us :
		       published->taken_us;
}

static json_t *main_json(const struct status *status)
{
	const struct status_identity *identity = status->identity;
	const struct node_view *view = status->view;
	uint32_t writer = writer_of(status);
	char id[37];

	uuid_unparse_lower(identity->conf->volume_id, id);
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:i, s:o, s:s, s:o, s:o,"
			 " s:o, s:o, s:b}",
			 "volume", identity->conf->volume, "id", id, "node",
			 identity->self->name, "node_id",
			 (int)identity->self->id, "version", QBD_VERSION, "pid",
			 identity->pid, "term", number(view->term), "role",
			 role_text(view->role), "leader",
			 status_node_name(identity, view->leader), "commit",
			 number(status->commit), "writer",
			 status_node_name(identity, writer), "epoch",
			 number(writer ? view->epoch : 0), "device_held",
			 status->published->device_held);
}

json_t *status_json(const struct status_identity *identity,
		    const struct published_status *published, uint64_t now_us)
{
	static const struct published_status none;
	struct status status = {
		.identity = identity,
		.published = published,
		.now_us = now_us,
	};
	uint64_t since_us, changed_us;
	json_t *json;

	health_judge(identity, published, now_us, &status.health);
	since_us = state_since_us(&status);
	if (!published)
		status.published = &none;
	status.view = &status.published->view;
	status.commit = health_commit(status.published);
	changed_us = status.published->term_changed_us;
	json = main_json(&status);
	json_object_set_new(json, "disk", control_text(identity->self->disk));
	json_object_set_new(json, "meta_disk",
			    *identity->self->meta_disk ?
				    control_text(identity->self->meta_disk) :
				    json_null());
	json_object_set_new(json, "state",
			    json_string(health_text(status.health.state)));
	json_object_set_new(json, "since_ms",
			    number((now_us - since_us) / 1000));
	json_object_set_new(json, "problem", problem_json(&status.health));
	json_object_set_new(json, "problems", problems_json(&status));
	json_object_set_new(json, "listen_problem",
			    control_text(status.published->listen_problem));
	json_object_set_new(json, "term_changed_ms",
			    number_if(changed_us,
				      (now_us - changed_us) / 1000));
	json_object_set_new(json, "term_changes",
			    number(status.published->term_rises));
	json_object_set_new(json, "age_ms",
			    number_if(published,
				      (now_us - status.published->taken_us) /
					      1000));
	json_object_set_new(json, "log", log_json(status.view));
	json_object_set_new(json, "nodes", nodes_json(&status));
	return json;
}
