/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A real node on a real store whose disk is memory.  The work that the node
 * begins is queued; host_work() does some of it and gives the answers.
 */
#ifndef FUZZ_HOST_H
#define FUZZ_HOST_H

#include "node/node.h"

#define HOST_JOBS_MAX NODE_JOBS_MAX
#define HOST_TERMS 4096
#define HOST_NODES 5 /* of the configuration; we are 1 */

struct host_queue {
	struct store_job *jobs[HOST_JOBS_MAX];
	unsigned int count;
};

struct host {
	struct node *node;
	struct store *store;
	uint64_t now_us;
	struct host_queue log; /* each in its own order */
	struct host_queue image;
	uint64_t lease_us;
	bool disk_fails; /* it may, from now on */
	bool failed;
	/* What was sent last, for peers that answer as they should */
	struct raft_msg sent[HOST_NODES + 1];
	struct wire_copy_begin copy; /* we fill a peer */
	uint64_t copied;
	uint64_t terms[HOST_TERMS]; /* of entries, by index */
	uint64_t commit; /* for what must never go back */
	uint64_t applied;
	uint64_t term;
	uint64_t saved_term;
};

/* Nodes 1 to @count, voters; of all, one is a learner and one a witness */
struct raft_members host_members(unsigned int count);
/* @veteran: a member of three, with a log; else formatted anew, of @members */
void host_start(struct host *host, bool veteran, unsigned int members);
void host_stop(struct host *host);
void host_restart(struct host *host, bool crash, unsigned int members);
/* After so many writes and syncs more */
/* A new connection, over which all may be said at once. */
void host_link_up(struct host *host, uint32_t peer);
void host_disk_fails(struct host *host, unsigned int after);
/* The first @count jobs of a queue. */
void host_work(struct host *host, struct host_queue *queue, unsigned int count);
void host_pump(struct host *host);

#endif
