// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: the agent's session - its owner, its commands, its credits
 *
 * A session belongs to one socket.  It ends with the socket
 * (qbd_session_socket_gone()) or with the device, and only the holds outlive
 * it. The agent's commands come through two channels, generic netlink and
 * /dev/qbd-control.  Both end in qbd_session_command(), which takes parsed
 * attributes, trusts none of them, and allocates nothing.
 */
#include <linux/random.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "device.h"
#include "gate.h"
#include "registry.h"
#include "send.h"
#include "session.h"
#include "trace.h"
#include "turn.h"
#include "write.h"

/**
 * qbd_session_has_room() - may a message go to the agent?
 * @dev: the device, locked
 * @bytes: its weight
 *
 * Return: true when what is under way stays below the socket's buffer, or when
 * nothing is under way.
 */
bool qbd_session_has_room(const struct qbd_device *dev, u32 bytes)
{
	const struct qbd_session *session = &dev->session;

	lockdep_assert_held(&dev->lock);
	if (session->last - session->first >= QBD_CHARGES)
		return false;
	return !session->charged || session->charged + bytes <= session->rcvbuf;
}

/**
 * qbd_session_charge() - a message is on the agent's socket
 * @dev: the device, locked
 * @tag: of its last request
 * @bytes: its weight
 */
void qbd_session_charge(struct qbd_device *dev, u64 tag, u32 bytes)
{
	struct qbd_session *session = &dev->session;
	struct qbd_charge *charge;

	lockdep_assert_held(&dev->lock);
	charge = &session->charges[session->last++ % QBD_CHARGES];
	charge->tag = tag;
	charge->bytes = bytes;
	session->charged += bytes;
}

static void session_received(struct qbd_device *dev, struct qbd_turn *turn,
			     u64 tag)
{
	struct qbd_session *session = &dev->session;

	lockdep_assert_held(&dev->lock);
	if (tag <= session->received)
		return;
	session->received = tag;
	while (session->first != session->last) {
		struct qbd_charge *charge =
			&session->charges[session->first % QBD_CHARGES];

		if (charge->tag > tag)
			break;
		session->charged -= charge->bytes;
		session->first++;
	}
}

/**
 * qbd_session_deliver() - put a message on the agent's socket
 * @dev: the device, locked, with a session
 * @skb: the message; consumed on success, still the caller's on failure
 *
 * Not by netlink_unicast(), which looks up the port id: between the agent's
 * end and the notifier's call any process may bind that, and would be sent the
 * data.  The socket itself cannot be mistaken; a dead one just keeps the
 * message until we drop it.
 *
 * Return: 0 or a negative errno when the socket is full.
 */
int qbd_session_deliver(struct qbd_device *dev, struct sk_buff *skb)
{
	lockdep_assert_held(&dev->lock);
	return __sock_queue_rcv_skb(dev->session.sk, skb);
}

/**
 * qbd_session_unbind() - the agent is gone
 * @dev: the device, locked
 * @turn: the critical section
 * @reason: for humans
 */
void qbd_session_unbind(struct qbd_device *dev, struct qbd_turn *turn,
			const char *reason)
{
	struct qbd_session *session = &dev->session;

	lockdep_assert_held(&dev->lock);
	if (!session->sk)
		return;
	WARN_ON_ONCE(turn->sock);
	turn->sock = session->sk;
	session->sk = NULL;
	session->portid = 0;
	session->cookie = 0;
	dev->lease_ns = 0;
	qbd_gate_update(dev, turn, dev->removed || dev->fenced ? NULL : reason);
}

static void session_start(struct qbd_device *dev, struct sock *sk, u32 portid,
			  u32 rcvbuf)
{
	struct qbd_session *session = &dev->session;

	sock_hold(sk);
	session->sk = sk;
	session->portid = portid;
	session->generation++;
	do {
		get_random_bytes(&session->cookie, sizeof(session->cookie));
	} while (!session->cookie);
	session->rcvbuf = min_t(u32, rcvbuf, READ_ONCE(sk->sk_rcvbuf));
	session->charged = 0;
	session->received = 0;
	session->first = 0;
	session->last = 0;
	dev->lease_ns = 0;
	qbd_table_session(&dev->table);
}

/**
 * qbd_session_bind() - a socket becomes the owner of the device's queue
 * @dev: the device
 * @sk: the socket
 * @portid: its port id
 * @rcvbuf: its receive buffer, as its owner says
 * @reply: the reply; consumed on success, still the caller's on failure
 * @fill: completes the reply, under the lock
 *
 * The reply is put on the socket in the critical section that makes the
 * session, so it comes before the first request.
 *
 * Return: 0; -EBUSY when a live socket owns the queue; -ENODEV when the device
 * is being removed; or why the reply could not be delivered.
 */
int qbd_session_bind(struct qbd_device *dev, struct sock *sk, u32 portid,
		     u32 rcvbuf, struct sk_buff *reply,
		     int (*fill)(struct qbd_device *dev, struct sk_buff *reply))
{
	struct qbd_session *session = &dev->session;
	struct qbd_turn turn;
	int err = 0;

	qbd_turn_begin(dev, &turn);
	if (dev->removed)
		err = -ENODEV;
	else if (session->sk && !sock_flag(session->sk, SOCK_DEAD))
		err = -EBUSY;
	if (err)
		goto out;
	qbd_session_unbind(dev, &turn, "the agent has gone");
	session_start(dev, sk, portid, rcvbuf);
	err = fill(dev, reply);
	if (!err)
		err = qbd_session_deliver(dev, reply);
	if (err) {
		sock_put(sk); /* never the last: the caller has it open */
		session->sk = NULL;
		session->portid = 0;
		session->cookie = 0;
		goto out;
	}
	qbd_gate_update(dev, &turn,
			dev->fenced ? NULL : "the agent has no lease yet");
	turn.send = true;
out:
	qbd_turn_end(dev, &turn);
	return err;
}

/**
 * qbd_session_socket_gone() - some generic netlink socket was closed
 *
 * Sessions whose socket is dead end here.
 */
void qbd_session_socket_gone(void)
{
	unsigned long minor = 0;
	struct qbd_device *dev;
	struct qbd_turn turn;

	while ((dev = qbd_registry_next(NULL, &minor))) {
		qbd_turn_begin(dev, &turn);
		if (dev->session.sk && sock_flag(dev->session.sk, SOCK_DEAD))
			qbd_session_unbind(dev, &turn, "the agent has gone");
		qbd_turn_end(dev, &turn);
		qbd_device_put(dev);
		minor++;
	}
}

static int done_one(struct qbd_device *dev, struct qbd_turn *turn,
		    const struct qbd_done *done)
{
	struct qbd_request *req;
	int err;

	lockdep_assert_held(&dev->lock);
	err = qbd_table_match(&dev->table, done, &req);
	if (err) {
		dev->stats.done_refused++;
		return -ENOENT;
	}
	dev->progress.writes = jiffies;
	req->epoch_granted = done->epoch;
	if (req->sent == dev->session.generation)
		session_received(dev, turn, req->wire.tag);
	qbd_write_finish(dev, turn, req, done->error);
	if (req->wire.op == QBD_OP_OPEN)
		qbd_opening_answered(dev, turn, req);
	return 0;
}

static int session_done(struct qbd_device *dev, struct qbd_turn *turn,
			struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	u64 received = 0, applied = 0;
	struct qbd_done done;
	int at, bytes = 0;
	int err = 0;

	lockdep_assert_held(&dev->lock);
	if (attrs[QBD_A_RECEIVED])
		received = nla_get_u64(attrs[QBD_A_RECEIVED]);
	if (attrs[QBD_A_APPLIED])
		applied = nla_get_u64(attrs[QBD_A_APPLIED]);
	if (received >= dev->table.next_tag || applied >= dev->table.next_tag) {
		dev->stats.done_refused++;
		NL_SET_ERR_MSG(extack, "a tag that was not given out yet");
		return -EINVAL;
	}
	if (applied > dev->table.applied)
		dev->progress.applied = jiffies;
	qbd_table_applied(&dev->table, applied, &turn->dropped, &turn->freed);
	if (attrs[QBD_A_DONES])
		bytes = nla_len(attrs[QBD_A_DONES]);
	for (at = 0; at < bytes; at += sizeof(done)) {
		memcpy(&done, nla_data(attrs[QBD_A_DONES]) + at, sizeof(done));
		if (done_one(dev, turn, &done)) {
			err = -ENOENT;
			NL_SET_ERR_MSG(extack, "no such tag and epoch is open");
		}
	}
	session_received(dev, turn, received);
	return err;
}

static int session_check(struct qbd_device *dev, struct nlattr **attrs,
			 struct sock *from, struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&dev->lock);
	if (!dev->session.sk ||
	    nla_get_u64(attrs[QBD_A_COOKIE]) != dev->session.cookie) {
		dev->stats.cookie_refused++;
		NL_SET_ERR_MSG(extack,
			       "wrong cookie: this session is over, bind again");
		return -ESTALE;
	}
	if (from && from != dev->session.sk) {
		dev->stats.cookie_refused++;
		NL_SET_ERR_MSG(extack,
			       "send it from the socket that has bound");
		return -EPERM;
	}
	return 0;
}

static void session_text(const struct nlattr *attr, char *text, size_t size)
{
	text[0] = '\0';
	if (attr)
		nla_strscpy(text, attr, size);
}

static int session_do(struct qbd_device *dev, struct qbd_turn *turn, u8 cmd,
		      struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	char reason[QBD_REASON_MAX + 1];

	switch (cmd) {
	case QBD_CMD_IO_DONE:
		return session_done(dev, turn, attrs, extack);
	case QBD_CMD_LEASE:
		session_text(attrs[QBD_A_REASON], reason, sizeof(reason));
		qbd_gate_lease(dev, turn, nla_get_u64(attrs[QBD_A_LEASE_NS]),
			       reason[0] ? reason : NULL);
		return 0;
	case QBD_CMD_FENCE:
		session_text(attrs[QBD_A_REASON], reason, sizeof(reason));
		qbd_gate_fence(dev, turn,
			       reason[0] ? reason : "fenced by the agent");
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int session_complete(u8 cmd, struct nlattr **attrs,
			    struct netlink_ext_ack *extack)
{
	if (!attrs[QBD_A_MINOR] || !attrs[QBD_A_COOKIE] ||
	    (cmd == QBD_CMD_LEASE && !attrs[QBD_A_LEASE_NS])) {
		NL_SET_ERR_MSG(extack, "minor, cookie or lease is missing");
		return -EINVAL;
	}
	if (attrs[QBD_A_DONES] &&
	    nla_len(attrs[QBD_A_DONES]) % sizeof(struct qbd_done)) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[QBD_A_DONES],
				    "not an array of struct qbd_done");
		return -EINVAL;
	}
	return 0;
}

/**
 * qbd_session_command() - execute a command of the agent
 * @net: its network namespace
 * @cmd: QBD_CMD_IO_DONE, QBD_CMD_LEASE or QBD_CMD_FENCE
 * @attrs: by type, validated against the policy of the command
 * @from: the netlink socket it came from; NULL: the control device
 * @extack: for the error's text, or NULL
 *
 * Return: 0 or a negative errno, as linux/qbd.h says.
 */
int qbd_session_command(struct net *net, u8 cmd, struct nlattr **attrs,
			struct sock *from, struct netlink_ext_ack *extack)
{
	struct qbd_device *dev;
	struct qbd_turn turn;
	int err;

	err = session_complete(cmd, attrs, extack);
	if (err)
		return err;
	dev = qbd_registry_find(net, nla_get_u32(attrs[QBD_A_MINOR]), NULL);
	if (!dev) {
		NL_SET_ERR_MSG(extack,
			       "no such device in this network namespace");
		return -ENODEV;
	}
	qbd_turn_begin(dev, &turn);
	err = session_check(dev, attrs, from, extack);
	if (!err)
		err = session_do(dev, &turn, cmd, attrs, extack);
	/* credit or room has come back: send at once */
	qbd_send_run(dev, &turn, 16);
	qbd_turn_end(dev, &turn);
	qbd_device_put(dev);
	return err;
}
