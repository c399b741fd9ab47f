/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A generic netlink socket that knows the family "qbd", and one question at a
 * time over it.
 */
#ifndef NL_CHANNEL_H
#define NL_CHANNEL_H

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdint.h>

#include "base/error.h"

struct channel {
	struct nl_sock *sock;
	uint16_t family; /* its number, in nlmsg_type */
};

/** channel_open() - -ENOENT: the module is not loaded; other errno of socket */
int channel_open(struct channel *channel, struct base_error *error);
void channel_close(struct channel *channel);

/**
 * channel_message() - an empty message
 * @flags: NLM_F_*
 * Return: for nlmsg_free(); NULL: no memory.
 */
struct nl_msg *channel_message(const struct channel *channel, uint8_t command,
			       int flags);

/**
 * channel_ask() - send @msg (and free it), wait for its end
 * @msg: NULL is taken as short of memory; with NLM_F_DUMP a dump
 * @answer: called for each message of the answer, may be NULL
 * @what: for @error's text, the object and the action ("vol0: removing the
 *	device")
 * Return: 0; the kernel's or answer's negative errno; -ETIMEDOUT; -EAGAIN: a
 * dump during which something changed, ask again.
 */
int channel_ask(struct channel *channel, struct nl_msg *msg,
		int (*answer)(const struct nlmsghdr *head, void *context),
		void *context, const char *what, struct base_error *error);

/**
 * channel_refusal() - text of a NLMSG_ERROR
 * Return: its code, a negative errno (or 0).
 */
int channel_refusal(const struct nlmsghdr *head, const char *what,
		    struct base_error *error);

#endif
