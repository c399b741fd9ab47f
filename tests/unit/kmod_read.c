/* build: -Itests/fuzz/kshim -Itests/unit/kshim -Ikmod kmod/read.c kmod/range.c */
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kmod/read.c: the replica is lent the reader's own bio, moved to where the data
 * area begins, and whatever its queue does to that, the reader gets it back as he
 * gave it.
 */
#include "kernel.h"

#include "device.h"
#include "gate.h"
#include "parked.h"
#include "read.h"
#include "tap.h"
#include "timeout.h"
#include "turn.h"

#define K 1024U
#define GIVEN_OPF (REQ_OP_READ | REQ_NOWAIT | REQ_NOMERGE)
#define GIVEN_FLAGS BIT(BIO_TRACE_COMPLETION)
#define GIVEN_IOPRIO 5
#define GIVEN_SECTOR 80
#define DATA_OFFSET (1024 * K)

struct block_device {
	int id;
};

static struct block_device part0 = { 1 }, replica = { 2 };
static struct gendisk disk = { .part0 = &part0 };
static struct kmem_cache read_cache = { sizeof(struct qbd_read) };
static struct qbd_device dev;
static struct bio bio; /* the reader's */
static struct bio *below; /* what the replica has */
static struct bio at_end; /* the reader's, at its end */
static unsigned int ends, traced;
static bool work; /* the read work is to run */
static int private;

struct kmem_cache *qbd_read_cache = &read_cache;
struct workqueue_struct *qbd_workqueue;
struct task *current;
u64 kshim_now_ns;

/* The replica's queue: as the block layer does it, and no more */
void bio_set_dev(struct bio *it, struct block_device *bdev)
{
	bio_clear_flag(it, BIO_REMAPPED);
	it->bi_bdev = bdev;
}

void submit_bio_noacct(struct bio *it)
{
	below = it;
	bio_set_flag(it, BIO_TRACE_COMPLETION);
}

int bio_init_clone(struct block_device *bdev, struct bio *clone,
		   struct bio *from, gfp_t gfp)
{
	memset(clone, 0, sizeof(*clone));
	clone->bi_opf = from->bi_opf;
	clone->bi_iter = from->bi_iter;
	clone->bi_bdev = bdev;
	atomic_set(&clone->__bi_remaining, 1);
	return 0;
}

void bio_uninit(struct bio *it)
{
}

void bio_endio(struct bio *it)
{
	if (bio_flagged(it, BIO_CHAIN) && --it->__bi_remaining.counter)
		return;
	bio_clear_flag(it, BIO_CHAIN);
	bio_clear_flag(it, BIO_TRACE_COMPLETION);
	it->bi_end_io(it);
}

void trace_block_bio_complete(struct request_queue *queue, struct bio *it)
{
	traced++;
}

/* The rest of the module */
void qbd_turn_leave(struct qbd_device *it, struct qbd_turn *turn)
{
	struct qbd_range *range, *next;

	list_for_each_entry_safe(range, next, &turn->freed, freed) {
		list_del_init(&range->freed);
		if (range->read)
			qbd_read_freed(it, range);
	}
	work |= turn->read;
	spin_unlock_irqrestore(&it->lock, turn->flags);
}

enum qbd_gate qbd_gate_now(struct qbd_device *it, struct qbd_turn *turn)
{
	return it->gate;
}

void qbd_timeout_arm(struct qbd_device *it)
{
}

static void reader_end_io(struct bio *it)
{
	ends++;
	at_end = *it;
}

static void start(enum qbd_gate gate)
{
	memset(&dev, 0, sizeof(dev));
	dev.disk = &disk;
	dev.replica.bdev = &replica;
	dev.data_offset = DATA_OFFSET;
	dev.gate = gate;
	qbd_ranges_init(&dev.table.ranges);
	INIT_LIST_HEAD(&dev.reads_free);
	INIT_LIST_HEAD(&dev.reads_held);
	INIT_LIST_HEAD(&dev.reads_ready);
	below = NULL;
	ends = 0;
	traced = 0;
	work = false;
	kshim_now_ns = 5000000000;
	bio = (struct bio){
		.bi_bdev = &part0,
		.bi_opf = GIVEN_OPF,
		.bi_flags = GIVEN_FLAGS,
		.bi_ioprio = GIVEN_IOPRIO,
		.__bi_remaining = { 1 },
		.bi_iter = { .bi_sector = GIVEN_SECTOR, .bi_size = 64 * K },
		.bi_cookie = BLK_QC_T_NONE,
		.bi_end_io = reader_end_io,
		.bi_private = &private,
	};
}

/* The replica is a partition of a disk that splits, merges, and has its own */
static void replica_ends(blk_status_t status)
{
	static struct bio neighbour;
	struct bio *it = below;

	below = NULL;
	it->bi_iter.bi_sector += 2048;
	bio_set_flag(it, BIO_REMAPPED);
	it->bi_opf &= ~REQ_NOMERGE;
	it->bi_ioprio = 7;
	bio_set_flag(it, BIO_CHAIN); /* two pieces */
	bio_inc_remaining(it);
	bio_endio(it);
	it->bi_iter.bi_sector += it->bi_iter.bi_size >> SECTOR_SHIFT;
	it->bi_iter.bi_size = 0;
	it->bi_next = &neighbour;
	it->bi_status = status;
	bio_endio(it);
}

static void check_given_back(void)
{
	tap_need(ends == 1);
	tap_check(!at_end.bi_next);
	tap_check(at_end.bi_bdev == &part0);
	tap_check_eq(at_end.bi_opf, GIVEN_OPF);
	tap_check_eq(at_end.bi_flags, 0); /* traced, as bio_endio() does it */
	tap_check_eq(at_end.bi_ioprio, GIVEN_IOPRIO);
	tap_check_eq(atomic_read(&at_end.__bi_remaining), 1);
	tap_check_eq(at_end.bi_iter.bi_sector, GIVEN_SECTOR);
	tap_check_eq(at_end.bi_iter.bi_size, 64 * K);
	tap_check_eq(at_end.bi_cookie, BLK_QC_T_NONE);
	tap_check(at_end.bi_end_io == reader_end_io);
	tap_check(at_end.bi_private == &private);
	tap_check_eq(traced, 1);
}

static void stop(void)
{
	tap_check(!dev.lock.held);
	qbd_read_pool_empty(&dev);
}

static void lent_bio_comes_back_as_it_was_given(void)
{
	start(QBD_GATE_ACTIVE);
	qbd_read_submit(&dev, &bio);
	tap_need(below == &bio);
	tap_check(bio.bi_bdev == &replica);
	tap_check_eq(bio.bi_iter.bi_sector,
		     GIVEN_SECTOR + (DATA_OFFSET >> SECTOR_SHIFT));
	tap_check_eq(bio.bi_iter.bi_size, 64 * K);
	tap_check(bio.bi_opf & REQ_NOWAIT); /* it must not wait here */
	replica_ends(0);
	check_given_back();
	tap_check_eq(at_end.bi_status, 0);
	stop();
}

static void data_may_begin_at_the_replicas_first_byte(void)
{
	start(QBD_GATE_ACTIVE);
	dev.data_offset = 0;
	qbd_read_submit(&dev, &bio);
	tap_need(below == &bio);
	tap_check_eq(bio.bi_iter.bi_sector, GIVEN_SECTOR);
	replica_ends(0);
	check_given_back();
	stop();
}

static void parked_read_may_wait_below_and_comes_back_with_nowait(void)
{
	start(QBD_GATE_SUSPENDED);
	qbd_read_submit(&dev, &bio);
	tap_need(!below && dev.n_parked_reads == 1);
	dev.gate = QBD_GATE_ACTIVE;
	qbd_read_work(&dev.read_work);
	tap_need(below == &bio);
	tap_check(!(bio.bi_opf & REQ_NOWAIT));
	replica_ends(0);
	check_given_back();
	stop();
}

static void cookie_of_a_parked_read_is_gone_before_the_replica_has_it(void)
{
	start(QBD_GATE_SUSPENDED);
	qbd_read_submit(&dev, &bio);
	kshim_now_ns += 3000000000;
	tap_check_eq(qbd_bio_arrived(&bio), 5000);
	dev.gate = QBD_GATE_ACTIVE;
	qbd_read_work(&dev.read_work);
	tap_need(below == &bio);
	tap_check_eq(bio.bi_cookie, BLK_QC_T_NONE);
	replica_ends(0);
	stop();
}

/* As qbd_gate_update() does it */
static void gate_becomes(enum qbd_gate gate)
{
	if (dev.gate == QBD_GATE_ACTIVE)
		dev.lease_round++;
	dev.gate = gate;
}

static void read_that_ends_after_the_lease_is_read_again(void)
{
	start(QBD_GATE_ACTIVE);
	qbd_read_submit(&dev, &bio);
	tap_need(below == &bio);
	gate_becomes(QBD_GATE_SUSPENDED);
	replica_ends(0);
	tap_check_eq(ends, 0);
	tap_check_eq(traced, 0);
	tap_need(!below && dev.n_parked_reads == 1);
	tap_check(bio.bi_bdev == &part0);
	tap_check_eq(bio.bi_iter.bi_sector, GIVEN_SECTOR);
	tap_check_eq(bio.bi_opf, GIVEN_OPF);
	tap_check_eq(qbd_bio_arrived(&bio), 5000);
	gate_becomes(QBD_GATE_ACTIVE);
	qbd_read_work(&dev.read_work);
	tap_need(below == &bio);
	tap_check_eq(bio.bi_iter.bi_sector,
		     GIVEN_SECTOR + (DATA_OFFSET >> SECTOR_SHIFT));
	replica_ends(0);
	check_given_back();
	tap_check_eq(at_end.bi_status, 0);
	stop();
}

/* Another node may have written meanwhile. */
static void new_lease_does_not_make_an_old_read_good(void)
{
	start(QBD_GATE_ACTIVE);
	qbd_read_submit(&dev, &bio);
	tap_need(below == &bio);
	gate_becomes(QBD_GATE_SUSPENDED);
	gate_becomes(QBD_GATE_ACTIVE);
	replica_ends(0);
	tap_need(ends == 0 && dev.n_parked_reads == 1);
	tap_check(work); /* nothing else would begin it */
	qbd_read_work(&dev.read_work);
	tap_need(below == &bio);
	replica_ends(0);
	check_given_back();
	stop();
}

static void read_that_ends_after_a_fence_fails(void)
{
	start(QBD_GATE_ACTIVE);
	qbd_read_submit(&dev, &bio);
	tap_need(below == &bio);
	gate_becomes(QBD_GATE_FENCED);
	replica_ends(0);
	check_given_back();
	tap_check_eq(at_end.bi_status, BLK_STS_IOERR);
	tap_check_eq(dev.n_parked_reads, 0);
	/* not the disk's fault */
	tap_check_eq(dev.stats.replica_errors, 0);
	stop();
}

static void disks_error_counts_after_the_lease_too(void)
{
	start(QBD_GATE_ACTIVE);
	qbd_read_submit(&dev, &bio);
	tap_need(below == &bio);
	gate_becomes(QBD_GATE_SUSPENDED);
	replica_ends(BLK_STS_RESOURCE);
	tap_need(ends == 1);
	tap_check_eq(at_end.bi_status, BLK_STS_IOERR);
	tap_check_eq(dev.stats.replica_errors, 1);
	stop();
}

static void cloned_read_that_ends_after_the_lease_is_read_again(void)
{
	start(QBD_GATE_ACTIVE);
	bio_set_flag(&bio, BIO_CHAIN);
	bio_inc_remaining(&bio);
	qbd_read_submit(&dev, &bio);
	tap_need(below && below != &bio);
	gate_becomes(QBD_GATE_SUSPENDED);
	replica_ends(0);
	tap_need(dev.n_parked_reads == 1);
	bio_endio(&bio); /* the other */
	tap_check_eq(ends, 0);
	gate_becomes(QBD_GATE_ACTIVE);
	qbd_read_work(&dev.read_work);
	tap_need(below != NULL);
	replica_ends(0);
	tap_check_eq(ends, 1);
	stop();
}

static void what_the_replica_says_of_an_error_is_kept(void)
{
	start(QBD_GATE_ACTIVE);
	qbd_read_submit(&dev, &bio);
	tap_need(below == &bio);
	bio_set_flag(&bio, BIO_QUIET);
	replica_ends(BLK_STS_RESOURCE);
	tap_need(ends == 1);
	tap_check_eq(at_end.bi_flags, BIT(BIO_QUIET));
	tap_check_eq(at_end.bi_status, BLK_STS_IOERR);
	/* of the volume, not of the replica */
	tap_check_eq(dev.read_error.offset, GIVEN_SECTOR << SECTOR_SHIFT);
	tap_check_eq(dev.read_error.length, 64 * K);
	stop();
}

static void bio_that_others_hang_on_is_cloned_and_not_touched(void)
{
	struct bio given;

	start(QBD_GATE_SUSPENDED);
	bio_set_flag(&bio, BIO_CHAIN);
	bio_inc_remaining(&bio);
	given = bio;
	qbd_read_submit(&dev, &bio);
	dev.gate = QBD_GATE_ACTIVE;
	qbd_read_work(&dev.read_work);
	tap_need(below && below != &bio);
	tap_check_eq(below->bi_iter.bi_sector,
		     GIVEN_SECTOR + (DATA_OFFSET >> SECTOR_SHIFT));
	tap_check(!(below->bi_opf & REQ_NOWAIT));
	tap_check(!memcmp(&bio, &given, sizeof(bio)));
	replica_ends(0);
	tap_check_eq(ends, 0);
	bio_endio(&bio); /* the other */
	tap_check_eq(ends, 1);
	stop();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(lent_bio_comes_back_as_it_was_given),
		TAP_TEST(data_may_begin_at_the_replicas_first_byte),
		TAP_TEST(parked_read_may_wait_below_and_comes_back_with_nowait),
		TAP_TEST(
			cookie_of_a_parked_read_is_gone_before_the_replica_has_it),
		TAP_TEST(read_that_ends_after_the_lease_is_read_again),
		TAP_TEST(new_lease_does_not_make_an_old_read_good),
		TAP_TEST(read_that_ends_after_a_fence_fails),
		TAP_TEST(disks_error_counts_after_the_lease_too),
		TAP_TEST(cloned_read_that_ends_after_the_lease_is_read_again),
		TAP_TEST(what_the_replica_says_of_an_error_is_kept),
		TAP_TEST(bio_that_others_hang_on_is_cloned_and_not_touched),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
