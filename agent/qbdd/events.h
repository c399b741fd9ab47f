/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What goes wrong and right with a volume, for the log: found by comparing the
 * status that the loop publishes with the one before, and from each change of a
 * link.  Each event is logged once, with the nodes' names.  Pure: no
 * clock, no log call; loop thread.
 *
 *	quorum-lost, quorum-regained	too few nodes can be reached, and no leader
 *	quorum-awaited, quorum-reached	the same since the start
 *	elections-unsettled		a majority is there and finds no leader
 *	link-up, link-down		of each peer; why it went down
 *	link-problem			another reason why it stays down
 *	link-flaps			more than a few ends a minute: their number
 *	peer-disk-failed, peer-damaged, peer-repaired	reported by a peer
 *	replica-damaged, replica-repaired		while we run
 *	copy-progress			every half a minute
 *	open-waits			an open(2) waits, and why
 *
 * What the node itself tells (openings, leaders, copies, disks) comes through
 * node_ops.event; what the module knows through openings.h.
 */
#ifndef QBDD_EVENTS_H
#define QBDD_EVENTS_H

#include "qbdd/published_status.h"

#define EVENTS_START_US 5000000 /* so long no leader yet is no news */
#define EVENTS_LINK_START_US 10000000 /* so long a link that was never up */
#define EVENTS_MINUTE_US 60000000 /* what repeats is told once in it */
#define EVENTS_LINK_ENDS_MAX 3 /* told one by one in a minute */
#define EVENTS_LINK_SETTLE_US 2000000 /* before why it stays down is news */
#define EVENTS_TERMS_MAX \
	5 /* in a minute; more are elections that don't settle */
#define EVENTS_LEADERLESS_US 10000000
#define EVENTS_COPY_US 30000000
#define EVENTS_OPEN_US 2000000

struct events_link {
	bool up;
	bool told_up; /* as the log says */
	bool told; /* anything yet */
	uint64_t since_us;
	uint64_t minute_us; /* of the present count; 0: none */
	unsigned int ends; /* in that minute */
	bool flaps; /* nothing is told one by one */
	bool changed; /* since what was told last */
	char why[160]; /* it ended */
	char problem[160]; /* told last */
	uint64_t problem_us;
	uint32_t flags; /* as the peer said last */
	uint64_t copy_us; /* when its copy was told of last; 0: there is none */
	uint64_t copy_offset;
};

struct events {
	const struct status_identity *identity;
	void (*say)(void *context, int level, const char *text);
	void *context;

	uint64_t began_us; /* of the first picture; 0: there was none */
	bool led; /* there has been a leader */
	uint64_t leaderless_us; /* since; 0: there is one */
	uint64_t lost_us; /* quorum-lost was told; 0: it was not */
	bool awaited; /* quorum-awaited was told */
	bool leaderless_told;
	uint64_t terms_us; /* of the present count of terms */
	uint64_t terms_from;
	bool terms_told; /* in that minute */
	bool damaged;
	uint64_t open_us; /* an opening waits since; 0: none */
	bool open_told;
	uint64_t copy_us; /* that fills us was told of last */
	uint64_t copy_offset;
	struct events_link links[CONF_NODES_MAX]; /* as conf->nodes */
};

/** events_init() - @identity stays the caller's; @say: key=value pairs */
void events_init(struct events *events, const struct status_identity *identity,
		 void (*say)(void *context, int level, const char *text),
		 void *context);

/** events_look() - what has changed since the last picture? */
void events_look(struct events *events,
		 const struct published_status *published);

/** events_link() - a link begins, or has ended: @why */
void events_link(struct events *events, uint32_t peer, bool up, const char *why,
		 uint64_t now_us);

/** events_name() - of a node; "#ID" if the configuration lacks it; 0: "none" */
const char *events_name(const struct conf *conf, uint32_t id, char *text,
			size_t size);
/** events_put_names() - a node's text with names in the place of its #IDs */
void events_put_names(const struct conf *conf, const char *text, char *out,
		      size_t size);

#endif
