// SPDX-License-Identifier: GPL-2.0
/*
 * STATUS, OPEN_ASK, OPEN_REPLY, LIFE: what nodes tell and ask each other about
 * the device and themselves.
 *
 * STATUS: flags (4), 0 (4), epoch, term, last, durable, commit, applied,
 * members_since (8 each), members (16), chain, commit_term (8 each).  OPEN_ASK:
 * serial, epoch (8 each).  OPEN_REPLY: serial (8), error (4, a negative errno or
 * 0), writer (4).
 * LIFE: flags (4), 0 (4), the sender's number and nonce (4 each), the receiver's
 * number and nonce (4 each), its term and index (8 each).
 */
#include <errno.h>

#include "wire/codec.h"

#define STATUS_FLAGS                                                        \
	(WIRE_NODE_INCOMPLETE | WIRE_NODE_DEVICE_OPEN |                     \
	 WIRE_NODE_DISK_FAILED | WIRE_NODE_DAMAGED | WIRE_NODE_WANTS_LEAD | \
	 WIRE_NODE_DIVERGED)

static void put_status(struct wire_writer *writer,
		       const struct wire_status *status)
{
	assert(!(status->flags & ~STATUS_FLAGS));
	wire_put32(writer, status->flags);
	wire_put32(writer, 0);
	wire_put64(writer, status->epoch);
	wire_put64(writer, status->term);
	wire_put64(writer, status->last);
	wire_put64(writer, status->durable);
	wire_put64(writer, status->commit);
	wire_put64(writer, status->applied);
	wire_put64(writer, status->members_since);
	wire_members_put(writer, &status->members);
	wire_put64(writer, status->chain);
	wire_put64(writer, status->commit_term);
}

static void put_life(struct wire_writer *writer, const struct wire_life *life)
{
	wire_put32(writer, life->flags);
	wire_put32(writer, 0);
	wire_put32(writer, life->life.number);
	wire_put32(writer, life->life.nonce);
	wire_put32(writer, life->known.life.number);
	wire_put32(writer, life->known.life.nonce);
	wire_put64(writer, life->known.term);
	wire_put64(writer, life->known.index);
}

void wire_node_put(struct wire_writer *writer, const struct wire_msg *msg)
{
	switch (msg->type) {
	case WIRE_STATUS:
		put_status(writer, &msg->status);
		break;
	case WIRE_OPEN_ASK:
		wire_put64(writer, msg->open_ask.serial);
		wire_put64(writer, msg->open_ask.epoch);
		break;
	case WIRE_OPEN_REPLY:
		wire_put64(writer, msg->open_reply.serial);
		wire_put32(writer, (uint32_t)msg->open_reply.error);
		wire_put32(writer, msg->open_reply.writer);
		break;
	case WIRE_LIFE:
		put_life(writer, &msg->life);
		break;
	default:
		assert(0);
	}
}

static int get_status(struct wire_decoder *decoder, struct wire_status *status)
{
	struct wire_reader *fixed = &decoder->fixed;
	uint32_t zero;

	status->flags = wire_get32(fixed);
	zero = wire_get32(fixed);
	status->epoch = wire_get64(fixed);
	status->term = wire_get64(fixed);
	status->last = wire_get64(fixed);
	status->durable = wire_get64(fixed);
	status->commit = wire_get64(fixed);
	status->applied = wire_get64(fixed);
	status->members_since = wire_get64(fixed);
	wire_members_get(fixed, &status->members);
	status->chain = wire_get64(fixed);
	status->commit_term = wire_get64(fixed);
	if (zero || (status->flags & ~STATUS_FLAGS))
		return base_error_set(decoder->error, -EBADMSG,
				      "STATUS: unknown bits");
	if (raft_members_said(&status->members) &&
	    raft_members_check(&status->members))
		return base_error_set(decoder->error, -EBADMSG,
				      "STATUS: impossible members");
	return 0;
}

static int get_open_reply(struct wire_decoder *decoder,
			  struct wire_open_reply *reply)
{
	reply->serial = wire_get64(&decoder->fixed);
	reply->error = (int32_t)wire_get32(&decoder->fixed);
	reply->writer = wire_get32(&decoder->fixed);
	if (!wire_errno_possible(reply->error))
		return base_error_set(decoder->error, -EBADMSG,
				      "OPEN_REPLY: an impossible error number");
	return 0;
}

static int get_life(struct wire_decoder *decoder, struct wire_life *life)
{
	struct wire_reader *fixed = &decoder->fixed;
	uint32_t zero;

	life->flags = wire_get32(fixed);
	zero = wire_get32(fixed);
	life->life.number = wire_get32(fixed);
	life->life.nonce = wire_get32(fixed);
	life->known.id = 0;
	life->known.life.number = wire_get32(fixed);
	life->known.life.nonce = wire_get32(fixed);
	life->known.term = wire_get64(fixed);
	life->known.index = wire_get64(fixed);
	if (zero || life->flags & ~(WIRE_LIFE_JUDGED | WIRE_LIFE_NOTED))
		return base_error_set(decoder->error, -EBADMSG,
				      "LIFE: unknown bits");
	if (!life->life.number || !life->life.nonce ||
	    life->life.number > WIRE_LIFE_NUMBER_MAX ||
	    life->known.life.number > WIRE_LIFE_NUMBER_MAX)
		return base_error_set(decoder->error, -EBADMSG,
				      "LIFE: an impossible life");
	return 0;
}

int wire_node_get(struct wire_decoder *decoder, struct wire_msg *msg)
{
	switch (msg->type) {
	case WIRE_STATUS:
		return get_status(decoder, &msg->status);
	case WIRE_OPEN_ASK:
		msg->open_ask.serial = wire_get64(&decoder->fixed);
		msg->open_ask.epoch = wire_get64(&decoder->fixed);
		return 0;
	case WIRE_OPEN_REPLY:
		return get_open_reply(decoder, &msg->open_reply);
	case WIRE_LIFE:
		return get_life(decoder, &msg->life);
	default:
		return -EBADMSG;
	}
}
