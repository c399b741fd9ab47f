// SPDX-License-Identifier: GPL-2.0
/* The two copies of the superblock: which is valid, and whose disk it is. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/size.h"
#include "store/internal.h"

/* What one place of a superblock was found to hold. */
struct copy {
	bool looked;
	int read_error;
	enum format_answer answer;
	struct format_super super;
};

static void copy_read(struct store_io *io, uint64_t offset, uint8_t *block,
		      struct copy *copy)
{
	memset(copy, 0, sizeof(*copy));
	copy->answer = FORMAT_BLANK;
	if (offset > io->size || io->size - offset < FORMAT_BLOCK)
		return;
	copy->looked = true;
	copy->read_error = io->ops->read(io, offset, block, FORMAT_BLOCK);
	if (copy->read_error)
		return;
	copy->answer = format_super_decode(block, offset, &copy->super);
	if (copy->answer == FORMAT_GOOD && copy->super.device)
		copy->answer = FORMAT_SECOND;
}

/* A first copy that says it belongs elsewhere is inside the volume. */
static bool first_read(struct store_io *io, uint64_t offset, uint8_t *block,
		       struct copy *copy)
{
	copy_read(io, offset, block, copy);
	if (copy->answer == FORMAT_GOOD &&
	    format_super_first(&copy->super.identity) != offset)
		copy->answer = FORMAT_BLANK;
	return copy->answer == FORMAT_GOOD;
}

static bool is_expected(const struct copy *copy,
			const struct store_identity *expected)
{
	const struct store_identity *found = &copy->super.identity;

	return !expected || (memcmp(found->volume_id, expected->volume_id,
				    STORE_ID_BYTES) == 0 &&
			     found->node_id == expected->node_id);
}

/* Else one of the two was left by an earlier formatting. */
static bool same_formatting(const struct copy *a, const struct copy *b)
{
	const struct store_identity *first = &a->super.identity;
	const struct store_identity *other = &b->super.identity;

	return memcmp(first->volume_id, other->volume_id, STORE_ID_BYTES) ==
		       0 &&
	       first->node_id == other->node_id &&
	       first->serial == other->serial;
}

/* Does @found prove to be the first copy that we look for? */
static bool is_first(const struct copy *found,
		     const struct store_identity *expected,
		     const struct copy *last)
{
	if (found->answer != FORMAT_GOOD)
		return false;
	if (expected)
		return is_expected(found, expected);
	return last->answer != FORMAT_GOOD || same_formatting(found, last);
}

/*
 * In block 0, or behind a volume of the expected size, or where the last copy
 * says, even a bad one; a good copy proves itself.  Block 0 may also hold a
 * replica that is stored in our volume, so one that is expected comes first.
 */
static void first_find(struct store_io *io,
		       const struct store_identity *expected,
		       const struct copy *last, uint8_t *block,
		       struct copy *first)
{
	uint64_t sizes[3] = { 0, expected ? expected->volume_bytes : 0, 0 };
	struct copy found;
	unsigned int i;

	if (last->answer == FORMAT_GOOD || last->answer == FORMAT_BAD)
		sizes[2] = last->super.identity.volume_bytes;
	memset(first, 0, sizeof(*first));
	first->answer = FORMAT_BLANK;
	for (i = 0; i < 3; i++) {
		if ((i && !sizes[i]) || sizes[i] > FORMAT_BYTES_MAX)
			continue;
		first_read(io, format_round_up(sizes[i], FORMAT_BLOCK), block,
			   &found);
		if (is_first(&found, expected, last)) {
			*first = found;
			return;
		}
		/* Else what says most. */
		if (first->answer == FORMAT_BLANK && !first->read_error)
			*first = found;
	}
}

/*
 * Was the last copy left by an earlier formatting, when the disk was as large
 * as now?  While it was smaller, nobody could erase it.  One that would have its
 * first copy in block 0 is no longer a replica's if something else of ours is
 * there.  A bad first copy proves nothing, and is made good from the last.
 */
static bool last_is_left_over(const struct copy *copies)
{
	if (copies[1].answer != FORMAT_GOOD ||
	    !copies[1].super.identity.data_offset)
		return false;
	return copies[0].answer == FORMAT_OTHER ||
	       copies[0].answer == FORMAT_SECOND ||
	       (copies[0].answer == FORMAT_GOOD &&
		!same_formatting(&copies[0], &copies[1]));
}

static int other_version(const struct format_super *super,
			 struct base_error *error)
{
	if (super->version < FORMAT_VERSION)
		return base_error_set(
			error, -ENOTSUP,
			"the replica was made by an older qbd (format version %u, this qbd reads %u); format the disk anew, and the other nodes fill it; where all replicas are that old, first save what the volume holds, with the older qbd",
			super->version, FORMAT_VERSION);
	return base_error_set(
		error, -ENOTSUP,
		"the replica has format version %u, this qbd knows %u; use a newer qbd",
		super->version, FORMAT_VERSION);
}

static int super_missing(const struct copy *copies, struct base_error *error)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (copies[i].answer == FORMAT_OTHER)
			return other_version(&copies[i].super, error);
	for (i = 0; i < 2; i++)
		if (copies[i].answer == FORMAT_SECOND)
			return base_error_set(
				error, -EINVAL,
				"the disk is the second one of a replica (of volume %s, node %" PRIu32
				"); name the first one, which holds the data",
				copies[i].super.identity.volume_name,
				copies[i].super.identity.node_id);
	for (i = 0; i < 2; i++)
		if (copies[i].answer == FORMAT_BAD)
			return base_error_set(
				error, -EBADMSG,
				"the superblock is damaged; format the disk anew, the other nodes will fill it");
	for (i = 0; i < 2; i++)
		if (copies[i].read_error)
			return base_error_set(error, -EIO,
					      "can't read the superblock: %s",
					      strerror(-copies[i].read_error));
	return base_error_set(
		error, -ENODATA,
		"there is no replica on this disk; `qbd format` makes one");
}

/* Which table counts? */
static unsigned int counting(const struct copy *copies,
			     const struct store_identity *expected)
{
	if (copies[0].answer != FORMAT_GOOD)
		return 1;
	if (copies[1].answer != FORMAT_GOOD)
		return 0;
	if (!same_formatting(&copies[0], &copies[1]))
		return is_expected(&copies[1], expected) &&
		       !is_expected(&copies[0], expected);
	return copies[1].super.generation > copies[0].super.generation;
}

static bool is_current(const struct copy *copy, const struct copy *counts)
{
	return copy->answer == FORMAT_GOOD && same_formatting(copy, counts) &&
	       copy->super.generation == counts->super.generation;
}

int super_read(struct store_io *io, const struct store_identity *expected,
	       uint8_t *block, struct format_super *super, unsigned int *bad,
	       struct base_error *error)
{
	uint64_t last = format_super_last(io->size);
	struct copy copies[2];
	unsigned int good, i;

	memset(copies, 0, sizeof(copies));
	copies[1].answer = FORMAT_BLANK;
	if (last)
		copy_read(io, last, block, &copies[1]);
	first_find(io, expected, &copies[1], block, &copies[0]);
	if (last_is_left_over(copies))
		copies[1].answer = FORMAT_BLANK;
	good = counting(copies, expected);
	if (copies[good].answer != FORMAT_GOOD)
		return super_missing(copies, error);
	*super = copies[good].super;
	if (!bad)
		return 0;
	*bad = 0;
	for (i = 0; i < 2; i++)
		if (!is_current(&copies[i], &copies[good]))
			*bad |= 1U << i;
	return 0;
}

int store_expect(const struct store_identity *found,
		 const struct store_identity *expected,
		 struct base_error *error)
{
	char there[BASE_SIZE_TEXT_MAX], wanted[BASE_SIZE_TEXT_MAX];

	if (memcmp(found->volume_id, expected->volume_id, STORE_ID_BYTES) != 0)
		return base_error_set(
			error, -EINVAL,
			"the disk belongs to another volume (named %s), not to %s; check the configured disk, or format it",
			found->volume_name, expected->volume_name);
	if (found->node_id != expected->node_id)
		return base_error_set(
			error, -EINVAL,
			"the disk is the replica of node %" PRIu32
			", not of node %" PRIu32
			"; check the configured disk, or format it",
			found->node_id, expected->node_id);
	base_size_text(found->volume_bytes, there);
	if (found->volume_bytes != expected->volume_bytes)
		return base_error_set(
			error, -EINVAL,
			"the replica was formatted for a volume of size \"%s\", the configuration says \"%s\"; put size = \"%s\"; back (a volume can't grow or shrink yet), or format the replicas of all nodes anew, which erases the volume",
			there, base_size_text(expected->volume_bytes, wanted),
			there);
	if (found->block_size != expected->block_size)
		return base_error_set(
			error, -EINVAL,
			"the replica was formatted for blocks of %" PRIu32
			" bytes, the configuration says %" PRIu32
			"; put block-size = %" PRIu32
			"; back, or format the replicas of all nodes anew, which erases the volume",
			found->block_size, expected->block_size,
			found->block_size);
	return 0;
}

void super_encode_block(const struct format_super *super, uint64_t offset,
			uint8_t *block)
{
	struct format_super copy = *super;

	copy.device = (uint16_t)store_io_disk_of(offset);
	copy.offset = offset & ~STORE_IO_SECOND;
	memset(block, 0, FORMAT_BLOCK);
	format_super_encode(&copy, block);
}

static bool needs_second(const struct format_super *super)
{
	unsigned int i;

	for (i = 0; i < super->region_count; i++)
		if (super->regions[i].device)
			return true;
	return false;
}

/* Why a disk with this in its first block is nobody's second one */
static int second_problem(enum format_answer answer,
			  const struct format_super *found,
			  struct base_error *error)
{
	switch (answer) {
	case FORMAT_OTHER:
		return other_version(found, error);
	case FORMAT_BAD:
		return base_error_set(
			error, -EBADMSG,
			"the superblock of the meta-disk is damaged; format the replica anew, and the other nodes fill it");
	case FORMAT_GOOD:
		return base_error_set(
			error, -EINVAL,
			"the meta-disk is the first disk of a replica (of volume %s, node %" PRIu32
			"); check disk and meta-disk in the configuration",
			found->identity.volume_name, found->identity.node_id);
	default:
		return base_error_set(
			error, -ENODATA,
			"there is no replica's metadata on the meta-disk; check meta-disk in the configuration, or format the replica anew, and the other nodes fill it");
	}
}

/* @offset: of a second disk's superblock, as struct store_io's */
static int second_read(struct store_io *io, uint64_t offset, uint8_t *block,
		       struct format_super *found, struct base_error *error)
{
	enum format_answer answer;
	int code = io->ops->read(io, offset, block, FORMAT_BLOCK);

	if (code)
		return base_error_set(error, -EIO,
				      "can't read the meta-disk: %s",
				      strerror(-code));
	answer = format_super_decode(block, 0, found);
	if (answer == FORMAT_GOOD && found->device)
		return 0;
	return second_problem(answer, found, error);
}

static int second_expect(const struct store_identity *found,
			 const struct store_identity *first,
			 struct base_error *error)
{
	if (memcmp(found->volume_id, first->volume_id, STORE_ID_BYTES) != 0)
		return base_error_set(
			error, -EINVAL,
			"the meta-disk belongs to another volume (named %s), not to %s; check meta-disk in the configuration",
			found->volume_name, first->volume_name);
	if (found->node_id != first->node_id)
		return base_error_set(
			error, -EINVAL,
			"the meta-disk belongs to the replica of node %" PRIu32
			", not of node %" PRIu32
			"; check meta-disk in the configuration",
			found->node_id, first->node_id);
	if (found->serial != first->serial)
		return base_error_set(
			error, -EINVAL,
			"disk and meta-disk were not formatted together; check both in the configuration, or format the replica anew, and the other nodes fill it");
	return 0;
}

int super_second(struct store_io *io, const struct format_super *super,
		 uint8_t *block, struct base_error *error)
{
	struct format_super found = { 0 };
	int code;

	if (!io->second_size && !needs_second(super))
		return 0;
	if (!io->second_size)
		return base_error_set(
			error, -EINVAL,
			"the replica has its metadata or log on a second disk; name that as meta-disk of this node in the configuration");
	code = second_read(io, STORE_IO_SECOND, block, &found, error);
	if (!code)
		code = second_expect(&found.identity, &super->identity, error);
	/* One that all regions have left is still the replica's. */
	if (code && !needs_second(super))
		code = base_error_set(
			error, -EINVAL,
			"the replica has no meta-disk; take meta-disk out of this node's configuration, or format the replica anew, and the other nodes fill it");
	return code;
}

static int too_short(const struct store_io *io,
		     const struct format_super *super, struct base_error *error)
{
	uint64_t first = format_super_bytes(super, 0);
	uint64_t second = format_super_bytes(super, 1);
	bool is_first = io->size < first;

	return base_error_set(
		error, -EINVAL,
		"the %s has %" PRIu64 " bytes, its replica needs %" PRIu64
		"; it has become smaller or is an incomplete copy; make it as large again, or format the replica anew, and the other nodes fill it",
		is_first ? "disk" : "meta-disk",
		is_first ? io->size : io->second_size,
		is_first ? first : second);
}

int super_place(struct store_io *io, const struct format_super *super,
		struct format_layout *layout, struct base_error *error)
{
	unsigned int i;

	for (i = 0; i < super->region_count; i++) {
		const struct format_region *region = &super->regions[i];

		if (region->kind > STORE_REGION_LOG &&
		    region->flags & FORMAT_REGION_NEEDED)
			return base_error_set(
				error, -ENOTSUP,
				"the replica uses something (region kind %u) that this qbd does not know; use a newer qbd",
				region->kind);
	}
	if (!format_layout(super, io->size, io->second_size, layout))
		return too_short(io, super, error);
	return 0;
}

int store_identify(struct store_io *io, struct store_identity *identity,
		   struct base_error *error)
{
	struct format_super super;
	struct base_buf *block;
	int code;

	block = base_buf_new(FORMAT_BLOCK);
	if (!block)
		return base_error_set(error, -ENOMEM, "out of memory");
	code = super_read(io, NULL, block->data, &super, NULL, error);
	base_buf_put(block);
	if (!code)
		*identity = super.identity;
	return code;
}

int store_identify_second(struct store_io *io, struct store_identity *identity,
			  struct base_error *error)
{
	struct format_super super;
	struct base_buf *block;
	int code;

	block = base_buf_new(FORMAT_BLOCK);
	if (!block)
		return base_error_set(error, -ENOMEM, "out of memory");
	code = second_read(io, 0, block->data, &super, error);
	base_buf_put(block);
	if (!code)
		*identity = super.identity;
	return code;
}
