/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* Jobs: how many there are, which are done together, and whose error it is. */
#include <errno.h>

#include "store/job.h"
#include "store/store.h"
#include "tap.h"
#include "tests/lib/disk.h"
#include "tests/lib/replica.h"

static struct store_identity identity;
static struct store_job_pool pool;
static struct disk *disk;
static struct store *store;

static void begin(void)
{
	struct store_boot boot;

	identity = rig_identity(512);
	disk = disk_new(rig_disk_bytes(), 512, 1);
	store_job_pool_init(&pool, 16);
	tap_check_eq(store_format(disk_io(disk), &identity, true, NULL, NULL,
				  NULL),
		     0);
	tap_check_eq(store_open(disk_io(disk), &identity, false, &store, &boot,
				NULL),
		     0);
	store_boot_free(&boot);
}

static void end(void)
{
	store_close(store);
	store_job_pool_end(&pool);
	disk_free(disk);
}

/* Appends of the entries from @first on, one each, in a queue. */
static struct store_job *appends(uint64_t first, unsigned int count)
{
	struct store_job *job, *jobs = NULL;
	struct raft_entry *entry;

	while (count--) {
		job = store_job_new(&pool, STORE_JOB_APPEND);
		entry = rig_entry(&identity, first + count, 1);
		store_job_add(job, entry);
		raft_entry_put(entry);
		job->next = jobs;
		jobs = job;
	}
	return jobs;
}

/* Frees the queue; true when each job has this error. */
static bool all_have(struct store_job *jobs, int error)
{
	struct store_job *next;
	bool all = true;

	for (; jobs; jobs = next) {
		next = jobs->next;
		all = all && jobs->error == error;
		store_job_free(jobs);
	}
	return all;
}

static void pool_gives_no_more_than_it_has(void)
{
	struct store_job *one, *other;

	store_job_pool_init(&pool, 2);
	one = store_job_new(&pool, STORE_JOB_STATE);
	other = store_job_new(&pool, STORE_JOB_STATE);
	tap_need(one && other);
	tap_check_eq(store_job_pool_left(&pool), 0);
	tap_check(!store_job_new(&pool, STORE_JOB_STATE));
	store_job_free(one);
	tap_check_eq(store_job_pool_left(&pool), 1);
	one = store_job_new(&pool, STORE_JOB_APPLY);
	tap_need(one);
	tap_check_eq(one->error, 0);
	store_job_free(one);
	store_job_free(other);
	store_job_pool_end(&pool);
}

static void appends_behind_each_other_are_synced_once(void)
{
	struct store_job *jobs;
	uint64_t syncs;

	begin();
	jobs = appends(1, 5);
	syncs = disk_syncs(disk);
	tap_check(!store_job_run(store, jobs));
	tap_check_eq(disk_syncs(disk), syncs + 1);
	tap_check(all_have(jobs, 0));
	end();
}

static void job_of_another_kind_is_not_taken_along(void)
{
	struct store_job *jobs, *state = NULL, *job;

	begin();
	jobs = appends(1, 2);
	state = store_job_new(&pool, STORE_JOB_STATE);
	state->state.term = 5;
	for (job = jobs; job->next; job = job->next)
		;
	job->next = state;
	tap_check(store_job_run(store, jobs) == state);
	tap_check(!store_job_run(store, state));
	tap_check(all_have(jobs, 0));
	end();
}

static void failed_write_is_the_error_of_all_that_share_it(void)
{
	static const enum disk_op ops[] = { DISK_WRITE, DISK_SYNC };
	struct store_job *jobs;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		begin();
		jobs = appends(1, 4);
		disk_fail(disk, ops[i], 1);
		tap_check(!store_job_run(store, jobs));
		tap_check(jobs->failed != NULL); /* the first is to blame */
		tap_check(!jobs->next->failed);
		tap_check(all_have(jobs, -EIO));
		/* Final: nothing else is written on that disk. */
		jobs = appends(1, 1);
		store_job_run(store, jobs);
		tap_check(all_have(jobs, -EIO));
		end();
	}
}

static void truncation_that_fails_is_told(void)
{
	struct store_job *jobs, *cut;

	begin();
	jobs = appends(1, 4);
	store_job_run(store, jobs);
	tap_check(all_have(jobs, 0));
	cut = store_job_new(&pool, STORE_JOB_TRUNCATE);
	cut->index = 3;
	cut->next = NULL;
	disk_fail(disk, DISK_WRITE | DISK_SYNC, 1);
	store_job_run(store, cut);
	tap_check(cut->failed != NULL);
	tap_check(all_have(cut, -EIO));
	end();
}

/* As many as can be read; an error where not even the first can. */
static void log_is_read_as_far_as_it_goes(void)
{
	struct store_job *jobs, *read;

	begin();
	jobs = appends(1, 4);
	store_job_run(store, jobs);
	tap_check(all_have(jobs, 0));
	read = store_job_new(&pool, STORE_JOB_LOG_READ);
	read->index = 3;
	read->wanted = 10;
	read->next = NULL;
	store_job_run(store, read);
	tap_check_eq(read->error, 0);
	tap_check_eq(read->count, 2);
	tap_check(read->count && rig_is(&identity, read->entries[0], true));
	store_job_free(read);
	read = store_job_new(&pool, STORE_JOB_LOG_READ);
	read->index = 5;
	read->wanted = 1;
	read->next = NULL;
	store_job_run(store, read);
	tap_check_eq(read->count, 0);
	tap_check_eq(read->error, -ENOENT);
	store_job_free(read);
	end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(pool_gives_no_more_than_it_has),
		TAP_TEST(appends_behind_each_other_are_synced_once),
		TAP_TEST(job_of_another_kind_is_not_taken_along),
		TAP_TEST(failed_write_is_the_error_of_all_that_share_it),
		TAP_TEST(truncation_that_fails_is_told),
		TAP_TEST(log_is_read_as_far_as_it_goes),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
