/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * qbd - the Quorum Block Device: protocol between qbd.ko and userspace
 *
 * This header is the manual; uapi/qbd.yaml states the same as a netlink
 * spec, and a test keeps the two equal.
 *
 * GENERAL
 *
 * Generic netlink family "qbd", version 1.  Every command and dump needs
 * CAP_NET_ADMIN and CAP_SYS_ADMIN against the initial user namespace (otherwise
 * -EPERM).  A device belongs to the network namespace of the socket that
 * created it, and is invisible (-ENODEV) from any other.  Unknown commands,
 * attributes and flag bits are refused (-EOPNOTSUPP, -EINVAL) with an extack
 * text.  Integers are in host byte order, as is usual for netlink.
 *
 * A device is named by QBD_A_MINOR (/dev/qbdMINOR) or by QBD_A_NAME (the
 * volume).  If both are given, both must match.
 *
 * ADMINISTRATION
 *
 * QBD_CMD_DEVICE_NEW
 *	in:  QBD_A_NAME, QBD_A_SIZE, QBD_A_REPLICA, [QBD_A_MINOR],
 *	     [QBD_A_BLOCK_SIZE], [QBD_A_IO_TIMEOUT_MS], [QBD_A_DATA_OFFSET]
 *	out: QBD_A_MINOR, QBD_A_NAME
 *	Creates /dev/qbdMINOR (default: the lowest free minor), with the gate
 *	detached.  The block device QBD_A_REPLICA is claimed exclusively;
 *	reads go to QBD_A_SIZE bytes of it, from byte QBD_A_DATA_OFFSET on
 *	(default: 0).  The offset is a multiple of QBD_DATA_ALIGN, so that what
 *	is aligned on the device is aligned on the replica.
 *	A name consists of letters, digits and "._-" and begins with a letter
 *	or digit.  It is unique in a namespace, a minor on the machine.  The
 *	device file's own minor (of st_rdev, major blkext) is another number.
 *	Other users of the replica (the agent) must open it without
 *	asking for exclusive access.
 *	-EEXIST name or minor taken; -ENOTBLK, -ENOENT, -EBUSY the replica;
 *	-EINVAL a size that is zero, not a multiple of the block size, or
 *	larger than what the replica has behind the offset, an offset that is
 *	not aligned, or blocks smaller than the replica's.
 *
 * QBD_CMD_DEVICE_DEL
 *	in:  device
 *	Removes the device.  Never waits for I/O: -EBUSY if it is open, being
 *	opened, or (without QBD_F_FORCE in QBD_A_FLAGS) bound by an agent.
 *
 * QBD_CMD_DEVICE_GET (do and dump)
 *	out: QBD_A_NAME, QBD_A_MINOR, QBD_A_SIZE, QBD_A_BLOCK_SIZE,
 *	     QBD_A_REPLICA, QBD_A_DATA_OFFSET, QBD_A_GATE, QBD_A_GATE_REASON,
 *	     QBD_A_LEASE_NS, QBD_A_EPOCH, QBD_A_OPENERS, QBD_A_WRITERS,
 *	     QBD_A_OPENER_PID, QBD_A_OPENER_COMM, QBD_A_AGENT_PORTID,
 *	     QBD_A_IO_TIMEOUT_MS, QBD_A_STATS
 *	Takes no lock that is held while an I/O or an open waits.
 *
 * QBD_CMD_DEVICE_SET
 *	in:  device, [QBD_A_IO_TIMEOUT_MS]
 *
 * QBD_CMD_DEVICE_ABORT
 *	in:  device
 *	Every request and every open that waits fails with EIO at once.  If
 *	the device is open for writing, it is also fenced: what was aborted may
 *	or may not have been committed, so the writer must not continue as if
 *	it knew.
 *
 * THE AGENT'S SESSION
 *
 * QBD_CMD_BIND
 *	in:  device, QBD_A_RCVBUF (bytes, as returned by getsockopt(SO_RCVBUF))
 *	out: QBD_A_COOKIE, QBD_A_GENERATION, QBD_A_NEXT_TAG, QBD_A_EPOCH,
 *	     QBD_A_GATE, QBD_A_OPENERS, QBD_A_WRITERS
 *	The sending socket becomes the owner of the device's queue.  -EBUSY if
 *	a live socket owns it.  The registration ends with the socket.
 *	After the bind, every outstanding request is sent again: same tag, same
 *	order, QBD_REQ_F_RESENT set, whatever the state of the gate.  The
 *	reply precedes the first request; an ACK, if one was asked for, may
 *	follow it.
 *	Holds of earlier sessions (see QBD_CMD_IO_DONE) remain until this
 *	session reports that they are applied: QBD_A_NEXT_TAG - 1 if nothing
 *	is sent again.
 *
 *	Commands of a session carry QBD_A_COOKIE, a random number that only
 *	the reply to BIND contains.  A wrong one gets -ESTALE and is counted.
 *	They have two channels.  The owner may send them over netlink, or
 *	write the very same message, with its netlink header, to
 *	/dev/qbd-control, one per write(2).  Prefer the latter: it takes no
 *	lock of generic netlink, which a slow command of any family can hold
 *	up, and a completion must not wait for memory that only this completion
 *	frees.  It accepts nlmsg_flags of NLM_F_REQUEST and NLM_F_ACK, sends no
 *	ACK, and reports errors by errno alone.  It looks in the network
 *	namespace of the writing process.  Over netlink, from a socket other
 *	than the owner, these commands get -EPERM.
 *
 * QBD_CMD_IO_REQ (kernel to agent, unicast)
 *	QBD_A_MINOR, QBD_A_GENERATION, QBD_A_REQS (array of struct qbd_req),
 *	and after the last attribute the payloads of these requests, one after
 *	the other, data_bytes each.  nlmsg_len includes all of it.
 *	Requests come in the order of their tags.  The agent owns its copy;
 *	the module keeps the request until it is completed.
 *	The module keeps the bytes in transit below QBD_A_RCVBUF (credits).
 *	The charge of a message is returned when QBD_A_RECEIVED covers its last
 *	request, or when that is completed.  Outstanding requests are at most
 *	QBD_SENT_REQS_MAX, with QBD_SENT_BYTES_MAX of payload.
 *	Aborted ones do not count.
 *	nlmsg_pid and nlmsg_seq are 0.  The message is put on the owner's
 *	socket directly: a netlink monitor does not see it.
 *
 * QBD_CMD_IO_DONE (agent to kernel, no reply)
 *	in:  QBD_A_MINOR, QBD_A_COOKIE, [QBD_A_DONES] (array of struct
 *	     qbd_done), [QBD_A_RECEIVED] (u64), [QBD_A_APPLIED] (u64)
 *	Completes requests, each exactly once.  A tag that is not outstanding,
 *	or of another epoch, is refused and counted (QBD_STAT_DONE_REFUSED);
 *	the others are still completed, and the return value is -ENOENT.
 *	QBD_A_RECEIVED: all requests up to and including this tag were read
 *	from the socket.  QBD_A_APPLIED: the effects of all requests up to and
 *	including this tag are in the replica's data area, or never will be
 *	(the request is not applied): reads that overlap them continue.
 *	A write completes when it is committed.  Until it is applied the module
 *	holds reads over its range, also across sessions: APPLIED of a later
 *	session releases the holds of earlier ones.  The same is true of a
 *	write that the module aborted after sending it.
 *	RECEIVED or APPLIED of a tag that was not assigned yet: -EINVAL, and
 *	nothing is done.  APPLIED takes effect before the completions in the
 *	same message.
 *
 * QBD_CMD_LEASE (agent to kernel, no reply)
 *	in:  QBD_A_MINOR, QBD_A_COOKIE, QBD_A_LEASE_NS, [QBD_A_REASON]
 *	The gate is active until this time of CLOCK_BOOTTIME.  0, or a time
 *	that has passed, suspends at once.  Once the call has returned, no read
 *	is passed to the replica after that time, and what is in flight there
 *	then is read again under the next lease.  The agent may grant it only
 *	while the node leads, its lease holds, and everything committed is
 *	applied, except the writes for which this module still holds reads.
 *	QBD_A_REASON: why there is no lease, a text for humans.
 *
 * QBD_CMD_FENCE (agent to kernel, no reply)
 *	in:  QBD_A_MINOR, QBD_A_COOKIE, [QBD_A_REASON]
 *	Another node has the device, or may: everything that waits, and every
 *	later I/O, fails with EIO until the last close.  That of readers, too,
 *	also where they are alone: what they have in the page cache is old.  A
 *	read that is in flight at the replica fails when that ends it.  If the
 *	device is not open: no effect.
 *
 * QBD_CMD_REPLICA_ERROR (kernel to agent, unicast)
 *	QBD_A_MINOR, QBD_A_GENERATION, QBD_A_REQS with one struct qbd_req of
 *	QBD_OP_READ_ERROR: the local replica failed this read, and the reader
 *	got EIO.  It has a tag, so that QBD_A_RECEIVED covers it, and is not
 *	completed.  Until it is sent, further errors are only counted.
 *
 * REQUESTS
 *
 * QBD_OP_OPEN asks for the right to write.  It is sent at the first open for
 * writing.  The open(2) waits for its completion, killable, for at most
 * io-timeout.  0 grants: qbd_done.epoch is the epoch that every later request
 * carries.  -EBUSY: another node has the device.  Other errors are returned as
 * they are.
 *
 * QBD_OP_CLOSE ends the open session: the last opener has closed, readers
 * included.  (Since 6.5 kernels do not tell whether a reader or a writer
 * closed; for the same reason QBD_A_WRITERS falls to 0 at once.)  Nothing waits
 * for it.  It is sent until it is completed, also for a fenced device.
 *
 * Both are sent again like any other request, and are sent whatever the state
 * of the gate; other new requests wait until it is active.  In messages, opens
 * and closes alternate.  An open that was given up (killed, timed out, aborted)
 * stays outstanding and serves the next caller.  If it is granted while there
 * is none, it is closed at once.
 *
 * Opening read-only asks no agent while the gate is active, and takes no role.
 * While the gate is suspended it takes the device, as opening for writing does,
 * but waits at most three seconds.
 *
 * The errno of open(2) says why it failed:
 *	EBUSY		another node has the device open (the agent's answer)
 *	ETIMEDOUT	no answer within io-timeout (read-only: three seconds):
 *			no node leads with a majority
 *	ENOTCONN	no answer because there is no agent; read-only, at once
 *	EIO		the previous writer was fenced and not all have closed
 *			the device, or QBD_CMD_DEVICE_ABORT ended the wait
 *	EPERM		this node may not have it: no voter (the agent's answer)
 *	ENXIO		the device is being removed
 * Read-only with O_NONBLOCK, ENXIO replaces the first three.  udev opens like
 * that before it handles an event, and drops the event on other errors: nodes
 * that do not write would have no links.
 *
 * QBD_OP_WRITE carries data; QBD_OP_WRITE_ZEROES and QBD_OP_DISCARD a range
 * that reads back as zeroes; QBD_OP_FLUSH nothing: it may complete when every
 * request before it is committed.  A write larger than a request is cut at
 * multiples of 4096; each request is atomic, the write is not.  Overlapping
 * requests may be outstanding together: the order of the log decides.  A
 * request that overlaps a read at the replica is sent after that read has
 * ended.
 *
 * THE GATE
 *
 *	detached	no agent: I/O waits, at most io-timeout
 *	active		until QBD_A_LEASE_NS
 *	suspended	an agent without a lease: I/O waits, at most io-timeout
 *	fenced		EIO until the last close
 *	removed		EIO; the device is being removed
 *
 * When something waits and nothing has gone on for io-timeout (0: no limit), all
 * that waits fails with EIO, and the device is fenced, as by
 * QBD_CMD_DEVICE_ABORT.  What goes on is, of writes, a completion of any; of
 * reads behind a write, that QBD_A_APPLIED rises; of other reads, that one ends.
 * A read that is in flight at the replica does not wait.
 */
#ifndef _UAPI_LINUX_QBD_H
#define _UAPI_LINUX_QBD_H

#include <linux/types.h>

#define QBD_GENL_NAME		"qbd"
#define QBD_GENL_VERSION	1
#define QBD_CONTROL_NAME	"qbd-control"

/* Bounds, for the module and its users */
#define QBD_NAME_MAX		63	/* bytes of a volume's name, no NUL */
#define QBD_PATH_MAX		1023	/* bytes of the replica's path */
#define QBD_REASON_MAX		127	/* bytes of a reason */
#define QBD_MINORS_MAX		1024	/* devices on a machine */
#define QBD_DATA_ALIGN		4096	/* bytes: of where a replica's data begin */
#define QBD_REQ_DATA_MAX	65536	/* payload bytes of one request */
#define QBD_REQ_RANGE_MAX	(64U << 20) /* bytes of a range without data */
#define QBD_MSG_REQS_MAX	64	/* requests in one IO_REQ */
#define QBD_MSG_DONES_MAX	512	/* completions in one IO_DONE */
#define QBD_MSG_BYTES_MAX	(QBD_REQ_DATA_MAX + 8192) /* one IO_REQ */
#define QBD_RCVBUF_MIN		(256U << 10)
#define QBD_SENT_REQS_MAX	1024	/* outstanding: sent, not completed */
#define QBD_SENT_BYTES_MAX	(32U << 20) /* payload bytes of those */

enum qbd_cmd {
	QBD_CMD_UNSPEC,
	QBD_CMD_DEVICE_NEW,
	QBD_CMD_DEVICE_DEL,
	QBD_CMD_DEVICE_GET,
	QBD_CMD_DEVICE_SET,
	QBD_CMD_DEVICE_ABORT,
	QBD_CMD_BIND,
	QBD_CMD_LEASE,
	QBD_CMD_FENCE,
	QBD_CMD_IO_DONE,
	QBD_CMD_IO_REQ,
	QBD_CMD_REPLICA_ERROR,
	__QBD_CMD_MAX,
	QBD_CMD_MAX = __QBD_CMD_MAX - 1
};

enum qbd_attr {
	QBD_A_UNSPEC,
	QBD_A_PAD,
	QBD_A_MINOR,		/* u32 */
	QBD_A_NAME,		/* string, 1 to QBD_NAME_MAX bytes */
	QBD_A_SIZE,		/* u64, bytes */
	QBD_A_BLOCK_SIZE,	/* u32, bytes: 512 or 4096 (default 512) */
	QBD_A_REPLICA,		/* string, path of a block device */
	QBD_A_IO_TIMEOUT_MS,	/* u32, milliseconds, 0: never */
	QBD_A_FLAGS,		/* u32, QBD_F_* */
	QBD_A_GATE,		/* u32, enum qbd_gate */
	QBD_A_GATE_REASON,	/* string, why the gate is not active */
	QBD_A_LEASE_NS,		/* u64, CLOCK_BOOTTIME nanoseconds */
	QBD_A_EPOCH,		/* u64, of the open session, 0: none */
	QBD_A_OPENERS,		/* u32 */
	QBD_A_WRITERS,		/* u32 */
	QBD_A_OPENER_PID,	/* u32, first opener for writing */
	QBD_A_OPENER_COMM,	/* string */
	QBD_A_AGENT_PORTID,	/* u32, 0: no agent */
	QBD_A_STATS,		/* binary, struct qbd_stats */
	QBD_A_RCVBUF,		/* u32, bytes */
	QBD_A_COOKIE,		/* u64 */
	QBD_A_GENERATION,	/* u32, grows with every BIND */
	QBD_A_NEXT_TAG,		/* u64, the tag of the next new request */
	QBD_A_REQS,		/* binary, array of struct qbd_req */
	QBD_A_DONES,		/* binary, array of struct qbd_done */
	QBD_A_RECEIVED,		/* u64, a tag */
	QBD_A_APPLIED,		/* u64, a tag */
	QBD_A_REASON,		/* string, at most QBD_REASON_MAX bytes */
	QBD_A_DATA_OFFSET,	/* u64, bytes, a multiple of QBD_DATA_ALIGN */
	__QBD_A_MAX,
	QBD_A_MAX = __QBD_A_MAX - 1
};

/* QBD_A_FLAGS */
#define QBD_F_FORCE		(1U << 0)

enum qbd_gate {
	QBD_GATE_DETACHED,
	QBD_GATE_ACTIVE,
	QBD_GATE_SUSPENDED,
	QBD_GATE_FENCED,
	QBD_GATE_REMOVED,
};

enum qbd_op {
	QBD_OP_WRITE = 1,
	QBD_OP_WRITE_ZEROES,
	QBD_OP_DISCARD,
	QBD_OP_FLUSH,
	QBD_OP_OPEN,
	QBD_OP_CLOSE,
	QBD_OP_READ_ERROR,
};

/* qbd_req.flags */
#define QBD_REQ_F_RESENT	(1U << 0) /* sent to an earlier session */
#define QBD_REQ_F_FUA		(1U << 1) /* on stable storage when done */
#define QBD_REQ_F_PREFLUSH	(1U << 2) /* and all before it too */

/**
 * struct qbd_req - one request
 * @tag: its number; grows by at least 1, never reused while the device lives
 * @epoch: of the open session it belongs to; 0 for QBD_OP_OPEN
 * @offset: first byte of the range, a multiple of the block size
 * @length: bytes of the range, 0 for flush, open and close
 * @data_bytes: payload bytes in this message: @length for a write, else 0
 * @op: enum qbd_op
 * @flags: QBD_REQ_F_*
 */
struct qbd_req {
	__u64 tag;
	__u64 epoch;
	__u64 offset;
	__u32 length;
	__u32 data_bytes;
	__u16 op;
	__u16 flags;
	__u32 reserved;
};

/**
 * struct qbd_done - one completion
 * @tag: the request's
 * @epoch: the request's; for QBD_OP_OPEN the epoch granted
 * @error: 0 or a negative errno (-EIO, -EBUSY, -ENOSPC, -EOPNOTSUPP...)
 * @reserved: 0
 */
struct qbd_done {
	__u64 tag;
	__u64 epoch;
	__s32 error;
	__u32 reserved;
};

/**
 * struct qbd_stats - counters since the device was made; grows at its end only
 */
struct qbd_stats {
	__u64 reads;
	__u64 read_bytes;
	__u64 writes;
	__u64 write_bytes;
	__u64 discards;		/* write-zeroes too */
	__u64 discard_bytes;
	__u64 flushes;
	__u64 inflight;		/* requests now, waiting ones too */
	__u64 waiting;		/* of them: not sent to an agent yet */
	__u64 reads_held;	/* reads that wait now */
	__u64 holds;		/* writes done but not applied, now */
	__u64 resent;
	__u64 requeued;		/* sends that found the socket full */
	__u64 timeouts;
	__u64 failed;		/* requests that ended with an error */
	__u64 done_refused;	/* completions that fit no request */
	__u64 cookie_refused;
	__u64 lease_expired;
	__u64 replica_errors;
};

#endif /* _UAPI_LINUX_QBD_H */
