/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What session.c (bind, answers) and receive.c (requests) share.  All of it
 * belongs to the daemon's loop thread.
 */
#ifndef NL_SESSION_H
#define NL_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "nl/channel.h"
#include "nl/nl.h"
#include "nl/parse.h"

#define SESSION_SLOTS 16 /* messages of one recvmmsg() */
#define SESSION_CHARGES \
	256 /* messages whose credit is given back at once:
			     * the module remembers a bounded number of them */

/*
 * Where a message is received: its head in `head`, and what is behind the
 * first head_bytes of it in `buf`, so that the payload of a message with one
 * request lies at buf's aligned start.
 */
struct session_slot {
	uint8_t head[PARSE_HEAD_MAX] __attribute__((aligned(8)));
	struct base_buf *buf; /* QBD_MSG_BYTES_MAX bytes */
	struct iovec iov[2]; /* these two */
	struct sockaddr_nl from;
};

struct nl_session {
	struct channel channel;
	int fd; /* of the channel's socket */
	int control; /* /dev/qbd-control, -1: not there */
	uint32_t port; /* ours */
	const struct nl_session_ops *ops;
	void *context;
	int over; /* errno that ended the session, 0: none */

	uint32_t minor;
	uint32_t generation;
	uint64_t cookie;
	char name[QBD_NAME_MAX + 1];

	/* Receiving. */
	struct session_slot *slots; /* SESSION_SLOTS */
	struct mmsghdr messages[SESSION_SLOTS]; /* of recvmmsg(), as slots */
	uint32_t head_bytes; /* of a message with one request */
	uint32_t slots_head_bytes; /* that messages were made for; 0: none */
	uint64_t last_tag;
	uint64_t charge_bytes; /* received and not given back, estimated */
	unsigned int charge_messages; /* and so many messages */
	uint32_t rcvbuf_bytes;
	uint64_t strays; /* messages of other sessions or senders */

	/* Answers that wait for the flush. */
	struct nl_msg *msg; /* made once, used for every answer */
	struct qbd_done dones[QBD_MSG_DONES_MAX];
	unsigned int done_count;
	uint64_t applied; /* 0: nothing to tell */
	uint64_t received;
	uint64_t dones_refused;
};

/** session_alloc() - all its memory, bound to nothing; NULL: none left */
struct nl_session *session_alloc(const struct nl_session_ops *ops,
				 void *context);

/** session_end() - remember why it is over; returns @code */
int session_end(struct nl_session *session, int code);

/** session_refused() - the kernel's -errno for a command we sent: over? */
int session_refused(struct nl_session *session, int code);

#endif
