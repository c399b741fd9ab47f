/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: the agent's session - its owner, its commands, its credits
 */
#ifndef QBD_SESSION_H
#define QBD_SESSION_H

#include <linux/types.h>

struct net;
struct netlink_ext_ack;
struct nlattr;
struct qbd_device;
struct qbd_turn;
struct sk_buff;
struct sock;

#define QBD_CHARGES 1024 /* messages under way, at most */

/**
 * struct qbd_charge - what a message weighs on the agent's socket
 * @tag: of its last request
 * @bytes: its truesize
 */
struct qbd_charge {
	u64 tag;
	u32 bytes;
};

/**
 * struct qbd_session - the agent that is bound
 * @sk: its socket, referenced; NULL: no agent.  Messages are put on this very
 *	socket, never sent to a port id: once that is free, any process may
 *	bind it
 * @portid: for humans
 * @generation: number of the session
 * @cookie: what its commands must know
 * @rcvbuf: bytes that may be under way
 * @charged: bytes that are
 * @received: every request up to this tag was read from the socket
 * @charges: ring of the messages not received yet
 * @first: the oldest in @charges
 * @last: behind the newest in @charges
 */
struct qbd_session {
	struct sock *sk;
	u32 portid;
	u32 generation;
	u64 cookie;
	u32 rcvbuf;
	u32 charged;
	u64 received;
	struct qbd_charge charges[QBD_CHARGES];
	u32 first;
	u32 last;
};

int qbd_session_bind(struct qbd_device *dev, struct sock *sk, u32 portid,
		     u32 rcvbuf, struct sk_buff *reply,
		     int (*fill)(struct qbd_device *dev,
				 struct sk_buff *reply));
void qbd_session_unbind(struct qbd_device *dev, struct qbd_turn *turn,
			const char *reason);
int qbd_session_deliver(struct qbd_device *dev, struct sk_buff *skb);
bool qbd_session_has_room(const struct qbd_device *dev, u32 bytes);
void qbd_session_charge(struct qbd_device *dev, u64 tag, u32 bytes);
int qbd_session_command(struct net *net, u8 cmd, struct nlattr **attrs,
			struct sock *from, struct netlink_ext_ack *extack);
void qbd_session_socket_gone(void);

#endif /* QBD_SESSION_H */
