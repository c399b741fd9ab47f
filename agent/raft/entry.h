/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A log entry, as it stands in memory: what the store writes, the wire carries
 * and the image applies.  The consensus core itself sees only index and term.
 *
 * Reference-counted and immutable once shared, like the buffer its payload
 * lies in.
 */
#ifndef RAFT_ENTRY_H
#define RAFT_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "raft/members.h"

/* Bounds of one entry. */
#define RAFT_ENTRY_DATA_MAX 65536U /* payload bytes */
#define RAFT_ENTRY_RANGE_MAX (64U << 20) /* bytes of a ZERO's range */

/* What an entry does; the values stand on disk and wire. */
enum raft_op {
	RAFT_OP_NOOP = 1, /* a term's first entry, or a flush's marker */
	RAFT_OP_WRITE = 2, /* data at [offset, offset + length) */
	RAFT_OP_ZERO = 3, /* the range reads back as zeroes */
	RAFT_OP_OPEN = 4, /* node `writer` has the device; epoch = index */
	RAFT_OP_MEMBERS = 5, /* from here on these are the members */
};

/*
 * @writer, @epoch, @tag and @members are cumulative: an entry that has none of
 * its own (NOOP) repeats its predecessor's.  So the last entry of a log says who
 * belongs to the volume (a log without any: the configuration), who has the
 * device, and which of its requests the log holds: within an epoch tags rise
 * along the log without leaving any out, and a request that the kernel sends
 * again is in the log if and only if its tag is not above that.
 */
struct raft_entry {
	uint32_t refs; /* atomic */
	uint16_t op; /* enum raft_op */
	bool bare; /* a WRITE whose payload is not kept here: a witness's */
	uint32_t writer; /* node id, 0: nobody yet */
	uint64_t index;
	uint64_t term;
	uint64_t epoch; /* index of the OPEN entry it belongs to, 0: none */
	uint64_t tag; /* the kernel's number of the request */
	uint64_t offset; /* bytes */
	uint32_t length; /* bytes of the range */
	uint32_t data_crc; /* base_crc32c of the payload, 0 without one */
	struct raft_members members; /* in force from this entry on */
	const uint8_t *data; /* length bytes inside buf for WRITE, else NULL */
	struct base_buf *buf; /* one reference, NULL without data */
};

/** raft_entry_new() - a zeroed entry, one reference; NULL: no memory */
struct raft_entry *raft_entry_new(void);
struct raft_entry *raft_entry_get(struct raft_entry *entry);
void raft_entry_put(struct raft_entry *entry);

/** raft_entry_data_bytes() - payload bytes: length for WRITE, 0 if bare or else */
uint32_t raft_entry_data_bytes(const struct raft_entry *entry);

/**
 * raft_entry_check() - is this a possible entry of a volume?
 * @before: one that is, whose members are not checked again; or NULL
 * @volume_bytes: size of the data area
 * Checks op, alignment to 512, range, lengths and members (not the checksum).
 * Return: NULL, or a text that says what is wrong with it.
 */
const char *raft_entry_check(const struct raft_entry *entry,
			     const struct raft_entry *before,
			     uint64_t volume_bytes);

#endif
