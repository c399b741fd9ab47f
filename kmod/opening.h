/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: open counts, and the grant under which the device is open
 */
#ifndef QBD_OPENING_H
#define QBD_OPENING_H

#include <linux/sched.h>
#include <linux/types.h>
#include <linux/wait.h>

struct gendisk;
struct qbd_device;
struct qbd_request;
struct qbd_turn;
struct qbd_write;

/**
 * struct qbd_opening - what has the device open
 * @openers: all
 * @writers: of them for writing; falls to 0 with the last of all, since new
 *	kernels do not say which close was a writer's
 * @waiting: opens that wait for the agent's word
 * @epoch: what it granted, 0: nothing
 * @ask: the QBD_OP_OPEN under way
 * @close: the QBD_OP_CLOSE to come, made together with the open since closing
 *	cannot fail
 * @round: grows when an open is answered or given up
 * @error: the answer of the last round
 * @wait: for the next round
 * @pid: of the first writer
 * @comm: of the first writer
 */
struct qbd_opening {
	u32 openers;
	u32 writers;
	u32 waiting;
	u64 epoch;
	struct qbd_write *ask;
	struct qbd_write *close;
	u32 round;
	int error;
	wait_queue_head_t wait;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

int qbd_opening_open(struct gendisk *disk, bool write, bool probe);
void qbd_opening_release(struct gendisk *disk);
void qbd_opening_answered(struct qbd_device *dev, struct qbd_turn *turn,
			  struct qbd_request *req);
void qbd_opening_give_up(struct qbd_device *dev, int error);

#endif /* QBD_OPENING_H */
