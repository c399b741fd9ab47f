// SPDX-License-Identifier: GPL-2.0
/*
 * The checker is checked: with one bug of agent/base/planted.h alive the
 * simulator must find it within the seeds that the table states, and without any
 * it must pass the same seeds.
 *
 *	planted_bugs		all of it
 *	planted_bugs NAME N	when is this one found, looking at N seeds?
 */
#include "base/planted.h"
#include "tests/sim/model/fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP 32 /* seeds at a time */

enum planted_bug planted_bug;

static const struct {
	const char *name;
	unsigned int seeds; /* it is found within these */
} bugs[PLANTED_COUNT] = {
	[PLANTED_COMMIT_BY_MINORITY] = { "commit_by_a_minority", 100 },
	[PLANTED_VOTE_FORGOTTEN] = { "vote_forgotten_at_a_restart", 100 },
	[PLANTED_APPEND_ANSWERED_EARLY] = { "append_answered_early", 100 },
	[PLANTED_CLIENT_ANSWERED_EARLY] = { "client_answered_early", 100 },
	[PLANTED_VOTE_SENT_UNSAVED] = { "vote_sent_before_it_is_saved", 100 },
	[PLANTED_VOTE_NOT_SYNCED] = { "vote_not_synced", 100 },
	[PLANTED_OLDER_TERM_COUNTED] = { "older_term_counted", 100 },
	[PLANTED_LEASE_TOO_LONG] = { "lease_too_long", 4000 },
	[PLANTED_CLOCKS_TRUSTED] = { "clocks_trusted", 4000 },
	[PLANTED_PROMISE_BROKEN] = { "promise_broken", 4000 },
	[PLANTED_PROMISE_OWN] = { "promise_by_own_timeout", 4000 },
	[PLANTED_LEASE_KEPT] = { "lease_kept", 100 },
	[PLANTED_OUTDATED_ELECTED] = { "outdated_elected", 4000 },
	[PLANTED_BARRED_IGNORED] = { "barred_replica_counted", 100 },
	[PLANTED_DAMAGE_CUT_OFF] = { "damage_cut_off_silently", 4000 },
	[PLANTED_FAILED_SYNC_IGNORED] = { "failed_sync_ignored", 4000 },
	[PLANTED_CHECKPOINT_AHEAD] = { "checkpoint_ahead_of_the_data", 4000 },
	[PLANTED_ZERO_IGNORED] = { "zero_ignored", 100 },
	[PLANTED_APPLIED_EARLY] = { "applied_before_commit", 100 },
	[PLANTED_SERVED_UNAPPLIED] = { "served_unapplied", 4000 },
	[PLANTED_RESENT_LOST] = { "resent_request_lost", 100 },
	[PLANTED_RESENT_TWICE] = { "resent_request_twice", 100 },
	[PLANTED_RESENT_LATE_TWICE] = { "late_resent_request_twice", 4000 },
	[PLANTED_NOT_FENCED] = { "not_fenced_by_another_opening", 4000 },
	[PLANTED_FENCED_BY_AN_OLDER] = { "fenced_by_an_older_opening", 4000 },
	[PLANTED_COPY_OUTRUN] = { "copy_outrun", 4000 },
	[PLANTED_COPY_ENDED_EARLY] = { "copy_ended_early", 100 },
	[PLANTED_COPY_FROM_BEHIND] = { "copy_from_behind", 8000 },
	[PLANTED_LEARNER_COUNTED] = { "learner_counted", 4000 },
	[PLANTED_CHANGE_EARLY] = { "change_before_the_term_commits", 4000 },
	[PLANTED_CHANGES_AT_ONCE] = { "two_changes_of_members_at_once", 4000 },
	[PLANTED_OVERLAP_IGNORED] = { "overlapping_writes_at_once", 100 },
	[PLANTED_ANSWERED_OUT_OF_ORDER] = { "append_answered_out_of_order",
					    4000 },
	[PLANTED_APPLIED_UNWRITTEN] = { "applied_before_it_is_written", 100 },
	[PLANTED_SET_BACK_TRUSTED] = { "set_back_trusted", 4000 },
	[PLANTED_FAILURE_FORGOTTEN] = { "append_done_behind_a_failed_one",
					4000 },
	[PLANTED_UNREAD_SKIPPED] = { "unreadable_entry_skipped", 4000 },
	[PLANTED_STOPPED_UNSAVED] = { "stopped_without_a_checkpoint", 100 },
	[PLANTED_OFFSET_CUT] = { "offset_of_a_write_cut_to_32_bits", 400 },
	[PLANTED_OFFSET_SENT_CUT] = { "offset_sent_cut_to_32_bits", 400 },
	[PLANTED_EVICTED_SENT] = { "evicted_entry_sent_without_payload", 100 },
	[PLANTED_GROWN_IN_PLACE] = { "log_in_memory_grown_in_place", 100 },
	[PLANTED_BLANK_ELECTED] = { "blank_elected_by_a_damaged_one", 100 },
};

/* The first of seeds 1 to @seeds that finds something; 0: none does. */
static uint64_t look(unsigned int seeds, char *problem, size_t size)
{
	struct fleet fleet;
	uint64_t from, to;

	for (from = 1; from <= seeds; from = to + 1) {
		to = from + STEP - 1 < seeds ? from + STEP - 1 : seeds;
		fleet_run(&fleet, from, to, 1);
		if (!fleet.failure_count)
			continue;
		snprintf(problem, size, "%s", fleet.failures[0].problem);
		return fleet.failures[0].seed;
	}
	return 0;
}

static int look_for(const char *name, unsigned int seeds)
{
	char problem[256] = "not found";
	unsigned int i;

	for (i = 1; i < PLANTED_COUNT; i++) {
		if (strcmp(name, "all") != 0 && strcmp(name, bugs[i].name) != 0)
			continue;
		planted_bug = (enum planted_bug)i;
		snprintf(problem, sizeof(problem), "not found");
		printf("%s: seed %" PRIu64, bugs[i].name,
		       look(seeds, problem, sizeof(problem)));
		printf(", %s\n", problem);
		fflush(stdout);
	}
	return 0;
}

static bool tell(unsigned int number, const char *name, uint64_t seed,
		 const char *problem, bool right)
{
	if (seed)
		printf("# seed %" PRIu64 ": %s\n", seed, problem);
	printf("%sok %u - %s\n", right ? "" : "not ", number, name);
	fflush(stdout);
	return right;
}

int main(int argc, char **argv)
{
	char problem[256] = "";
	unsigned int most = 0;
	bool right = true;
	unsigned int i;
	uint64_t seed;

	if (argc > 2)
		return look_for(argv[1], (unsigned int)atoi(argv[2]));
	printf("1..%d\n", PLANTED_COUNT);
	fflush(stdout);
	for (i = 1; i < PLANTED_COUNT; i++) {
		planted_bug = (enum planted_bug)i;
		seed = look(bugs[i].seeds, problem, sizeof(problem));
		right &= tell(i, bugs[i].name, seed, problem, seed != 0);
		if (bugs[i].seeds > most)
			most = bugs[i].seeds;
	}
	planted_bug = PLANTED_NONE;
	seed = look(most, problem, sizeof(problem));
	right &= tell(i, "without_any_the_same_seeds_pass", seed, problem,
		      seed == 0);
	return !right;
}
