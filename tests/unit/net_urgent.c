// SPDX-License-Identifier: GPL-2.0
/* net/: the second connection to a peer, for urgent heartbeats. */
#include "net_rig.h"

static unsigned int chunks_come, chunks_before;

static void count_chunks(struct rig_node *node, uint32_t peer,
			 struct wire_msg *msg)
{
	if (msg->type == WIRE_COPY_DATA)
		chunks_come++;
	else
		chunks_before = chunks_come;
}

static struct wire_msg heartbeat(uint32_t from, uint32_t to)
{
	struct wire_msg msg = { .type = WIRE_RAFT };

	msg.raft.msg.type = RAFT_MSG_APPEND;
	msg.raft.msg.from = from;
	msg.raft.msg.to = to;
	msg.raft.msg.term = 1;
	msg.raft.msg.append.promise_us = 1000000;
	msg.raft.msg.append.urgent = true;
	return msg;
}

/* Also what the socket has taken, which is all the other way. */
static void heartbeats_overtake_what_the_socket_has(void)
{
	struct wire_msg beat = heartbeat(1, 2);
	struct wire_msg chunk = {
		.type = WIRE_COPY_DATA,
		.copy_data = { .serial = 1, .length = WIRE_COPY_DATA_MAX },
	};
	unsigned int sent = 0;

	chunk.copy_data.buf = base_buf_new(WIRE_COPY_DATA_MAX);
	chunk.copy_data.data = chunk.copy_data.buf->data;
	memset(chunk.copy_data.buf->data, 1, WIRE_COPY_DATA_MAX);
	chunk.copy_data.data_crc =
		base_crc32c(0, chunk.copy_data.data, WIRE_COPY_DATA_MAX);
	chunks_come = 0;
	chunks_before = 0;
	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	rig_skip(2000);
	rig_pass(100);
	rig_nodes[2].on_received = count_chunks;
	/* Node 2's loop stands still. */
	while (net_send(rig_nodes[1].net, 2, &chunk) == 0) {
		sent++;
		net_flush(rig_nodes[1].net);
		tap_need(sent < 1000);
	}
	tap_check_eq(net_send(rig_nodes[1].net, 2, &beat), 0);
	net_flush(rig_nodes[1].net);
	tap_check(rig_until(rig_nodes[2].received[1] == sent + 1));
	tap_check_eq(chunks_come, sent);
	tap_check(chunks_before <= 4); /* of one turn */
	wire_msg_clear(&chunk);
	rig_stop_all();
}

/* Node 1, which we are, connects a second time; -1: node 2 does not answer. */
static int second_connection(const struct wire_msg *hello,
			     struct rig_inbox *inbox)
{
	struct wire_msg urgent = *hello, reply;
	int fd = rig_raw(2);

	urgent.hello.flags = WIRE_HELLO_URGENT;
	rig_raw_msg(fd, &urgent);
	if (rig_raw_receive(fd, inbox, &reply) && reply.type == WIRE_HELLO &&
	    reply.hello.flags == WIRE_HELLO_URGENT)
		return fd;
	close(fd);
	return -1;
}

static bool beat_comes(int fd, struct rig_inbox *inbox)
{
	struct wire_msg beat = heartbeat(2, 1), msg;

	return net_send(rig_nodes[2].net, 1, &beat) == 0 &&
	       rig_raw_receive(fd, inbox, &msg) && msg.type == WIRE_RAFT &&
	       msg.raft.msg.type == RAFT_MSG_APPEND;
}

static void link_does_not_depend_on_it(void)
{
	struct rig_inbox inbox = { .used = 0 }, urgent_inbox = { .used = 0 };
	struct rig_inbox again_inbox = { .used = 0 };
	struct wire_msg hello, reply;
	int fd, urgent, again;

	fd = rig_raw_peer(&hello);
	tap_need(fd >= 0);
	tap_need(rig_raw_receive(fd, &inbox, &reply));
	tap_check_eq(reply.hello.flags, 0);
	tap_check(beat_comes(fd, &inbox));
	urgent = second_connection(&hello, &urgent_inbox);
	tap_need(urgent >= 0);
	tap_check(beat_comes(urgent, &urgent_inbox));
	close(urgent);
	rig_pass(50);
	tap_check(beat_comes(fd, &inbox));
	again = second_connection(&hello, &again_inbox);
	tap_need(again >= 0);
	tap_check(beat_comes(again, &again_inbox));
	tap_check_eq(rig_nodes[2].ups[1], 1);
	tap_check_eq(rig_nodes[2].downs[1], 0);
	tap_check_eq(rig_nodes[2].refused, 0);
	/* It ends with its link. */
	close(fd);
	tap_check(rig_until(rig_raw_poll(again, &again_inbox)));
	tap_check_eq(rig_nodes[2].downs[1], 1);
	close(again);
	rig_stop_all();
}

static void one_that_belongs_to_no_link_is_closed(void)
{
	struct rig_inbox inbox = { .used = 0 }, other_inbox = { .used = 0 };
	struct wire_msg hello, reply;
	int fd, other;

	fd = rig_raw_peer(&hello);
	tap_need(fd >= 0);
	tap_need(rig_raw_receive(fd, &inbox, &reply));
	hello.hello.incarnation++;
	tap_check_eq(second_connection(&hello, &other_inbox), -1);
	tap_check(other_inbox.ended);
	tap_check(net_up(rig_nodes[2].net, 1));
	close(fd);
	tap_need(rig_until(!net_up(rig_nodes[2].net, 1)));
	other_inbox = (struct rig_inbox){ .used = 0 };
	other = second_connection(&hello, &other_inbox);
	tap_check_eq(other, -1);
	tap_check_eq(rig_nodes[2].ups[1], 1);
	rig_stop_all();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(heartbeats_overtake_what_the_socket_has),
		TAP_TEST(link_does_not_depend_on_it),
		TAP_TEST(one_that_belongs_to_no_link_is_closed),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
