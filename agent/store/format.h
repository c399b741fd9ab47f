/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bytes of a replica.  Pure: memory in, memory out.
 *
 * All integers are little-endian.  A "block" is 4096 bytes.  Offsets are bytes
 * from the beginning of a disk (a block device or a file).  A replica has one
 * disk, or a second one beside it for what is not the data area.
 *
 * Only the superblock's two copies have fixed places; everything else lies in
 * regions, which the superblock names:
 *
 *	data     the data area, on the first disk
 *	meta     block 0: state slot 0         block 1: state slot 1
 *	         block 2: checkpoint slot 0    block 3: checkpoint slot 1
 *	         block 4: note slot 0          block 5: note slot 1
 *	log      the log ring
 *
 * Where `qbd format` puts them: data at the offset it is told; at the disk's end
 * the second superblock, before it the log, before that meta.  So a volume can
 * grow into the room that is left.  With a second disk: meta from its block 1 on,
 * then the log.
 *
 * THE SUPERBLOCK'S COPIES lie
 *	1. in block 0, if data does not begin there: nobody else's data can be
 *	   taken for what the disk holds, nor a replica for its own volume; else
 *	   in the block behind volume_bytes;
 *	2. in the last whole block of the disk: found without knowing how large
 *	   the volume is.
 * Block 0 of a second disk has one that says so (device 1).  It is only there to
 * tell whether the two belong together: same volume, node and serial.
 *
 * Of the two the good one with the higher generation counts, and open makes the
 * other one like it before anything else is written.  A region is moved by
 * copying it, syncing, and writing the new table with the next generation into
 * the first copy, syncing, and into the second: cut short anywhere, one of both
 * tables counts, and what it names is whole, since nothing is written to the
 * regions in between.  Then the old place is zeroed.
 *
 * A disk may grow, or shrink to a size that still suffices.  Then the last block
 * is another one, and open writes the second copy there, of the generation that
 * counts; the first copy stands meanwhile.  The former second copy stays where it
 * was, in the middle or beyond the end, and may be met again when the disk has
 * its old size:
 *	- of this formatting, it is as good, or its generation is lower;
 *	- of an earlier one (another serial), it counts for nothing beside a good
 *	  first copy in block 0, whatever its generation, and is overwritten;
 *	- if it counts because the first copy is damaged, its table may name the
 *	  old place of a region that was moved: nothing is there.
 *
 * SUPERBLOCK, 512 bytes:
 *
 *	  0  8  magic "QBDSUPER"
 *	  8  4  CRC32C of bytes 12 to 511
 *	 12  4  format version
 *	 16 16  volume id
 *	 32  4  node id
 *	 36  4  block size of the volume, bytes
 *	 40  8  volume_bytes
 *	 48  8  generation, from 1; counts the tables
 *	 56  8  offset of this very copy: a copy elsewhere (an image of a replica
 *	        stored inside a volume) is none
 *	 64  4  record alignment, bytes: of the log's disk
 *	 68  2  device that this copy lies on: 0 or 1
 *	 70  2  number of regions
 *	 72 64  name of the volume, NUL-terminated
 *	136  8  serial, drawn when the disk was formatted
 *	144     regions of 24 bytes, at most 15, the free ones zero:
 *	          0  2  kind: 1 data, 2 meta, 3 log; others may come
 *	          2  2  device: 0 the first disk, 1 the second
 *	          4  4  flags, 1 needed: a qbd that doesn't know the kind must not
 *	                use the replica; else it may, and keeps the region's room
 *	          8  8  offset, a multiple of a block
 *	         16  8  bytes, a multiple of a block
 *	504  8  the magic again, so that one bad byte doesn't make it look blank
 *
 * Each kind is there once at most, and no two regions or superblocks overlap.
 *
 * SLOT.  State, checkpoint and note have one layout, 512 bytes, so that a slot
 * is written as one sector; fields of another kind are zero:
 *
 *	  0  8  magic "QBDSLOT1"
 *	  8  4  CRC32C of bytes 12 to 511
 *	 12  2  format version
 *	 14  2  kind: 1 state, 2 checkpoint, 3 note
 *	 16 16  volume id
 *	 32  4  node id
 *	 36  4  0 or 1, which of the two slots
 *	 40  8  sequence number, counts the saves of this kind
 *	 48  8  generation   ┐
 *	 56  8  fork         │
 *	 64  8  fork index   │ the mark, see below
 *	 72  8  durable      │
 *	 80  8  durable index┘
 *	 88  8  term (state: the term; else the term when it was written)
 *	 96  4  state: vote
 *	100  4  state: flags, 1 joined, 2 damaged
 *	104  8  checkpoint: applied; note: sequence number of the last state
 *	112  8  its term
 *	120  4  flags, 1 incomplete, 2 witness
 *	124  4  chain: header CRC of the record before the log's first
 *	128  8  start: position of the log's first record
 *	136  8  base index: of the entry before it
 *	144  8  base term
 *	152 64  standing of the entry `applied`
 *	216  4  state: longest promise to a leader, microseconds
 *	220  4  state: number of the present life, see raft/past.h
 *	224 64  state: nonces of the last 16 lives, of life n at place n % 16
 *	288 196 state: seven other nodes, of 28 bytes, the free places zero:
 *	          0  4  node id
 *	          4  4  number of its life
 *	          8  4  nonce of that
 *	         12  8  its term
 *	         20  8  index of the last entry known committed and durable there
 *	484     zeroes
 *
 * STANDING.  What is cumulative (raft/standing.h), 64 bytes, in checkpoints and
 * records:
 *
 *	  0  8  epoch
 *	  8  8  tag
 *	 16  4  writer
 *	 20 14  members: seven ids of 2 bytes, rising, the free ones last and 0
 *	 34  2  their roles, bits 2i and 2i + 1 for place i: 1 voter, 2 learner,
 *	        3 witness
 *	 36  8  chain, 0: not known
 *	 44     zeroes
 *
 * State and checkpoint are saved into slot 0, synced, then into slot 1, synced,
 * and only then acknowledged.  So at any time one of the two holds what was
 * acknowledged last or something newer, and no single torn or rotten slot can
 * bring back an older one: with slots that merely alternate, rot in the newest
 * can't be told from a save that a crash cut short, and a vote would be
 * forgotten.  For the checkpoint it means that ring space is given to new
 * records when both copies know of it, so either copy finds its log in place.
 * Read: the valid one with the higher sequence number.  Both invalid: damage.
 * One that is found in the other's place was misdirected there and is as valid:
 * when the save of slot 1 lands on slot 0, it is the only trace of that save.
 * Notes do alternate: one lost costs some evidence, nothing else.
 *
 * THE LOG RING.  A position counts bytes ever given to records; it never wraps.
 * It lies at ring offset (position % log_bytes), so what an earlier lap left at
 * a place has another position than what is looked for.  Records follow each
 * other without gaps, may continue at the ring's beginning, and start at
 * multiples of the record alignment A.  A record is a header of 192 bytes, zeroes
 * up to A, and the payload (of a WRITE that is not bare: length bytes), zeroes
 * up to a multiple of A.
 *
 *	  0  4  magic "QREC"
 *	  4  4  CRC32C of bytes 8 to 191
 *	  8 16  volume id
 *	 24  4  node id
 *	 28  2  format version
 *	 30  2  op
 *	 32  8  position
 *	 40  8  generation
 *	 48  8  durable: all records before this position were durable when this
 *	        one was written
 *	 56  8  durable index: the last entry of those
 *	 64  8  index
 *	 72  8  term
 *	 80  8  term of the entry before
 *	 88  8  offset, bytes
 *	 96  4  length, bytes
 *	100  4  CRC32C of the payload (0 without one)
 *	104  4  chain: bytes 4 to 7 of the record before
 *	108  2  bits, 1 bare: a WRITE whose payload was never here
 *	110  2  0
 *	112 64  standing
 *	176     zeroes
 *
 * Records of one node only ever grow in position, so a header inside a payload
 * (an image of this disk that is stored in the volume) never has the position
 * it is found at.
 *
 * GENERATIONS.  The log's end moves back when entries are truncated and when
 * recovery cuts a torn tail; the records behind it are still there.  Each such
 * fork begins a new generation at position `fork`, after entry `fork index`;
 * everything before it is durable by then.  The mark {generation, fork, fork
 * index} is durable before the first record of the generation is written.  The
 * newest mark of all valid slots counts.  A record at position p is LIVE if and
 * only if its generation is not below the mark's, or p < fork.  Hence cut records
 * never come back, and what they said about durability is not believed.
 *
 * A RECORD IS VALID at position p if and only if
 *   1. start <= p and its end <= start + log_bytes;
 *   2. magic, version, header CRC, volume id and node id are right;
 *   3. its position is p, its durable <= p, its durable index < index, its
 *	term-before <= term, position, generation, index and term < 2^62, it is
 *	live, and its op, offset, length and members are possible in this volume;
 *   4. it continues the record before it (the checkpoint slot for the first):
 *	chain and term-before are equal, index is one more, term and generation
 *	are not less;
 *   5. the CRC of its payload, if it has one, is right.
 * The log is the longest run of valid records from start.
 *
 * TORN OR DAMAGED.  At the position p where that run ends there is damage if
 * anything proves that a record there was durable: a slot, or a live record
 * behind p (2 and 3 alone), whose durable is above p.  (Of a slot whose
 * generation is not the newest, durable counts up to fork.)  Otherwise p is the
 * end, and what lies there is the tail that a crash tore, which nobody was
 * promised.  Damage to entries up to the checkpoint's applied is not counted
 * when records behind it carry on from there or nothing behind was durable:
 * the data area has them.
 */
#ifndef STORE_FORMAT_H
#define STORE_FORMAT_H

#include "store/store.h"

#define FORMAT_VERSION 3
#define FORMAT_BLOCK 4096U
#define FORMAT_META_BYTES 512U /* of a superblock or slot */
#define FORMAT_RECORD_HEAD 192U
/* Technical bound: a few records of the largest kind. */
#define FORMAT_RING_BYTES_MIN (256ULL << 10)
#define FORMAT_BYTES_MAX (1ULL << 60) /* of volume or ring */
/* Positions, indexes, terms, counters: never reached, so sums don't overflow. */
#define FORMAT_NUMBER_MAX (1ULL << 62)

#define FORMAT_META_BLOCKS 7U /* of the meta region: six slots and a spare */
#define FORMAT_REGIONS_MAX 15U

/* Where things are, as struct store_io's offsets. */
struct format_layout {
	uint64_t super[2];
	uint64_t data;
	uint64_t state[2];
	uint64_t checkpoint[2];
	uint64_t note[2];
	uint64_t ring;
	uint64_t ring_bytes;
	uint64_t end; /* of the ring */
};

#define FORMAT_REGION_NEEDED (1U << 0)

struct format_region {
	uint16_t kind; /* enum store_region, or a later one */
	uint16_t device; /* 0 or 1 */
	uint32_t flags;
	uint64_t offset;
	uint64_t bytes;
};

struct format_super {
	struct store_identity identity; /* log_bytes, data_offset: the table's */
	uint32_t version;
	uint32_t align;
	uint64_t generation;
	uint64_t offset; /* of this copy */
	uint16_t device; /* of this copy */
	uint16_t region_count;
	struct format_region regions[FORMAT_REGIONS_MAX];
};

enum format_kind {
	FORMAT_STATE = 1,
	FORMAT_CHECKPOINT = 2,
	FORMAT_NOTE = 3,
};

struct format_mark {
	uint64_t generation;
	uint64_t fork;
	uint64_t fork_index;
	uint64_t durable;
	uint64_t durable_index;
};

/* Where a log begins. */
struct format_base {
	uint64_t start;
	uint64_t index;
	uint64_t term;
	uint32_t chain;
};

struct format_slot {
	enum format_kind kind;
	unsigned int which;
	uint64_t seq;
	uint64_t state_seq; /* of a note */
	struct format_mark mark;
	struct raft_hard_state state; /* term: of all kinds */
	struct store_checkpoint checkpoint;
	struct format_base base;
};

struct format_record {
	uint64_t position;
	uint64_t generation;
	uint64_t durable;
	uint64_t durable_index;
	uint64_t prev_term;
	uint32_t chain;
	uint32_t crc; /* of the header: the next record's chain */
	struct raft_entry entry; /* head only; refs, data, buf not used */
};

enum format_answer {
	FORMAT_GOOD,
	FORMAT_BLANK, /* not one of ours */
	FORMAT_BAD, /* was one, checksum or a field is wrong */
	FORMAT_OTHER, /* of a version that we don't know */
	FORMAT_SECOND, /* good, but that of a replica's second disk */
};

/** format_identity_check() - NULL, or what is not possible about it */
const char *format_identity_check(const struct store_identity *identity);

/**
 * format_align_check() - NULL, or why a disk's sectors don't do
 * @align: of the disk, bytes
 * @least: of what is written there: of the data area the volume's block size, of
 *	records and slots FORMAT_BLOCK
 */
const char *format_align_check(uint32_t align, uint32_t least);

/**
 * format_super_new() - the superblock of a replica that is to be made
 * @identity: checked
 * @align: of the disk that the log is to lie on
 * @second_bytes: of a second disk, which then has all but the data; 0: none
 * Return: false when the disks are too small.
 */
bool format_super_new(const struct store_identity *identity, uint32_t align,
		      uint64_t disk_bytes, uint64_t second_bytes,
		      struct format_super *super);

/** format_super_check() - NULL, or what is not possible about it */
const char *format_super_check(const struct format_super *super);

/** format_region() - NULL: there is none of that kind */
struct format_region *format_region(struct format_super *super, uint16_t kind);

/** format_region_offset() - where it begins, as struct store_io's offsets */
static inline uint64_t format_region_offset(const struct format_region *region)
{
	return region->offset | (region->device ? STORE_IO_SECOND : 0);
}

/**
 * format_layout() - where things are
 * @super: checked
 * Return: false when a disk is too small for what it is said to hold.
 */
bool format_layout(const struct format_super *super, uint64_t disk_bytes,
		   uint64_t second_bytes, struct format_layout *layout);

/** format_regions_overlap() - is there a byte that both have? */
bool format_regions_overlap(const struct format_region *a,
			    const struct format_region *b);

/** format_super_bytes() - smallest disk @device (0 or 1) for its regions */
uint64_t format_super_bytes(const struct format_super *super,
			    unsigned int device);

/** format_super_last() - offset of the second superblock; 0: disk too small */
uint64_t format_super_last(uint64_t disk_bytes);
/** format_super_first() - offset of the first one */
uint64_t format_super_first(const struct store_identity *identity);

/* @bytes: FORMAT_META_BYTES */
void format_super_encode(const struct format_super *super, uint8_t *bytes);
/**
 * format_super_decode() - @offset: where @bytes were read
 * @super: filled when GOOD; version alone when OTHER; volume_bytes, unproven,
 *	when BAD
 */
enum format_answer format_super_decode(const uint8_t *bytes, uint64_t offset,
				       struct format_super *super);

void format_slot_encode(const struct store_identity *identity,
			const struct format_slot *slot, uint8_t *bytes);
bool format_slot_decode(const struct store_identity *identity,
			enum format_kind kind, unsigned int which,
			uint32_t align, const uint8_t *bytes,
			struct format_slot *slot);

/* @bytes: FORMAT_RECORD_HEAD; sets record->crc */
void format_record_encode(const struct store_identity *identity,
			  struct format_record *record, uint8_t *bytes);
/** format_record_decode() - rules 2 and 3 of the iff but liveness */
bool format_record_decode(const struct store_identity *identity,
			  uint64_t position, const uint8_t *bytes,
			  struct format_record *record);
/** format_record_position() - what a header says, unproven */
uint64_t format_record_position(const uint8_t *bytes);

/** format_data_good() - is @data, as long as it has any, what @entry is of? */
bool format_data_good(const struct raft_entry *entry, const uint8_t *data);

/**
 * format_entry_check() - NULL, or why @entry is none of this volume
 * @before: one that is, which saves work; or NULL
 */
const char *format_entry_check(const struct store_identity *identity,
			       const struct raft_entry *entry,
			       const struct raft_entry *before);

static inline uint64_t format_round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

#endif
