/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: bios that wait as they are, in lists linked by themselves
 */
#ifndef QBD_PARKED_H
#define QBD_PARKED_H

#include <linux/bio.h>
#include <linux/jiffies.h>

/*
 * When a parked bio arrived.  The block layer uses bi_cookie of polled bios
 * only, and a bio-based disk without ->poll_bio is given none.
 */
static inline void qbd_bio_stamp(struct bio *bio)
{
	bio->bi_cookie = (u32)jiffies;
}

static inline unsigned long qbd_bio_arrived(const struct bio *bio)
{
	return jiffies - (u32)((u32)jiffies - bio->bi_cookie);
}

#endif /* QBD_PARKED_H */
