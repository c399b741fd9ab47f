// SPDX-License-Identifier: GPL-2.0
/*
 * net_look(): does what was sent arrive?  Asks the kernel about each link's
 * socket, which never waits.  Loop thread.
 */
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "net/internal.h"

#define LOOK_MS 1000

static void look(struct net_conn *conn, uint64_t now_ms)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);
	int unacked = 0; /* not sent yet, too */

	memset(&info, 0, sizeof(info));
	if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &size) ||
	    size < offsetof(struct tcp_info, tcpi_min_rtt) ||
	    ioctl(conn->fd, SIOCOUTQ, &unacked) || unacked < 0)
		return;
	conn->acked_ms = info.tcpi_last_ack_recv;
	if ((uint32_t)unacked > info.tcpi_notsent_bytes)
		conn->unacked_bytes =
			(uint32_t)unacked - info.tcpi_notsent_bytes;
	else
		conn->unacked_bytes = 0;
	if (!conn->unacked_bytes || conn->acked_bytes != info.tcpi_bytes_acked)
		conn->moved_ms = now_ms;
	conn->acked_bytes = info.tcpi_bytes_acked;
}

void net_look(struct net *net, uint64_t now_ms)
{
	unsigned int i;

	net->now_ms = now_ms;
	if (now_ms - net->looked_ms < LOOK_MS)
		return;
	net->looked_ms = now_ms;
	for (i = 0; i < net->config.peer_count; i++)
		if (net_conn_up(net->peers[i].conn))
			look(net->peers[i].conn, now_ms);
}
