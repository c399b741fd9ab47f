// SPDX-License-Identifier: GPL-2.0
/*
 * net/: the connection of a peer is replaced by another one, is damaged, or
 * brings its frames in pieces.
 */
#include "net_rig.h"
#include "tests/lib/random.h"

/* The same process again, as when its old connection died on the way. */
static void a_new_connection_replaces_the_old_one(void)
{
	struct rig_inbox first_inbox = { .used = 0 }, inbox = { .used = 0 };
	struct wire_msg hello, reply;
	int first, second;

	first = rig_raw_peer(&hello);
	tap_need(first >= 0);
	tap_need(rig_raw_receive(first, &first_inbox, &reply));
	tap_check_eq(reply.type, WIRE_HELLO);
	tap_check_eq(rig_nodes[2].ups[1], 1);
	second = rig_raw(2);
	rig_raw_msg(second, &hello);
	tap_need(rig_raw_receive(second, &inbox, &reply));
	tap_check_eq(reply.type, WIRE_HELLO);
	tap_check_eq(rig_nodes[2].downs[1], 1);
	tap_check_eq(rig_nodes[2].ups[1], 2);
	tap_check(rig_until(rig_raw_poll(first, &first_inbox)));
	/* What is sent goes over the new one. */
	tap_check_eq(rig_send_ask(2, 1, 5), 0);
	tap_need(rig_raw_receive(second, &inbox, &reply));
	tap_check_eq(reply.open_ask.serial, 5);
	/* A stranger who does not get through replaces nothing. */
	rig_refused_as(1, "other", "node 1 is called other");
	tap_check(net_up(rig_nodes[2].net, 1));
	tap_check_eq(rig_nodes[2].ups[1], 2);
	close(first);
	close(second);
	rig_stop_all();
}

/* Half open: the machine of node 1 was reset, nothing ended its connection. */
static void another_process_replaces_a_silent_one(void)
{
	struct rig_inbox inbox = { .used = 0 };
	struct wire_msg hello, reply;
	int first, second;

	first = rig_raw_peer(&hello);
	tap_need(first >= 0);
	tap_need(rig_until(net_up(rig_nodes[2].net, 1)));
	rig_skip(2000);
	hello.hello.incarnation++;
	second = rig_raw(2);
	rig_raw_msg(second, &hello);
	tap_need(rig_raw_receive(second, &inbox, &reply));
	tap_check_eq(reply.type, WIRE_HELLO);
	tap_check_eq(rig_nodes[2].ups[1], 2);
	tap_check_eq(rig_nodes[2].refused, 0);
	close(first);
	close(second);
	rig_stop_all();
}

/* Its end and its next beginning arrive while our loop is busy elsewhere. */
static void a_quick_restart_is_no_double(void)
{
	struct rig_inbox inbox = { .used = 0 };
	struct wire_msg hello, reply;
	int first, second, i;

	first = rig_raw_peer(&hello);
	tap_need(first >= 0);
	tap_need(rig_until(net_up(rig_nodes[2].net, 1)));
	for (i = 0; i < 20; i++) {
		hello.hello.incarnation++;
		/* Node 2 accepts the new one before the old one ends. */
		second = rig_raw(2);
		rig_pass(2);
		rig_raw_msg(second, &hello);
		close(first);
		memset(&inbox, 0, sizeof(inbox));
		tap_need(rig_raw_receive(second, &inbox, &reply));
		tap_check_eq(reply.type, WIRE_HELLO);
		first = second;
	}
	tap_check_eq(rig_nodes[2].refused, 0);
	tap_check_eq(rig_nodes[2].ups[1], 21);
	close(first);
	rig_stop_all();
}

static void a_second_hello_ends_the_link(void)
{
	struct rig_inbox inbox = { .used = 0 };
	struct wire_msg hello, reply;
	int fd;

	fd = rig_raw_peer(&hello);
	tap_need(fd >= 0);
	rig_raw_msg(fd, &hello);
	tap_need(rig_raw_receive(fd, &inbox, &reply));
	tap_check_eq(reply.type, WIRE_HELLO);
	tap_need(rig_raw_receive(fd, &inbox, &reply));
	tap_check_eq(reply.type, WIRE_REFUSE);
	tap_check(rig_until(rig_nodes[2].downs[1] == 1));
	close(fd);
	rig_stop_all();
}

/* A peer whose memory flips bits: its frame is not delivered, its link ends. */
static void a_damaged_frame_ends_the_link(void)
{
	struct rig_inbox inbox = { .used = 0 };
	struct wire_msg hello, reply, msg = { .type = WIRE_STATUS };
	struct wire_frame frame;
	int fd;

	fd = rig_raw_peer(&hello);
	tap_need(fd >= 0);
	rig_raw_msg(fd, &msg);
	tap_need(wire_encode(&msg, &frame) == 0);
	frame.head[WIRE_HEAD_BYTES + 20] ^= 4;
	rig_raw_send(fd, frame.head, frame.bytes);
	wire_frame_clear(&frame);
	rig_raw_msg(fd, &msg);
	tap_need(rig_raw_receive(fd, &inbox, &reply));
	tap_need(rig_raw_receive(fd, &inbox, &reply));
	tap_check_eq(reply.type, WIRE_REFUSE);
	tap_check(strstr(reply.text, "checksum"));
	tap_check(rig_until(rig_nodes[2].downs[1] == 1));
	tap_check_eq(rig_nodes[2].received[1], 1);
	tap_check_eq(rig_told(&rig_nodes[2], "checksum"), 1);
	close(fd);
	rig_stop_all();
}

/* Cut anywhere, in pieces of any size: what is whole arrives, once. */
static void frames_in_pieces_are_put_together(void)
{
	struct wire_msg hello, msg = { .type = WIRE_COPY_DATA };
	unsigned int round, i;
	uint64_t seed = 3;

	rig_skip(100000);
	rig_configure(2, 2);
	tap_need(rig_start(2));
	for (round = 0; round < 30; round++) {
		static uint8_t stream[1 << 20];
		uint32_t length = round % 3 ? 512 : 16384;
		struct base_buf *buf = base_buf_new(length);
		size_t used = 0, at = 0;
		struct wire_frame frame;
		int fd;

		memset(buf->data, (int)round, length);
		msg.copy_data.length = length;
		msg.copy_data.buf = buf;
		msg.copy_data.data = buf->data;
		msg.copy_data.data_crc = base_crc32c(0, buf->data, length);
		rig_raw_hello(&hello, 1, 2);
		for (i = 0; i < 11; i++) {
			unsigned int piece;

			wire_encode(i ? &msg : &hello, &frame);
			for (piece = 0; piece < frame.iov_count; piece++) {
				memcpy(stream + used, frame.iov[piece].iov_base,
				       frame.iov[piece].iov_len);
				used += frame.iov[piece].iov_len;
			}
			wire_frame_clear(&frame);
		}
		rig_nodes[2].received[1] = 0;
		rig_nodes[2].bytes[1] = 0;
		fd = rig_raw(2);
		while (at < used) {
			size_t size = 1 + random_below(&seed, length / 2);

			if (size > used - at)
				size = used - at;
			tap_need(rig_raw_send(fd, stream + at, size));
			at += size;
			rig_turn(1);
		}
		tap_check(rig_until(rig_nodes[2].received[1] == 10));
		tap_check_eq(rig_nodes[2].bytes[1], 10 * length);
		close(fd);
		tap_check(rig_until(!net_up(rig_nodes[2].net, 1)));
		wire_msg_clear(&msg);
	}
	tap_check_eq(rig_nodes[2].refused, 0);
	rig_stop_all();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(a_new_connection_replaces_the_old_one),
		TAP_TEST(another_process_replaces_a_silent_one),
		TAP_TEST(a_quick_restart_is_no_double),
		TAP_TEST(a_second_hello_ends_the_link),
		TAP_TEST(a_damaged_frame_ends_the_link),
		TAP_TEST(frames_in_pieces_are_put_together),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
