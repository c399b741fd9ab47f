// SPDX-License-Identifier: GPL-2.0
/*
 * See ring.h.  With DEFER_TASKRUN the kernel leaves what completions need to the
 * thread itself, when it asks for them: no interruption, and many in one go.
 */
#include "qbdd/ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <liburing.h>

/* The header's own cast is one that sparse does not understand. */
#ifdef __CHECKER__
#undef RWF_DSYNC
#define RWF_DSYNC ((__attribute__((force)) __kernel_rwf_t)2)
#endif

struct ring {
	struct io_uring uring;
	unsigned int queued;
	unsigned int pending;
};

int ring_open(int disk, struct ring **out)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	int code;

	if (!ring)
		return -ENOMEM;
	code = io_uring_queue_init(RING_ENTRIES, &ring->uring,
				   IORING_SETUP_SINGLE_ISSUER |
					   IORING_SETUP_DEFER_TASKRUN);
	if (code == -EINVAL) /* before Linux 6.1 */
		code = io_uring_queue_init(RING_ENTRIES, &ring->uring, 0);
	if (code)
		goto free;
	code = io_uring_register_files(&ring->uring, &disk, 1);
	if (code)
		goto exit;
	*out = ring;
	return 0;
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
	free(ring);
}

int ring_fd(const struct ring *ring)
{
	return ring->uring.ring_fd;
}

void ring_write(struct ring *ring, const struct store_piece *piece,
		bool durable, void *cookie)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	if (!sqe) {
		ring_submit(ring);
		sqe = io_uring_get_sqe(&ring->uring);
	}
	assert(sqe); /* the kernel takes all that is submitted */
	if (piece->count == 1)
		io_uring_prep_write(sqe, 0, piece->iov[0].iov_base,
				    (unsigned int)piece->iov[0].iov_len,
				    piece->offset);
	else
		io_uring_prep_writev(sqe, 0, piece->iov, piece->count,
				     piece->offset);
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

void ring_reap(struct ring *ring,
	       void (*done)(void *context, void *cookie, int result),
	       void *context)
{
	struct io_uring_cqe *cqe;
	void *cookie;
	int result;

	io_uring_get_events(&ring->uring);
	while (io_uring_peek_cqe(&ring->uring, &cqe) == 0) {
		cookie = io_uring_cqe_get_data(cqe);
		result = cqe->res;
		io_uring_cqe_seen(&ring->uring, cqe);
		ring->pending--;
		done(context, cookie, result);
	}
}
