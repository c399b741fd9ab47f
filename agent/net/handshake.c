// SPDX-License-Identifier: GPL-2.0
/*
 * HELLO both ways, before anything else.
 *
 * The connecting side sends HELLO first, since it knows which node it wants.
 * From it, and never from the address, the listening side learns the peer's
 * identity, and answers.  A side that rejects what it received sends REFUSE
 * instead.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "net/internal.h"

/*
 * @from, if it is a node, is told no; its link, if there is one, is another's.
 */
static void refuse(struct net_conn *conn, struct net_peer *from,
		   const char *who, const char *why)
{
	bool stranger = !conn->peer;

	net_conn_refuse(conn, who, why);
	if (stranger && from && !net_conn_up(from->conn))
		net_peer_refused(from, why);
}

void net_handshake_say(struct net_conn *conn, uint32_t to)
{
	struct wire_msg msg = { .type = WIRE_HELLO };

	msg.hello = conn->net->config.hello;
	msg.hello.to = to;
	msg.hello.flags = conn->urgent ? WIRE_HELLO_URGENT : 0;
	if (net_queue_add(&conn->queue, &msg)) {
		net_conn_close(conn, "no memory");
		return;
	}
	net_conn_write(conn);
	net_conn_wait(conn);
}

/* We have connected. */
void net_handshake_begin(struct net_conn *conn)
{
	conn->state = NET_CONN_HANDSHAKE;
	if (!conn->urgent)
		net_peer_enter(conn->peer, NET_HANDSHAKE);
	net_handshake_say(conn, conn->peer->config.id);
}

/* A valid HELLO: but may it be this peer's new connection? */
static const char *peer_problem(const struct net_peer *peer,
				const struct net_conn *conn,
				const struct wire_hello *hello, char *text,
				size_t size)
{
	const struct net_conn *old = peer ? peer->conn : NULL;

	if (!peer)
		snprintf(text, size,
			 "node %u (%.24s) is not in the configuration of "
			 "%.24s: make the list of nodes the same on all",
			 hello->from, hello->node_name,
			 conn->net->config.hello.node_name);
	else if (strcmp(peer->config.name, hello->node_name))
		snprintf(text, size,
			 "node %u is called %.24s on one node, %.24s on the "
			 "other: give it one name in both configurations",
			 hello->from, hello->node_name, peer->config.name);
	else if (!conn->peer && peer->connects)
		snprintf(text, size,
			 "%.24s has the higher id and must not connect: make "
			 "the ids in the configuration the same on all nodes",
			 hello->node_name);
	else if (net_conn_up(old) && old != conn &&
		 old->incarnation != hello->incarnation &&
		 conn->net->now_ms - old->received_ms < NET_DOUBLE_MS)
		snprintf(text, size,
			 "%.24s is connected already, from another process: "
			 "does its agent run twice, or do two machines use "
			 "its name?",
			 hello->node_name);
	else
		return NULL;
	return text;
}

/* A stranger has shown who it is. */
static void adopt(struct net_conn *conn, struct net_peer *peer)
{
	if (peer->conn)
		net_conn_close(peer->conn,
			       "replaced by a new connection of the same node");
	net_peer_tell_down(peer);
	peer->conn = conn;
	conn->peer = peer;
	net_handshake_say(conn, peer->config.id);
}

void net_handshake_hello(struct net_conn *conn, const struct wire_hello *hello)
{
	struct net_peer *peer = net_peer_find(conn->net, hello->from);
	struct wire_hello ours = conn->net->config.hello;
	struct base_error error;
	uint16_t version;
	const char *problem;
	char who[160];

	ours.to = conn->peer ? conn->peer->config.id : hello->from;
	if (conn->peer)
		snprintf(who, sizeof(who), "%s", conn->peer->config.name);
	else
		snprintf(who, sizeof(who), "%s at %s", hello->node_name,
			 conn->source);
	if (wire_hello_check(&ours, hello, &version, &error)) {
		refuse(conn, peer, who, error.text);
		return;
	}
	if (hello->flags & WIRE_HELLO_URGENT || conn->urgent) {
		net_urgent_hello(conn, peer, hello);
		return;
	}
	/* A dead process's end may wait there, unread. */
	if (peer && peer->conn && peer->conn != conn)
		net_receive(peer->conn);
	problem =
		peer_problem(peer, conn, hello, error.text, sizeof(error.text));
	if (problem) {
		refuse(conn, peer, who, problem);
		return;
	}
	assert(!conn->peer || conn->peer == peer);
	conn->incarnation = hello->incarnation;
	peer->differs = wire_hello_differs(&ours, hello);
	peer->volume_bytes = hello->volume_bytes;
	if (!conn->peer)
		adopt(conn, peer);
	if (conn->state != NET_CONN_HANDSHAKE)
		return;
	conn->state = NET_CONN_UP;
	net_unsay(conn->net, who);
	net_peer_up(peer);
}

/* The other side says why it won't. */
void net_handshake_refused(struct net_conn *conn, const char *why)
{
	struct net_peer *peer = conn->peer;
	char text[WIRE_TEXT_MAX + 32];

	if (conn->urgent) {
		net_conn_close(conn, why);
		return;
	}
	snprintf(text, sizeof(text), "it refuses: %s", why);
	net_say(conn->net, net_conn_who(conn), text, !peer);
	if (peer)
		peer->delay_ms = NET_RETRY_MAX_MS;
	net_conn_close(conn, text);
	if (peer)
		net_peer_refused(peer, text);
}
