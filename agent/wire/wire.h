/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bytes of the messages between agents.  Pure: memory in, memory out.
 *
 * A frame is a head of WIRE_HEAD_BYTES (magic, type, lengths, CRC32C of the
 * fixed part, CRC32C of the head), the fixed part, then payloads: frame.c has
 * the layout, and the file of each type its own.  All integers are
 * little-endian.  A received frame is a stranger's until decoded: every count
 * and length is checked against the bounds below and against the bytes that are
 * there.  The payload of an entry is covered by raft_entry.data_crc, which
 * decoding verifies; everything else by the frame's own checksums.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/error.h"
#include "raft/entry.h"
#include "raft/raft.h"

#define WIRE_VERSION_MIN 3 /* of the protocol: what we still understand */
#define WIRE_VERSION_MAX 3
#define WIRE_HEAD_BYTES 32
#define WIRE_COPY_DATA_MAX (256U << 10) /* bytes of one COPY_DATA */
#define WIRE_FRAME_BYTES_MAX (1U << 20) /* with head */
#define WIRE_FRONT_BYTES_MAX (11U << 10)
#define WIRE_TEXT_MAX 255
#define WIRE_IOV_MAX (RAFT_APPEND_MAX + 1)

enum wire_type {
	WIRE_HELLO = 1, /* the first frame, both ways */
	WIRE_REFUSE, /* instead of going on: a text, then the end */
	WIRE_RAFT, /* struct raft_msg, for appends with entries */
	WIRE_STATUS, /* what a node tells all others now and then */
	WIRE_OPEN_ASK, /* a node asks the leader for leadership, to open */
	WIRE_OPEN_REPLY,
	WIRE_COPY_BEGIN, /* leader to a replica that the log can't help */
	WIRE_COPY_DATA,
	WIRE_COPY_END,
	WIRE_COPY_ACK,
	WIRE_LIFE, /* who we are, and what we remember of you */
};

struct wire_hello {
	uint16_t version_min; /* of the sender */
	uint16_t version_max;
	uint8_t volume_id[16];
	char volume_name[64];
	char node_name[64];
	uint32_t from;
	uint32_t to;
	uint64_t volume_bytes;
	uint32_t block_size;
	uint32_t members_crc; /* of ids and names, sorted by id */
	uint32_t election_timeout_ms; /* at most 65535 */
	uint32_t flags; /* WIRE_HELLO_* */
	uint64_t incarnation; /* random, of this process */
};

#define WIRE_HELLO_URGENT (1U << 0) /* the second connection: net/urgent.c */

/*
 * What two nodes that talk to each other may have told differently.  A node is
 * added, a volume grows and a timeout is changed node by node.
 */
#define WIRE_DIFFERS_NODES (1U << 0) /* lists of nodes in the configuration */
#define WIRE_DIFFERS_SIZE (1U << 1) /* volume_bytes */
#define WIRE_DIFFERS_TIMEOUT (1U << 2) /* election_timeout_ms */

/* Bits of wire_status.flags */
#define WIRE_NODE_INCOMPLETE (1U << 0) /* its image is being copied */
#define WIRE_NODE_DEVICE_OPEN (1U << 1) /* its device is open for writing */
#define WIRE_NODE_DISK_FAILED (1U << 2)
#define WIRE_NODE_DAMAGED (1U << 3)
#define WIRE_NODE_WANTS_LEAD (1U << 4) /* its opening waits for leadership */
#define WIRE_NODE_DIVERGED (1U << 5) /* it has stopped: contradicts others */

struct wire_status {
	uint32_t flags;
	uint64_t epoch; /* of its opening, when DEVICE_OPEN */
	uint64_t term;
	uint64_t last;
	uint64_t durable;
	uint64_t commit;
	uint64_t commit_term; /* of the entry `commit`, 0: not known */
	uint64_t applied;
	uint64_t chain; /* standing.chain of the entry `applied`, 0: not known */
	/* in force there since that entry, 0: the first; all zero: no entry yet */
	uint64_t members_since;
	struct raft_members members;
};

/** wire_status_has_volume() - has the sender more than a blank replica? */
static inline bool wire_status_has_volume(const struct wire_status *status)
{
	return status->last || status->flags & WIRE_NODE_DAMAGED;
}

/* Bits of wire_life.flags */
#define WIRE_LIFE_JUDGED (1U << 0) /* what the receiver remembers is judged */
#define WIRE_LIFE_NOTED (1U << 1) /* the receiver's life is remembered */
#define WIRE_LIFE_NUMBER_MAX (1U << 30)

/* See node/meet.c. */
struct wire_life {
	uint32_t flags;
	struct raft_life life; /* the sender's */
	struct raft_known known; /* of the receiver; id is not sent */
};

struct wire_open_ask {
	uint64_t serial; /* echoed in the reply */
	uint64_t epoch; /* an open session that continues; 0: a new one */
};

struct wire_open_reply {
	uint64_t serial;
	int32_t error; /* 0: leadership is on its way; -EBUSY; -EAGAIN */
	uint32_t writer; /* node id that has it, when -EBUSY */
};

struct wire_copy_begin {
	uint64_t serial; /* of this copy, in all its messages */
	uint64_t term; /* of the leader that sends it */
	bool reset; /* its log is of no use: begin a new one after index */
	uint64_t index; /* the copy holds at least the entries up to here */
	uint64_t index_term;
	struct raft_standing standing; /* of that entry; no members with
					* index 0 only */
};

struct wire_copy_data {
	uint64_t serial;
	uint64_t offset;
	uint32_t length; /* at most WIRE_COPY_DATA_MAX */
	uint32_t data_crc;
	uint64_t version; /* the sender had applied this much before reading */
	bool zero; /* no payload: the range is zeroes */
	const uint8_t *data; /* inside buf; NULL when zero */
	struct base_buf *buf;
};

struct wire_copy_end {
	uint64_t serial;
	uint64_t version; /* complete once this index is applied */
};

struct wire_copy_ack {
	uint64_t serial;
	uint64_t offset; /* everything below is written */
	int32_t error; /* 0, or why the copy can't go on */
};

/* One message, decoded or to be encoded. */
struct wire_msg {
	enum wire_type type;
	union {
		struct wire_hello hello;
		char text[WIRE_TEXT_MAX + 1]; /* REFUSE */
		struct {
			struct raft_msg msg;
			/* to be encoded: leave payloads out, for a witness */
			bool bare;
			/* append: msg.append.count of them, one reference
			 * each, indexes following append.prev_index */
			struct raft_entry *entries[RAFT_APPEND_MAX];
		} raft;
		struct wire_status status;
		struct wire_open_ask open_ask;
		struct wire_open_reply open_reply;
		struct wire_copy_begin copy_begin;
		struct wire_copy_data copy_data;
		struct wire_copy_end copy_end;
		struct wire_copy_ack copy_ack;
		struct wire_life life;
	};
};

/** wire_msg_clear() - drop the references that @msg holds */
void wire_msg_clear(struct wire_msg *msg);

/**
 * wire_msg_urgent() - may it overtake others on its connection?
 * True of what leases and elections wait for, is small and seldom, and is right
 * in any order.
 */
bool wire_msg_urgent(const struct wire_msg *msg);
/** wire_msg_bytes() - size of the whole frame, for windows and bounds */
size_t wire_msg_bytes(const struct wire_msg *msg);

/*
 * An encoded frame: its head and fixed part in `head` (malloc()), payloads
 * where they lie.  Holds references to the buffers, so @msg may go.
 */
struct wire_frame {
	uint8_t *head;
	unsigned int iov_count;
	size_t bytes;
	struct iovec iov[WIRE_IOV_MAX];
	struct base_buf *bufs[WIRE_IOV_MAX]; /* of iov[1]..., bufs[0] is NULL */
};

/**
 * wire_encode() - 0 or -ENOMEM; @frame is for wire_frame_clear()
 * A message beyond the bounds, or whose payload is missing, asserts.
 */
int wire_encode(const struct wire_msg *msg, struct wire_frame *frame);
void wire_frame_clear(struct wire_frame *frame);

/* How long a frame is: its front, which is head and fixed part, and the rest. */
struct wire_extent {
	uint32_t front_bytes; /* at most WIRE_FRONT_BYTES_MAX */
	uint32_t payload_bytes;
};

/**
 * wire_frame_extent() - how long is the frame that begins so?
 * @head: WIRE_HEAD_BYTES bytes
 * Return: 0; -EBADMSG (bad magic, checksum of the head, type or length) with a
 * text.
 */
int wire_frame_extent(const uint8_t *head, struct wire_extent *extent,
		      struct base_error *error);

/**
 * wire_decode() - one whole frame, whose payload lies apart
 * @front: exactly head and fixed part; only looked at
 * @payload: exactly the payload, NULL without; @msg refers to it.  So what is
 *	aligned at the first byte of the payload is aligned in memory.
 * @volume_bytes: bound of ranges; 0 before the handshake is over, when only
 *	HELLO and REFUSE are possible
 * Return: 0, @msg is for wire_msg_clear(); -EBADMSG with a text, -ENOMEM.
 */
int wire_decode(const uint8_t *front, size_t front_bytes,
		struct base_buf *payload, uint64_t volume_bytes,
		struct wire_msg *msg, struct base_error *error);

/**
 * wire_hello_check() - may these two talk?
 * @ours: what we would send to that peer; @theirs: what it sent
 * What must be equal: the volume (id, name, block size), the protocol, and who
 * the two are.
 * Return: 0 and the version to speak in @version; -EPROTO, and in @error why
 * not and the remedy.  The text is short enough to be sent as a REFUSE, and
 * written so that it is true on the other side's log too: it names nodes, never
 * "we".
 */
int wire_hello_check(const struct wire_hello *ours,
		     const struct wire_hello *theirs, uint16_t *version,
		     struct base_error *error);

/** wire_hello_differs() - WIRE_DIFFERS_*: what is no ground to refuse */
uint32_t wire_hello_differs(const struct wire_hello *ours,
			    const struct wire_hello *theirs);

#endif
