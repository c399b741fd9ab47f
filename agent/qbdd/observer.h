/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that looks at the device from outside, as `qbd status` would, and
 * logs what opened it, what the module did by itself, and which I/O failed
 * (openings.h).  It asks the module and reads /proc, so it may wait; the loop
 * only wakes it.
 */
#ifndef QBDD_OBSERVER_H
#define QBDD_OBSERVER_H

#include "base/error.h"
#include "qbdd/openings.h"

#define OBSERVER_MS 1000 /* between two looks */
#define OBSERVER_STOP_MS 2000

struct observer;

/** observer_start() - @volume and @gate stay the caller's, for ever */
int observer_start(const char *volume, struct gate_told *gate,
		   struct observer **observer, struct base_error *error);
/** observer_wake() - something has happened: look now, and soon again; NULL is fine */
void observer_wake(struct observer *observer);
/** observer_stop() - a last look, and the end; if it hangs it is left behind */
void observer_stop(struct observer *observer);

#endif
