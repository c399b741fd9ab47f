// SPDX-License-Identifier: GPL-2.0
/*
 * RAFT: a message of the consensus core; an append with its entries.
 *
 *	offset	bytes
 *	 0	4	type, enum raft_msg_type
 *	 4	4	bits, FLAG_* of that type
 *	 8	4	from, node id
 *	12	4	to, node id
 *	16	8	term
 *
 * VOTE goes on with last_index, last_term (8 bytes each); APPEND_REPLY with
 * match, hint, sent_us (8 each); APPEND with prev_index, prev_term, commit,
 * sent_us, rejoin (8 each), count, promise_us (4 each) and count entries of
 * WIRE_ENTRY_BYTES:
 *
 *	 0	8	index: prev_index + 1, + 2, ...
 *	 8	8	term: from its predecessor's to the message's
 *	16	8	offset
 *	24	4	length
 *	28	4	CRC32C of its payload, 0 without one
 *	32	2	op, enum raft_op
 *	34	2	bits, 1 bare: a WRITE without its payload
 *	36	44	standing, see codec.c
 *
 * The payloads of WRITE entries that are not bare follow the fixed part in their
 * order.
 */
#include <errno.h>

#include "base/planted.h"
#include "wire/codec.h"

#define FLAG_PREVOTE (1U << 0)
#define FLAG_TRANSFER (1U << 1)
#define FLAG_GRANTED (1U << 2)
#define FLAG_BARRED (1U << 3)
#define FLAG_OK (1U << 4)
#define FLAG_DAMAGED (1U << 5)

#define BIT_BARE 1U

static uint32_t flag(bool set, uint32_t bit)
{
	return set ? bit : 0;
}

static uint32_t flags_of(const struct raft_msg *msg)
{
	switch (msg->type) {
	case RAFT_MSG_VOTE:
		return flag(msg->vote.prevote, FLAG_PREVOTE) |
		       flag(msg->vote.transfer, FLAG_TRANSFER);
	case RAFT_MSG_VOTE_REPLY:
		return flag(msg->vote_reply.prevote, FLAG_PREVOTE) |
		       flag(msg->vote_reply.granted, FLAG_GRANTED) |
		       flag(msg->vote_reply.barred, FLAG_BARRED);
	case RAFT_MSG_APPEND_REPLY:
		return flag(msg->append_reply.ok, FLAG_OK) |
		       flag(msg->append_reply.damaged, FLAG_DAMAGED) |
		       flag(msg->append_reply.barred, FLAG_BARRED);
	case RAFT_MSG_APPEND:
	case RAFT_MSG_TIMEOUT_NOW:
		break;
	}
	return 0;
}

bool wire_msg_urgent(const struct wire_msg *msg)
{
	if (msg->type != WIRE_RAFT)
		return false;
	switch (msg->raft.msg.type) {
	case RAFT_MSG_VOTE:
	case RAFT_MSG_VOTE_REPLY:
		return true;
	case RAFT_MSG_APPEND:
		return msg->raft.msg.append.urgent;
	case RAFT_MSG_APPEND_REPLY:
	case RAFT_MSG_TIMEOUT_NOW:
		break;
	}
	return false;
}

size_t wire_raft_bytes(const struct wire_msg *msg)
{
	size_t bytes = WIRE_RAFT_BYTES_MIN;

	switch (msg->raft.msg.type) {
	case RAFT_MSG_VOTE:
		bytes += 16;
		break;
	case RAFT_MSG_APPEND:
		assert(msg->raft.msg.append.count <= RAFT_APPEND_MAX);
		bytes += 48 +
			 (size_t)WIRE_ENTRY_BYTES * msg->raft.msg.append.count;
		break;
	case RAFT_MSG_APPEND_REPLY:
		bytes += 24;
		break;
	case RAFT_MSG_VOTE_REPLY:
	case RAFT_MSG_TIMEOUT_NOW:
		break;
	}
	return bytes;
}

static void put_entry(struct wire_writer *writer,
		      const struct raft_entry *entry, bool bare)
{
	bool leaves_out = raft_op_has_data(entry->op) && (bare || entry->bare);

	wire_put64(writer, entry->index);
	wire_put64(writer, entry->term);
	wire_put64(writer, planted(PLANTED_OFFSET_SENT_CUT) ?
				   (uint32_t)entry->offset :
				   entry->offset);
	wire_put32(writer, entry->length);
	wire_put32(writer, raft_op_has_data(entry->op) ? entry->data_crc : 0);
	wire_put16(writer, entry->op);
	wire_put16(writer, leaves_out ? BIT_BARE : 0);
	wire_standing_put(writer, &entry->standing);
}

static void put_append(struct wire_writer *writer, const struct wire_msg *wire)
{
	const struct raft_msg *msg = &wire->raft.msg;
	uint32_t i;

	wire_put64(writer, msg->append.prev_index);
	wire_put64(writer, msg->append.prev_term);
	wire_put64(writer, msg->append.commit);
	wire_put64(writer, msg->append.sent_us);
	wire_put64(writer, msg->append.rejoin);
	wire_put32(writer, msg->append.count);
	wire_put32(writer, msg->append.promise_us);
	for (i = 0; i < msg->append.count; i++) {
		assert(wire->raft.entries[i]->index ==
		       msg->append.prev_index + 1 + i);
		put_entry(writer, wire->raft.entries[i], wire->raft.bare);
	}
}

void wire_raft_put(struct wire_writer *writer, const struct wire_msg *wire)
{
	const struct raft_msg *msg = &wire->raft.msg;

	wire_put32(writer, msg->type);
	wire_put32(writer, flags_of(msg));
	wire_put32(writer, msg->from);
	wire_put32(writer, msg->to);
	wire_put64(writer, msg->term);
	switch (msg->type) {
	case RAFT_MSG_VOTE:
		wire_put64(writer, msg->vote.last_index);
		wire_put64(writer, msg->vote.last_term);
		break;
	case RAFT_MSG_APPEND:
		put_append(writer, wire);
		break;
	case RAFT_MSG_APPEND_REPLY:
		wire_put64(writer, msg->append_reply.match);
		wire_put64(writer, msg->append_reply.hint);
		wire_put64(writer, msg->append_reply.sent_us);
		break;
	case RAFT_MSG_VOTE_REPLY:
	case RAFT_MSG_TIMEOUT_NOW:
		break;
	}
}

static const char *entry_problem(const struct raft_entry *entry,
				 const struct raft_entry *before,
				 const struct raft_msg *msg,
				 uint64_t volume_bytes)
{
	uint64_t term = before ? before->term : msg->append.prev_term;
	uint64_t index = before ? before->index : msg->append.prev_index;
	const char *problem;

	if (entry->index != index + 1)
		return "its index does not follow";
	if (entry->term < term)
		return "its term is below its predecessor's";
	if (entry->term > msg->term)
		return "its term is above the message's";
	if (entry->standing.epoch > entry->index)
		return "its epoch is yet to come";
	if (raft_op_opens(entry->op) &&
	    (!entry->standing.writer || entry->standing.epoch != entry->index))
		return "an opening without writer or with a foreign epoch";
	problem = raft_entry_check(entry, before, volume_bytes);
	if (!problem && !raft_op_has_data(entry->op) && entry->data_crc)
		problem = "a checksum where no payload belongs";
	return problem;
}

static const char *get_entry(struct wire_decoder *decoder,
			     struct raft_entry *entry,
			     const struct raft_entry *before,
			     const struct raft_msg *msg)
{
	struct wire_reader *fixed = &decoder->fixed;
	const char *problem;
	uint16_t bits;

	entry->index = wire_get64(fixed);
	entry->term = wire_get64(fixed);
	entry->offset = wire_get64(fixed);
	entry->length = wire_get32(fixed);
	entry->data_crc = wire_get32(fixed);
	entry->op = wire_get16(fixed);
	bits = wire_get16(fixed);
	entry->bare = bits & BIT_BARE;
	wire_standing_get(fixed, &entry->standing);
	if (bits & ~BIT_BARE)
		return "bytes that must be 0 are not";
	problem = entry_problem(entry, before, msg, decoder->volume_bytes);
	if (problem || !raft_entry_data_bytes(entry))
		return problem;
	entry->data =
		wire_take_payload(decoder, entry->length, entry->data_crc);
	if (!entry->data)
		return "its payload is cut short or has a wrong checksum";
	entry->buf = base_buf_get(decoder->buf);
	return NULL;
}

static int get_entries(struct wire_decoder *decoder, struct wire_msg *wire,
		       uint32_t count)
{
	struct raft_msg *msg = &wire->raft.msg;
	struct raft_entry *before = NULL;

	/* The count rises as entries are there to be cleared. */
	while (msg->append.count < count) {
		struct raft_entry *entry = raft_entry_new();
		const char *problem;

		if (!entry)
			return base_error_set(decoder->error, -ENOMEM,
					      "no memory for an entry");
		wire->raft.entries[msg->append.count++] = entry;
		problem = get_entry(decoder, entry, before, msg);
		if (problem)
			return base_error_set(decoder->error, -EBADMSG,
					      "RAFT: entry %u of %u: %s",
					      msg->append.count, count,
					      problem);
		before = entry;
	}
	return 0;
}

static int get_append(struct wire_decoder *decoder, struct wire_msg *wire)
{
	struct wire_reader *fixed = &decoder->fixed;
	struct raft_msg *msg = &wire->raft.msg;
	uint32_t count;

	msg->append.prev_index = wire_get64(fixed);
	msg->append.prev_term = wire_get64(fixed);
	msg->append.commit = wire_get64(fixed);
	msg->append.sent_us = wire_get64(fixed);
	msg->append.rejoin = wire_get64(fixed);
	count = wire_get32(fixed);
	msg->append.promise_us = wire_get32(fixed);
	if (msg->append.promise_us > RAFT_PROMISE_MAX_US)
		return base_error_set(
			decoder->error, -EBADMSG,
			"RAFT: an append that asks for a longer promise than any election-timeout");
	if (count > RAFT_APPEND_MAX ||
	    wire_left(fixed) != (size_t)count * WIRE_ENTRY_BYTES)
		return base_error_set(decoder->error, -EBADMSG,
				      "RAFT: an append whose count is wrong");
	if (msg->append.prev_term > msg->term ||
	    (!msg->append.prev_index && msg->append.prev_term) ||
	    msg->append.prev_index > UINT64_MAX - count)
		return base_error_set(
			decoder->error, -EBADMSG,
			"RAFT: an append after an entry that can't be");
	return get_entries(decoder, wire, count);
}

static int get_flags(struct raft_msg *msg, uint32_t flags)
{
	switch (msg->type) {
	case RAFT_MSG_VOTE:
		msg->vote.prevote = flags & FLAG_PREVOTE;
		msg->vote.transfer = flags & FLAG_TRANSFER;
		break;
	case RAFT_MSG_VOTE_REPLY:
		msg->vote_reply.prevote = flags & FLAG_PREVOTE;
		msg->vote_reply.granted = flags & FLAG_GRANTED;
		msg->vote_reply.barred = flags & FLAG_BARRED;
		break;
	case RAFT_MSG_APPEND_REPLY:
		msg->append_reply.ok = flags & FLAG_OK;
		msg->append_reply.damaged = flags & FLAG_DAMAGED;
		msg->append_reply.barred = flags & FLAG_BARRED;
		break;
	case RAFT_MSG_APPEND:
	case RAFT_MSG_TIMEOUT_NOW:
		break;
	}
	return flags == flags_of(msg) ? 0 : -EBADMSG;
}

/* A term of 0 is a node's that has never heard of any: it can only answer. */
static bool sender_possible(const struct raft_msg *msg)
{
	bool answers = msg->type == RAFT_MSG_VOTE_REPLY ||
		       msg->type == RAFT_MSG_APPEND_REPLY;

	return msg->from && msg->to && msg->from != msg->to &&
	       (msg->term || answers);
}

int wire_raft_get(struct wire_decoder *decoder, struct wire_msg *wire)
{
	struct wire_reader *fixed = &decoder->fixed;
	struct raft_msg *msg = &wire->raft.msg;
	uint32_t type = wire_get32(fixed);
	uint32_t flags = wire_get32(fixed);

	memset(msg, 0, sizeof(*msg));
	wire->raft.bare = false;
	if (type < RAFT_MSG_VOTE || type > RAFT_MSG_TIMEOUT_NOW)
		return base_error_set(decoder->error, -EBADMSG,
				      "RAFT: an unknown type");
	msg->type = type;
	msg->from = wire_get32(fixed);
	msg->to = wire_get32(fixed);
	msg->term = wire_get64(fixed);
	if (get_flags(msg, flags))
		return base_error_set(decoder->error, -EBADMSG,
				      "RAFT: unknown bits");
	if (!sender_possible(msg))
		return base_error_set(decoder->error, -EBADMSG,
				      "RAFT: an impossible sender or term");
	switch (msg->type) {
	case RAFT_MSG_VOTE:
		msg->vote.last_index = wire_get64(fixed);
		msg->vote.last_term = wire_get64(fixed);
		if (msg->vote.last_term > msg->term ||
		    !msg->vote.last_index != !msg->vote.last_term)
			return base_error_set(
				decoder->error, -EBADMSG,
				"RAFT: a vote for an impossible log");
		break;
	case RAFT_MSG_APPEND:
		return get_append(decoder, wire);
	case RAFT_MSG_APPEND_REPLY:
		msg->append_reply.match = wire_get64(fixed);
		msg->append_reply.hint = wire_get64(fixed);
		msg->append_reply.sent_us = wire_get64(fixed);
		break;
	case RAFT_MSG_VOTE_REPLY:
	case RAFT_MSG_TIMEOUT_NOW:
		break;
	}
	return 0;
}
