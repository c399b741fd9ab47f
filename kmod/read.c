// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: reads, from the local replica
 *
 * A read is passed straight down to the replica, while the gate is active and
 * the lease has not ended.  It is held while a write that came before it and
 * overlaps it is not applied; a write that comes after it is not sent before it
 * has ended.  A read that must wait for the gate is parked as a bio; so is one
 * that finds no memory, until another read returns some, and one that came back
 * from the replica after the lease had ended.
 *
 * The reader's own bio goes down, with our end_io in place of the reader's and
 * moved to where the data area begins.  Everything in it is restored when it
 * comes back.  Only a bio with others chained to it (BIO_CHAIN) is cloned: it
 * ends when the last of them does, which has nothing to do with the replica,
 * and may itself wait for a write that waits for us.
 */
#include <linux/bio.h>
#include <linux/slab.h>
#include <trace/events/block.h>

#include "device.h"
#include "gate.h"
#include "parked.h"
#include "read.h"
#include "timeout.h"
#include "turn.h"

/* Of a lent bio, not restored: who holds it, and how its error is reported */
#define FLAGS_KEPT (BIT(BIO_REFFED) | BIT(BIO_QUIET))

static struct qbd_read *read_alloc(gfp_t gfp)
{
	return kmem_cache_alloc(qbd_read_cache, gfp | __GFP_NOWARN);
}

/**
 * qbd_read_pool_fill() - the reads that need no memory
 * @dev: a new device
 *
 * Return: 0 or -ENOMEM; qbd_read_pool_empty() cleans up in any case.
 */
int qbd_read_pool_fill(struct qbd_device *dev)
{
	struct qbd_read *read;

	while (dev->n_reads_free < QBD_READS_MIN) {
		read = read_alloc(GFP_KERNEL);
		if (!read)
			return -ENOMEM;
		list_add(&read->link, &dev->reads_free);
		dev->n_reads_free++;
	}
	return 0;
}

/**
 * qbd_read_pool_empty() - undo qbd_read_pool_fill()
 * @dev: a device without reads
 */
void qbd_read_pool_empty(struct qbd_device *dev)
{
	struct qbd_read *read, *next;

	list_for_each_entry_safe(read, next, &dev->reads_free, link)
		kmem_cache_free(qbd_read_cache, read);
}

/* One from those at hand, which is much cheaper than the allocator, or a new */
static struct qbd_read *pool_take(struct qbd_device *dev)
{
	struct qbd_read *read;

	lockdep_assert_held(&dev->lock);
	read = list_first_entry_or_null(&dev->reads_free, struct qbd_read,
					link);
	if (!read)
		return read_alloc(GFP_NOWAIT);
	list_del(&read->link);
	dev->n_reads_free--;
	return read;
}

static void pool_return(struct qbd_device *dev, struct qbd_turn *turn,
			struct qbd_read *read)
{
	lockdep_assert_held(&dev->lock);
	if (unlikely(!bio_list_empty(&dev->parked_reads)))
		turn->read = true;
	if (dev->n_reads_free >= QBD_READS_MIN) {
		kmem_cache_free(qbd_read_cache, read);
		return;
	}
	list_add(&read->link, &dev->reads_free);
	dev->n_reads_free++;
}

static void read_park(struct qbd_device *dev, struct bio *bio)
{
	lockdep_assert_held(&dev->lock);
	qbd_bio_park(&dev->parked_reads, bio);
	dev->n_parked_reads++;
	qbd_timeout_arm(dev);
}

/* The agent gets the first error, and the next when it has read that. */
static void note_error(struct qbd_device *dev, struct qbd_turn *turn,
		       const struct qbd_read *read)
{
	lockdep_assert_held(&dev->lock);
	dev->stats.replica_errors++;
	if (dev->read_error.length)
		return;
	dev->read_error.offset = (u64)read->iter.bi_sector << SECTOR_SHIFT;
	dev->read_error.length = read->iter.bi_size;
	turn->send = true;
}

/*
 * What was read after the lease, another node may have overwritten meanwhile.
 * The one who waits for it may have begun after that write was acknowledged: the
 * page cache lets many wait for one read.  So only what ends while the lease
 * holds under which it was passed down is good.
 */
static bool is_current(struct qbd_device *dev, struct qbd_turn *turn,
		       const struct qbd_read *read)
{
	lockdep_assert_held(&dev->lock);
	return qbd_gate_now(dev, turn) == QBD_GATE_ACTIVE &&
	       read->lease_round == dev->lease_round;
}

/*
 * The replica has finished, and @read is gone.  Return: true: the reader gets
 * *status; false: its bio, as it was given, waits to be read again.
 */
static bool read_over(struct qbd_read *read, blk_status_t *status)
{
	struct qbd_device *dev = read->dev;
	struct qbd_turn turn;
	bool again = false;

	qbd_compat_acct_end(dev->disk->part0, REQ_OP_READ,
			    read->iter.bi_size >> SECTOR_SHIFT, read->arrived);
	qbd_turn_begin(dev, &turn);
	qbd_range_leave(&dev->table.ranges, &read->range, &turn.freed);
	/* a NOWAIT read that would block says nothing about the disk */
	if (unlikely(*status && *status != BLK_STS_AGAIN)) {
		note_error(dev, &turn, read);
		*status = BLK_STS_IOERR;
	} else if (unlikely(!*status && !is_current(dev, &turn, read))) {
		again = !qbd_gate_is_dead(dev);
		*status = BLK_STS_IOERR;
	}
	if (unlikely(again)) {
		read_park(dev, read->bio);
		turn.read = true; /* there may be a new lease already */
	} else {
		dev->progress.reads = jiffies;
	}
	pool_return(dev, &turn, read);
	qbd_turn_end(dev, &turn);
	return !again;
}

static void clone_end_io(struct bio *clone)
{
	struct qbd_read *read = clone->bi_private;
	struct bio *bio = read->bio;
	blk_status_t status = clone->bi_status;

	bio_uninit(clone);
	if (!read_over(read, &status))
		return;
	if (status)
		bio->bi_status = status;
	bio_endio(bio);
}

/* From the volume's sectors to the replica's; replica_fits() has checked it */
static void to_data_area(const struct qbd_device *dev, struct bio *bio)
{
	bio->bi_iter.bi_sector += dev->data_offset >> SECTOR_SHIFT;
}

static void clone_down(struct qbd_read *read, blk_opf_t without)
{
	struct block_device *replica = read->dev->replica.bdev;
	blk_status_t status = BLK_STS_RESOURCE;
	struct bio *clone = &read->clone;
	struct bio *bio = read->bio;

	/* nothing in it needs memory: we take no integrity data, no keys */
	if (bio_init_clone(replica, clone, bio, GFP_NOIO)) {
		read_over(read, &status);
		bio->bi_status = status;
		bio_endio(bio);
		return;
	}
	to_data_area(read->dev, clone);
	clone->bi_opf &= ~without;
	clone->bi_end_io = clone_end_io;
	clone->bi_private = read;
	submit_bio_noacct(clone);
}

/*
 * Everything the replica's way may have changed.  A queue that has split the
 * bio has used up its __bi_remaining, one that has merged it leaves a bi_next,
 * and md drops flags of bi_opf.  The blkcg is not among this: the end of a bio
 * has released it.
 */
static void lent_put_back(struct qbd_read *read)
{
	struct bio *bio = read->bio;

	bio->bi_next = NULL;
	bio->bi_bdev = read->dev->disk->part0;
	bio->bi_opf = read->opf;
	bio->bi_flags = (read->flags & ~FLAGS_KEPT) |
			(bio->bi_flags & FLAGS_KEPT);
	bio->bi_ioprio = read->ioprio;
	atomic_set(&bio->__bi_remaining, read->remaining);
	bio->bi_iter = read->iter;
	bio->bi_end_io = read->end_io;
	bio->bi_private = read->private;
}

/* The reader gets its bio back as it gave it, and ended only once. */
static void lent_end_io(struct bio *bio)
{
	struct qbd_read *read = bio->bi_private;
	struct qbd_device *dev = read->dev;
	blk_status_t status = bio->bi_status;

	lent_put_back(read);
	if (!read_over(read, &status))
		return;
	if (bio_flagged(bio, BIO_TRACE_COMPLETION)) {
		trace_block_bio_complete(dev->disk->queue, bio);
		bio_clear_flag(bio, BIO_TRACE_COMPLETION);
	}
	bio->bi_status = status;
	if (bio->bi_end_io)
		bio->bi_end_io(bio);
}

static void lend_down(struct qbd_read *read, blk_opf_t without)
{
	struct bio *bio = read->bio;

	read->end_io = bio->bi_end_io;
	read->private = bio->bi_private;
	read->opf = bio->bi_opf;
	read->remaining = atomic_read(&bio->__bi_remaining);
	read->flags = bio->bi_flags;
	read->ioprio = bio->bi_ioprio;
	bio->bi_end_io = lent_end_io;
	bio->bi_private = read;
	to_data_area(read->dev, bio);
	bio->bi_opf &= ~without;
	bio_clear_flag(bio, BIO_TRACE_COMPLETION); /* the replica's own */
	bio_set_dev(bio, read->dev->replica.bdev);
	submit_bio_noacct(bio);
}

/* To the replica; @without: flags of bi_opf that must not go down. */
static void pass_down(struct qbd_read *read, blk_opf_t without)
{
	if (unlikely(bio_flagged(read->bio, BIO_CHAIN)))
		clone_down(read, without);
	else
		lend_down(read, without);
}

/* The gate is shut, or there is no memory: fail or park. */
static void read_wait(struct qbd_device *dev, struct qbd_turn *turn,
		      struct bio *bio)
{
	lockdep_assert_held(&dev->lock);
	if (qbd_gate_is_dead(dev)) {
		bio_list_add(&turn->bios, bio);
		return;
	}
	read_park(dev, bio);
}

/* Return: true when the caller is to pass it down; else it is held. */
static bool read_enter(struct qbd_device *dev, struct qbd_read *read,
		       struct bio *bio, unsigned long arrived)
{
	lockdep_assert_held(&dev->lock);
	read->dev = dev;
	read->bio = bio;
	read->iter = bio->bi_iter;
	read->arrived = arrived;
	read->lease_round = dev->lease_round;
	dev->stats.reads++;
	dev->stats.read_bytes += read->iter.bi_size;
	qbd_compat_acct_start(dev->disk->part0, REQ_OP_READ, bio_sectors(bio),
			      arrived);
	qbd_range_init(&read->range, (u64)read->iter.bi_sector << SECTOR_SHIFT,
		       read->iter.bi_size, true);
	if (qbd_range_enter(&dev->table.ranges, &read->range))
		return true;
	list_add_tail(&read->link, &dev->reads_held);
	dev->n_reads_waiting++;
	qbd_timeout_arm(dev);
	return false;
}

/**
 * qbd_read_submit() - a read arrives
 * @dev: the device
 * @bio: the bio; it is ours until it is ended
 *
 * Sleeps only where the replica does.
 */
void qbd_read_submit(struct qbd_device *dev, struct bio *bio)
{
	struct qbd_read *read = NULL;
	struct qbd_turn turn;
	bool goes = false;

	qbd_turn_begin(dev, &turn);
	if (qbd_gate_now(dev, &turn) == QBD_GATE_ACTIVE)
		read = pool_take(dev);
	if (read)
		goes = read_enter(dev, read, bio, jiffies);
	else
		read_wait(dev, &turn, bio);
	qbd_turn_end(dev, &turn);
	if (goes)
		pass_down(read, 0);
}

/**
 * qbd_read_freed() - no overlapping write is before a held read any more
 * @dev: the device, locked
 * @range: the read's
 */
void qbd_read_freed(struct qbd_device *dev, struct qbd_range *range)
{
	struct qbd_read *read = container_of(range, struct qbd_read, range);

	lockdep_assert_held(&dev->lock);
	list_move_tail(&read->link, &dev->reads_ready);
}

static struct qbd_read *next_ready(struct qbd_device *dev)
{
	struct qbd_read *read = NULL;
	struct qbd_turn turn;

	qbd_turn_begin(dev, &turn);
	if (qbd_gate_now(dev, &turn) == QBD_GATE_ACTIVE) {
		read = list_first_entry_or_null(&dev->reads_ready,
						struct qbd_read, link);
		if (read) {
			list_del(&read->link);
			dev->n_reads_waiting--;
			read->lease_round = dev->lease_round;
		}
	}
	qbd_turn_end(dev, &turn);
	return read;
}

/* Return: whether there was one; *goes is set when it is to be passed down. */
static bool next_parked(struct qbd_device *dev, struct qbd_read **goes)
{
	struct qbd_read *read = NULL;
	unsigned long arrived;
	struct qbd_turn turn;
	struct bio *bio;

	*goes = NULL;
	qbd_turn_begin(dev, &turn);
	if (!bio_list_empty(&dev->parked_reads) &&
	    qbd_gate_now(dev, &turn) == QBD_GATE_ACTIVE)
		read = pool_take(dev);
	if (read) {
		bio = bio_list_peek(&dev->parked_reads);
		arrived = qbd_bio_arrived(bio);
		qbd_bio_unpark(&dev->parked_reads);
		dev->n_parked_reads--;
		if (read_enter(dev, read, bio, arrived))
			*goes = read;
	}
	qbd_turn_end(dev, &turn);
	return read != NULL;
}

/**
 * qbd_read_work() - pass down what had to wait
 * @work: &qbd_device.read_work
 *
 * Its own work, since the replica may make it wait for a long time.  It may
 * wait even for a NOWAIT reader: the submitter has returned already.
 */
void qbd_read_work(struct work_struct *work)
{
	struct qbd_device *dev =
		container_of(work, struct qbd_device, read_work);
	struct qbd_read *read;

	while ((read = next_ready(dev)))
		pass_down(read, REQ_NOWAIT);
	while (next_parked(dev, &read))
		if (read)
			pass_down(read, REQ_NOWAIT);
}

static void fail_list(struct qbd_device *dev, struct qbd_turn *turn,
		      struct list_head *list)
{
	struct qbd_read *read, *next;

	list_for_each_entry_safe(read, next, list, link) {
		list_del(&read->link);
		qbd_range_leave(&dev->table.ranges, &read->range, &turn->freed);
		qbd_compat_acct_end(dev->disk->part0, REQ_OP_READ,
				    read->iter.bi_size >> SECTOR_SHIFT,
				    read->arrived);
		bio_list_add(&turn->bios, read->bio);
		dev->stats.failed++;
		dev->n_reads_waiting--;
		pool_return(dev, turn, read);
	}
}

/**
 * qbd_read_fail_all() - end all reads that wait with EIO
 * @dev: the device, locked
 * @turn: the critical section
 *
 * Those in flight at the replica end when the replica ends them: with EIO where
 * the gate is fenced or removed by then.
 */
void qbd_read_fail_all(struct qbd_device *dev, struct qbd_turn *turn)
{
	lockdep_assert_held(&dev->lock);
	bio_list_merge(&turn->bios, &dev->parked_reads);
	bio_list_init(&dev->parked_reads);
	dev->n_parked_reads = 0;
	fail_list(dev, turn, &dev->reads_held);
	fail_list(dev, turn, &dev->reads_ready);
}
