// SPDX-License-Identifier: GPL-2.0
/*
 * See ring.h.  With DEFER_TASKRUN the kernel leaves what completions need to
 * the thread itself, when it asks for them: no interruption, and many in one
 * go.  Such work wakes an eventfd on every kernel, but a poll of the ring
 * itself only on some (6.1 does, 6.12 does not).
 */
#include "qbdd/ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <liburing.h>

#include "base/buf.h"

/* The header's own cast is one that sparse does not understand. */
#ifdef __CHECKER__
#undef RWF_DSYNC
#define RWF_DSYNC ((__attribute__((force)) __kernel_rwf_t)2)
#endif

struct ring {
	struct io_uring uring;
	int event_fd;
	unsigned int queued;
	unsigned int pending;
	const char *pool; /* what the kernel has pinned, once for all writes */
	size_t pool_bytes;
};

/* Without it each write's pages are looked up and pinned for themselves. */
static void ring_register_pool(struct ring *ring)
{
	struct iovec iov;

	iov.iov_base = base_buf_pool_range(&iov.iov_len);
	if (!iov.iov_len ||
	    io_uring_register_buffers(&ring->uring, &iov, 1) != 0)
		return;
	ring->pool = iov.iov_base;
	ring->pool_bytes = iov.iov_len;
}

static bool ring_in_pool(const struct ring *ring, const struct iovec *iov)
{
	size_t at = (size_t)((const char *)iov->iov_base - ring->pool);

	return at < ring->pool_bytes && iov->iov_len <= ring->pool_bytes - at;
}

int ring_open(const int *disks, unsigned int count, struct ring **out)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	int code;

	if (!ring)
		return -ENOMEM;
	code = io_uring_queue_init(RING_ENTRIES, &ring->uring,
				   IORING_SETUP_SINGLE_ISSUER |
					   IORING_SETUP_DEFER_TASKRUN |
					   IORING_SETUP_TASKRUN_FLAG);
	if (code == -EINVAL) /* before Linux 6.1 */
		code = io_uring_queue_init(RING_ENTRIES, &ring->uring, 0);
	if (code)
		goto free;
	ring->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	code = ring->event_fd < 0 ? -errno : 0;
	if (code)
		goto exit;
	code = io_uring_register_files(&ring->uring, disks, count);
	if (!code)
		code = io_uring_register_eventfd(&ring->uring, ring->event_fd);
	if (code)
		goto close;
	ring_register_pool(ring);
	*out = ring;
	return 0;
close:
	close(ring->event_fd);
exit:
	io_uring_queue_exit(&ring->uring);
free:
	free(ring);
	return code;
}

void ring_close(struct ring *ring)
{
	if (!ring)
		return;
	io_uring_queue_exit(&ring->uring);
	close(ring->event_fd);
	free(ring);
}

int ring_fd(const struct ring *ring)
{
	return ring->event_fd;
}

void ring_write(struct ring *ring, const struct store_piece *piece,
		bool durable, void *cookie)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
	int disk = (int)store_io_disk_of(piece->offset);
	uint64_t offset = piece->offset & ~STORE_IO_SECOND;

	if (!sqe) {
		ring_submit(ring);
		sqe = io_uring_get_sqe(&ring->uring);
	}
	assert(sqe); /* the kernel takes all that is submitted */
	if (piece->count == 1 && ring_in_pool(ring, piece->iov))
		io_uring_prep_write_fixed(sqe, disk, piece->iov[0].iov_base,
					  (unsigned int)piece->iov[0].iov_len,
					  offset, 0);
	else if (piece->count == 1)
		io_uring_prep_write(sqe, disk, piece->iov[0].iov_base,
				    (unsigned int)piece->iov[0].iov_len,
				    offset);
	else
		io_uring_prep_writev(sqe, disk, piece->iov, piece->count,
				     offset);
	sqe->rw_flags = durable ? RWF_DSYNC : 0;
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(sqe, cookie);
	ring->queued++;
	ring->pending++;
}

bool ring_submit(struct ring *ring)
{
	int code;

	while (ring->queued) {
		code = io_uring_submit(&ring->uring);
		if (code == -EINTR)
			continue;
		if (code == -EAGAIN || code == -EBUSY || code == 0)
			return false;
		assert(code > 0);
		ring->queued -= (unsigned int)code;
	}
	return true;
}

unsigned int ring_pending(const struct ring *ring)
{
	return ring->pending;
}

bool ring_has_work(const struct ring *ring)
{
	unsigned int flags =
		__atomic_load_n(ring->uring.sq.kflags, __ATOMIC_ACQUIRE);

	return flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW) ||
	       io_uring_cq_ready(&ring->uring);
}

/* Return: has anything been done? */
static bool ring_reap_once(struct ring *ring,
			   void (*done)(void *context, void *cookie,
					int result),
			   void *context)
{
	struct io_uring_cqe *cqe;
	bool any = false;
	void *cookie;
	int result;

	io_uring_get_events(&ring->uring);
	while (io_uring_peek_cqe(&ring->uring, &cqe) == 0) {
		cookie = io_uring_cqe_get_data(cqe);
		result = cqe->res;
		io_uring_cqe_seen(&ring->uring, cqe);
		ring->pending--;
		any = true;
		done(context, cookie, result);
	}
	return any;
}

/*
 * The context that completes a write queues its work for us, and then sets
 * TASKRUN and the eventfd.  If we do that work before, TASKRUN stays set
 * although there is no work, until the next write is done: so do not wait for
 * it to clear.
 */
void ring_reap(struct ring *ring,
	       void (*done)(void *context, void *cookie, int result),
	       void *context)
{
	/* Else each completion that is asked for here would set it. */
	io_uring_cq_eventfd_toggle(&ring->uring, false);
	ring_reap_once(ring, done, context);
	io_uring_cq_eventfd_toggle(&ring->uring, true);
	/* Before one looks for what came meanwhile, and did not set it. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	while (ring_has_work(ring) && ring_reap_once(ring, done, context))
		;
}
