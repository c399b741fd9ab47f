/* build: tests/fuzz/rig/host.c tests/fuzz/rig/peer.c tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * What peers may say to a member, and when: frames of any kind that decoding
 * takes - made up near what the member believes, or the input's own bytes with
 * their checksums mended - among time, links, restarts, requests of the device
 * and a disk that is late.  The member keeps its assertions and what it
 * acknowledged, whatever peers send.
 *
 * Input: members and age, then actions: see act().
 */
#include <errno.h>

#include "tests/lib/replica.h"
#include "rig/host.h"
#include "rig/input.h"
#include "rig/mend.h"
#include "rig/peer.h"
#include "whole_frame.h"

#define ACTIONS_MAX 400
#define EVERYTHING HOST_JOBS_MAX

static struct host host;
static struct node_view view;
static unsigned int members;

static struct base_buf *bytes_new(struct input *input, uint32_t length,
				  uint32_t *crc)
{
	struct base_buf *buf = base_buf_new(length);

	memset(buf->data, input_u8(input), length);
	*crc = base_crc32c(0, buf->data, length);
	return buf;
}

/* Mostly those the volume was born with; now and then one is another's. */
static struct raft_members members_of(struct input *input)
{
	uint8_t what = input_u8(input);
	struct raft_members all = host_members(members), changed = all;

	if (what < 0xc0)
		return all;
	raft_members_set(&changed, 1 + what / 4 % 8, what & 3);
	return raft_members_check(&changed) ? all : changed;
}

static struct raft_entry *entry_new(struct input *input, uint64_t index,
				    uint64_t term)
{
	struct raft_entry *entry = raft_entry_new();
	uint8_t what = input_u8(input);

	entry->index = index;
	entry->term = term;
	entry->op = RAFT_OP_NOOP + what % 5;
	entry->standing.writer = 1 + what / 5 % 4;
	entry->standing.members = members_of(input);
	entry->standing.epoch =
		entry->op == RAFT_OP_OPEN ? index : input_near(input, 4);
	entry->standing.tag = input_near(input, 20);
	if (entry->op == RAFT_OP_WRITE || entry->op == RAFT_OP_ZERO) {
		entry->length = 512U << (what >> 6);
		entry->offset = 512U * input_u8(input);
	}
	if (entry->op == RAFT_OP_WRITE) {
		entry->buf = bytes_new(input, entry->length, &entry->data_crc);
		entry->data = entry->buf->data;
	}
	return entry;
}

static void make_append(struct input *input, struct wire_msg *msg)
{
	struct raft_msg *raft = &msg->raft.msg;
	uint32_t count = input_u8(input) % 8, i;
	uint64_t term;

	raft->append.prev_index = input_near(input, view.last);
	raft->append.prev_term =
		raft->append.prev_index ? input_near(input, view.term) : 0;
	raft->append.commit = input_near(input, raft->append.prev_index);
	raft->append.sent_us = input_near(input, host.now_us);
	raft->append.promise_us = (uint32_t)input_near(input, 300000);
	raft->append.rejoin = input_near(input, 0);
	if (raft->append.prev_index > UINT64_MAX - 8)
		count = 0;
	term = raft->append.prev_term;
	for (i = 0; i < count; i++) {
		term += input_u8(input) % 4 == 0;
		msg->raft.entries[i] =
			entry_new(input, raft->append.prev_index + 1 + i, term);
	}
	raft->append.count = count;
}

static void make_raft(struct input *input, struct wire_msg *msg)
{
	struct raft_msg *raft = &msg->raft.msg;
	uint8_t bits = input_u8(input);

	msg->type = WIRE_RAFT;
	raft->type = RAFT_MSG_VOTE + bits % 5;
	raft->to = 1;
	raft->term = input_near(input, view.term);
	switch (raft->type) {
	case RAFT_MSG_VOTE:
		raft->vote.last_index = input_near(input, view.last);
		raft->vote.last_term = input_near(input, view.term);
		raft->vote.prevote = bits & 0x80;
		raft->vote.transfer = bits & 0x40;
		break;
	case RAFT_MSG_VOTE_REPLY:
		raft->vote_reply.prevote = bits & 0x80;
		raft->vote_reply.granted = !(bits & 0x40);
		raft->vote_reply.barred = bits & 0x20;
		break;
	case RAFT_MSG_APPEND:
		make_append(input, msg);
		break;
	case RAFT_MSG_APPEND_REPLY:
		raft->append_reply.ok = !(bits & 0x80);
		raft->append_reply.damaged = bits & 0x40;
		raft->append_reply.barred = bits & 0x20;
		raft->append_reply.match = input_near(input, view.last);
		raft->append_reply.hint = input_near(input, view.last);
		raft->append_reply.sent_us = input_near(input, host.now_us);
		break;
	case RAFT_MSG_TIMEOUT_NOW:
		break;
	}
}

static void make_status(struct input *input, struct wire_msg *msg)
{
	msg->type = WIRE_STATUS;
	msg->status.flags = input_u8(input) & 31;
	msg->status.epoch = input_near(input, view.epoch);
	msg->status.term = input_near(input, view.term);
	msg->status.last = input_near(input, view.last);
	msg->status.durable = input_near(input, view.last);
	msg->status.commit = input_near(input, view.commit);
	msg->status.applied = input_near(input, view.applied);
}

/* The serial that a copy goes by is known to who takes part in it. */
static uint64_t serial_of(struct input *input)
{
	return input_u8(input) % 4;
}

static void make_copy(struct input *input, struct wire_msg *msg)
{
	uint8_t bits = input_u8(input);

	msg->type = WIRE_COPY_BEGIN + bits % 4;
	switch (msg->type) {
	case WIRE_COPY_BEGIN:
		msg->copy_begin.serial = serial_of(input);
		msg->copy_begin.term = input_near(input, view.term);
		msg->copy_begin.reset = bits & 0x80;
		msg->copy_begin.index = input_near(input, view.last);
		msg->copy_begin.index_term = input_near(input, view.term);
		msg->copy_begin.standing.writer = bits >> 4 & 7;
		if (msg->copy_begin.index)
			msg->copy_begin.standing.members = members_of(input);
		msg->copy_begin.standing.epoch = input_near(input, view.epoch);
		msg->copy_begin.standing.tag = input_near(input, 20);
		break;
	case WIRE_COPY_DATA:
		msg->copy_data.serial = serial_of(input);
		msg->copy_data.offset = bits & 0x80 ? view.copy_received :
						      512U * input_u8(input);
		msg->copy_data.length = bits & 0x40 ? RIG_VOLUME_BYTES :
						      512U << (bits >> 4 & 3);
		msg->copy_data.version = input_near(input, view.last);
		msg->copy_data.zero = bits & 0x08;
		if (msg->copy_data.zero)
			break;
		msg->copy_data.buf = bytes_new(input, msg->copy_data.length,
					       &msg->copy_data.data_crc);
		msg->copy_data.data = msg->copy_data.buf->data;
		break;
	case WIRE_COPY_END:
		msg->copy_end.serial = serial_of(input);
		msg->copy_end.version = input_near(input, view.last);
		break;
	default:
		msg->copy_ack.serial = serial_of(input);
		msg->copy_ack.offset = 512ULL * input_u16(input);
		msg->copy_ack.error = bits & 0x80 ? -EAGAIN : 0;
		break;
	}
}

static void make_open(struct input *input, struct wire_msg *msg)
{
	uint8_t bits = input_u8(input);

	if (bits & 1) {
		msg->type = WIRE_OPEN_ASK;
		msg->open_ask.serial = serial_of(input);
		msg->open_ask.epoch = input_near(input, view.epoch);
	} else {
		msg->type = WIRE_OPEN_REPLY;
		msg->open_reply.serial = serial_of(input);
		msg->open_reply.error = bits & 2 ? -EBUSY :
					bits & 4 ? -EAGAIN :
						   0;
		msg->open_reply.writer = bits >> 4 & 3;
	}
}

/* As it comes from the network: what decoding refuses ends the connection. */
static void receive(uint32_t peer, struct base_buf *buf)
{
	static struct wire_msg msg;
	struct base_error error;

	if (whole_frame_bytes(buf->data, &error) != (int64_t)buf->size ||
	    whole_frame_decode(buf->data, buf->size, RIG_VOLUME_BYTES, &msg,
			       &error))
		return;
	if (msg.type != WIRE_HELLO && msg.type != WIRE_REFUSE) {
		host.now_us++;
		node_recv(host.node, peer, &msg, host.now_us, host.now_us);
	}
	wire_msg_clear(&msg);
}

static struct base_buf *in_one_piece(const struct wire_msg *msg)
{
	struct wire_frame frame;
	struct base_buf *buf;
	size_t at = 0;
	unsigned int i;

	FUZZ_NEED(!wire_encode(msg, &frame));
	buf = base_buf_new(frame.bytes);
	for (i = 0; i < frame.iov_count; i++) {
		memcpy(buf->data + at, frame.iov[i].iov_base,
		       frame.iov[i].iov_len);
		at += frame.iov[i].iov_len;
	}
	wire_frame_clear(&frame);
	return buf;
}

static uint32_t peer_of(struct input *input)
{
	return 2 + input_u8(input) % HOST_NODES; /* strangers too */
}

static void send_msg(uint32_t peer, struct wire_msg *msg)
{
	struct base_buf *buf = in_one_piece(msg);

	wire_msg_clear(msg);
	receive(peer, buf);
	base_buf_put(buf);
}

static void say(struct input *input,
		void (*make)(struct input *input, struct wire_msg *msg))
{
	uint32_t peer = peer_of(input);
	static struct wire_msg msg;

	memset(&msg, 0, sizeof(msg));
	make(input, &msg);
	if (msg.type == WIRE_RAFT)
		msg.raft.msg.from = peer;
	send_msg(peer, &msg);
}

static void behave(struct input *input)
{
	uint32_t peer = 2 + input_u8(input) % (HOST_NODES - 1);
	static struct wire_msg msg;

	memset(&msg, 0, sizeof(msg));
	if (peer_behaves(&host, &view, peer, input_u8(input), &msg))
		send_msg(peer, &msg);
}

static void say_bytes(struct input *input)
{
	uint32_t peer = peer_of(input);
	size_t length = input_u16(input) % 1024;
	struct base_buf *buf;

	if (length < WIRE_HEAD_BYTES)
		return;
	buf = base_buf_new(length);
	input_take(input, buf->data, length);
	mend_frame(buf->data, length);
	receive(peer, buf);
	base_buf_put(buf);
}

/* Without an agent the module's gate is closed, whatever lease it had. */
static void unbind(void)
{
	node_unbound(host.node);
	host.lease_us = 0;
}

static void ask_device(struct input *input)
{
	uint8_t bits = input_u8(input);
	struct node_request request = {
		.op = NODE_REQ_WRITE + bits % 5,
		.tag = input_near(input, 20),
		.epoch = input_near(input, view.device_epoch),
		.offset = 512U * (input_u8(input) % 128U),
		.length = 512,
	};
	uint32_t crc;

	if (bits & 0x80) {
		unbind();
		node_bound(host.node, view.epoch, bits & 0x40,
			   input_near(input, 20));
		return;
	}
	if (request.op == NODE_REQ_WRITE) {
		request.buf = bytes_new(input, request.length, &crc);
		request.data = request.buf->data;
	} else if (request.op != NODE_REQ_ZERO) {
		request.offset = 0;
		request.length = 0;
	}
	node_request(host.node, &request);
	base_buf_put(request.buf);
}

static void happen(struct input *input)
{
	uint8_t bits = input_u8(input);
	uint32_t peer = 2 + (bits & 3), node = 1 + input_u8(input) % HOST_NODES;

	switch (bits >> 2 & 7) {
	case 0:
		node_member_change(host.node, NODE_MEMBER_ADD + bits % 5, node);
		break;
	case 1:
		host_link_up(&host, peer);
		break;
	case 2:
		node_link(host.node, peer, false);
		break;
	case 3:
		node_transfer(host.node, peer);
		break;
	case 4:
		unbind();
		break;
	case 5:
		node_step_down(host.node);
		break;
	case 6:
		host_restart(&host, bits & 0x80, members);
		break;
	default:
		host_disk_fails(&host, bits >> 5);
		break;
	}
}

static void act(struct input *input)
{
	uint8_t what = input_u8(input) % 20;

	node_view(host.node, host.now_us, &view);
	switch (what) {
	case 0:
	case 1:
	case 2:
	case 3:
		say(input, make_raft);
		break;
	case 4:
		say(input, make_copy);
		break;
	case 5:
		say(input, make_status);
		break;
	case 6:
		say(input, make_open);
		break;
	case 7:
		say_bytes(input);
		break;
	case 8:
		host.now_us += 1000ULL * input_u8(input);
		break;
	case 9:
		host.now_us += 1000000;
		break;
	case 10:
		host_work(&host, &host.log, 1 + input_u8(input) % 4);
		break;
	case 11:
		host_work(&host, &host.image, 1 + input_u8(input) % 4);
		break;
	case 12:
		ask_device(input);
		break;
	case 13:
		happen(input);
		break;
	case 14:
	case 15:
	case 16:
	case 17:
		behave(input);
		break;
	default:
		host_work(&host, &host.log, EVERYTHING);
		host_work(&host, &host.image, EVERYTHING);
		break;
	}
	if (!(what & 1) || host.log.count > HOST_JOBS_MAX / 2 ||
	    host.image.count > HOST_JOBS_MAX / 2)
		host_pump(&host);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, bytes + size };
	uint8_t first = input_u8(&input);
	unsigned int actions;

	members = 1 + first % HOST_NODES;
	host_start(&host, first & 0x80, members);
	for (actions = 0; input_left(&input) && actions < ACTIONS_MAX;
	     actions++)
		act(&input);
	host_work(&host, &host.log, EVERYTHING);
	host_work(&host, &host.image, EVERYTHING);
	host_pump(&host);
	host_stop(&host);
	return 0;
}
