// SPDX-License-Identifier: GPL-2.0
/*
 * See queue.h.  The race that decides: the producer enqueues, then looks whether
 * the consumer dozes; the consumer says that it dozes, then looks whether the
 * queue is empty.  With a full barrier between the two steps of each, at least
 * one of them sees the other.
 */
#include "qbdd/queue.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <urcu/arch.h>

#include "base/list.h"

/* liburcu is not instrumented: tell ThreadSanitizer what its queue orders. */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#else
#define __tsan_acquire(address) ((void)(address))
#define __tsan_release(address) ((void)(address))
#endif

int qbdd_queue_init(struct qbdd_queue *queue)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int code;

	__cds_wfcq_init(&queue->head, &queue->tail);
	queue->dozing = 0;
	queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->event_fd < 0)
		return -errno;
	queue->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (queue->epoll_fd < 0)
		goto close_event;
	if (epoll_ctl(queue->epoll_fd, EPOLL_CTL_ADD, queue->event_fd, &event))
		goto close_epoll;
	return 0;

close_epoll:
	code = errno;
	close(queue->epoll_fd);
	errno = code;
close_event:
	code = errno;
	close(queue->event_fd);
	return -code;
}

void qbdd_queue_destroy(struct qbdd_queue *queue)
{
	close(queue->epoll_fd);
	close(queue->event_fd);
}

void qbdd_queue_put(struct qbdd_queue *queue, struct qbdd_item *item)
{
	cds_wfcq_node_init(&item->node);
	__tsan_release(item);
	cds_wfcq_enqueue(&queue->head, &queue->tail, &item->node);
}

void qbdd_queue_wake(struct qbdd_queue *queue)
{
	const uint64_t one = 1;

	cmm_smp_mb();
	if (!__atomic_load_n(&queue->dozing, __ATOMIC_RELAXED) ||
	    !__atomic_exchange_n(&queue->dozing, 0, __ATOMIC_RELAXED))
		return;
	/* It can only fail when the count is full: then it is readable. */
	if (write(queue->event_fd, &one, sizeof(one)) < 0)
		return;
}

bool qbdd_queue_take(struct qbdd_queue *queue, struct qbdd_list *list)
{
	__cds_wfcq_init(&list->head, &list->tail);
	if (cds_wfcq_empty(&queue->head, &queue->tail))
		return false;
	__cds_wfcq_splice_blocking(&list->head, &list->tail, &queue->head,
				   &queue->tail);
	return true;
}

struct qbdd_item *qbdd_list_next(struct qbdd_list *list)
{
	struct cds_wfcq_node *node =
		__cds_wfcq_dequeue_blocking(&list->head, &list->tail);
	struct qbdd_item *item;

	if (!node)
		return NULL;
	item = base_container_of(node, struct qbdd_item, node);
	__tsan_acquire(item);
	return item;
}

bool qbdd_queue_doze(struct qbdd_queue *queue)
{
	__atomic_store_n(&queue->dozing, 1, __ATOMIC_RELAXED);
	cmm_smp_mb();
	if (cds_wfcq_empty(&queue->head, &queue->tail))
		return true;
	qbdd_queue_awake(queue);
	return false;
}

void qbdd_queue_awake(struct qbdd_queue *queue)
{
	__atomic_store_n(&queue->dozing, 0, __ATOMIC_RELAXED);
}

bool qbdd_queue_wait(struct qbdd_queue *queue, int timeout_ms)
{
	struct epoll_event event;
	int count = 0;

	/* A wake-up may be left over from before: look again. */
	while (qbdd_queue_doze(queue)) {
		count = epoll_wait(queue->epoll_fd, &event, 1, timeout_ms);
		if (count == 0)
			break;
	}
	qbdd_queue_awake(queue);
	return !cds_wfcq_empty(&queue->head, &queue->tail);
}
