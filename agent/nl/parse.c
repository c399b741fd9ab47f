// SPDX-License-Identifier: GPL-2.0
/* See parse.h. */
#include "nl/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

static const struct nla_policy policy[QBD_A_MAX + 1] = {
	[QBD_A_MINOR] = { .type = NLA_U32 },
	[QBD_A_NAME] = { .type = NLA_STRING, .maxlen = QBD_NAME_MAX + 1 },
	[QBD_A_SIZE] = { .type = NLA_U64 },
	[QBD_A_BLOCK_SIZE] = { .type = NLA_U32 },
	[QBD_A_REPLICA] = { .type = NLA_STRING, .maxlen = QBD_PATH_MAX + 1 },
	[QBD_A_IO_TIMEOUT_MS] = { .type = NLA_U32 },
	[QBD_A_GATE] = { .type = NLA_U32 },
	[QBD_A_GATE_REASON] = { .type = NLA_STRING,
				.maxlen = QBD_REASON_MAX + 1 },
	[QBD_A_LEASE_NS] = { .type = NLA_U64 },
	[QBD_A_EPOCH] = { .type = NLA_U64 },
	[QBD_A_OPENERS] = { .type = NLA_U32 },
	[QBD_A_WRITERS] = { .type = NLA_U32 },
	[QBD_A_OPENER_PID] = { .type = NLA_U32 },
	[QBD_A_OPENER_COMM] = { .type = NLA_STRING, .maxlen = 32 },
	[QBD_A_AGENT_PORTID] = { .type = NLA_U32 },
	[QBD_A_COOKIE] = { .type = NLA_U64 },
	[QBD_A_GENERATION] = { .type = NLA_U32 },
	[QBD_A_NEXT_TAG] = { .type = NLA_U64 },
	[QBD_A_DATA_OFFSET] = { .type = NLA_U64 },
};

static int refuse(struct base_error *error, const char *why)
{
	return base_error_set(error, -EPROTO,
			      "a message of the kernel module: %s; install "
			      "module and programs of the same version",
			      why);
}

/* The attributes of a whole message that has nothing behind them. */
static int parse_whole(const struct nlmsghdr *head, struct nlattr **attrs,
		       struct base_error *error)
{
	if (head->nlmsg_len < NLMSG_HDRLEN + GENL_HDRLEN)
		return refuse(error, "too short");
	if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)head, GENL_HDRLEN, attrs,
			QBD_A_MAX, policy) < 0)
		return refuse(error, "malformed attributes");
	return 0;
}

/* A missing attribute reads as 0. */
static uint32_t get_u32(struct nlattr *const *attrs, enum qbd_attr which)
{
	return attrs[which] ? nla_get_u32(attrs[which]) : 0;
}

static uint64_t get_u64(struct nlattr *const *attrs, enum qbd_attr which)
{
	return attrs[which] ? nla_get_u64(attrs[which]) : 0;
}

static void get_text(struct nlattr *const *attrs, enum qbd_attr which,
		     char *text, size_t size)
{
	if (attrs[which])
		nla_strlcpy(text, attrs[which], size);
	else
		text[0] = '\0';
}

int parse_device(const struct nlmsghdr *head, struct nl_device *device,
		 struct base_error *error)
{
	struct nlattr *attrs[QBD_A_MAX + 1] = { NULL };
	size_t size;
	int ret;

	ret = parse_whole(head, attrs, error);
	if (ret)
		return ret;
	if (!attrs[QBD_A_NAME] || !attrs[QBD_A_MINOR])
		return refuse(error, "a device without name or minor");
	memset(device, 0, sizeof(*device));
	get_text(attrs, QBD_A_NAME, device->name, sizeof(device->name));
	device->minor = get_u32(attrs, QBD_A_MINOR);
	device->size_bytes = get_u64(attrs, QBD_A_SIZE);
	device->block_size = get_u32(attrs, QBD_A_BLOCK_SIZE);
	get_text(attrs, QBD_A_REPLICA, device->replica,
		 sizeof(device->replica));
	device->data_offset = get_u64(attrs, QBD_A_DATA_OFFSET);
	device->gate = (enum qbd_gate)get_u32(attrs, QBD_A_GATE);
	get_text(attrs, QBD_A_GATE_REASON, device->gate_reason,
		 sizeof(device->gate_reason));
	device->lease_ns = get_u64(attrs, QBD_A_LEASE_NS);
	device->epoch = get_u64(attrs, QBD_A_EPOCH);
	device->openers = get_u32(attrs, QBD_A_OPENERS);
	device->writers = get_u32(attrs, QBD_A_WRITERS);
	device->opener_pid = get_u32(attrs, QBD_A_OPENER_PID);
	get_text(attrs, QBD_A_OPENER_COMM, device->opener_comm,
		 sizeof(device->opener_comm));
	device->agent_portid = get_u32(attrs, QBD_A_AGENT_PORTID);
	device->io_timeout_ms = get_u32(attrs, QBD_A_IO_TIMEOUT_MS);
	if (attrs[QBD_A_STATS]) {
		size = (size_t)nla_len(attrs[QBD_A_STATS]);
		if (size > sizeof(device->stats)) /* it grows at its end */
			size = sizeof(device->stats);
		memcpy(&device->stats, nla_data(attrs[QBD_A_STATS]), size);
	}
	return 0;
}

int parse_minor(const struct nlmsghdr *head, uint32_t *minor,
		struct base_error *error)
{
	struct nlattr *attrs[QBD_A_MAX + 1] = { NULL };
	int ret;

	ret = parse_whole(head, attrs, error);
	if (ret)
		return ret;
	if (!attrs[QBD_A_MINOR])
		return refuse(error, "a device without minor");
	*minor = get_u32(attrs, QBD_A_MINOR);
	return 0;
}

int parse_bound(const struct nlmsghdr *head, struct parse_bound *bound,
		struct base_error *error)
{
	struct nlattr *attrs[QBD_A_MAX + 1] = { NULL };
	int ret;

	ret = parse_whole(head, attrs, error);
	if (ret)
		return ret;
	if (!attrs[QBD_A_COOKIE] || !attrs[QBD_A_GENERATION] ||
	    !attrs[QBD_A_NEXT_TAG])
		return refuse(error, "a session without cookie, generation or "
				     "next tag");
	bound->cookie = get_u64(attrs, QBD_A_COOKIE);
	bound->generation = get_u32(attrs, QBD_A_GENERATION);
	bound->next_tag = get_u64(attrs, QBD_A_NEXT_TAG);
	bound->epoch = get_u64(attrs, QBD_A_EPOCH);
	bound->openers = get_u32(attrs, QBD_A_OPENERS);
	bound->writers = get_u32(attrs, QBD_A_WRITERS);
	return 0;
}

static const char *request_problem(const struct qbd_req *req)
{
	uint64_t end;

	if (req->flags &
	    ~(QBD_REQ_F_RESENT | QBD_REQ_F_FUA | QBD_REQ_F_PREFLUSH))
		return "a request with unknown flags";
	if (__builtin_add_overflow(req->offset, req->length, &end))
		return "a request beyond all bounds";
	switch (req->op) {
	case QBD_OP_WRITE:
		if (!req->length || req->length > QBD_REQ_DATA_MAX ||
		    req->data_bytes != req->length)
			return "a write of a wrong length";
		return NULL;
	case QBD_OP_WRITE_ZEROES:
	case QBD_OP_DISCARD:
		if (!req->length || req->length > QBD_REQ_RANGE_MAX ||
		    req->data_bytes)
			return "a range of a wrong length";
		return NULL;
	case QBD_OP_FLUSH:
	case QBD_OP_OPEN:
	case QBD_OP_CLOSE:
		if (req->length || req->data_bytes)
			return "a request with a range that needs none";
		return NULL;
	case QBD_OP_READ_ERROR:
		return req->data_bytes ? "a read error with data" : NULL;
	default:
		return "a request of an unknown kind";
	}
}

/*
 * Payloads lie behind the last attribute without being one, so where the
 * attributes end is only known from what the requests say: find these first.
 */
static struct nlattr *find_requests(struct nlattr *first, int left)
{
	struct nlattr *at;

	nla_for_each_attr(at, first, left, left)
		if (nla_type(at) == QBD_A_REQS)
			return at;
	return NULL;
}

static int copy_requests(const struct nlattr *from,
			 struct parse_requests *requests,
			 uint64_t *payload_bytes, struct base_error *error)
{
	size_t size = (size_t)nla_len(from);
	const char *problem;
	unsigned int i;

	requests->count = (unsigned int)(size / sizeof(struct qbd_req));
	if (!size || size % sizeof(struct qbd_req) ||
	    requests->count > QBD_MSG_REQS_MAX)
		return refuse(error, "a wrong number of requests");
	memcpy(requests->reqs, nla_data(from), size);
	for (i = 0; i < requests->count; i++) {
		problem = request_problem(&requests->reqs[i]);
		if (!problem &&
		    (requests->reqs[i].op == QBD_OP_READ_ERROR) !=
			    (requests->command == QBD_CMD_REPLICA_ERROR))
			problem = "a read error among writes";
		if (!problem && i && requests->command == QBD_CMD_IO_REQ &&
		    requests->reqs[i].tag <= requests->reqs[i - 1].tag)
			problem = "requests out of order";
		if (problem)
			return refuse(error, problem);
		*payload_bytes += requests->reqs[i].data_bytes;
	}
	return 0;
}

int parse_requests(const struct nlmsghdr *head, size_t head_bytes,
		   struct parse_requests *requests, struct base_error *error)
{
	const struct genlmsghdr *genl = (const void *)(head + 1);
	struct nlattr *attrs[QBD_A_MAX + 1] = { NULL }, *first, *reqs;
	const size_t start = NLMSG_HDRLEN + GENL_HDRLEN;
	size_t here, end;
	uint64_t payload_bytes = 0;
	int ret, left;

	if (head_bytes < start || head->nlmsg_len < start)
		return refuse(error, "too short");
	if (head->nlmsg_len > QBD_MSG_BYTES_MAX)
		return refuse(error, "too long");
	requests->command = genl->cmd;
	first = (struct nlattr *)((uintptr_t)head + start);
	here = head_bytes < head->nlmsg_len ? head_bytes : head->nlmsg_len;
	reqs = find_requests(first, (int)(here - start));
	if (!reqs)
		return refuse(error, "no requests in it");
	ret = copy_requests(reqs, requests, &payload_bytes, error);
	if (ret)
		return ret;
	end = (size_t)((char *)reqs - (char *)head) +
	      (size_t)nla_total_size(nla_len(reqs));
	if (payload_bytes > head->nlmsg_len ||
	    head->nlmsg_len - payload_bytes < end ||
	    head->nlmsg_len - payload_bytes > here)
		return refuse(error, "its length is not that of its requests");
	end = head->nlmsg_len - (size_t)payload_bytes;
	nla_for_each_attr(reqs, first, (int)(end - start), left)
		;
	if (left)
		return refuse(error, "bytes between attributes and payload");
	if (nla_parse(attrs, QBD_A_MAX, first, (int)(end - start), policy) <
		    0 ||
	    !attrs[QBD_A_MINOR] || !attrs[QBD_A_GENERATION])
		return refuse(error, "malformed attributes");
	requests->minor = get_u32(attrs, QBD_A_MINOR);
	requests->generation = get_u32(attrs, QBD_A_GENERATION);
	requests->payload_offset = end;
	return 0;
}

const char *nl_gate_text(enum qbd_gate gate)
{
	switch (gate) {
	case QBD_GATE_DETACHED:
		return "detached";
	case QBD_GATE_ACTIVE:
		return "active";
	case QBD_GATE_SUSPENDED:
		return "suspended";
	case QBD_GATE_FENCED:
		return "fenced";
	case QBD_GATE_REMOVED:
		return "removed";
	}
	return "unknown";
}
