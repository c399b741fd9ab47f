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
#include "raft/standing.h"

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
 * What an operation is.  These are asked instead of the enum, so that a new
 * operation is told here and where it is carried out (store/image.c), and
 * nowhere else.
 */
static inline bool raft_op_known(uint16_t op)
{
	return op >= RAFT_OP_NOOP && op <= RAFT_OP_MEMBERS;
}

/** raft_op_has_range() - is it about bytes of the volume? */
static inline bool raft_op_has_range(uint16_t op)
{
	return op == RAFT_OP_WRITE || op == RAFT_OP_ZERO;
}

/** raft_op_has_data() - does a payload go with it, unless the entry is bare? */
static inline bool raft_op_has_data(uint16_t op)
{
	return op == RAFT_OP_WRITE;
}

/** raft_op_changes_data() - is the data area another once it is applied? */
static inline bool raft_op_changes_data(uint16_t op)
{
	return op == RAFT_OP_WRITE || op == RAFT_OP_ZERO;
}

/** raft_op_opens() - does an epoch begin with it? */
static inline bool raft_op_opens(uint16_t op)
{
	return op == RAFT_OP_OPEN;
}

/** raft_op_sets_members() - may its members differ from its predecessor's? */
static inline bool raft_op_sets_members(uint16_t op)
{
	return op == RAFT_OP_MEMBERS;
}

/** raft_op_range_max() - bytes; 0 without a range */
static inline uint32_t raft_op_range_max(uint16_t op)
{
	if (!raft_op_has_range(op))
		return 0;
	return raft_op_has_data(op) ? RAFT_ENTRY_DATA_MAX :
				      RAFT_ENTRY_RANGE_MAX;
}

struct raft_entry {
	uint32_t refs; /* atomic */
	uint16_t op; /* enum raft_op */
	bool bare; /* a WRITE whose payload is not kept here: a witness's */
	uint64_t index;
	uint64_t term;
	uint64_t offset; /* bytes */
	uint32_t length; /* bytes of the range */
	uint32_t data_crc; /* base_crc32c of the payload, 0 without one */
	struct raft_standing standing; /* from this entry on */
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
 * raft_entry_chain() - what standing.chain of an entry has to be
 * @before: the chain of the entry before; 0 before the first entry
 * Covers all that replicas have in common: index, term, op, range, the payload's
 * checksum (which a witness keeps, too) and the standing.
 * Return: never 0.
 */
uint64_t raft_entry_chain(uint64_t before, const struct raft_entry *entry);

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
