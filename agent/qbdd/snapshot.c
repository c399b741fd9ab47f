// SPDX-License-Identifier: GPL-2.0
/* See snapshot.h: the cell that it is published in. */
#include "qbdd/snapshot.h"

#include <stdlib.h>

#include <urcu/urcu-memb.h>
#include <urcu/call-rcu.h>

#include "base/list.h"

struct shown {
	struct rcu_head rcu;
	struct snapshot snapshot;
};

struct snapshot_cell {
	struct shown *shown;
};

struct snapshot_cell *snapshot_cell_new(void)
{
	return calloc(1, sizeof(struct snapshot_cell));
}

static void shown_free(struct rcu_head *rcu)
{
	free(base_container_of(rcu, struct shown, rcu));
}

void snapshot_publish(struct snapshot_cell *cell,
		      const struct snapshot *snapshot)
{
	struct shown *fresh = malloc(sizeof(*fresh));
	struct shown *old;

	if (!fresh)
		return; /* it just grows older */
	fresh->snapshot = *snapshot;
	old = rcu_xchg_pointer(&cell->shown, fresh);
	if (old)
		urcu_memb_call_rcu(&old->rcu, shown_free);
}

bool snapshot_read(struct snapshot_cell *cell, struct snapshot *snapshot)
{
	struct shown *shown;

	urcu_memb_read_lock();
	shown = rcu_dereference(cell->shown);
	if (shown)
		*snapshot = shown->snapshot;
	urcu_memb_read_unlock();
	return shown != NULL;
}
