// SPDX-License-Identifier: GPL-2.0
/*
 * Frames: a head, the fixed part, the payloads.  All integers little-endian.
 *
 *	offset	bytes
 *	 0	4	magic, WIRE_MAGIC ("QBDw")
 *	 4	2	type, enum wire_type
 *	 6	2	0
 *	 8	4	fixed_bytes: of the fixed part, a multiple of 8
 *	12	4	payload_bytes: a multiple of 512
 *	16	4	CRC32C of the fixed part
 *	20	8	0
 *	28	4	CRC32C of the bytes 0 to 27
 *	32	fixed_bytes	the fixed part; see the file of its type
 *	...	payload_bytes	the payloads in their order, no gaps
 *
 * A frame is valid if and only if both checksums hold, every byte that is 0
 * above and in the type's layout is 0, both lengths are what the type and its
 * counts require, each payload has the checksum its fixed part says, and every
 * value is possible.  So no bit is without a checksum, and a frame has exactly
 * one encoding.
 *
 * All lengths being multiples of 8, what is aligned at the first byte of a
 * frame is aligned throughout.
 *
 * Head and fixed part are the frame's front; a receiver puts what follows it
 * into separate memory.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/crc.h"
#include "wire/codec.h"

#define WIRE_MAGIC 0x77444251U
#define HEAD_CRC_AT 28

static const struct {
	const char *name;
	uint32_t fixed_min;
	uint32_t fixed_max;
	uint32_t payload_max;
} types[] = {
	[WIRE_HELLO] = { "HELLO", WIRE_HELLO_BYTES, WIRE_HELLO_BYTES, 0 },
	[WIRE_REFUSE] = { "REFUSE", WIRE_REFUSE_BYTES_MIN,
			  WIRE_REFUSE_BYTES_MAX, 0 },
	[WIRE_RAFT] = { "RAFT", WIRE_RAFT_BYTES_MIN, WIRE_RAFT_BYTES_MAX,
			WIRE_FRAME_BYTES_MAX },
	[WIRE_STATUS] = { "STATUS", WIRE_STATUS_BYTES, WIRE_STATUS_BYTES, 0 },
	[WIRE_OPEN_ASK] = { "OPEN_ASK", WIRE_OPEN_ASK_BYTES,
			    WIRE_OPEN_ASK_BYTES, 0 },
	[WIRE_OPEN_REPLY] = { "OPEN_REPLY", WIRE_OPEN_REPLY_BYTES,
			      WIRE_OPEN_REPLY_BYTES, 0 },
	[WIRE_COPY_BEGIN] = { "COPY_BEGIN", WIRE_COPY_BEGIN_BYTES,
			      WIRE_COPY_BEGIN_BYTES, 0 },
	[WIRE_COPY_DATA] = { "COPY_DATA", WIRE_COPY_DATA_BYTES,
			     WIRE_COPY_DATA_BYTES, WIRE_COPY_DATA_MAX },
	[WIRE_COPY_END] = { "COPY_END", WIRE_COPY_END_BYTES,
			    WIRE_COPY_END_BYTES, 0 },
	[WIRE_COPY_ACK] = { "COPY_ACK", WIRE_COPY_ACK_BYTES,
			    WIRE_COPY_ACK_BYTES, 0 },
	[WIRE_LIFE] = { "LIFE", WIRE_LIFE_BYTES, WIRE_LIFE_BYTES, 0 },
};

struct head {
	uint16_t type;
	uint32_t fixed_bytes;
	uint32_t payload_bytes;
	uint32_t fixed_crc;
};

static bool type_known(unsigned int type)
{
	return type >= WIRE_HELLO && type < sizeof(types) / sizeof(types[0]);
}

static size_t fixed_bytes(const struct wire_msg *msg)
{
	assert(type_known(msg->type));
	if (msg->type == WIRE_RAFT)
		return wire_raft_bytes(msg);
	if (msg->type == WIRE_REFUSE)
		return wire_refuse_bytes(msg->text);
	return types[msg->type].fixed_max;
}

static size_t payload_bytes(const struct wire_msg *msg)
{
	size_t bytes = 0;
	uint32_t i;

	if (msg->type == WIRE_COPY_DATA)
		return msg->copy_data.zero ? 0 : msg->copy_data.length;
	if (msg->type == WIRE_RAFT && msg->raft.msg.type == RAFT_MSG_APPEND &&
	    !msg->raft.bare)
		for (i = 0; i < msg->raft.msg.append.count; i++)
			bytes += raft_entry_data_bytes(msg->raft.entries[i]);
	return bytes;
}

size_t wire_msg_bytes(const struct wire_msg *msg)
{
	return WIRE_HEAD_BYTES + fixed_bytes(msg) + payload_bytes(msg);
}

void wire_msg_clear(struct wire_msg *msg)
{
	uint32_t i;

	if (msg->type == WIRE_RAFT && msg->raft.msg.type == RAFT_MSG_APPEND) {
		for (i = 0; i < msg->raft.msg.append.count; i++)
			raft_entry_put(msg->raft.entries[i]);
		msg->raft.msg.append.count = 0;
	} else if (msg->type == WIRE_COPY_DATA) {
		base_buf_put(msg->copy_data.buf);
		msg->copy_data.buf = NULL;
		msg->copy_data.data = NULL;
	}
}

static void put_fixed(struct wire_writer *writer, const struct wire_msg *msg)
{
	switch (msg->type) {
	case WIRE_HELLO:
		wire_hello_put(writer, &msg->hello);
		break;
	case WIRE_REFUSE:
		wire_refuse_put(writer, msg->text);
		break;
	case WIRE_RAFT:
		wire_raft_put(writer, msg);
		break;
	case WIRE_STATUS:
	case WIRE_OPEN_ASK:
	case WIRE_OPEN_REPLY:
	case WIRE_LIFE:
		wire_node_put(writer, msg);
		break;
	case WIRE_COPY_BEGIN:
	case WIRE_COPY_DATA:
	case WIRE_COPY_END:
	case WIRE_COPY_ACK:
		wire_copy_put(writer, msg);
		break;
	}
	assert(writer->at == writer->end);
}

static void put_head(uint8_t *bytes, const struct head *head)
{
	struct wire_writer writer = { bytes, bytes + WIRE_HEAD_BYTES };

	wire_put32(&writer, WIRE_MAGIC);
	wire_put16(&writer, head->type);
	wire_put16(&writer, 0);
	wire_put32(&writer, head->fixed_bytes);
	wire_put32(&writer, head->payload_bytes);
	wire_put32(&writer, head->fixed_crc);
	wire_put64(&writer, 0);
	wire_put32(&writer, base_crc32c(0, bytes, HEAD_CRC_AT));
	assert(writer.at == writer.end);
}

static void frame_add(struct wire_frame *frame, const uint8_t *data,
		      size_t length, struct base_buf *buf)
{
	assert(data && buf && frame->iov_count < WIRE_IOV_MAX);
	assert(data >= buf->data && length <= buf->size &&
	       (size_t)(data - buf->data) <= buf->size - length);
	frame->iov[frame->iov_count].iov_base = (void *)(uintptr_t)data;
	frame->iov[frame->iov_count].iov_len = length;
	frame->bufs[frame->iov_count++] = base_buf_get(buf);
}

static void add_payloads(struct wire_frame *frame, const struct wire_msg *msg)
{
	uint32_t i;

	if (msg->type == WIRE_COPY_DATA && !msg->copy_data.zero)
		frame_add(frame, msg->copy_data.data, msg->copy_data.length,
			  msg->copy_data.buf);
	if (msg->type != WIRE_RAFT || msg->raft.msg.type != RAFT_MSG_APPEND ||
	    msg->raft.bare)
		return;
	for (i = 0; i < msg->raft.msg.append.count; i++) {
		struct raft_entry *entry = msg->raft.entries[i];

		if (raft_entry_data_bytes(entry))
			frame_add(frame, entry->data,
				  raft_entry_data_bytes(entry), entry->buf);
	}
}

int wire_encode(const struct wire_msg *msg, struct wire_frame *frame)
{
	struct head head = {
		.type = msg->type,
		.fixed_bytes = (uint32_t)fixed_bytes(msg),
		.payload_bytes = (uint32_t)payload_bytes(msg),
	};
	size_t front = WIRE_HEAD_BYTES + head.fixed_bytes;
	struct wire_writer writer;

	assert(front + head.payload_bytes <= WIRE_FRAME_BYTES_MAX);
	assert(head.payload_bytes % 512 == 0);
	frame->head = malloc(front);
	if (!frame->head)
		return -ENOMEM;
	writer.at = frame->head + WIRE_HEAD_BYTES;
	writer.end = frame->head + front;
	put_fixed(&writer, msg);
	head.fixed_crc =
		base_crc32c(0, frame->head + WIRE_HEAD_BYTES, head.fixed_bytes);
	put_head(frame->head, &head);
	frame->iov[0].iov_base = frame->head;
	frame->iov[0].iov_len = front;
	frame->bufs[0] = NULL;
	frame->iov_count = 1;
	frame->bytes = front + head.payload_bytes;
	add_payloads(frame, msg);
	return 0;
}

void wire_frame_clear(struct wire_frame *frame)
{
	unsigned int i;

	for (i = 0; i < frame->iov_count; i++)
		base_buf_put(frame->bufs[i]);
	free(frame->head);
	frame->head = NULL;
	frame->iov_count = 0;
	frame->bytes = 0;
}

static int get_head(const uint8_t *bytes, struct head *head,
		    struct base_error *error)
{
	struct wire_reader reader = { bytes, bytes + WIRE_HEAD_BYTES, false };
	uint32_t magic = wire_get32(&reader);
	uint16_t flags;
	uint64_t zero;

	head->type = wire_get16(&reader);
	flags = wire_get16(&reader);
	head->fixed_bytes = wire_get32(&reader);
	head->payload_bytes = wire_get32(&reader);
	head->fixed_crc = wire_get32(&reader);
	zero = wire_get64(&reader);
	if (magic != WIRE_MAGIC)
		return base_error_set(error, -EBADMSG,
				      "what arrives is not qbd's protocol");
	if (wire_get32(&reader) != base_crc32c(0, bytes, HEAD_CRC_AT))
		return base_error_set(error, -EBADMSG,
				      "a frame's head has a wrong checksum");
	if (flags || zero || !type_known(head->type))
		return base_error_set(error, -EBADMSG,
				      "a frame of an unknown type");
	return 0;
}

static int check_head(const uint8_t *bytes, struct head *head,
		      struct base_error *error)
{
	int err = get_head(bytes, head, error);

	if (err)
		return err;
	_Static_assert(WIRE_HEAD_BYTES + WIRE_RAFT_BYTES_MAX <=
			       WIRE_FRONT_BYTES_MAX,
		       "the longest front");
	if (head->fixed_bytes < types[head->type].fixed_min ||
	    head->fixed_bytes > types[head->type].fixed_max ||
	    head->payload_bytes > types[head->type].payload_max ||
	    head->fixed_bytes % 8 || head->payload_bytes % 512 ||
	    (uint64_t)WIRE_HEAD_BYTES + head->fixed_bytes +
			    head->payload_bytes >
		    WIRE_FRAME_BYTES_MAX)
		return base_error_set(error, -EBADMSG,
				      "%s: a length that it can't have",
				      types[head->type].name);
	return 0;
}

int wire_frame_extent(const uint8_t *head, struct wire_extent *extent,
		      struct base_error *error)
{
	struct head got;
	int err = check_head(head, &got, error);

	if (err)
		return err;
	extent->front_bytes = WIRE_HEAD_BYTES + got.fixed_bytes;
	extent->payload_bytes = got.payload_bytes;
	return 0;
}

static int get_fixed(struct wire_decoder *decoder, struct wire_msg *msg)
{
	switch (msg->type) {
	case WIRE_HELLO:
		return wire_hello_get(decoder, &msg->hello);
	case WIRE_REFUSE:
		return wire_refuse_get(decoder, msg->text);
	case WIRE_RAFT:
		return wire_raft_get(decoder, msg);
	case WIRE_STATUS:
	case WIRE_OPEN_ASK:
	case WIRE_OPEN_REPLY:
	case WIRE_LIFE:
		return wire_node_get(decoder, msg);
	case WIRE_COPY_BEGIN:
	case WIRE_COPY_DATA:
	case WIRE_COPY_END:
	case WIRE_COPY_ACK:
		return wire_copy_get(decoder, msg);
	}
	return -EBADMSG;
}

int wire_decode(const uint8_t *front, size_t front_bytes,
		struct base_buf *payload, uint64_t volume_bytes,
		struct wire_msg *msg, struct base_error *error)
{
	struct wire_decoder decoder = {
		.buf = payload,
		.volume_bytes = volume_bytes,
		.error = error,
	};
	struct head head;
	int err;

	if (front_bytes < WIRE_HEAD_BYTES)
		return base_error_set(error, -EBADMSG, "less than a head");
	err = check_head(front, &head, error);
	if (err)
		return err;
	if (front_bytes != (size_t)WIRE_HEAD_BYTES + head.fixed_bytes ||
	    (payload ? payload->size : 0) != head.payload_bytes)
		return base_error_set(error, -EBADMSG,
				      "%s: not the bytes that its head says",
				      types[head.type].name);
	decoder.fixed.at = front + WIRE_HEAD_BYTES;
	decoder.fixed.end = front + front_bytes;
	if (payload) {
		decoder.payload.at = payload->data;
		decoder.payload.end = payload->data + payload->size;
	}
	if (base_crc32c(0, decoder.fixed.at, head.fixed_bytes) !=
	    head.fixed_crc)
		return base_error_set(error, -EBADMSG,
				      "%s: a wrong checksum of the fixed part",
				      types[head.type].name);
	if (!volume_bytes && head.type > WIRE_REFUSE)
		return base_error_set(error, -EBADMSG,
				      "%s before the handshake is over",
				      types[head.type].name);
	msg->type = head.type;
	err = get_fixed(&decoder, msg);
	if (!err && (decoder.fixed.short_of || wire_left(&decoder.fixed) ||
		     wire_left(&decoder.payload)))
		err = base_error_set(error, -EBADMSG,
				     "%s: more or fewer bytes than it counts",
				     types[head.type].name);
	if (err)
		wire_msg_clear(msg);
	return err;
}
