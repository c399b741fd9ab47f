/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of the store share: a small replica, entries whose every field
 * and byte follow from their index and term, and a look at one that came back.
 */
#ifndef TESTS_LIB_REPLICA_H
#define TESTS_LIB_REPLICA_H

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "base/crc.h"
#include "store/format.h"
#include "store/store.h"
#include "tests/lib/random.h"

#ifndef RIG_VOLUME_BYTES
#define RIG_VOLUME_BYTES (128ULL << 10)
#endif
#ifndef RIG_LOG_BYTES
#define RIG_LOG_BYTES (256ULL << 10)
#endif

static inline struct store_identity rig_identity(uint32_t block_size)
{
	struct store_identity identity = {
		.volume_id = "0123456789abcde",
		.volume_name = "vol0",
		.node_id = 1,
		.block_size = block_size,
		.volume_bytes = RIG_VOLUME_BYTES,
		.log_bytes = RIG_LOG_BYTES,
	};

	return identity;
}

static inline uint64_t rig_disk_bytes(void)
{
	struct store_identity identity = rig_identity(512);

	return store_bytes_needed(&identity);
}

/* Where a replica that was just made has what. */
static inline bool rig_layout(const struct store_identity *identity,
			      uint64_t disk_bytes, struct format_layout *layout)
{
	struct format_super super;

	return format_super_new(identity, 512, disk_bytes, 0, &super) &&
	       format_layout(&super, disk_bytes, 0, layout);
}

/* Puts at @at the checksum of all that follows it, up to @size. */
static inline void rig_seal(uint8_t *bytes, size_t at, size_t size)
{
	uint32_t crc = htole32(base_crc32c(0, bytes + at + 4, size - at - 4));

	memcpy(bytes + at, &crc, sizeof(crc));
}

/* A superblock of version 2, as the qbd of that time wrote it at @offset. */
static inline void rig_put_version_2(const struct store_identity *identity,
				     uint64_t offset, uint8_t *bytes)
{
	uint32_t version = htole32(2), align = htole32(512);
	uint32_t numbers[2] = { htole32(identity->node_id),
				htole32(identity->block_size) };
	uint64_t sizes[3] = { htole64(identity->volume_bytes),
			      htole64(identity->log_bytes), htole64(offset) };

	memset(bytes, 0, FORMAT_META_BYTES);
	memcpy(bytes, "QBDSUPER", 8);
	memcpy(bytes + 12, &version, sizeof(version));
	memcpy(bytes + 16, identity->volume_id, STORE_ID_BYTES);
	memcpy(bytes + 32, numbers, sizeof(numbers));
	memcpy(bytes + 40, sizes, sizeof(sizes));
	memcpy(bytes + 64, &align, sizeof(align));
	memcpy(bytes + 68, identity->volume_name,
	       sizeof(identity->volume_name));
	memcpy(bytes + 504, "QBDSUPER", 8);
	rig_seal(bytes, 8, FORMAT_META_BYTES);
}

static inline uint64_t rig_mix(uint64_t a, uint64_t b)
{
	return random_of(a, b);
}

static inline void rig_fill(uint8_t *data, size_t size, uint64_t seed)
{
	size_t i;

	for (i = 0; i < size; i += 8) {
		seed = rig_mix(seed, i + 1);
		memcpy(data + i, &seed, 8);
	}
}

/* Mostly small writes, some large, some ranges of zeroes, some empty ones. */
static inline struct raft_entry *
rig_entry(const struct store_identity *identity, uint64_t index, uint64_t term)
{
	uint64_t random = rig_mix(index, term), blocks, most;
	uint32_t block = identity->block_size;
	struct raft_entry *entry = raft_entry_new();

	assert(entry);
	entry->index = index;
	entry->term = term;
	raft_members_set(&entry->standing.members, 1, RAFT_MEMBER_VOTER);
	raft_members_set(&entry->standing.members,
			 2 + (uint32_t)(index % 60000), RAFT_MEMBER_LEARNER);
	entry->standing.epoch = index / 7;
	entry->standing.tag = index * 3;
	entry->standing.writer = (uint32_t)(index % 5);
	entry->op = random % 10 == 0 ? RAFT_OP_NOOP :
		    random % 10 == 1 ? RAFT_OP_OPEN :
		    random % 10 == 2 ? RAFT_OP_ZERO :
				       RAFT_OP_WRITE;
	if (entry->op == RAFT_OP_NOOP || entry->op == RAFT_OP_OPEN)
		return entry;
	most = (random >> 8) % 13 == 0 ? 65536 : 8192;
	blocks = 1 + (random >> 16) % (most / block);
	entry->length = (uint32_t)(blocks * block);
	entry->offset = (random >> 32) %
			((identity->volume_bytes - entry->length) / block + 1) *
			block;
	if (entry->op == RAFT_OP_ZERO)
		return entry;
	/* Now and then at an odd address, as payloads from a socket are. */
	entry->buf = base_buf_new(entry->length + 64);
	assert(entry->buf);
	entry->data = entry->buf->data + (index % 3 == 0 ? 24 : 0);
	rig_fill((uint8_t *)(uintptr_t)entry->data, entry->length, random);
	entry->data_crc = base_crc32c(0, entry->data, entry->length);
	return entry;
}

static inline bool rig_same_head(const struct raft_entry *a,
				 const struct raft_entry *b)
{
	return a->index == b->index && a->term == b->term && a->op == b->op &&
	       a->offset == b->offset && a->length == b->length &&
	       a->data_crc == b->data_crc && a->bare == b->bare &&
	       raft_standing_equal(&a->standing, &b->standing);
}

/* Is it the entry that was made for that index and term, payload and all? */
static inline bool rig_is(const struct store_identity *identity,
			  const struct raft_entry *entry, bool with_data)
{
	struct raft_entry *made =
		rig_entry(identity, entry->index, entry->term);
	bool same = rig_same_head(made, entry);

	if (same && with_data && made->op == RAFT_OP_WRITE)
		same = entry->data &&
		       memcmp(entry->data, made->data, made->length) == 0;
	raft_entry_put(made);
	return same;
}

/* What an entry does to the data area. */
static inline void rig_apply(uint8_t *image, const struct raft_entry *entry)
{
	if (entry->op == RAFT_OP_WRITE)
		memcpy(image + entry->offset, entry->data, entry->length);
	if (entry->op == RAFT_OP_ZERO)
		memset(image + entry->offset, 0, entry->length);
}

/* Open it and close it again.  Return: store_open()'s. */
static inline int rig_open_once(struct store_io *io,
				const struct store_identity *identity,
				struct base_error *error)
{
	struct store_boot boot;
	struct store *store;
	int code = store_open(io, identity, false, &store, &boot, error);

	if (code)
		return code;
	store_boot_free(&boot);
	store_close(store);
	return 0;
}

#endif
