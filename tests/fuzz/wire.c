// SPDX-License-Identifier: GPL-2.0
/*
 * A frame from a stranger, its checksums mended or not: decoding stays inside
 * the bytes, and whatever it takes has exactly this encoding.
 *
 * Input: how (bit 0: mend; bit 1: before the handshake), then the frame.
 */
#include "rig/input.h"
#include "rig/mend.h"
#include "whole_frame.h"
#include "wire/wire.h"

#define VOLUME_BYTES (1ULL << 30)

static const struct wire_hello ours = {
	.version_min = WIRE_VERSION_MIN,
	.version_max = WIRE_VERSION_MAX,
	.volume_id = "0123456789abcde",
	.volume_name = "vol0",
	.node_name = "n2",
	.from = 2,
	.to = 1,
	.volume_bytes = VOLUME_BYTES,
	.block_size = 512,
	.members_crc = 4711,
	.incarnation = 7,
};

/* What was decoded is encoded to the same bytes. */
static void check_encoding(const struct wire_msg *msg,
			   const struct base_buf *buf)
{
	struct wire_frame frame;
	size_t at = 0;
	unsigned int i;

	FUZZ_NEED(wire_msg_bytes(msg) == buf->size);
	if (wire_encode(msg, &frame))
		return;
	FUZZ_NEED(frame.bytes == buf->size);
	for (i = 0; i < frame.iov_count; i++) {
		FUZZ_NEED(memcmp(buf->data + at, frame.iov[i].iov_base,
				 frame.iov[i].iov_len) == 0);
		at += frame.iov[i].iov_len;
	}
	FUZZ_NEED(at == buf->size);
	wire_frame_clear(&frame);
}

static void check_hello(const struct wire_hello *theirs)
{
	struct base_error error = { .text = "" };
	uint16_t version = 0;

	if (wire_hello_check(&ours, theirs, &version, &error) == 0) {
		FUZZ_NEED(version >= WIRE_VERSION_MIN &&
			  version <= WIRE_VERSION_MAX);
	} else {
		FUZZ_NEED(error.text[0]);
		FUZZ_NEED(strlen(error.text) <= WIRE_TEXT_MAX);
	}
}

static void decode(struct base_buf *buf, uint64_t volume_bytes)
{
	struct base_error error = { .text = "" };
	static struct wire_msg msg;

	if (whole_frame_decode(buf->data, buf->size, volume_bytes, &msg,
			       &error)) {
		FUZZ_NEED(error.text[0]);
		return;
	}
	FUZZ_NEED(volume_bytes || msg.type == WIRE_HELLO ||
		  msg.type == WIRE_REFUSE);
	check_encoding(&msg, buf);
	if (msg.type == WIRE_HELLO)
		check_hello(&msg.hello);
	wire_msg_clear(&msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct base_error error;
	struct base_buf *buf;
	int64_t length;

	if (size < 1 + WIRE_HEAD_BYTES || size > WIRE_FRAME_BYTES_MAX)
		return -1;
	buf = base_buf_new(size - 1);
	memcpy(buf->data, bytes + 1, size - 1);
	if (bytes[0] & 1)
		mend_frame(buf->data, buf->size);
	length = whole_frame_bytes(buf->data, &error);
	FUZZ_NEED(length <= (int64_t)WIRE_FRAME_BYTES_MAX);
	/* net/ hands over exactly as many bytes. */
	if (length >= WIRE_HEAD_BYTES && (size_t)length <= buf->size) {
		buf->size = (size_t)length;
		decode(buf, bytes[0] & 2 ? 0 : VOLUME_BYTES);
	}
	base_buf_put(buf);
	return 0;
}
