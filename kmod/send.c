// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: sending requests to the agent
 *
 * There is one sender per device at a time.  If another context is already
 * sending, the request stays in the table and that sender picks it up.  So tags
 * are sent in order without a lock around the building of messages, and what
 * accumulates meanwhile goes into one message.  Any context with something to
 * send may become the sender, for a bounded number of messages: the submitter,
 * the agent that has just returned credit, the work.
 *
 * A request in the message that is being built is marked busy.  If it is
 * finished meanwhile, its completion is left to the sender, which still reads
 * its pages.
 */
#include <linux/highmem.h>
#include <linux/skbuff.h>
#include <net/genetlink.h>

#include "device.h"
#include "gate.h"
#include "netlink.h"
#include "send.h"
#include "trace.h"
#include "turn.h"
#include "write.h"

#define RETRY_MS 5 /* after no memory, or a full socket */
#define SEND_GFP (GFP_ATOMIC | __GFP_NOWARN)

/**
 * qbd_send_retry() - try again in a moment
 * @dev: the device, locked
 */
void qbd_send_retry(struct qbd_device *dev)
{
	lockdep_assert_held(&dev->lock);
	if (!dev->removed)
		queue_delayed_work(qbd_workqueue, &dev->send_work,
				   msecs_to_jiffies(RETRY_MS));
}

/* What a message will weigh, rounded up */
static u32 weight(unsigned int requests, unsigned int frags)
{
	u32 head = NLMSG_HDRLEN + GENL_HDRLEN + 64 +
		   requests * sizeof(struct qbd_req);

	return SKB_TRUESIZE(roundup_pow_of_two(head + NET_SKB_PAD)) +
	       frags * PAGE_SIZE;
}

/* Fill dev->batch.  Return: how many requests, 0 when nothing can go now. */
static unsigned int pick(struct qbd_device *dev, struct qbd_turn *turn)
{
	unsigned int n = 0, frags = 0;
	struct qbd_request *req;
	struct qbd_write *write;
	bool gate_open;
	u32 bytes = 0;

	lockdep_assert_held(&dev->lock);
	if (!list_empty(&turn->freed))
		qbd_turn_pass_on(dev, turn);
	turn->send = false; /* this is it */
	qbd_write_take(dev, turn);
	if (!qbd_table_peek(&dev->table, true))
		return 0;
	gate_open = qbd_gate_now(dev, turn) == QBD_GATE_ACTIVE;
	while (n < QBD_MSG_REQS_MAX &&
	       (req = qbd_table_peek(&dev->table, gate_open))) {
		write = qbd_write_of(req);
		frags += write->bio ? write->frags : 0;
		bytes += req->wire.data_bytes;
		if (n && (frags > QBD_FRAGS_MAX || bytes > QBD_REQ_DATA_MAX))
			break;
		if (!qbd_session_has_room(dev, weight(n + 1, frags)))
			break;
		qbd_table_take(&dev->table, req);
		set_bit(QBD_REQUEST_BUSY, &req->bits);
		dev->batch[n++] = write;
	}
	return n;
}

static int add_copy(struct sk_buff *skb, struct bio *bio, struct bvec_iter from,
		    u32 bytes)
{
	struct page *page = alloc_page(SEND_GFP);
	struct bvec_iter it;
	struct bio_vec bv;
	u32 at = 0;

	if (!page)
		return -ENOMEM;
	__bio_for_each_segment(bv, bio, it, from) {
		char *to = kmap_local_page(page);

		memcpy_from_page(to + at, bv.bv_page, bv.bv_offset, bv.bv_len);
		kunmap_local(to);
		at += bv.bv_len;
	}
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 0, bytes,
			PAGE_SIZE);
	return 0;
}

/* The bio's own pages are attached, but for those that take no references. */
static int add_payload(struct sk_buff *skb, const struct qbd_write *write)
{
	u32 bytes = write->req.wire.data_bytes;
	struct bvec_iter from = write->iter;
	struct bvec_iter it, one;
	struct bio_vec bv;
	int err;

	from.bi_size = bytes;
	if (write->copy)
		return add_copy(skb, write->bio, from, bytes);
	__bio_for_each_segment(bv, write->bio, it, from) {
		if (likely(qbd_compat_page_ok(bv.bv_page))) {
			get_page(bv.bv_page);
			skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags,
					bv.bv_page, bv.bv_offset, bv.bv_len,
					PAGE_SIZE);
			continue;
		}
		one = it;
		one.bi_size = bv.bv_len;
		err = add_copy(skb, write->bio, one, bv.bv_len);
		if (err)
			return err;
	}
	return 0;
}

/* A message with room for @n descriptors, which the caller fills in */
static struct sk_buff *message_new(struct qbd_device *dev, u8 cmd,
				   u32 generation, unsigned int n,
				   struct qbd_req **wire)
{
	u32 bytes = n * sizeof(struct qbd_req);
	struct sk_buff *skb;
	struct nlattr *attr;
	void *header;

	skb = genlmsg_new(2 * nla_total_size(sizeof(u32)) +
				  nla_total_size(bytes),
			  SEND_GFP);
	if (!skb)
		return NULL;
	header = genlmsg_put(skb, 0, 0, &qbd_family, 0, cmd);
	if (!header || nla_put_u32(skb, QBD_A_MINOR, dev->minor) ||
	    nla_put_u32(skb, QBD_A_GENERATION, generation))
		goto bad;
	attr = nla_reserve(skb, QBD_A_REQS, bytes);
	if (!attr)
		goto bad;
	*wire = nla_data(attr);
	genlmsg_end(skb, header);
	return skb;
bad:
	WARN_ON_ONCE(1);
	kfree_skb(skb);
	return NULL;
}

static struct sk_buff *build(struct qbd_device *dev, unsigned int n,
			     u32 generation)
{
	struct qbd_req *wire;
	struct sk_buff *skb;
	unsigned int i;

	skb = message_new(dev, QBD_CMD_IO_REQ, generation, n, &wire);
	if (!skb)
		return NULL;
	for (i = 0; i < n; i++) {
		struct qbd_write *write = dev->batch[i];

		/* attributes are aligned to 4 bytes only */
		memcpy(&wire[i], &write->req.wire, sizeof(*wire));
		if (write->req.wire.data_bytes && add_payload(skb, write)) {
			kfree_skb(skb);
			return NULL;
		}
	}
	/* the payload follows the last attribute, in none: u16 is too short */
	nlmsg_hdr(skb)->nlmsg_len = skb->len;
	return skb;
}

/* One of the batch: sent or not, it must not be looked at any more. */
static void settle_one(struct qbd_device *dev, struct qbd_turn *turn,
		       struct qbd_request *req, u32 generation, int err)
{
	lockdep_assert_held(&dev->lock);
	clear_bit(QBD_REQUEST_BUSY, &req->bits);
	trace_qbd_request_send(dev->minor, &req->wire, err);
	if (!err) {
		if (req->wire.flags & QBD_REQ_F_RESENT)
			dev->stats.resent++;
		qbd_table_sent(req, generation);
	}
	if (!test_bit(QBD_REQUEST_FINISHED, &req->bits))
		return;
	if (!req->sent && req->state == QBD_REQUEST_HOLD) {
		/* no agent has ever seen it: nothing to wait for */
		qbd_table_unhold(&dev->table, req, &turn->freed);
		list_add_tail(&req->link, &turn->dropped);
	}
	list_add_tail(&req->ending, &turn->ended);
}

/*
 * Put the message on the agent's socket.  Return: whether to go on; what was
 * not sent is the first to be picked next time.
 */
static bool settle(struct qbd_device *dev, struct qbd_turn *turn,
		   struct sk_buff **skb, unsigned int n, u32 generation)
{
	struct qbd_session *session = &dev->session;
	bool mine = session->sk && session->generation == generation;
	u64 first = dev->batch[0]->req.wire.tag;
	u64 last = dev->batch[n - 1]->req.wire.tag;
	int err = mine ? -ENOMEM : -ESTALE;
	unsigned int i;
	u32 bytes;

	lockdep_assert_held(&dev->lock);
	if (mine && *skb) {
		bytes = (*skb)->truesize;
		err = qbd_session_deliver(dev, *skb);
		if (!err) {
			qbd_session_charge(dev, last, bytes);
			*skb = NULL;
		}
	}
	for (i = 0; i < n; i++)
		settle_one(dev, turn, &dev->batch[i]->req, generation, err);
	if (err && mine) {
		dev->stats.requeued++;
		qbd_table_rewind(&dev->table, first);
		qbd_send_retry(dev);
	}
	return !err || !mine;
}

/* Tell the agent that its disk has failed a read. */
static void send_read_error(struct qbd_device *dev)
{
	struct qbd_req *wire, report = dev->read_error;
	struct sk_buff *skb;
	u32 bytes;

	lockdep_assert_held(&dev->lock);
	if (!report.length || !qbd_session_has_room(dev, weight(1, 0)))
		return;
	report.op = QBD_OP_READ_ERROR;
	report.epoch = dev->opening.epoch;
	report.tag = dev->table.next_tag;
	skb = message_new(dev, QBD_CMD_REPLICA_ERROR, dev->session.generation,
			  1, &wire);
	if (!skb) {
		qbd_send_retry(dev);
		return;
	}
	memcpy(wire, &report, sizeof(report));
	bytes = skb->truesize;
	if (qbd_session_deliver(dev, skb)) {
		kfree_skb(skb);
		qbd_send_retry(dev);
		return;
	}
	dev->table.next_tag++;
	qbd_session_charge(dev, report.tag, bytes);
	dev->read_error.length = 0;
}

/**
 * qbd_send_run() - send what can be sent
 * @dev: the device, locked; unlocked meanwhile, and locked again at the end
 * @turn: the critical section; what it has collected is done when it unlocks
 * @messages: at most so many; the work goes on where they end
 *
 * Never sleeps.  Not for interrupts: those leave it to the work.
 */
void qbd_send_run(struct qbd_device *dev, struct qbd_turn *turn,
		  unsigned int messages) __must_hold(&dev->lock)
{
	struct sk_buff *skb;
	bool go_on = true;
	unsigned int n;
	u32 generation;

	lockdep_assert_held(&dev->lock);
	if (dev->sending || !dev->session.sk) {
		/* the current sender takes it along; a new agent is sent all */
		qbd_turn_pass_on(dev, turn);
		turn->send = false;
		return;
	}
	dev->sending = true;
	send_read_error(dev);
	while (go_on && dev->session.sk && (n = pick(dev, turn))) {
		generation = dev->session.generation;
		qbd_turn_end(dev, turn);
		skb = build(dev, n, generation);
		qbd_turn_begin(dev, turn);
		go_on = settle(dev, turn, &skb, n, generation);
		if (skb) {
			qbd_turn_end(dev, turn);
			kfree_skb(skb);
			qbd_turn_begin(dev, turn);
		}
		if (go_on && !--messages) {
			turn->send = true;
			go_on = false;
		}
	}
	dev->sending = false;
}

/**
 * qbd_send_work() - send what could not be sent at once
 * @work: &qbd_device.send_work
 */
void qbd_send_work(struct work_struct *work)
{
	struct qbd_device *dev =
		container_of(work, struct qbd_device, send_work.work);
	struct qbd_turn turn;

	qbd_turn_begin(dev, &turn);
	qbd_send_run(dev, &turn, 64);
	qbd_turn_end(dev, &turn);
}
