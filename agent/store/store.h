/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The replica on disk: data area, log ring, metadata.  The bytes are described
 * in format.h.
 *
 * Two threads use a store: the log thread (store_log_*, store_state_save) and
 * the image thread (store_apply, store_image_*, store_checkpoint).
 * store_log_read may be called from any.  All are synchronous.  What a
 * function says is durable is on stable storage when it returns.
 *
 * Appending and applying also exist in two halves, for a caller that
 * issues the writes itself: store_append_begin() and _end(), and
 * store_plan_apply().  While such an append is under way its caller stands in
 * for the log thread, which may do nothing but store_log_note().
 *
 * An error from any function that writes or syncs is final for this store:
 * from then on every such function returns -EIO.  Nothing is ever retried: the
 * kernel may have marked pages clean that never reached the disk.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "raft/entry.h"
#include "raft/raft.h"
#include "store/io.h"

#define STORE_ID_BYTES 16
#define STORE_LOG_BYTES_MIN (16ULL << 20)
#define STORE_LOG_BYTES_DEFAULT (64ULL << 20)
/* A multiple of any disk's physical sectors, and of most arrays' chunks */
#define STORE_DATA_OFFSET (1ULL << 20)

struct store;

/* What a replica is; all of it stands in the superblock. */
struct store_identity {
	uint8_t volume_id[STORE_ID_BYTES];
	char volume_name[64];
	uint32_t node_id;
	uint32_t block_size; /* of the volume: 512 or 4096 */
	uint64_t volume_bytes;
	uint64_t log_bytes; /* ring */
	/*
	 * Where the data area begins on the disk, in multiples of 4096, so that
	 * what is aligned in the volume is on the disk: STORE_DATA_OFFSET, so
	 * that nothing on the machine takes the replica for the volume; or 0 on a
	 * disk that is to keep what it holds.
	 */
	uint64_t data_offset;
	/* Drawn for each formatting: what tells disks of one replica from others. */
	uint64_t serial;
};

/* What lies on a replica's disks; the values stand there. */
enum store_region {
	STORE_REGION_DATA = 1,
	STORE_REGION_META = 2, /* term, vote, checkpoints */
	STORE_REGION_LOG = 3,
};

/* How far the data area is; saved by checkpoints. */
struct store_checkpoint {
	uint64_t applied; /* entries up to this one are in the data area */
	uint64_t applied_term;
	struct raft_standing standing; /* of that entry */
	/*
	 * A copy from a leader is under way (or was, at a crash): the data area
	 * is not that of `applied` and must be copied anew.
	 */
	bool incomplete;
	/*
	 * This was a witness's: what was applied has left no trace in the data
	 * area.  To become anything else it must be filled anew.
	 */
	bool witness;
};

/* What store_open() found. */
struct store_boot {
	struct store_identity identity;
	struct raft_hard_state state; /* damaged: see below */
	struct store_checkpoint checkpoint;
	/*
	 * The log's entries (base_index, last_index], heads only (data and buf
	 * NULL).  base_index <= checkpoint.applied <= last_index.  The array
	 * and a reference to each entry belong to the caller
	 * (store_boot_free()).
	 */
	uint64_t base_index;
	uint64_t base_term;
	uint64_t last_index;
	struct raft_entry **entries;
	/* Bytes of the ring that entries may take in all. */
	uint64_t log_capacity;
	uint32_t align; /* of its records, for store_record_bytes() */
	/*
	 * For humans: what was found damaged ("log entry 4711: checksum"), ""
	 * if nothing.  Then state.damaged is set: what was promised durable
	 * can't be read back, so the node must be filled by a leader.  A torn
	 * tail - provably never acknowledged - is no damage; it is cut.
	 */
	char damage[256];
};

/** store_bytes_needed() - smallest disk for such a replica, without a second */
uint64_t store_bytes_needed(const struct store_identity *identity);
/** store_first_bytes_needed() - the same beside a second disk */
uint64_t store_first_bytes_needed(const struct store_identity *identity);
/** store_second_bytes_needed() - smallest second disk */
uint64_t store_second_bytes_needed(const struct store_identity *identity);

/**
 * store_format() - make a blank replica: zeroed data area, empty log
 * @progress: called with bytes done and all bytes now and then; may be NULL
 * -ENOSPC too small (the text says how much is needed), -EINVAL no possible
 * volume, -EEXIST without @force: there is a replica already (the text says
 * which) or other data (at either end of the disk); nothing was changed.
 * The superblocks are written last: a half-formatted disk is no replica.
 * STORE_LOG_BYTES_MIN is the configuration's bound and not checked here:
 * simulations use smaller rings.
 */
int store_format(struct store_io *io, const struct store_identity *identity,
		 bool force,
		 void (*progress)(uint64_t done, uint64_t all, void *context),
		 void *context, struct base_error *error);

/**
 * store_region_move() - put the log or the metadata to another place
 * @io: that no store is open on; with a second disk if one is to be used
 * @expected: whose replica it must be
 * @kind: STORE_REGION_META or STORE_REGION_LOG
 * @second: to the second disk, this replica's or a blank one
 * @offset: in multiples of 4096; where it lies now stays free of it till the end
 * Durable when it returns; cut short anywhere, the replica is whole, with the
 * region here or there.  -EINVAL with a text: not possible there; nothing was
 * changed then.
 */
int store_region_move(struct store_io *io,
		      const struct store_identity *expected,
		      enum store_region kind, bool second, uint64_t offset,
		      struct base_error *error);

/**
 * store_identify() - read the superblock only
 * -ENODATA: no replica here; -EBADMSG: damaged superblock (both copies).
 */
int store_identify(struct store_io *io, struct store_identity *identity,
		   struct base_error *error);

/**
 * store_identify_second() - as store_identify(), of a second disk by itself
 * @io: that disk
 * -ENODATA: it is no replica's second disk; -EBADMSG: damaged superblock.
 */
int store_identify_second(struct store_io *io, struct store_identity *identity,
			  struct base_error *error);

/**
 * store_expect() - is it the replica that is wanted?  The log's size may differ.
 * Return: 0; -EINVAL with a text: another volume, node, size or block size
 */
int store_expect(const struct store_identity *found,
		 const struct store_identity *expected,
		 struct base_error *error);

/**
 * store_check() - would store_open() take it?  Reads superblocks alone
 * @identity: what it is; untouched on errors, which are store_open()'s
 */
int store_check(struct store_io *io, const struct store_identity *expected,
		struct store_identity *identity, struct base_error *error);

/**
 * store_open() - recovery
 * @io: used until store_close(), which closes it; on failure the caller's still
 * @expected: volume_id, node_id, volume_bytes and block_size must be the
 *	disk's; NULL: take what is there (offline tools)
 * @read_only: change nothing on the disk (offline tools); whatever would write
 *	returns -EROFS
 * What is found is made durable before it returns (a few small writes).
 * -ENODATA, -EBADMSG as above, of the second disk too; -EINVAL another volume,
 * node or size, a second disk that is missing, not needed or another's;
 * -ENOTSUP a later format version.
 */
int store_open(struct store_io *io, const struct store_identity *expected,
	       bool read_only, struct store **store, struct store_boot *boot,
	       struct base_error *error);
void store_boot_free(struct store_boot *boot);
void store_close(struct store *store);

/**
 * store_failure() - which write or sync failed, for humans; "" while none has
 * Any thread's.  Lives as long as the store.
 */
const char *store_failure(struct store *store);
/** store_failed_disk() - on which disk that was: 0 the first, 1 the second */
unsigned int store_failed_disk(struct store *store);
/** store_log_disk() - on which disk the log lies */
unsigned int store_log_disk(const struct store *store);

/* The log thread's. */

/**
 * store_log_append() - write entries behind the last one; not durable yet
 * @entries: consecutive, data present; not kept
 * -ENOSPC: they don't fit before the next checkpoint; -EINVAL: not possible in
 * this volume; nothing was written (neither is final; a caller that counts with
 * store_record_bytes() never sees the first).
 * After damage was found only store_log_reset() makes the log usable again;
 * appending or truncating before is a bug.
 */
int store_log_append(struct store *store, struct raft_entry *const *entries,
		     unsigned int count);

/** store_log_sync() - what was appended is durable */
int store_log_sync(struct store *store);

/**
 * store_log_truncate() - drop entries from @index on, durably enough that they
 * can only come back as what they were: never acknowledged
 */
int store_log_truncate(struct store *store, uint64_t index);

/**
 * store_log_reset() - the log is empty after @base; the replica incomplete
 * Both durable in one step with the checkpoint that says so (@base with
 * incomplete set).  The image thread must be idle.  state.damaged, if set, stays
 * on the disk until a state without it is saved: save that after, not before.
 */
int store_log_reset(struct store *store, const struct store_checkpoint *base);

/**
 * store_log_note() - nothing to write just now: note durably how far the log is
 * durable, so that damage to its very last entries is told from a torn tail.
 * Cheap when nothing was appended since.
 */
int store_log_note(struct store *store);

/** store_state_save() - durable when it returns, in both of two slots */
int store_state_save(struct store *store, const struct raft_hard_state *state);

/* The image thread's. */

/**
 * store_apply() - carry out committed entries, in order
 * Entries without data are read from the log.  Not durable until
 * store_checkpoint().
 * -EBADMSG: the data of one of them can't be read back; those before it are
 * carried out.  Not final, but nothing behind it is carried out either until it
 * comes again with its data, or the log begins anew (store_log_reset()).
 * -EINVAL: an entry that is not possible in this volume.
 */
int store_apply(struct store *store, struct raft_entry *const *entries,
		unsigned int count);

/** store_image_read() - bytes of the volume (aligned); for copies */
int store_image_read(struct store *store, uint64_t offset, void *bytes,
		     size_t size);

/** store_image_write() - bytes of a copy; NULL: zeroes */
int store_image_write(struct store *store, uint64_t offset, const void *bytes,
		      size_t size);

/**
 * store_checkpoint() - the data area is durable up to checkpoint->applied
 * Frees the log as needed: keeps as much of it as leaves half of the ring for
 * new entries.  `applied` may be ahead of the log's own end (a leader commits by
 * its followers' disks): should a crash then lose the difference, the log begins
 * anew after `applied`.
 * @base_index: the log's new base
 */
int store_checkpoint(struct store *store,
		     const struct store_checkpoint *checkpoint,
		     uint64_t *base_index);

/* Writes that the caller carries out itself. */

#define STORE_IOV_MAX 128U /* memory pieces of one append or plan */

/* One write at @offset of the disk.  Aligned, and at most 1 MiB in 256 pages. */
struct store_piece {
	uint64_t offset; /* bytes */
	size_t bytes;
	struct iovec *iov; /* the append's or plan's own */
	unsigned int count;
};

/* Records under way: all of it stays as it is until store_append_end(). */
struct store_append {
	struct store_piece pieces[2]; /* two where the ring wraps */
	unsigned int piece_count;
	unsigned int count; /* entries */
	uint64_t last_index; /* of the last of them */
	uint64_t last_term;
	/* The store's own. */
	uint64_t end;
	struct base_buf *memory;
	uint8_t *staging;
	size_t staging_bytes;
	size_t staged;
	unsigned int pages;
	unsigned int iov_count;
	struct iovec iov[STORE_IOV_MAX + 1];
};

/** store_append_init() - 0 or -ENOMEM; store_append_free() ends it */
int store_append_init(struct store *store, struct store_append *append);
void store_append_free(struct store_append *append);

/**
 * store_append_begin() - the first of @entries, as many as fit, as one append
 * @entries: as of store_log_append(); their payloads are written from where they
 *	lie and must stay until the end
 * append->count tells how many there are in it, one at least; the next append
 * may begin at once, and begins behind it.  The pieces may be written in any
 * order, each durably: with O_DSYNC.
 * Errors as of store_log_append(); nothing has begun then.
 */
int store_append_begin(struct store *store, struct raft_entry *const *entries,
		       unsigned int count, struct store_append *append);

/** store_append_end() - it is durable, as are all that began before it */
void store_append_end(struct store *store, const struct store_append *append);

/* Writes of the data area that don't overlap. */
struct store_plan {
	unsigned int count;
	struct store_piece pieces[STORE_IOV_MAX]; /* rising */
	struct iovec iov[STORE_IOV_MAX];
};

/**
 * store_plan_apply() - @entries as writes that may run in any order
 * Writes of which nothing would remain are left out, neighbours joined.  As with
 * store_apply(), nothing is durable before store_checkpoint(); the payloads must
 * stay until all are done.
 * Return: false when it is not that easy: an entry that is neither a write nor
 * nothing, or without its payload, or overlaps in part.  Then store_apply().
 */
bool store_plan_apply(const struct store *store,
		      struct raft_entry *const *entries, unsigned int count,
		      struct store_plan *plan);

/**
 * store_write_failed() - a write that the caller carried out has failed
 * Final, as if the store had done it.
 */
void store_write_failed(struct store *store, uint64_t offset, int error);

/* Any thread's. */

/**
 * store_log_read() - one entry with its data, checksums verified
 * @entry: one reference, the caller's
 * -ENOENT: not in the log (any more); -EBADMSG: damaged on disk; -EIO: can't be
 * read.  None of them is final.
 */
int store_log_read(struct store *store, uint64_t index,
		   struct raft_entry **entry);

/**
 * store_record_bytes() - room an entry takes in the ring
 * @align: boot.align
 */
uint64_t store_record_bytes(const struct raft_entry *entry, uint32_t align);

#endif
