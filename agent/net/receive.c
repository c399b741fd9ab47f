// SPDX-License-Identifier: GPL-2.0
/*
 * From a socket to messages.
 *
 * Heads and small frames come through conn->in, many per system call; what is
 * left of a long frame goes straight into the buffer that its payloads will
 * stay in, and whatever follows it, in the same call, into conn->in.  All that
 * is complete is handled before more is read, so nothing waits in conn->in
 * that epoll does not know of.
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

/* @buf: exactly a frame */
static void take_frame(struct net_conn *conn, struct base_buf *buf)
{
	struct base_error error;
	struct wire_msg msg;
	uint64_t volume_bytes = 0;
	int err;

	if (conn->state == NET_CONN_UP)
		volume_bytes = conn->net->config.hello.volume_bytes;
	err = wire_decode(buf, volume_bytes, &msg, &error);
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

/* A whole frame inside conn->in, which its payloads can't stay in */
static void take_small(struct net_conn *conn, uint8_t *bytes, size_t length)
{
	struct base_buf view = { .refs = 1, .size = length, .data = bytes };
	struct base_buf *buf;

	if (!wire_frame_has_payload(bytes)) {
		take_frame(conn, &view);
		return;
	}
	buf = base_buf_new(length);
	if (!buf) {
		net_conn_close(conn, strerror(ENOMEM));
		return;
	}
	memcpy(buf->data, bytes, length);
	take_frame(conn, buf);
	base_buf_put(buf);
}

static void begin_body(struct net_conn *conn, const uint8_t *bytes, size_t have,
		       size_t length)
{
	conn->body = base_buf_new(length);
	if (!conn->body) {
		net_conn_close(conn, strerror(ENOMEM));
		return;
	}
	memcpy(conn->body->data, bytes, have);
	conn->body_used = have;
}

/*
 * One frame of the bytes at @bytes.
 * Return: how many bytes are dealt with, 0: there is not enough of it yet.
 */
static size_t take_next(struct net_conn *conn, uint8_t *bytes, size_t have)
{
	struct base_error error;
	int64_t length;

	if (have < WIRE_HEAD_BYTES)
		return 0;
	length = wire_frame_length(bytes, &error);
	if (length < 0) {
		net_conn_refuse(conn, net_conn_who(conn), error.text);
		return have;
	}
	/* A stranger gets no memory. */
	if (conn->state == NET_CONN_HANDSHAKE && length > NET_HELLO_BYTES_MAX) {
		net_conn_refuse(conn, net_conn_who(conn),
				"it begins with something else than HELLO");
		return have;
	}
	if ((uint64_t)length <= have) {
		take_small(conn, bytes, (size_t)length);
		return (size_t)length;
	}
	if (length <= NET_SMALL_BYTES)
		return 0;
	begin_body(conn, bytes, have, (size_t)length);
	return have;
}

static void take_body(struct net_conn *conn)
{
	struct base_buf *body = conn->body;

	if (!body || conn->body_used < body->size)
		return;
	conn->body = NULL;
	take_frame(conn, body);
	base_buf_put(body);
}

static void take_all(struct net_conn *conn)
{
	size_t at = 0, taken = 1;

	if (conn_listens(conn))
		take_body(conn);
	while (conn_listens(conn) && !conn->body && taken) {
		taken = take_next(conn, conn->in + at, conn->in_used - at);
		at += taken;
	}
	if (!conn_listens(conn)) {
		conn->in_used = 0;
		return;
	}
	conn->in_used -= at;
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
