// SPDX-License-Identifier: GPL-2.0
/* The store on a real file, through O_DIRECT where the file system has it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/replica.h"
#include "store/store.h"
#include "tap.h"

static char path[64];

static bool file_make(uint64_t bytes)
{
	int fd;

	strcpy(path, "store_file_XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		return false;
	close(fd);
	return true;
}

static void replica_on_a_file_works(void)
{
	struct store_identity identity = rig_identity(4096);
	struct base_error error = { 0 };
	struct raft_entry *entries[8], *back;
	uint8_t want[8192] = { 0 }, got[8192];
	struct store_checkpoint checkpoint = { .applied = 8,
					       .applied_term = 1 };
	struct store_boot boot;
	struct store *store;
	struct store_io *io;
	uint64_t base;
	int i;

	tap_need(file_make(rig_disk_bytes() + 4096));
	io = store_io_open(path, 1, &error);
	tap_need(io);
	tap_check_eq(io->size, rig_disk_bytes() + 4096);
	tap_check(io->align == 512 || io->align == 4096);
	tap_check_eq(store_format(io, &identity, false, NULL, NULL, &error), 0);
	tap_check_eq(store_format(io, &identity, false, NULL, NULL, &error),
		     -EEXIST);
	tap_need(store_open(io, &identity, false, &store, &boot, &error) == 0);
	tap_check_eq(boot.last_index, 0);
	for (i = 0; i < 8; i++)
		entries[i] = rig_entry(&identity, (uint64_t)i + 1, 1);
	tap_check_eq(store_log_append(store, entries, 8), 0);
	tap_check_eq(store_log_sync(store), 0);
	tap_check_eq(store_apply(store, entries, 8), 0);
	tap_check_eq(store_checkpoint(store, &checkpoint, &base), 0);
	rig_fill(want, 4096, 5);
	tap_check_eq(store_image_write(store, 4096, want, 4096), 0);
	tap_check_eq(store_image_write(store, 8192, NULL, 4096), 0);
	tap_check_eq(store_image_read(store, 4096, got, 8192), 0);
	tap_check(memcmp(want, got, 8192) == 0);
	store_close(store);
	store_boot_free(&boot);

	io = store_io_open(path, 1, &error);
	tap_need(io);
	tap_need(store_open(io, &identity, false, &store, &boot, &error) == 0);
	tap_check_str(boot.damage, "");
	tap_check_eq(boot.last_index, 8);
	tap_check_eq(boot.checkpoint.applied, 8);
	for (i = 0; i < 8; i++) {
		tap_need(store_log_read(store, (uint64_t)i + 1, &back) == 0);
		tap_check(rig_is(&identity, back, true));
		raft_entry_put(back);
		raft_entry_put(entries[i]);
	}
	store_close(store);
	store_boot_free(&boot);
	unlink(path);
}

static void second_opener_is_refused(void)
{
	struct base_error error = { 0 };
	struct store_io *io;

	tap_need(file_make(1 << 20));
	io = store_io_open(path, 1, &error);
	tap_need(io);
	tap_check(!store_io_open(path, 1, &error));
	tap_check_eq(error.code, -EBUSY);
	io->ops->close(io);
	unlink(path);
}

static void wrong_paths_are_told(void)
{
	struct base_error error = { 0 };

	tap_check(!store_io_open("./no/such/file", 1, &error));
	tap_check_eq(error.code, -ENOENT);
	tap_check(!store_io_open(".", 1, &error));
	tap_check_eq(error.code, -EINVAL);
	tap_check(!store_io_open("/dev/null", 1, &error));
	tap_check_eq(error.code, -EINVAL);
	tap_check(strstr(error.text, "change it in the configuration"));
}

/* Whatever way of zeroing the file system has. */
static void zeroed_range_reads_back_as_zeroes(void)
{
	struct base_error error = { 0 };
	struct base_buf *buf = base_buf_new(16384);
	struct iovec iov[2] = {
		{ .iov_base = buf->data, .iov_len = 4096 },
		{ .iov_base = buf->data + 4096, .iov_len = 12288 },
	};
	struct store_io *io;
	int i;

	tap_need(file_make(65536));
	io = store_io_open(path, 0, &error);
	tap_need(io);
	memset(buf->data, 0xff, 16384);
	tap_check_eq(io->ops->write(io, 8192, iov, 2), 0);
	tap_check_eq(io->ops->zero(io, 12288, 8192), 0);
	tap_check_eq(io->ops->sync(io), 0);
	tap_check_eq(io->ops->read(io, 8192, buf->data, 16384), 0);
	for (i = 0; i < 16384; i++)
		tap_need(buf->data[i] == (i >= 4096 && i < 12288 ? 0 : 0xff));
	/* Beyond the end is an error, not a short read. */
	tap_check_eq(io->ops->read(io, 65536, buf->data, 4096), -EIO);
	io->ops->close(io);
	base_buf_put(buf);
	unlink(path);
}

#define CROWD_ENTRIES 1200

struct crowd {
	struct store_identity identity;
	struct store *store;
	uint64_t durable; /* atomic */
	bool failed; /* atomic */
};

static void crowd_check(struct crowd *crowd, bool holds)
{
	if (!holds)
		__atomic_store_n(&crowd->failed, true, __ATOMIC_RELAXED);
}

static bool crowd_goes_on(struct crowd *crowd)
{
	return !__atomic_load_n(&crowd->failed, __ATOMIC_RELAXED);
}

static void *crowd_log(void *argument)
{
	struct crowd *crowd = argument;
	struct raft_entry *entry;
	uint64_t next = 1;
	int error;

	while (next <= CROWD_ENTRIES && crowd_goes_on(crowd)) {
		entry = rig_entry(&crowd->identity, next, 1);
		error = store_log_append(crowd->store, &entry, 1);
		raft_entry_put(entry);
		crowd_check(crowd, !error || error == -ENOSPC);
		if (!error && next++ % 50)
			continue;
		crowd_check(crowd, store_log_sync(crowd->store) == 0);
		__atomic_store_n(&crowd->durable, next - 1, __ATOMIC_RELEASE);
		if (error)
			sched_yield();
	}
	crowd_check(crowd, store_log_sync(crowd->store) == 0);
	__atomic_store_n(&crowd->durable, next - 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *crowd_image(void *argument)
{
	struct crowd *crowd = argument;
	struct store_checkpoint checkpoint = { .applied_term = 1 };
	struct raft_entry *entry;
	uint64_t applied = 0, base;

	while (applied < CROWD_ENTRIES && crowd_goes_on(crowd)) {
		while (applied <
		       __atomic_load_n(&crowd->durable, __ATOMIC_ACQUIRE)) {
			entry = rig_entry(&crowd->identity, ++applied, 1);
			crowd_check(crowd,
				    store_apply(crowd->store, &entry, 1) == 0);
			raft_entry_put(entry);
		}
		if (applied == checkpoint.applied) {
			sched_yield();
			continue;
		}
		checkpoint.applied = applied;
		crowd_check(crowd, store_checkpoint(crowd->store, &checkpoint,
						    &base) == 0);
	}
	return NULL;
}

static void *crowd_reader(void *argument)
{
	struct crowd *crowd = argument;
	uint64_t index = 1, last = 0;
	struct raft_entry *entry;
	int error;

	while (last < CROWD_ENTRIES && crowd_goes_on(crowd)) {
		last = __atomic_load_n(&crowd->durable, __ATOMIC_ACQUIRE);
		index = index < last ? index + 1 : last > 40 ? last - 40 : 1;
		error = store_log_read(crowd->store, index, &entry);
		crowd_check(crowd, !error || error == -ENOENT);
		if (error)
			continue;
		crowd_check(crowd,
			    entry->index == index &&
				    rig_is(&crowd->identity, entry, true));
		raft_entry_put(entry);
	}
	return NULL;
}

static void log_image_and_readers_work_at_once(void)
{
	void *(*const jobs[])(void *) = { crowd_log, crowd_image,
					  crowd_reader };
	struct crowd crowd = { .identity = rig_identity(4096) };
	struct store_boot boot;
	struct store_io *io;
	pthread_t threads[3];
	unsigned int i;

	tap_need(file_make(rig_disk_bytes()));
	io = store_io_open(path, 1, NULL);
	tap_need(io);
	tap_need(store_format(io, &crowd.identity, false, NULL, NULL, NULL) ==
		 0);
	tap_need(store_open(io, &crowd.identity, false, &crowd.store, &boot,
			    NULL) == 0);
	store_boot_free(&boot);
	for (i = 0; i < 3; i++)
		tap_need(pthread_create(&threads[i], NULL, jobs[i], &crowd) ==
			 0);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	tap_check(!crowd.failed);
	store_close(crowd.store);
	io = store_io_open(path, 1, NULL);
	tap_need(io);
	tap_need(store_open(io, &crowd.identity, true, &crowd.store, &boot,
			    NULL) == 0);
	tap_check_eq(boot.last_index, CROWD_ENTRIES);
	tap_check_str(boot.damage, "");
	store_boot_free(&boot);
	store_close(crowd.store);
	unlink(path);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(replica_on_a_file_works),
		TAP_TEST(second_opener_is_refused),
		TAP_TEST(wrong_paths_are_told),
		TAP_TEST(zeroed_range_reads_back_as_zeroes),
		TAP_TEST(log_image_and_readers_work_at_once),
	};
	char folder[] = "/tmp/store_file_XXXXXX";
	int failed;

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	failed = tap_main(tests, TAP_COUNT(tests), argc, argv);
	return rmdir(folder) || failed;
}
