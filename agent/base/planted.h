/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Deliberate bugs (mutants) that the simulator (tests/sim/planted_bugs) or a
 * scenario (tests/sim/planted_scenes) must detect.  Only their own build, with
 * QBD_PLANT, contains them.  In every other build planted() is false at compile
 * time, and nothing remains.
 */
#ifndef BASE_PLANTED_H
#define BASE_PLANTED_H

#include <stdbool.h>

enum planted_bug {
	PLANTED_NONE,
	PLANTED_COMMIT_BY_MINORITY,
	PLANTED_VOTE_FORGOTTEN,
	PLANTED_APPEND_ANSWERED_EARLY,
	PLANTED_CLIENT_ANSWERED_EARLY,
	PLANTED_VOTE_SENT_UNSAVED,
	PLANTED_VOTE_NOT_SYNCED,
	PLANTED_OLDER_TERM_COUNTED,
	PLANTED_LEASE_TOO_LONG,
	PLANTED_CLOCKS_TRUSTED,
	PLANTED_PROMISE_BROKEN,
	PLANTED_PROMISE_OWN,
	PLANTED_LEASE_KEPT,
	PLANTED_OUTDATED_ELECTED,
	PLANTED_BARRED_IGNORED,
	PLANTED_DAMAGE_CUT_OFF,
	PLANTED_FAILED_SYNC_IGNORED,
	PLANTED_CHECKPOINT_AHEAD,
	PLANTED_ZERO_IGNORED,
	PLANTED_APPLIED_EARLY,
	PLANTED_SERVED_UNAPPLIED,
	PLANTED_RESENT_LOST,
	PLANTED_RESENT_TWICE,
	PLANTED_RESENT_LATE_TWICE,
	PLANTED_NOT_FENCED,
	PLANTED_FENCED_BY_AN_OLDER,
	PLANTED_COPY_OUTRUN,
	PLANTED_COPY_ENDED_EARLY,
	PLANTED_COPY_FROM_BEHIND,
	PLANTED_LEARNER_COUNTED,
	PLANTED_CHANGE_EARLY,
	PLANTED_CHANGES_AT_ONCE,
	PLANTED_OVERLAP_IGNORED,
	PLANTED_ANSWERED_OUT_OF_ORDER,
	PLANTED_APPLIED_UNWRITTEN,
	PLANTED_FAILURE_FORGOTTEN,
	PLANTED_BLANK_ELECTED,
	PLANTED_UNREAD_SKIPPED,
	PLANTED_SET_BACK_TRUSTED,
	PLANTED_COUNT, /* of those that planted_bugs looks for */
	/* planted_scenes': it takes a rare order of events to see them */
	PLANTED_PROMISE_FORGOTTEN = PLANTED_COUNT,
	PLANTED_REJOINED_UNDURABLE,
	PLANTED_REJOINED_BY_OLD_ROUNDS,
	PLANTED_LED_ON_AFTER_TRANSFER,
};

#ifdef QBD_PLANT
extern enum planted_bug planted_bug; /* the one that is alive */

static inline bool planted(enum planted_bug bug)
{
	return planted_bug == bug;
}
#else
#define planted(bug) false /* a branch of the source in no build but theirs */
#endif

#endif
