// SPDX-License-Identifier: GPL-2.0
/*
 * The connections as a whole: events, deadlines, and the calls of net.h.  What an
 * event does is bounded by NET_READ_BYTES_MAX and NET_WRITE_BYTES_MAX.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net/internal.h"

static int check_addresses(const struct net_config *config,
			   struct base_error *error)
{
	unsigned int i;
	int err = net_address_check(config->listen, error);

	for (i = 0; i < config->peer_count && !err; i++)
		err = net_address_check(config->peers[i].address, error);
	return err;
}

int net_new(const struct net_config *config, uint64_t now_ms, struct net **out,
	    struct base_error *error)
{
	struct net *net;
	unsigned int i;
	int err;

	assert(config->peer_count <= RAFT_MEMBERS_MAX);
	err = check_addresses(config, error);
	if (err)
		return err;
	net = calloc(1, sizeof(*net));
	if (!net)
		return base_error_set(error, -ENOMEM, "no memory");
	net->config = *config;
	net->now_ms = now_ms;
	net->kick_fd = -1;
	net->listen_fd = -1;
	net->listen_ms = UINT64_MAX;
	base_list_init(&net->conns);
	base_list_init(&net->closed);
	err = net_kick_open(net);
	if (err)
		base_error_set(error, err, "can't wait for events: %s",
			       strerror(-err));
	else
		err = net_listen(net, error);
	if (err) {
		net_free(net);
		return err;
	}
	for (i = 0; i < config->peer_count; i++) {
		assert(config->peers[i].id != config->hello.from);
		net_peer_init(&net->peers[i], net, &config->peers[i]);
	}
	*out = net;
	return 0;
}

static void free_closed(struct net *net)
{
	struct base_list *at, *next;

	for (at = net->closed.next; at != &net->closed; at = next) {
		next = at->next;
		free(base_container_of(at, struct net_conn, link));
	}
	base_list_init(&net->closed);
}

void net_free(struct net *net)
{
	if (!net)
		return;
	while (!base_list_empty(&net->conns))
		net_conn_close(base_container_of(net->conns.next,
						 struct net_conn, link),
			       "");
	free_closed(net);
	if (net->listen_fd >= 0)
		close(net->listen_fd);
	if (net->kick_fd >= 0)
		close(net->kick_fd);
	free(net);
}

void net_event(struct net *net, uint64_t source, uint32_t events,
	       uint64_t now_ms)
{
	void *address = (void *)(uintptr_t)source;
	struct net_conn *conn = address;

	net->now_ms = now_ms;
	if (address == &net->kick_fd)
		net_kick_taken(net);
	else if (address == &net->listen_fd)
		net_listen_accept(net);
	else if (conn->state != NET_CONN_CLOSED)
		net_conn_event(conn, events);
}

static void settle_peer(struct net_peer *peer)
{
	struct net *net = peer->net;

	if (peer->conn && peer->conn->write_error)
		net_conn_broken(peer->conn);
	if (peer->urgent && peer->urgent->write_error)
		net_conn_broken(peer->urgent);
	net_peer_tell_down(peer);
	if (!net_conn_up(peer->conn) || !peer->conn->starved ||
	    peer->conn->queue.bytes >= NET_QUEUE_LOW_BYTES)
		return;
	peer->conn->starved = false;
	net->config.writable(net->config.context, peer->config.id);
}

/*
 * What had to wait until no caller up the stack looks at a connection.
 * Callbacks may close further ones: these have kicked, and are settled next
 * time.
 */
static void settle(struct net *net)
{
	unsigned int i;

	for (i = 0; i < net->config.peer_count; i++)
		settle_peer(&net->peers[i]);
	if (!base_list_empty(&net->closed))
		free_closed(net);
}

void net_settle(struct net *net, uint64_t now_ms)
{
	net->now_ms = now_ms;
	settle(net);
}

static uint64_t conn_deadline(const struct net_conn *conn)
{
	if (conn->state != NET_CONN_UP)
		return conn->deadline_ms;
	/* Only a leader says something on it. */
	return conn->urgent ? UINT64_MAX : conn->received_ms + NET_SILENCE_MS;
}

uint64_t net_deadline_ms(const struct net *net)
{
	uint64_t deadline = UINT64_MAX;
	const struct base_list *at;
	unsigned int i;

	for (at = net->conns.next; at != &net->conns; at = at->next) {
		uint64_t end = conn_deadline(
			base_container_of(at, struct net_conn, link));

		if (end < deadline)
			deadline = end;
	}
	for (i = 0; i < net->config.peer_count; i++) {
		const struct net_peer *peer = &net->peers[i];

		if (peer->connects && !peer->conn && peer->retry_ms < deadline)
			deadline = peer->retry_ms;
		if (net_urgent_due(peer) < deadline)
			deadline = net_urgent_due(peer);
	}
	if (net->listen_paused && net->listen_resume_ms < deadline)
		deadline = net->listen_resume_ms;
	if (net->listen_ms < deadline)
		deadline = net->listen_ms;
	return deadline;
}

static void conn_expire(struct net_conn *conn)
{
	const char *why;

	_Static_assert(NET_SILENCE_MS == 10000, "a text says it");
	switch (conn->state) {
	case NET_CONN_CONNECTING:
		why = "no answer";
		break;
	case NET_CONN_HANDSHAKE:
		if (conn->urgent) {
			why = "";
			break;
		}
		why = conn->peer ?
			      "it accepts connections but says no HELLO: does "
			      "qbdd listen on that address, and does it hang?" :
			      "connected, and said no HELLO";
		net_say(conn->net, net_conn_who(conn), why, !conn->peer);
		break;
	case NET_CONN_UP:
		why = "nothing received for 10 s";
		break;
	default:
		why = "";
		break;
	}
	net_conn_close(conn, why);
}

static struct net_conn *find_expired(const struct net *net)
{
	const struct base_list *at;

	for (at = net->conns.next; at != &net->conns; at = at->next) {
		struct net_conn *conn =
			base_container_of(at, struct net_conn, link);

		if (net->now_ms >= conn_deadline(conn))
			return conn;
	}
	return NULL;
}

static void expire(struct net *net)
{
	struct net_conn *conn;
	unsigned int i;

	/* From the start each time: a callback for one may drop others. */
	while ((conn = find_expired(net)) != NULL) {
		/* A loop that stood still finds what arrived meanwhile. */
		if (conn->state != NET_CONN_CONNECTING)
			net_receive(conn);
		if (conn->state != NET_CONN_CLOSED &&
		    net->now_ms >= conn_deadline(conn))
			conn_expire(conn);
	}
	for (i = 0; i < net->config.peer_count; i++) {
		struct net_peer *peer = &net->peers[i];

		if (peer->connects && !peer->conn &&
		    net->now_ms >= peer->retry_ms)
			net_peer_connect(peer);
		if (net->now_ms >= net_urgent_due(peer))
			net_urgent_connect(peer);
	}
	if (net->listen_paused && net->now_ms >= net->listen_resume_ms)
		net_listen_pause(net, false);
	if (net->now_ms >= net->listen_ms)
		net_listen_again(net);
}

void net_tick(struct net *net, uint64_t now_ms)
{
	net->now_ms = now_ms;
	if (now_ms >= net_deadline_ms(net))
		expire(net);
	settle(net);
}

void net_resolved(struct net *net, uint32_t id,
		  const struct net_addresses *addresses, const char *problem)
{
	struct net_peer *peer = net_peer_find(net, id);

	if (id == net->config.hello.from)
		net_listen_resolved(net, addresses, problem);
	else if (peer)
		net_peer_resolved(peer, addresses, problem);
}

const char *net_listen_problem(const struct net *net)
{
	return net->listen_problem;
}

int net_send(struct net *net, uint32_t id, const struct wire_msg *msg)
{
	struct net_peer *peer = net_peer_find(net, id);
	struct net_conn *conn = peer ? peer->conn : NULL;
	struct net_conn *urgent;
	size_t most;
	int err;

	if (!net_conn_up(conn))
		return -ENOTCONN;
	urgent = net_urgent_of(peer, msg);
	if (urgent)
		return net_queue_add(&urgent->queue, msg);
	most = wire_msg_urgent(msg) ? NET_QUEUE_BYTES_MAX + NET_URGENT_BYTES :
				      NET_QUEUE_BYTES_MAX;
	if (conn->queue.bytes + wire_msg_bytes(msg) > most ||
	    conn->queue.frames >= NET_QUEUE_FRAMES_MAX) {
		conn->starved = true;
		return -EAGAIN;
	}
	err = net_queue_add(&conn->queue, msg);
	if (conn->queue.bytes >= NET_QUEUE_LOW_BYTES)
		conn->starved = true;
	return err;
}

static void flush(struct net_conn *conn)
{
	/* While it waits for EPOLLOUT it would only get EAGAIN. */
	if (net_conn_up(conn) && conn->queue.first && conn->events == EPOLLIN)
		net_conn_write(conn);
}

void net_flush(struct net *net)
{
	unsigned int i;

	for (i = 0; i < net->config.peer_count; i++) {
		flush(net->peers[i].urgent);
		flush(net->peers[i].conn);
	}
}

uint32_t net_queued_bytes(const struct net *net, uint32_t id)
{
	const struct net_peer *peer = net_peer_find(net, id);

	return peer && peer->conn ? (uint32_t)peer->conn->queue.bytes : 0;
}

bool net_up(const struct net *net, uint32_t id)
{
	const struct net_peer *peer = net_peer_find(net, id);

	return peer && net_conn_up(peer->conn);
}

void net_drop(struct net *net, uint32_t id, const char *why)
{
	struct net_peer *peer = net_peer_find(net, id);

	if (peer && peer->conn)
		net_conn_close(peer->conn, why);
}

void net_peer(const struct net *net, uint32_t id, struct net_peer_view *view)
{
	const struct net_peer *peer = net_peer_find(net, id);

	memset(view, 0, sizeof(*view));
	if (!peer)
		return;
	view->state = peer->state;
	view->differs = peer->differs;
	view->volume_bytes = peer->volume_bytes;
	view->refused = peer->refused && !net_peer_accepted(peer);
	if (view->refused && view->state == NET_UP)
		view->state = NET_HANDSHAKE;
	view->since_ms = peer->since_ms;
	view->sent_bytes = peer->sent_bytes;
	view->received_bytes = peer->received_bytes;
	view->queued_bytes = net_queued_bytes(net, id);
	if (view->state != NET_UP)
		memcpy(view->problem, peer->problem, sizeof(view->problem));
	if (!net_conn_up(peer->conn))
		return;
	view->unacked_bytes = peer->conn->unacked_bytes;
	view->acked_ms = peer->conn->acked_ms;
	if (view->unacked_bytes)
		view->stuck_ms = (uint32_t)(net->now_ms - peer->conn->moved_ms);
}
