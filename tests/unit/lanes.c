/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * The lanes: what is begun beside what, in which order it comes back, and that
 * nothing does as done after a failure.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crc.h"
#include "lanes/lanes.h"
#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "tap.h"

#define MANY 64

static struct store_identity identity;
static struct disk *disk;
static struct store *store;
static struct store_boot boot;
static struct store_job_pool pool;
static struct lanes *lanes;
static uint64_t last;

static struct lane_write *begun[MANY];
static unsigned int begun_count;
static struct store_job *given[MANY]; /* to a thread */
static unsigned int given_count;
static struct store_job *done[MANY];
static unsigned int done_count;

static void note_write(void *context, struct lane_write *write)
{
	begun[begun_count++] = write;
}

static void note_thread(void *context, struct store_job *job)
{
	given[given_count++] = job;
}

static void note_done(void *context, struct store_job *job)
{
	done[done_count++] = job;
}

static const struct lanes_ops ops = {
	.write = note_write,
	.thread = note_thread,
	.done = note_done,
};

static bool setup(void)
{
	identity = rig_identity(512);
	identity.log_bytes = 2U << 20; /* more than one append */
	disk = disk_new(store_bytes_needed(&identity), 512, 1);
	last = 0;
	begun_count = 0;
	given_count = 0;
	done_count = 0;
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  NULL),
		     0);
	if (!tap_check_eq(store_open(disk_io(disk), &identity, false, &store,
				     &boot, NULL),
			  0))
		return false;
	store_job_pool_init(&pool, MANY);
	lanes = lanes_new(store, 2, &ops, NULL);
	return tap_check(lanes);
}

static void teardown(void)
{
	unsigned int i;

	for (i = 0; i < done_count; i++)
		store_job_free(done[i]);
	for (i = 0; i < given_count; i++)
		store_job_free(given[i]);
	lanes_free(lanes);
	store_job_pool_end(&pool);
	store_close(store);
	store_boot_free(&boot);
	disk_free(disk);
}

static void add(struct store_job *job, uint64_t offset)
{
	struct raft_entry *entry = raft_entry_new();

	entry->op = RAFT_OP_WRITE;
	entry->index = job->type == STORE_JOB_APPEND ? ++last : 1;
	entry->term = 1;
	raft_members_set(&entry->standing.members, 1, RAFT_MEMBER_VOTER);
	entry->offset = offset;
	entry->length = 4096;
	entry->buf = base_buf_new(4096);
	memset(entry->buf->data, 7, 4096);
	entry->data = entry->buf->data;
	entry->data_crc = base_crc32c(0, entry->data, 4096);
	job->entries[job->count++] = entry;
}

static struct store_job *put(enum store_job_type type, uint64_t offset)
{
	struct store_job *job = store_job_new(&pool, type);

	if (type == STORE_JOB_APPEND || type == STORE_JOB_APPLY)
		add(job, offset);
	lanes_put(lanes, job);
	return job;
}

static void finish(unsigned int nth, int error)
{
	lanes_written(lanes, begun[nth], error);
}

static void appends_run_beside_each_other_and_come_back_in_order(void)
{
	struct store_job *a, *b, *c, *d;

	if (!setup())
		return;
	a = put(STORE_JOB_APPEND, 0);
	lanes_run_log(lanes);
	b = put(STORE_JOB_APPEND, 0);
	lanes_run_log(lanes);
	c = put(STORE_JOB_APPEND, 0);
	d = put(STORE_JOB_APPEND, 0);
	lanes_run_log(lanes);
	tap_check_eq(begun_count, 2); /* no more than two */
	finish(1, 0);
	tap_check_eq(done_count, 0); /* not before the first */
	finish(0, 0);
	tap_check_eq(done_count, 2);
	tap_check(done[0] == a && done[1] == b);
	lanes_run_log(lanes);
	tap_check_eq(begun_count, 3); /* those that waited go in one */
	finish(2, 0);
	tap_check(done_count == 4 && done[2] == c && done[3] == d);
	teardown();
}

static void a_threads_job_is_alone_in_its_lane(void)
{
	struct store_job *state;

	if (!setup())
		return;
	put(STORE_JOB_APPEND, 0);
	state = put(STORE_JOB_STATE, 0);
	put(STORE_JOB_APPEND, 0);
	lanes_run_log(lanes);
	tap_check(begun_count == 1 && given_count == 0);
	finish(0, 0);
	lanes_run_log(lanes);
	tap_check(begun_count == 1 && given_count == 1 && given[0] == state);
	lanes_run_log(lanes);
	tap_check_eq(begun_count, 1);
	lanes_returned(lanes, state);
	lanes_run_log(lanes);
	tap_check_eq(begun_count, 2);
	finish(1, 0);
	teardown();
}

static void what_is_applied_over_each_other_waits(void)
{
	if (!setup())
		return;
	put(STORE_JOB_APPLY, 0);
	put(STORE_JOB_APPLY, 8192);
	put(STORE_JOB_APPLY, 0); /* over the first */
	put(STORE_JOB_APPLY, 16384); /* behind it, all the same */
	lanes_run_image(lanes, false);
	tap_check_eq(begun_count, 2);
	finish(1, 0);
	tap_check_eq(done_count, 0);
	lanes_run_image(lanes, false);
	tap_check_eq(begun_count, 2);
	finish(0, 0);
	tap_check_eq(done_count, 2);
	lanes_run_image(lanes, false);
	tap_check_eq(begun_count, 4);
	finish(3, 0);
	finish(2, 0);
	tap_check_eq(done_count, 4);
	teardown();
}

/* A copy's chunk is read after what was applied before; a checkpoint needn't. */
static void copies_wait_for_what_is_applied_and_checkpoints_do_not(void)
{
	struct store_job *copy, *checkpoint;

	if (!setup())
		return;
	put(STORE_JOB_APPLY, 0);
	copy = put(STORE_JOB_COPY_READ, 0);
	lanes_run_image(lanes, false);
	checkpoint = put(STORE_JOB_CHECKPOINT, 0);
	tap_check(given_count == 1 && given[0] == checkpoint);
	lanes_returned(lanes, checkpoint);
	finish(0, 0);
	lanes_run_image(lanes, false);
	tap_check(given_count == 2 && given[1] == copy);
	put(STORE_JOB_APPLY, 8192);
	lanes_run_image(lanes, false);
	tap_check_eq(begun_count, 1);
	lanes_returned(lanes, copy);
	lanes_run_image(lanes, false);
	tap_check_eq(begun_count, 2);
	finish(1, 0);
	teardown();
}

static void what_can_not_be_planned_goes_to_the_thread(void)
{
	struct store_job *job;

	if (!setup())
		return;
	job = put(STORE_JOB_APPLY, 0);
	job->entries[0]->op = RAFT_OP_ZERO;
	lanes_run_image(lanes, false);
	tap_check(begun_count == 0 && given_count == 1 && given[0] == job);
	lanes_returned(lanes, job);
	teardown();
}

static void after_a_failed_write_nothing_comes_back_as_done(void)
{
	unsigned int i;

	if (!setup())
		return;
	put(STORE_JOB_APPEND, 0);
	lanes_run_log(lanes);
	put(STORE_JOB_APPEND, 0);
	lanes_run_log(lanes);
	put(STORE_JOB_APPEND, 0);
	lanes_run_log(lanes);
	finish(0, -EIO);
	finish(1, 0);
	lanes_run_log(lanes);
	tap_check_eq(begun_count, 2);
	tap_check_eq(done_count, 3);
	for (i = 0; i < done_count; i++)
		tap_check_eq(done[i]->error, (uint64_t)-EIO);
	tap_check_str(done[0]->failed, "writing the log");
	tap_check(store_failure(store)[0] != '\0');
	teardown();
}

/* It ends in none of the writes that failed. */
static void a_job_of_two_appends_tells_what_failed_in_the_first(void)
{
	struct store_job *job;

	if (!setup())
		return;
	job = store_job_new(&pool, STORE_JOB_APPEND);
	while (job->count < STORE_JOB_ENTRIES_MAX)
		add(job, 0);
	lanes_put(lanes, job);
	lanes_run_log(lanes);
	tap_check_eq(begun_count, 2);
	finish(0, -EIO);
	finish(1, 0);
	tap_need(done_count == 1);
	tap_check_str(done[0]->failed, "writing the log");
	teardown();
}

/* What one disk's sync lost may be what the other lane has just written. */
static void after_a_failed_checkpoint_no_append_comes_back_as_done(void)
{
	struct store_job *checkpoint;

	if (!setup())
		return;
	put(STORE_JOB_APPEND, 0);
	lanes_run_log(lanes);
	checkpoint = put(STORE_JOB_CHECKPOINT, 0);
	disk_fail(disk, DISK_SYNC, 1);
	tap_check(store_job_run(store, checkpoint) == NULL);
	tap_check(checkpoint->error != 0);
	lanes_returned(lanes, checkpoint);
	finish(0, 0);
	tap_check_eq(done_count, 1);
	tap_check_eq(done[0]->error, (uint64_t)-EIO);
	teardown();
}

/* Until the next call: its user's next write goes first. */
static void a_lone_write_is_held_back_once(void)
{
	if (!setup())
		return;
	put(STORE_JOB_APPLY, 0);
	tap_check(lanes_run_image(lanes, true));
	tap_check_eq(begun_count, 0);
	tap_check(!lanes_run_image(lanes, true));
	tap_check_eq(begun_count, 1);
	put(STORE_JOB_APPLY, 8192);
	tap_check(!lanes_run_image(lanes, false));
	tap_check_eq(begun_count, 2);
	finish(0, 0);
	finish(1, 0);
	teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(appends_run_beside_each_other_and_come_back_in_order),
		TAP_TEST(a_threads_job_is_alone_in_its_lane),
		TAP_TEST(what_is_applied_over_each_other_waits),
		TAP_TEST(
			copies_wait_for_what_is_applied_and_checkpoints_do_not),
		TAP_TEST(what_can_not_be_planned_goes_to_the_thread),
		TAP_TEST(after_a_failed_write_nothing_comes_back_as_done),
		TAP_TEST(a_job_of_two_appends_tells_what_failed_in_the_first),
		TAP_TEST(
			after_a_failed_checkpoint_no_append_comes_back_as_done),
		TAP_TEST(a_lone_write_is_held_back_once),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
