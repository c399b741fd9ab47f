/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of net/: several nodes in one process, over loopback, and raw
 * sockets that misbehave towards them.
 *
 * The clock that the nodes see is the real one plus rig_skip(): time-outs of
 * seconds pass at once, while the sockets are real.  Nothing sleeps:
 * rig_until() turns the nodes' loops until what is waited for holds, at most
 * RIG_PATIENCE_MS.
 */
#ifndef NET_RIG_H
#define NET_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/crc.h"
#include "net/net.h"
#include "tap.h"
#include "whole_frame.h"

#define RIG_NODES 3
#define RIG_VOLUME_BYTES (1ULL << 30)
#ifndef RIG_PATIENCE_MS
#define RIG_PATIENCE_MS 20000
#endif
#define RIG_REFUSED_MAX 64

struct rig_node {
	uint32_t id;
	struct net *net; /* NULL: not running */
	int epoll_fd; /* its loop's */
	struct net_config config;
	unsigned int ups[RIG_NODES + 1]; /* by peer */
	unsigned int downs[RIG_NODES + 1];
	unsigned int received[RIG_NODES + 1];
	unsigned int writable[RIG_NODES + 1];
	uint64_t bytes[RIG_NODES + 1]; /* payload */
	uint64_t serial[RIG_NODES + 1]; /* of the last OPEN_ASK */
	bool disordered; /* a serial that was not the next */
	unsigned int turns; /* how often the loop woke */
	unsigned int refused;
	char who[RIG_REFUSED_MAX][128];
	char why[RIG_REFUSED_MAX][512];
	void (*on_link)(struct rig_node *node, uint32_t peer, bool up);
	void (*on_received)(struct rig_node *node, uint32_t peer,
			    struct wire_msg *msg);
	void (*on_refused)(struct rig_node *node);
	/* The resolver: what was asked, and what it answers. */
	bool asked[RIG_NODES + 1];
	unsigned int asks;
	bool resolver_hangs;
	char resolves_to[128]; /* host:port, for every name; "": none */
	char listening[256]; /* what was told last */
};

static struct rig_node rig_nodes[RIG_NODES + 1]; /* by id */
static uint64_t rig_skipped_ms;

static inline uint64_t rig_real_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline uint64_t rig_now_ms(void)
{
	return rig_real_ms() + rig_skipped_ms;
}

static inline void rig_skip(uint64_t ms)
{
	rig_skipped_ms += ms;
}

/* A host of 127/8 for this process, so that programs don't meet. */
static inline const char *rig_host(void)
{
	static char host[32];
	unsigned int pid = (unsigned int)getpid();

	snprintf(host, sizeof(host), "127.%u.%u.1", 1 + pid / 250 % 250,
		 1 + pid % 250);
	return host;
}

static inline void rig_link(void *context, uint32_t peer, bool up)
{
	struct rig_node *node = context;

	if (up)
		node->ups[peer]++;
	else
		node->downs[peer]++;
	/* Always in turn, beginning with up. */
	tap_check_eq(node->ups[peer] - node->downs[peer], up);
	if (up)
		node->serial[peer] = 0;
	if (node->on_link)
		node->on_link(node, peer, up);
}

static inline void rig_received(void *context, uint32_t peer,
				struct wire_msg *msg)
{
	struct rig_node *node = context;

	tap_check_eq(node->ups[peer] - node->downs[peer], 1);
	node->received[peer]++;
	if (msg->type == WIRE_COPY_DATA && !msg->copy_data.zero)
		node->bytes[peer] += msg->copy_data.length;
	if (msg->type == WIRE_OPEN_ASK) {
		if (msg->open_ask.serial != node->serial[peer] + 1)
			node->disordered = true;
		node->serial[peer] = msg->open_ask.serial;
	}
	if (node->on_received)
		node->on_received(node, peer, msg);
}

static inline void rig_writable(void *context, uint32_t peer)
{
	struct rig_node *node = context;

	node->writable[peer]++;
}

static inline void rig_refused(void *context, const char *who, const char *why)
{
	struct rig_node *node = context;
	unsigned int at = node->refused++ % RIG_REFUSED_MAX;

	snprintf(node->who[at], sizeof(node->who[at]), "%s", who);
	snprintf(node->why[at], sizeof(node->why[at]), "%s", why);
	if (node->on_refused)
		node->on_refused(node);
}

static inline void rig_resolve(void *context, uint32_t id, const char *address)
{
	struct rig_node *node = context;

	tap_check(!node->asked[id]);
	node->asked[id] = true;
	node->asks++;
}

static inline void rig_listening(void *context, const char *problem)
{
	struct rig_node *node = context;

	snprintf(node->listening, sizeof(node->listening), "%s", problem);
}

/* The resolver's answers, as the loop takes them in: between two waits. */
static inline void rig_resolver(struct rig_node *node)
{
	struct net_addresses addresses;
	struct base_error error;
	uint32_t id;

	for (id = 1; id <= RIG_NODES && !node->resolver_hangs; id++) {
		if (!node->asked[id])
			continue;
		node->asked[id] = false;
		if (*node->resolves_to &&
		    net_resolve(node->resolves_to, &addresses, &error) == 0)
			net_resolved(node->net, id, &addresses, NULL);
		else
			net_resolved(node->net, id, NULL,
				     "the name is not known");
	}
}

static inline void rig_address(uint32_t id, char *text, size_t size)
{
	snprintf(text, size, "%s:%u", rig_host(), 7100 + id);
}

/* Forget what was; the configuration of node @id of @count. */
static inline void rig_configure(uint32_t id, unsigned int count)
{
	struct rig_node *node = &rig_nodes[id];
	struct wire_hello *hello = &node->config.hello;
	uint32_t other;

	memset(node, 0, sizeof(*node));
	node->id = id;
	hello->version_min = WIRE_VERSION_MIN;
	hello->version_max = WIRE_VERSION_MAX;
	memset(hello->volume_id, 7, 16);
	strcpy(hello->volume_name, "vol0");
	snprintf(hello->node_name, sizeof(hello->node_name), "n%u", id);
	hello->from = id;
	hello->volume_bytes = RIG_VOLUME_BYTES;
	hello->block_size = 4096;
	hello->members_crc = 0x5eed;
	hello->incarnation = id * 1000;
	rig_address(id, node->config.listen, sizeof(node->config.listen));
	for (other = 1; other <= count; other++) {
		struct net_peer_config *peer =
			&node->config.peers[node->config.peer_count];

		if (other == id)
			continue;
		peer->id = other;
		snprintf(peer->name, sizeof(peer->name), "n%u", other);
		rig_address(other, peer->address, sizeof(peer->address));
		node->config.peer_count++;
	}
	node->config.link = rig_link;
	node->config.received = rig_received;
	node->config.writable = rig_writable;
	node->config.refused = rig_refused;
	node->config.listening = rig_listening;
	node->config.resolve = rig_resolve;
	node->config.context = node;
}

/* net_new(), and the epoll set that it needs. */
static inline int rig_net_new(struct rig_node *node, struct base_error *error)
{
	int err;

	node->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	node->config.epoll_fd = node->epoll_fd;
	err = net_new(&node->config, rig_now_ms(), &node->net, error);
	if (err)
		close(node->epoll_fd);
	return err;
}

static inline bool rig_start(uint32_t id)
{
	struct base_error error;

	if (rig_net_new(&rig_nodes[id], &error) == 0)
		return true;
	printf("# %s\n", error.text);
	return false;
}

static inline void rig_stop(uint32_t id)
{
	if (!rig_nodes[id].net)
		return;
	net_free(rig_nodes[id].net);
	close(rig_nodes[id].epoll_fd);
	rig_nodes[id].net = NULL;
}

static inline void rig_stop_all(void)
{
	uint32_t id;

	for (id = 1; id <= RIG_NODES; id++)
		rig_stop(id);
}

/* Nodes 1...count, running. */
static inline bool rig_begin(unsigned int count)
{
	bool all = true;
	uint32_t id;

	rig_skip(100000); /* nothing of an earlier test's time is left */
	for (id = 1; id <= count; id++)
		rig_configure(id, count);
	for (id = 1; id <= count; id++)
		all &= rig_start(id);
	return all;
}

/* All that has come, once. */
static inline void rig_ready(struct rig_node *node)
{
	struct epoll_event events[NET_SOURCES_MAX];
	int count = epoll_wait(node->epoll_fd, events, NET_SOURCES_MAX, 0);
	uint64_t now = rig_now_ms();
	int i;

	for (i = 0; i < count; i++)
		net_event(node->net, events[i].data.u64, events[i].events, now);
	net_settle(node->net, now);
}

static inline void rig_node_turn(struct rig_node *node, bool readable)
{
	uint64_t now = rig_now_ms();

	if (readable)
		rig_ready(node);
	rig_resolver(node);
	if (net_deadline_ms(node->net) <= now)
		net_tick(node->net, now);
	net_flush(node->net);
}

/* One turn of every node's loop; waits at most @wait_ms for something. */
static inline void rig_turn(uint64_t wait_ms)
{
	struct pollfd fds[RIG_NODES];
	struct rig_node *nodes[RIG_NODES];
	unsigned int count = 0, i;
	uint32_t id;

	for (id = 1; id <= RIG_NODES; id++) {
		uint64_t now = rig_now_ms(), deadline;

		if (!rig_nodes[id].net)
			continue;
		net_flush(rig_nodes[id].net);
		deadline = net_deadline_ms(rig_nodes[id].net);
		if (deadline <= now)
			wait_ms = 0;
		else if (deadline - now < wait_ms)
			wait_ms = deadline - now;
		fds[count].fd = rig_nodes[id].epoll_fd;
		fds[count].events = POLLIN;
		fds[count].revents = 0;
		nodes[count++] = &rig_nodes[id];
	}
	poll(fds, count, (int)wait_ms);
	for (i = 0; i < count; i++) {
		nodes[i]->turns += fds[i].revents != 0;
		rig_node_turn(nodes[i], fds[i].revents != 0);
	}
}

/* True as soon as @condition holds; false after RIG_PATIENCE_MS. */
#define rig_until(condition)                                        \
	({                                                          \
		uint64_t rig_end = rig_real_ms() + RIG_PATIENCE_MS; \
		bool rig_holds = (condition);                       \
		while (!rig_holds && rig_real_ms() < rig_end) {     \
			rig_turn(20);                               \
			rig_holds = (condition);                    \
		}                                                   \
		rig_holds;                                          \
	})

/* Let @ms of real time pass: to see that something does not happen. */
static inline void rig_pass(uint64_t ms)
{
	uint64_t end = rig_real_ms() + ms;

	while (rig_real_ms() < end)
		rig_turn(end - rig_real_ms());
}

static inline bool rig_both_up(uint32_t a, uint32_t b)
{
	return net_up(rig_nodes[a].net, b) && net_up(rig_nodes[b].net, a);
}

/* How often was a refusal with this text told? */
static inline unsigned int rig_told(const struct rig_node *node,
				    const char *text)
{
	unsigned int count = 0, i;

	for (i = 0; i < node->refused && i < RIG_REFUSED_MAX; i++)
		count += strstr(node->why[i], text) != NULL;
	return count;
}

static inline void rig_show_refused(const struct rig_node *node)
{
	unsigned int i;

	for (i = 0; i < node->refused && i < RIG_REFUSED_MAX; i++)
		printf("# n%u was told: %s: %s\n", node->id, node->who[i],
		       node->why[i]);
}

static inline int rig_send_ask(uint32_t from, uint32_t to, uint64_t serial)
{
	struct wire_msg msg = { .type = WIRE_OPEN_ASK };

	msg.open_ask.serial = serial;
	return net_send(rig_nodes[from].net, to, &msg);
}

/* Raw sockets */

static inline void rig_sockaddr(uint32_t id, struct sockaddr_in *address)
{
	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_port = htons((uint16_t)(7100 + id));
	inet_pton(AF_INET, rig_host(), &address->sin_addr);
}

/* A connection to node @id, from nobody. */
static inline int rig_raw(uint32_t id)
{
	struct sockaddr_in address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	rig_sockaddr(id, &address);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static inline bool rig_raw_send(int fd, const void *bytes, size_t size)
{
	return send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static inline bool rig_raw_msg(int fd, const struct wire_msg *msg)
{
	struct wire_frame frame;
	bool all = true;
	unsigned int i;

	if (wire_encode(msg, &frame))
		return false;
	for (i = 0; i < frame.iov_count; i++)
		all &= rig_raw_send(fd, frame.iov[i].iov_base,
				    frame.iov[i].iov_len);
	wire_frame_clear(&frame);
	return all;
}

/* The HELLO that node @from would send to @to. */
static inline void rig_raw_hello(struct wire_msg *msg, uint32_t from,
				 uint32_t to)
{
	memset(msg, 0, sizeof(*msg));
	msg->type = WIRE_HELLO;
	msg->hello = rig_nodes[to].config.hello;
	msg->hello.from = from;
	msg->hello.to = to;
	msg->hello.incarnation = from * 1000;
	memset(msg->hello.node_name, 0, sizeof(msg->hello.node_name));
	snprintf(msg->hello.node_name, sizeof(msg->hello.node_name), "n%u",
		 from);
}

/*
 * Node 2 of two starts; we are node 1 and have said @hello to it.
 * Return: the connection; -1: there is none
 */
static inline int rig_raw_peer(struct wire_msg *hello)
{
	int fd;

	rig_skip(100000);
	rig_configure(2, 2);
	if (!rig_start(2))
		return -1;
	rig_raw_hello(hello, 1, 2);
	fd = rig_raw(2);
	if (fd >= 0)
		rig_raw_msg(fd, hello);
	return fd;
}

struct rig_inbox {
	uint8_t bytes[65536];
	size_t used;
	bool ended;
	bool reset; /* and not in order */
};

static inline bool rig_raw_poll(int fd, struct rig_inbox *inbox)
{
	ssize_t got = recv(fd, inbox->bytes + inbox->used,
			   sizeof(inbox->bytes) - inbox->used, 0);

	if (got > 0)
		inbox->used += (size_t)got;
	else if (got == 0 || errno != EAGAIN)
		inbox->ended = true;
	if (got < 0 && errno != EAGAIN)
		inbox->reset = true;
	return inbox->ended;
}

/* Length of the frame that @inbox begins with, 0: it is not whole yet. */
static inline size_t rig_raw_whole(const struct rig_inbox *inbox)
{
	struct base_error error;
	int64_t length;

	if (inbox->used < WIRE_HEAD_BYTES)
		return 0;
	length = whole_frame_bytes(inbox->bytes, &error);
	return length > 0 && inbox->used >= (size_t)length ? (size_t)length : 0;
}

/* The next message; false: none came, or the connection has ended. */
static inline bool rig_raw_receive(int fd, struct rig_inbox *inbox,
				   struct wire_msg *msg)
{
	struct base_error error;
	size_t length;
	int err;

	rig_until(rig_raw_whole(inbox) || rig_raw_poll(fd, inbox));
	length = rig_raw_whole(inbox);
	if (!length)
		return false;
	err = whole_frame_decode(inbox->bytes, length, RIG_VOLUME_BYTES, msg,
				 &error);
	inbox->used -= length;
	memmove(inbox->bytes, inbox->bytes + length, inbox->used);
	return err == 0;
}

/* Node 2 refuses who says HELLO as @from, called @name, with that @text. */
static inline void rig_refused_as(uint32_t from, const char *name,
				  const char *text)
{
	struct wire_msg hello, reply;
	struct rig_inbox inbox = { .used = 0 };
	int fd = rig_raw(2);

	rig_raw_hello(&hello, from, 2);
	memset(hello.hello.node_name, 0, 64);
	strcpy(hello.hello.node_name, name);
	rig_raw_msg(fd, &hello);
	if (tap_check(rig_raw_receive(fd, &inbox, &reply))) {
		tap_check_eq(reply.type, WIRE_REFUSE);
		if (!tap_check(strstr(reply.text, text)))
			printf("# %s\n", reply.text);
	}
	close(fd);
}

#endif
