// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's session with the kernel played by the test: messages come in
 * over a socket pair, answers go out over another instead of /dev/qbd-control.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include "nl/session.h"

#define FAMILY 28
#define MINOR 3
#define GENERATION 9
#define COOKIE 0xc00c1e0123456789

/* What the session under test told its user. */
static struct {
	unsigned int requests;
	unsigned int replica_errors;
	struct qbd_req last;
	struct base_buf *kept; /* of the last request, one reference */
	const uint8_t *data;
	bool data_right; /* of all requests so far */
} seen;

static struct nl_session *session;
static int kernel = -1, answers = -1;
static uint8_t answer_bytes[65536];

/* Bytes that tell request and place. */
static uint8_t pattern(uint64_t tag, size_t i)
{
	return (uint8_t)(tag * 31 + i * 7 + (i >> 8));
}

static void on_request(void *context, const struct qbd_req *req,
		       struct base_buf *buf, const uint8_t *data)
{
	size_t i;

	base_buf_put(seen.kept);
	seen.kept = base_buf_get(buf);
	seen.data = data;
	seen.requests++;
	seen.last = *req;
	for (i = 0; i < req->data_bytes; i++)
		seen.data_right &= data[i] == pattern(req->tag, i);
}

static void on_replica_error(void *context, const struct qbd_req *req)
{
	seen.replica_errors++;
}

static const struct nl_session_ops ops = { on_request, on_replica_error };

static bool setup(void)
{
	int pair[2], out[2], size = 1 << 20;

	memset(&seen, 0, sizeof(seen));
	seen.data_right = true;
	session = session_alloc(&ops, NULL);
	if (!tap_check(session != NULL) ||
	    !tap_check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)) ||
	    !tap_check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, out)))
		return false;
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	kernel = pair[1];
	answers = out[0];
	session->fd = pair[0];
	session->control = out[1];
	session->channel.family = FAMILY;
	session->minor = MINOR;
	session->generation = GENERATION;
	session->cookie = COOKIE;
	session->rcvbuf_bytes = 1 << 20;
	strcpy(session->name, "vol0");
	return true;
}

static void teardown(void)
{
	base_buf_put(seen.kept);
	seen.kept = NULL;
	if (session)
		close(session->fd);
	nl_session_close(session);
	close(kernel);
	close(answers);
}

static void send_requests(uint8_t command, uint32_t generation,
			  const struct qbd_req *reqs, unsigned int count)
{
	struct nl_msg *msg = nlmsg_alloc_size(QBD_MSG_BYTES_MAX);
	struct nlmsghdr *head;
	unsigned int i;
	size_t j;

	genlmsg_put(msg, 0, 0, FAMILY, 0, 0, command, QBD_GENL_VERSION);
	nla_put_u32(msg, QBD_A_MINOR, MINOR);
	nla_put_u32(msg, QBD_A_GENERATION, generation);
	nla_put(msg, QBD_A_REQS, (int)(count * sizeof(*reqs)), reqs);
	head = nlmsg_hdr(msg);
	for (i = 0; i < count; i++)
		for (j = 0; j < reqs[i].data_bytes; j++)
			((uint8_t *)head)[head->nlmsg_len++] =
				pattern(reqs[i].tag, j);
	tap_check(send(kernel, head, head->nlmsg_len, MSG_DONTWAIT) ==
		  (ssize_t)head->nlmsg_len);
	nlmsg_free(msg);
}

static struct qbd_req a_write(uint64_t tag, uint32_t size)
{
	struct qbd_req req = { .tag = tag,
			       .epoch = 1,
			       .offset = 4096 * tag,
			       .length = size,
			       .data_bytes = size,
			       .op = QBD_OP_WRITE };

	return req;
}

static void send_write(uint64_t tag, uint32_t size)
{
	struct qbd_req req = a_write(tag, size);

	send_requests(QBD_CMD_IO_REQ, GENERATION, &req, 1);
}

static int receive(void)
{
	struct base_error error = { 0 };
	int ret = nl_session_receive(session, 64, &error);

	tap_check(ret >= 0 || ret == error.code);
	return ret;
}

/* The next answer's attributes; false when there is none. */
static bool next_answer(uint8_t *command, struct nlattr **attrs)
{
	struct nlmsghdr *head = (void *)answer_bytes;
	ssize_t size =
		recv(answers, answer_bytes, sizeof(answer_bytes), MSG_DONTWAIT);

	if (size <= 0)
		return false;
	tap_check_eq(size, head->nlmsg_len);
	tap_check_eq(head->nlmsg_type, FAMILY);
	tap_check_eq(head->nlmsg_flags, NLM_F_REQUEST);
	*command = genlmsg_hdr(head)->cmd;
	tap_check(!genlmsg_parse(head, 0, attrs, QBD_A_MAX, NULL));
	tap_check_eq(nla_get_u32(attrs[QBD_A_MINOR]), MINOR);
	tap_check_eq(nla_get_u64(attrs[QBD_A_COOKIE]), COOKIE);
	return true;
}

static void small_write_gets_a_buffer_of_its_size(void)
{
	tap_need(setup());
	send_write(5, 4096);
	tap_check_eq(receive(), 1);
	tap_check_eq(seen.requests, 1);
	tap_check_eq(seen.last.tag, 5);
	tap_check_eq(seen.last.offset, 4096 * 5);
	tap_check(seen.data_right);
	tap_check(seen.kept && seen.kept->size == 4096);
	teardown();
}

static void large_write_is_not_copied(void)
{
	struct base_buf *buf;

	tap_need(setup());
	buf = session->slots[0].buf;
	send_write(5, 65536);
	tap_check_eq(receive(), 1);
	tap_check(seen.data_right);
	tap_check(seen.kept == buf && seen.data == buf->data);
	tap_check(session->slots[0].buf != buf);
	send_write(6, 65536); /* must not lie over what is kept */
	buf = base_buf_get(seen.kept);
	tap_check_eq(receive(), 1);
	tap_check_eq(buf->data[77], pattern(5, 77));
	tap_check(seen.data_right);
	base_buf_put(buf);
	teardown();
}

static void many_messages_and_requests_are_taken(void)
{
	struct qbd_req reqs[QBD_MSG_REQS_MAX];
	unsigned int i;

	tap_need(setup());
	for (i = 0; i < TAP_COUNT(reqs); i++)
		reqs[i] = a_write(1 + i, 512 + 512 * (i % 2));
	reqs[3].op = QBD_OP_FLUSH;
	reqs[3].length = reqs[3].data_bytes = 0;
	send_requests(QBD_CMD_IO_REQ, GENERATION, reqs, TAP_COUNT(reqs));
	for (i = 0; i < 20; i++)
		send_write(100 + i, 1024);
	tap_check_eq(receive(), 21);
	tap_check_eq(seen.requests, QBD_MSG_REQS_MAX + 20);
	tap_check_eq(seen.last.tag, 119);
	tap_check(seen.data_right);
	tap_check_eq(receive(), 0);
	teardown();
}

static void bound_of_messages_is_kept(void)
{
	struct base_error error;
	unsigned int i;

	tap_need(setup());
	for (i = 0; i < 5; i++)
		send_write(1 + i, 512);
	tap_check_eq(nl_session_receive(session, 3, &error), 3);
	tap_check_eq(nl_session_receive(session, 3, &error), 2);
	teardown();
}

/* A head of another length than expected, longer and shorter. */
static void split_adapts_to_the_head(void)
{
	tap_need(setup());
	session->head_bytes = 60;
	send_write(1, 65536);
	tap_check_eq(receive(), 1);
	tap_check(seen.data_right);
	tap_check_eq(session->head_bytes, 80);
	session->head_bytes = 200;
	send_write(2, 65536);
	send_write(3, 64);
	tap_check_eq(receive(), 2);
	tap_check(seen.data_right);
	tap_check_eq(session->head_bytes, 80);
	send_write(4, 65536);
	tap_check_eq(receive(), 1);
	tap_check(seen.data_right);
	tap_check_eq((uintptr_t)seen.data % BASE_BUF_ALIGN, 0);
	teardown();
}

static void other_sessions_requests_are_dropped(void)
{
	struct qbd_req req = a_write(1, 512);

	tap_need(setup());
	send_requests(QBD_CMD_IO_REQ, GENERATION - 1, &req, 1);
	tap_check_eq(receive(), 1);
	tap_check_eq(seen.requests, 0);
	tap_check_eq(session->strays, 1);
	send_write(2, 512);
	tap_check_eq(receive(), 1);
	tap_check_eq(seen.requests, 1);
	teardown();
}

static void disorder_ends_the_session(void)
{
	tap_need(setup());
	send_write(5, 512);
	tap_check_eq(receive(), 1);
	send_write(5, 512);
	tap_check(receive() == -EPROTO);
	tap_check_eq(seen.requests, 1);
	tap_check(receive() == -EPROTO);
	tap_check(nl_session_flush(session, false) == -EPROTO);
	teardown();
}

static void garbage_ends_the_session(void)
{
	uint8_t garbage[100];

	tap_need(setup());
	memset(garbage, 0xa5, sizeof(garbage));
	send(kernel, garbage, sizeof(garbage), 0);
	tap_check(receive() == -EPROTO);
	teardown();
	tap_need(setup());
	send(kernel, garbage, 1, 0);
	tap_check(receive() == -EPROTO);
	teardown();
}

static void too_long_messages_end_the_session(void)
{
	static uint8_t large[QBD_MSG_BYTES_MAX + 4096];

	tap_need(setup());
	tap_check(send(kernel, large, sizeof(large), 0) == sizeof(large));
	tap_check(receive() == -EMSGSIZE);
	teardown();
}

static void replica_errors_are_told(void)
{
	struct qbd_req reqs[2] = {
		{ .op = QBD_OP_READ_ERROR, .offset = 512, .length = 512 },
		{ .op = QBD_OP_READ_ERROR, .offset = 512, .length = 512 },
	};

	tap_need(setup());
	send_requests(QBD_CMD_REPLICA_ERROR, GENERATION, reqs, 2);
	tap_check_eq(receive(), 1);
	tap_check_eq(seen.replica_errors, 2);
	tap_check_eq(seen.requests, 0);
	teardown();
}

static void refusal(int code)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr body;
	} msg = { .head = { .nlmsg_len = sizeof(msg),
			    .nlmsg_type = NLMSG_ERROR,
			    .nlmsg_flags = NLM_F_CAPPED },
		  .body = { .error = code } };

	send(kernel, &msg, sizeof(msg), 0);
}

static void refused_tag_is_no_end_but_a_stale_cookie_is(void)
{
	tap_need(setup());
	refusal(-ENOENT);
	tap_check_eq(receive(), 1);
	tap_check_eq(session->dones_refused, 1);
	tap_check_eq(nl_session_flush(session, false), 0);
	refusal(-ESTALE);
	tap_check(receive() == -ESTALE);
	tap_check(nl_session_flush(session, false) == -ESTALE);
	teardown();
}

static void answers_go_out_in_one_message(void)
{
	struct nlattr *attrs[QBD_A_MAX + 1];
	struct qbd_done dones[3];
	uint8_t command;

	tap_need(setup());
	nl_session_done(session, 1, 8, 0);
	nl_session_done(session, 3, 8, -EIO);
	nl_session_applied(session, 3);
	nl_session_applied(session, 2);
	nl_session_received(session, 4);
	tap_check(!next_answer(&command, attrs));
	tap_check_eq(nl_session_flush(session, false), 0);
	tap_need(next_answer(&command, attrs));
	tap_check_eq(command, QBD_CMD_IO_DONE);
	tap_need(nla_len(attrs[QBD_A_DONES]) == 2 * sizeof(dones[0]));
	memcpy(dones, nla_data(attrs[QBD_A_DONES]), 2 * sizeof(dones[0]));
	tap_check_eq(dones[0].tag, 1);
	tap_check_eq(dones[1].tag, 3);
	tap_check_eq(dones[1].epoch, 8);
	tap_check(dones[1].error == -EIO);
	tap_check_eq(nla_get_u64(attrs[QBD_A_APPLIED]), 3);
	tap_check_eq(nla_get_u64(attrs[QBD_A_RECEIVED]), 4);
	tap_check_eq(nl_session_flush(session, false), 0);
	tap_check(!next_answer(&command, attrs));
	teardown();
}

static void applied_alone_waits_for_an_answer_that_is_due(void)
{
	struct nlattr *attrs[QBD_A_MAX + 1];
	uint8_t command;

	tap_need(setup());
	nl_session_applied(session, 3);
	tap_check_eq(nl_session_flush(session, true), 0);
	tap_check(!next_answer(&command, attrs));
	nl_session_done(session, 4, 8, 0);
	tap_check_eq(nl_session_flush(session, true), 0);
	tap_need(next_answer(&command, attrs));
	tap_check_eq(nla_len(attrs[QBD_A_DONES]), sizeof(struct qbd_done));
	tap_check_eq(nla_get_u64(attrs[QBD_A_APPLIED]), 3);
	/* Nothing more is to come: nor will it wait. */
	nl_session_applied(session, 4);
	tap_check_eq(nl_session_flush(session, true), 0);
	tap_check(!next_answer(&command, attrs));
	tap_check_eq(nl_session_flush(session, false), 0);
	tap_need(next_answer(&command, attrs));
	tap_check(!attrs[QBD_A_DONES]);
	tap_check_eq(nla_get_u64(attrs[QBD_A_APPLIED]), 4);
	teardown();
}

static void full_list_of_answers_goes_out_by_itself(void)
{
	struct nlattr *attrs[QBD_A_MAX + 1];
	unsigned int i;
	uint8_t command;

	tap_need(setup());
	for (i = 0; i < QBD_MSG_DONES_MAX + 1; i++)
		nl_session_done(session, 1 + i, 0, 0);
	tap_need(next_answer(&command, attrs));
	tap_check_eq(nla_len(attrs[QBD_A_DONES]),
		     QBD_MSG_DONES_MAX * sizeof(struct qbd_done));
	tap_check(!attrs[QBD_A_RECEIVED] && !attrs[QBD_A_APPLIED]);
	tap_check_eq(nl_session_flush(session, false), 0);
	tap_need(next_answer(&command, attrs));
	tap_check_eq(nla_len(attrs[QBD_A_DONES]), sizeof(struct qbd_done));
	teardown();
}

static void credits_alone_wait_for_half_of_the_buffer(void)
{
	struct nlattr *attrs[QBD_A_MAX + 1];
	unsigned int i;
	uint8_t command;

	tap_need(setup());
	session->rcvbuf_bytes = 256 << 10;
	for (i = 1; i <= 2; i++) {
		send_write(i, 32768);
		tap_check_eq(receive(), 1);
		nl_session_received(session, i);
		tap_check_eq(nl_session_flush(session, false), 0);
	}
	tap_check(!next_answer(&command, attrs));
	for (; i <= 4; i++) {
		send_write(i, 32768);
		tap_check_eq(receive(), 1);
	}
	nl_session_received(session, 4);
	tap_check_eq(nl_session_flush(session, false), 0);
	tap_need(next_answer(&command, attrs));
	tap_check_eq(nla_get_u64(attrs[QBD_A_RECEIVED]), 4);
	tap_check(!attrs[QBD_A_DONES]);
	teardown();
}

static void lease_and_fence_go_out_at_once(void)
{
	struct nlattr *attrs[QBD_A_MAX + 1];
	char reason[300];
	uint8_t command;

	tap_need(setup());
	memset(reason, 'r', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	tap_check_eq(nl_session_lease(session, 12345, NULL), 0);
	tap_need(next_answer(&command, attrs));
	tap_check_eq(command, QBD_CMD_LEASE);
	tap_check_eq(nla_get_u64(attrs[QBD_A_LEASE_NS]), 12345);
	tap_check(!attrs[QBD_A_REASON]);
	tap_check_eq(nl_session_lease(session, 0, reason), 0);
	tap_need(next_answer(&command, attrs));
	tap_check_eq(strlen(nla_get_string(attrs[QBD_A_REASON])),
		     QBD_REASON_MAX);
	tap_check_eq(nl_session_fence(session, "replaced"), 0);
	tap_need(next_answer(&command, attrs));
	tap_check_eq(command, QBD_CMD_FENCE);
	tap_check_str(nla_get_string(attrs[QBD_A_REASON]), "replaced");
	tap_check(!attrs[QBD_A_LEASE_NS]);
	teardown();
}

static void vanished_device_ends_the_session(void)
{
	tap_need(setup());
	close(session->control);
	session->control = open("/dev/full", O_WRONLY);
	nl_session_done(session, 1, 0, 0);
	tap_check(nl_session_flush(session, false) == -ENOSPC);
	tap_check(nl_session_lease(session, 1, NULL) == -ENOSPC);
	tap_check(nl_session_fence(session, NULL) == -ENOSPC);
	teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(small_write_gets_a_buffer_of_its_size),
		TAP_TEST(large_write_is_not_copied),
		TAP_TEST(many_messages_and_requests_are_taken),
		TAP_TEST(bound_of_messages_is_kept),
		TAP_TEST(split_adapts_to_the_head),
		TAP_TEST(other_sessions_requests_are_dropped),
		TAP_TEST(disorder_ends_the_session),
		TAP_TEST(garbage_ends_the_session),
		TAP_TEST(too_long_messages_end_the_session),
		TAP_TEST(replica_errors_are_told),
		TAP_TEST(refused_tag_is_no_end_but_a_stale_cookie_is),
		TAP_TEST(answers_go_out_in_one_message),
		TAP_TEST(applied_alone_waits_for_an_answer_that_is_due),
		TAP_TEST(full_list_of_answers_goes_out_by_itself),
		TAP_TEST(credits_alone_wait_for_half_of_the_buffer),
		TAP_TEST(lease_and_fence_go_out_at_once),
		TAP_TEST(vanished_device_ends_the_session),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
