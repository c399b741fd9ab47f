// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: reads, from the local replica
 *
 * A read is cloned and the clone passed straight down to the replica, while
 * the gate is active and the lease has not ended.  It is held while a write
 * that came before it and overlaps it is not applied; a write that comes after
 * it is not handed over before it has ended.  Who has to wait for the gate is
 * parked as the bio it is.
 */
#include <linux/bio.h>

#include "device.h"

static struct qbd_read *read_of(struct bio *clone)
{
	return container_of(clone, struct qbd_read, clone);
}

/* The agent is told of the first error, and of the next when it has read that. */
static void note_error(struct qbd_device *dev, struct qbd_turn *turn,
		       const struct bio *bio)
{
	lockdep_assert_held(&dev->lock);
	dev->stats.replica_errors++;
	if (dev->read_error.length)
		return;
	dev->read_error.offset = (u64)bio->bi_iter.bi_sector << SECTOR_SHIFT;
	dev->read_error.length = bio->bi_iter.bi_size;
	turn->send = true;
}

static void read_end_io(struct bio *clone)
{
	struct qbd_read *read = read_of(clone);
	struct qbd_device *dev = read->dev;
	blk_status_t status = clone->bi_status;
	struct qbd_turn turn;

	qbd_turn_begin(dev, &turn);
	qbd_range_leave(&dev->table.ranges, &read->range, &turn.freed);
	/* a read that was not to block, and would, says nothing of the disk */
	if (unlikely(status && status != BLK_STS_AGAIN)) {
		note_error(dev, &turn, read->bio);
		status = BLK_STS_IOERR;
	}
	qbd_turn_end(dev, &turn);
	qbd_read_end(dev, read, status);
}

/**
 * qbd_read_end() - tell the reader
 * @dev: the device, not locked
 * @read: in no list or tree any more; gone afterwards
 * @status: how it ended
 */
void qbd_read_end(struct qbd_device *dev, struct qbd_read *read,
		  blk_status_t status)
{
	struct bio *bio = read->bio;

	qbd_compat_acct_end(dev->disk->part0, REQ_OP_READ, bio_sectors(bio),
			    read->arrived);
	bio_put(&read->clone);
	if (status)
		bio->bi_status = status;
	bio_endio(bio);
}

static struct qbd_read *read_alloc(struct qbd_device *dev, struct bio *bio,
				   unsigned long arrived, gfp_t gfp)
{
	struct bio *clone =
		bio_alloc_clone(dev->replica.bdev, bio, gfp, &dev->clones);
	struct qbd_read *read;

	if (!clone)
		return NULL;
	read = read_of(clone);
	clone->bi_end_io = read_end_io;
	read->dev = dev;
	read->bio = bio;
	read->arrived = arrived;
	INIT_LIST_HEAD(&read->link);
	qbd_range_init(&read->range,
		       (u64)bio->bi_iter.bi_sector << SECTOR_SHIFT,
		       bio->bi_iter.bi_size, true);
	return read;
}

/*
 * The gate is shut: fail or park.  The first is the oldest, so one that was
 * parked before comes back there.
 */
static void read_wait(struct qbd_device *dev, struct qbd_turn *turn,
		      struct bio *bio, unsigned long arrived, bool again)
{
	lockdep_assert_held(&dev->lock);
	if (qbd_gate_is_dead(dev)) {
		bio_list_add(&turn->bios, bio);
		return;
	}
	bio->bi_cookie = (u32)arrived;
	if (again)
		bio_list_add_head(&dev->parked_reads, bio);
	else
		bio_list_add(&dev->parked_reads, bio);
	dev->n_parked_reads++;
	qbd_timeout_arm(dev);
}

enum read_fate {
	READ_GOES, /* the caller passes it down */
	READ_HELD, /* whoever it waits for frees it */
	READ_PARKED, /* its bio waits for the gate, or has failed */
};

static enum read_fate read_enter(struct qbd_device *dev, struct qbd_turn *turn,
				 struct qbd_read *read, bool again)
{
	struct bio *bio = read->bio;

	lockdep_assert_held(&dev->lock);
	if (qbd_gate_now(dev, turn) != QBD_GATE_ACTIVE) {
		read_wait(dev, turn, bio, read->arrived, again);
		return READ_PARKED;
	}
	dev->stats.reads++;
	dev->stats.read_bytes += bio->bi_iter.bi_size;
	qbd_compat_acct_start(dev->disk->part0, REQ_OP_READ, bio_sectors(bio),
			      read->arrived);
	if (qbd_range_enter(&dev->table.ranges, &read->range))
		return READ_GOES;
	list_add_tail(&read->link, &dev->reads_held);
	dev->n_reads_waiting++;
	qbd_timeout_arm(dev);
	return READ_HELD;
}

static void read_start(struct qbd_device *dev, struct qbd_read *read,
		       bool again)
{
	enum read_fate fate;
	struct qbd_turn turn;

	qbd_turn_begin(dev, &turn);
	fate = read_enter(dev, &turn, read, again);
	qbd_turn_end(dev, &turn);
	if (fate == READ_GOES)
		submit_bio_noacct(&read->clone);
	else if (fate == READ_PARKED)
		bio_put(&read->clone);
}

/**
 * qbd_read_submit() - a read arrives
 * @dev: the device
 * @bio: the bio; it is ours until it is ended
 *
 * Waits for memory at most, which other reads return.
 */
void qbd_read_submit(struct qbd_device *dev, struct bio *bio)
{
	bool nowait = bio->bi_opf & REQ_NOWAIT;
	struct qbd_turn turn;
	struct qbd_read *read;

	if (READ_ONCE(dev->gate) != QBD_GATE_ACTIVE) {
		qbd_turn_begin(dev, &turn);
		if (dev->gate != QBD_GATE_ACTIVE) {
			read_wait(dev, &turn, bio, jiffies, false);
			qbd_turn_end(dev, &turn);
			return;
		}
		qbd_turn_end(dev, &turn);
	}
	read = read_alloc(dev, bio, jiffies, nowait ? GFP_NOWAIT : GFP_NOIO);
	if (read)
		read_start(dev, read, false);
	else
		bio_wouldblock_error(bio);
}

/**
 * qbd_read_freed() - nothing is in front of a held read any more
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
			list_del_init(&read->link);
			dev->n_reads_waiting--;
		}
	}
	qbd_turn_end(dev, &turn);
	return read;
}

static struct bio *next_parked(struct qbd_device *dev)
{
	struct bio *bio = NULL;
	struct qbd_turn turn;

	qbd_turn_begin(dev, &turn);
	if (qbd_gate_now(dev, &turn) == QBD_GATE_ACTIVE)
		bio = bio_list_pop(&dev->parked_reads);
	if (bio)
		dev->n_parked_reads--;
	qbd_turn_end(dev, &turn);
	return bio;
}

/**
 * qbd_read_work() - pass down what had to wait
 * @work: &qbd_device.read_work
 *
 * Its own work, since the replica may let it wait for a long time.
 */
void qbd_read_work(struct work_struct *work)
{
	struct qbd_device *dev =
		container_of(work, struct qbd_device, read_work);
	struct qbd_read *read;
	struct bio *bio;

	while ((read = next_ready(dev))) {
		read->clone.bi_opf &= ~REQ_NOWAIT;
		submit_bio_noacct(&read->clone);
	}
	while ((bio = next_parked(dev))) {
		read = read_alloc(dev, bio, qbd_bio_arrived(bio), GFP_NOIO);
		read->clone.bi_opf &= ~REQ_NOWAIT;
		read_start(dev, read, true);
	}
}

static void fail_list(struct qbd_device *dev, struct qbd_turn *turn,
		      struct list_head *list)
{
	struct qbd_read *read;

	list_for_each_entry(read, list, link) {
		qbd_range_leave(&dev->table.ranges, &read->range, &turn->freed);
		dev->stats.failed++;
		dev->n_reads_waiting--;
	}
	list_splice_tail_init(list, &turn->reads);
}

/**
 * qbd_read_fail_all() - end all reads that wait with EIO
 * @dev: the device, locked
 * @turn: the turn
 *
 * Those in flight at the replica end when the replica ends them.
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
