/* build: -Wl,--wrap=pread,--wrap=pwritev,--wrap=fallocate,--wrap=ioctl,--wrap=fdatasync,--wrap=open,--wrap=stat,--wrap=fstat,--wrap=fcntl,--wrap=nanosleep,--wrap=posix_memalign,--wrap=calloc,--wrap=holder_text_of */
// SPDX-License-Identifier: GPL-2.0
/*
 * The store's system calls, where the kernel does not simply do what it is
 * asked: each call goes through a function below, which fails as the test says.
 * What the kernel says of a block device is made up, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "store/io.h"
#include "tap.h"

#define FILE_BYTES 65536U
#define SHORT 1 /* instead of an errno: it does a part of the work */
#define NOTHING 2 /* it does none, and says so */

enum call {
	PREAD,
	PWRITEV,
	FALLOCATE,
	IOCTL,
	FDATASYNC,
	OPEN,
	FSTAT,
	LOCK,
	MEMALIGN,
	CALLOC,
	CALLS,
};

/* The kernel: which calls fail, how often, and what was seen of them. */
static struct {
	int error[CALLS]; /* errno, SHORT or NOTHING */
	unsigned int times[CALLS]; /* before it works again */
	unsigned int calls[CALLS];
	bool is_device; /* what stat says */
	int sector;
	const char *queue; /* folder that stands for the device's queue */
	bool is_partition;
	const char *holder;
	int flags; /* of the last open of a disk */
	uint64_t zeroed[2]; /* by the device itself */
	unsigned int pauses;
} kernel;

static void kernel_begin(void)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.sector = 512;
}

static void kernel_fail(enum call call, int error, unsigned int times)
{
	kernel.error[call] = error;
	kernel.times[call] = times;
	kernel.calls[call] = 0;
}

/* 0: the call is to be made */
static int kernel_enter(enum call call)
{
	kernel.calls[call]++;
	if (!kernel.times[call])
		return 0;
	kernel.times[call]--;
	errno = kernel.error[call];
	return kernel.error[call];
}

ssize_t __real_pread(int fd, void *bytes, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t size, off_t offset)
{
	if (kernel_enter(PREAD))
		return -1;
	return __real_pread(fd, bytes, size, offset);
}

ssize_t __real_pwritev(int fd, const struct iovec *iov, int count,
		       off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count,
		       off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	struct iovec part = *iov;

	switch (kernel_enter(PWRITEV)) {
	case 0:
		return __real_pwritev(fd, iov, count, offset);
	case SHORT:
		part.iov_len /= 2;
		return __real_pwritev(fd, &part, 1, offset);
	case NOTHING:
		return 0;
	default:
		return -1;
	}
}

int __real_fallocate(int fd, int mode, off_t offset, off_t size);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t size);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t size)
{
	if (kernel_enter(FALLOCATE))
		return -1;
	return __real_fallocate(fd, mode, offset, size);
}

int __wrap_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
	if (kernel_enter(IOCTL))
		return -1;
	switch (request) {
	case BLKGETSIZE64:
		*(uint64_t *)argument = FILE_BYTES;
		return 0;
	case BLKSSZGET:
		*(int *)argument = kernel.sector;
		return 0;
	case BLKZEROOUT:
		memcpy(kernel.zeroed, argument, sizeof(kernel.zeroed));
		return 0;
	default:
		errno = ENOTTY;
		return -1;
	}
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	return kernel_enter(FDATASYNC) ? -1 : __real_fdatasync(fd);
}

/* What a device's queue says is in files of the test's. */
static int open_attribute(const char *path)
{
	char own[128];

	if (!kernel.queue || kernel.is_partition != !!strstr(path, "/../")) {
		errno = ENOENT;
		return -1;
	}
	snprintf(own, sizeof(own), "%s%s", kernel.queue, strrchr(path, '/'));
	return openat(AT_FDCWD, own, O_RDONLY | O_CLOEXEC);
}

int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	if (strncmp(path, "/sys/dev/block/", 15) == 0)
		return open_attribute(path);
	kernel.flags = flags;
	if (kernel_enter(OPEN))
		return -1;
	return openat(AT_FDCWD, path, flags & ~O_EXCL);
}

static int as_device(int result, struct stat *stat, bool is_device)
{
	if (result == 0 && is_device && S_ISREG(stat->st_mode)) {
		stat->st_mode = S_IFBLK | 0600;
		stat->st_rdev = makedev(253, (unsigned int)stat->st_ino & 0xff);
	}
	return result;
}

int __real_stat(const char *path, struct stat *stat);
int __wrap_stat(const char *path, struct stat *stat);
int __wrap_stat(const char *path, struct stat *stat)
{
	return as_device(__real_stat(path, stat), stat, kernel.is_device);
}

int __real_fstat(int fd, struct stat *stat);
int __wrap_fstat(int fd, struct stat *stat);
int __wrap_fstat(int fd, struct stat *stat)
{
	int result;

	switch (kernel_enter(FSTAT)) {
	case 0:
		return as_device(__real_fstat(fd, stat), stat,
				 kernel.is_device);
	case NOTHING: /* what is opened is another thing than was asked for */
		result = __real_fstat(fd, stat);
		stat->st_mode = S_IFCHR;
		return result;
	default:
		return -1;
	}
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, command);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (kernel_enter(LOCK))
		return -1;
	return __real_fcntl(fd, command, argument);
}

int __wrap_nanosleep(const struct timespec *pause, struct timespec *left);
int __wrap_nanosleep(const struct timespec *pause, struct timespec *left)
{
	kernel.pauses++;
	return 0;
}

int __real_posix_memalign(void **bytes, size_t align, size_t size);
int __wrap_posix_memalign(void **bytes, size_t align, size_t size);
int __wrap_posix_memalign(void **bytes, size_t align, size_t size)
{
	return kernel_enter(MEMALIGN) ?
		       ENOMEM :
		       __real_posix_memalign(bytes, align, size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
	return kernel_enter(CALLOC) ? NULL : __real_calloc(count, size);
}

unsigned int __wrap_holder_text_of(const char *path, char *text, size_t size);
unsigned int __wrap_holder_text_of(const char *path, char *text, size_t size)
{
	if (kernel.holder)
		snprintf(text, size, "%s", kernel.holder);
	return kernel.holder ? 1 : 0;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file)
		abort();
	fputs(text, file);
	fclose(file);
}

static void disk_make(const char *path)
{
	write_text(path, "");
	if (truncate(path, FILE_BYTES))
		abort();
}

/* The disk that most tests use, closed by the caller. */
static struct store_io *disk_open(enum store_io_claim claim)
{
	struct base_error error = { .text = "" };
	struct store_io *io = store_io_open("disk", claim, &error);

	if (!io)
		printf("# %s\n", error.text);
	return io;
}

static void disk_close(struct store_io *io)
{
	io->ops->close(io);
}

/* 16 KiB at the beginning of the disk, each byte as it should be. */
static void check_bytes(struct store_io *io, const uint8_t *want)
{
	void *got;

	if (__real_posix_memalign(&got, 4096, 16384))
		abort();
	tap_check_eq(io->ops->read(io, 0, got, 16384), 0);
	tap_check(memcmp(got, want, 16384) == 0);
	free(got);
}

static uint8_t *bytes_new(uint8_t value)
{
	void *bytes;

	if (__real_posix_memalign(&bytes, 4096, 16384))
		abort();
	memset(bytes, value, 16384);
	return bytes;
}

static void interrupted_and_short_transfers_go_on(void)
{
	uint8_t *bytes = bytes_new(0x11);
	struct iovec iov[2] = {
		{ .iov_base = bytes, .iov_len = 8192 },
		{ .iov_base = bytes + 8192, .iov_len = 8192 },
	};
	struct store_io *io;

	kernel_begin();
	memset(bytes + 4096, 0x22, 4096);
	memset(bytes + 8192, 0x33, 8192);
	io = disk_open(STORE_IO_CLAIM);
	tap_need(io);
	kernel_fail(PWRITEV, EINTR, 2);
	tap_check_eq(io->ops->write(io, 0, iov, 2), 0);
	tap_check_eq(kernel.calls[PWRITEV], 3);
	kernel_fail(PREAD, EINTR, 2);
	check_bytes(io, bytes);
	memset(bytes, 0x44, 4096);
	kernel_fail(PWRITEV, SHORT, 1);
	tap_check_eq(io->ops->write(io, 0, iov, 2), 0);
	tap_check_eq(kernel.calls[PWRITEV], 2);
	check_bytes(io, bytes);
	tap_check_eq(iov[0].iov_len, 8192); /* the caller's */
	disk_close(io);
	free(bytes);
}

static void errors_of_the_disk_are_the_callers(void)
{
	uint8_t *bytes = bytes_new(0);
	struct iovec iov = { .iov_base = bytes, .iov_len = 4096 };
	struct store_io *io;

	kernel_begin();
	io = disk_open(STORE_IO_CLAIM);
	tap_need(io);
	kernel_fail(PREAD, EIO, 1);
	tap_check_eq(io->ops->read(io, 0, bytes, 4096), -EIO);
	kernel_fail(PWRITEV, ENOSPC, 1);
	tap_check_eq(io->ops->write(io, 0, &iov, 1), -ENOSPC);
	kernel_fail(PWRITEV, NOTHING, 1); /* the disk has shrunk */
	tap_check_eq(io->ops->write(io, 0, &iov, 1), -EIO);
	kernel_fail(FDATASYNC, EIO, 1);
	tap_check_eq(io->ops->sync(io), -EIO);
	kernel_fail(FALLOCATE, EIO, 1);
	kernel_fail(PWRITEV, 0, 0);
	tap_check_eq(io->ops->zero(io, 0, 4096), -EIO);
	tap_check_eq(kernel.calls[FALLOCATE], 1);
	tap_check_eq(kernel.calls[PWRITEV], 0); /* no other way is tried */
	disk_close(io);
	free(bytes);
}

static void zeroes_are_written_where_nothing_else_makes_them(void)
{
	static const int unsupported[] = { EOPNOTSUPP, ENOSYS, ENOTTY,
					   EINVAL,     EPERM,  EBUSY };
	uint8_t *bytes = bytes_new(0x55);
	struct iovec iov = { .iov_base = bytes, .iov_len = 16384 };
	struct store_io *io;
	unsigned int i;

	kernel_begin();
	io = disk_open(STORE_IO_CLAIM);
	tap_need(io);
	for (i = 0; i < TAP_COUNT(unsupported); i++) {
		memset(bytes, 0x55, 16384);
		tap_check_eq(io->ops->write(io, 0, &iov, 1), 0);
		kernel_fail(FALLOCATE, unsupported[i], 2);
		kernel_fail(PWRITEV, 0, 0);
		tap_check_eq(io->ops->zero(io, 4096, 8192), 0);
		tap_check_eq(kernel.calls[FALLOCATE], 2);
		tap_check_eq(kernel.calls[PWRITEV], 1);
		memset(bytes + 4096, 0, 8192);
		check_bytes(io, bytes);
	}
	/* More than one piece; the second one fails. */
	kernel_fail(FALLOCATE, ENOSYS, 2);
	tap_check_eq(io->ops->zero(io, 0, (1 << 20) + 4096), 0);
	tap_check_eq(kernel.calls[FALLOCATE], 2);
	kernel_fail(FALLOCATE, ENOSYS, 2);
	kernel_fail(PWRITEV, EIO, 1);
	tap_check_eq(io->ops->zero(io, 0, (1 << 20) + 4096), -EIO);
	tap_check_eq(kernel.calls[PWRITEV], 1);
	kernel_fail(FALLOCATE, ENOSYS, 2);
	kernel_fail(MEMALIGN, ENOMEM, 1);
	tap_check_eq(io->ops->zero(io, 0, 4096), -ENOMEM);
	disk_close(io);
	disk_make("disk");
	free(bytes);
}

static void device_zeroes_itself_where_it_can(void)
{
	struct store_io *io;

	kernel_begin();
	kernel.is_device = true;
	io = disk_open(STORE_IO_CLAIM);
	tap_need(io);
	kernel_fail(FALLOCATE, EOPNOTSUPP, 2);
	tap_check_eq(io->ops->zero(io, 4096, 8192), 0);
	tap_check_eq(kernel.zeroed[0], 4096);
	tap_check_eq(kernel.zeroed[1], 8192);
	tap_check_eq(kernel.calls[PWRITEV], 0);
	kernel_fail(FALLOCATE, EOPNOTSUPP, 2);
	kernel_fail(IOCTL, EIO, 1);
	tap_check_eq(io->ops->zero(io, 4096, 8192), -EIO);
	kernel_fail(FALLOCATE, EOPNOTSUPP, 2);
	kernel_fail(IOCTL, ENOTTY, 1);
	tap_check_eq(io->ops->zero(io, 4096, 8192), 0);
	tap_check_eq(kernel.calls[PWRITEV], 1);
	disk_close(io);
}

static void limits_of_a_device_are_those_of_its_queue(void)
{
	struct store_io *io;

	kernel_begin();
	kernel.is_device = true;
	io = disk_open(STORE_IO_CLAIM); /* which has no queue */
	tap_need(io);
	tap_check_eq(io->size, FILE_BYTES);
	tap_check_eq(io->align, 512);
	tap_check_eq(io->write_bytes_max, 0);
	tap_check_eq(io->write_pages_max, 0);
	tap_check(store_io_volatile_cache(io));
	tap_check(store_io_fd(io) >= 0);
	disk_close(io);

	kernel.queue = "queue";
	kernel.sector = 4096;
	write_text("queue/write_cache", "write through\n");
	write_text("queue/max_sectors_kb", "1280\n");
	write_text("queue/max_segments", "");
	io = disk_open(STORE_IO_CLAIM);
	tap_need(io);
	tap_check_eq(io->align, 4096);
	tap_check_eq(io->write_bytes_max, 1280 * 1024);
	tap_check_eq(io->write_pages_max, 0);
	tap_check(!store_io_volatile_cache(io));
	disk_close(io);

	kernel.is_partition = true;
	write_text("queue/write_cache", "write back\n");
	write_text("queue/max_segments", "168\n");
	io = disk_open(STORE_IO_CLAIM);
	tap_need(io);
	tap_check_eq(io->write_pages_max, 168);
	tap_check(store_io_volatile_cache(io));
	disk_close(io);
}

static void claims_devices_unless_it_shall_be_beside(void)
{
	struct store_io *io;

	kernel_begin();
	kernel.is_device = true;
	io = disk_open(STORE_IO_CLAIM);
	tap_need(io);
	tap_check(kernel.flags & O_EXCL);
	disk_close(io);
	io = disk_open(STORE_IO_BESIDE);
	tap_need(io);
	tap_check(!(kernel.flags & O_EXCL));
	disk_close(io);
	kernel.is_device = false;
	io = disk_open(STORE_IO_CLAIM); /* O_EXCL means something else there */
	tap_need(io);
	tap_check(!(kernel.flags & O_EXCL));
	disk_close(io);
}

static void check_refused(enum store_io_claim claim, int code, const char *text)
{
	struct base_error error = { .text = "" };
	struct store_io *io = store_io_open("disk", claim, &error);

	tap_check(!io);
	tap_check_eq(error.code, code);
	if (!tap_check(strstr(error.text, text) != NULL))
		printf("# %s\n", error.text);
	if (io)
		disk_close(io);
}

static void what_can_not_be_opened_is_told(void)
{
	struct store_io *io;

	kernel_begin();
	kernel_fail(OPEN, EACCES, 1);
	check_refused(STORE_IO_CLAIM, -EACCES, "are you root?");
	kernel_fail(OPEN, EPERM, 1);
	check_refused(STORE_IO_CLAIM, -EACCES, "are you root?");
	kernel_fail(OPEN, ENXIO, 1);
	check_refused(STORE_IO_CLAIM, -ENXIO, strerror(ENXIO));
	kernel_fail(FSTAT, EIO, 1);
	check_refused(STORE_IO_CLAIM, -EIO, strerror(EIO));
	kernel_fail(FSTAT, NOTHING, 1);
	check_refused(STORE_IO_CLAIM, -EINVAL, strerror(EINVAL));
	kernel_fail(LOCK, ENOLCK, 1);
	check_refused(STORE_IO_CLAIM, -ENOLCK, strerror(ENOLCK));
	kernel_fail(CALLOC, ENOMEM, 1);
	check_refused(STORE_IO_CLAIM, -ENOMEM, "out of memory");
	kernel.is_device = true;
	kernel_fail(IOCTL, ENOTTY, 1);
	check_refused(STORE_IO_CLAIM, -ENOTTY, strerror(ENOTTY));
	io = disk_open(STORE_IO_CLAIM); /* nothing was left open or locked */
	tap_need(io);
	disk_close(io);
}

static void file_without_direct_io_is_for_trials(void)
{
	struct store_io *io;

	kernel_begin();
	kernel_fail(OPEN, EINVAL, 1);
	io = disk_open(STORE_IO_CLAIM);
	tap_need(io);
	tap_check(!(kernel.flags & O_DIRECT));
	disk_close(io);
	kernel.is_device = true; /* a device has it, or something is wrong */
	kernel_fail(OPEN, EINVAL, 1);
	check_refused(STORE_IO_CLAIM, -EINVAL, "neither a block device");
}

static void sectors_of_a_file_are_found_by_trying(void)
{
	struct store_io *io;

	kernel_begin();
	kernel_fail(PREAD, EINVAL, 1);
	io = disk_open(STORE_IO_CLAIM);
	tap_need(io);
	tap_check_eq(io->align, 4096);
	disk_close(io);
	kernel_fail(MEMALIGN, ENOMEM, 1);
	io = disk_open(STORE_IO_CLAIM);
	tap_need(io);
	tap_check_eq(io->align, 4096); /* fits all */
	disk_close(io);
	io = disk_open(STORE_IO_CLAIM);
	tap_need(io);
	tap_check_eq(io->align, 512);
	disk_close(io);
}

static void dead_agents_claim_is_waited_for(void)
{
	static const enum call held[] = { OPEN, LOCK };
	static const int errors[][2] = { { EBUSY, EBUSY }, { EAGAIN, EACCES } };
	struct store_io *io;
	unsigned int i;

	kernel_begin();
	kernel.is_device = true;
	for (i = 0; i < 4; i++) {
		kernel_fail(held[i / 2], errors[i / 2][i % 2], 3);
		kernel.pauses = 0;
		io = disk_open(STORE_IO_CLAIM_WAIT);
		tap_need(io);
		tap_check_eq(kernel.pauses, 3);
		disk_close(io);
		/* Ten seconds, and not for ever. */
		kernel_fail(held[i / 2], errors[i / 2][i % 2], ~0U);
		kernel.pauses = 0;
		check_refused(STORE_IO_CLAIM_WAIT, -EBUSY,
			      "the holder is not visible");
		tap_check_eq(kernel.pauses, 1000);
		kernel.pauses = 0;
		check_refused(STORE_IO_CLAIM, -EBUSY, "not visible");
		tap_check_eq(kernel.pauses, 0);
		kernel_fail(held[i / 2], 0, 0);
	}
}

static void holder_that_shows_is_named_at_once(void)
{
	kernel_begin();
	kernel.is_device = true;
	kernel.holder = "mounted at /srv";
	kernel_fail(OPEN, EBUSY, ~0U);
	check_refused(STORE_IO_CLAIM_WAIT, -EBUSY,
		      "disk: it is mounted at /srv; free it");
	tap_check_eq(kernel.pauses, 0);
}

static void two_paths_to_one_disk_are_seen(void)
{
	kernel_begin();
	unlink("alias");
	tap_need(link("disk", "alias") == 0);
	tap_check(store_io_same("disk", "alias"));
	tap_check(!store_io_same("disk", "other"));
	tap_check(!store_io_same("disk", "missing"));
	tap_check(!store_io_same("missing", "disk"));
	tap_check(!store_io_same("disk", "/proc/self/mounts"));
	kernel.is_device = true; /* by number: nodes may be made anywhere */
	tap_check(store_io_same("disk", "alias"));
	tap_check(!store_io_same("disk", "other"));
	tap_check(!store_io_same("disk", "."));
	tap_check(!store_io_same(".", "disk"));
	unlink("alias");
}

static void check_pair_refused(const char *first, const char *second, int code,
			       const char *text)
{
	struct base_error error = { .text = "" };

	tap_check(!store_io_open_both(first, second, STORE_IO_CLAIM, &error));
	tap_check_eq(error.code, code);
	if (!tap_check(strstr(error.text, text) != NULL))
		printf("# %s\n", error.text);
}

static void two_disks_are_opened_both_or_neither(void)
{
	struct base_error error = { .text = "" };
	struct store_io *io;

	kernel_begin();
	check_pair_refused("disk", "disk", -EINVAL, "are the same");
	check_pair_refused("missing", "other", -ENOENT, "missing: there is no");
	check_pair_refused("disk", "missing", -ENOENT, "meta-disk missing");
	kernel.is_device = true;
	kernel.queue = "queue";
	write_text("queue/max_sectors_kb", "64\n");
	io = store_io_open_both("disk", "other", STORE_IO_BESIDE, &error);
	tap_need(io);
	tap_check(kernel.flags & O_EXCL); /* the second one, in any case */
	tap_check_eq(io->second_size, FILE_BYTES);
	tap_check_eq(io->write_bytes_max, 64 * 1024);
	tap_check(store_io_disk(io, 0) != store_io_disk(io, 1));
	disk_close(io);
	io = store_io_open_both("disk", "", STORE_IO_CLAIM, &error);
	tap_need(io);
	tap_check_eq(io->second_size, 0);
	tap_check(store_io_disk(io, 1) == io);
	disk_close(io);
}

static void pair_without_memory_leaves_the_disks(void)
{
	struct store_io *io;

	kernel_begin();
	io = disk_open(STORE_IO_CLAIM);
	tap_need(io);
	kernel_fail(CALLOC, ENOMEM, 1);
	tap_check(!store_io_pair(io, io));
	tap_check_eq(io->ops->sync(io), 0);
	disk_close(io);
}

static void pair_takes_what_the_narrower_disk_takes(void)
{
	static const uint32_t limits[][3] = {
		{ 0, 0, 0 }, { 8, 0, 8 }, { 0, 9, 9 }, { 8, 9, 8 }, { 9, 8, 8 }
	};
	struct base_error error = { .text = "" };
	struct store_io *first, *second, *pair;
	unsigned int i;

	kernel_begin();
	for (i = 0; i < TAP_COUNT(limits); i++) {
		first = disk_open(STORE_IO_CLAIM);
		second = store_io_open("other", STORE_IO_CLAIM, &error);
		tap_need(first && second);
		first->write_bytes_max = limits[i][0];
		second->write_bytes_max = limits[i][1];
		pair = store_io_pair(first, second);
		tap_need(pair);
		tap_check_eq(pair->write_bytes_max, limits[i][2]);
		tap_check_eq(pair->ops->sync(pair), 0);
		tap_check_eq(kernel.calls[FDATASYNC], 2);
		/* What the second says counts for nothing without the first. */
		kernel_fail(FDATASYNC, EIO, 1);
		tap_check_eq(pair->ops->sync(pair), -EIO);
		tap_check_eq(kernel.calls[FDATASYNC], 1);
		kernel_fail(FDATASYNC, 0, 0);
		disk_close(pair);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(interrupted_and_short_transfers_go_on),
		TAP_TEST(errors_of_the_disk_are_the_callers),
		TAP_TEST(zeroes_are_written_where_nothing_else_makes_them),
		TAP_TEST(device_zeroes_itself_where_it_can),
		TAP_TEST(limits_of_a_device_are_those_of_its_queue),
		TAP_TEST(claims_devices_unless_it_shall_be_beside),
		TAP_TEST(what_can_not_be_opened_is_told),
		TAP_TEST(file_without_direct_io_is_for_trials),
		TAP_TEST(sectors_of_a_file_are_found_by_trying),
		TAP_TEST(dead_agents_claim_is_waited_for),
		TAP_TEST(holder_that_shows_is_named_at_once),
		TAP_TEST(two_paths_to_one_disk_are_seen),
		TAP_TEST(two_disks_are_opened_both_or_neither),
		TAP_TEST(pair_without_memory_leaves_the_disks),
		TAP_TEST(pair_takes_what_the_narrower_disk_takes),
	};
	char folder[] = "/tmp/store_kernel_XXXXXX";
	int failed;

	if (!mkdtemp(folder) || chdir(folder) || mkdir("queue", 0700))
		return 1;
	disk_make("disk");
	disk_make("other");
	failed = tap_main(tests, TAP_COUNT(tests), argc, argv);
	unlink("disk");
	unlink("other");
	unlink("queue/write_cache");
	unlink("queue/max_sectors_kb");
	unlink("queue/max_segments");
	return rmdir("queue") || rmdir(folder) || failed;
}
