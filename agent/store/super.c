// SPDX-License-Identifier: GPL-2.0
/* The two copies of the superblock: which is good, and whose disk it is. */
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
	if (offset == 0 || offset > io->size ||
	    io->size - offset < FORMAT_BLOCK)
		return;
	copy->looked = true;
	copy->read_error = io->ops->read(io, offset, block, FORMAT_BLOCK);
	if (!copy->read_error)
		copy->answer = format_super_decode(block, offset, &copy->super);
}

static int super_missing(const struct copy *copies, struct base_error *error)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (copies[i].answer == FORMAT_LATER)
			return base_error_set(
				error, -ENOTSUP,
				"the replica has format version %u, this qbd knows %u; use a newer qbd",
				copies[i].super.version, FORMAT_VERSION);
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

int super_read(struct store_io *io, const struct store_identity *expected,
	       uint8_t *block, struct format_super *super, unsigned int *bad,
	       struct base_error *error)
{
	struct copy copies[2];
	uint64_t volume_bytes = 0;
	unsigned int good;

	copy_read(io, format_super_last(io->size), block, &copies[1]);
	/* Even a bad last copy may tell where the first one is: that one proves
	 * itself. */
	if (copies[1].answer == FORMAT_GOOD || copies[1].answer == FORMAT_BAD)
		volume_bytes = copies[1].super.identity.volume_bytes;
	if (copies[1].answer != FORMAT_GOOD && expected)
		volume_bytes = expected->volume_bytes;
	if (volume_bytes > FORMAT_BYTES_MAX)
		volume_bytes = 0;
	copy_read(io, format_super_first(volume_bytes), block, &copies[0]);

	if (copies[0].answer == FORMAT_GOOD)
		good = 0;
	else if (copies[1].answer == FORMAT_GOOD)
		good = 1;
	else
		return super_missing(copies, error);
	*super = copies[good].super;
	if (bad)
		*bad = (copies[0].answer != FORMAT_GOOD ? 1U : 0U) |
		       (copies[1].answer != FORMAT_GOOD ? 2U : 0U);
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

void super_encode_block(const struct store_identity *identity, uint32_t align,
			uint64_t offset, uint8_t *block)
{
	struct format_super super = {
		.identity = *identity,
		.version = FORMAT_VERSION,
		.align = align,
		.offset = offset,
	};

	memset(block, 0, FORMAT_BLOCK);
	format_super_encode(&super, block);
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
