// SPDX-License-Identifier: GPL-2.0
/*
 * A store's memory, and the single function through which everything is
 * written: the first error there makes the store unusable for good.  Any
 * thread.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "store/internal.h"

int store_usable(struct store *store)
{
	if (__atomic_load_n(&store->failed, __ATOMIC_ACQUIRE))
		return -EIO;
	return store->read_only ? -EROFS : 0;
}

static void failed_set(struct store *store, const char *what, uint64_t offset,
		       int error)
{
	unsigned int disk = store_io_disk_of(offset);

	offset &= ~STORE_IO_SECOND;
	pthread_mutex_lock(&store->failure_lock);
	if (!__atomic_load_n(&store->failed, __ATOMIC_RELAXED)) {
		snprintf(store->failure, sizeof(store->failure),
			 "%s at %" PRIu64 "%s: %s", what, offset,
			 disk ? " of the meta-disk" : "", strerror(-error));
		store->failed_disk = disk;
		__atomic_store_n(&store->failed, 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&store->failure_lock);
}

int store_fail(struct store *store, const char *what, uint64_t offset,
	       int error)
{
	failed_set(store, what, offset, error);
	return -EIO;
}

void store_write_failed(struct store *store, uint64_t offset, int error)
{
	store_fail(store, "write", offset, error);
}

int store_write(struct store *store, uint64_t offset, const struct iovec *iov,
		unsigned int count)
{
	int error;

	assert(!store->read_only);
	error = store->io->ops->write(store->io, offset, iov, count);
	return error ? store_fail(store, "write", offset, error) : 0;
}

int store_write_bytes(struct store *store, uint64_t offset, const void *bytes,
		      size_t size)
{
	struct iovec iov = {
		.iov_base = (void *)(uintptr_t)bytes,
		.iov_len = size,
	};

	return store_write(store, offset, &iov, 1);
}

int store_zero(struct store *store, uint64_t offset, uint64_t size)
{
	int error;

	assert(!store->read_only);
	error = store->io->ops->zero(store->io, offset, size);
	return error ? store_fail(store, "zero", offset, error) : 0;
}

/*
 * One at a time: when the image thread's sync fails, what the disk then lost
 * may be the log's, and the log thread's next sync would know nothing of it.
 * The disk carries out one flush after the other anyway.
 */
static int sync_disk(struct store *store, unsigned int which)
{
	struct store_io *disk = store_io_disk(store->io, which);
	int error;

	assert(!store->read_only);
	pthread_mutex_lock(&store->sync_locks[which]);
	error = store_usable(store);
	if (!error) {
		error = disk->ops->sync(disk);
		if (planted(PLANTED_FAILED_SYNC_IGNORED))
			error = 0;
		if (error) {
			failed_set(store, "sync", which ? STORE_IO_SECOND : 0,
				   error);
			error = -EIO;
		}
	}
	pthread_mutex_unlock(&store->sync_locks[which]);
	return error;
}

int store_sync(struct store *store)
{
	int error = sync_disk(store, 0);

	return error || !store->io->second_size ? error : sync_disk(store, 1);
}

int store_sync_log(struct store *store)
{
	unsigned int log = store_io_disk_of(store->layout.ring);
	unsigned int meta = store_io_disk_of(store->layout.state[0]);
	int error = sync_disk(store, log);

	return error || log == meta ? error : sync_disk(store, meta);
}

const char *store_failure(struct store *store)
{
	return store_usable(store) == -EIO ? store->failure : "";
}

unsigned int store_failed_disk(struct store *store)
{
	return store_usable(store) == -EIO ? store->failed_disk : 0;
}

unsigned int store_log_disk(const struct store *store)
{
	return store_io_disk_of(store->layout.ring);
}

void store_free(struct store *store)
{
	base_buf_put(store->memory);
	free(store->log.places);
	pthread_mutex_destroy(&store->failure_lock);
	pthread_mutex_destroy(&store->sync_locks[1]);
	pthread_mutex_destroy(&store->sync_locks[0]);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

/* A record of the largest kind must fit into one piece. */
static uint32_t bound(uint32_t disk, uint32_t ours, uint32_t least)
{
	if (disk && disk < ours)
		ours = disk;
	return ours < least ? least : ours;
}

struct store *store_new(struct store_io *io, bool read_only,
			const struct format_super *super)
{
	const size_t chunk = STORE_CHUNK_BYTES;
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	pthread_mutex_init(&store->lock, NULL);
	pthread_mutex_init(&store->sync_locks[0], NULL);
	pthread_mutex_init(&store->sync_locks[1], NULL);
	pthread_mutex_init(&store->failure_lock, NULL);
	store->io = io;
	store->read_only = read_only;
	store->super = *super;
	format_layout(super, io->size, io->second_size, &store->layout);
	store->align = super->align;
	store->data_align = io->align;
	store->meta_align = store_io_disk_of(store->layout.state[0]) ?
				    io->second_align :
				    io->align;
	store->piece_bytes_max = bound(io->write_bytes_max,
				       STORE_PIECE_BYTES_MAX,
				       RAFT_ENTRY_DATA_MAX + FORMAT_BLOCK);
	store->piece_pages_max = bound(io->write_pages_max,
				       STORE_PIECE_PAGES_MAX,
				       RAFT_ENTRY_DATA_MAX / 4096 + 4);
	/* Records are no smaller than this, so no two live entries share. */
	store->log.place_count = super->identity.log_bytes / super->align;
	store->log.places =
		calloc(store->log.place_count, sizeof(*store->log.places));
	store->memory = base_buf_new(2 * chunk + 2 * FORMAT_BLOCK);
	if (!store->log.places || !store->memory) {
		store_free(store);
		return NULL;
	}
	store->log_bytes = store->memory->data;
	store->append.staging = store->log_bytes;
	store->append.staging_bytes = chunk;
	store->image_bytes = store->log_bytes + chunk;
	store->log_block = store->image_bytes + chunk;
	store->image_block = store->log_block + FORMAT_BLOCK;
	return store;
}

void store_close(struct store *store)
{
	store->io->ops->close(store->io);
	store_free(store);
}
