/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * The log and the image thread on a disk in memory: what comes back as done is
 * durable, one sync serves many, and a failed disk lets nothing come back as
 * done any more.  The disk is the thread's alone while it runs.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/crc.h"
#include "base/list.h"
#include "qbdd/worker.h"
#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "tap.h"

#define WAIT_MS 10000
#define JOBS_MAX 16

static struct store_identity identity;
static struct disk *disk;
static struct store *store;
static struct store_boot boot;
static struct qbdd_queue done;
static struct qbdd_list done_list;
static bool done_left; /* in done_list */
static struct store_job_pool pool;
static struct worker_item items[JOBS_MAX];
static struct worker worker;

static void open_store(void)
{
	tap_check_eq(store_open(disk_io(disk), &identity, false, &store, &boot,
				NULL),
		     0);
}

static void setup(void)
{
	memset(&worker, 0, sizeof(worker));
	identity = rig_identity(512);
	disk = disk_new(rig_disk_bytes(), 512, 1);
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  NULL),
		     0);
	open_store();
	tap_check_eq(qbdd_queue_init(&done), 0);
	store_job_pool_init(&pool, JOBS_MAX);
	done_left = false;
	disk_steps_reset(disk);
}

static void start(bool is_log)
{
	tap_check(worker_start(&worker, is_log, store, items, &done) == 0);
}

static void stop(void)
{
	tap_check(worker_stop(&worker, WAIT_MS));
	store_close(store);
	store_boot_free(&boot);
}

static void teardown(void)
{
	store_job_pool_end(&pool);
	qbdd_queue_destroy(&done);
	disk_free(disk);
}

static struct raft_entry *make_entry(uint64_t index)
{
	struct raft_entry *entry = raft_entry_new();

	entry->op = RAFT_OP_WRITE;
	entry->index = index;
	raft_members_set(&entry->standing.members, 1, RAFT_MEMBER_VOTER);
	entry->term = 1;
	entry->offset = index * 512;
	entry->length = 512;
	entry->buf = base_buf_new(512);
	memset(entry->buf->data, (int)index, 512);
	entry->data = entry->buf->data;
	entry->data_crc = base_crc32c(0, entry->data, 512);
	return entry;
}

static struct store_job *put(struct store_job *job)
{
	worker_put(&worker, job);
	return job;
}

static struct store_job *put_entries(enum store_job_type type, uint64_t index,
				     unsigned int count)
{
	struct store_job *job = store_job_new(&pool, type);

	while (job->count < count)
		job->entries[job->count++] = make_entry(index++);
	return put(job);
}

/* The jobs that come back, in order; NULL: not in time. */
static struct store_job *next_done(void)
{
	struct qbdd_item *item = NULL;

	if (done_left)
		item = qbdd_list_next(&done_list);
	if (!item && qbdd_queue_wait(&done, WAIT_MS) &&
	    qbdd_queue_take(&done, &done_list))
		item = qbdd_list_next(&done_list);
	done_left = item != NULL;
	return item ? base_container_of(item, struct worker_item, item)->job :
		      NULL;
}

/* Return: what the job came back with. */
static int take_done(struct store_job *want)
{
	struct store_job *job = next_done();
	int error;

	if (!tap_check(job == want) || !job)
		return -ETIMEDOUT;
	error = job->error;
	store_job_free(job);
	return error;
}

static void one_sync_serves_all_appends_that_wait(void)
{
	struct store_job *jobs[8];
	unsigned int i;

	setup();
	start(true);
	for (i = 0; i < 8; i++)
		jobs[i] = put_entries(STORE_JOB_APPEND, 1 + 4 * i, 4);
	worker_wake(&worker);
	for (i = 0; i < 8; i++)
		tap_check_eq(take_done(jobs[i]), 0);
	stop();
	tap_check(disk_syncs(disk) < 8);
	teardown();
}

static void what_comes_back_as_done_survives_a_crash(void)
{
	struct store_job *append, *state;

	setup();
	start(true);
	append = put_entries(STORE_JOB_APPEND, 1, 3);
	state = store_job_new(&pool, STORE_JOB_STATE);
	state->state.term = 7;
	state->state.joined = true;
	put(state);
	worker_wake(&worker);
	tap_check_eq(take_done(append), 0);
	tap_check_eq(take_done(state), 0);
	stop();
	disk_crash(disk, DISK_CRASH_LOSE_ALL);
	open_store();
	tap_check_eq(boot.last_index, 3);
	tap_check_eq(boot.state.term, 7);
	store_close(store);
	store_boot_free(&boot);
	teardown();
}

static void a_failed_sync_lets_nothing_come_back_as_done(void)
{
	struct store_job *append, *again;

	setup();
	disk_fail(disk, DISK_SYNC, 1);
	start(true);
	append = put_entries(STORE_JOB_APPEND, 1, 3);
	worker_wake(&worker);
	tap_check(take_done(append) != 0);
	tap_check(append->failed != NULL); /* in the pool, not yet reused */
	again = put_entries(STORE_JOB_APPEND, 4, 1);
	worker_wake(&worker);
	tap_check(take_done(again) != 0);
	stop();
	teardown();
}

static struct store_job *put_copy(enum store_job_type type, uint64_t offset)
{
	struct store_job *job = store_job_new(&pool, type);

	job->offset = offset;
	job->length = 4096;
	return job;
}

static void the_image_thread_works_in_order(void)
{
	struct store_job *first, *second, *read, *write, *zeroes;

	setup();
	start(false);
	first = put_entries(STORE_JOB_APPLY, 1, 2);
	second = put_entries(STORE_JOB_APPLY, 3, 1);
	write = put_copy(STORE_JOB_COPY_WRITE, 65536);
	write->buf = base_buf_new(4096);
	memset(write->buf->data, 0x5a, 4096);
	write->data = write->buf->data;
	put(write);
	read = put(put_copy(STORE_JOB_COPY_READ, 65536));
	zeroes = put(put_copy(STORE_JOB_COPY_READ, 32768));
	worker_wake(&worker);
	tap_check_eq(take_done(first), 0);
	tap_check_eq(take_done(second), 0);
	tap_check_eq(take_done(write), 0);
	tap_need(next_done() == read);
	tap_check_eq(read->error, 0);
	tap_need(read->buf != NULL);
	tap_check_eq(read->buf->data[4095], 0x5a);
	tap_check_eq(read->crc, base_crc32c(0, read->buf->data, 4096));
	store_job_free(read);
	tap_need(next_done() == zeroes);
	tap_check(zeroes->buf == NULL && zeroes->error == 0);
	store_job_free(zeroes);
	stop();
	teardown();
}

static void a_failed_write_of_the_data_area_is_final(void)
{
	struct store_job *apply, *checkpoint, *read;

	setup();
	disk_fail(disk, DISK_WRITE, 1);
	start(false);
	apply = put_entries(STORE_JOB_APPLY, 1, 1);
	checkpoint = put(store_job_new(&pool, STORE_JOB_CHECKPOINT));
	read = put(put_copy(STORE_JOB_COPY_READ, 0));
	worker_wake(&worker);
	tap_check(take_done(apply) != 0);
	tap_check(apply->failed != NULL); /* in the pool, not yet reused */
	tap_check(take_done(checkpoint) != 0);
	tap_check_eq(take_done(read), 0); /* reading may still help others */
	stop();
	teardown();
}

/* Else the copy that wants it would be tried again for ever. */
static void what_can_not_be_read_for_a_copy_fails_the_disk(void)
{
	struct store_job *read;

	setup();
	disk_unreadable(disk, 0);
	start(false);
	read = put(put_copy(STORE_JOB_COPY_READ, 0));
	worker_wake(&worker);
	tap_need(next_done() == read);
	tap_check_eq(read->error, -EIO);
	tap_check(read->failed != NULL);
	store_job_free(read);
	stop();
	teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(one_sync_serves_all_appends_that_wait),
		TAP_TEST(what_comes_back_as_done_survives_a_crash),
		TAP_TEST(a_failed_sync_lets_nothing_come_back_as_done),
		TAP_TEST(the_image_thread_works_in_order),
		TAP_TEST(a_failed_write_of_the_data_area_is_final),
		TAP_TEST(what_can_not_be_read_for_a_copy_fails_the_disk),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
