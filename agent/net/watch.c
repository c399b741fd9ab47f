// SPDX-License-Identifier: GPL-2.0
/*
 * Our descriptors in the owner's epoll set, and an eventfd for work that is due
 * although no descriptor is ready.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/internal.h"

int net_watch(const struct net *net, int operation, int fd, uint32_t events,
	      const void *source)
{
	struct epoll_event event = { .events = events,
				     .data.u64 = (uintptr_t)source };

	return epoll_ctl(net->config.epoll_fd, operation, fd, &event) ? -errno :
									0;
}

int net_kick_open(struct net *net)
{
	net->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (net->kick_fd < 0)
		return -errno;
	return net_watch(net, EPOLL_CTL_ADD, net->kick_fd, EPOLLIN,
			 &net->kick_fd);
}

void net_kick(struct net *net)
{
	uint64_t one = 1;

	if (net->kicked || net->kick_fd < 0)
		return;
	net->kicked = write(net->kick_fd, &one, sizeof(one)) == sizeof(one);
}

void net_kick_taken(struct net *net)
{
	uint64_t count;

	net->kicked = false;
	(void)!read(net->kick_fd, &count, sizeof(count));
}
