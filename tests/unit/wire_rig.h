/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of wire/: random numbers from a seed, messages of every kind
 * with random contents, frames in one piece, and comparing.
 */
#ifndef WIRE_RIG_H
#define WIRE_RIG_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "tests/lib/random.h"
#include "whole_frame.h"
#include "wire/wire.h"

#define RIG_VOLUME_BYTES (1ULL << 30)

/* Of every message: type, and for RAFT the core's type. */
#define RIG_KINDS 15

static uint64_t rig_state = 1;

static inline uint64_t rig_random(void)
{
	return random_next(&rig_state);
}

static inline uint64_t rig_below(uint64_t bound)
{
	return random_below(&rig_state, bound);
}

static inline void rig_name(char name[64])
{
	size_t length = 1 + rig_below(63), i;

	memset(name, 0, 64);
	for (i = 0; i < length; i++)
		name[i] = (char)('a' + rig_below(26));
}

static inline struct base_buf *rig_data(uint32_t length, uint32_t *crc)
{
	struct base_buf *buf = base_buf_new(length);
	uint32_t i;

	for (i = 0; i < length; i++)
		buf->data[i] = (uint8_t)rig_random();
	*crc = base_crc32c(0, buf->data, length);
	return buf;
}

static inline struct raft_entry *rig_entry(uint64_t index, uint64_t term,
					   uint32_t data_max)
{
	struct raft_entry *entry = raft_entry_new();

	entry->op = (uint16_t)(RAFT_OP_NOOP + rig_below(5));
	entry->index = index;
	entry->term = term;
	raft_members_set(&entry->standing.members,
			 1 + (uint32_t)rig_below(65535), RAFT_MEMBER_VOTER);
	raft_members_set(&entry->standing.members,
			 1 + (uint32_t)rig_below(65535), RAFT_MEMBER_VOTER);
	entry->standing.writer = 1 + (uint32_t)rig_below(7);
	entry->standing.epoch = rig_below(index + 1);
	entry->standing.tag = rig_random();
	entry->standing.chain = rig_random();
	if (entry->op == RAFT_OP_OPEN)
		entry->standing.epoch = index;
	if (entry->op == RAFT_OP_ZERO) {
		entry->length = 512 + 512 * (uint32_t)rig_below(1000);
		entry->offset = 512 * rig_below(1000000);
	}
	if (entry->op == RAFT_OP_WRITE) {
		entry->length = 512 + 512 * (uint32_t)rig_below(data_max / 512);
		entry->offset = 512 * rig_below(1000000);
		entry->buf = rig_data(entry->length, &entry->data_crc);
		entry->data = entry->buf->data;
	}
	return entry;
}

static inline void rig_append(struct wire_msg *msg, uint32_t count,
			      uint32_t data_max)
{
	struct raft_msg *raft = &msg->raft.msg;
	uint64_t term = 1 + rig_below(100);
	uint32_t i;

	raft->append.prev_index = rig_below(2) ? rig_below(1000000) : 0;
	raft->append.prev_term = raft->append.prev_index ? term : 0;
	raft->append.commit = rig_random();
	raft->append.sent_us = rig_random();
	raft->append.promise_us = (uint32_t)rig_below(RAFT_PROMISE_MAX_US + 1);
	raft->append.rejoin = rig_random();
	raft->append.count = count;
	for (i = 0; i < count; i++) {
		term += rig_below(2);
		msg->raft.entries[i] =
			rig_entry(raft->append.prev_index + 1 + i, term,
				  data_max);
	}
	raft->term = term + rig_below(2);
}

static inline void rig_raft(struct wire_msg *msg, enum raft_msg_type type)
{
	struct raft_msg *raft = &msg->raft.msg;

	msg->type = WIRE_RAFT;
	raft->type = type;
	raft->from = 1;
	raft->to = 2;
	raft->term = 1 + rig_random() / 2;
	switch (type) {
	case RAFT_MSG_VOTE:
		raft->vote.last_index = 1 + rig_random() / 2;
		raft->vote.last_term = 1 + rig_below(raft->term);
		raft->vote.prevote = rig_below(2);
		raft->vote.transfer = rig_below(2);
		break;
	case RAFT_MSG_VOTE_REPLY:
		raft->vote_reply.prevote = rig_below(2);
		raft->vote_reply.granted = rig_below(2);
		raft->vote_reply.barred = rig_below(2);
		break;
	case RAFT_MSG_APPEND:
		rig_append(msg, (uint32_t)rig_below(8), 4096);
		break;
	case RAFT_MSG_APPEND_REPLY:
		raft->append_reply.ok = rig_below(2);
		raft->append_reply.match = rig_random();
		raft->append_reply.hint = rig_random();
		raft->append_reply.sent_us = rig_random();
		raft->append_reply.damaged = rig_below(2);
		raft->append_reply.barred = rig_below(2);
		break;
	case RAFT_MSG_TIMEOUT_NOW:
		break;
	}
}

static inline void rig_hello(struct wire_hello *hello)
{
	unsigned int i;

	hello->version_min = 1;
	hello->version_max = 1 + (uint16_t)rig_below(9);
	for (i = 0; i < 16; i++)
		hello->volume_id[i] = (uint8_t)rig_random();
	rig_name(hello->volume_name);
	rig_name(hello->node_name);
	hello->from = 1;
	hello->to = 2;
	hello->volume_bytes = RIG_VOLUME_BYTES;
	hello->block_size = 512;
	hello->members_crc = (uint32_t)rig_random();
	hello->election_timeout_ms = (uint16_t)rig_random();
	hello->flags = rig_random() & WIRE_HELLO_URGENT;
	hello->incarnation = rig_random();
}

static inline void rig_status(struct wire_status *status)
{
	status->flags = (uint32_t)rig_below(64);
	status->epoch = rig_random();
	status->term = rig_random();
	status->last = rig_random();
	status->durable = rig_random();
	status->commit = rig_random();
	status->commit_term = rig_random();
	status->applied = rig_random();
	status->chain = rig_random();
}

static inline void rig_copy_begin(struct wire_copy_begin *begin)
{
	begin->serial = rig_random();
	begin->term = 1 + rig_random() / 2;
	begin->reset = rig_below(2);
	begin->index = 1 + rig_random() / 2;
	begin->index_term = 1 + rig_below(begin->term);
	begin->standing.writer = (uint32_t)rig_below(8);
	begin->standing.epoch = rig_below(begin->index);
	begin->standing.tag = rig_random();
	begin->standing.chain = rig_random();
	raft_members_set(&begin->standing.members,
			 1 + (uint32_t)rig_below(65535), RAFT_MEMBER_VOTER);
}

static inline void rig_copy_data(struct wire_copy_data *data, uint32_t length,
				 bool zero)
{
	data->serial = rig_random();
	data->offset = 512 * rig_below(1000000);
	data->length = length;
	data->version = rig_random();
	data->zero = zero;
	if (zero)
		return;
	data->buf = rig_data(length, &data->data_crc);
	data->data = data->buf->data;
}

/* A message of the given kind, 0...RIG_KINDS - 1; for wire_msg_clear(). */
static inline void rig_msg(struct wire_msg *msg, unsigned int kind)
{
	memset(msg, 0, sizeof(*msg));
	if (kind < 5) {
		rig_raft(msg, RAFT_MSG_VOTE + kind);
		return;
	}
	msg->type = WIRE_HELLO + (kind - 5);
	if (msg->type >= WIRE_RAFT)
		msg->type++;
	switch (msg->type) {
	case WIRE_HELLO:
		rig_hello(&msg->hello);
		break;
	case WIRE_REFUSE:
		memset(msg->text, 'x', 1 + rig_below(WIRE_TEXT_MAX));
		break;
	case WIRE_RAFT:
		break;
	case WIRE_STATUS:
		rig_status(&msg->status);
		break;
	case WIRE_OPEN_ASK:
		msg->open_ask.serial = rig_random();
		msg->open_ask.epoch = rig_random();
		break;
	case WIRE_OPEN_REPLY:
		msg->open_reply.serial = rig_random();
		msg->open_reply.error = -(int32_t)rig_below(134);
		msg->open_reply.writer = (uint32_t)rig_below(8);
		break;
	case WIRE_COPY_BEGIN:
		rig_copy_begin(&msg->copy_begin);
		break;
	case WIRE_COPY_DATA:
		rig_copy_data(&msg->copy_data,
			      512 + 512 * (uint32_t)rig_below(16),
			      rig_below(2));
		break;
	case WIRE_COPY_END:
		msg->copy_end.serial = rig_random();
		msg->copy_end.version = rig_random();
		break;
	case WIRE_COPY_ACK:
		msg->copy_ack.serial = rig_random();
		msg->copy_ack.offset = rig_below(RIG_VOLUME_BYTES + 1);
		msg->copy_ack.error = -(int32_t)rig_below(134);
		break;
	case WIRE_LIFE:
		msg->life.flags = (uint32_t)rig_below(4);
		msg->life.life.number = 1 + (uint32_t)rig_below(100);
		msg->life.life.nonce = 1 + (uint32_t)rig_below(1000);
		msg->life.known.life.number = (uint32_t)rig_below(100);
		msg->life.known.life.nonce = (uint32_t)rig_random();
		msg->life.known.term = rig_random();
		msg->life.known.index = rig_random();
		break;
	}
}

/* The frame in one piece, one reference. */
static inline struct base_buf *rig_encode(const struct wire_msg *msg)
{
	struct wire_frame frame;
	struct base_buf *buf;
	size_t at = 0;
	unsigned int i;

	if (wire_encode(msg, &frame))
		abort();
	buf = base_buf_new(frame.bytes);
	for (i = 0; i < frame.iov_count; i++) {
		assert(at + frame.iov[i].iov_len <= frame.bytes);
		memcpy(buf->data + at, frame.iov[i].iov_base,
		       frame.iov[i].iov_len);
		at += frame.iov[i].iov_len;
	}
	assert(at == frame.bytes);
	wire_frame_clear(&frame);
	return buf;
}

/* Make both checksums of a changed frame right again. */
static inline void rig_mend(struct base_buf *buf)
{
	uint32_t fixed, crc;

	memcpy(&fixed, buf->data + 8, 4);
	crc = base_crc32c(0, buf->data + WIRE_HEAD_BYTES, fixed);
	memcpy(buf->data + 16, &crc, 4);
	crc = base_crc32c(0, buf->data, 28);
	memcpy(buf->data + 28, &crc, 4);
}

static inline bool rig_entries_equal(const struct raft_entry *a,
				     const struct raft_entry *b)
{
	return a->op == b->op && a->index == b->index && a->term == b->term &&
	       a->offset == b->offset && a->length == b->length &&
	       a->bare == b->bare &&
	       raft_standing_equal(&a->standing, &b->standing) &&
	       a->data_crc == b->data_crc && !a->data == !b->data &&
	       (!a->data || !memcmp(a->data, b->data, a->length));
}

#endif
