// SPDX-License-Identifier: GPL-2.0
/*
 * wire/: frames whose checksums are right and whose values can't be.  Each case
 * changes one field of a good frame and names the text that refuses it.
 */
#include <errno.h>

#include "tap.h"
#include "wire_rig.h"

#define FIXED WIRE_HEAD_BYTES
#define ENTRY(i) (FIXED + 72 + 80 * (i))

struct change {
	size_t at;
	unsigned int bytes;
	uint64_t value;
	const char *text; /* part of the refusal; NULL: is accepted */
};

static void refused_with(struct base_buf *buf, const char *text)
{
	struct base_error error = { .text = "" };
	struct wire_msg got;
	int err;

	rig_mend(buf);
	err = whole_frame_decode(buf->data, buf->size, RIG_VOLUME_BYTES, &got,
				 &error);
	if (err == 0)
		wire_msg_clear(&got);
	if (!text) {
		if (!tap_check_eq(err, 0))
			printf("# %s\n", error.text);
		return;
	}
	tap_check_eq(err, -EBADMSG);
	if (!strstr(error.text, text))
		tap_check_str(error.text, text);
	tap_check_eq(buf->refs, 1);
}

static void try_changes(const struct wire_msg *msg,
			const struct change *changes, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct base_buf *buf = rig_encode(msg);

		memcpy(buf->data + changes[i].at, &changes[i].value,
		       changes[i].bytes);
		refused_with(buf, changes[i].text);
		base_buf_put(buf);
	}
}

static struct raft_entry *entry(uint16_t op, uint64_t index, uint64_t term)
{
	struct raft_entry *made = raft_entry_new();

	made->op = op;
	made->index = index;
	raft_members_set(&made->standing.members, 1, RAFT_MEMBER_VOTER);
	made->term = term;
	made->standing.writer = 1;
	if (op == RAFT_OP_OPEN)
		made->standing.epoch = index;
	if (op == RAFT_OP_WRITE || op == RAFT_OP_ZERO)
		made->length = 1024;
	if (op == RAFT_OP_WRITE) {
		made->buf = rig_data(1024, &made->data_crc);
		made->data = made->buf->data;
	}
	return made;
}

/* After entry 10 of term 3: NOOP, OPEN, WRITE, ZERO of terms 4 4 5 5. */
static void append_begin(struct wire_msg *msg)
{
	memset(msg, 0, sizeof(*msg));
	msg->type = WIRE_RAFT;
	msg->raft.msg.type = RAFT_MSG_APPEND;
	msg->raft.msg.from = 1;
	msg->raft.msg.to = 2;
	msg->raft.msg.term = 6;
	msg->raft.msg.append.prev_index = 10;
	msg->raft.msg.append.prev_term = 3;
	msg->raft.msg.append.count = 4;
	msg->raft.entries[0] = entry(RAFT_OP_NOOP, 11, 4);
	msg->raft.entries[1] = entry(RAFT_OP_OPEN, 12, 4);
	msg->raft.entries[2] = entry(RAFT_OP_WRITE, 13, 5);
	msg->raft.entries[3] = entry(RAFT_OP_ZERO, 14, 5);
}

static void impossible_appends_are_refused(void)
{
	static const struct change changes[] = {
		{ FIXED + 0, 4, 0, "unknown type" },
		{ FIXED + 0, 4, 6, "unknown type" },
		{ FIXED + 4, 4, 1, "unknown bits" },
		{ FIXED + 8, 4, 0, "impossible sender" },
		{ FIXED + 8, 4, 2, "impossible sender" },
		{ FIXED + 12, 4, 0, "impossible sender" },
		{ FIXED + 16, 8, 0, "impossible sender or term" },
		{ FIXED + 16, 8, 4, "term is above" },
		{ FIXED + 16, 8, 5, NULL },
		{ FIXED + 24, 8, 11, "index does not follow" },
		{ FIXED + 24, 8, UINT64_MAX, "can't be" },
		{ FIXED + 24, 8, 0, "can't be" },
		{ FIXED + 32, 8, 4, NULL },
		{ FIXED + 32, 8, 5, "below its predecessor" },
		{ FIXED + 32, 8, 7, "can't be" },
		{ FIXED + 64, 4, 3, "count is wrong" },
		{ FIXED + 64, 4, 5, "count is wrong" },
		{ FIXED + 64, 4, 0xffffffff, "count is wrong" },
		{ FIXED + 64, 4, 129, "count is wrong" },
		{ FIXED + 68, 4, 60000000, NULL },
		{ FIXED + 68, 4, 60000001, "longer promise" },
		{ FIXED + 68, 4, 0xffffffff, "longer promise" },
	};
	struct wire_msg msg;

	append_begin(&msg);
	try_changes(&msg, changes, TAP_COUNT(changes));
	wire_msg_clear(&msg);
}

static void impossible_entries_are_refused(void)
{
	static const struct change changes[] = {
		{ ENTRY(1) + 0, 8, 13, "index does not follow" },
		{ ENTRY(1) + 8, 8, 3, "below its predecessor" },
		{ ENTRY(3) + 8, 8, 6, NULL },
		{ ENTRY(3) + 8, 8, 7, "above the message" },
		{ ENTRY(0) + 36, 8, 12, "epoch is yet to come" },
		{ ENTRY(0) + 36, 8, 11, NULL },
		{ ENTRY(1) + 36, 8, 11, "foreign epoch" },
		{ ENTRY(1) + 52, 4, 0, "without writer" },
		{ ENTRY(0) + 24, 4, 512, "entry 1 of 4: a range" },
		{ ENTRY(0) + 28, 4, 1, "no payload belongs" },
		{ ENTRY(3) + 28, 4, 1, "no payload belongs" },
		{ ENTRY(0) + 32, 2, 0, "unknown op" },
		{ ENTRY(0) + 32, 2, 5, NULL },
		{ ENTRY(0) + 32, 2, 6, "unknown op" },
		{ ENTRY(2) + 34, 2, 2, "must be 0" },
		{ ENTRY(2) + 34, 2, 1, "more or fewer bytes" },
		{ ENTRY(3) + 34, 2, 1, "no payload is left out" },
		/* Member 1 alone, a voter, is place 0. */
		{ ENTRY(0) + 56, 2, 0, "one form" },
		{ ENTRY(0) + 56, 2, 65535, NULL },
		{ ENTRY(0) + 58, 2, 2, "one form" },
		{ ENTRY(0) + 60, 2, 2, "one form" },
		{ ENTRY(0) + 68, 2, 7, "one form" },
		{ ENTRY(0) + 70, 2, 0, "one form" },
		{ ENTRY(0) + 70, 2, 2, "could lead" },
		{ ENTRY(0) + 70, 2, 3, "could lead" },
		{ ENTRY(0) + 70, 2, 5, "one form" },
		{ ENTRY(0) + 70, 2, 0x4001, "one form" },
		{ ENTRY(2) + 16, 8, 100, "not aligned" },
		{ ENTRY(2) + 16, 8, RIG_VOLUME_BYTES - 512, "beyond the end" },
		{ ENTRY(2) + 16, 8, RIG_VOLUME_BYTES - 1024, NULL },
		{ ENTRY(2) + 16, 8, UINT64_MAX - 511, "beyond the end" },
		{ ENTRY(2) + 24, 4, 1000, "not aligned" },
		{ ENTRY(2) + 24, 4, 0, "not aligned" },
		{ ENTRY(2) + 24, 4, 1536, "cut short" },
		{ ENTRY(2) + 24, 4, 512, "wrong checksum" },
		{ ENTRY(2) + 24, 4, 66048, "too long" },
		{ ENTRY(2) + 28, 4, 0, "wrong checksum" },
		/* Its payload is nobody's then. */
		{ ENTRY(2) + 32, 2, RAFT_OP_ZERO, "no payload belongs" },
		{ ENTRY(3) + 32, 2, RAFT_OP_WRITE, "cut short" },
		{ ENTRY(3) + 24, 4, (64U << 20) + 512, "too long" },
	};
	struct wire_msg msg;

	append_begin(&msg);
	try_changes(&msg, changes, TAP_COUNT(changes));
	wire_msg_clear(&msg);
}

static void payload_that_no_entry_counts_is_refused(void)
{
	struct wire_msg msg;
	struct base_buf *buf;

	append_begin(&msg);
	buf = rig_encode(&msg);
	buf->data[ENTRY(2) + 32] = RAFT_OP_ZERO;
	memset(buf->data + ENTRY(2) + 28, 0, 4);
	refused_with(buf, "more or fewer bytes");
	base_buf_put(buf);
	wire_msg_clear(&msg);
}

static void impossible_votes_are_refused(void)
{
	static const struct change changes[] = {
		{ FIXED + 4, 4, 3, NULL }, /* prevote, transfer */
		{ FIXED + 4, 4, 4, "unknown bits" },
		{ FIXED + 4, 4, 0x80000000U, "unknown bits" },
		{ FIXED + 16, 8, 0, "impossible sender or term" },
		{ FIXED + 24, 8, 0, "impossible log" },
		{ FIXED + 32, 8, 0, "impossible log" },
		{ FIXED + 32, 8, 10, "impossible log" },
	};
	struct wire_msg msg = { .type = WIRE_RAFT };

	msg.raft.msg.type = RAFT_MSG_VOTE;
	msg.raft.msg.from = 3;
	msg.raft.msg.to = 1;
	msg.raft.msg.term = 9;
	msg.raft.msg.vote.last_index = 100;
	msg.raft.msg.vote.last_term = 8;
	try_changes(&msg, changes, TAP_COUNT(changes));
}

/* A node that has never heard of any term answers a prevote with its own. */
static void answers_may_have_term_zero(void)
{
	static const struct change changes[] = {
		{ FIXED + 16, 8, 0, NULL },
		{ FIXED + 4, 4, 15, "unknown bits" },
		{ FIXED + 4, 4, 16, "unknown bits" },
	};
	struct wire_msg msg = { .type = WIRE_RAFT };

	msg.raft.msg.type = RAFT_MSG_VOTE_REPLY;
	msg.raft.msg.from = 3;
	msg.raft.msg.to = 1;
	try_changes(&msg, changes, TAP_COUNT(changes));
}

static void impossible_copies_are_refused(void)
{
	static const struct change begin_changes[] = {
		{ FIXED + 8, 8, 0, "impossible entry" },
		{ FIXED + 16, 8, 0, "impossible entry" },
		{ FIXED + 24, 8, 0, "impossible entry" },
		{ FIXED + 24, 8, 8, "impossible entry" },
		{ FIXED + 36, 8, 51, "impossible entry" },
		{ FIXED + 32, 4, 2, "unknown bits" },
		{ FIXED + 56, 2, 0, "impossible members" },
		{ FIXED + 58, 2, 1, "impossible members" },
		{ FIXED + 70, 2, 2, "impossible members" },
	};
	static const struct change data_changes[] = {
		{ FIXED + 8, 8, 100, "not aligned" },
		{ FIXED + 8, 8, RIG_VOLUME_BYTES, "beyond the end" },
		{ FIXED + 8, 8, UINT64_MAX - 511, "beyond the end" },
		{ FIXED + 24, 4, 0, "impossible length" },
		{ FIXED + 24, 4, WIRE_COPY_DATA_MAX + 512,
		  "impossible length" },
		{ FIXED + 24, 4, 512, "wrong checksum" },
		{ FIXED + 24, 4, 8192, "cut short" },
		{ FIXED + 28, 4, 0, "wrong checksum" },
		{ FIXED + 32, 4, 1, "no payload belongs" },
		{ FIXED + 32, 4, 2, "unknown bits" },
		{ FIXED + 36, 4, 1, "unknown bits" },
	};
	static const struct change ack_changes[] = {
		{ FIXED + 8, 8, RIG_VOLUME_BYTES, NULL },
		{ FIXED + 8, 8, RIG_VOLUME_BYTES + 1, "impossible offset" },
		{ FIXED + 16, 4, 1, "impossible offset" },
		{ FIXED + 16, 4, 0x80000000U, "impossible offset" },
		{ FIXED + 20, 4, 1, "impossible offset" },
	};
	struct wire_msg msg = { .type = WIRE_COPY_BEGIN };

	msg.copy_begin.term = 7;
	msg.copy_begin.index = 50;
	msg.copy_begin.index_term = 7;
	raft_members_set(&msg.copy_begin.standing.members, 1,
			 RAFT_MEMBER_VOTER);
	try_changes(&msg, begin_changes, TAP_COUNT(begin_changes));

	memset(&msg, 0, sizeof(msg));
	msg.type = WIRE_COPY_DATA;
	rig_copy_data(&msg.copy_data, 4096, false);
	try_changes(&msg, data_changes, TAP_COUNT(data_changes));
	wire_msg_clear(&msg);

	memset(&msg, 0, sizeof(msg));
	msg.type = WIRE_COPY_ACK;
	try_changes(&msg, ack_changes, TAP_COUNT(ack_changes));
}

static void impossible_states_and_answers_are_refused(void)
{
	static const struct change status_changes[] = {
		{ FIXED + 0, 4, 63, NULL },
		{ FIXED + 0, 4, 64, "unknown bits" },
		{ FIXED + 4, 4, 1, "unknown bits" },
		{ FIXED + 64, 2, 5, "impossible members" },
		{ FIXED + 78, 2, 1, "impossible members" },
	};
	static const struct change reply_changes[] = {
		{ FIXED + 8, 4, (uint32_t)-EBUSY, NULL },
		{ FIXED + 8, 4, EBUSY, "impossible error" },
		{ FIXED + 8, 4, (uint32_t)-4096, "impossible error" },
	};
	struct wire_msg msg = { .type = WIRE_STATUS };

	try_changes(&msg, status_changes, TAP_COUNT(status_changes));
	memset(&msg, 0, sizeof(msg));
	msg.type = WIRE_OPEN_REPLY;
	try_changes(&msg, reply_changes, TAP_COUNT(reply_changes));
}

static void impossible_hellos_and_refusals_are_refused(void)
{
	static const struct change hello_changes[] = {
		{ FIXED + 0, 2, 0, "impossible value" },
		{ FIXED + 2, 2, 0, "impossible value" },
		{ FIXED + 4, 4, 0, "impossible value" },
		{ FIXED + 8, 4, 0, "impossible value" },
		{ FIXED + 12, 4, 0, "impossible value" },
		{ FIXED + 16, 8, 0, "impossible value" },
		{ FIXED + 44, 4, 1, NULL },
		{ FIXED + 56, 1, 0, "impossible name" },
		{ FIXED + 57, 1, '\n', "impossible name" },
		{ FIXED + 56 + 63, 1, 'x', "impossible name" },
		{ FIXED + 120, 1, ' ', "impossible name" },
		{ FIXED + 120 + 63, 1, 'x', "impossible name" },
	};
	static const struct change refuse_changes[] = {
		{ FIXED + 0, 2, 0, "impossible length" },
		{ FIXED + 0, 2, 15, "impossible length" },
		{ FIXED + 0, 2, 4, "impossible length" },
		{ FIXED + 0, 2, 256, "impossible length" },
		{ FIXED + 0, 2, 9, "bytes after" },
		{ FIXED + 0, 2, 11, "not a text" },
		{ FIXED + 13, 1, 'x', "bytes after" },
	};
	struct wire_msg msg = { .type = WIRE_HELLO };
	struct base_buf *buf;

	rig_hello(&msg.hello);
	memcpy(msg.hello.volume_name, "vol0", 5);
	memset(msg.hello.volume_name + 4, 0, 60);
	memcpy(msg.hello.node_name, "n1", 3);
	memset(msg.hello.node_name + 2, 0, 62);
	try_changes(&msg, hello_changes, TAP_COUNT(hello_changes));

	/* A name without an end */
	buf = rig_encode(&msg);
	memset(buf->data + FIXED + 56, 'x', 64);
	refused_with(buf, "impossible name");
	base_buf_put(buf);

	memset(&msg, 0, sizeof(msg));
	msg.type = WIRE_REFUSE;
	strcpy(msg.text, "because no");
	try_changes(&msg, refuse_changes, TAP_COUNT(refuse_changes));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(impossible_appends_are_refused),
		TAP_TEST(impossible_entries_are_refused),
		TAP_TEST(payload_that_no_entry_counts_is_refused),
		TAP_TEST(impossible_votes_are_refused),
		TAP_TEST(answers_may_have_term_zero),
		TAP_TEST(impossible_copies_are_refused),
		TAP_TEST(impossible_states_and_answers_are_refused),
		TAP_TEST(impossible_hellos_and_refusals_are_refused),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
