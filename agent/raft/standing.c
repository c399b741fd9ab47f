// SPDX-License-Identifier: GPL-2.0
/* See standing.h. */
#include "raft/standing.h"

bool raft_standing_equal(const struct raft_standing *a,
			 const struct raft_standing *b)
{
	return a->writer == b->writer && a->epoch == b->epoch &&
	       a->tag == b->tag && a->chain == b->chain &&
	       raft_members_equal(&a->members, &b->members);
}
