/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections to the peers of one volume: TCP, handshake, frames, reconnecting.
 *
 * Lives in the loop thread, and in its owner's epoll set: so one epoll_wait()
 * tells of connections and of whatever else the owner waits for.  An iteration
 * of the owner's loop is epoll_wait(), net_event() for each event of ours,
 * net_settle(), net_tick() when it is due, net_flush().
 *
 * One connection per pair of nodes, and one more for what must not wait behind
 * data: the node with the lower id connects, the other listens.  A connection that breaks, times
 * out in its handshake or speaks garbage is closed and, by its connecting end,
 * made again after a delay that grows to a bound.  What was queued on it is
 * lost; Raft sends again.  Refusals are reported once per reason.
 *
 * The owner sends something to every peer at least every few seconds: a link
 * without a received byte for NET_SILENCE_MS counts as dead.  A connection
 * of another process of a peer whose link is alive is refused (its agent runs
 * twice); where the old link is silent or of the same process, the new
 * connection replaces it.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "wire/wire.h"

#define NET_QUEUE_BYTES_MAX \
	(16U << 20) /* queued for one peer; beyond it
					 * net_send() refuses */
#define NET_QUEUE_LOW_BYTES (1U << 20) /* see writable() */
#define NET_HANDSHAKE_MS 5000
#define NET_RETRY_MIN_MS 100
#define NET_RETRY_MAX_MS 2000
#define NET_SILENCE_MS 10000 /* nothing received: the connection is dead */
#define NET_ADDRESSES_MAX 8 /* of one name */
#define NET_STRANGERS_MAX 16 /* connections without a peer */
/* Descriptors in the owner's epoll set: connections, the listener, the kick */
#define NET_SOURCES_MAX (2 * RAFT_MEMBERS_MAX + NET_STRANGERS_MAX + 2)

struct net;

/* What a name, or a number, stands for. */
struct net_address {
	struct sockaddr_storage sockaddr;
	socklen_t length;
};

struct net_addresses {
	struct net_address list[NET_ADDRESSES_MAX];
	unsigned int count;
};

struct net_peer_config {
	uint32_t id;
	char name[64];
	char address[128]; /* host:port or [v6]:port */
};

struct net_config {
	int epoll_fd; /* the owner's, to be closed after net_free() */
	struct wire_hello hello; /* ours; `to` is filled in */
	char listen[128]; /* our own address */
	unsigned int peer_count;
	struct net_peer_config peers[RAFT_MEMBERS_MAX];
	/*
	 * All called from net_event(), net_settle() or net_tick(), never from
	 * net_send().
	 */
	void (*link)(void *context, uint32_t peer, bool up);
	/* The message is the callee's to look at; wire_msg_clear() follows. */
	void (*received)(void *context, uint32_t peer, struct wire_msg *msg);
	/*
	 * The queue has fallen below NET_QUEUE_LOW_BYTES, after it was above or
	 * net_send() refused.
	 */
	void (*writable)(void *context, uint32_t peer);
	/* For the log; each reason once until it changes. */
	void (*refused)(void *context, const char *who, const char *why);
	/* For the log, see net_listen_problem(). */
	void (*listening)(void *context, const char *problem);
	/*
	 * Look up the name in a node's address (ours, too), in another thread;
	 * net_resolved() tells the result, however late that is.  Called by
	 * net_new() and net_tick(); not again for this node until then.
	 */
	void (*resolve)(void *context, uint32_t id, const char *address);
	void *context;
};

enum net_link_state {
	NET_DOWN, /* waiting to try again, or for the peer to connect */
	NET_CONNECTING,
	NET_HANDSHAKE,
	NET_UP,
};

struct net_peer_view {
	enum net_link_state state;
	char problem[160]; /* why it is not up, "" if not known */
	bool refused; /* it refused us, or we it, the last time */
	/* As its last HELLO said: */
	uint32_t differs; /* WIRE_DIFFERS_* */
	uint64_t volume_bytes; /* 0: there was none */
	uint64_t since_ms; /* in this state since */
	uint64_t sent_bytes;
	uint64_t received_bytes;
	uint32_t queued_bytes;
	/* As net_look() found it: */
	uint32_t unacked_bytes; /* sent, and its kernel has not said it has it */
	uint32_t stuck_ms; /* since when none of them was acknowledged; 0 */
	uint32_t acked_ms; /* its kernel's last sign of life is so old */
};

/**
 * net_new() - listen and begin to connect
 * @now_ms: monotonic
 * What is not there yet - a name that is not known, an address that this
 * machine does not have - is no error: it is tried again.
 * Return: 0; -EADDRINUSE, -EINVAL (address) with a text.
 */
int net_new(const struct net_config *config, uint64_t now_ms, struct net **net,
	    struct base_error *error);
void net_free(struct net *net);

/** net_listens_locally() - where only this machine can connect to, by mistake? */
bool net_listens_locally(const struct net *net);

/**
 * net_resolve() - addresses of "host:port" or "[v6]:port"; any thread
 * Blocks for as long as the resolver does, tens of seconds when its servers are
 * silent; not where the host is a number.
 * Return: 0 and at least one address; -EINVAL (not an address); -EHOSTUNREACH
 * (the name is not known), with a text.
 */
int net_resolve(const char *text, struct net_addresses *addresses,
		struct base_error *error);
/**
 * net_resolved() - what net_config.resolve() asked for
 * @addresses: NULL: it could not be looked up, @problem says why
 * Not between an epoll_wait() and its net_settle(); net_tick() is due then.
 */
void net_resolved(struct net *net, uint32_t id,
		  const struct net_addresses *addresses, const char *problem);

/** net_listen_problem() - why peers may not reach us, with the remedy; "" */
const char *net_listen_problem(const struct net *net);

/**
 * net_event() - epoll_wait() has told of a descriptor of ours
 * @source: its data.u64: an address, so never a small number
 * @events: what is ready
 * One call reads and writes a bounded amount; epoll being level-triggered, what
 * is left is told again.
 */
void net_event(struct net *net, uint64_t source, uint32_t events,
	       uint64_t now_ms);
/**
 * net_settle() - after the last net_event() of an epoll_wait()
 * Frees what was closed, and which later events of that epoll_wait() may still
 * have named; tells the owner of links that are gone.
 */
void net_settle(struct net *net, uint64_t now_ms);

/** net_deadline_ms() - when net_tick() is wanted; UINT64_MAX: never */
uint64_t net_deadline_ms(const struct net *net);
/** net_tick() - not between an epoll_wait() and its net_settle() */
void net_tick(struct net *net, uint64_t now_ms);

/**
 * net_send() - queue one message (encodes it; keeps references to payloads)
 * Return: 0; -ENOTCONN; -EAGAIN the queue is full; -ENOMEM.
 * Bytes leave in net_flush() or when the socket takes more.
 */
int net_send(struct net *net, uint32_t peer, const struct wire_msg *msg);
/** net_flush() - hand what is queued to the sockets: once per iteration */
void net_flush(struct net *net);

/** net_queued_bytes() - not yet taken by the socket; 0 when not connected */
uint32_t net_queued_bytes(const struct net *net, uint32_t peer);
bool net_up(const struct net *net, uint32_t peer);
/** net_drop() - close this peer's connection (it will be made anew) */
void net_drop(struct net *net, uint32_t peer, const char *why);
/**
 * net_look() - once a second or so: does what was sent arrive?
 * A path that drops large packets without reporting it lets small ones
 * through: the link stands, and what was written last is sent again and again.
 */
void net_look(struct net *net, uint64_t now_ms);
void net_peer(const struct net *net, uint32_t peer, struct net_peer_view *view);

#endif
