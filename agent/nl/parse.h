/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel's messages say.  Pure, and trusting nothing: a wrong length
 * from a module of another version must end in an error, not in a wrong write.
 */
#ifndef NL_PARSE_H
#define NL_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

#include "nl/nl.h"

/* Bytes before the payloads, at most: heads, attributes, requests. */
#define PARSE_HEAD_MAX 4096

/* An IO_REQ or REPLICA_ERROR. */
struct parse_requests {
	uint8_t command;
	uint32_t minor;
	uint32_t generation;
	unsigned int count;
	struct qbd_req reqs[QBD_MSG_REQS_MAX];
	size_t payload_offset; /* from the message's start */
};

/**
 * parse_requests() - check and copy a message's head
 * @head: its first @head_bytes bytes: all, or at least PARSE_HEAD_MAX
 * Return: 0; -EPROTO and why.  Lengths and ranges are good then, and within
 * the message; payloads of reqs follow one behind the other.
 */
int parse_requests(const struct nlmsghdr *head, size_t head_bytes,
		   struct parse_requests *requests, struct base_error *error);

/** parse_device() - a DEVICE_GET's answer; -EPROTO and why */
int parse_device(const struct nlmsghdr *head, struct nl_device *device,
		 struct base_error *error);

/** parse_minor() - a DEVICE_NEW's answer */
int parse_minor(const struct nlmsghdr *head, uint32_t *minor,
		struct base_error *error);

/* A BIND's answer. */
struct parse_bound {
	uint64_t cookie;
	uint32_t generation;
	uint64_t next_tag;
	uint64_t epoch;
	uint32_t openers;
	uint32_t writers;
};
int parse_bound(const struct nlmsghdr *head, struct parse_bound *bound,
		struct base_error *error);

#endif
