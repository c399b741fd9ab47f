// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: open counts, and the grant under which the device is open
 *
 * The first open for writing asks the agent (QBD_OP_OPEN) and waits.  The last
 * close of all tells the agent (QBD_OP_CLOSE) and does not wait.  In messages,
 * opens and closes alternate.  An open whose caller has given up (killed, timed
 * out) stays outstanding and serves the next caller; if it is granted while
 * there is none, a close follows at once.
 *
 * The block layer calls us under disk->open_mutex, so other opens and closes of
 * the device wait behind a waiting open.  That wait is bounded by io-timeout,
 * and ended by a kill or an abort.  The netlink side takes that mutex only for
 * a device that is marked removed, which makes every open return.
 */
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "device.h"
#include "gate.h"
#include "opening.h"
#include "send.h"
#include "trace.h"
#include "turn.h"
#include "write.h"

#define READ_OPEN_WAIT_MS 3000

static struct qbd_write *call_alloc(u16 op)
{
	/* not from the reserve, which is for I/O */
	struct qbd_write *call = kmem_cache_alloc(qbd_write_cache, GFP_NOIO);

	if (call) {
		memset(call, 0, sizeof(*call));
		qbd_request_init(&call->req, op, 0, 0, 0, 0);
		call->arrived = jiffies;
	}
	return call;
}

static void call_free(struct qbd_device *dev, struct qbd_write *call)
{
	if (call)
		qbd_write_put(dev, &call->req);
}

/* What was granted has no user: give it back. */
static void opening_settle(struct qbd_device *dev, struct qbd_turn *turn)
{
	struct qbd_opening *opening = &dev->opening;
	struct qbd_write *call = opening->close;

	lockdep_assert_held(&dev->lock);
	if (opening->waiting || opening->writers)
		return;
	if (opening->epoch && !WARN_ON_ONCE(!call)) {
		call->req.wire.epoch = opening->epoch;
		call->arrived = jiffies;
		opening->close = NULL;
		opening->epoch = 0;
		opening->pid = 0;
		opening->comm[0] = '\0';
		if (dev->removed) {
			list_add_tail(&call->req.ending, &turn->ended);
			return;
		}
		qbd_table_add(&dev->table, &call->req);
		trace_qbd_request_take(dev->minor, &call->req.wire, 0);
		turn->send = true;
	}
	if (!opening->openers && dev->fenced) {
		dev->fenced = false;
		qbd_gate_update(dev, turn, "the fenced opening has closed");
	}
}

static int opening_refused(struct qbd_device *dev, struct qbd_turn *turn)
{
	switch (qbd_gate_now(dev, turn)) {
	case QBD_GATE_REMOVED:
		return -ENXIO;
	case QBD_GATE_FENCED:
		return -EIO;
	default:
		return 0;
	}
}

/* Under the lock: ask, unless that was done already. */
static void opening_ask(struct qbd_device *dev, struct qbd_turn *turn,
			struct qbd_write **ask, struct qbd_write **close)
{
	struct qbd_opening *opening = &dev->opening;

	lockdep_assert_held(&dev->lock);
	if (opening->ask)
		return;
	opening->ask = *ask;
	*ask = NULL;
	if (!opening->close) {
		opening->close = *close;
		*close = NULL;
	}
	qbd_table_add(&dev->table, &opening->ask->req);
	trace_qbd_request_take(dev->minor, &opening->ask->req.wire, 0);
	turn->send = true;
}

static void opening_count(struct qbd_opening *opening)
{
	opening->openers++;
	if (opening->writers++)
		return;
	opening->pid = task_tgid_nr(current);
	get_task_comm(opening->comm, current);
}

/* Return: 0 opened, 1 wait for the end of *@round, or an error. */
static int open_to_write_begin(struct qbd_device *dev, u32 *round)
{
	struct qbd_opening *opening = &dev->opening;
	struct qbd_write *close = call_alloc(QBD_OP_CLOSE);
	struct qbd_write *ask = call_alloc(QBD_OP_OPEN);
	struct qbd_turn turn;
	int ret = -ENOMEM;

	if (!ask || !close)
		goto out;
	qbd_turn_begin(dev, &turn);
	ret = opening_refused(dev, &turn);
	if (!ret && opening->epoch) {
		opening_count(opening);
	} else if (!ret) {
		opening_ask(dev, &turn, &ask, &close);
		opening->waiting++;
		*round = opening->round;
		ret = 1;
	}
	qbd_send_run(dev, &turn, 1);
	qbd_turn_end(dev, &turn);
out:
	call_free(dev, ask);
	call_free(dev, close);
	return ret;
}

/* No answer: there is no agent, or no leader. */
static int opening_unanswered(struct qbd_device *dev)
{
	lockdep_assert_held(&dev->lock);
	return dev->gate == QBD_GATE_DETACHED ? -ENOTCONN : -ETIMEDOUT;
}

static int open_to_write_end(struct qbd_device *dev, u32 round, long waited)
{
	struct qbd_opening *opening = &dev->opening;
	struct qbd_turn turn;
	int err;

	qbd_turn_begin(dev, &turn);
	opening->waiting--;
	err = opening_refused(dev, &turn);
	if (!err && opening->epoch)
		opening_count(opening);
	else if (!err && opening->round != round)
		err = opening->error;
	else if (!err)
		err = waited < 0 ? -EINTR : opening_unanswered(dev);
	if (!err && !opening->epoch)
		err = -EIO; /* granted, and lost again before we woke */
	opening_settle(dev, &turn);
	qbd_turn_end(dev, &turn);
	return err;
}

static int open_to_write(struct qbd_device *dev, u32 timeout_ms)
{
	struct qbd_opening *opening = &dev->opening;
	long timeout = timeout_ms ? msecs_to_jiffies(timeout_ms) :
				    MAX_SCHEDULE_TIMEOUT;
	long waited;
	u32 round;
	int ret;

	ret = open_to_write_begin(dev, &round);
	if (ret <= 0)
		return ret;
	waited = wait_event_killable_timeout(opening->wait,
					     READ_ONCE(opening->round) != round,
					     timeout);
	return open_to_write_end(dev, round, waited);
}

/* Return: 0 opened, 1 only the agent could tell, or an error. */
static int open_to_read_here(struct qbd_device *dev)
{
	struct qbd_turn turn;
	int ret;

	qbd_turn_begin(dev, &turn);
	ret = opening_refused(dev, &turn);
	if (!ret && dev->gate == QBD_GATE_SUSPENDED)
		ret = 1;
	else if (!ret && dev->gate != QBD_GATE_ACTIVE)
		ret = opening_unanswered(dev);
	if (!ret)
		dev->opening.openers++;
	qbd_turn_end(dev, &turn);
	return ret;
}

/*
 * Where the node has the lease, reading takes no role.  Elsewhere it takes the
 * device as opening for writing does: mkfs and mount look before they write,
 * and would otherwise find every node busy but one.  It does not wait long, so
 * that probing (udev) does not hang without a quorum.
 */
static int open_to_read(struct qbd_device *dev)
{
	u32 timeout_ms = READ_ONCE(dev->io_timeout_ms);
	int ret = open_to_read_here(dev);

	if (ret <= 0)
		return ret;
	if (!timeout_ms || timeout_ms > READ_OPEN_WAIT_MS)
		timeout_ms = READ_OPEN_WAIT_MS;
	return open_to_write(dev, timeout_ms);
}

/* Errors that may be gone at the next try, without any close. */
static bool opening_is_late(int err)
{
	return err == -EBUSY || err == -ETIMEDOUT || err == -ENOTCONN;
}

/**
 * qbd_opening_open() - the block layer opens the device
 * @disk: its disk; disk->open_mutex is held
 * @write: for writing
 * @probe: with O_NONBLOCK, as udev does before it handles an event: it passes
 *	over a device that answers -ENXIO, but drops the event at other errors
 *
 * Return: 0; -EBUSY another node has it; -ETIMEDOUT no node leads with a
 * majority; -ENOTCONN there is no agent (these three to probe: -ENXIO); -EIO
 * fenced or aborted; -ENXIO being removed; -EINTR killed; or what else the
 * agent answered.
 */
int qbd_opening_open(struct gendisk *disk, bool write, bool probe)
{
	struct qbd_device *dev = disk->private_data;
	int err;

	if (write)
		err = open_to_write(dev, READ_ONCE(dev->io_timeout_ms));
	else
		err = open_to_read(dev);
	if (probe && !write && opening_is_late(err))
		err = -ENXIO;

	/* cached pages may be older than what this open must see */
	if (!err)
		invalidate_bdev(disk->part0);
	return err;
}

/**
 * qbd_opening_release() - the block layer closes the device
 * @disk: its disk; disk->open_mutex is held
 */
void qbd_opening_release(struct gendisk *disk)
{
	struct qbd_device *dev = disk->private_data;
	struct qbd_opening *opening = &dev->opening;
	struct qbd_turn turn;
	bool orphan;

	qbd_turn_begin(dev, &turn);
	if (!WARN_ON_ONCE(!opening->openers) && !--opening->openers) {
		opening->writers = 0;
		opening_settle(dev, &turn);
	}
	orphan = dev->orphan && !opening->openers;
	if (!orphan)
		qbd_send_run(dev, &turn, 1);
	qbd_turn_end(dev, &turn);
	if (orphan)
		queue_work(qbd_delete_workqueue, &dev->delete_work);
}

/**
 * qbd_opening_answered() - the agent has completed a QBD_OP_OPEN
 * @dev: the device, locked
 * @turn: the critical section
 * @req: the open, finished
 */
void qbd_opening_answered(struct qbd_device *dev, struct qbd_turn *turn,
			  struct qbd_request *req)
{
	struct qbd_opening *opening = &dev->opening;

	lockdep_assert_held(&dev->lock);
	if (WARN_ON_ONCE(!opening->ask || &opening->ask->req != req))
		return;
	opening->ask = NULL;
	if (!req->error)
		opening->epoch = req->epoch_granted;
	opening_settle(dev, turn);
	qbd_opening_give_up(dev, req->error);
}

/**
 * qbd_opening_give_up() - the opens that wait now are answered
 * @dev: the device, locked
 * @error: the answer
 */
void qbd_opening_give_up(struct qbd_device *dev, int error)
{
	struct qbd_opening *opening = &dev->opening;

	lockdep_assert_held(&dev->lock);
	opening->error = error;
	WRITE_ONCE(opening->round, opening->round + 1);
	wake_up_all(&opening->wait);
}
