/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The members of a volume and their roles.  A value: small, comparable byte for
 * byte, with exactly one form per membership: places in rising order of ids,
 * free ones last and zero.  All zero: not known.
 */
#ifndef RAFT_MEMBERS_H
#define RAFT_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#define RAFT_MEMBERS_MAX 7
#define RAFT_MEMBER_ID_MAX 65535

/* The values stand on disk and wire, two bits for each place. */
enum raft_member_role {
	RAFT_MEMBER_NONE = 0,
	RAFT_MEMBER_VOTER = 1, /* votes, holds the data, may lead */
	RAFT_MEMBER_LEARNER = 2, /* is sent everything, counts for nothing */
	RAFT_MEMBER_WITNESS = 3, /* votes, holds the entries' heads only */
};

struct raft_members {
	uint16_t ids[RAFT_MEMBERS_MAX]; /* 0: free */
	uint16_t roles; /* place i: bits 2i and 2i + 1 */
};

/** raft_members_count() - places taken; they are the first */
static inline unsigned int
raft_members_count(const struct raft_members *members)
{
	unsigned int count = 0;

	while (count < RAFT_MEMBERS_MAX && members->ids[count])
		count++;
	return count;
}

/** raft_members_role() - NONE when @id is no member */
enum raft_member_role raft_members_role(const struct raft_members *members,
					uint32_t id);

/** raft_members_role_at() - of a place that is taken */
static inline enum raft_member_role
raft_members_role_at(const struct raft_members *members, unsigned int place)
{
	return (enum raft_member_role)(members->roles >> (2 * place) & 3U);
}

/**
 * raft_members_set() - add @id, change its role, or (NONE) take it out
 * Return: false, and nothing changed: no room, or no possible id.
 */
bool raft_members_set(struct raft_members *members, uint32_t id,
		      enum raft_member_role role);

/** raft_role_votes() - do its vote and its acknowledgement count? */
static inline bool raft_role_votes(enum raft_member_role role)
{
	return role == RAFT_MEMBER_VOTER || role == RAFT_MEMBER_WITNESS;
}

/** raft_members_voting() - how many members' votes count */
unsigned int raft_members_voting(const struct raft_members *members);

bool raft_members_equal(const struct raft_members *a,
			const struct raft_members *b);

/** raft_members_said() - false when all zero */
bool raft_members_said(const struct raft_members *members);

/**
 * raft_members_check() - is this a possible membership?
 * In the one form, at least one member can lead, and there are fewer witnesses
 * than voters: so each majority, also when one vote is added or taken away, has
 * a member that holds the data.
 * Return: NULL, or a text that says what is wrong with it.
 */
const char *raft_members_check(const struct raft_members *members);

#endif
