/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: reads, from the local replica
 */
#ifndef QBD_READ_H
#define QBD_READ_H

#include <linux/bio.h>

#include "range.h"

struct qbd_device;
struct qbd_turn;
struct work_struct;

#define QBD_READS_MIN 128 /* reads that need no memory */

/**
 * struct qbd_read - a read on its way to the replica, or held
 * @range: what it covers
 * @link: in held, ready or free
 * @dev: the device
 * @bio: the reader's
 * @iter: of @bio as it came
 * @arrived: jiffies
 * @lease_round: &qbd_device.lease_round when it was passed down
 * @end_io: of @bio while the replica has it, like all up to @ioprio
 * @private: of @bio
 * @opf: of @bio
 * @remaining: of @bio
 * @flags: of @bio
 * @ioprio: of @bio
 * @clone: what the replica has instead of a @bio that cannot be lent
 */
struct qbd_read {
	struct qbd_range range;
	struct list_head link;
	struct qbd_device *dev;
	struct bio *bio;
	struct bvec_iter iter;
	unsigned long arrived;
	u32 lease_round;
	bio_end_io_t *end_io;
	void *private;
	blk_opf_t opf;
	int remaining;
	unsigned short flags;
	unsigned short ioprio;
	struct bio clone;
};

void qbd_read_submit(struct qbd_device *dev, struct bio *bio);
void qbd_read_work(struct work_struct *work);
void qbd_read_freed(struct qbd_device *dev, struct qbd_range *range);
void qbd_read_fail_all(struct qbd_device *dev, struct qbd_turn *turn);
int qbd_read_pool_fill(struct qbd_device *dev);
void qbd_read_pool_empty(struct qbd_device *dev);

#endif /* QBD_READ_H */
