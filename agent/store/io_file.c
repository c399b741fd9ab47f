// SPDX-License-Identifier: GPL-2.0
/*
 * store_io on a block device or a file.  Any thread; holds no state but the
 * descriptor.  O_DIRECT, so that nothing counts as written that is only in the
 * page cache: a write error is returned by the call itself.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/holder.h"
#include "base/list.h"
#include "store/io.h"

#define FILE_IOV_MAX 64U
#define FILE_ZEROES_BYTES (1U << 20)
#define LOCK_PAUSE_MS 10U
#define LOCK_WAIT_MS 10000U /* also for a claim */

struct file_io {
	struct store_io io;
	int fd;
	bool is_device;
	bool volatile_cache;
};

static struct file_io *to_file(struct store_io *io)
{
	return base_container_of(io, struct file_io, io);
}

static int file_read(struct store_io *io, uint64_t offset, void *bytes,
		     size_t size)
{
	char *at = bytes;
	ssize_t got;

	while (size) {
		got = pread(to_file(io)->fd, at, size, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EIO; /* beyond the end: it has shrunk */
		at += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return 0;
}

/* One batch; @iov is the caller's copy and changed when a write is short. */
static int write_batch(int fd, uint64_t offset, struct iovec *iov,
		       unsigned int count)
{
	ssize_t got;

	while (count) {
		got = pwritev(fd, iov, (int)count, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		offset += (uint64_t)got;
		while (count && (size_t)got >= iov->iov_len) {
			got -= (ssize_t)iov->iov_len;
			iov++;
			count--;
		}
		if (count) {
			iov->iov_base = (char *)iov->iov_base + got;
			iov->iov_len -= (size_t)got;
		}
	}
	return 0;
}

static int file_write(struct store_io *io, uint64_t offset,
		      const struct iovec *iov, unsigned int iov_count)
{
	struct iovec batch[FILE_IOV_MAX];
	unsigned int count, i;
	uint64_t bytes;
	int error;

	while (iov_count) {
		count = iov_count < FILE_IOV_MAX ? iov_count : FILE_IOV_MAX;
		bytes = 0;
		for (i = 0; i < count; i++) {
			batch[i] = iov[i];
			bytes += iov[i].iov_len;
		}
		error = write_batch(to_file(io)->fd, offset, batch, count);
		if (error)
			return error;
		iov += count;
		iov_count -= count;
		offset += bytes;
	}
	return 0;
}

static int write_zeroes(struct store_io *io, uint64_t offset, uint64_t size)
{
	struct iovec iov;
	void *zeroes;
	int error = 0;

	if (posix_memalign(&zeroes, 4096, FILE_ZEROES_BYTES))
		return -ENOMEM;
	memset(zeroes, 0, FILE_ZEROES_BYTES);
	while (size && !error) {
		iov.iov_base = zeroes;
		iov.iov_len = size < FILE_ZEROES_BYTES ? size :
							 FILE_ZEROES_BYTES;
		error = file_write(io, offset, &iov, 1);
		offset += iov.iov_len;
		size -= iov.iov_len;
	}
	free(zeroes);
	return error;
}

/*
 * Errors that mean "this way isn't possible here" rather than a failing disk.
 * EBUSY: the kernel could not drop the page cache of that range, because
 * another process reads it (udev probes disks); writing zeroes past it is as
 * good.
 */
static bool not_supported(int error)
{
	return error == EOPNOTSUPP || error == ENOSYS || error == ENOTTY ||
	       error == EINVAL || error == EPERM || error == EBUSY;
}

static int file_zero(struct store_io *io, uint64_t offset, uint64_t size)
{
	static const int modes[] = {
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
	};
	struct file_io *file = to_file(io);
	uint64_t range[2] = { offset, size };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (fallocate(file->fd, modes[i], (off_t)offset, (off_t)size) ==
		    0)
			return 0;
		if (!not_supported(errno))
			return -errno;
	}
	if (file->is_device) {
		if (ioctl(file->fd, BLKZEROOUT, range) == 0)
			return 0;
		if (!not_supported(errno))
			return -errno;
	}
	return write_zeroes(io, offset, size);
}

static int file_sync(struct store_io *io)
{
	return fdatasync(to_file(io)->fd) ? -errno : 0;
}

static void file_close(struct store_io *io)
{
	struct file_io *file = to_file(io);

	close(file->fd);
	free(file);
}

static const struct store_io_ops file_ops = {
	.read = file_read,
	.write = file_write,
	.zero = file_zero,
	.sync = file_sync,
	.close = file_close,
};

static int busy_error(const char *path, struct base_error *error)
{
	char holder[320];

	if (holder_text_of(path, holder, sizeof(holder)))
		return base_error_set(error, -EBUSY,
				      "%s: it is %s; free it, or configure "
				      "another disk",
				      path, holder);
	return base_error_set(
		error, -EBUSY,
		"%s: in use, but the holder is not visible (a running volume, or a dead agent whose writes are still being carried out)",
		path);
}

static int open_error(const char *path, int code, struct base_error *error)
{
	switch (code) {
	case -ENOENT:
		return base_error_set(error, code,
				      "%s: there is no such device or file",
				      path);
	case -EACCES:
	case -EPERM:
		return base_error_set(
			error, -EACCES,
			"%s: not allowed to open it; are you root?", path);
	case -EBUSY:
		return busy_error(path, error);
	default:
		return base_error_set(error, code, "%s: %s", path,
				      strerror(-code));
	}
}

/* What the kernel says of the disk's queue; false: nothing. */
static bool queue_attribute(dev_t device, const char *name, char *text,
			    size_t size)
{
	static const char *const paths[] = {
		"/sys/dev/block/%u:%u/queue/%s",
		"/sys/dev/block/%u:%u/../queue/%s", /* of a partition */
	};
	char path[128];
	unsigned int i;
	ssize_t got;
	int fd = -1;

	for (i = 0; i < 2 && fd < 0; i++) {
		snprintf(path, sizeof(path), paths[i], major(device),
			 minor(device), name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return false;
	got = read(fd, text, size - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

static uint32_t queue_number(dev_t device, const char *name)
{
	char text[32];

	if (!queue_attribute(device, name, text, sizeof(text)))
		return 0;
	return (uint32_t)strtoul(text, NULL, 10);
}

/* Unknown counts as yes. */
static bool device_has_cache(dev_t device)
{
	char text[32];

	return !queue_attribute(device, "write_cache", text, sizeof(text)) ||
	       strncmp(text, "write through", strlen("write through")) != 0;
}

/* A file's sectors are those of the disk under it: ask by trying. */
static uint32_t file_align(int fd)
{
	void *bytes;
	uint32_t align = 512;

	if (posix_memalign(&bytes, 4096, 512))
		return 4096;
	if (pread(fd, bytes, 512, 512) < 0)
		align = 4096;
	free(bytes);
	return align;
}

static void pause_briefly(void)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000 };

	nanosleep(&pause, NULL);
}

/*
 * The lock belongs to the open file, which an outstanding write keeps open
 * beyond the death of its process.  So the process that has the lock knows that
 * no such write is left that could still reach the disk.
 */
static int lock_file(int fd, unsigned int wait_ms)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	while (fcntl(fd, F_OFD_SETLK, &lock)) {
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
		if (wait_ms < LOCK_PAUSE_MS)
			return -EBUSY;
		wait_ms -= LOCK_PAUSE_MS;
		pause_briefly();
	}
	return 0;
}

static int probe(struct file_io *file, enum store_io_claim claim)
{
	struct stat stat;
	uint64_t bytes;
	int sector;

	int code;

	if (fstat(file->fd, &stat))
		return -errno;
	if (!S_ISBLK(stat.st_mode) && !S_ISREG(stat.st_mode))
		return -EINVAL;
	code = lock_file(file->fd, claim == STORE_IO_CLAIM ? 0 : LOCK_WAIT_MS);
	if (code)
		return code;
	if (S_ISBLK(stat.st_mode)) {
		if (ioctl(file->fd, BLKGETSIZE64, &bytes) ||
		    ioctl(file->fd, BLKSSZGET, &sector))
			return -errno;
		file->is_device = true;
		file->io.size = bytes;
		file->io.align = sector <= 512 ? 512 : (uint32_t)sector;
		file->volatile_cache = device_has_cache(stat.st_rdev);
		file->io.write_bytes_max =
			queue_number(stat.st_rdev, "max_sectors_kb") << 10;
		file->io.write_pages_max =
			queue_number(stat.st_rdev, "max_segments");
		return 0;
	}
	file->volatile_cache = true;
	file->io.align = file_align(file->fd);
	file->io.size = (uint64_t)stat.st_size;
	return 0;
}

/*
 * O_EXCL without O_CREAT means "claim it" for block devices only.  Some file
 * systems have no O_DIRECT; a file there is for trials, not for data.
 */
static int open_path(const char *path, bool exclusive)
{
	int flags = O_RDWR | O_CLOEXEC | O_NONBLOCK;
	struct stat stat_path;
	int fd;

	if (stat(path, &stat_path))
		return -errno;
	if (!S_ISBLK(stat_path.st_mode) && !S_ISREG(stat_path.st_mode))
		return -EINVAL;
	if (exclusive && S_ISBLK(stat_path.st_mode))
		flags |= O_EXCL;
	fd = open(path, flags | O_DIRECT);
	if (fd < 0 && errno == EINVAL && S_ISREG(stat_path.st_mode))
		fd = open(path, flags);
	return fd < 0 ? -errno : fd;
}

/*
 * The last writes of an agent that died keep its claim.  Who shows - a mount, a
 * living process - is not one, and not waited for.
 */
static int open_claimed(const char *path, enum store_io_claim claim)
{
	unsigned int wait_ms = claim == STORE_IO_CLAIM_WAIT ? LOCK_WAIT_MS : 0;
	char holder[HOLDER_TEXT_MAX];
	int fd;

	while ((fd = open_path(path, claim != STORE_IO_BESIDE)) == -EBUSY) {
		if (wait_ms < LOCK_PAUSE_MS ||
		    holder_text_of(path, holder, sizeof(holder)))
			break;
		wait_ms -= LOCK_PAUSE_MS;
		pause_briefly();
	}
	return fd;
}

bool store_io_same(const char *path, const char *other)
{
	struct stat a, b;

	if (stat(path, &a) || stat(other, &b))
		return false;
	if (S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode))
		return a.st_rdev == b.st_rdev;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

struct store_io *store_io_open(const char *path, enum store_io_claim claim,
			       struct base_error *error)
{
	struct file_io *file;
	int code, fd;

	fd = open_claimed(path, claim);
	if (fd == -EINVAL) {
		base_error_set(error, fd,
			       "%s: neither a block device nor a file; change "
			       "it in the configuration",
			       path);
		return NULL;
	}
	if (fd < 0) {
		open_error(path, fd, error);
		return NULL;
	}
	file = calloc(1, sizeof(*file));
	if (!file) {
		close(fd);
		base_error_set(error, -ENOMEM, "%s: out of memory", path);
		return NULL;
	}
	file->fd = fd;
	file->io.ops = &file_ops;
	code = probe(file, claim);
	if (code) {
		open_error(path, code, error);
		file_close(&file->io);
		return NULL;
	}
	return &file->io;
}

int store_io_fd(const struct store_io *io)
{
	return base_container_of(io, struct file_io, io)->fd;
}

bool store_io_volatile_cache(const struct store_io *io)
{
	return base_container_of(io, struct file_io, io)->volatile_cache;
}
