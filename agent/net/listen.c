// SPDX-License-Identifier: GPL-2.0
/*
 * The listening socket, and the strangers who come through it.
 *
 * A stranger has NET_HANDSHAKE_MS to say who it is.  When NET_STRANGERS_MAX are
 * there, the oldest goes for the next: a peer says HELLO within a round trip,
 * somebody who only holds connections open does not.
 */
#include <errno.h>
#include <netinet/in.h>
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

static int listen_on(const struct net_address *address)
{
	int fd = socket(address->sockaddr.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;
	int err;

	if (fd < 0)
		return -errno;
	/* Else a restart waits for the old connections' TIME_WAIT. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
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

int net_listen(struct net *net, struct base_error *error)
{
	struct net_addresses addresses;
	unsigned int i;
	int err, fd = -EINVAL;

	err = net_resolve(net->config.listen, &addresses, error);
	if (err)
		return err;
	for (i = 0; i < addresses.count && fd < 0; i++)
		fd = listen_on(&addresses.list[i]);
	if (fd < 0)
		return listen_error(net, -fd, error);
	err = net_watch(net, EPOLL_CTL_ADD, fd, EPOLLIN, &net->listen_fd);
	if (err) {
		close(fd);
		return listen_error(net, -err, error);
	}
	net->listen_fd = fd;
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
