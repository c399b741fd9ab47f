// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: the gate, the device's only state machine
 *
 * The state follows from four facts: removed, fenced, an agent, its lease.
 * Only qbd_gate_update() computes it.  Code that changes one of the facts calls
 * it in the same critical section.  Each read and each message also checks the
 * lease (qbd_gate_now()), so it ends on time even when the timer is late.  The
 * timer is for times without I/O.
 */
#include <linux/ktime.h>
#include <linux/string.h>

#include "gate.h"
#include "read.h"
#include "trace.h"
#include "turn.h"
#include "write.h"

static enum qbd_gate gate_follows(const struct qbd_device *dev)
{
	if (dev->removed)
		return QBD_GATE_REMOVED;
	if (dev->fenced)
		return QBD_GATE_FENCED;
	if (!dev->session.sk)
		return QBD_GATE_DETACHED;
	if (ktime_get_boottime_ns() < dev->lease_ns)
		return QBD_GATE_ACTIVE;
	return QBD_GATE_SUSPENDED;
}

/**
 * qbd_gate_update() - bring the gate in line with the facts
 * @dev: the device, locked
 * @turn: the critical section
 * @reason: for humans; NULL keeps the one that is there
 */
void qbd_gate_update(struct qbd_device *dev, struct qbd_turn *turn,
		     const char *reason)
{
	enum qbd_gate old = dev->gate;
	enum qbd_gate new = gate_follows(dev);

	lockdep_assert_held(&dev->lock);
	if (reason)
		strscpy(dev->reason, reason, sizeof(dev->reason));
	if (old == new)
		return;
	if (old == QBD_GATE_ACTIVE)
		dev->lease_round++;
	if (new == QBD_GATE_ACTIVE) {
		dev->reason[0] = '\0';
		turn->send = true;
		turn->read = true;
	}
	WRITE_ONCE(dev->gate, new);
	trace_qbd_gate(dev->minor, old, new, dev->reason);
}

/**
 * qbd_gate_now() - the gate, with the lease looked at
 * @dev: the device, locked
 * @turn: the critical section
 *
 * Return: the state; %QBD_GATE_ACTIVE means that the lease has not ended.
 */
enum qbd_gate qbd_gate_now(struct qbd_device *dev, struct qbd_turn *turn)
{
	lockdep_assert_held(&dev->lock);
	if (dev->gate == QBD_GATE_ACTIVE &&
	    ktime_get_boottime_ns() >= dev->lease_ns) {
		dev->stats.lease_expired++;
		qbd_gate_update(dev, turn, "the lease ran out");
	}
	return dev->gate;
}

static enum hrtimer_restart gate_timer(struct hrtimer *timer)
{
	struct qbd_device *dev =
		container_of(timer, struct qbd_device, lease_timer);
	struct qbd_turn turn;

	qbd_turn_begin(dev, &turn);
	qbd_gate_now(dev, &turn);
	qbd_turn_end(dev, &turn);
	return HRTIMER_NORESTART;
}

/**
 * qbd_gate_init() - make the gate of a new device: detached
 * @dev: the device
 */
void qbd_gate_init(struct qbd_device *dev)
{
	dev->gate = QBD_GATE_DETACHED;
	strscpy(dev->reason, "no agent has bound yet", sizeof(dev->reason));
	qbd_compat_hrtimer_init(&dev->lease_timer, gate_timer);
}

/**
 * qbd_gate_lease() - the agent gives or takes the lease
 * @dev: the device, locked
 * @turn: the critical section
 * @until_ns: CLOCK_BOOTTIME; 0 or in the past: none
 * @reason: why there is none, or NULL
 */
void qbd_gate_lease(struct qbd_device *dev, struct qbd_turn *turn, u64 until_ns,
		    const char *reason)
{
	lockdep_assert_held(&dev->lock);
	until_ns = min_t(u64, until_ns, KTIME_MAX);
	dev->lease_ns = until_ns;
	if (ktime_get_boottime_ns() < until_ns) {
		hrtimer_start(&dev->lease_timer, ns_to_ktime(until_ns),
			      HRTIMER_MODE_ABS);
		reason = NULL;
	} else if (!reason) {
		reason = "the agent has no lease";
	}
	qbd_gate_update(dev, turn, reason);
}

/**
 * qbd_gate_fence() - what is open here has lost its right
 * @dev: the device, locked
 * @turn: the critical section
 * @reason: for humans
 *
 * All its I/O fails, waiting and future, until the last close.  Readers too, if
 * they are alone: their page cache is of before another node's writes.
 */
void qbd_gate_fence(struct qbd_device *dev, struct qbd_turn *turn,
		    const char *reason)
{
	lockdep_assert_held(&dev->lock);
	if ((!dev->opening.epoch && !dev->opening.openers) || dev->fenced ||
	    dev->removed)
		return;
	dev->fenced = true;
	qbd_gate_update(dev, turn, reason);
	qbd_write_fail_all(dev, turn, false);
	qbd_read_fail_all(dev, turn);
}

/**
 * qbd_gate_abort() - end everything that waits, now
 * @dev: the device, locked
 * @turn: the critical section
 * @reason: for humans
 *
 * What was aborted may have been committed or not, so a session for writing is
 * fenced.  One that only reads is not: its next read may succeed.
 */
void qbd_gate_abort(struct qbd_device *dev, struct qbd_turn *turn,
		    const char *reason)
{
	lockdep_assert_held(&dev->lock);
	if (dev->opening.epoch)
		qbd_gate_fence(dev, turn, reason);
	qbd_write_fail_all(dev, turn, false);
	qbd_read_fail_all(dev, turn);
}

/**
 * qbd_gate_remove() - nothing passes any more
 * @dev: the device, locked
 * @turn: the critical section
 * @reason: for humans
 */
void qbd_gate_remove(struct qbd_device *dev, struct qbd_turn *turn,
		     const char *reason)
{
	lockdep_assert_held(&dev->lock);
	dev->removed = true;
	qbd_gate_update(dev, turn, reason);
	qbd_write_fail_all(dev, turn, true);
	qbd_read_fail_all(dev, turn);
	qbd_opening_give_up(dev, -ENXIO);
}
