// SPDX-License-Identifier: GPL-2.0
/*
 * wire/: what goes in comes out, and nothing else does.  Frames that were cut,
 * flipped, made up, or whose checksums are right but whose values can't be.
 */
#include <errno.h>

#include "tap.h"
#include "wire_rig.h"

static int decode(struct base_buf *buf, struct wire_msg *msg,
		  struct base_error *error)
{
	memset(error, 0, sizeof(*error));
	return whole_frame_decode(buf->data, buf->size, RIG_VOLUME_BYTES, msg,
				  error);
}

/* A decoded message refers to nothing but what it holds references to. */
static bool is_refused(struct base_buf *buf)
{
	struct wire_msg msg;
	struct base_error error;
	int err = decode(buf, &msg, &error);

	if (!err) {
		wire_msg_clear(&msg);
		return false;
	}
	return err == -EBADMSG && error.text[0] && buf->refs == 1;
}

static bool same_raft(const struct wire_msg *a, const struct wire_msg *b)
{
	uint32_t i;

	if (memcmp(&a->raft.msg, &b->raft.msg, sizeof(a->raft.msg)))
		return false;
	if (a->raft.msg.type != RAFT_MSG_APPEND)
		return true;
	for (i = 0; i < a->raft.msg.append.count; i++)
		if (!rig_entries_equal(a->raft.entries[i], b->raft.entries[i]))
			return false;
	return true;
}

static bool same_copy_data(const struct wire_copy_data *a,
			   const struct wire_copy_data *b)
{
	return a->serial == b->serial && a->offset == b->offset &&
	       a->length == b->length && a->data_crc == b->data_crc &&
	       a->version == b->version && a->zero == b->zero &&
	       !a->data == !b->data && !a->buf == !b->buf &&
	       (!a->data || !memcmp(a->data, b->data, a->length));
}

static bool same(const struct wire_msg *a, const struct wire_msg *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case WIRE_HELLO:
		return !memcmp(&a->hello, &b->hello, sizeof(a->hello));
	case WIRE_REFUSE:
		return !strcmp(a->text, b->text);
	case WIRE_RAFT:
		return same_raft(a, b);
	case WIRE_STATUS:
		return !memcmp(&a->status, &b->status, sizeof(a->status));
	case WIRE_OPEN_ASK:
		return !memcmp(&a->open_ask, &b->open_ask, sizeof(a->open_ask));
	case WIRE_OPEN_REPLY:
		return !memcmp(&a->open_reply, &b->open_reply,
			       sizeof(a->open_reply));
	case WIRE_COPY_BEGIN:
		return !memcmp(&a->copy_begin, &b->copy_begin,
			       sizeof(a->copy_begin));
	case WIRE_COPY_DATA:
		return same_copy_data(&a->copy_data, &b->copy_data);
	case WIRE_COPY_END:
		return !memcmp(&a->copy_end, &b->copy_end, sizeof(a->copy_end));
	case WIRE_COPY_ACK:
		return !memcmp(&a->copy_ack, &b->copy_ack, sizeof(a->copy_ack));
	case WIRE_LIFE:
		return !memcmp(&a->life, &b->life, sizeof(a->life));
	}
	return false;
}

static void round_trip(const struct wire_msg *msg)
{
	struct base_buf *buf = rig_encode(msg), *again;
	struct base_error error;
	struct wire_msg got;

	memset(&got, 0, sizeof(got));
	tap_check_eq(whole_frame_bytes(buf->data, &error), buf->size);
	tap_check_eq(wire_msg_bytes(msg), buf->size);
	if (!tap_check_eq(decode(buf, &got, &error), 0)) {
		printf("# %s\n", error.text);
		base_buf_put(buf);
		return;
	}
	tap_check(same(msg, &got));
	again = rig_encode(&got);
	tap_check(again->size == buf->size &&
		  !memcmp(again->data, buf->data, buf->size));
	/* What it refers to outlives the frame's own reference. */
	base_buf_put(buf);
	tap_check(same(msg, &got));
	wire_msg_clear(&got);
	base_buf_put(again);
}

static void every_message_comes_back_as_it_was(void)
{
	struct wire_msg msg;
	unsigned int kind, i;

	for (kind = 0; kind < RIG_KINDS; kind++)
		for (i = 0; i < 200; i++) {
			rig_msg(&msg, kind);
			round_trip(&msg);
			wire_msg_clear(&msg);
		}
}

static void the_longest_messages_come_back(void)
{
	struct wire_msg msg;
	unsigned int i;

	memset(&msg, 0, sizeof(msg));
	rig_raft(&msg, RAFT_MSG_VOTE);
	msg.raft.msg.type = RAFT_MSG_APPEND;
	rig_append(&msg, RAFT_APPEND_MAX, 4096);
	round_trip(&msg);
	wire_msg_clear(&msg);

	memset(&msg, 0, sizeof(msg));
	rig_raft(&msg, RAFT_MSG_VOTE);
	msg.raft.msg.type = RAFT_MSG_APPEND;
	rig_append(&msg, 10, RAFT_ENTRY_DATA_MAX);
	round_trip(&msg);
	wire_msg_clear(&msg);

	for (i = 0; i < 2; i++) {
		memset(&msg, 0, sizeof(msg));
		msg.type = WIRE_COPY_DATA;
		rig_copy_data(&msg.copy_data, WIRE_COPY_DATA_MAX, i);
		round_trip(&msg);
		wire_msg_clear(&msg);
	}
	memset(&msg, 0, sizeof(msg));
	msg.type = WIRE_REFUSE;
	memset(msg.text, 'x', WIRE_TEXT_MAX);
	round_trip(&msg);
}

static void payloads_stay_in_the_buffer_they_came_in(void)
{
	struct base_error error;
	struct wire_msg msg, got;
	struct wire_frame frame;
	struct base_buf *buf;

	memset(&msg, 0, sizeof(msg));
	msg.type = WIRE_COPY_DATA;
	rig_copy_data(&msg.copy_data, 4096, false);
	buf = msg.copy_data.buf;
	tap_need(wire_encode(&msg, &frame) == 0);
	tap_need(wire_decode(frame.head, frame.iov[0].iov_len, buf,
			     RIG_VOLUME_BYTES, &got, &error) == 0);
	wire_frame_clear(&frame);
	tap_check(got.copy_data.data == buf->data);
	tap_check_eq(buf->refs, 2);
	wire_msg_clear(&got);
	tap_check_eq(buf->refs, 1);
	wire_msg_clear(&msg);
}

static void every_truncation_is_refused(void)
{
	struct base_error error;
	unsigned int kind;
	struct wire_msg msg;
	size_t size;

	for (kind = 0; kind < RIG_KINDS; kind++) {
		struct base_buf *whole;

		rig_msg(&msg, kind);
		whole = rig_encode(&msg);
		for (size = 0; size < whole->size; size++) {
			struct base_buf *cut = base_buf_new(size);

			memcpy(cut->data, whole->data, size);
			if (!tap_check(is_refused(cut)))
				printf("# kind %u at %zu\n", kind, size);
			base_buf_put(cut);
		}
		tap_check_eq(whole_frame_bytes(whole->data, &error),
			     whole->size);
		base_buf_put(whole);
		wire_msg_clear(&msg);
	}
}

static void bytes_after_the_frame_are_refused(void)
{
	struct base_buf *buf, *longer;
	struct wire_msg msg;
	unsigned int kind;

	for (kind = 0; kind < RIG_KINDS; kind++) {
		rig_msg(&msg, kind);
		buf = rig_encode(&msg);
		longer = base_buf_new(buf->size + 8);
		memset(longer->data, 0, longer->size);
		memcpy(longer->data, buf->data, buf->size);
		tap_check(is_refused(longer));
		base_buf_put(longer);
		base_buf_put(buf);
		wire_msg_clear(&msg);
	}
}

static void every_flipped_bit_is_refused(void)
{
	struct wire_msg msg = { 0 };
	unsigned int kind;
	size_t bit;

	for (kind = 0; kind < RIG_KINDS; kind++) {
		struct base_buf *buf;

		do {
			wire_msg_clear(&msg);
			rig_msg(&msg, kind);
		} while (wire_msg_bytes(&msg) > 6000);
		buf = rig_encode(&msg);
		for (bit = 0; bit < buf->size * 8; bit++) {
			buf->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
			if (!is_refused(buf)) {
				tap_check(!"a flipped bit was accepted");
				printf("# kind %u bit %zu\n", kind, bit);
			}
			buf->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		base_buf_put(buf);
		wire_msg_clear(&msg);
	}
}

/*
 * With checksums that are right again, decoding must not read beyond its bytes,
 * lose references, or accept what it would not encode the same way.
 */
static void changed_bytes_under_good_checksums_are_harmless(void)
{
	unsigned int kind, i, refused = 0, accepted = 0;
	struct wire_msg msg, got;
	struct base_error error;

	for (i = 0; i < 60000; i++) {
		struct base_buf *buf, *again;
		uint32_t fixed;
		size_t at;

		kind = i % RIG_KINDS;
		rig_msg(&msg, kind);
		buf = rig_encode(&msg);
		memcpy(&fixed, buf->data + 8, 4);
		at = WIRE_HEAD_BYTES + rig_below(fixed);
		if (rig_below(4))
			buf->data[at] ^= (uint8_t)(1U << rig_below(8));
		else
			buf->data[at] = (uint8_t)rig_random();
		rig_mend(buf);
		if (decode(buf, &got, &error) == 0) {
			again = rig_encode(&got);
			tap_check(again->size == buf->size &&
				  !memcmp(again->data, buf->data, buf->size));
			base_buf_put(again);
			wire_msg_clear(&got);
			accepted++;
		} else {
			refused++;
		}
		tap_check_eq(buf->refs, 1);
		base_buf_put(buf);
		wire_msg_clear(&msg);
	}
	printf("# %u refused, %u accepted\n", refused, accepted);
	tap_check(refused > 1000 && accepted > 1000);
}

static void garbage_is_refused(void)
{
	struct base_error error;
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		struct base_buf *buf = base_buf_new(rig_below(300));
		size_t at;

		for (at = 0; at < buf->size; at++)
			buf->data[at] = (uint8_t)rig_random();
		/* Let it get further than the magic now and then. */
		if (buf->size >= 300 / 2 && i % 2) {
			uint32_t fixed = (uint32_t)buf->size - WIRE_HEAD_BYTES;

			memcpy(buf->data, "QBDw", 4);
			buf->data[4] = (uint8_t)rig_below(12);
			memset(buf->data + 5, 0, 3);
			memcpy(buf->data + 8, &fixed, 4);
			memset(buf->data + 12, 0, 4);
			memset(buf->data + 20, 0, 8);
			rig_mend(buf);
		}
		if (buf->size >= WIRE_HEAD_BYTES) {
			int64_t length = whole_frame_bytes(buf->data, &error);

			tap_check(length <= (int64_t)WIRE_FRAME_BYTES_MAX);
		}
		is_refused(buf);
		base_buf_put(buf);
	}
}

static void heads_with_impossible_lengths_are_refused(void)
{
	static const struct {
		uint8_t type;
		uint32_t fixed, payload;
	} heads[] = {
		{ WIRE_HELLO, 184 + 8, 0 },
		{ WIRE_HELLO, 184, 512 },
		{ WIRE_HELLO, 0xffffff00U, 0 },
		{ WIRE_REFUSE, 0, 0 },
		{ WIRE_RAFT, 28, 0 },
		{ WIRE_RAFT, 24, 100 },
		{ WIRE_RAFT, 72, 0xfffffe00U },
		{ WIRE_RAFT, 72, WIRE_FRAME_BYTES_MAX },
		{ WIRE_COPY_DATA, 40, WIRE_COPY_DATA_MAX + 512 },
		{ WIRE_STATUS, 48, 0 },
		{ WIRE_LIFE + 1, 24, 0 },
		{ 0, 24, 0 },
	};
	struct base_error error;
	unsigned int i;

	for (i = 0; i < TAP_COUNT(heads); i++) {
		uint8_t head[WIRE_HEAD_BYTES] = "QBDw";
		uint32_t crc;

		head[4] = heads[i].type;
		memcpy(head + 8, &heads[i].fixed, 4);
		memcpy(head + 12, &heads[i].payload, 4);
		crc = base_crc32c(0, head, 28);
		memcpy(head + 28, &crc, 4);
		tap_check_eq(whole_frame_bytes(head, &error), -EBADMSG);
		tap_check(error.text[0]);
	}
}

static void only_the_handshake_is_decoded_before_it_is_over(void)
{
	struct base_error error;
	struct wire_msg msg, got;
	unsigned int kind;

	for (kind = 0; kind < RIG_KINDS; kind++) {
		struct base_buf *buf;
		int err;

		rig_msg(&msg, kind);
		buf = rig_encode(&msg);
		err = whole_frame_decode(buf->data, buf->size, 0, &got, &error);
		tap_check_eq(err, msg.type <= WIRE_REFUSE ? 0 : -EBADMSG);
		base_buf_put(buf);
		wire_msg_clear(&msg);
	}
}

static void frames_say_where_their_payload_begins(void)
{
	struct wire_extent extent;
	struct wire_msg msg;
	struct base_buf *buf;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		memset(&msg, 0, sizeof(msg));
		msg.type = WIRE_COPY_DATA;
		rig_copy_data(&msg.copy_data, 512, i);
		buf = rig_encode(&msg);
		tap_check(!wire_frame_extent(buf->data, &extent, NULL));
		tap_check_eq(extent.payload_bytes, i ? 0 : 512);
		tap_check_eq(extent.front_bytes + extent.payload_bytes,
			     buf->size);
		base_buf_put(buf);
		wire_msg_clear(&msg);
	}
}

/* A refusal quotes what people wrote: it must not carry it into a terminal. */
static void refusals_carry_plain_text_only(void)
{
	struct wire_msg msg = { .type = WIRE_REFUSE,
				.text = "a\x1b[2Jb\nc\xff" };
	struct base_error error;
	struct wire_msg got;
	struct base_buf *buf = rig_encode(&msg);

	tap_need(decode(buf, &got, &error) == 0);
	tap_check_str(got.text, "a?[2Jb?c?");
	buf->data[WIRE_HEAD_BYTES + 3] = '\n';
	rig_mend(buf);
	tap_check(is_refused(buf));
	base_buf_put(buf);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(every_message_comes_back_as_it_was),
		TAP_TEST(the_longest_messages_come_back),
		TAP_TEST(payloads_stay_in_the_buffer_they_came_in),
		TAP_TEST(every_truncation_is_refused),
		TAP_TEST(bytes_after_the_frame_are_refused),
		TAP_TEST(every_flipped_bit_is_refused),
		TAP_TEST(changed_bytes_under_good_checksums_are_harmless),
		TAP_TEST(garbage_is_refused),
		TAP_TEST(heads_with_impossible_lengths_are_refused),
		TAP_TEST(only_the_handshake_is_decoded_before_it_is_over),
		TAP_TEST(frames_say_where_their_payload_begins),
		TAP_TEST(refusals_carry_plain_text_only),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
