/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * Recovery from a disk that was changed: a good replica, changes that the input
 * says, and checksums corrected where it says so, since otherwise nothing would
 * get past them.  Whatever recovery makes of it, it stays inside
 * its bounds, what it tells is possible, and a replica that is not damaged goes
 * on working.
 *
 * Input: how it is opened (bit 0: only to look), then changes: see change().
 */
#include <errno.h>

#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "node/node.h"
#include "rig/input.h"
#include "store/format.h"

#define CHANGES_MAX 16
#define RECORDS_MAX 512
#define META_COUNT 8
#define FORK 66 /* first entry of term 2 */

static struct store_identity identity;
static struct format_layout layout;
static struct disk *good, *bad;
static struct store *store;
static struct store_boot boot;
static uint64_t records[RECORDS_MAX]; /* where records begin */
static unsigned int record_count;
static uint64_t metas[META_COUNT]; /* where superblocks and slots are */

static int open_on(struct disk *disk, bool read_only)
{
	struct base_error error = { .text = "" };

	return store_open(disk_io(disk), &identity, read_only, &store, &boot,
			  &error);
}

static void shut(void)
{
	store_close(store);
	store_boot_free(&boot);
}

static void append_made(uint64_t index, uint64_t term)
{
	struct store_checkpoint checkpoint = {
		.applied_term = index > FORK ? 2 : 1,
	};
	struct raft_entry *entry = rig_entry(&identity, index, term);
	uint64_t base;

	if (store_log_append(store, &entry, 1) == -ENOSPC) {
		checkpoint.applied = index - 1;
		FUZZ_NEED(!store_checkpoint(store, &checkpoint, &base));
		FUZZ_NEED(!store_log_append(store, &entry, 1));
	}
	raft_entry_put(entry);
}

/* A ring that has gone round, a truncation, each kind of slot in use. */
static void build(void)
{
	struct raft_hard_state state = { .term = 2, .vote = 1, .joined = true };
	uint64_t index;

	FUZZ_NEED(!store_format(disk_io(good), &identity, false, NULL, NULL,
				NULL));
	FUZZ_NEED(!open_on(good, false));
	for (index = 1; index <= 70; index++) {
		append_made(index, 1);
		if (index % 9 == 0)
			store_log_sync(store);
	}
	store_state_save(store, &state);
	store_log_truncate(store, FORK);
	for (index = FORK; index <= 72; index++)
		append_made(index, 2);
	store_log_sync(store);
	store_log_note(store);
	shut();
	disk_crash(good, DISK_CRASH_KEEP_ALL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct format_record record;
	uint64_t at;
	unsigned int i;

	identity = rig_identity(512);
	FUZZ_NEED(rig_layout(&identity, rig_disk_bytes(), &layout));
	good = disk_new(rig_disk_bytes(), 512, 1);
	bad = disk_new(rig_disk_bytes(), 512, 2);
	build();
	for (at = layout.ring; at < layout.end && record_count < RECORDS_MAX;
	     at += 512) {
		const uint8_t *bytes = disk_bytes(good) + at;

		if (format_record_decode(&identity,
					 format_record_position(bytes), bytes,
					 &record))
			records[record_count++] = at;
	}
	FUZZ_NEED(record_count > 10);
	for (i = 0; i < 2; i++) {
		metas[i] = layout.super[i];
		metas[2 + i] = layout.state[i];
		metas[4 + i] = layout.checkpoint[i];
		metas[6 + i] = layout.note[i];
	}
	return 0;
}

/* Just below the bound our own next save would be beyond it. */
static void clamp(uint8_t *bytes, size_t size)
{
	uint64_t value;
	size_t at;

	for (at = 40; at + 8 <= size; at += 8) {
		memcpy(&value, bytes + at, 8);
		if (value >= FORMAT_NUMBER_MAX ||
		    value < FORMAT_NUMBER_MAX - (1ULL << 40))
			continue;
		memset(bytes + at, 0, 8);
	}
}

static void sign(uint8_t *bytes, size_t covered, size_t crc_at, size_t size)
{
	uint32_t crc;

	clamp(bytes, size);
	crc = base_crc32c(0, bytes + covered, size - covered);
	memcpy(bytes + crc_at, &crc, sizeof(crc));
}

static void sign_meta(uint64_t at)
{
	sign(disk_bytes(bad) + at, 12, 8, FORMAT_META_BYTES);
}

static void sign_record(uint64_t at)
{
	sign(disk_bytes(bad) + at, 8, 4, FORMAT_RECORD_HEAD);
}

/* 1, 2, 4 or 8 bytes at an aligned place: another value, or one beside it. */
static void change_field(struct input *input, uint8_t *bytes, size_t size)
{
	uint8_t how = input_u8(input);
	size_t width = (size_t)1 << (how & 3);
	size_t at = input_u16(input) % (size / width) * width;
	uint64_t value = 0;

	memcpy(&value, bytes + at, width);
	if (how & 4)
		value = input_u64(input);
	else
		value = input_near(input, value);
	memcpy(bytes + at, &value, width);
}

/* The pair agrees on the lie when @both. */
static void change_meta(struct input *input, bool both)
{
	unsigned int which = input_u8(input) % META_COUNT;
	uint8_t *bytes = disk_bytes(bad) + metas[which];
	uint8_t *other = disk_bytes(bad) + metas[which ^ 1];
	uint8_t number[4];

	change_field(input, bytes, FORMAT_META_BYTES);
	sign_meta(metas[which]);
	if (!both || which < 2)
		return;
	memcpy(number, other + 36, 4);
	memcpy(other, bytes, FORMAT_META_BYTES);
	memcpy(other + 36, number, 4);
	sign_meta(metas[which ^ 1]);
}

/* Each record holds its predecessor's checksum. */
static void chain_on(unsigned int from)
{
	unsigned int i;

	for (i = from; i + 1 < record_count; i++) {
		memcpy(disk_bytes(bad) + records[i + 1] + 124,
		       disk_bytes(bad) + records[i] + 4, 4);
		sign_record(records[i + 1]);
	}
}

static void change_record(struct input *input, bool chained)
{
	unsigned int which = input_u8(input) % record_count;

	change_field(input, disk_bytes(bad) + records[which],
		     FORMAT_RECORD_HEAD);
	sign_record(records[which]);
	if (chained)
		chain_on(which);
}

/* A write that went elsewhere: one sector over another. */
static void change_place(struct input *input)
{
	uint64_t sectors = (layout.end - layout.super[0]) / 512;
	uint64_t from = layout.super[0] + input_u16(input) % sectors * 512;
	uint64_t to = layout.super[0] + input_u16(input) % sectors * 512;

	memmove(disk_bytes(bad) + to, disk_bytes(bad) + from, 512);
}

static void change_bytes(struct input *input)
{
	uint64_t room = layout.end - layout.super[0];
	uint64_t from = input_u32(input) % room;
	size_t size = 1 + input_u8(input) % 64;

	if (size > room - from)
		size = room - from;
	input_take(input, disk_bytes(bad) + layout.super[0] + from, size);
}

static void change(struct input *input)
{
	uint64_t sectors = (layout.end - layout.super[0]) / 512;

	switch (input_u8(input) % 8) {
	case 0:
		change_meta(input, false);
		break;
	case 1:
		change_meta(input, true);
		break;
	case 2:
		change_record(input, false);
		break;
	case 3:
		change_record(input, true);
		break;
	case 4:
		change_place(input);
		break;
	case 5:
		change_bytes(input);
		break;
	case 6:
		disk_unreadable(bad, layout.super[0] +
					     input_u16(input) % sectors * 512);
		break;
	case 7:
		memset(disk_bytes(bad) + layout.super[0] +
			       input_u16(input) % sectors * 512,
		       0, 512);
		break;
	}
}

static void check_boot(void)
{
	uint64_t term = boot.base_term, i;

	FUZZ_NEED(boot.base_index <= boot.checkpoint.applied);
	FUZZ_NEED(boot.checkpoint.applied <= boot.last_index);
	FUZZ_NEED(boot.state.damaged || !boot.damage[0]);
	for (i = boot.base_index + 1; i <= boot.last_index; i++) {
		const struct raft_entry *entry =
			boot.entries[i - boot.base_index - 1];

		FUZZ_NEED(entry->index == i && entry->term >= term);
		FUZZ_NEED(
			!raft_entry_check(entry, NULL, identity.volume_bytes));
		term = entry->term;
	}
}

static void read_all(void)
{
	struct raft_entry *entry;
	uint64_t i;

	for (i = boot.base_index + 1; i <= boot.last_index; i++) {
		int error = store_log_read(store, i, &entry);

		FUZZ_NEED(!error || error == -EBADMSG || error == -EIO);
		if (error)
			continue;
		FUZZ_NEED(entry->index == i);
		raft_entry_put(entry);
	}
}

static uint64_t last_term(void)
{
	uint64_t count = boot.last_index - boot.base_index;

	return count ? boot.entries[count - 1]->term : boot.base_term;
}

static void append_one(uint64_t index, uint64_t term)
{
	struct raft_entry *entry = raft_entry_new();

	entry->index = index;
	entry->term = term ? term : 1;
	entry->op = RAFT_OP_NOOP;
	raft_members_set(&entry->standing.members, 1, RAFT_MEMBER_VOTER);
	FUZZ_NEED(!store_log_append(store, &entry, 1));
	FUZZ_NEED(!store_log_sync(store));
	raft_entry_put(entry);
}

/* What is not damaged is appended to, saved, truncated, and found again. */
static void use(void)
{
	struct store_checkpoint checkpoint = boot.checkpoint;
	uint64_t last = boot.last_index, base;

	append_one(last + 1, last_term());
	FUZZ_NEED(!store_checkpoint(store, &checkpoint, &base));
	FUZZ_NEED(!store_log_truncate(store, last + 1));
	shut();
	FUZZ_NEED(!open_on(bad, false));
	FUZZ_NEED(!boot.damage[0] && boot.last_index == last);
	check_boot();
}

/* What is damaged is filled by a leader, and whole again. */
static void refill(void)
{
	struct store_checkpoint base = { .applied = 5, .applied_term = 1 };
	struct raft_hard_state state = { .term = 5, .joined = true };

	FUZZ_NEED(!store_log_reset(store, &base));
	FUZZ_NEED(!store_state_save(store, &state));
	append_one(6, 2);
	shut();
	FUZZ_NEED(!open_on(bad, false));
	FUZZ_NEED(!boot.state.damaged && boot.base_index == 5 &&
		  boot.last_index == 6);
	check_boot();
}

/* It never comes back. */
static void forget(void *context, struct store_job *job)
{
	store_job_free(job);
}

static int no_send(void *context, uint32_t peer, const struct wire_msg *msg)
{
	return -ENOTCONN;
}

static void nothing_event(void *context, int level, const char *text)
{
}

static const struct node_ops ops = {
	.begin = forget,
	.send = no_send,
	.event = nothing_event,
};

/* A member begins with what was found. */
static void begin(void)
{
	struct node_config config = {
		.raft = { .id = 1 },
		.nodes = { 1, 2, 3 },
		.node_count = 3,
		.volume_bytes = identity.volume_bytes,
		.align = 512,
	};
	struct node *node;
	uint64_t now;
	uint32_t id;

	for (id = 1; id <= 3; id++)
		raft_members_set(&config.raft.members, id, RAFT_MEMBER_VOTER);
	config.raft.election_timeout_us = 300000;
	config.raft.heartbeat_us = 60000;
	node = node_new(&config, &boot, &ops, NULL, 1000, 7);
	FUZZ_NEED(node);
	for (now = 1000; now < 3000000; now += 100000)
		node_pump(node, now, now);
	node_free(node);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, bytes + size };
	bool read_only = input_u8(&input) & 1;
	unsigned int changes;

	disk_copy(bad, good);
	for (changes = 0; input_left(&input) && changes < CHANGES_MAX;
	     changes++)
		change(&input);
	disk_refresh(bad);
	if (open_on(bad, read_only))
		return 0;
	check_boot();
	read_all();
	if (!read_only && boot.state.damaged)
		refill();
	else if (!read_only)
		use();
	begin();
	store_close(store);
	return 0;
}
