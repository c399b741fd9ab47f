/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the files of wire/: one set of three functions per kind of message.
 *
 * *_bytes: size of the fixed part; *_put: write exactly that; *_get: read it,
 * leaving nothing over, and check that every value is possible.  A *_get that
 * fails leaves in @msg only what wire_msg_clear() can deal with.
 */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include "base/crc.h"
#include "wire/bytes.h"
#include "wire/wire.h"

/* A frame being decoded, its head and fixed part already verified. */
struct wire_decoder {
	struct wire_reader fixed;
	struct wire_reader payload;
	struct base_buf *buf; /* that the payload lies in */
	uint64_t volume_bytes;
	struct base_error *error;
};

/**
 * wire_take_payload() - the next @length bytes of payload, verified
 * Return: where they are, NULL when there are fewer or they are not those that
 * @crc was made of.
 */
static inline const uint8_t *wire_take_payload(struct wire_decoder *decoder,
					       uint32_t length, uint32_t crc)
{
	const uint8_t *data = decoder->payload.at;

	if (wire_left(&decoder->payload) < length ||
	    base_crc32c(0, data, length) != crc)
		return NULL;
	decoder->payload.at += length;
	return data;
}

/* An errno as it may be in a message; any other value would be a pointer or a
 * success to its receiver. */
static inline bool wire_errno_possible(int32_t error)
{
	return error <= 0 && error >= -4095;
}

/* Membership: seven ids of 2 bytes, then their roles; see raft/members.h. */
void wire_members_put(struct wire_writer *writer,
		      const struct raft_members *members);
void wire_members_get(struct wire_reader *reader, struct raft_members *members);

/* What is cumulative; see raft/standing.h. */
void wire_standing_put(struct wire_writer *writer,
		       const struct raft_standing *standing);
void wire_standing_get(struct wire_reader *reader,
		       struct raft_standing *standing);

void wire_hello_put(struct wire_writer *writer, const struct wire_hello *hello);
int wire_hello_get(struct wire_decoder *decoder, struct wire_hello *hello);

size_t wire_refuse_bytes(const char *text);
void wire_refuse_put(struct wire_writer *writer, const char *text);
int wire_refuse_get(struct wire_decoder *decoder, char *text);

size_t wire_raft_bytes(const struct wire_msg *msg);
void wire_raft_put(struct wire_writer *writer, const struct wire_msg *msg);
int wire_raft_get(struct wire_decoder *decoder, struct wire_msg *msg);

void wire_node_put(struct wire_writer *writer, const struct wire_msg *msg);
int wire_node_get(struct wire_decoder *decoder, struct wire_msg *msg);

void wire_copy_put(struct wire_writer *writer, const struct wire_msg *msg);
int wire_copy_get(struct wire_decoder *decoder, struct wire_msg *msg);

/* Sizes of fixed parts; the layouts stand where they are put and got. */
#define WIRE_HELLO_BYTES 184
#define WIRE_REFUSE_BYTES_MIN 8
#define WIRE_REFUSE_BYTES_MAX 264
#define WIRE_RAFT_BYTES_MIN 24
#define WIRE_ENTRY_BYTES 80
#define WIRE_RAFT_BYTES_MAX (72 + RAFT_APPEND_MAX * WIRE_ENTRY_BYTES)
#define WIRE_STATUS_BYTES 96
#define WIRE_OPEN_ASK_BYTES 16
#define WIRE_OPEN_REPLY_BYTES 16
#define WIRE_COPY_BEGIN_BYTES 80
#define WIRE_COPY_DATA_BYTES 40
#define WIRE_COPY_END_BYTES 16
#define WIRE_COPY_ACK_BYTES 24
#define WIRE_LIFE_BYTES 40

#endif
