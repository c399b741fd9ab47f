/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands: what can be asked of a daemon over its control socket, and how it
 * answers.  status.h describes the status that one of them asks for.
 *
 * THE SOCKET
 *
 * RUN/VOLUME.sock (RUN: conf_run_dir(), /run/qbd), AF_UNIX, SOCK_SEQPACKET,
 * mode 0660 and group qbd where /etc/group has that, else 0600.  Any process
 * that can connect may ask for the status; all other commands are root's
 * (SO_PEERCRED).  One JSON object per packet: a request of at most
 * CONTROL_REQUEST_MAX bytes, a reply of at most CONTROL_REPLY_MAX; one reply
 * per request, in order; a connection may ask many times.
 *
 * COMMANDS
 *
 * A request has "command" and what that command needs, and nothing else:
 * unknown fields are refused, not ignored.  It may have
 *
 *	version		of what is described here, CONTROL_VERSION; 1 if it is
 *			not there.  Another one is refused, but by status, which
 *			must answer every version.  It rises when the meaning of
 *			what there is changes, not for what is added.
 *	until_ms	(CLOCK_BOOTTIME) the command is begun until then, or not
 *			at all; 3 s from now if it is not there, and 60 s at most
 *
 *	{"command":"status"}	{"ok":true,"status":{...}}, see status.h.
 *				Answered from what the loop has published: never
 *				waits for a disk, a peer or the loop.
 *	{"command":"transfer","node":"n2"}
 *				{"ok":true} once the transfer has begun; see
 *				status.leader for its end.
 *	{"command":"stop"}	removes the device, unless it is open, then
 *				{"ok":true}, then the process ends; the caller
 *				waits for that.  Refused, nothing is changed.
 *
 * transfer and stop are begun only while the caller waits: until it hangs up,
 * or until its "until_ms".  A command that was begun is answered with its
 * outcome, which may take longer.
 *
 * A refusal is {"ok":false,"error":"text for humans, with the remedy"}; of
 * transfer, on a node that does not lead, with "leader":"n1" (null: none known).
 */
#ifndef CONTROL_COMMAND_H
#define CONTROL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"

#define CONTROL_VERSION 1
#define CONTROL_REQUEST_MAX 4096
#define CONTROL_REPLY_MAX 65536
#define CONTROL_NAME_MAX 63 /* bytes of a name, no NUL */

enum control_type {
	CONTROL_STATUS,
	CONTROL_TRANSFER,
	CONTROL_STOP,
};

struct control_command {
	enum control_type type;
	bool timed; /* until_ms was given */
	uint64_t until_ms;
	/* Arguments; "" where the type has none of that name */
	char node[CONTROL_NAME_MAX + 1];
};

/**
 * control_command_parse() - what a request asks for
 * @size: of the packet; only the first CONTROL_REQUEST_MAX bytes need be there
 * Return: 0; -EMSGSIZE, -EPROTO: no request; -ENOSYS: an unknown command;
 * -EPROTONOSUPPORT: of another version; -EINVAL: an argument that is missing, too
 * much or wrong.
 */
int control_command_parse(const char *packet, size_t size,
			  struct control_command *command,
			  struct base_error *error);

/**
 * control_command_json() - the request for @command
 * Return: one reference, the caller's; NULL: out of memory
 */
json_t *control_command_json(const struct control_command *command);

#endif
