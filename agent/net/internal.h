/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the files of net/.  All of it lives in the loop thread.
 *
 * A connection (struct net_conn) is a socket with what is being received and
 * what is queued.  It belongs to a peer (struct net_peer) from its creation
 * when we connect, and from a valid HELLO on when we listen; until then, and
 * once it is refused, it is a stranger's.
 *
 * A connection is closed at once but freed only when all is settled, behind the
 * last event of an iteration and in net_tick(): so after a close, by a callback
 * too, callers further up the stack and later events may still look at its
 * memory. The owner is told of a link's end from there as well, or right
 * before the peer's next connection is up.
 */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "base/list.h"
#include "net/address.h"
#include "net/net.h"

/* All bounds that net.h does not name. */
#define NET_IN_BYTES (32U << 10) /* fronts and small frames are received here */
#define NET_HELLO_BYTES_MAX 512 /* a frame of the handshake */
#define NET_READ_BYTES_MAX (512U << 10) /* of a connection per iteration */
#define NET_WRITE_BYTES_MAX (4U << 20)
#define NET_QUEUE_FRAMES_MAX 32768
#define NET_URGENT_BYTES (64U << 10) /* of urgent ones in a full queue */
#define NET_IOV_MAX 256 /* of one sendmsg() */
#define NET_SOCKET_BYTES (4 << 20) /* the kernel's buffers */
#define NET_UNSENT_BYTES (256 << 10) /* what it may hold unsent */
#define NET_LINGER_MS 1000 /* for a refusal to arrive */
#define NET_DOUBLE_MS 1500 /* a peer heard that recently is alive */
/*
 * Of two ends, the one that minds nothing believes that the link is up until
 * the other's refusal has come: a link is believed when it has stood so long.
 */
#define NET_ACCEPTED_MS 1000
#define NET_URGENT_MS 1000 /* until an urgent connection is made, or again */
#define NET_RESOLVE_MS 15000 /* between two lookups of a name */
#define NET_UNKNOWN_MS 2000 /* the same while nothing is known of it */
#define NET_LISTEN_MS 1000 /* until it is tried again to listen */
#define NET_ACCEPT_PAUSE_MS 1000
#define NET_SAID_MAX 32
#define NET_SAY_STRANGERS_MAX 10 /* refusals of strangers logged per minute */

/* watch.c */

struct net;

/** net_watch() - put @fd into the owner's epoll set, or change it there */
int net_watch(const struct net *net, int operation, int fd, uint32_t events,
	      const void *source);
/** net_kick() - have the owner's epoll_wait() return, and settle */
void net_kick(struct net *net);
/** net_kick_open() - make the eventfd; 0 or -errno */
int net_kick_open(struct net *net);
/** net_kick_taken() - epoll_wait() has returned it */
void net_kick_taken(struct net *net);

/* name.c */

struct net_name {
	struct net *net;
	uint32_t id; /* of the node that is there */
	const char *text; /* host:port */
	struct net_addresses found;
	bool is_name; /* looked up, and may be another time */
	bool asked; /* net_resolved() will come */
	uint64_t asked_ms;
	char problem[160]; /* why nothing is known of it; "" */
};

/** net_name_init() - begin to look it up; a number is known at once */
void net_name_init(struct net_name *name, struct net *net, uint32_t id,
		   const char *text);
/** net_name_refresh() - look it up again, if it is a name and not too soon */
void net_name_refresh(struct net_name *name);
/** net_name_resolved() - false: nothing is new */
bool net_name_resolved(struct net_name *name,
		       const struct net_addresses *addresses,
		       const char *problem);

/* queue.c */

struct net_frame;

struct net_queue {
	struct net_frame *first;
	struct net_frame *last;
	struct net_frame *urgent; /* the last of those, NULL: none waits */
	size_t done; /* bytes of first that are sent */
	size_t bytes; /* not yet sent */
	unsigned int frames;
};

/** net_queue_add() - behind all, or all that is not urgent; 0 or -ENOMEM */
int net_queue_add(struct net_queue *queue, const struct wire_msg *msg);
/**
 * net_queue_write() - to a non-blocking socket, at most about @budget bytes
 * Return: bytes taken, maybe fewer than there are; -errno (not -EAGAIN).
 */
ssize_t net_queue_write(struct net_queue *queue, int fd, size_t budget);
/** net_queue_clear_unsent() - but keep the frame that is half on its way */
void net_queue_clear_unsent(struct net_queue *queue);
void net_queue_clear(struct net_queue *queue);

/* conn.c */

enum net_conn_state {
	NET_CONN_CONNECTING,
	NET_CONN_HANDSHAKE, /* until HELLO has come and was good */
	NET_CONN_UP,
	NET_CONN_LINGER, /* refused: until the other side has read why */
	NET_CONN_CLOSED, /* fd is -1; settling frees it */
};

struct net_peer;

struct net_conn {
	struct base_list link; /* net->conns, oldest first, or net->closed */
	struct net *net;
	struct net_peer *peer; /* whose conn is this; NULL: a stranger's */
	bool urgent; /* the peer's second one, see urgent.c */
	enum net_conn_state state;
	int fd;
	uint32_t events; /* that epoll waits for */
	int write_error; /* 0, or why nothing more can be written */
	bool starved; /* net_send() refused, or much was queued */
	uint64_t deadline_ms; /* of the handshake or the lingering */
	uint64_t received_ms; /* the last byte */
	uint64_t incarnation; /* of the process at the other end */
	/* look.c's: */
	uint64_t acked_bytes;
	uint64_t moved_ms; /* when acked_bytes grew, or nothing was under way */
	uint32_t unacked_bytes;
	uint32_t acked_ms;
	char source[64]; /* where a stranger comes from */
	struct net_queue queue;
	/*
	 * Received: in[0..in_used).  With a body, in[0..front_bytes) is the
	 * front of the frame whose payload that is, not all there yet.
	 */
	struct base_buf *body;
	size_t body_used;
	size_t front_bytes;
	size_t in_used;
	uint8_t in[NET_IN_BYTES];
};

/**
 * net_conn_new() - take over the socket @fd
 * Return: NULL when memory is short; then @fd is still the caller's.
 */
struct net_conn *net_conn_new(struct net *net, int fd,
			      enum net_conn_state state);
/** net_conn_up() - can a message be queued? NULL is allowed. */
static inline bool net_conn_up(const struct net_conn *conn)
{
	return conn && conn->state == NET_CONN_UP && !conn->write_error;
}

/** net_conn_tune() - socket options, before connecting or listening */
void net_conn_tune(int fd);
/** net_conn_hurry() - before what else leaves this machine, and others, maybe */
void net_conn_hurry(int fd);
/** net_conn_wait() - tell epoll what the connection waits for now */
void net_conn_wait(struct net_conn *conn);
/** net_conn_write() - what is queued, as far as the socket takes it */
void net_conn_write(struct net_conn *conn);
/** net_conn_broken() - it has a write error: take what came, then close */
void net_conn_broken(struct net_conn *conn);
/** net_conn_event() - epoll has something */
void net_conn_event(struct net_conn *conn, uint32_t events);
/** net_conn_refuse() - say why and close; told to the owner once */
void net_conn_refuse(struct net_conn *conn, const char *who, const char *why);
/** net_conn_close() - at once; @why becomes the peer's problem */
void net_conn_close(struct net_conn *conn, const char *why);
/** net_conn_who() - for the log */
const char *net_conn_who(const struct net_conn *conn);

/* receive.c */

/** net_receive() - what the socket has, within the bound of an iteration */
void net_receive(struct net_conn *conn);

/* handshake.c */

void net_handshake_begin(struct net_conn *conn);
/** net_handshake_say() - send our HELLO */
void net_handshake_say(struct net_conn *conn, uint32_t to);
void net_handshake_hello(struct net_conn *conn, const struct wire_hello *hello);
void net_handshake_refused(struct net_conn *conn, const char *why);

/* peer.c */

struct net_peer {
	struct net *net;
	struct net_peer_config config;
	struct net_conn *conn; /* NULL: none */
	struct net_conn *urgent; /* NULL: none */
	uint64_t urgent_ms; /* when to connect that */
	bool connects; /* we connect to it, ours being the lower id */
	bool told_up; /* the owner believes that the link is up */
	enum net_link_state state;
	uint64_t since_ms;
	char problem[sizeof(((struct net_peer_view *)NULL)->problem)];
	bool refused; /* see NET_ACCEPTED_MS */
	uint32_t differs; /* see net_peer_view */
	uint64_t volume_bytes;
	uint64_t sent_bytes;
	uint64_t received_bytes;
	/* Of peers we connect to: */
	uint64_t retry_ms;
	uint32_t delay_ms;
	unsigned int failures; /* since the last link */
	struct net_name name;
	unsigned int address; /* the next to be tried */
};

void net_peer_init(struct net_peer *peer, struct net *net,
		   const struct net_peer_config *config);
struct net_peer *net_peer_find(const struct net *net, uint32_t id);
void net_peer_connect(struct net_peer *peer);
/**
 * net_peer_dial() - a new connection to @peer, not its own yet
 * Return: NULL with an errno in *err
 */
struct net_conn *net_peer_dial(struct net_peer *peer,
			       const struct net_address *address, int *err);
/** net_peer_resolved() - see net_resolved() */
void net_peer_resolved(struct net_peer *peer,
		       const struct net_addresses *addresses,
		       const char *problem);
/** net_peer_enter() - a new state of the link, for the view */
void net_peer_enter(struct net_peer *peer, enum net_link_state state);
/** net_peer_up() - the handshake is over: tell the owner */
void net_peer_up(struct net_peer *peer);
/** net_peer_refused() - it minds us, or we mind it: @why, until it is accepted */
void net_peer_refused(struct net_peer *peer, const char *why);
/** net_peer_accepted() - the link has stood long enough to be believed */
bool net_peer_accepted(const struct net_peer *peer);
/** net_peer_lost() - its connection is gone; @refused: don't hurry */
void net_peer_lost(struct net_peer *peer, const char *why, bool refused);
/** net_peer_tell_down() - if the owner does not know yet */
void net_peer_tell_down(struct net_peer *peer);

/* urgent.c */

/** net_urgent_due() - when to call net_urgent_connect(); UINT64_MAX: never */
uint64_t net_urgent_due(const struct net_peer *peer);
void net_urgent_connect(struct net_peer *peer);
/** net_urgent_hello() - @conn is to be @peer's urgent one, says a valid HELLO */
void net_urgent_hello(struct net_conn *conn, struct net_peer *peer,
		      const struct wire_hello *hello);
/** net_urgent_of() - the connection that @msg goes by, or NULL: as others do */
struct net_conn *net_urgent_of(const struct net_peer *peer,
			       const struct wire_msg *msg);
/** net_urgent_close() - its link is gone */
void net_urgent_close(struct net_peer *peer);

/* listen.c */

int net_listen(struct net *net, struct base_error *error);
void net_listen_resolved(struct net *net, const struct net_addresses *addresses,
			 const char *problem);
/** net_listen_again() - at listen_ms: is there what was not there? */
void net_listen_again(struct net *net);
void net_listen_accept(struct net *net);
void net_listen_pause(struct net *net, bool pause);

/* said.c: what has been told once is not told again */

struct net_said {
	struct {
		uint32_t who;
		uint32_t why;
	} list[NET_SAID_MAX];
	unsigned int next;
	uint64_t minute_ms;
	unsigned int strangers; /* logged since minute_ms */
};

/** net_say() - refused(), unless that was the last thing told of @who */
void net_say(struct net *net, const char *who, const char *why, bool stranger);
/** net_unsay() - all is well with @who: the next reason is news again */
void net_unsay(struct net *net, const char *who);

/* net.c */

struct net {
	struct net_config config;
	int kick_fd; /* an eventfd: there is something to settle */
	bool kicked;
	int listen_fd; /* -1: not yet, see listen_problem */
	struct net_name listen_name;
	struct net_address listen_address; /* that listen_fd has */
	bool listen_early; /* this machine does not have it yet */
	uint64_t listen_ms; /* when to look again, UINT64_MAX: all is well */
	char listen_problem[256];
	bool listen_paused;
	uint64_t listen_resume_ms;
	uint64_t now_ms; /* as the owner last told */
	uint64_t looked_ms; /* net_look() */
	struct net_peer peers[RAFT_MEMBERS_MAX];
	struct base_list conns;
	struct base_list closed;
	struct net_said said;
};

#endif
