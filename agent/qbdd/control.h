/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control socket (protocol: control/command.h) and its thread.  The thread
 * reads what the loop publishes, and passes commands on to the loop.  It never
 * waits, so that status is answered whatever becomes of a command.
 *
 * A command is executed only while its caller waits for it.  If the caller has
 * hung up, or its time is over - an agent that was stopped finds such requests
 * unread - the command is dropped.  Once begun, it is answered with its
 * outcome.
 */
#ifndef QBDD_CONTROL_H
#define QBDD_CONTROL_H

#include "base/error.h"
#include "control/command.h"
#include "qbdd/errand.h"
#include "qbdd/published_status.h"

#define COMMAND_WAIT_MS 3000 /* of a caller that does not say how long */
#define COMMAND_WAIT_MAX_MS 60000
#define CONTROL_CLIENTS_MAX 16
#define CONTROL_GROUP "qbd" /* may ask for the status */

/*
 * One command: the control thread's until it is put, then of the thread that
 * changes `state` last.
 */
enum command_state {
	COMMAND_PUT,
	COMMAND_TAKEN, /* by the loop, which will answer it */
	COMMAND_DONE, /* the answer is there; the control thread's again */
	COMMAND_GIVEN_UP, /* not carried out; the loop frees it */
};

struct command {
	struct errand errand; /* back() is qbdd_command_back() */
	struct control_command asked;
	uint32_t state; /* atomic, enum command_state */
	int fd; /* of the caller, open until it is done or given up */
	uint64_t until_us; /* so long the caller waits for its begin */
	uint32_t leader; /* answer: node id, 0: not known */
	struct base_error error; /* answer: code 0 if done */
};

struct control;

/**
 * control_start() - listen at @path and make the thread
 * @loop: the queue that commands go to
 */
int control_start(const char *path, const struct status_identity *identity,
		  struct status_cell *cell, struct qbdd_queue *loop,
		  struct control **control, struct base_error *error);
/** control_stop() - end the thread, remove the socket; NULL is allowed */
void control_stop(struct control *control);

/**
 * command_take() - the loop's: right before it begins to carry out @command
 * Return: false: its caller has gone, and it is not the loop's any more.
 */
bool command_take(struct control *control, struct command *command);
/** command_done() - the loop's: the answer is in it */
void command_done(struct control *control, struct command *command);

#endif
