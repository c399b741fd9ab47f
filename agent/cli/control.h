/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Asking a daemon over its control socket (control/command.h).  Nothing here
 * waits longer than the caller says: a stopped daemon must not stop the caller.
 */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "base/error.h"
#include "control/command.h"

#define CONTROL_ANSWER_MS 800 /* of what the daemon answers at once */
#define CONTROL_OUTCOME_MS 2000 /* for what was begun just in time */

#define CONTROL_DENIED                                                     \
	"its agent answers root and group qbd only; run this as root, or " \
	"have the user put into that group (and the agent restarted, if "  \
	"the group is new)"

struct control {
	int fd; /* -1: not connected */
	pid_t pid; /* of the daemon */
};

/**
 * control_open() - connect to a volume's daemon
 * Return: 0; -ENOENT, -ECONNREFUSED: none is running; -EAGAIN: it does not
 * accept (stopped, or hangs); -EACCES: not root.
 */
int control_open(const char *volume, struct control *control,
		 struct base_error *error);
void control_close(struct control *control);

/**
 * control_send() - one command
 * Return: 0; -EAGAIN: it does not read; other errno: it has gone.
 */
int control_send(struct control *control,
		 const struct control_command *command);

/**
 * control_receive() - the reply
 * @until_ms: by cli_now_ms()
 * Return: the object, the caller's; NULL and @error: -ETIMEDOUT, -ECONNRESET,
 * -EPROTO.
 */
json_t *control_receive(struct control *control, uint64_t until_ms,
			struct base_error *error);

/* Asks for the status. */
extern const struct control_command control_status;

/**
 * control_ask() - connect, send, receive, close
 * @wait_ms: for the reply
 * Return: the object with "ok" true; NULL and @error, of a refusal the daemon's
 * text with code -EREMOTEIO.
 */
json_t *control_ask(const char *volume, const struct control_command *command,
		    unsigned int wait_ms, struct base_error *error);

/**
 * control_within() - @command is to be begun within @wait_ms, or not at all: the
 * daemon has the deadline, and sees when we hang up
 */
void control_within(struct control_command *command, unsigned int wait_ms);

/** control_refused() - 0 when @reply has "ok", else -EREMOTEIO and its text */
int control_refused(const json_t *reply, struct base_error *error);

#endif
