/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: bios that wait as they are, in lists linked by their own bi_next
 *
 * bi_cookie holds the time of arrival meanwhile.  The block layer uses it for
 * polled bios only, and sends none to a bio-based disk without ->poll_bio.  But
 * the submitter may still call bio_poll(), which trusts the cookie once bi_bdev
 * is the replica.  So the cookie is cleared when the wait ends.
 */
#ifndef QBD_PARKED_H
#define QBD_PARKED_H

#include <linux/bio.h>
#include <linux/jiffies.h>

static inline void qbd_bio_park(struct bio_list *list, struct bio *bio)
{
	bio->bi_cookie = (u32)jiffies;
	bio_list_add(list, bio);
}

static inline unsigned long qbd_bio_arrived(const struct bio *bio)
{
	return jiffies - (u32)((u32)jiffies - bio->bi_cookie);
}

/* The one that has waited longest, or NULL; it waits no more. */
static inline struct bio *qbd_bio_unpark(struct bio_list *list)
{
	struct bio *bio = bio_list_pop(list);

	if (bio)
		bio->bi_cookie = BLK_QC_T_NONE;
	return bio;
}

#endif /* QBD_PARKED_H */
