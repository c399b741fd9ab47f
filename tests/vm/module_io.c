/* build: -Itests/vm/rig tests/vm/rig/rig.c tests/vm/rig/io.c */
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module alone: bytes go up to the agent and come back from the replica,
 * whatever their size, alignment and kind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <linux/major.h>
#include <linux/raid/md_p.h>
#include <linux/raid/md_u.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "rig.h"
#include "tap.h"

static void write_reads_back(void)
{
	struct rig_device dev;
	struct rig_agent agent;
	struct rig_request req;
	struct rig_io io;
	uint8_t want[4096];
	int fd;

	tap_need(rig_new(&dev, 0, 10000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	tap_need(rig_lease_ms(&agent, 60000) == 0);
	fd = rig_open_granted(&agent, &dev, 7);
	tap_need(fd >= 0);

	rig_io_start(&io, 'w', fd, 8192, 4096, 0xa5);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	tap_check_eq(req.wire.op, QBD_OP_WRITE);
	tap_check_eq(req.wire.offset, 8192);
	tap_check_eq(req.wire.length, 4096);
	tap_check_eq(req.wire.data_bytes, 4096);
	tap_check_eq(req.wire.epoch, 7);
	tap_check_eq(req.wire.flags, 0);
	memset(want, 0xa5, sizeof(want));
	tap_check(memcmp(req.data, want, sizeof(want)) == 0);
	tap_check(rig_io_waits(&io, 100));
	rig_apply(&agent, &req);
	tap_check_eq(rig_done(&agent, &req, 0, true), 0);
	tap_check_eq(rig_io_end(&io), 0);

	rig_io_start(&io, 'r', fd, 8192, 4096, 0);
	tap_check_eq(rig_io_end(&io), 0);
	tap_check(memcmp(io.data, want, sizeof(want)) == 0);

	tap_check_eq(rig_close_taken(&agent, fd), 0);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, false), 0);
}

/* A device with a serving agent, open */
struct served {
	struct rig_device dev;
	pid_t agent;
	int fd, replica;
};

static bool served_start_at(struct served *it, uint64_t data_offset)
{
	uint64_t end = rig_now_ms() + RIG_WAIT_MS;

	if (!tap_check(rig_new_at(&it->dev, 0, 10000, data_offset) == 0))
		return false;
	it->agent = rig_serve(&it->dev, 0);
	it->fd = open(it->dev.path, O_RDWR | O_DIRECT | O_CLOEXEC);
	it->replica = open(it->dev.replica, O_RDONLY | O_DIRECT | O_CLOEXEC);
	while (rig_gate(&it->dev) != QBD_GATE_ACTIVE && rig_now_ms() < end)
		rig_sleep_ms(5);
	return tap_check(it->fd >= 0) && tap_check(it->replica >= 0);
}

static bool served_start(struct served *it)
{
	return served_start_at(it, 0);
}

static void served_end(struct served *it)
{
	close(it->fd);
	close(it->replica);
	tap_check(RIG_STAT_BECOMES(&it->dev, inflight, 0));
	rig_serve_stop(it->agent, SIGKILL);
	tap_check_eq(rig_del(&it->dev, true), 0);
}

static uint8_t *pattern(uint32_t bytes, uint32_t seed)
{
	uint8_t *data;
	uint32_t i;

	if (posix_memalign((void **)&data, 4096, bytes + 4096))
		return NULL;
	for (i = 0; i < bytes + 4096; i++)
		data[i] = (uint8_t)((i * 2654435761U + seed * 40503U) >> 13);
	return data;
}

/* Both through the device and on the replica */
static bool reads_as(struct served *it, const uint8_t *want, uint64_t offset,
		     uint32_t bytes)
{
	uint8_t *got = pattern(bytes, 99);
	bool same;

	same = tap_check_eq(pread(it->fd, got, bytes, (off_t)offset), bytes) &&
	       tap_check(memcmp(got, want, bytes) == 0) &&
	       tap_check_eq(pread(it->replica, got, bytes,
				  (off_t)(it->dev.data_offset + offset)),
			    bytes) &&
	       tap_check(memcmp(got, want, bytes) == 0);
	free(got);
	return same;
}

static void all_sizes_and_offsets_read_back(void)
{
	static const uint32_t sizes[] = { 512,	  1024,	  3584,	  4096,
					  4608,	  32768,  65024,  65536,
					  66048,  131072, 262656, 1048576,
					  3145728 };
	static const uint32_t offsets[] = { 0, 512, 3584, 4096, 61440, 65024 };
	struct served it;
	uint8_t *data;
	size_t i, j;

	tap_need(served_start(&it));
	for (i = 0; i < TAP_COUNT(sizes); i++) {
		for (j = 0; j < TAP_COUNT(offsets); j++) {
			data = pattern(sizes[i], (uint32_t)(i * 16 + j));
			tap_check_eq(pwrite(it.fd, data, sizes[i], offsets[j]),
				     sizes[i]);
			if (!reads_as(&it, data, offsets[j], sizes[i]))
				printf("# size %u offset %u\n", sizes[i],
				       offsets[j]);
			free(data);
		}
	}
	served_end(&it);
}

static void unaligned_memory_reads_back(void)
{
	struct served it;
	uint8_t *data = pattern(1 << 20, 5);

	tap_need(served_start(&it));
	/* 17 fragments for 64 KiB, and cuts that are not at pages */
	tap_check_eq(pwrite(it.fd, data + 512, 1 << 20, 4096), 1 << 20);
	reads_as(&it, data + 512, 4096, 1 << 20);
	tap_check_eq(pwrite(it.fd, data + 1536, 65536, 512), 65536);
	reads_as(&it, data + 1536, 512, 65536);
	served_end(&it);
	free(data);
}

static void many_small_segments_read_back(void)
{
	enum { SEGMENTS = 256 };
	struct iovec parts[SEGMENTS];
	struct served it;
	uint8_t *data = pattern(SEGMENTS * 4096, 6);
	uint8_t *want = pattern(SEGMENTS * 512, 7);
	int i;

	tap_need(served_start(&it));
	/* each in a page of its own: 8 make a block, 17 fragments make two */
	for (i = 0; i < SEGMENTS; i++) {
		parts[i].iov_base = data + i * 4096 + 512 * (i % 8);
		parts[i].iov_len = 512;
		memcpy(want + i * 512, parts[i].iov_base, 512);
	}
	tap_check_eq(pwritev(it.fd, parts, SEGMENTS, 3584), SEGMENTS * 512);
	reads_as(&it, want, 3584, SEGMENTS * 512);
	served_end(&it);
	free(data);
	free(want);
}

static void ranges_read_back_as_zeroes(void)
{
	uint64_t zero[2] = { 65536 + 512, 1 << 20 };
	uint64_t discard[2] = { 4 << 20, 3 << 20 };
	struct served it;
	uint8_t *data = pattern(8 << 20, 8);

	tap_need(served_start(&it));
	tap_check_eq(pwrite(it.fd, data, 8 << 20, 0), 8 << 20);
	tap_check_eq(ioctl(it.fd, BLKZEROOUT, zero), 0);
	tap_check_eq(ioctl(it.fd, BLKDISCARD, discard), 0);
	memset(data + zero[0], 0, zero[1]);
	memset(data + discard[0], 0, discard[1]);
	reads_as(&it, data, 0, 8 << 20);
	tap_check(rig_stats(&it.dev).discards >= 2);
	served_end(&it);
	free(data);
}

static void whole_device_discards_in_bounded_requests(void)
{
	uint64_t all[2] = { 0, RIG_SIZE };
	struct rig_request req;
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_io io;
	uint64_t seen = 0;
	int fd;

	tap_need(rig_new(&dev, 0, 10000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	rig_lease_ms(&agent, 60000);
	fd = rig_open_granted(&agent, &dev, 1);
	tap_need(fd >= 0);
	rig_io_start(&io, 'd', fd, all[0], (uint32_t)all[1], 0);
	while (seen < RIG_SIZE && rig_next(&agent, &req, RIG_WAIT_MS) == 0) {
		tap_check_eq(req.wire.op, QBD_OP_DISCARD);
		tap_check_eq(req.wire.offset, seen);
		tap_check_eq(req.wire.data_bytes, 0);
		tap_check(req.wire.length <= QBD_REQ_RANGE_MAX);
		seen += req.wire.length;
		rig_done(&agent, &req, 0, true);
	}
	tap_check_eq(seen, RIG_SIZE);
	tap_check_eq(rig_io_end(&io), 0);
	rig_close_taken(&agent, fd);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, true), 0);
}

/* A piece never ends inside an aligned 4 KiB block, but where the write does */
static void writes_are_cut_at_blocks(void)
{
	struct rig_request req;
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_io io;
	uint64_t at = 512, end = 512 + 300 * 1024;
	int fd;

	tap_need(rig_new(&dev, 0, 10000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	rig_lease_ms(&agent, 60000);
	fd = rig_open_granted(&agent, &dev, 1);
	tap_need(fd >= 0);
	rig_io_start(&io, 'w', fd, at, (uint32_t)(end - at), 1);
	while (at < end && rig_next(&agent, &req, RIG_WAIT_MS) == 0) {
		tap_check_eq(req.wire.offset, at);
		at += req.wire.length;
		tap_check(at == end || at % 4096 == 0);
		tap_check(req.wire.length <= QBD_REQ_DATA_MAX);
		tap_check(req.wire.length >= 4096 - 512 || at == end);
		rig_done(&agent, &req, 0, true);
	}
	tap_check_eq(at, end);
	tap_check_eq(rig_io_end(&io), 0);
	rig_close_taken(&agent, fd);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, true), 0);
}

static void error_of_one_piece_is_the_writes_error(void)
{
	struct rig_request req;
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_io io;
	int fd, i;

	tap_need(rig_new(&dev, 0, 10000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	rig_lease_ms(&agent, 60000);
	fd = rig_open_granted(&agent, &dev, 1);
	tap_need(fd >= 0);
	rig_io_start(&io, 'w', fd, 0, 4 * 65536, 1);
	for (i = 0; i < 4; i++) {
		tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
		rig_done(&agent, &req, i == 1 ? -ENOSPC : 0, true);
	}
	tap_check_eq(rig_io_end(&io), (uint64_t)-ENOSPC);
	tap_check_eq(rig_stats(&dev).failed, 1);
	rig_close_taken(&agent, fd);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, true), 0);
}

#define PLUGGED 20

/* One io_submit() plugs the block layer: 4 KiB to every second block */
static bool submit_plugged(aio_context_t aio, int fd, uint8_t *data)
{
	static struct iocb blocks[PLUGGED], *list[PLUGGED];
	int i;

	for (i = 0; i < PLUGGED; i++) {
		blocks[i] = (struct iocb){
			.aio_lio_opcode = IOCB_CMD_PWRITE,
			.aio_fildes = (uint32_t)fd,
			.aio_buf = (uintptr_t)(data + i * 4096),
			.aio_nbytes = 4096,
			.aio_offset = i * 8192,
		};
		list[i] = &blocks[i];
	}
	return tap_check_eq(syscall(SYS_io_submit, aio, PLUGGED, list),
			    PLUGGED);
}

static void plugged_writes_share_messages(void)
{
	struct io_event events[PLUGGED];
	aio_context_t aio = 0;
	struct rig_request req;
	struct rig_agent agent;
	struct rig_device dev;
	uint8_t *data = pattern(PLUGGED * 4096, 9);
	int fd, i;

	tap_need(rig_new(&dev, 0, 10000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	rig_lease_ms(&agent, 60000);
	fd = rig_open_granted(&agent, &dev, 1);
	tap_need(fd >= 0);
	tap_need(syscall(SYS_io_setup, PLUGGED, &aio) == 0);
	tap_need(submit_plugged(aio, fd, data));
	for (i = 0; i < PLUGGED; i++) {
		tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
		tap_check_eq(req.wire.offset, (uint64_t)i * 8192);
		tap_check(memcmp(req.data, data + i * 4096, 4096) == 0);
		/* 16 fill a message, and are not kept waiting then */
		if (!tap_check_eq(req.first, i % 16 == 0))
			printf("# write %d\n", i);
		tap_check_eq(rig_done(&agent, &req, 0, true), 0);
	}
	tap_check_eq(syscall(SYS_io_getevents, aio, PLUGGED, PLUGGED, events,
			     NULL),
		     PLUGGED);
	for (i = 0; i < PLUGGED; i++)
		tap_check_eq(events[i].res, 4096);
	syscall(SYS_io_destroy, aio);
	rig_close_taken(&agent, fd);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, true), 0);
	free(data);
}

/* An array of one disk that hands on what it is given, cut and chained */
static int array_over(const char *path)
{
	static const char name[] = "/tmp/module_io.md";
	mdu_array_info_t array = {
		.minor_version = 90,
		.level = -5, /* faulty: it only could fail */
		.raid_disks = 1,
		.nr_disks = 1,
		.not_persistent = 1,
	};
	mdu_disk_info_t disk = {
		.state = 1 << MD_DISK_SYNC | 1 << MD_DISK_ACTIVE,
	};
	struct stat of;
	int fd;

	if (stat(path, &of) != 0)
		return -1;
	unlink(name);
	if (mknod(name, S_IFBLK | 0600, makedev(MD_MAJOR, 9)) != 0)
		return -1;
	disk.major = (int)major(of.st_rdev);
	disk.minor = (int)minor(of.st_rdev);
	fd = open(name, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd >= 0 && (ioctl(fd, SET_ARRAY_INFO, &array) != 0 ||
			ioctl(fd, ADD_NEW_DISK, &disk) != 0 ||
			ioctl(fd, RUN_ARRAY, NULL) != 0)) {
		printf("# the array: %s\n", strerror(errno));
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Up to the replica's very end, and nothing before the data area is touched */
static void data_area_may_begin_anywhere(void)
{
	static const uint64_t offsets[] = { 4096, 1 << 20, RIG_SPARE };
	enum { BYTES = 1 << 20 };
	uint8_t *data = pattern(BYTES, 21), *front = pattern(BYTES, 22);
	uint8_t *got = pattern(BYTES, 23);
	struct rig_msg msg;
	struct served it;
	size_t i, size;
	int replica;

	for (i = 0; i < TAP_COUNT(offsets); i++) {
		replica = open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC);
		tap_need(replica >= 0);
		size = offsets[i] < BYTES ? (size_t)offsets[i] : BYTES;
		tap_check_eq(pwrite(replica, front, size, 0), size);
		tap_need(served_start_at(&it, offsets[i]));
		tap_check_eq(rig_get_device(&it.dev, &msg), 0);
		tap_check_eq(rig_get_u64(&msg, QBD_A_DATA_OFFSET), offsets[i]);
		tap_check_eq(pwrite(it.fd, data, BYTES, 0), BYTES);
		tap_check_eq(pwrite(it.fd, data, BYTES, RIG_SIZE - BYTES),
			     BYTES);
		reads_as(&it, data, 0, BYTES);
		reads_as(&it, data, RIG_SIZE - BYTES, BYTES);
		tap_check_eq(pread(replica, got, size, 0), size);
		tap_check(memcmp(got, front, size) == 0);
		close(replica);
		served_end(&it);
	}
	free(data);
	free(front);
	free(got);
}

/* A bio that others hang on is cloned for the replica, where others are lent */
static void chained_bios_read_back(void)
{
	enum { BYTES = 1 << 20 };
	uint8_t *data = pattern(BYTES, 10);
	uint8_t *got = pattern(BYTES, 11);
	struct served it;
	uint64_t reads;
	int array, i;

	if (system("modprobe -q -a md_mod faulty") != 0) {
		tap_skip("no module faulty: the kernel has none since 6.8");
		return;
	}
	tap_need(served_start_at(&it, 1 << 20));
	tap_check_eq(pwrite(it.fd, data, BYTES, 0), BYTES);
	array = array_over(it.dev.path);
	tap_need(array >= 0);
	reads = rig_stats(&it.dev).reads;
	for (i = 0; i < 10; i++) {
		memset(got, 0, BYTES);
		tap_check_eq(pread(array, got, BYTES, 0), BYTES);
		tap_check(memcmp(got, data, BYTES) == 0);
	}
	tap_check_eq(rig_stats(&it.dev).reads - reads, 10 * BYTES / 65536);
	tap_check_eq(ioctl(array, STOP_ARRAY, NULL), 0);
	close(array);
	served_end(&it);
	free(data);
	free(got);
}

static void limits_are_as_promised(void)
{
	static const struct {
		const char *name;
		long want;
	} limits[] = {
		{ "logical_block_size", 512 },
		{ "physical_block_size", 4096 },
		{ "minimum_io_size", 4096 },
		{ "max_hw_sectors_kb", 64 },
		{ "discard_max_bytes", QBD_REQ_RANGE_MAX },
		{ "write_zeroes_max_bytes", QBD_REQ_RANGE_MAX },
		{ "rotational", 0 },
		{ "stable_writes", 1 },
	};
	struct rig_device dev;
	char path[128], text[64];
	FILE *file;
	size_t i;

	tap_need(rig_new(&dev, 0, 10000) == 0);
	for (i = 0; i < TAP_COUNT(limits); i++) {
		snprintf(path, sizeof(path), "/sys/block/qbd%u/queue/%s",
			 dev.minor, limits[i].name);
		file = fopen(path, "r");
		tap_need(file && fgets(text, sizeof(text), file));
		fclose(file);
		if (!tap_check_eq(atol(text), limits[i].want))
			printf("# %s\n", limits[i].name);
	}
	snprintf(path, sizeof(path), "/sys/block/qbd%u/queue/write_cache",
		 dev.minor);
	file = fopen(path, "r");
	tap_need(file && fgets(text, sizeof(text), file));
	fclose(file);
	tap_check_str(text, "write through\n");
	snprintf(path, sizeof(path), "/sys/block/qbd%u/qbd/volume", dev.minor);
	file = fopen(path, "r");
	tap_need(file && fgets(text, sizeof(text), file));
	fclose(file);
	tap_check_str(text, "test0\n");
	tap_check_eq(rig_del(&dev, false), 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(write_reads_back),
		TAP_TEST(all_sizes_and_offsets_read_back),
		TAP_TEST(unaligned_memory_reads_back),
		TAP_TEST(many_small_segments_read_back),
		TAP_TEST(ranges_read_back_as_zeroes),
		TAP_TEST(whole_device_discards_in_bounded_requests),
		TAP_TEST(writes_are_cut_at_blocks),
		TAP_TEST(error_of_one_piece_is_the_writes_error),
		TAP_TEST(plugged_writes_share_messages),
		TAP_TEST(data_area_may_begin_anywhere),
		TAP_TEST(chained_bios_read_back),
		TAP_TEST(limits_are_as_promised),
	};

	rig_setup();
	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
