// SPDX-License-Identifier: GPL-2.0
/* What is believed of the kernel's messages, and what is not. */
#include "tap.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include "nl/parse.h"

static struct nl_msg *message(uint8_t command)
{
	struct nl_msg *msg = nlmsg_alloc_size(32768);

	genlmsg_put(msg, 0, 0, 28, 0, 0, command, QBD_GENL_VERSION);
	return msg;
}

static struct nl_msg *io_message(const struct qbd_req *reqs, size_t count)
{
	struct nl_msg *msg = message(QBD_CMD_IO_REQ);

	nla_put_u32(msg, QBD_A_MINOR, 3);
	nla_put_u32(msg, QBD_A_GENERATION, 9);
	nla_put(msg, QBD_A_REQS, (int)(count * sizeof(*reqs)), reqs);
	return msg;
}

/* As if payloads of so many bytes followed. */
static void add_payload(struct nl_msg *msg, size_t size)
{
	nlmsg_hdr(msg)->nlmsg_len += (uint32_t)size;
}

/* Parse a copy of exactly the head's bytes, so that ASan sees a step beyond. */
static int parse(struct nl_msg *msg, size_t payload_bytes,
		 struct parse_requests *requests)
{
	size_t size = nlmsg_hdr(msg)->nlmsg_len;
	struct base_error error = { 0 };
	void *copy = malloc(size ? size : 1);
	int ret;

	memcpy(copy, nlmsg_hdr(msg), size);
	((struct nlmsghdr *)copy)->nlmsg_len += (uint32_t)payload_bytes;
	ret = parse_requests(copy, size, requests, &error);
	tap_check(ret == error.code);
	free(copy);
	nlmsg_free(msg);
	return ret;
}

static const struct qbd_req write_4k = { .tag = 7,
					 .epoch = 2,
					 .offset = 8192,
					 .length = 4096,
					 .data_bytes = 4096,
					 .op = QBD_OP_WRITE };

static void one_write_is_taken(void)
{
	struct parse_requests requests;

	tap_need(!parse(io_message(&write_4k, 1), 4096, &requests));
	tap_check_eq(requests.command, QBD_CMD_IO_REQ);
	tap_check_eq(requests.minor, 3);
	tap_check_eq(requests.generation, 9);
	tap_check_eq(requests.count, 1);
	tap_check_eq(requests.reqs[0].tag, 7);
	tap_check_eq(requests.reqs[0].offset, 8192);
	tap_check_eq(requests.payload_offset, 80);
}

static void payload_may_look_like_attributes(void)
{
	struct parse_requests requests;
	struct nl_msg *msg = io_message(&write_4k, 1);

	/* It lies there for whom it takes for attributes. */
	nla_put_u32(msg, QBD_A_GENERATION, 666);
	add_payload(msg, 4096 - 8);
	tap_need(!parse(msg, 0, &requests));
	tap_check_eq(requests.generation, 9);
	tap_check_eq(requests.payload_offset, 80);
}

static void many_requests_are_taken_in_order(void)
{
	struct parse_requests requests;
	struct qbd_req reqs[QBD_MSG_REQS_MAX + 1];
	unsigned int i;

	for (i = 0; i < TAP_COUNT(reqs); i++) {
		reqs[i] = write_4k;
		reqs[i].tag = 10 + i;
		reqs[i].length = reqs[i].data_bytes = 512;
	}
	tap_need(!parse(io_message(reqs, QBD_MSG_REQS_MAX),
			512 * QBD_MSG_REQS_MAX, &requests));
	tap_check_eq(requests.count, QBD_MSG_REQS_MAX);
	tap_check(parse(io_message(reqs, QBD_MSG_REQS_MAX + 1),
			512 * (QBD_MSG_REQS_MAX + 1), &requests) == -EPROTO);
	reqs[1].tag = reqs[0].tag;
	tap_check(parse(io_message(reqs, 2), 1024, &requests) == -EPROTO);
}

static void requests_without_data_are_taken(void)
{
	struct qbd_req reqs[] = {
		{ .tag = 1, .op = QBD_OP_OPEN },
		{ .tag = 2, .op = QBD_OP_FLUSH, .epoch = 5 },
		{ .tag = 3, .op = QBD_OP_DISCARD, .length = 1 << 20 },
		{ .tag = 4, .op = QBD_OP_WRITE_ZEROES, .length = 512 },
		{ .tag = 5, .op = QBD_OP_CLOSE, .epoch = 5 },
	};
	struct parse_requests requests;

	tap_check(!parse(io_message(reqs, TAP_COUNT(reqs)), 0, &requests));
}

static void wrong_requests_are_refused(void)
{
	struct qbd_req bad[] = {
		{ .tag = 1, .op = 0 },
		{ .tag = 1, .op = QBD_OP_READ_ERROR + 1 },
		{ .tag = 1, .op = QBD_OP_READ_ERROR, .length = 512 },
		{ .tag = 1, .op = QBD_OP_FLUSH, .length = 512 },
		{ .tag = 1, .op = QBD_OP_FLUSH, .flags = 1 << 3 },
		{ .tag = 1, .op = QBD_OP_DISCARD },
		{ .tag = 1, .op = QBD_OP_DISCARD, .length = (64 << 20) + 1 },
		{ .tag = 1, .op = QBD_OP_WRITE },
		{ .tag = 1, .op = QBD_OP_WRITE, .length = 512 },
		{ .tag = 1,
		  .op = QBD_OP_WRITE_ZEROES,
		  .length = 512,
		  .offset = UINT64_MAX - 511 },
		{ .tag = 1,
		  .op = QBD_OP_WRITE,
		  .length = QBD_REQ_DATA_MAX + 512,
		  .data_bytes = QBD_REQ_DATA_MAX + 512 },
	};
	struct parse_requests requests;
	size_t i;

	for (i = 0; i < TAP_COUNT(bad); i++)
		if (!tap_check(parse(io_message(&bad[i], 1), bad[i].data_bytes,
				     &requests) == -EPROTO))
			printf("# request %zu of the list\n", i);
}

static void wrong_lengths_are_refused(void)
{
	struct parse_requests requests;
	struct nl_msg *msg;

	tap_check(parse(io_message(&write_4k, 1), 4095, &requests) == -EPROTO);
	tap_check(parse(io_message(&write_4k, 1), 0, &requests) == -EPROTO);
	/* So short that a payload would begin at the requests themselves. */
	tap_check(parse(io_message(&write_4k, 1), 4096 - 44, &requests) ==
		  -EPROTO);
	/* More than announced: attributes where none may be. */
	tap_check(parse(io_message(&write_4k, 1), 4100, &requests) == -EPROTO);
	tap_check(parse(io_message(&write_4k, 1), QBD_MSG_BYTES_MAX,
			&requests) == -EPROTO);
	msg = io_message(&write_4k, 1);
	memset(nlmsg_tail(nlmsg_hdr(msg)), 0, 4);
	add_payload(msg, 4);
	tap_check(parse(msg, 4096, &requests) == -EPROTO);
	msg = message(QBD_CMD_IO_REQ);
	nla_put(msg, QBD_A_REQS, 39, &write_4k);
	tap_check(parse(msg, 4096, &requests) == -EPROTO);
	msg = message(QBD_CMD_IO_REQ);
	nla_put(msg, QBD_A_REQS, 0, &write_4k);
	tap_check(parse(msg, 0, &requests) == -EPROTO);
	tap_check(parse(message(QBD_CMD_IO_REQ), 0, &requests) == -EPROTO);
	msg = message(QBD_CMD_IO_REQ);
	nla_put_u32(msg, QBD_A_MINOR, 3);
	nla_put(msg, QBD_A_REQS, sizeof(write_4k), &write_4k);
	tap_check(parse(msg, 4096, &requests) == -EPROTO); /* no generation */
	msg = message(QBD_CMD_IO_REQ);
	nla_put_u16(msg, QBD_A_MINOR, 3);
	nla_put_u32(msg, QBD_A_GENERATION, 9);
	nla_put(msg, QBD_A_REQS, sizeof(write_4k), &write_4k);
	tap_check(parse(msg, 4096, &requests) == -EPROTO); /* short minor */
}

static void message_beyond_the_bound_is_refused(void)
{
	struct parse_requests requests;
	struct qbd_req reqs[2] = { write_4k, write_4k };

	reqs[0].length = reqs[0].data_bytes = QBD_REQ_DATA_MAX;
	reqs[1].length = reqs[1].data_bytes = QBD_REQ_DATA_MAX;
	reqs[1].tag = reqs[0].tag + 1;
	tap_check(parse(io_message(reqs, 2), 2 * QBD_REQ_DATA_MAX, &requests) ==
		  -EPROTO);
	tap_check(!parse(io_message(reqs, 1), QBD_REQ_DATA_MAX, &requests));
}

static void cut_messages_are_refused(void)
{
	struct parse_requests requests;
	struct base_error error;
	struct nl_msg *msg = io_message(&write_4k, 1);
	size_t cut;

	nlmsg_hdr(msg)->nlmsg_len += 4096;
	for (cut = 0; cut < 80; cut++) {
		void *copy = malloc(cut ? cut : 1);

		memcpy(copy, nlmsg_hdr(msg), cut);
		tap_check(parse_requests(copy, cut, &requests, &error) ==
			  -EPROTO);
		free(copy);
	}
	nlmsg_free(msg);
}

static void read_errors_are_taken(void)
{
	struct qbd_req reqs[] = {
		{ .op = QBD_OP_READ_ERROR, .offset = 4096, .length = 512 },
		{ .op = QBD_OP_READ_ERROR, .offset = 4096, .length = 512 },
	};
	struct parse_requests requests;
	struct nl_msg *msg = io_message(reqs, 2);

	((struct genlmsghdr *)nlmsg_data(nlmsg_hdr(msg)))->cmd =
		QBD_CMD_REPLICA_ERROR;
	tap_need(!parse(msg, 0, &requests));
	tap_check_eq(requests.command, QBD_CMD_REPLICA_ERROR);
	tap_check_eq(requests.count, 2);
}

static void device_is_read(void)
{
	struct qbd_stats stats = { .reads = 1, .replica_errors = 19 };
	struct nl_device device;
	struct nl_msg *msg = message(QBD_CMD_DEVICE_GET);

	nla_put_string(msg, QBD_A_NAME, "vol0");
	nla_put_u32(msg, QBD_A_MINOR, 4);
	nla_put_u64(msg, QBD_A_SIZE, 64 << 20);
	nla_put_u64(msg, QBD_A_DATA_OFFSET, 1 << 20);
	nla_put_u32(msg, QBD_A_GATE, QBD_GATE_SUSPENDED);
	nla_put_string(msg, QBD_A_GATE_REASON, "no quorum");
	nla_put_string(msg, QBD_A_OPENER_COMM, "fio");
	nla_put(msg, QBD_A_STATS, sizeof(stats), &stats);
	tap_check_eq(parse_device(nlmsg_hdr(msg), &device, NULL), 0);
	tap_check_str(device.name, "vol0");
	tap_check_eq(device.minor, 4);
	tap_check_eq(device.size_bytes, 64 << 20);
	tap_check_eq(device.data_offset, 1 << 20);
	tap_check_eq(device.gate, QBD_GATE_SUSPENDED);
	tap_check_str(device.gate_reason, "no quorum");
	tap_check_str(device.opener_comm, "fio");
	tap_check_str(device.replica, "");
	tap_check_eq(device.stats.replica_errors, 19);
	nlmsg_free(msg);
}

static void stats_of_other_versions_are_read(void)
{
	uint64_t stats[64] = { 5, 6 };
	struct nl_device device;
	struct nl_msg *msg = message(QBD_CMD_DEVICE_GET);

	nla_put_string(msg, QBD_A_NAME, "vol0");
	nla_put_u32(msg, QBD_A_MINOR, 4);
	nla_put(msg, QBD_A_STATS, 16, stats); /* an older, shorter one */
	tap_check_eq(parse_device(nlmsg_hdr(msg), &device, NULL), 0);
	tap_check_eq(device.stats.read_bytes, 6);
	tap_check_eq(device.stats.writes, 0);
	nla_put(msg, QBD_A_STATS, sizeof(stats), stats); /* a longer one */
	tap_check_eq(parse_device(nlmsg_hdr(msg), &device, NULL), 0);
	nlmsg_free(msg);
}

static void device_without_name_is_refused(void)
{
	struct base_error error = { 0 };
	struct nl_device device;
	struct nl_msg *msg = message(QBD_CMD_DEVICE_GET);
	char longer[QBD_NAME_MAX + 2];

	nla_put_u32(msg, QBD_A_MINOR, 4);
	tap_check(parse_device(nlmsg_hdr(msg), &device, &error) == -EPROTO);
	memset(longer, 'x', sizeof(longer));
	nla_put(msg, QBD_A_NAME, sizeof(longer), longer);
	tap_check(parse_device(nlmsg_hdr(msg), &device, &error) == -EPROTO);
	nlmsg_free(msg);
}

static void bound_needs_a_cookie(void)
{
	struct parse_bound bound;
	struct nl_msg *msg = message(QBD_CMD_BIND);

	nla_put_u32(msg, QBD_A_GENERATION, 2);
	nla_put_u64(msg, QBD_A_NEXT_TAG, 99);
	tap_check(parse_bound(nlmsg_hdr(msg), &bound, NULL) == -EPROTO);
	nla_put_u64(msg, QBD_A_COOKIE, 0x1234567890abcdef);
	nla_put_u64(msg, QBD_A_EPOCH, 3);
	nla_put_u32(msg, QBD_A_WRITERS, 1);
	tap_check_eq(parse_bound(nlmsg_hdr(msg), &bound, NULL), 0);
	tap_check_eq(bound.cookie, 0x1234567890abcdef);
	tap_check_eq(bound.next_tag, 99);
	tap_check_eq(bound.epoch, 3);
	tap_check_eq(bound.writers, 1);
	tap_check_eq(bound.openers, 0);
	nlmsg_free(msg);
}

/* The module may be newer than the agent. */
static void gate_is_told_in_a_word(void)
{
	tap_check_str(nl_gate_text(QBD_GATE_FENCED), "fenced");
	tap_check_str(nl_gate_text((enum qbd_gate)99), "unknown");
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(one_write_is_taken),
		TAP_TEST(payload_may_look_like_attributes),
		TAP_TEST(many_requests_are_taken_in_order),
		TAP_TEST(requests_without_data_are_taken),
		TAP_TEST(wrong_requests_are_refused),
		TAP_TEST(wrong_lengths_are_refused),
		TAP_TEST(message_beyond_the_bound_is_refused),
		TAP_TEST(cut_messages_are_refused),
		TAP_TEST(read_errors_are_taken),
		TAP_TEST(device_is_read),
		TAP_TEST(stats_of_other_versions_are_read),
		TAP_TEST(device_without_name_is_refused),
		TAP_TEST(bound_needs_a_cookie),
		TAP_TEST(gate_is_told_in_a_word),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
