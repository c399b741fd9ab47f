// SPDX-License-Identifier: GPL-2.0
/*
 * COPY_BEGIN, COPY_DATA, COPY_END, COPY_ACK: a leader fills a replica.
 *
 * COPY_BEGIN: serial, term, index, index_term (8 each), bits (4; 1: reset),
 * standing (36, see codec.c).  COPY_DATA: serial, offset, version (8 each),
 * length (4), CRC32C of the payload (4), bits (4; 1: zero), 0 (4); the payload
 * has length bytes, or none and a checksum of 0 with zero.  COPY_END: serial,
 * version (8 each).  COPY_ACK: serial, offset (8 each), error (4, a negative
 * errno or 0), 0 (4).
 */
#include <errno.h>

#include "wire/codec.h"

#define FLAG_RESET (1U << 0)
#define FLAG_ZERO (1U << 0)

static void put_begin(struct wire_writer *writer,
		      const struct wire_copy_begin *begin)
{
	wire_put64(writer, begin->serial);
	wire_put64(writer, begin->term);
	wire_put64(writer, begin->index);
	wire_put64(writer, begin->index_term);
	wire_put32(writer, begin->reset ? FLAG_RESET : 0);
	wire_standing_put(writer, &begin->standing);
}

static void put_data(struct wire_writer *writer,
		     const struct wire_copy_data *data)
{
	assert(data->length && data->length <= WIRE_COPY_DATA_MAX);
	wire_put64(writer, data->serial);
	wire_put64(writer, data->offset);
	wire_put64(writer, data->version);
	wire_put32(writer, data->length);
	wire_put32(writer, data->zero ? 0 : data->data_crc);
	wire_put32(writer, data->zero ? FLAG_ZERO : 0);
	wire_put32(writer, 0);
}

void wire_copy_put(struct wire_writer *writer, const struct wire_msg *msg)
{
	switch (msg->type) {
	case WIRE_COPY_BEGIN:
		put_begin(writer, &msg->copy_begin);
		break;
	case WIRE_COPY_DATA:
		put_data(writer, &msg->copy_data);
		break;
	case WIRE_COPY_END:
		wire_put64(writer, msg->copy_end.serial);
		wire_put64(writer, msg->copy_end.version);
		break;
	case WIRE_COPY_ACK:
		wire_put64(writer, msg->copy_ack.serial);
		wire_put64(writer, msg->copy_ack.offset);
		wire_put32(writer, (uint32_t)msg->copy_ack.error);
		wire_put32(writer, 0);
		break;
	default:
		assert(0);
	}
}

static int get_begin(struct wire_decoder *decoder,
		     struct wire_copy_begin *begin)
{
	struct wire_reader *fixed = &decoder->fixed;
	uint32_t flags;

	begin->serial = wire_get64(fixed);
	begin->term = wire_get64(fixed);
	begin->index = wire_get64(fixed);
	begin->index_term = wire_get64(fixed);
	flags = wire_get32(fixed);
	begin->reset = flags & FLAG_RESET;
	wire_standing_get(fixed, &begin->standing);
	if (flags & ~FLAG_RESET)
		return base_error_set(decoder->error, -EBADMSG,
				      "COPY_BEGIN: unknown bits");
	if (!begin->term || begin->index_term > begin->term ||
	    !begin->index != !begin->index_term ||
	    begin->standing.epoch > begin->index)
		return base_error_set(decoder->error, -EBADMSG,
				      "COPY_BEGIN: an impossible entry");
	if (begin->index ?
		    raft_members_check(&begin->standing.members) != NULL :
		    raft_members_said(&begin->standing.members))
		return base_error_set(decoder->error, -EBADMSG,
				      "COPY_BEGIN: impossible members");
	return 0;
}

static const char *range_problem(const struct wire_copy_data *data,
				 uint64_t volume_bytes)
{
	if (!data->length || data->length > WIRE_COPY_DATA_MAX)
		return "an impossible length";
	if (data->length % 512 || data->offset % 512)
		return "range not aligned to 512 bytes";
	if (data->offset > volume_bytes ||
	    data->length > volume_bytes - data->offset)
		return "range beyond the end of the volume";
	if (data->zero && data->data_crc)
		return "a checksum where no payload belongs";
	return NULL;
}

static int get_data(struct wire_decoder *decoder, struct wire_copy_data *data)
{
	struct wire_reader *fixed = &decoder->fixed;
	const char *problem;
	uint32_t flags;

	memset(data, 0, sizeof(*data));
	data->serial = wire_get64(fixed);
	data->offset = wire_get64(fixed);
	data->version = wire_get64(fixed);
	data->length = wire_get32(fixed);
	data->data_crc = wire_get32(fixed);
	flags = wire_get32(fixed);
	data->zero = flags & FLAG_ZERO;
	if (wire_get32(fixed) || (flags & ~FLAG_ZERO))
		return base_error_set(decoder->error, -EBADMSG,
				      "COPY_DATA: unknown bits");
	problem = range_problem(data, decoder->volume_bytes);
	if (problem)
		return base_error_set(decoder->error, -EBADMSG, "COPY_DATA: %s",
				      problem);
	if (data->zero)
		return 0;
	data->data = wire_take_payload(decoder, data->length, data->data_crc);
	if (!data->data)
		return base_error_set(
			decoder->error, -EBADMSG,
			"COPY_DATA: its payload is cut short or has a wrong "
			"checksum");
	data->buf = base_buf_get(decoder->buf);
	return 0;
}

static int get_ack(struct wire_decoder *decoder, struct wire_copy_ack *ack)
{
	struct wire_reader *fixed = &decoder->fixed;

	ack->serial = wire_get64(fixed);
	ack->offset = wire_get64(fixed);
	ack->error = (int32_t)wire_get32(fixed);
	if (wire_get32(fixed) || !wire_errno_possible(ack->error) ||
	    ack->offset > decoder->volume_bytes)
		return base_error_set(
			decoder->error, -EBADMSG,
			"COPY_ACK: an impossible offset or error number");
	return 0;
}

int wire_copy_get(struct wire_decoder *decoder, struct wire_msg *msg)
{
	switch (msg->type) {
	case WIRE_COPY_BEGIN:
		return get_begin(decoder, &msg->copy_begin);
	case WIRE_COPY_DATA:
		return get_data(decoder, &msg->copy_data);
	case WIRE_COPY_END:
		msg->copy_end.serial = wire_get64(&decoder->fixed);
		msg->copy_end.version = wire_get64(&decoder->fixed);
		return 0;
	case WIRE_COPY_ACK:
		return get_ack(decoder, &msg->copy_ack);
	default:
		return -EBADMSG;
	}
}
