/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: the gate, the device's only state machine
 */
#ifndef QBD_GATE_H
#define QBD_GATE_H

#include "device.h"

struct qbd_turn;

void qbd_gate_init(struct qbd_device *dev);
enum qbd_gate qbd_gate_now(struct qbd_device *dev, struct qbd_turn *turn);
void qbd_gate_update(struct qbd_device *dev, struct qbd_turn *turn,
		     const char *reason);
void qbd_gate_lease(struct qbd_device *dev, struct qbd_turn *turn, u64 until_ns,
		    const char *reason);
void qbd_gate_fence(struct qbd_device *dev, struct qbd_turn *turn,
		    const char *reason);
void qbd_gate_abort(struct qbd_device *dev, struct qbd_turn *turn,
		    const char *reason);
void qbd_gate_remove(struct qbd_device *dev, struct qbd_turn *turn,
		     const char *reason);

static inline bool qbd_gate_is_dead(const struct qbd_device *dev)
{
	return dev->gate == QBD_GATE_FENCED || dev->gate == QBD_GATE_REMOVED;
}

#endif /* QBD_GATE_H */
