// SPDX-License-Identifier: GPL-2.0
/* See members.h. */
#include "raft/members.h"

#include <string.h>

static void role_put(struct raft_members *members, unsigned int place,
		     enum raft_member_role role)
{
	unsigned int roles = members->roles & ~(3U << (2 * place));

	members->roles = (uint16_t)(roles | (unsigned int)role << (2 * place));
}

/* The place of @id, or the one where it would go. */
static unsigned int place_of(const struct raft_members *members, uint32_t id)
{
	unsigned int place = 0;

	while (place < RAFT_MEMBERS_MAX && members->ids[place] &&
	       members->ids[place] < id)
		place++;
	return place;
}

enum raft_member_role raft_members_role(const struct raft_members *members,
					uint32_t id)
{
	unsigned int place = place_of(members, id);

	if (id == 0 || place == RAFT_MEMBERS_MAX || members->ids[place] != id)
		return RAFT_MEMBER_NONE;
	return raft_members_role_at(members, place);
}

static void take_out(struct raft_members *members, unsigned int place)
{
	for (; place + 1 < RAFT_MEMBERS_MAX; place++) {
		members->ids[place] = members->ids[place + 1];
		role_put(members, place,
			 raft_members_role_at(members, place + 1));
	}
	members->ids[place] = 0;
	role_put(members, place, RAFT_MEMBER_NONE);
}

static void put_in(struct raft_members *members, unsigned int place,
		   uint32_t id)
{
	unsigned int i;

	for (i = RAFT_MEMBERS_MAX - 1; i > place; i--) {
		members->ids[i] = members->ids[i - 1];
		role_put(members, i, raft_members_role_at(members, i - 1));
	}
	members->ids[place] = (uint16_t)id;
}

bool raft_members_set(struct raft_members *members, uint32_t id,
		      enum raft_member_role role)
{
	unsigned int place = place_of(members, id);
	bool held = place < RAFT_MEMBERS_MAX && members->ids[place] == id;

	if (id == 0 || id > RAFT_MEMBER_ID_MAX)
		return false;
	if (role == RAFT_MEMBER_NONE) {
		if (held)
			take_out(members, place);
		return true;
	}
	if (!held) {
		if (members->ids[RAFT_MEMBERS_MAX - 1])
			return false;
		put_in(members, place, id);
	}
	role_put(members, place, role);
	return true;
}

unsigned int raft_members_voting(const struct raft_members *members)
{
	unsigned int count = raft_members_count(members), voting = 0, i;

	for (i = 0; i < count; i++)
		voting += raft_role_votes(raft_members_role_at(members, i));
	return voting;
}

bool raft_members_equal(const struct raft_members *a,
			const struct raft_members *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool raft_members_said(const struct raft_members *members)
{
	static const struct raft_members none;

	return !raft_members_equal(members, &none);
}

const char *raft_members_check(const struct raft_members *members)
{
	unsigned int count = raft_members_count(members), i;
	unsigned int voters = 0, witnesses = 0;

	for (i = 0; i < count; i++) {
		enum raft_member_role role = raft_members_role_at(members, i);

		if (!role || (i && members->ids[i] <= members->ids[i - 1]))
			return "members not in their one form";
		voters += role == RAFT_MEMBER_VOTER;
		witnesses += role == RAFT_MEMBER_WITNESS;
	}
	for (; i < RAFT_MEMBERS_MAX; i++)
		if (members->ids[i])
			return "members not in their one form";
	if (members->roles >> (2 * count))
		return "members not in their one form";
	if (!voters)
		return "no member that could lead";
	if (witnesses >= voters)
		return "not fewer witnesses than voters";
	return NULL;
}
