// SPDX-License-Identifier: GPL-2.0
/*
 * The peers: connecting, again and again, to those with a higher id, and what
 * the owner is told about each link.
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/internal.h"

#define RESOLVE_AFTER_FAILURES 3

/* What does not fit is cut off: the log has the whole text. */
static void __attribute__((format(printf, 2, 3)))
set_problem(struct net_peer *peer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(peer->problem, sizeof(peer->problem), format, args);
	va_end(args);
}

void net_peer_init(struct net_peer *peer, struct net *net,
		   const struct net_peer_config *config)
{
	peer->net = net;
	peer->config = *config;
	peer->connects = net->config.hello.from < config->id;
	peer->delay_ms = NET_RETRY_MIN_MS;
	peer->since_ms = net->now_ms;
	peer->retry_ms = net->now_ms;
	if (!peer->connects) {
		set_problem(peer, "it has not connected yet");
		return;
	}
	net_name_init(&peer->name, net, config->id, peer->config.address);
	set_problem(peer, "%s", peer->name.problem);
}

struct net_peer *net_peer_find(const struct net *net, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < net->config.peer_count; i++)
		if (net->peers[i].config.id == id)
			return (struct net_peer *)(uintptr_t)&net->peers[i];
	return NULL;
}

void net_peer_enter(struct net_peer *peer, enum net_link_state state)
{
	if (peer->state == state)
		return;
	peer->state = state;
	peer->since_ms = peer->net->now_ms;
}

/* Next time, after a delay that grows. */
static void peer_retry_later(struct net_peer *peer)
{
	peer->failures++;
	peer->retry_ms = peer->net->now_ms + peer->delay_ms;
	peer->delay_ms *= 2;
	if (peer->delay_ms > NET_RETRY_MAX_MS)
		peer->delay_ms = NET_RETRY_MAX_MS;
}

static void peer_connect_failed(struct net_peer *peer, int err)
{
	set_problem(peer, "can't connect to %s: %s", peer->config.address,
		    strerror(err));
	peer_retry_later(peer);
}

struct net_conn *net_peer_dial(struct net_peer *peer,
			       const struct net_address *address, int *err)
{
	struct net_conn *conn;
	int fd = socket(address->sockaddr.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		*err = errno;
		return NULL;
	}
	net_conn_tune(fd);
	if (connect(fd, (const struct sockaddr *)&address->sockaddr,
		    address->length) &&
	    errno != EINPROGRESS) {
		*err = errno;
		close(fd);
		return NULL;
	}
	/* Connected at once or not: epoll says so by EPOLLOUT. */
	conn = net_conn_new(peer->net, fd, NET_CONN_CONNECTING);
	if (!conn) {
		*err = ENOMEM;
		close(fd);
	}
	return conn;
}

void net_peer_connect(struct net_peer *peer)
{
	const struct net_address *address;
	int err;

	assert(peer->connects && !peer->conn);
	if (!peer->name.found.count || peer->failures >= RESOLVE_AFTER_FAILURES)
		net_name_refresh(&peer->name);
	if (!peer->name.found.count) {
		set_problem(peer, "%s", peer->name.problem);
		peer_retry_later(peer);
		return;
	}
	address =
		&peer->name.found.list[peer->address++ % peer->name.found.count];
	peer->conn = net_peer_dial(peer, address, &err);
	if (!peer->conn) {
		peer_connect_failed(peer, err);
		return;
	}
	peer->conn->peer = peer;
	net_peer_enter(peer, NET_CONNECTING);
}

void net_peer_resolved(struct net_peer *peer,
		       const struct net_addresses *addresses,
		       const char *problem)
{
	if (!net_name_resolved(&peer->name, addresses, problem)) {
		if (!peer->name.found.count)
			set_problem(peer, "%s", peer->name.problem);
		return;
	}
	peer->address = 0;
	peer->failures = 0;
	peer->delay_ms = NET_RETRY_MIN_MS;
	peer->retry_ms = peer->net->now_ms;
}

void net_peer_up(struct net_peer *peer)
{
	struct net *net = peer->net;

	net_peer_enter(peer, NET_UP);
	peer->failures = 0;
	peer->urgent_ms = net->now_ms + NET_URGENT_MS;
	net_unsay(net, peer->config.name);
	assert(!peer->told_up);
	peer->told_up = true;
	net->config.link(net->config.context, peer->config.id, true);
}

bool net_peer_accepted(const struct net_peer *peer)
{
	return peer->state == NET_UP &&
	       peer->net->now_ms - peer->since_ms >= NET_ACCEPTED_MS;
}

void net_peer_refused(struct net_peer *peer, const char *why)
{
	peer->refused = true;
	set_problem(peer, "%s", why);
}

void net_peer_lost(struct net_peer *peer, const char *why, bool refused)
{
	uint64_t now = peer->net->now_ms;

	peer->refused = refused;
	if (peer->state == NET_CONNECTING)
		set_problem(peer, "can't connect to %s: %s",
			    peer->config.address, why);
	else
		set_problem(peer, "%s", why);
	/* A link that breaks as soon as it is up is no success. */
	if (peer->state == NET_UP && now - peer->since_ms >= NET_RETRY_MAX_MS)
		peer->delay_ms = NET_RETRY_MIN_MS;
	if (refused)
		peer->delay_ms = NET_RETRY_MAX_MS;
	net_peer_enter(peer, NET_DOWN);
	peer_retry_later(peer);
}

void net_peer_tell_down(struct net_peer *peer)
{
	if (!peer->told_up || net_conn_up(peer->conn))
		return;
	peer->told_up = false;
	peer->net->config.link(peer->net->config.context, peer->config.id,
			       false);
}
