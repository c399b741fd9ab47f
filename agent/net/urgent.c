// SPDX-License-Identifier: GPL-2.0
/*
 * The second connection to a peer, for a leader's urgent heartbeats.
 *
 * What the socket of a link has taken, and what of it the network queues, or has
 * lost and sends again, can't be overtaken on the same connection.  This one
 * never holds more than a few hundred bytes, and is a flow of its own where
 * packets are queued fairly.
 *
 * A link is up without it and does not depend on it: it only ever carries what
 * goes by the first one, too, in order.  The node that connects the link
 * connects it as well, a second after the link is up; it belongs to that link
 * and ends with it, so nothing of an earlier link can arrive by it.
 */
#include <string.h>

#include "net/internal.h"

uint64_t net_urgent_due(const struct net_peer *peer)
{
	if (!peer->connects || peer->urgent || !net_conn_up(peer->conn))
		return UINT64_MAX;
	return peer->urgent_ms;
}

void net_urgent_connect(struct net_peer *peer)
{
	struct net_address there = { .length = sizeof(there.sockaddr) };
	struct net_conn *conn;
	int err;

	peer->urgent_ms = peer->net->now_ms + NET_URGENT_MS;
	if (getpeername(peer->conn->fd, (struct sockaddr *)&there.sockaddr,
			&there.length))
		return;
	conn = net_peer_dial(peer, &there, &err);
	if (!conn)
		return; /* again later; the link does without */
	conn->urgent = true;
	conn->peer = peer;
	peer->urgent = conn;
	net_conn_hurry(conn->fd);
}

/* One of no link that is up here: the other side will try again. */
static bool belongs(const struct net_conn *conn, const struct net_peer *peer,
		    const struct wire_hello *hello)
{
	return peer && net_conn_up(peer->conn) &&
	       peer->conn->incarnation == hello->incarnation &&
	       hello->flags & WIRE_HELLO_URGENT &&
	       (conn->peer ? conn->peer == peer : !peer->connects);
}

void net_urgent_hello(struct net_conn *conn, struct net_peer *peer,
		      const struct wire_hello *hello)
{
	if (!belongs(conn, peer, hello)) {
		net_conn_close(conn, "");
		return;
	}
	if (!conn->peer) {
		net_urgent_close(peer);
		conn->urgent = true;
		conn->peer = peer;
		peer->urgent = conn;
		net_conn_hurry(conn->fd);
		net_handshake_say(conn, peer->config.id);
	}
	if (conn->state == NET_CONN_HANDSHAKE)
		conn->state = NET_CONN_UP;
}

struct net_conn *net_urgent_of(const struct net_peer *peer,
			       const struct wire_msg *msg)
{
	/* Votes are said once: they go where the link's end is noticed. */
	if (msg->type != WIRE_RAFT || msg->raft.msg.type != RAFT_MSG_APPEND ||
	    !wire_msg_urgent(msg) || !net_conn_up(peer->urgent) ||
	    peer->urgent->queue.bytes > NET_URGENT_BYTES)
		return NULL;
	return peer->urgent;
}

void net_urgent_close(struct net_peer *peer)
{
	if (peer->urgent)
		net_conn_close(peer->urgent, "");
}
