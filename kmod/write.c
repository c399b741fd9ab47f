// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: writes, from bios to requests and back
 *
 * What changes the volume - writes, write-zeroes, discards, flushes - is parked
 * on arrival (the bio is linked by its own bi_next) and cut into requests from
 * there, in order, as long as objects and room last.  So submitting never
 * sleeps and allocates nothing that it could have to wait for.  Each
 * outstanding piece counts in the bio's own __bi_remaining; the last one
 * completes the bio.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "device.h"
#include "gate.h"
#include "parked.h"
#include "send.h"
#include "timeout.h"
#include "trace.h"
#include "turn.h"
#include "write.h"

#define BLOCK_MASK ((1ULL << QBD_RANGE_SHIFT) - 1)

static int op_of(const struct bio *bio)
{
	switch (bio_op(bio)) {
	case REQ_OP_WRITE:
		return bio_sectors(bio) ? QBD_OP_WRITE : QBD_OP_FLUSH;
	case REQ_OP_FLUSH:
		return QBD_OP_FLUSH;
	case REQ_OP_WRITE_ZEROES:
		return QBD_OP_WRITE_ZEROES;
	case REQ_OP_DISCARD:
		return QBD_OP_DISCARD;
	default:
		return -EOPNOTSUPP;
	}
}

static u16 flags_of(const struct bio *bio)
{
	u16 flags = 0;

	if (bio->bi_opf & REQ_FUA)
		flags |= QBD_REQ_F_FUA;
	if (bio->bi_opf & REQ_PREFLUSH && bio_sectors(bio))
		flags |= QBD_REQ_F_PREFLUSH;
	return flags;
}

/*
 * Cut so that a piece ends with an aligned 4 KiB block, unless the bio itself
 * ends in between: a piece is atomic, so each block is.
 */
static u32 cut_aligned(u64 offset, u32 bytes)
{
	u64 end = (offset + bytes) & ~BLOCK_MASK;

	return end > offset ? end - offset : 0;
}

/* How much of the bio's payload goes into one request? */
static u32 cut_data(struct bio *bio, struct qbd_write *write)
{
	u64 offset = (u64)bio->bi_iter.bi_sector << SECTOR_SHIFT;
	struct bvec_iter it = bio->bi_iter;
	u32 bytes = 0;

	while (it.bi_size && bytes < QBD_REQ_DATA_MAX &&
	       write->frags < QBD_FRAGS_MAX) {
		struct bio_vec bv = bio_iter_iovec(bio, it);
		u32 len = min_t(u32, bv.bv_len, QBD_REQ_DATA_MAX - bytes);

		bio_advance_iter_single(bio, &it, len);
		bytes += len;
		write->frags++;
	}
	if (!it.bi_size)
		return bytes;
	bytes = cut_aligned(offset, bytes);
	if (bytes)
		return bytes;
	/* one block lies in more bits than a message has fragments */
	write->copy = true;
	write->frags = 1;
	return min_t(u32, bio->bi_iter.bi_size,
		     BLOCK_MASK + 1 - (offset & BLOCK_MASK));
}

static u32 cut_range(struct bio *bio)
{
	u64 offset = (u64)bio->bi_iter.bi_sector << SECTOR_SHIFT;

	if (bio->bi_iter.bi_size <= QBD_REQ_RANGE_MAX)
		return bio->bi_iter.bi_size;
	return cut_aligned(offset, QBD_REQ_RANGE_MAX);
}

static void count_write(struct qbd_device *dev, u16 op, u32 bytes)
{
	switch (op) {
	case QBD_OP_WRITE:
		dev->stats.writes++;
		dev->stats.write_bytes += bytes;
		break;
	case QBD_OP_FLUSH:
		dev->stats.flushes++;
		break;
	default:
		dev->stats.discards++;
		dev->stats.discard_bytes += bytes;
	}
}

/* Make a request of the first parked bio's next piece. */
static bool take_piece(struct qbd_device *dev)
{
	struct bio *bio = bio_list_peek(&dev->parked_writes);
	struct qbd_write *write;
	u64 offset;
	u32 bytes;
	u16 op;

	lockdep_assert_held(&dev->lock);
	if (dev->table.n_waiting >= QBD_TABLE_WAITING_MAX)
		return false;
	write = mempool_alloc(&dev->pool, GFP_NOWAIT | __GFP_NOWARN);
	if (!write) {
		qbd_send_retry(dev);
		return false;
	}
	op = op_of(bio);
	offset = (u64)bio->bi_iter.bi_sector << SECTOR_SHIFT;
	write->bio = bio;
	write->iter = bio->bi_iter;
	write->arrived = qbd_bio_arrived(bio);
	write->frags = 0;
	write->copy = false;
	bytes = op == QBD_OP_WRITE ? cut_data(bio, write) :
		op == QBD_OP_FLUSH ? 0 :
				     cut_range(bio);
	qbd_request_init(&write->req, op, flags_of(bio), dev->opening.epoch,
			 bytes ? offset : 0, bytes);
	if (bytes < bio->bi_iter.bi_size) {
		bio_inc_remaining(bio);
		bio_advance(bio, bytes);
	} else {
		qbd_bio_unpark(&dev->parked_writes);
		dev->n_parked_writes--;
	}
	count_write(dev, op, bytes);
	qbd_compat_acct_start(dev->disk->part0, bio_op(bio),
			      bytes >> SECTOR_SHIFT, write->arrived);
	qbd_table_add(&dev->table, &write->req);
	trace_qbd_request_take(dev->minor, &write->req.wire, 0);
	return true;
}

/**
 * qbd_write_take() - make requests of what is parked, as far as it goes
 * @dev: the device, locked
 * @turn: the critical section
 */
void qbd_write_take(struct qbd_device *dev, struct qbd_turn *turn)
{
	lockdep_assert_held(&dev->lock);
	while (!bio_list_empty(&dev->parked_writes) && take_piece(dev))
		;
}

/**
 * struct plug - what a submitter collects before it wants it done
 * @cb: in the submitter's plug, which frees it with the last reference
 * @held: has references on the device and the module
 * @bios: not sent yet
 * @bytes: of those
 */
struct plug {
	struct blk_plug_cb cb;
	bool held;
	u32 bios;
	u32 bytes;
};

/* The submitter has no more for now, or goes to sleep: we never do. */
static void plug_ends(struct blk_plug_cb *cb, bool from_schedule)
{
	struct plug *plug = container_of(cb, struct plug, cb);
	struct qbd_device *dev = cb->data;
	struct qbd_turn turn;

	kfree(plug);
	qbd_turn_begin(dev, &turn);
	qbd_send_run(dev, &turn, 16);
	qbd_turn_end(dev, &turn);
	qbd_device_put(dev);
	module_put(THIS_MODULE);
}

/*
 * May it wait for the others of its submitter, to go in one message?  Not when
 * the message is full.
 */
static bool plug_keeps(struct qbd_device *dev, const struct bio *bio)
{
	struct blk_plug_cb *cb =
		blk_check_plugged(plug_ends, dev, sizeof(struct plug));
	struct plug *plug;

	if (!cb)
		return false;
	plug = container_of(cb, struct plug, cb);
	if (!plug->held) {
		/* all I/O of it may fail, and all be closed, before it ends */
		kref_get(&dev->kref);
		__module_get(THIS_MODULE);
		plug->held = true;
	}
	plug->bios++;
	plug->bytes += bio->bi_iter.bi_size;
	if (plug->bios < QBD_MSG_REQS_MAX && plug->bytes < QBD_REQ_DATA_MAX)
		return true;
	plug->bios = 0;
	plug->bytes = 0;
	return false;
}

/**
 * qbd_write_submit() - a bio arrives that changes the volume
 * @dev: the device
 * @bio: the bio; it is ours until it is ended
 *
 * Never sleeps, so REQ_NOWAIT needs no care.
 */
void qbd_write_submit(struct qbd_device *dev, struct bio *bio)
{
	bool keeps = plug_keeps(dev, bio);
	struct qbd_turn turn;

	qbd_turn_begin(dev, &turn);
	if (qbd_gate_is_dead(dev) || !dev->opening.epoch) {
		bio_list_add(&turn.bios, bio);
	} else {
		qbd_bio_park(&dev->parked_writes, bio);
		dev->n_parked_writes++;
		qbd_write_take(dev, &turn);
		qbd_timeout_arm(dev);
		if (!keeps)
			qbd_send_run(dev, &turn, 16);
	}
	qbd_turn_end(dev, &turn);
}

/**
 * qbd_write_finish() - a request is over, successful or not
 * @dev: the device, locked
 * @turn: the critical section
 * @req: the request
 * @error: 0 or a negative errno
 *
 * The first call wins; for all others it does nothing.
 */
void qbd_write_finish(struct qbd_device *dev, struct qbd_turn *turn,
		      struct qbd_request *req, int error)
{
	lockdep_assert_held(&dev->lock);
	if (!qbd_table_finish(&dev->table, req, error, &turn->freed))
		return;
	trace_qbd_request_finish(dev->minor, &req->wire, error);
	if (error)
		dev->stats.failed++;
	if (!test_bit(QBD_REQUEST_BUSY, &req->bits))
		list_add_tail(&req->ending, &turn->ended);
}

/**
 * qbd_write_end() - complete it for the submitter
 * @dev: the device, not locked
 * @req: a finished request that no list has any more; gone afterwards, but for
 *	its hold
 */
void qbd_write_end(struct qbd_device *dev, struct qbd_request *req)
{
	struct qbd_write *write = qbd_write_of(req);
	struct bio *bio = write->bio;

	if (bio) {
		qbd_compat_acct_end(dev->disk->part0, bio_op(bio),
				    req->wire.length >> SECTOR_SHIFT,
				    write->arrived);
		if (req->error && !bio->bi_status)
			bio->bi_status = errno_to_blk_status(req->error);
		bio_endio(bio);
	}
	qbd_write_put(dev, req);
}

/**
 * qbd_write_put() - drop a reference on a request
 * @dev: the device
 * @req: the request
 */
void qbd_write_put(struct qbd_device *dev, struct qbd_request *req)
{
	if (refcount_dec_and_test(&req->refs))
		mempool_free(qbd_write_of(req), &dev->pool);
}

static void fail_list(struct qbd_device *dev, struct qbd_turn *turn,
		      struct list_head *list, bool calls)
{
	struct qbd_request *req, *next;

	list_for_each_entry_safe(req, next, list, link)
		if (calls || qbd_write_of(req)->bio)
			qbd_write_finish(dev, turn, req, -EIO);
}

/**
 * qbd_write_fail_all() - end everything that changes the volume with EIO
 * @dev: the device, locked
 * @turn: the critical section
 * @calls: opens and closes too
 */
void qbd_write_fail_all(struct qbd_device *dev, struct qbd_turn *turn,
			bool calls)
{
	struct qbd_table *table = &dev->table;

	lockdep_assert_held(&dev->lock);
	bio_list_merge(&turn->bios, &dev->parked_writes);
	bio_list_init(&dev->parked_writes);
	dev->n_parked_writes = 0;
	fail_list(dev, turn, &table->blocked, calls);
	fail_list(dev, turn, &table->ready, calls);
	fail_list(dev, turn, &table->outstanding, calls);
	if (!calls)
		return;
	fail_list(dev, turn, &table->calls, calls);
	dev->opening.ask = NULL;
}
