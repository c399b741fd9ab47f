/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a replica remembers of its own starts, and of how far the others have
 * been: by it a disk that was put back from an older copy is told apart from one
 * that was never copied.  Saved with the hard state; the core only carries it.
 *
 * A life is one start of the agent: it has the next number and a random nonce.
 * Two starts from copies of one disk have the same number and other nonces.  See
 * node/past.c for the rules.
 */
#ifndef RAFT_PAST_H
#define RAFT_PAST_H

#include <stdint.h>

#include "raft/members.h"

#define RAFT_PAST_LIVES 16 /* own lives whose nonces are kept */

struct raft_life {
	uint32_t number; /* from 1; 0: none is known */
	uint32_t nonce; /* not 0 */
};

/* Another node, as far as it has been. */
struct raft_known {
	uint32_t id; /* 0: a free place */
	struct raft_life life;
	uint64_t term; /* it had saved this one */
	uint64_t index; /* it held this entry durably, and it was committed */
};

struct raft_past {
	uint32_t number; /* of the present life; 0: never started */
	/* Of life n at n % RAFT_PAST_LIVES; 0: not known. */
	uint32_t nonces[RAFT_PAST_LIVES];
	struct raft_known known[RAFT_MEMBERS_MAX];
};

#endif
