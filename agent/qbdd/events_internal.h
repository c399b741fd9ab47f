/* SPDX-License-Identifier: GPL-2.0 */
/* Between events.c and links.c. */
#ifndef QBDD_EVENTS_INTERNAL_H
#define QBDD_EVENTS_INTERNAL_H

#include "qbdd/events.h"

void events_say(struct events *events, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* links.c: node number @i of the configuration; @peer: NULL, or its view */
void events_look_at_link(struct events *events, unsigned int i,
			 const struct published_status *published,
			 const struct node_peer_view *peer);

#endif
