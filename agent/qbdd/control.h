/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control socket (cli/status.h describes what is said there) and its thread.
 * The thread reads snapshots and passes orders on to the loop; it waits for
 * the loop at most ORDER_WAIT_MS, and for nothing else.
 */
#ifndef QBDD_CONTROL_H
#define QBDD_CONTROL_H

#include "base/error.h"
#include "qbdd/queue.h"
#include "qbdd/snapshot.h"

#define ORDER_WAIT_MS 400
#define CONTROL_CLIENTS_MAX 16

enum order_type {
	ORDER_TRANSFER,
	ORDER_STOP,
};

/*
 * One order, the control thread's until it is put; then of whoever changes
 * `state` last: an order that nobody waits for any more is freed by the loop,
 * and not carried out.
 */
enum order_state {
	ORDER_PUT,
	ORDER_TAKEN, /* by the loop, which answers at once */
	ORDER_DONE, /* the answer is there; the control thread's again */
	ORDER_GIVEN_UP, /* the loop frees it */
};

struct order {
	struct qbdd_item item;
	enum order_type type;
	uint32_t state; /* atomic, enum order_state */
	uint32_t peer; /* TRANSFER: to whom */
	uint32_t leader; /* answer: who leads, 0: not known */
	struct base_error error; /* answer: code 0 if done */
};

struct control;

/**
 * control_start() - listen at @path and make the thread
 * @orders: the loop's
 */
int control_start(const char *path, const struct snapshot_identity *identity,
		  struct snapshot_cell *cell, struct qbdd_queue *orders,
		  struct control **control, struct base_error *error);
/** control_stop() - end the thread, remove the socket; NULL is allowed */
void control_stop(struct control *control);

/* The loop's: false: given up, it is freed. */
bool order_take(struct order *order);
/* The loop's: the answer is in it. */
void order_done(struct control *control, struct order *order);

#endif
