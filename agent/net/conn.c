// SPDX-License-Identifier: GPL-2.0
/*
 * One connection's life: its socket, what epoll waits for, writing, closing.
 * (Reading is in receive.c.)
 *
 * A write error does not close: what the peer said before it went - a refusal,
 * perhaps - may still be in the socket, and callbacks are not allowed where
 * most is written.  Settling calls net_conn_broken().
 */
#include <assert.h>
#include <errno.h>
#include <linux/pkt_sched.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net/internal.h"

static void set_option(int fd, int level, int option, int value)
{
	/* Refused where there is no right or no support: slower, not wrong. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

void net_conn_tune(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, NET_SILENCE_MS);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 4);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 2);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
	/*
	 * Without the right to FORCE, the kernel's own growing buffers are
	 * better than what SO_SNDBUF is allowed.
	 */
	set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, NET_SOCKET_BYTES);
	set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, NET_SOCKET_BYTES);
	/*
	 * What can't leave yet stays in our queue, where it is counted:
	 * senders that look at net_queued_bytes() don't pile up megabytes in
	 * front of the next heartbeat.
	 */
	set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NET_UNSENT_BYTES);
}

void net_conn_hurry(int fd)
{
	set_option(fd, IPPROTO_IP, IP_TOS, IPTOS_LOWDELAY);
	set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, IPTOS_LOWDELAY);
	set_option(fd, SOL_SOCKET, SO_PRIORITY, TC_PRIO_INTERACTIVE);
}

struct net_conn *net_conn_new(struct net *net, int fd,
			      enum net_conn_state state)
{
	struct net_conn *conn = malloc(sizeof(*conn));
	uint32_t events = state == NET_CONN_CONNECTING ? EPOLLOUT : EPOLLIN;

	if (!conn)
		return NULL;
	memset(conn, 0, offsetof(struct net_conn, in));
	if (net_watch(net, EPOLL_CTL_ADD, fd, events, conn)) {
		free(conn);
		return NULL;
	}
	conn->net = net;
	conn->fd = fd;
	conn->state = state;
	conn->events = events;
	conn->received_ms = net->now_ms;
	conn->moved_ms = net->now_ms;
	conn->deadline_ms = net->now_ms + NET_HANDSHAKE_MS;
	base_list_add_tail(&net->conns, &conn->link);
	return conn;
}

const char *net_conn_who(const struct net_conn *conn)
{
	return conn->peer ? conn->peer->config.name : conn->source;
}

void net_conn_wait(struct net_conn *conn)
{
	uint32_t events = EPOLLIN;
	int err;

	if (conn->state == NET_CONN_CLOSED)
		return;
	if (conn->queue.first && !conn->write_error)
		events |= EPOLLOUT;
	if (events == conn->events)
		return;
	/* It is in there; MOD can only fail for want of memory. */
	err = net_watch(conn->net, EPOLL_CTL_MOD, conn->fd, events, conn);
	if (err) {
		net_conn_close(conn, strerror(-err));
		return;
	}
	conn->events = events;
}

void net_conn_write(struct net_conn *conn)
{
	ssize_t sent;

	if (conn->write_error || !conn->queue.first)
		return;
	sent = net_queue_write(&conn->queue, conn->fd, NET_WRITE_BYTES_MAX);
	if (sent < 0) {
		conn->write_error = (int)-sent;
		net_kick(conn->net);
	} else if (conn->peer) {
		conn->peer->sent_bytes += (uint64_t)sent;
	}
	net_conn_wait(conn);
	if (conn->starved && conn->queue.bytes < NET_QUEUE_LOW_BYTES)
		net_kick(conn->net);
}

void net_conn_broken(struct net_conn *conn)
{
	int err = conn->write_error;

	net_receive(conn);
	if (conn->peer)
		net_conn_close(conn, strerror(err));
}

static void conn_connected(struct net_conn *conn)
{
	struct sockaddr_storage here, there;
	socklen_t here_size = sizeof(here), there_size = sizeof(there);
	int err = 0;
	socklen_t size = sizeof(err);

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &err, &size))
		err = errno;
	if (err) {
		net_conn_close(conn, strerror(err));
		return;
	}
	/*
	 * Where nobody listens on a port that the kernel also gives to
	 * connecting sockets, TCP can connect a socket to itself.
	 */
	if (getsockname(conn->fd, (struct sockaddr *)&here, &here_size) == 0 &&
	    getpeername(conn->fd, (struct sockaddr *)&there, &there_size) ==
		    0 &&
	    here_size == there_size && memcmp(&here, &there, here_size) == 0) {
		net_conn_close(conn, strerror(ECONNREFUSED));
		return;
	}
	net_handshake_begin(conn);
}

void net_conn_event(struct net_conn *conn, uint32_t events)
{
	if (conn->state == NET_CONN_CONNECTING) {
		conn_connected(conn);
		return;
	}
	if (events & EPOLLOUT)
		net_conn_write(conn);
	if (events & ~(uint32_t)EPOLLOUT)
		net_receive(conn);
}

/* Let go of the peer: the connection is a stranger's from here on. */
static void conn_part(struct net_conn *conn, const char *why, bool refused)
{
	struct net_peer *peer = conn->peer;

	if (!peer)
		return;
	conn->peer = NULL;
	if (conn->urgent) {
		assert(peer->urgent == conn);
		peer->urgent = NULL;
		peer->urgent_ms = peer->net->now_ms + NET_URGENT_MS;
		return;
	}
	assert(peer->conn == conn);
	peer->conn = NULL;
	net_urgent_close(peer);
	net_peer_lost(peer, why, refused);
}

void net_conn_refuse(struct net_conn *conn, const char *who, const char *why)
{
	struct wire_msg msg = { .type = WIRE_REFUSE };
	bool stranger = !conn->peer;

	assert(conn->state != NET_CONN_CLOSED);
	snprintf(msg.text, sizeof(msg.text), "%s", why);
	/* Detach first: the callback may drop the peer. */
	conn_part(conn, why, true);
	net_say(conn->net, who, why, stranger);
	net_queue_clear_unsent(&conn->queue);
	base_buf_put(conn->body);
	conn->body = NULL;
	conn->state = NET_CONN_LINGER;
	conn->deadline_ms = conn->net->now_ms + NET_LINGER_MS;
	if (net_queue_add(&conn->queue, &msg) == 0)
		net_conn_write(conn);
	/*
	 * Closing now, with bytes unread, would make TCP reset the connection
	 * and the other side might never see the text.
	 */
	if (conn->state == NET_CONN_CLOSED)
		return;
	if (conn->queue.first || conn->write_error ||
	    shutdown(conn->fd, SHUT_WR))
		net_conn_close(conn, why);
}

void net_conn_close(struct net_conn *conn, const char *why)
{
	struct net *net = conn->net;

	if (conn->state == NET_CONN_CLOSED)
		return;
	close(conn->fd); /* leaves epoll too: it is the only descriptor */
	conn->fd = -1;
	conn->state = NET_CONN_CLOSED;
	net_queue_clear(&conn->queue);
	base_buf_put(conn->body);
	conn->body = NULL;
	base_list_del(&conn->link);
	base_list_add_tail(&net->closed, &conn->link);
	conn_part(conn, why, false);
	net_kick(net);
}
