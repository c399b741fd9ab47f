// SPDX-License-Identifier: GPL-2.0
/* See entry.h. */
#include "raft/entry.h"

#include <assert.h>
#include <stdlib.h>

struct raft_entry *raft_entry_new(void)
{
	struct raft_entry *entry = malloc(sizeof(*entry));

	/* One per write: calloc() does without malloc()'s quick lists. */
	if (entry)
		*entry = (struct raft_entry){ .refs = 1 };
	return entry;
}

struct raft_entry *raft_entry_get(struct raft_entry *entry)
{
	__atomic_add_fetch(&entry->refs, 1, __ATOMIC_RELAXED);
	return entry;
}

void raft_entry_put(struct raft_entry *entry)
{
	uint32_t left;

	if (!entry)
		return;
	left = __atomic_sub_fetch(&entry->refs, 1, __ATOMIC_ACQ_REL);
	assert(left != UINT32_MAX);
	if (left)
		return;
	base_buf_put(entry->buf);
	free(entry);
}

uint32_t raft_entry_data_bytes(const struct raft_entry *entry)
{
	return raft_op_has_data(entry->op) && !entry->bare ? entry->length : 0;
}

/* The finaliser of splitmix64: each bit of the input changes half of them. */
static uint64_t mix(uint64_t sum, uint64_t word)
{
	uint64_t z = (sum ^ word) + 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint64_t raft_entry_chain(uint64_t before, const struct raft_entry *entry)
{
	const struct raft_standing *standing = &entry->standing;
	uint64_t sum = mix(before, entry->index);
	unsigned int i;

	sum = mix(sum, entry->term);
	sum = mix(sum, entry->offset);
	sum = mix(sum, (uint64_t)entry->length << 32 | entry->data_crc);
	sum = mix(sum, (uint64_t)entry->op << 32 | standing->writer);
	sum = mix(sum, standing->epoch);
	sum = mix(sum, standing->tag);
	for (i = 0; i < RAFT_MEMBERS_MAX; i++)
		sum = mix(sum, standing->members.ids[i]);
	sum = mix(sum, standing->members.roles);
	return sum ? sum : 1;
}

const char *raft_entry_check(const struct raft_entry *entry,
			     const struct raft_entry *before,
			     uint64_t volume_bytes)
{
	const struct raft_members *members = &entry->standing.members;
	const char *problem;

	if (entry->index == 0 || entry->term == 0)
		return "index or term is 0";
	/* Nearly always they are those of the entry before. */
	if (!before ||
	    !raft_members_equal(members, &before->standing.members)) {
		problem = raft_members_check(members);
		if (problem)
			return problem;
	}
	if (!raft_op_known(entry->op))
		return "unknown op";
	if (entry->bare && !raft_op_has_data(entry->op))
		return "no payload is left out where none belongs";
	if (!raft_op_has_range(entry->op))
		return entry->length ? "a range where none belongs" : NULL;
	if (entry->length > raft_op_range_max(entry->op))
		return raft_op_has_data(entry->op) ? "payload too long" :
						     "range too long";
	if (entry->length == 0 || entry->length % 512 || entry->offset % 512)
		return "range not aligned to 512 bytes";
	if (entry->offset > volume_bytes ||
	    entry->length > volume_bytes - entry->offset)
		return "range beyond the end of the volume";
	return NULL;
}
