/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How well the volume works, seen from this node: one state, and all problems.
 * Computed from the published status, by any thread.  control/status.h says
 * what the states and the kinds of problems mean.
 */
#ifndef QBDD_HEALTH_H
#define QBDD_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct published_status;
struct status_identity;

#define HEALTH_PROBLEMS_MAX 24
/* Peers report every half second; after so long without one they are silent. */
#define HEALTH_SILENT_US 2000000

/* The worst is the highest; also in what is published. */
enum health_state {
	HEALTH_OK,
	HEALTH_DEGRADED,
	HEALTH_CATCHING_UP,
	HEALTH_STARTING,
	HEALTH_NO_QUORUM,
	HEALTH_DAMAGED,
	HEALTH_DISK_FAILED,
	HEALTH_HUNG,
};

struct health_problem {
	const char *what; /* for programs */
	uint32_t node; /* whose it is */
	char text[512]; /* for humans, with the remedy */
};

struct health {
	enum health_state state;
	unsigned int count;
	struct health_problem problems[HEALTH_PROBLEMS_MAX];
};

/**
 * health_judge() - @health from a picture
 * @published: NULL: there is none yet
 */
void health_judge(const struct status_identity *identity,
		  const struct published_status *published, uint64_t now_us,
		  struct health *health);

/** health_text() - the state's name */
const char *health_text(enum health_state state);

/** health_silent() - is the link of the configuration's node @i up, but mute? */
bool health_silent(const struct status_identity *identity,
		   const struct published_status *published, unsigned int i,
		   uint64_t now_us);

/** health_peer() - what the node view says of a peer; NULL: nothing */
const struct node_peer_view *
health_peer(const struct published_status *published, uint32_t id);
/** health_commit() - the newest index that is known committed anywhere */
uint64_t health_commit(const struct published_status *published);

#endif
