// SPDX-License-Identifier: GPL-2.0
/*
 * The members at the log's end, and the majorities that follow from them
 * (thesis 4.1, with the fix of its known bug: no change before an entry of the
 * leader's own term is committed, nor before the previous change is).
 *
 * So only the last change in a log can be overruled, and two memberships are
 * all there is to remember: the current one and the one before.
 */
#include "base/planted.h"
#include "raft/state.h"

#include <assert.h>
#include <string.h>

static bool change(struct raft_membership *membership, uint64_t since,
		   const struct raft_members *members)
{
	if (raft_members_equal(&membership->now, members))
		return false;
	membership->before = membership->now;
	membership->before_since = membership->since;
	membership->has_before = true;
	membership->now = *members;
	membership->since = since;
	return true;
}

void raft_membership_init(struct raft *raft, const struct raft_boot *boot)
{
	unsigned int i;

	raft->membership.now = raft->config.members;
	for (i = 0; i < boot->member_run_count; i++) {
		const struct raft_member_run *run = &boot->member_runs[i];

		assert(!raft_members_check(&run->members));
		assert(!i || run->first_index > run[-1].first_index);
		change(&raft->membership, run->first_index, &run->members);
	}
}

/* The first entry changes nothing: it names the members at bootstrap. */
bool raft_membership_open(const struct raft *raft)
{
	return raft->membership.has_before && raft->membership.since > 1 &&
	       raft->membership.since > raft->commit;
}

uint64_t raft_membership_floor(const struct raft *raft)
{
	return raft->membership.has_before ? raft->membership.before_since :
					     raft->membership.since;
}

void raft_membership_append(struct raft *raft, uint64_t index,
			    const struct raft_members *members)
{
	if (change(&raft->membership, index, members))
		raft->update->flags |= RAFT_UP_MEMBERS;
}

void raft_membership_truncate(struct raft *raft, uint64_t from)
{
	struct raft_membership *membership = &raft->membership;

	if (membership->since < from)
		return;
	assert(membership->has_before && membership->before_since < from);
	membership->now = membership->before;
	membership->since = membership->before_since;
	membership->has_before = false;
	raft->update->flags |= RAFT_UP_MEMBERS;
}

void raft_membership_reset(struct raft *raft, uint64_t index,
			   const struct raft_members *members)
{
	struct raft_membership *membership = &raft->membership;

	memset(membership, 0, sizeof(*membership));
	membership->now = raft->config.members;
	if (members && raft_members_said(members)) {
		membership->now = *members;
		membership->since = index;
	}
	raft->update->flags |= RAFT_UP_MEMBERS;
}

uint32_t raft_taken_out(const struct raft *raft)
{
	const struct raft_members *before = &raft->membership.before;
	unsigned int count = raft_members_count(before), i;

	for (i = 0; raft_membership_open(raft) && i < count; i++)
		if (raft_place(raft, before->ids[i]) < 0 &&
		    raft_role_votes(raft_members_role_at(before, i)))
			return before->ids[i];
	return 0;
}

int raft_place(const struct raft *raft, uint32_t id)
{
	unsigned int count = raft_members_count(&raft->membership.now), i;

	for (i = 0; i < count; i++)
		if (raft->membership.now.ids[i] == id)
			return (int)i;
	return -1;
}

static bool has_vote(const struct raft_members *members, uint32_t id)
{
	return raft_role_votes(raft_members_role(members, id)) ||
	       planted(PLANTED_LEARNER_COUNTED);
}

/* The majority-th largest: what a majority of the voters has reached. */
static uint64_t majority_in(const struct raft *raft,
			    const struct raft_members *members,
			    const uint64_t values[RAFT_MEMBERS_MAX])
{
	unsigned int places = raft_members_count(&raft->membership.now);
	uint64_t sorted[RAFT_MEMBERS_MAX];
	unsigned int count = 0, i, j;

	for (i = 0; i < places; i++) {
		if (!has_vote(members, raft->membership.now.ids[i]))
			continue;
		for (j = count++; j > 0 && sorted[j - 1] < values[i]; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = values[i];
	}
	assert(count);
	return sorted[count / 2];
}

uint64_t raft_majority_of(const struct raft *raft,
			  const uint64_t values[RAFT_MEMBERS_MAX])
{
	return majority_in(raft, &raft->membership.now, values);
}

bool raft_grows_even(const struct raft_members *before,
		     const struct raft_members *now)
{
	unsigned int voting = raft_members_voting(before);

	return voting % 2 == 0 && raft_members_voting(now) > voting;
}

/* Those of before are among those of now then, so each has its place. */
uint64_t raft_held_by_majority(const struct raft *raft,
			       const uint64_t held[RAFT_MEMBERS_MAX])
{
	uint64_t now = raft_majority_of(raft, held);
	uint64_t before;

	if (!raft_membership_open(raft) ||
	    !raft_grows_even(&raft->membership.before, &raft->membership.now) ||
	    planted(PLANTED_GROWN_UNHEARD))
		return now;
	before = majority_in(raft, &raft->membership.before, held);
	return before < now ? before : now;
}

/*
 * Whose votes matter, as bits: members by their place, and beyond the places the
 * one that an open change has taken out.
 */
uint32_t raft_vote_bit(const struct raft *raft, uint32_t id)
{
	int place = raft_place(raft, id);
	bool votes = place >= 0 && has_vote(&raft->membership.now, id);

	if (!votes && raft_membership_open(raft))
		votes = raft_role_votes(
			raft_members_role(&raft->membership.before, id));
	if (!votes)
		return 0;
	return 1U << (place >= 0 ? place : RAFT_MEMBERS_MAX);
}

unsigned int raft_votes_among(const struct raft *raft, uint32_t bits,
			      const struct raft_members *members)
{
	unsigned int places = raft_members_count(members), count = 0, i;

	for (i = 0; i < places; i++)
		count += raft_role_votes(raft_members_role_at(members, i)) &&
			 (raft_vote_bit(raft, members->ids[i]) & bits);
	return count;
}

/* Those left out are fewer than a majority. */
static bool meets(const struct raft *raft, uint32_t bits,
		  const struct raft_members *members)
{
	unsigned int voting = raft_members_voting(members);

	return voting - raft_votes_among(raft, bits, members) < voting / 2 + 1;
}

bool raft_meets_majorities(const struct raft *raft, uint32_t bits)
{
	return meets(raft, bits, &raft->membership.now) &&
	       (!raft_membership_open(raft) ||
		meets(raft, bits, &raft->membership.before));
}

static bool has_voters(const struct raft *raft, uint32_t bits,
		       const struct raft_members *members)
{
	unsigned int count = raft_members_count(members), i;

	for (i = 0; i < count; i++)
		if (raft_members_role_at(members, i) == RAFT_MEMBER_VOTER &&
		    !(raft_vote_bit(raft, members->ids[i]) & bits))
			return false;
	return true;
}

bool raft_has_all_voters(const struct raft *raft, uint32_t bits)
{
	return has_voters(raft, bits, &raft->membership.now) &&
	       (!raft_membership_open(raft) ||
		has_voters(raft, bits, &raft->membership.before));
}

enum raft_member_role raft_own_role(const struct raft *raft)
{
	return raft_members_role(&raft->membership.now, raft->config.id);
}

bool raft_is_barred(const struct raft *raft)
{
	return (raft->hard.damaged || !raft->hard.joined) &&
	       !planted(PLANTED_BARRED_IGNORED);
}

bool raft_is_electable(const struct raft *raft)
{
	uint32_t id = raft->config.id;

	if (raft_own_role(raft) == RAFT_MEMBER_VOTER)
		return true;
	/* It may take us to finish our own removal (thesis 4.2.2). */
	return raft_membership_open(raft) &&
	       raft_members_role(&raft->membership.before, id) ==
		       RAFT_MEMBER_VOTER;
}
