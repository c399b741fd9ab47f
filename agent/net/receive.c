// SPDX-License-Identifier: GPL-2.0
/*
 * From a socket to messages.
 *
 * The front of each frame comes into conn->in, and with it, in the same system
 * call, whatever follows.  A payload has a buffer of its own, which it stays in,
 * at its aligned start: what of it came along with the front is copied there, the
 * rest read into it.  All that is complete is handled before more is read, so
 * nothing waits in conn->in that epoll does not know of.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "net/internal.h"

static bool conn_listens(const struct net_conn *conn)
{
	return conn->state == NET_CONN_HANDSHAKE || conn->state == NET_CONN_UP;
}

static void handle(struct net_conn *conn, struct wire_msg *msg)
{
	struct net *net = conn->net;

	switch (msg->type) {
	case WIRE_HELLO:
		if (conn->state == NET_CONN_UP)
			net_conn_refuse(conn, net_conn_who(conn),
					"a second HELLO");
		else
			net_handshake_hello(conn, &msg->hello);
		break;
	case WIRE_REFUSE:
		net_handshake_refused(conn, msg->text);
		break;
	default:
		/* Decoding lets nothing else pass until the link is up. */
		assert(conn->state == NET_CONN_UP && conn->peer);
		net->config.received(net->config.context, conn->peer->config.id,
				     msg);
		break;
	}
}

static void take_frame(struct net_conn *conn, const uint8_t *front,
		       size_t front_bytes, struct base_buf *payload)
{
	struct base_error error;
	struct wire_msg msg;
	uint64_t volume_bytes = 0;
	int err;

	if (conn->state == NET_CONN_UP)
		volume_bytes = conn->net->config.hello.volume_bytes;
	err = wire_decode(front, front_bytes, payload, volume_bytes, &msg,
			  &error);
	if (err == -ENOMEM) {
		net_conn_close(conn, error.text);
		return;
	}
	if (err) {
		net_conn_refuse(conn, net_conn_who(conn), error.text);
		return;
	}
	handle(conn, &msg);
	wire_msg_clear(&msg);
}

/* The front is there: make room for the payload, and copy what has come of it. */
static void begin_body(struct net_conn *conn, const uint8_t *front, size_t have,
		       const struct wire_extent *extent)
{
	size_t come = have - extent->front_bytes;

	conn->body = base_buf_new(extent->payload_bytes);
	if (!conn->body) {
		net_conn_close(conn, strerror(ENOMEM));
		return;
	}
	if (come > extent->payload_bytes)
		come = extent->payload_bytes;
	memcpy(conn->body->data, front + extent->front_bytes, come);
	conn->body_used = come;
	conn->front_bytes = extent->front_bytes;
}

/* @front: of the frame whose payload is all there */
static void take_body(struct net_conn *conn, const uint8_t *front)
{
	struct base_buf *body = conn->body;

	conn->body = NULL;
	take_frame(conn, front, conn->front_bytes, body);
	base_buf_put(body);
}

/*
 * One frame of the @have bytes at @bytes.
 * Return: how many of them are dealt with, 0: there is not enough of it yet.
 */
static size_t take_next(struct net_conn *conn, const uint8_t *bytes,
			size_t have)
{
	struct wire_extent extent;
	struct base_error error;

	if (have < WIRE_HEAD_BYTES)
		return 0;
	if (wire_frame_extent(bytes, &extent, &error)) {
		net_conn_refuse(conn, net_conn_who(conn), error.text);
		return have;
	}
	/* A stranger gets no memory. */
	if (conn->state == NET_CONN_HANDSHAKE &&
	    extent.front_bytes + extent.payload_bytes > NET_HELLO_BYTES_MAX) {
		net_conn_refuse(conn, net_conn_who(conn),
				"it begins with something else than HELLO");
		return have;
	}
	if (have < extent.front_bytes)
		return 0;
	if (!extent.payload_bytes) {
		take_frame(conn, bytes, extent.front_bytes, NULL);
		return extent.front_bytes;
	}
	begin_body(conn, bytes, have, &extent);
	if (!conn->body || conn->body_used < conn->body->size)
		return 0;
	take_body(conn, bytes);
	return extent.front_bytes + extent.payload_bytes;
}

static void take_all(struct net_conn *conn)
{
	size_t at = 0, taken = 1;

	if (conn->body && conn->body_used < conn->body->size)
		return;
	if (conn->body && conn_listens(conn)) {
		at = conn->front_bytes;
		take_body(conn, conn->in);
	}
	while (taken && conn_listens(conn)) {
		taken = take_next(conn, conn->in + at, conn->in_used - at);
		at += taken;
	}
	if (!conn_listens(conn)) {
		conn->in_used = 0;
		return;
	}
	/* What came of a payload is in its body. */
	conn->in_used = conn->body ? conn->front_bytes : conn->in_used - at;
	memmove(conn->in, conn->in + at, conn->in_used);
}

static ssize_t read_some(struct net_conn *conn, size_t *asked)
{
	struct iovec iov[2];
	struct iovec *last = iov;
	size_t rest = 0;
	ssize_t got;

	if (conn->body) {
		rest = conn->body->size - conn->body_used;
		last->iov_base = conn->body->data + conn->body_used;
		last->iov_len = rest;
		last++;
	}
	last->iov_base = conn->in + conn->in_used;
	last->iov_len = sizeof(conn->in) - conn->in_used;
	*asked = rest + last->iov_len;
	got = readv(conn->fd, iov, (int)(last - iov) + 1);
	if (got <= 0)
		return got < 0 ? -errno : 0;
	if ((size_t)got < rest)
		rest = (size_t)got;
	conn->body_used += rest;
	conn->in_used += (size_t)got - rest;
	return got;
}

static void receive_ended(struct net_conn *conn, ssize_t got)
{
	char why[64];

	if (conn->state == NET_CONN_HANDSHAKE)
		snprintf(why, sizeof(why), "closed during the handshake%s%s",
			 got ? ": " : "", got ? strerror((int)-got) : "");
	else
		snprintf(why, sizeof(why), "%s",
			 got ? strerror((int)-got) :
			       "it closed the connection");
	net_conn_close(conn, why);
}

void net_receive(struct net_conn *conn)
{
	size_t asked, total = 0;
	ssize_t got;

	while (conn->state != NET_CONN_CLOSED && total < NET_READ_BYTES_MAX) {
		got = read_some(conn, &asked);
		if (got == -EINTR)
			continue;
		if (got == -EAGAIN)
			return;
		if (got <= 0) {
			receive_ended(conn, got);
			return;
		}
		total += (size_t)got;
		conn->received_ms = conn->net->now_ms;
		if (conn->peer)
			conn->peer->received_bytes += (uint64_t)got;
		take_all(conn);
		if ((size_t)got < asked)
			return; /* that was all; epoll tells of more */
	}
}
