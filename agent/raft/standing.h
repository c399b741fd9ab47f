/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is cumulative in the log: the state of affairs after an entry.
 *
 * An entry that changes none of it (NOOP) repeats its predecessor's.  So the
 * last entry of a log says which nodes belong to the volume (a log without any:
 * the configuration), which has the device, and which of its requests the log
 * holds: within an epoch tags rise along the log without leaving any out, and a
 * request that the kernel sends again is in the log if and only if its tag is
 * not above that.
 *
 * A checkpoint and a copy carry the standing of the entry that they are of.  A
 * value; all zero before the first entry.
 */
#ifndef RAFT_STANDING_H
#define RAFT_STANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/members.h"

struct raft_standing {
	uint32_t writer; /* who has the device: node id, 0: nobody yet */
	uint64_t epoch; /* index of the OPEN entry it belongs to, 0: none */
	uint64_t tag; /* the kernel's number of the request */
	struct raft_members members; /* all zero: no entry has said */
	/*
	 * Checksum of all entries up to this one, see raft_entry_chain(); 0: not
	 * known.  Logs with the same entry have the same here.
	 */
	uint64_t chain;
};

bool raft_standing_equal(const struct raft_standing *a,
			 const struct raft_standing *b);

#endif
