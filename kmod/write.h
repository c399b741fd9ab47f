/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: writes, from bios to requests and back
 */
#ifndef QBD_WRITE_H
#define QBD_WRITE_H

#include <linux/bio.h>
#include <linux/skbuff.h>

#include "table.h"

struct qbd_device;
struct qbd_turn;

#define QBD_WRITES_MIN 256 /* requests that need no memory */
#define QBD_FRAGS_MAX (MAX_SKB_FRAGS < 17 ? MAX_SKB_FRAGS : 17)

/**
 * struct qbd_write - a request and the piece of a bio it carries
 * @req: what the table sees
 * @bio: whose piece; NULL for opens and closes
 * @iter: which piece
 * @arrived: jiffies
 * @frags: skb fragments the payload needs
 * @copy: the payload is in too small bits for fragments: copy it
 */
struct qbd_write {
	struct qbd_request req;
	struct bio *bio;
	struct bvec_iter iter;
	unsigned long arrived;
	u16 frags;
	bool copy;
};

void qbd_write_submit(struct qbd_device *dev, struct bio *bio);
void qbd_write_take(struct qbd_device *dev, struct qbd_turn *turn);
void qbd_write_finish(struct qbd_device *dev, struct qbd_turn *turn,
		      struct qbd_request *req, int error);
void qbd_write_end(struct qbd_device *dev, struct qbd_request *req);
void qbd_write_put(struct qbd_device *dev, struct qbd_request *req);
void qbd_write_fail_all(struct qbd_device *dev, struct qbd_turn *turn,
			bool calls);

static inline struct qbd_write *qbd_write_of(struct qbd_request *req)
{
	return container_of(req, struct qbd_write, req);
}

#endif /* QBD_WRITE_H */
