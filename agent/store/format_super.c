// SPDX-License-Identifier: GPL-2.0
/*
 * The superblock and its table of regions; see format.h.  Nothing here trusts a
 * byte before its checksum, nor a value after it.
 */
#include <string.h>

#include "store/format_bytes.h"

static const uint8_t super_magic[8] = "QBDSUPER";

#define SUPER_REGIONS 144
#define SUPER_REGION_BYTES 24
#define SUPER_MAGIC_AGAIN 504

const char *format_align_check(uint32_t align, uint32_t least)
{
	if (align != 512 && align != 4096)
		return "disk sectors are neither 512 nor 4096 bytes";
	if (align > least)
		return "the disk has sectors of 4096 bytes; write block-size = 4096; into the volume's configuration on all nodes, or take a disk with smaller sectors";
	return NULL;
}

const char *format_identity_check(const struct store_identity *identity)
{
	if (identity->node_id == 0)
		return "node id is 0";
	if (!identity->volume_name[0] ||
	    !memchr(identity->volume_name, 0, sizeof(identity->volume_name)))
		return "no volume name, or too long";
	if (identity->block_size != 512 && identity->block_size != 4096)
		return "block size is neither 512 nor 4096";
	if (identity->volume_bytes == 0 ||
	    identity->volume_bytes > FORMAT_BYTES_MAX)
		return "volume size is 0 or too large";
	if (identity->volume_bytes % identity->block_size)
		return "volume size is not a multiple of the block size";
	if (identity->log_bytes < FORMAT_RING_BYTES_MIN ||
	    identity->log_bytes > FORMAT_BYTES_MAX)
		return "log is too small or too large";
	if (identity->log_bytes % FORMAT_BLOCK)
		return "log size is not a multiple of 4096";
	if (identity->data_offset % FORMAT_BLOCK ||
	    identity->data_offset > FORMAT_BYTES_MAX)
		return "data begins at no multiple of 4096";
	return NULL;
}

uint64_t format_super_first(const struct store_identity *identity)
{
	if (identity->data_offset)
		return 0;
	return format_round_up(identity->volume_bytes, FORMAT_BLOCK);
}

uint64_t format_super_last(uint64_t disk_bytes)
{
	if (disk_bytes < 2 * FORMAT_BLOCK)
		return 0;
	return disk_bytes / FORMAT_BLOCK * FORMAT_BLOCK - FORMAT_BLOCK;
}

struct format_region *format_region(struct format_super *super, uint16_t kind)
{
	unsigned int i;

	for (i = 0; i < super->region_count; i++)
		if (super->regions[i].kind == kind)
			return &super->regions[i];
	return NULL;
}

static const struct format_region *region_of(const struct format_super *super,
					     uint16_t kind)
{
	return format_region((struct format_super *)(uintptr_t)super, kind);
}

/* Behind what has to lie at the disk's beginning. */
static uint64_t front_end(const struct store_identity *identity)
{
	uint64_t end = identity->data_offset +
		       format_round_up(identity->volume_bytes, FORMAT_BLOCK);

	return identity->data_offset ? end : end + FORMAT_BLOCK;
}

static void region_put(struct format_super *super, uint16_t kind,
		       uint16_t device, uint64_t offset, uint64_t bytes)
{
	super->regions[super->region_count++] = (struct format_region){
		.kind = kind,
		.device = device,
		.flags = FORMAT_REGION_NEEDED,
		.offset = offset,
		.bytes = bytes,
	};
}

bool format_super_new(const struct store_identity *identity, uint32_t align,
		      uint64_t disk_bytes, uint64_t second_bytes,
		      struct format_super *super)
{
	uint64_t meta_bytes = (uint64_t)FORMAT_META_BLOCKS * FORMAT_BLOCK;
	uint64_t behind = meta_bytes + identity->log_bytes;
	uint64_t last = format_super_last(disk_bytes);
	uint16_t device = second_bytes ? 1 : 0;
	uint64_t at = FORMAT_BLOCK;

	*super = (struct format_super){
		.identity = *identity,
		.version = FORMAT_VERSION,
		.align = align,
		.generation = 1,
	};
	if (!last || front_end(identity) > last)
		return false;
	if (device ? second_bytes < at + behind :
		     last - front_end(identity) < behind)
		return false;
	if (!device)
		at = last - behind;
	region_put(super, STORE_REGION_DATA, 0, identity->data_offset,
		   format_round_up(identity->volume_bytes, FORMAT_BLOCK));
	region_put(super, STORE_REGION_META, device, at, meta_bytes);
	region_put(super, STORE_REGION_LOG, device, at + meta_bytes,
		   identity->log_bytes);
	return true;
}

uint64_t store_bytes_needed(const struct store_identity *identity)
{
	return store_first_bytes_needed(identity) +
	       (uint64_t)FORMAT_META_BLOCKS * FORMAT_BLOCK +
	       format_round_up(identity->log_bytes, FORMAT_BLOCK);
}

uint64_t store_first_bytes_needed(const struct store_identity *identity)
{
	return front_end(identity) + FORMAT_BLOCK;
}

uint64_t store_second_bytes_needed(const struct store_identity *identity)
{
	return (1 + (uint64_t)FORMAT_META_BLOCKS) * FORMAT_BLOCK +
	       format_round_up(identity->log_bytes, FORMAT_BLOCK);
}

bool format_regions_overlap(const struct format_region *a,
			    const struct format_region *b)
{
	return a->device == b->device && a->offset < b->offset + b->bytes &&
	       b->offset < a->offset + a->bytes;
}

static const char *region_check(const struct format_super *super,
				unsigned int which)
{
	const struct format_region *region = &super->regions[which];
	const struct format_region superblock = {
		.device = region->device,
		.offset = region->device ? 0 :
					   format_super_first(&super->identity),
		.bytes = FORMAT_BLOCK,
	};
	unsigned int i;

	if (!region->kind || region->device > 1 || !region->bytes ||
	    region->offset % FORMAT_BLOCK || region->bytes % FORMAT_BLOCK ||
	    region->offset > 2 * FORMAT_BYTES_MAX ||
	    region->bytes > 2 * FORMAT_BYTES_MAX)
		return "an impossible region";
	if (format_regions_overlap(region, &superblock))
		return "a region over the superblock";
	for (i = 0; i < which; i++) {
		if (super->regions[i].kind == region->kind)
			return "two regions of one kind";
		if (format_regions_overlap(&super->regions[i], region))
			return "regions that overlap";
	}
	return NULL;
}

const char *format_super_check(const struct format_super *super)
{
	const struct store_identity *identity = &super->identity;
	const struct format_region *data, *meta, *log;
	const char *wrong = format_identity_check(identity);
	unsigned int i;

	for (i = 0; i < super->region_count && !wrong; i++)
		wrong = region_check(super, i);
	if (wrong)
		return wrong;
	data = region_of(super, STORE_REGION_DATA);
	meta = region_of(super, STORE_REGION_META);
	log = region_of(super, STORE_REGION_LOG);
	if (!data || !meta || !log)
		return "a region is missing";
	if (data->device || data->offset != identity->data_offset ||
	    data->bytes < identity->volume_bytes)
		return "the volume does not fit into its data area";
	if (meta->bytes < (uint64_t)FORMAT_META_BLOCKS * FORMAT_BLOCK)
		return "the metadata does not fit into its region";
	if (log->bytes != identity->log_bytes)
		return "the log has another size than its region";
	return format_align_check(super->align, log->device ?
							FORMAT_BLOCK :
							identity->block_size);
}

bool format_layout(const struct format_super *super, uint64_t disk_bytes,
		   uint64_t second_bytes, struct format_layout *layout)
{
	const struct format_region *log = region_of(super, STORE_REGION_LOG);
	uint64_t last = format_super_last(disk_bytes), meta;
	unsigned int i;

	/* The two superblocks are two. */
	if (front_end(&super->identity) > last)
		return false;
	for (i = 0; i < super->region_count; i++) {
		const struct format_region *region = &super->regions[i];

		if (region->offset + region->bytes >
		    (region->device ? second_bytes : last))
			return false;
	}
	meta = format_region_offset(region_of(super, STORE_REGION_META));
	layout->super[0] = format_super_first(&super->identity);
	layout->super[1] = last;
	layout->data = super->identity.data_offset;
	for (i = 0; i < 2; i++) {
		layout->state[i] = meta + (uint64_t)i * FORMAT_BLOCK;
		layout->checkpoint[i] = meta + (2ULL + i) * FORMAT_BLOCK;
		layout->note[i] = meta + (4ULL + i) * FORMAT_BLOCK;
	}
	layout->ring = format_region_offset(log);
	layout->ring_bytes = log->bytes;
	layout->end = layout->ring + layout->ring_bytes;
	return true;
}

uint64_t format_super_bytes(const struct format_super *super,
			    unsigned int device)
{
	uint64_t end = device ? FORMAT_BLOCK : front_end(&super->identity);
	unsigned int i;

	for (i = 0; i < super->region_count; i++) {
		const struct format_region *region = &super->regions[i];

		if (region->device == device &&
		    region->offset + region->bytes > end)
			end = region->offset + region->bytes;
	}
	return device ? end : end + FORMAT_BLOCK;
}

static void put_region(uint8_t *at, const struct format_region *region)
{
	put16(at, region->kind);
	put16(at + 2, region->device);
	put32(at + 4, region->flags);
	put64(at + 8, region->offset);
	put64(at + 16, region->bytes);
}

static void get_region(const uint8_t *at, struct format_region *region)
{
	region->kind = get16(at);
	region->device = get16(at + 2);
	region->flags = get32(at + 4);
	region->offset = get64(at + 8);
	region->bytes = get64(at + 16);
}

void format_super_encode(const struct format_super *super, uint8_t *bytes)
{
	const struct store_identity *identity = &super->identity;
	unsigned int i;

	memset(bytes, 0, FORMAT_META_BYTES);
	memcpy(bytes, super_magic, sizeof(super_magic));
	put32(bytes + 12, super->version);
	memcpy(bytes + 16, identity->volume_id, STORE_ID_BYTES);
	put32(bytes + 32, identity->node_id);
	put32(bytes + 36, identity->block_size);
	put64(bytes + 40, identity->volume_bytes);
	put64(bytes + 48, super->generation);
	put64(bytes + 56, super->offset);
	put32(bytes + 64, super->align);
	put16(bytes + 68, super->device);
	put16(bytes + 70, super->region_count);
	memcpy(bytes + 72, identity->volume_name,
	       sizeof(identity->volume_name));
	put64(bytes + 136, identity->serial);
	for (i = 0; i < super->region_count; i++)
		put_region(bytes + SUPER_REGIONS + i * SUPER_REGION_BYTES,
			   &super->regions[i]);
	memcpy(bytes + SUPER_MAGIC_AGAIN, super_magic, sizeof(super_magic));
	put32(bytes + FORMAT_META_CRC, format_meta_crc(bytes));
}

/* What follows from the table. */
static void identity_fill(struct format_super *super)
{
	const struct format_region *data = region_of(super, STORE_REGION_DATA);
	const struct format_region *log = region_of(super, STORE_REGION_LOG);

	super->identity.data_offset = data ? data->offset : 0;
	super->identity.log_bytes = log ? log->bytes : 0;
}

enum format_answer format_super_decode(const uint8_t *bytes, uint64_t offset,
				       struct format_super *super)
{
	struct store_identity *identity = &super->identity;
	unsigned int i;

	if (memcmp(bytes, super_magic, sizeof(super_magic)) != 0 &&
	    memcmp(bytes + SUPER_MAGIC_AGAIN, super_magic,
		   sizeof(super_magic)) != 0)
		return FORMAT_BLANK;
	memset(super, 0, sizeof(*super));
	identity->volume_bytes = get64(bytes + 40);
	if (get32(bytes + FORMAT_META_CRC) != format_meta_crc(bytes) ||
	    memcmp(bytes, super_magic, sizeof(super_magic)) != 0)
		return FORMAT_BAD;
	super->version = get32(bytes + 12);
	if (super->version != FORMAT_VERSION)
		return FORMAT_OTHER;
	memcpy(identity->volume_id, bytes + 16, STORE_ID_BYTES);
	identity->node_id = get32(bytes + 32);
	identity->block_size = get32(bytes + 36);
	super->generation = get64(bytes + 48);
	super->offset = get64(bytes + 56);
	super->align = get32(bytes + 64);
	super->device = get16(bytes + 68);
	super->region_count = get16(bytes + 70);
	memcpy(identity->volume_name, bytes + 72,
	       sizeof(identity->volume_name));
	identity->serial = get64(bytes + 136);
	if (super->offset != offset || !super->generation ||
	    super->generation >= FORMAT_NUMBER_MAX ||
	    super->region_count > FORMAT_REGIONS_MAX)
		return FORMAT_BAD;
	for (i = 0; i < super->region_count; i++)
		get_region(bytes + SUPER_REGIONS + i * SUPER_REGION_BYTES,
			   &super->regions[i]);
	identity_fill(super);
	return format_super_check(super) ? FORMAT_BAD : FORMAT_GOOD;
}
