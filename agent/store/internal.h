/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internal to the store; for the files of this folder only.
 *
 * Locking.  `lock` protects `log` and `checkpoint`: the log thread (or its
 * stand-in) changes the log's end, the image thread its beginning, any thread
 * may read.  A thread reads without the lock only what it alone changes.
 * A disk's `sync_locks` is held over each sync of it; `failure_lock` protects
 * `failure` and may be taken inside that.  None is taken inside `lock`, nor the
 * other way round.
 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <pthread.h>

#include "store/format.h"
#include "store/store.h"

/* Bounds of what one read or write moves, and of memory. */
#define STORE_CHUNK_BYTES (1U << 20)
/* Bounds of one piece, unless the disk has lower ones. */
#define STORE_PIECE_BYTES_MAX (1U << 20)
#define STORE_PIECE_PAGES_MAX 256U /* what one bio takes */

/* Where an entry's record is, and what its header must say. */
struct log_place {
	uint64_t position;
	uint64_t term;
	uint32_t crc; /* of the header */
};

struct log {
	struct format_base base; /* durable: what is before is free */
	uint64_t tail; /* position behind the last record */
	uint64_t last_index;
	uint64_t last_term;
	uint32_t chain; /* header CRC of the last record */
	struct format_mark mark;
	struct log_place *places; /* entry i at i % place_count */
	uint64_t place_count;
};

struct store {
	struct store_io *io;
	struct format_super super;
	struct format_layout layout;
	uint32_t align; /* of records; may be more than their disk needs */
	uint32_t data_align; /* of the first disk */
	uint32_t meta_align; /* of the disk that meta lies on */
	uint32_t piece_bytes_max;
	uint32_t piece_pages_max;
	bool read_only;
	struct base_buf *memory; /* of the four buffers below */

	pthread_mutex_t lock;
	struct log log;
	struct store_checkpoint checkpoint;

	pthread_mutex_t sync_locks[2]; /* by disk */
	pthread_mutex_t failure_lock;
	int failed; /* atomic; set once, never cleared */
	unsigned int failed_disk; /* set before it */
	char failure[160];

	/* The log thread's. */
	struct raft_hard_state state;
	uint64_t state_seq;
	uint64_t note_seq;
	uint64_t noted; /* durable position that the last note tells */
	bool damaged; /* nothing is appended until a reset */
	uint8_t *log_bytes; /* STORE_CHUNK_BYTES */
	struct store_append append; /* staged in log_bytes */
	uint8_t *log_block; /* FORMAT_BLOCK, for slots */

	/* The image thread's; the log thread's in store_log_reset(). */
	uint64_t checkpoint_seq;
	uint64_t unread; /* atomic: an entry that store_apply() lacks; 0: none */
	uint8_t *image_bytes; /* STORE_CHUNK_BYTES */
	uint8_t *image_block; /* FORMAT_BLOCK */
};

/* image.c */
void store_unread_set(struct store *store, uint64_t index);

/* store.c */
struct store *store_new(struct store_io *io, bool read_only,
			const struct format_super *super);
void store_free(struct store *store);

/* store.c: every write and sync goes through these. -EIO, and final. */
int store_usable(struct store *store); /* 0, -EIO, -EROFS */
/* From now on nothing more is written; the first text stays. -EIO */
int store_fail(struct store *store, const char *what, uint64_t offset,
	       int error);
int store_write(struct store *store, uint64_t offset, const struct iovec *iov,
		unsigned int count);
int store_write_bytes(struct store *store, uint64_t offset, const void *bytes,
		      size_t size);
int store_zero(struct store *store, uint64_t offset, uint64_t size);
/* All that was written is durable. */
int store_sync(struct store *store);
/* What the log and meta regions were given is; of the data area, who knows. */
int store_sync_log(struct store *store);

/* super.c */

/**
 * super_read() - the superblock of @io, from the good copy that is newer
 * @expected: tells where the first copy may be; may be NULL
 * @bad: set to which copies need to be written again, bits 0 and 1; may be NULL
 * @block: FORMAT_BLOCK bytes, aligned
 * -ENODATA, -EBADMSG, -ENOTSUP, -EIO with a text
 */
int super_read(struct store_io *io, const struct store_identity *expected,
	       uint8_t *block, struct format_super *super, unsigned int *bad,
	       struct base_error *error);
/* The copy at @offset, which may be a second disk's. */
void super_encode_block(const struct format_super *super, uint64_t offset,
			uint8_t *block);
/* Is there a second disk where there has to be one, and is it this replica's?
 * One that need not be there must be this replica's as well. */
int super_second(struct store_io *io, const struct format_super *super,
		 uint8_t *block, struct base_error *error);
/* Do its regions lie on disks of these sizes, and do we know what they are? */
int super_place(struct store_io *io, const struct format_super *super,
		struct format_layout *layout, struct base_error *error);

/* meta.c */

struct meta_pair {
	bool valid[2];
	struct format_slot slot[2]; /* which: as written, wherever it lies */
	const struct format_slot *newest; /* NULL: both invalid */
};

void meta_pair_read(struct store *store, enum format_kind kind,
		    struct meta_pair *pair);
/* Both slots, one after the other; slot->which is set here. */
int meta_pair_save(struct store *store, struct format_slot *slot,
		   uint8_t *block);
/* The newest mark of those given, with what all of them prove in it. */
void meta_mark_merge(struct format_mark *mark, const struct format_mark *more);
/* Saves store->state with this mark. */
int meta_state_save(struct store *store, const struct format_mark *mark);
int meta_checkpoint_save(struct store *store,
			 const struct store_checkpoint *checkpoint,
			 const struct format_base *base,
			 const struct format_mark *mark);

/* ring.c: the ring by position. */
int ring_read(struct store *store, uint64_t position, void *bytes, size_t size);
/* Where @append's bytes go from @position on; its last iov may be split. */
void ring_pieces(const struct store *store, uint64_t position,
		 struct store_append *append);

/* log.c */
static inline struct log_place *log_place(struct log *log, uint64_t index)
{
	return &log->places[index % log->place_count];
}

static inline bool log_live(const struct format_mark *mark, uint64_t generation,
			    uint64_t position)
{
	return generation >= mark->generation || position < mark->fork;
}

/* recover.c */

/* What was found damaged, for boot.damage; several texts are joined. */
void recover_damage_add(struct store_boot *boot, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

struct recovery {
	/* In: the newest of all slots.  Out: and what records prove. */
	struct format_mark mark;
	/* Raised to the highest that records have. */
	uint64_t generation;
	uint64_t term;
	/*
	 * Nothing is left but the checkpoint, and it is enough: the log is
	 * empty after `applied`.
	 */
	bool jumped;
	uint64_t top; /* recover_ring_top() */
};

/**
 * recover_log() - find the log's records
 * store->log.base is where the log begins, and may be moved up when what was
 * not needed is lost; the other fields of store->log but the mark are set.
 * boot->entries, damage and state.damaged are set.
 * Return: 0, -ENOMEM
 */
int recover_log(struct store *store, struct recovery *found,
		struct store_boot *boot);

/**
 * recover_ring_top() - found->top: beyond every record that the ring holds
 * For a log of which no checkpoint slot is left.
 */
void recover_ring_top(struct store *store, struct recovery *found);

#endif
