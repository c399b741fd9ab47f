// SPDX-License-Identifier: GPL-2.0
/* See disk.h. */
#include "tests/lib/disk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "tests/lib/random.h"

/* Overwritten contents that are kept; of more, the newest count alone. */
#define OLDER_MAX 8192
#define UNTOUCHED UINT32_MAX /* no stamp: never written, or zeroed */
#define NOWHERE UINT64_MAX

/* What a sector was given since the sync, and then lost to a newer write. */
struct older {
	uint64_t sector;
	uint64_t write; /* number of the write it is part of */
	uint8_t bytes[DISK_SECTOR];
};

struct disk {
	struct store_io io;
	struct disk *next_free;
	uint64_t room; /* bytes allocated */
	uint64_t gap_from; /* where no memory is */
	uint64_t gap_bytes;
	uint64_t random;
	uint8_t *cached; /* what is read */
	uint8_t *lasting; /* what certainly survives */
	uint8_t *dirty; /* per sector: written since the sync */
	uint8_t *bad; /* per sector: can't be read */
	uint32_t *stamps; /* per sector: the batch that wrote it */
	uint64_t *writers; /* per dirty sector: number of the newest write */
	uint32_t *dirty_list;
	uint32_t dirty_count;
	uint32_t stamp;
	struct older *olders; /* oldest first */
	size_t older_count;
	size_t older_room;
	uint64_t writes;
	uint64_t steps;
	uint64_t syncs;
	uint64_t stop_steps; /* 0: never */
	uint64_t stop_from; /* counted from a write here on */
	uint64_t stop_to;
	uint64_t stop_then;
	bool off;
	void (*meanwhile)(void); /* NULL while it runs */
	/* By which operations count: this many more, 0: none fails. */
	uint64_t fail_nth[(DISK_READ | DISK_WRITE | DISK_SYNC) + 1];
	struct disk_lie lie;
	uint32_t lie_stamp; /* when it lied */
	bool lied;
	uint64_t digest_offset;
	uint64_t digest_bytes;
	uint64_t digest;
};

/* Memory of disks is used again by the next seed: fresh pages cost more. */
static struct disk *free_disks;

uint64_t disk_random(struct disk *disk, uint64_t below)
{
	return random_below(&disk->random, below);
}

static struct disk *to_disk(struct store_io *io)
{
	return base_container_of(io, struct disk, io);
}

/* The kernel would refuse it. */
static void check(const struct disk *disk, uint64_t offset, const void *bytes,
		  uint64_t size)
{
	assert((offset | size) % disk->io.align == 0);
	assert((uintptr_t)bytes % disk->io.align == 0);
	assert(offset <= disk->io.size && size <= disk->io.size - offset);
}

static uint64_t memory_bytes(const struct disk *disk)
{
	return disk->io.size - disk->gap_bytes;
}

/* Where in memory it is; NOWHERE: in the gap. */
static uint64_t in_memory(const struct disk *disk, uint64_t offset)
{
	if (offset < disk->gap_from)
		return offset;
	if (offset - disk->gap_from < disk->gap_bytes)
		return NOWHERE;
	return offset - disk->gap_bytes;
}

/* From @offset in the gap to its end */
static uint64_t gap_left(const struct disk *disk, uint64_t offset)
{
	return disk->gap_from + disk->gap_bytes - offset;
}

uint64_t disk_digest_of(uint64_t sector, uint64_t id)
{
	return id ? random_mix(random_mix(sector + 1) ^ id) : 0;
}

static uint64_t sector_digest(const struct disk *disk, uint64_t sector)
{
	uint64_t at = sector * DISK_SECTOR;
	uint64_t id;

	if (at < disk->digest_offset ||
	    at - disk->digest_offset >= disk->digest_bytes)
		return 0;
	memcpy(&id, disk->cached + at, sizeof(id));
	return disk_digest_of((at - disk->digest_offset) / DISK_SECTOR, id);
}

static void sector_set(struct disk *disk, uint64_t sector, const uint8_t *bytes)
{
	uint8_t *cached = disk->cached + sector * DISK_SECTOR;

	disk->digest ^= sector_digest(disk, sector);
	if (bytes)
		memcpy(cached, bytes, DISK_SECTOR);
	else
		memset(cached, 0, DISK_SECTOR);
	disk->digest ^= sector_digest(disk, sector);
}

static void older_keep(struct disk *disk, uint64_t sector)
{
	struct older *older;

	if (disk->older_count == OLDER_MAX)
		return;
	if (disk->older_count == disk->older_room) {
		disk->older_room = 2 * disk->older_room + 64;
		disk->olders = realloc(disk->olders,
				       disk->older_room * sizeof(*older));
		assert(disk->olders);
	}
	older = &disk->olders[disk->older_count++];
	older->sector = sector;
	older->write = disk->writers[sector];
	memcpy(older->bytes, disk->cached + sector * DISK_SECTOR, DISK_SECTOR);
}

static void sector_write(struct disk *disk, uint64_t sector,
			 const uint8_t *bytes)
{
	if (disk->dirty[sector]) {
		older_keep(disk, sector);
	} else {
		disk->dirty[sector] = 1;
		disk->dirty_list[disk->dirty_count++] = (uint32_t)sector;
	}
	disk->writers[sector] = disk->writes;
	sector_set(disk, sector, bytes);
	disk->bad[sector] = 0;
	disk->stamps[sector] = bytes ? disk->stamp : UNTOUCHED;
}

/* Where this write really goes. */
static uint64_t lie_about(struct disk *disk, uint64_t offset, uint64_t size)
{
	struct disk_lie *lie = &disk->lie;
	uint64_t room = disk->io.size - lie->from, target = lie->target;

	if (lie->kind == DISK_LIE_NONE || disk->lied || offset < lie->from ||
	    (lie->to && offset >= lie->to))
		return offset;
	if (lie->nth > 1) {
		lie->nth--;
		return offset;
	}
	disk->lied = true;
	disk->lie_stamp = disk->stamp;
	if (lie->kind == DISK_LIE_LOST || size > room)
		return NOWHERE;
	if (!target)
		target = lie->from +
			 disk_random(disk, (room - size) / DISK_SECTOR + 1) *
				 DISK_SECTOR;
	return target > disk->io.size - size ? NOWHERE : target;
}

static void stop_arm(struct disk *disk, uint64_t offset)
{
	if (!disk->stop_then || offset < disk->stop_from ||
	    offset >= disk->stop_to)
		return;
	disk->stop_steps = disk->stop_then;
	disk->stop_then = 0;
}

/* Everything stops during this step. */
static bool stops(struct disk *disk)
{
	disk->steps++;
	if (disk->stop_steps && --disk->stop_steps == 0)
		disk->off = true;
	return disk->off;
}

/* Is it this operation's turn to fail? */
static bool fails(struct disk *disk, enum disk_op op)
{
	bool failed = false;
	unsigned int ops;

	for (ops = 1; ops <= (DISK_READ | DISK_WRITE | DISK_SYNC); ops++)
		if (ops & op && disk->fail_nth[ops] &&
		    --disk->fail_nth[ops] == 0)
			failed = true;
	return failed;
}

const uint8_t *disk_read_bytes(const struct disk *disk, uint64_t offset,
			       uint64_t size)
{
	if (memchr(disk->bad + offset / DISK_SECTOR, 1,
		   (offset + size) / DISK_SECTOR - offset / DISK_SECTOR))
		return NULL;
	return disk->cached + offset;
}

static int op_read(struct store_io *io, uint64_t offset, void *bytes,
		   size_t size)
{
	struct disk *disk = to_disk(io);
	const uint8_t *at;

	check(disk, offset, bytes, size);
	if (disk->off || fails(disk, DISK_READ))
		return -EIO;
	offset = in_memory(disk, offset);
	assert(offset != NOWHERE);
	at = disk_read_bytes(disk, offset, size);
	if (!at)
		return -EIO;
	memcpy(bytes, at, size);
	return 0;
}

void disk_meanwhile(struct disk *disk, void (*fn)(void))
{
	disk->meanwhile = fn;
}

static void let_happen(struct disk *disk)
{
	void (*fn)(void) = disk->meanwhile;

	if (!fn)
		return;
	disk->meanwhile = NULL;
	fn();
	disk->meanwhile = fn;
}

/* How a write fares, from what is in store for it. */
struct fate {
	uint64_t offset; /* where it goes */
	bool part; /* some of it gets there */
	int error;
};

static struct fate write_begin(struct disk *disk, uint64_t offset,
			       uint64_t size)
{
	struct fate fate = { .part = fails(disk, DISK_WRITE) };
	bool stopped;

	stop_arm(disk, offset);
	stopped = stops(disk);
	if (fate.part || stopped)
		fate.error = -EIO;
	if (stopped && !fate.part)
		fate.part = disk_random(disk, 2);
	fate.offset = lie_about(disk, offset, size);
	disk->writes++;
	return fate;
}

/* False: that was the part that gets there.  @bytes: NULL: zeroes */
static bool write_run(struct disk *disk, struct fate *fate,
		      const uint8_t *bytes, uint64_t size)
{
	uint64_t most = size, at;

	if (fate->offset == NOWHERE)
		return false;
	if (fate->part)
		most = disk_random(disk, size / DISK_SECTOR + 1) * DISK_SECTOR;
	for (at = 0; at < most; at += DISK_SECTOR) {
		uint64_t to = in_memory(disk, fate->offset + at);

		if (to == NOWHERE) {
			assert(!bytes);
			at += gap_left(disk, fate->offset + at) - DISK_SECTOR;
			continue;
		}
		sector_write(disk, to / DISK_SECTOR, bytes ? bytes + at : NULL);
	}
	fate->offset += size;
	return most == size;
}

static int op_write(struct store_io *io, uint64_t offset,
		    const struct iovec *iov, unsigned int iov_count)
{
	struct disk *disk = to_disk(io);
	uint64_t size = 0;
	struct fate fate;
	unsigned int i;

	for (i = 0; i < iov_count; i++) {
		check(disk, offset + size, iov[i].iov_base, iov[i].iov_len);
		size += iov[i].iov_len;
	}
	let_happen(disk);
	if (disk->off)
		return -EIO;
	fate = write_begin(disk, offset, size);
	for (i = 0; i < iov_count; i++)
		if (!write_run(disk, &fate, iov[i].iov_base, iov[i].iov_len))
			break;
	return fate.error;
}

static int op_zero(struct store_io *io, uint64_t offset, uint64_t size)
{
	struct disk *disk = to_disk(io);
	struct fate fate;

	check(disk, offset, NULL, size);
	let_happen(disk);
	if (disk->off)
		return -EIO;
	fate = write_begin(disk, offset, size);
	write_run(disk, &fate, NULL, size);
	return fate.error;
}

static void cache_clear(struct disk *disk)
{
	uint32_t i;

	for (i = 0; i < disk->dirty_count; i++)
		disk->dirty[disk->dirty_list[i]] = 0;
	disk->dirty_count = 0;
	disk->older_count = 0;
}

static void cache_settle(struct disk *disk)
{
	uint32_t i;

	for (i = 0; i < disk->dirty_count; i++) {
		uint64_t offset = (uint64_t)disk->dirty_list[i] * DISK_SECTOR;

		memcpy(disk->lasting + offset, disk->cached + offset,
		       DISK_SECTOR);
	}
	cache_clear(disk);
}

/* The number of some write that is in the cache. */
static uint64_t cut_draw(struct disk *disk)
{
	uint64_t at = disk_random(disk, disk->older_count + disk->dirty_count);

	if (at < disk->older_count)
		return disk->olders[at].write;
	if (!disk->dirty_count)
		return 0;
	return disk->writers[disk->dirty_list[at - disk->older_count]];
}

/* How many bytes of a sector that this write gave last. */
static size_t survives(struct disk *disk, enum disk_crash how, uint64_t write,
		       uint64_t cut)
{
	switch (how) {
	case DISK_CRASH_KEEP_ALL:
		return DISK_SECTOR;
	case DISK_CRASH_PREFIX:
		if (write == cut)
			return disk_random(disk, 2) * DISK_SECTOR;
		return write < cut ? DISK_SECTOR : 0;
	case DISK_CRASH_RANDOM:
	case DISK_CRASH_SECTORS:
		return disk_random(disk, 2) * DISK_SECTOR;
	case DISK_CRASH_TEAR:
		if (disk_random(disk, 2))
			return 8 * disk_random(disk, DISK_SECTOR / 8);
		return 0;
	default:
		return 0;
	}
}

/* Each dirty sector becomes what it was, what it is, or something between. */
static void cache_lose(struct disk *disk, enum disk_crash how)
{
	bool all = false, none = false;
	uint64_t cut = 0, luck;
	size_t i;

	if (how == DISK_CRASH_SECTORS) {
		luck = disk_random(disk, 5);
		all = luck == 0;
		none = luck == 1;
	} else if (how == DISK_CRASH_PREFIX) {
		cut = cut_draw(disk);
	}
	for (i = 0; i < disk->older_count; i++) {
		const struct older *older = &disk->olders[i];

		memcpy(disk->lasting + older->sector * DISK_SECTOR,
		       older->bytes, survives(disk, how, older->write, cut));
	}
	for (i = 0; i < disk->dirty_count; i++) {
		uint64_t sector = disk->dirty_list[i];
		uint8_t *lasting = disk->lasting + sector * DISK_SECTOR;
		size_t size = all ? DISK_SECTOR : 0;

		if (!all && !none)
			size = survives(disk, how, disk->writers[sector], cut);
		memcpy(lasting, disk->cached + sector * DISK_SECTOR, size);
		if (size < DISK_SECTOR)
			sector_set(disk, sector, lasting);
	}
	cache_clear(disk);
}

static int op_sync(struct store_io *io)
{
	struct disk *disk = to_disk(io);

	let_happen(disk);
	if (disk->off)
		return -EIO;
	disk->syncs++;
	if (stops(disk))
		return -EIO;
	if (fails(disk, DISK_SYNC)) {
		/* Some is lost for ever, and the rest looks clean. */
		cache_lose(disk, DISK_CRASH_SECTORS);
		return -EIO;
	}
	cache_settle(disk);
	return 0;
}

static void op_close(struct store_io *io)
{
}

static const struct store_io_ops disk_ops = {
	.read = op_read,
	.write = op_write,
	.zero = op_zero,
	.sync = op_sync,
	.close = op_close,
};

static void *must(void *memory)
{
	assert(memory);
	return memory;
}

static struct disk *disk_alloc(uint64_t bytes)
{
	uint64_t sectors = bytes / DISK_SECTOR;
	struct disk *disk = must(calloc(1, sizeof(*disk)));

	disk->room = bytes;
	disk->cached = must(malloc(bytes));
	disk->lasting = must(malloc(bytes));
	disk->dirty = must(malloc(sectors));
	disk->bad = must(malloc(sectors));
	disk->stamps = must(malloc(sectors * sizeof(*disk->stamps)));
	disk->writers = must(malloc(sectors * sizeof(*disk->writers)));
	disk->dirty_list = must(malloc(sectors * sizeof(*disk->dirty_list)));
	return disk;
}

void disk_replace(struct disk *disk)
{
	uint64_t sectors = memory_bytes(disk) / DISK_SECTOR;

	memset(disk->cached, 0, memory_bytes(disk));
	memset(disk->lasting, 0, memory_bytes(disk));
	memset(disk->dirty, 0, sectors);
	memset(disk->bad, 0, sectors);
	memset(disk->stamps, 0xff, sectors * sizeof(*disk->stamps));
	disk->dirty_count = 0;
	disk->older_count = 0;
	disk->digest = 0;
	disk_on(disk);
	disk_disarm(disk);
	disk->lied = false;
	disk->meanwhile = NULL;
}

struct disk *disk_new(uint64_t bytes, uint32_t align, uint64_t seed)
{
	struct disk **at = &free_disks;
	struct disk *disk;

	assert(bytes % DISK_SECTOR == 0);
	while (*at && (*at)->room < bytes)
		at = &(*at)->next_free;
	disk = *at;
	if (disk)
		*at = disk->next_free;
	else
		disk = disk_alloc(bytes);
	disk->io = (struct store_io){
		.ops = &disk_ops,
		.size = bytes,
		.align = align,
	};
	disk->random = seed;
	disk->stamp = 0;
	disk->writes = 0;
	disk->digest_bytes = 0;
	disk->gap_from = 0;
	disk->gap_bytes = 0;
	disk_steps_reset(disk);
	disk_replace(disk);
	return disk;
}

void disk_free(struct disk *disk)
{
	disk->next_free = free_disks;
	free_disks = disk;
}

void disk_gap(struct disk *disk, uint64_t from, uint64_t bytes)
{
	disk->gap_from = from;
	disk->gap_bytes = bytes;
	disk->io.size += bytes;
}

struct store_io *disk_io(struct disk *disk)
{
	return &disk->io;
}

void disk_stop_after(struct disk *disk, uint64_t steps)
{
	disk->stop_steps = steps;
	disk->stop_then = 0;
}

void disk_stop_at(struct disk *disk, uint64_t from, uint64_t to, uint64_t steps)
{
	disk->stop_from = from;
	disk->stop_to = to;
	disk->stop_then = steps;
}

bool disk_is_off(const struct disk *disk)
{
	return disk->off;
}

void disk_on(struct disk *disk)
{
	disk->off = false;
	disk->stop_steps = 0;
	disk->stop_then = 0;
}

void disk_crash(struct disk *disk, enum disk_crash how)
{
	disk_on(disk);
	if (how == DISK_CRASH_ANY)
		how = (enum disk_crash)disk_random(disk, DISK_CRASH_ANY);
	if (how != DISK_CRASH_PROCESS)
		cache_lose(disk, how);
}

void disk_fail(struct disk *disk, unsigned int ops, uint64_t nth)
{
	if (ops)
		disk->fail_nth[ops] = nth;
	else
		memset(disk->fail_nth, 0, sizeof(disk->fail_nth));
}

void disk_unreadable(struct disk *disk, uint64_t offset)
{
	disk->bad[offset / DISK_SECTOR] = 1;
}

void disk_disarm(struct disk *disk)
{
	disk_fail(disk, 0, 0);
	disk->lie.kind = DISK_LIE_NONE;
}

void disk_lie(struct disk *disk, const struct disk_lie *lie)
{
	disk->lie = *lie;
	disk->lied = false;
}

bool disk_has_lied(const struct disk *disk)
{
	return disk->lied;
}

bool disk_lie_pending(const struct disk *disk)
{
	return (disk->lie.kind != DISK_LIE_NONE && !disk->lied) ||
	       disk_lie_unseen(disk);
}

bool disk_lie_unseen(const struct disk *disk)
{
	return disk->lie.kind != DISK_LIE_NONE && disk->lied &&
	       disk->stamp < disk->lie_stamp + 2;
}

void disk_stamp(struct disk *disk)
{
	disk->stamp++;
}

bool disk_rot(struct disk *disk, uint64_t from, uint64_t to, bool unreadable)
{
	uint64_t first = from / DISK_SECTOR;
	uint64_t count = to / DISK_SECTOR - first;
	uint64_t start = disk_random(disk, count);
	uint64_t i;

	for (i = 0; i < count; i++) {
		uint64_t sector = first + (start + i) % count;
		uint64_t at = sector * DISK_SECTOR;
		uint8_t bit;

		at += disk_random(disk, DISK_SECTOR);
		bit = (uint8_t)(1U << disk_random(disk, 8));
		if (disk->stamps[sector] == UNTOUCHED ||
		    disk->stamps[sector] + 2 > disk->stamp ||
		    disk->dirty[sector])
			continue;
		if (unreadable)
			disk->bad[sector] = 1;
		else
			disk_flip(disk, at, bit);
		return true;
	}
	return false;
}

void disk_spoil(struct disk *disk, uint64_t from, uint64_t to)
{
	uint64_t count = (to - from) / DISK_SECTOR;

	disk_unreadable(disk, from + disk_random(disk, count) * DISK_SECTOR);
}

void disk_flip(struct disk *disk, uint64_t offset, uint8_t mask)
{
	disk->cached[offset] ^= mask;
	disk->lasting[offset] ^= mask;
}

uint64_t disk_steps(const struct disk *disk)
{
	return disk->steps;
}

uint64_t disk_syncs(const struct disk *disk)
{
	return disk->syncs;
}

void disk_steps_reset(struct disk *disk)
{
	disk->steps = 0;
	disk->syncs = 0;
}

uint8_t *disk_bytes(struct disk *disk)
{
	return disk->lasting;
}

void disk_refresh(struct disk *disk)
{
	memcpy(disk->cached, disk->lasting, memory_bytes(disk));
	cache_clear(disk);
}

struct disk *disk_new_like(const struct disk *other, uint64_t seed)
{
	struct disk *disk =
		disk_new(memory_bytes(other), other->io.align, seed);

	if (other->gap_bytes)
		disk_gap(disk, other->gap_from, other->gap_bytes);
	return disk;
}

const uint8_t *disk_cached(const struct disk *disk)
{
	return disk->cached;
}

void disk_copy(struct disk *to, const struct disk *from)
{
	uint64_t sectors = memory_bytes(to) / DISK_SECTOR;
	uint64_t i;

	assert(memory_bytes(to) == memory_bytes(from));
	memcpy(to->lasting, from->lasting, memory_bytes(to));
	memcpy(to->bad, from->bad, sectors);
	/* Which batches are durable there, nobody knows. */
	memset(to->stamps, 0xff, sectors * sizeof(*to->stamps));
	disk_refresh(to);
	to->digest = 0;
	for (i = 0; to->digest_bytes && i < sectors; i++)
		to->digest ^= sector_digest(to, i);
	disk_on(to);
	disk_disarm(to);
	to->io.align = from->io.align;
}

void disk_digest_keep(struct disk *disk, uint64_t offset, uint64_t bytes)
{
	disk->digest_offset = offset;
	disk->digest_bytes = bytes;
}

uint64_t disk_digest(const struct disk *disk)
{
	return disk->digest;
}
