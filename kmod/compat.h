/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: what differs between the kernels that it is built for
 *
 * Debian's 6.1 and 6.12, and newer ones.  Only such differences belong here,
 * and no other file looks at LINUX_VERSION_CODE.
 */
#ifndef QBD_COMPAT_H
#define QBD_COMPAT_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/version.h>

#define QBD_KERNEL_BEFORE(major, minor) \
	(LINUX_VERSION_CODE < KERNEL_VERSION(major, minor, 0))

/* What of a disk depends on the device it is made for */
struct qbd_compat_limits {
	u32 block_size;
	u32 physical_block_size;
	u32 data_max; /* bytes, of a write */
	u32 segments_max;
	u32 range_max; /* bytes, of what has no data */
	u32 dma_alignment;
	bool nowait;
};

#if QBD_KERNEL_BEFORE(6, 11)
static inline struct gendisk *
qbd_compat_disk_alloc(const struct qbd_compat_limits *want)
{
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);
	struct request_queue *q;

	if (!disk)
		return ERR_PTR(-ENOMEM);
	q = disk->queue;
	blk_queue_logical_block_size(q, want->block_size);
	blk_queue_physical_block_size(q, want->physical_block_size);
	blk_queue_io_min(q, want->physical_block_size);
	blk_queue_max_hw_sectors(q, want->data_max >> SECTOR_SHIFT);
	blk_queue_max_segments(q, want->segments_max);
	blk_queue_max_segment_size(q, PAGE_SIZE);
	blk_queue_dma_alignment(q, want->dma_alignment);
	blk_queue_max_discard_sectors(q, want->range_max >> SECTOR_SHIFT);
	blk_queue_max_write_zeroes_sectors(q, want->range_max >> SECTOR_SHIFT);
	q->limits.discard_granularity = want->block_size;
	blk_queue_write_cache(q, false, false);
	blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	blk_queue_flag_clear(QUEUE_FLAG_ADD_RANDOM, q);
	blk_queue_flag_set(QUEUE_FLAG_STABLE_WRITES, q);
	if (want->nowait)
		blk_queue_flag_set(QUEUE_FLAG_NOWAIT, q);
	return disk;
}
#else
static inline struct gendisk *
qbd_compat_disk_alloc(const struct qbd_compat_limits *want)
{
	struct queue_limits limits = {
		.features = BLK_FEAT_STABLE_WRITES | BLK_FEAT_IO_STAT,
		.logical_block_size = want->block_size,
		.physical_block_size = want->physical_block_size,
		.io_min = want->physical_block_size,
		.max_hw_sectors = want->data_max >> SECTOR_SHIFT,
		.max_segments = want->segments_max,
		.max_segment_size = PAGE_SIZE,
		.dma_alignment = want->dma_alignment,
		.max_hw_discard_sectors = want->range_max >> SECTOR_SHIFT,
		.max_write_zeroes_sectors = want->range_max >> SECTOR_SHIFT,
		.discard_granularity = want->block_size,
	};

	if (want->nowait)
		limits.features |= BLK_FEAT_NOWAIT;
	return blk_alloc_disk(&limits, NUMA_NO_NODE);
}
#endif

/* The replica, claimed for @holder and opened for reading */
struct qbd_compat_bdev {
	struct block_device *bdev;
	struct file *file; /* since 6.9 */
};

#if QBD_KERNEL_BEFORE(6, 9)
#if !QBD_KERNEL_BEFORE(6, 5)
#error "kernels 6.5 to 6.8 are not supported: use 6.1, or 6.12 and newer"
#endif
static inline int qbd_compat_bdev_open(struct qbd_compat_bdev *it,
				       const char *path, void *holder)
{
	it->bdev = blkdev_get_by_path(path, FMODE_READ | FMODE_EXCL, holder);
	return PTR_ERR_OR_ZERO(it->bdev);
}

static inline void qbd_compat_bdev_close(struct qbd_compat_bdev *it)
{
	blkdev_put(it->bdev, FMODE_READ | FMODE_EXCL);
}

#define QBD_COMPAT_OPEN(name, open)                              \
	static int name(struct block_device *bdev, fmode_t mode) \
	{                                                        \
		return open(bdev->bd_disk, mode & FMODE_WRITE,   \
			    mode & FMODE_NDELAY);                \
	}

#define QBD_COMPAT_RELEASE(name, release)                    \
	static void name(struct gendisk *disk, fmode_t mode) \
	{                                                    \
		release(disk);                               \
	}
#else
static inline int qbd_compat_bdev_open(struct qbd_compat_bdev *it,
				       const char *path, void *holder)
{
	it->file = bdev_file_open_by_path(path, BLK_OPEN_READ, holder, NULL);
	if (IS_ERR(it->file))
		return PTR_ERR(it->file);
	it->bdev = file_bdev(it->file);
	return 0;
}

static inline void qbd_compat_bdev_close(struct qbd_compat_bdev *it)
{
	bdev_fput(it->file);
}

#define QBD_COMPAT_OPEN(name, open)                            \
	static int name(struct gendisk *disk, blk_mode_t mode) \
	{                                                      \
		return open(disk, mode & BLK_OPEN_WRITE,       \
			    mode & BLK_OPEN_NDELAY);           \
	}

#define QBD_COMPAT_RELEASE(name, release)      \
	static void name(struct gendisk *disk) \
	{                                      \
		release(disk);                 \
	}
#endif

#if QBD_KERNEL_BEFORE(6, 4)
static inline void qbd_compat_acct_start(struct block_device *bdev,
					 enum req_op op, u32 sectors,
					 unsigned long start)
{
	bdev_start_io_acct(bdev, sectors, op, start);
}

static inline void qbd_compat_acct_end(struct block_device *bdev,
				       enum req_op op, u32 sectors,
				       unsigned long start)
{
	bdev_end_io_acct(bdev, op, start);
}
#else
static inline void qbd_compat_acct_start(struct block_device *bdev,
					 enum req_op op, u32 sectors,
					 unsigned long start)
{
	bdev_start_io_acct(bdev, op, start);
}

static inline void qbd_compat_acct_end(struct block_device *bdev,
				       enum req_op op, u32 sectors,
				       unsigned long start)
{
	bdev_end_io_acct(bdev, op, sectors, start);
}
#endif

/* What pre_doit gets of the command */
#if QBD_KERNEL_BEFORE(6, 2)
#define QBD_COMPAT_GENL_OPS const struct genl_ops
#else
#define QBD_COMPAT_GENL_OPS const struct genl_split_ops
#endif

#if QBD_KERNEL_BEFORE(6, 15)
static inline void
qbd_compat_hrtimer_init(struct hrtimer *timer,
			enum hrtimer_restart (*function)(struct hrtimer *))
{
	hrtimer_init(timer, CLOCK_BOOTTIME, HRTIMER_MODE_ABS);
	timer->function = function;
}

/* May an skb hold a reference on this page? */
static inline bool qbd_compat_page_ok(struct page *page)
{
	return sendpage_ok(page);
}
#else
static inline void
qbd_compat_hrtimer_init(struct hrtimer *timer,
			enum hrtimer_restart (*function)(struct hrtimer *))
{
	hrtimer_setup(timer, function, CLOCK_BOOTTIME, HRTIMER_MODE_ABS);
}

/* Pages of a large kmalloc() have no reference count any more. */
static inline bool qbd_compat_page_ok(struct page *page)
{
	return sendpage_ok(page) && !folio_test_large_kmalloc(page_folio(page));
}
#endif

#endif /* QBD_COMPAT_H */
