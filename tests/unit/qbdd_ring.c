// SPDX-License-Identifier: GPL-2.0
/*
 * The ring: what it writes, what it tells, and that nothing holds up who reaps.
 * Its file is a part of this one, to reach the words that it shares with the
 * kernel.
 */
#include "qbdd/ring.c"

#include <poll.h>

#include "tests/lib/replica.h"
#include "tap.h"

/* A reaper that does not come back is a failure at once. */
#define LIMIT_S 30

struct seen {
	unsigned int count;
	int results[4];
};

static void seen_done(void *context, void *cookie, int result)
{
	struct seen *seen = context;

	seen->results[*(int *)cookie] = result;
	seen->count++;
}

/* Return: NULL when the test is over; else @fd is the ring's file, to be closed. */
static struct ring *open_ring(int *fd)
{
	char path[] = "/tmp/qbd-ring-XXXXXX";
	struct ring *ring = NULL;
	int code;

	*fd = mkstemp(path);
	unlink(path);
	alarm(LIMIT_S);
	code = ring_open(fd, 1, &ring);
	if (code == -ENOSYS || code == -EPERM)
		tap_skip("this kernel has no io_uring for us");
	else
		tap_check_eq(code, 0);
	if (!ring)
		close(*fd);
	return ring;
}

static void reap_until(struct ring *ring, struct seen *seen, unsigned int count)
{
	struct pollfd told = { .fd = ring_fd(ring), .events = POLLIN };

	while (seen->count < count && poll(&told, 1, 10000) == 1)
		ring_reap(ring, seen_done, seen);
	tap_check_eq(seen->count, count);
}

static void a_ring_writes_and_tells(void)
{
	static uint8_t bytes[8192] __attribute__((aligned(4096)));
	char got[8192];
	struct iovec pooled = { .iov_len = 4096 };
	struct store_piece fixed = { 16384, 4096, &pooled, 1 };
	struct iovec iov[2] = { { bytes, 4096 }, { bytes + 4096, 4096 } };
	struct store_piece one = { 4096, 4096, iov, 1 };
	struct store_piece two = { 8192, 8192, iov, 2 };
	struct store_piece bad = { 0, 4096, iov, 1 };
	int cookies[4] = { 0, 1, 2, 3 };
	struct seen seen = { 0 };
	struct base_buf *buf;
	struct ring *ring;
	int fd;

	rig_fill(bytes, sizeof(bytes), 1);
	/* One buffer that the kernel knows from the ring's beginning. */
	tap_need(!base_buf_pool(4U << 20));
	buf = base_buf_new(4096);
	pooled.iov_base = buf->data;
	rig_fill(buf->data, 4096, 2);
	ring = open_ring(&fd);
	if (!ring) {
		base_buf_put(buf);
		return;
	}
	ring_write(ring, &one, true, &cookies[0]);
	ring_write(ring, &two, false, &cookies[1]);
	bad.offset = UINT64_MAX - 8191; /* before any file's beginning */
	ring_write(ring, &bad, false, &cookies[2]);
	ring_write(ring, &fixed, true, &cookies[3]);
	tap_check(ring_submit(ring));
	reap_until(ring, &seen, 4);
	tap_check_eq(ring_pending(ring), 0);
	tap_check_eq((uint64_t)seen.results[0], 4096);
	tap_check_eq((uint64_t)seen.results[1], 8192);
	tap_check(seen.results[2] < 0);
	tap_check_eq((uint64_t)seen.results[3], 4096);
	tap_check(pread(fd, got, 4096, 16384) == 4096 &&
		  memcmp(got, buf->data, 4096) == 0);
	tap_check(pread(fd, got, 8192, 8192) == 8192 &&
		  memcmp(got, bytes, 8192) == 0);
	ring_close(ring);
	base_buf_put(buf);
	close(fd);
}

/*
 * Who completes a write may set TASKRUN when its work has been done already
 * (seen with Linux 6.18 on a busy machine).
 */
static void what_the_kernel_announces_in_vain_is_not_waited_for(void)
{
	static uint8_t bytes[4096] __attribute__((aligned(4096)));
	struct iovec iov = { bytes, sizeof(bytes) };
	struct store_piece piece = { 0, sizeof(bytes), &iov, 1 };
	struct seen seen = { 0 };
	struct ring *ring;
	uint64_t told;
	int fd, cookie = 0;

	ring = open_ring(&fd);
	if (!ring)
		return;
	__atomic_fetch_or(ring->uring.sq.kflags, IORING_SQ_TASKRUN,
			  __ATOMIC_SEQ_CST);
	tap_check(ring_has_work(ring));
	ring_reap(ring, seen_done, &seen);
	tap_check_eq(seen.count, 0);
	/* And what is announced rightly is told as ever. */
	tap_check(read(ring_fd(ring), &told, sizeof(told)) < 0);
	ring_write(ring, &piece, true, &cookie);
	tap_check(ring_submit(ring));
	reap_until(ring, &seen, 1);
	tap_check_eq((uint64_t)seen.results[0], sizeof(bytes));
	ring_close(ring);
	close(fd);
}

/* The same offset of both, told apart by the bit alone. */
static void second_disk_is_written_where_it_is_meant(void)
{
	static uint8_t bytes[8192] __attribute__((aligned(4096)));
	struct iovec iov[2] = { { bytes, 4096 }, { bytes + 4096, 4096 } };
	struct store_piece first = { 4096, 4096, &iov[0], 1 };
	struct store_piece second = { STORE_IO_SECOND | 4096, 4096, &iov[1],
				      1 };
	char path[] = "/tmp/qbd-ring-XXXXXX";
	int cookies[2] = { 0, 1 }, fds[2];
	struct seen seen = { 0 };
	struct ring *ring;
	char got[4096];

	ring = open_ring(&fds[0]);
	if (!ring)
		return;
	ring_close(ring);
	fds[1] = mkstemp(path);
	unlink(path);
	rig_fill(bytes, sizeof(bytes), 1);
	tap_need(!ring_open(fds, 2, &ring));
	ring_write(ring, &first, false, &cookies[0]);
	ring_write(ring, &second, true, &cookies[1]);
	tap_check(ring_submit(ring));
	reap_until(ring, &seen, 2);
	tap_check_eq((uint64_t)seen.results[0], 4096);
	tap_check_eq((uint64_t)seen.results[1], 4096);
	tap_check(pread(fds[0], got, 4096, 4096) == 4096 &&
		  memcmp(got, bytes, 4096) == 0);
	tap_check(pread(fds[1], got, 4096, 4096) == 4096 &&
		  memcmp(got, bytes + 4096, 4096) == 0);
	ring_close(ring);
	close(fds[0]);
	close(fds[1]);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(second_disk_is_written_where_it_is_meant),
		TAP_TEST(a_ring_writes_and_tells),
		TAP_TEST(what_the_kernel_announces_in_vain_is_not_waited_for),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
