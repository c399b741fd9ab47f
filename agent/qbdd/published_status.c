// SPDX-License-Identifier: GPL-2.0
/* See published_status.h: the cell that it is published in. */
#include "qbdd/published_status.h"

#include <stdlib.h>

#include <urcu/urcu-memb.h>
#include <urcu/call-rcu.h>

#include "base/list.h"

struct shown {
	struct rcu_head rcu;
	struct published_status published;
};

struct status_cell {
	struct shown *shown;
};

struct status_cell *status_cell_new(void)
{
	return calloc(1, sizeof(struct status_cell));
}

static void shown_free(struct rcu_head *rcu)
{
	free(base_container_of(rcu, struct shown, rcu));
}

void status_publish(struct status_cell *cell,
		    const struct published_status *published)
{
	struct shown *fresh = malloc(sizeof(*fresh));
	struct shown *old;

	if (!fresh)
		return; /* it just grows older */
	fresh->published = *published;
	old = rcu_xchg_pointer(&cell->shown, fresh);
	if (old)
		urcu_memb_call_rcu(&old->rcu, shown_free);
}

bool status_read(struct status_cell *cell, struct published_status *published)
{
	struct shown *shown;

	urcu_memb_read_lock();
	shown = rcu_dereference(cell->shown);
	if (shown)
		*published = shown->published;
	urcu_memb_read_unlock();
	return shown != NULL;
}
