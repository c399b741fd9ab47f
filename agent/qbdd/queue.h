/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Work passed from any number of threads to one: a wait-free queue (liburcu's
 * wfcqueue) and an eventfd.
 *
 * Putting never waits and makes no system call; qbdd_queue_wake() makes one
 * only when the consumer may be asleep, so that one wake-up serves many items.
 * The consumer either sleeps in qbdd_queue_wait(), or has event_fd in an epoll
 * of its own (EPOLLIN | EPOLLET, never read) and brackets its epoll_wait()
 * with qbdd_queue_doze() and qbdd_queue_awake().
 */
#ifndef QBDD_QUEUE_H
#define QBDD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <urcu/wfcqueue.h>

struct qbdd_item {
	struct cds_wfcq_node node;
};

struct qbdd_queue {
	struct __cds_wfcq_head head __attribute__((aligned(64)));
	uint32_t dozing; /* atomic: the consumer sleeps, or is about to */
	int event_fd;
	int epoll_fd; /* for qbdd_queue_wait() */
	struct cds_wfcq_tail tail __attribute__((aligned(64)));
};

/* What was taken in one go; the consumer's own. */
struct qbdd_list {
	struct __cds_wfcq_head head;
	struct cds_wfcq_tail tail;
};

/** qbdd_queue_init() - 0 or a negative errno */
int qbdd_queue_init(struct qbdd_queue *queue);
void qbdd_queue_destroy(struct qbdd_queue *queue);

/** qbdd_queue_put() - hand over; the item is the consumer's now */
void qbdd_queue_put(struct qbdd_queue *queue, struct qbdd_item *item);
void qbdd_queue_wake(struct qbdd_queue *queue);

/** qbdd_queue_take() - move all that is there to @list; false: nothing is */
bool qbdd_queue_take(struct qbdd_queue *queue, struct qbdd_list *list);
/** qbdd_list_next() - the first of @list, taken out; NULL at its end */
struct qbdd_item *qbdd_list_next(struct qbdd_list *list);

/** qbdd_queue_doze() - from now on wake us; false: there is work, don't sleep */
bool qbdd_queue_doze(struct qbdd_queue *queue);
void qbdd_queue_awake(struct qbdd_queue *queue);

/**
 * qbdd_queue_wait() - sleep until there is work
 * @timeout_ms: -1: as long as it takes
 * Return: false when the time is over and nothing came.
 */
bool qbdd_queue_wait(struct qbdd_queue *queue, int timeout_ms);

#endif
