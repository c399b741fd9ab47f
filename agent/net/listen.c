// SPDX-License-Identifier: GPL-2.0
/*
 * The listening socket, and connections of peers that are not known yet.
 *
 * A stranger has NET_HANDSHAKE_MS to identify itself.  When there are
 * NET_STRANGERS_MAX of them, the next one replaces the oldest: a peer sends
 * HELLO within a round trip, one that only holds connections open does not.
 *
 * Our own address may not be there yet, as a name or on this machine, when the
 * agent starts at boot: it is tried again, and bound to before it is there.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net/internal.h"

static int listen_error(const struct net *net, int err,
			struct base_error *error)
{
	const char *address = net->config.listen;
	const char *node = net->config.hello.node_name;

	switch (err) {
	case EADDRINUSE:
		return base_error_set(
			error, -err,
			"can't listen on %s: the port is in use by another "
			"process (ss -ltnp shows whose); end that one, or give "
			"node %s another port in the configuration of all "
			"nodes",
			address, node);
	case EADDRNOTAVAIL:
		return base_error_set(
			error, -err,
			"can't listen on %s: this machine has no such address; "
			"correct the address of node %s, or which node this "
			"machine is",
			address, node);
	default:
		return base_error_set(error, -err, "can't listen on %s: %s",
				      address, strerror(err));
	}
}

static void __attribute__((format(printf, 2, 3)))
set_problem(struct net *net, const char *format, ...)
{
	char text[sizeof(net->listen_problem)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (strcmp(text, net->listen_problem) == 0)
		return;
	strcpy(net->listen_problem, text);
	net->config.listening(net->config.context, net->listen_problem);
}

/* An address that is not there yet: connections can come once it is. */
static int bind_early(int fd, int family)
{
	int one = 1;

	if (family == AF_INET6)
		return setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one,
				  sizeof(one));
	return setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
}

static int listen_on(const struct net_address *address, bool early)
{
	int family = address->sockaddr.ss_family;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;
	int err;

	if (fd < 0)
		return -errno;
	/* Else a restart waits for the old connections' TIME_WAIT. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    (early && bind_early(fd, family)))
		goto fail;
	net_conn_tune(fd);
	if (bind(fd, (const struct sockaddr *)&address->sockaddr,
		 address->length) ||
	    listen(fd, NET_STRANGERS_MAX))
		goto fail;
	return fd;
fail:
	err = -errno;
	close(fd);
	return err;
}

/* Could we bind to it, but for the port? */
static bool address_is_here(const struct net_address *address)
{
	struct sockaddr_storage any_port = address->sockaddr;
	int fd = socket(any_port.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool here;

	if (fd < 0)
		return false;
	if (any_port.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&any_port)->sin6_port = 0;
	else
		((struct sockaddr_in *)&any_port)->sin_port = 0;
	here = bind(fd, (const struct sockaddr *)&any_port, address->length) ==
	       0;
	close(fd);
	return here;
}

/* Sets listen_address and listen_early. */
static int listen_on_any(struct net *net)
{
	const struct net_addresses *found = &net->listen_name.found;
	unsigned int i, early;
	int fd = -EINVAL;

	for (early = 0; early < 2; early++)
		for (i = 0; i < found->count; i++) {
			fd = listen_on(&found->list[i], early);
			if (fd >= 0) {
				net->listen_address = found->list[i];
				net->listen_early = early;
				return fd;
			}
		}
	return fd;
}

static void listen_say(struct net *net)
{
	net->listen_ms = net->listen_early ? net->now_ms + NET_LISTEN_MS :
					     UINT64_MAX;
	if (net->listen_early)
		set_problem(net,
			    "listening on %s, which this machine does not have "
			    "yet; if that stays so, correct the address of "
			    "node %s, or which node this machine is",
			    net->config.listen, net->config.hello.node_name);
	else
		set_problem(net, "%s", "");
}

static int listen_try(struct net *net, struct base_error *error)
{
	int err, fd = listen_on_any(net);

	if (fd < 0)
		return listen_error(net, -fd, error);
	err = net_watch(net, EPOLL_CTL_ADD, fd, EPOLLIN, &net->listen_fd);
	if (err) {
		close(fd);
		return listen_error(net, -err, error);
	}
	net->listen_fd = fd;
	listen_say(net);
	return 0;
}

bool net_listens_locally(const struct net *net)
{
	struct net_address address = { .length = sizeof(address.sockaddr) };

	return net->listen_fd >= 0 &&
	       !getsockname(net->listen_fd,
			    (struct sockaddr *)&address.sockaddr,
			    &address.length) &&
	       net_address_is_local(&address);
}

static void listen_later(struct net *net, const char *problem)
{
	net->listen_ms = net->now_ms + NET_LISTEN_MS;
	set_problem(net, "can't listen on %s yet: %s", net->config.listen,
		    problem);
}

int net_listen(struct net *net, struct base_error *error)
{
	net_name_init(&net->listen_name, net, net->config.hello.from,
		      net->config.listen);
	if (net->listen_name.found.count)
		return listen_try(net, error);
	listen_later(net, net->listen_name.problem);
	return 0;
}

static void listen_retry(struct net *net)
{
	struct base_error error;

	if (listen_try(net, &error))
		listen_later(net, error.text);
}

/* What was a guess - an address that is not here - may have been mended. */
void net_listen_resolved(struct net *net, const struct net_addresses *addresses,
			 const char *problem)
{
	bool fresh = net_name_resolved(&net->listen_name, addresses, problem);

	if (net->listen_fd >= 0 && fresh && net->listen_early) {
		close(net->listen_fd); /* leaves epoll too */
		net->listen_fd = -1;
		net->listen_paused = false;
	}
	if (net->listen_fd < 0 && net->listen_name.found.count)
		listen_retry(net);
	else if (net->listen_fd < 0)
		listen_later(net, net->listen_name.problem);
}

void net_listen_again(struct net *net)
{
	if (net->listen_fd >= 0 && address_is_here(&net->listen_address))
		net->listen_early = false;
	else
		net_name_refresh(&net->listen_name);
	if (net->listen_fd >= 0)
		listen_say(net);
	else if (net->listen_name.found.count)
		listen_retry(net);
	else
		listen_later(net, net->listen_name.problem);
}

/* epoll would tell of what waits there again and again. */
void net_listen_pause(struct net *net, bool pause)
{
	net->listen_resume_ms = net->now_ms + NET_ACCEPT_PAUSE_MS;
	net->listen_paused = !net_watch(net, EPOLL_CTL_MOD, net->listen_fd,
					pause ? 0 : EPOLLIN, &net->listen_fd) &&
			     pause;
}

static void make_room(struct net *net)
{
	struct net_conn *oldest = NULL;
	struct base_list *at;
	unsigned int strangers = 0;

	for (at = net->conns.next; at != &net->conns; at = at->next) {
		struct net_conn *conn =
			base_container_of(at, struct net_conn, link);

		if (conn->peer)
			continue;
		strangers++;
		if (!oldest)
			oldest = conn;
	}
	if (strangers >= NET_STRANGERS_MAX)
		net_conn_close(oldest, "too many connections");
}

static void welcome(struct net *net, int fd, const struct net_address *from)
{
	struct net_conn *conn;

	make_room(net);
	net_conn_tune(fd);
	conn = net_conn_new(net, fd, NET_CONN_HANDSHAKE);
	if (!conn) {
		close(fd);
		return;
	}
	net_host_text(from, conn->source, sizeof(conn->source));
}

void net_listen_accept(struct net *net)
{
	unsigned int i;

	for (i = 0; i < NET_STRANGERS_MAX; i++) {
		struct net_address from = { .length = sizeof(from.sockaddr) };
		int fd = accept4(net->listen_fd,
				 (struct sockaddr *)&from.sockaddr,
				 &from.length, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			welcome(net, fd, &from);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			net_say(net, net->config.listen, strerror(errno),
				false);
			net_listen_pause(net, true);
			return;
		}
		if (errno == EAGAIN)
			return;
		/* Anything else is about that one connection. */
	}
}
