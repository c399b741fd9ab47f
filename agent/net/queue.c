// SPDX-License-Identifier: GPL-2.0
/*
 * What waits to be sent on one connection: whole frames in order, the first of
 * them perhaps sent in part.  Urgent ones go before all others, in their order,
 * but behind that first one.  Payloads are referenced, not copied, and many
 * frames go to the socket in one call.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/internal.h"

/* A wire_frame cut down to what it uses: an answer has one piece, not 129. */
struct net_frame {
	struct net_frame *next;
	size_t bytes;
	uint8_t *head;
	unsigned int count;
	struct {
		struct iovec iov;
		struct base_buf *buf;
	} pieces[];
};

static void frame_free(struct net_frame *frame)
{
	unsigned int i;

	for (i = 0; i < frame->count; i++)
		base_buf_put(frame->pieces[i].buf);
	free(frame->head);
	free(frame);
}

/* @before: NULL: as the first */
static void put_behind(struct net_queue *queue, struct net_frame *before,
		       struct net_frame *frame)
{
	struct net_frame **place = before ? &before->next : &queue->first;

	frame->next = *place;
	*place = frame;
	if (queue->last == before)
		queue->last = frame;
}

static void put_urgent(struct net_queue *queue, struct net_frame *frame)
{
	struct net_frame *before = queue->urgent;

	if (!before && queue->done)
		before = queue->first;
	put_behind(queue, before, frame);
	queue->urgent = frame;
}

int net_queue_add(struct net_queue *queue, const struct wire_msg *msg)
{
	struct wire_frame encoded;
	struct net_frame *frame;
	unsigned int i;
	int err = wire_encode(msg, &encoded);

	if (err)
		return err;
	frame = malloc(sizeof(*frame) +
		       encoded.iov_count * sizeof(frame->pieces[0]));
	if (!frame) {
		wire_frame_clear(&encoded);
		return -ENOMEM;
	}
	/* The references go over with the pointers. */
	frame->next = NULL;
	frame->bytes = encoded.bytes;
	frame->head = encoded.head;
	frame->count = encoded.iov_count;
	for (i = 0; i < encoded.iov_count; i++) {
		frame->pieces[i].iov = encoded.iov[i];
		frame->pieces[i].buf = encoded.bufs[i];
	}
	if (wire_msg_urgent(msg))
		put_urgent(queue, frame);
	else
		put_behind(queue, queue->last, frame);
	queue->bytes += frame->bytes;
	queue->frames++;
	return 0;
}

/* Fill @iov from where the first frame stands; returns how many. */
static unsigned int gather(const struct net_queue *queue, struct iovec *iov,
			   size_t budget)
{
	const struct net_frame *frame;
	size_t skip = queue->done;
	size_t total = 0;
	unsigned int count = 0;
	unsigned int i;

	for (frame = queue->first; frame; frame = frame->next) {
		for (i = 0; i < frame->count; i++) {
			struct iovec piece = frame->pieces[i].iov;

			if (skip >= piece.iov_len) {
				skip -= piece.iov_len;
				continue;
			}
			if (count == NET_IOV_MAX || total >= budget)
				return count;
			piece.iov_base = (uint8_t *)piece.iov_base + skip;
			piece.iov_len -= skip;
			skip = 0;
			total += piece.iov_len;
			iov[count++] = piece;
		}
	}
	return count;
}

static void queue_sent(struct net_queue *queue, size_t bytes)
{
	assert(bytes <= queue->bytes);
	queue->bytes -= bytes;
	queue->done += bytes;
	while (queue->first && queue->done >= queue->first->bytes) {
		struct net_frame *frame = queue->first;

		queue->done -= frame->bytes;
		queue->first = frame->next;
		if (queue->urgent == frame)
			queue->urgent = NULL;
		queue->frames--;
		frame_free(frame);
	}
	if (!queue->first) {
		assert(queue->done == 0 && queue->bytes == 0);
		queue->last = NULL;
	}
}

ssize_t net_queue_write(struct net_queue *queue, int fd, size_t budget)
{
	size_t total = 0;

	while (queue->first && total < budget) {
		struct iovec iov[NET_IOV_MAX];
		struct msghdr header = { .msg_iov = iov };
		ssize_t sent;

		header.msg_iovlen = gather(queue, iov, budget - total);
		sent = sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent < 0)
			return -errno;
		queue_sent(queue, (size_t)sent);
		total += (size_t)sent;
	}
	return (ssize_t)total;
}

void net_queue_clear_unsent(struct net_queue *queue)
{
	struct net_queue all = *queue;

	memset(queue, 0, sizeof(*queue));
	if (all.done) {
		queue->first = all.first;
		queue->last = all.first;
		queue->done = all.done;
		queue->bytes = all.first->bytes - all.done;
		queue->frames = 1;
		all.first = all.first->next;
		queue->first->next = NULL;
	}
	net_queue_clear(&all);
}

void net_queue_clear(struct net_queue *queue)
{
	struct net_frame *frame, *next;

	for (frame = queue->first; frame; frame = next) {
		next = frame->next;
		frame_free(frame);
	}
	memset(queue, 0, sizeof(*queue));
}
