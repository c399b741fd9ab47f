// SPDX-License-Identifier: GPL-2.0
/*
 * net/: links between nodes that mean well: coming up, carrying messages,
 * breaking and coming back; what the owner is told of it, and that owners may
 * send and drop wherever they are called.
 */
#include <sys/resource.h>

#include "net_rig.h"

static void three_nodes_connect_to_each_other(void)
{
	struct net_peer_view view;
	uint32_t a, b;

	tap_need(rig_begin(3));
	tap_check(rig_until(rig_both_up(1, 2) && rig_both_up(1, 3) &&
			    rig_both_up(2, 3)));
	for (a = 1; a <= 3; a++)
		for (b = 1; b <= 3; b++)
			if (a != b) {
				tap_check_eq(rig_nodes[a].ups[b], 1);
				net_peer(rig_nodes[a].net, b, &view);
				tap_check_eq(view.state, NET_UP);
				tap_check_str(view.problem, "");
			}
	for (a = 1; a <= 3; a++)
		tap_check_eq(rig_nodes[a].refused, 0);
	rig_stop_all();
}

static void messages_arrive_in_order_both_ways(void)
{
	uint64_t i;

	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	for (i = 1; i <= 5000; i++) {
		tap_check_eq(rig_send_ask(1, 2, i), 0);
		tap_check_eq(rig_send_ask(2, 1, i), 0);
	}
	tap_check(rig_until(rig_nodes[1].received[2] == 5000 &&
			    rig_nodes[2].received[1] == 5000));
	tap_check(!rig_nodes[1].disordered && !rig_nodes[2].disordered);
	rig_stop_all();
}

static struct wire_msg rig_copy(uint32_t length, uint8_t fill)
{
	struct wire_msg msg = { .type = WIRE_COPY_DATA };
	struct base_buf *buf = base_buf_new(length);

	memset(buf->data, fill, length);
	msg.copy_data.length = length;
	msg.copy_data.buf = buf;
	msg.copy_data.data = buf->data;
	msg.copy_data.data_crc = base_crc32c(0, buf->data, length);
	return msg;
}

/* Payload that the receiver keeps, as a log does, stays what it was. */
static struct base_buf *kept[64];
static const uint8_t *kept_data[64];
static uint32_t kept_length[64];
static unsigned int kept_count;

static void keep(struct rig_node *node, uint32_t peer, struct wire_msg *msg)
{
	if (msg->type != WIRE_COPY_DATA || kept_count == 64)
		return;
	kept[kept_count] = base_buf_get(msg->copy_data.buf);
	kept_data[kept_count] = msg->copy_data.data;
	kept_length[kept_count++] = msg->copy_data.length;
}

static void payloads_of_all_sizes_arrive_and_stay(void)
{
	unsigned int i;
	uint32_t at;

	tap_need(rig_begin(2));
	kept_count = 0;
	rig_nodes[2].on_received = keep;
	tap_need(rig_until(rig_both_up(1, 2)));
	for (i = 0; i < 64; i++) {
		uint32_t length = i % 4 == 3 ? WIRE_COPY_DATA_MAX :
					       512 * (1 + i * i);
		struct wire_msg msg =
			rig_copy(length > WIRE_COPY_DATA_MAX ? 512 : length,
				 (uint8_t)i);

		tap_check_eq(net_send(rig_nodes[1].net, 2, &msg), 0);
		wire_msg_clear(&msg);
		rig_send_ask(1, 2, i + 1);
	}
	tap_check(rig_until(rig_nodes[2].received[1] == 128));
	tap_check_eq(kept_count, 64);
	rig_stop_all();
	for (i = 0; i < kept_count; i++) {
		bool whole = true;

		for (at = 0; at < kept_length[i]; at++)
			whole &= kept_data[i][at] == i;
		tap_check(whole);
		tap_check_eq((uintptr_t)kept_data[i] % BASE_BUF_ALIGN, 0);
		base_buf_put(kept[i]);
	}
}

/* As the store wants them, to hand them to the disk. */
static void entries_are_aligned(struct rig_node *node, uint32_t peer,
				struct wire_msg *msg)
{
	uint32_t i;

	tap_check_eq(msg->raft.msg.append.count, RAFT_APPEND_MAX);
	for (i = 0; i < msg->raft.msg.append.count; i++)
		tap_check_eq((uintptr_t)msg->raft.entries[i]->data %
				     BASE_BUF_ALIGN,
			     0);
}

static void appends_arrive_with_their_entries(void)
{
	struct wire_msg msg = { .type = WIRE_RAFT };
	struct raft_msg *raft = &msg.raft.msg;
	unsigned int i;

	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	rig_nodes[2].on_received = entries_are_aligned;
	raft->type = RAFT_MSG_APPEND;
	raft->from = 1;
	raft->to = 2;
	raft->term = 1;
	raft->append.count = RAFT_APPEND_MAX;
	for (i = 0; i < RAFT_APPEND_MAX; i++) {
		struct raft_entry *entry = raft_entry_new();

		entry->op = RAFT_OP_WRITE;
		entry->index = i + 1;
		raft_members_set(&entry->standing.members, 1,
				 RAFT_MEMBER_VOTER);
		entry->term = 1;
		entry->length = 4096;
		entry->buf = base_buf_new(4096);
		memset(entry->buf->data, (int)i, 4096);
		entry->data = entry->buf->data;
		entry->data_crc = base_crc32c(0, entry->data, 4096);
		msg.raft.entries[i] = entry;
	}
	for (i = 0; i < 20; i++)
		tap_check_eq(net_send(rig_nodes[1].net, 2, &msg), 0);
	wire_msg_clear(&msg);
	tap_check(rig_until(rig_nodes[2].received[1] == 20));
	rig_stop_all();
}

static void a_full_queue_refuses_and_tells_when_there_is_room(void)
{
	struct wire_msg msg = rig_copy(WIRE_COPY_DATA_MAX, 1);
	unsigned int sent = 0, i;
	int err;

	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	/* Node 2's loop stands still. */
	for (i = 0; i < 1000; i++) {
		err = net_send(rig_nodes[1].net, 2, &msg);
		if (err)
			break;
		sent++;
	}
	tap_check_eq(err, -EAGAIN);
	tap_check(net_queued_bytes(rig_nodes[1].net, 2) <= NET_QUEUE_BYTES_MAX);
	tap_check(net_queued_bytes(rig_nodes[1].net, 2) >
		  NET_QUEUE_BYTES_MAX - (512U << 10));
	tap_check_eq(rig_nodes[1].writable[2], 0);
	tap_check(net_up(rig_nodes[1].net, 2));
	tap_check(rig_until(rig_nodes[2].received[1] == sent));
	tap_check_eq(rig_nodes[1].writable[2], 1);
	tap_check_eq(net_queued_bytes(rig_nodes[1].net, 2), 0);
	tap_check_eq(net_send(rig_nodes[1].net, 2, &msg), 0);
	tap_check(rig_until(rig_nodes[2].received[1] == sent + 1));
	wire_msg_clear(&msg);
	rig_stop_all();
}

static unsigned int copies_come, copies_before;

static void count_copies_before_votes(struct rig_node *node, uint32_t peer,
				      struct wire_msg *msg)
{
	if (msg->type == WIRE_COPY_DATA)
		copies_come++;
	else
		copies_before = copies_come;
}

/* One frame is half on its way, and what the socket has taken is gone. */
static void urgent_messages_overtake_what_waits(void)
{
	struct wire_msg msg = rig_copy(WIRE_COPY_DATA_MAX, 1);
	struct wire_msg vote = { .type = WIRE_RAFT };
	unsigned int sent = 0;

	copies_come = 0;
	copies_before = 0;
	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	rig_nodes[2].on_received = count_copies_before_votes;
	vote.raft.msg.type = RAFT_MSG_VOTE;
	vote.raft.msg.from = 1;
	vote.raft.msg.to = 2;
	vote.raft.msg.term = 1;
	/* Node 2's loop stands still. */
	while (net_send(rig_nodes[1].net, 2, &msg) == 0) {
		sent++;
		net_flush(rig_nodes[1].net);
		tap_need(sent < 1000);
	}
	tap_check_eq(net_send(rig_nodes[1].net, 2, &vote), 0);
	vote.raft.msg.term++;
	tap_check_eq(net_send(rig_nodes[1].net, 2, &vote), 0);
	tap_check(rig_until(rig_nodes[2].received[1] == sent + 2));
	tap_check_eq(copies_come, sent);
	tap_check(copies_before < sent - 30);
	wire_msg_clear(&msg);
	rig_stop_all();
}

/* The socket may take it all in net_flush(): nothing else would tell then. */
static void room_is_told_after_a_flush_that_took_all(void)
{
	struct wire_msg msg = rig_copy(WIRE_COPY_DATA_MAX, 1);
	unsigned int i;

	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	while (net_queued_bytes(rig_nodes[1].net, 2) < NET_QUEUE_LOW_BYTES)
		tap_need(net_send(rig_nodes[1].net, 2, &msg) == 0);
	wire_msg_clear(&msg);
	net_flush(rig_nodes[1].net);
	tap_check_eq(rig_nodes[1].writable[2], 0); /* not from net_flush() */
	for (i = 0; i < 1000 && !rig_nodes[1].writable[2]; i++) {
		struct pollfd fd = { .fd = rig_nodes[1].epoll_fd,
				     .events = POLLIN };

		if (poll(&fd, 1, 5))
			rig_ready(&rig_nodes[1]);
		else
			rig_node_turn(&rig_nodes[2], true);
	}
	tap_check_eq(rig_nodes[1].writable[2], 1);
	rig_stop_all();
}

static void many_small_messages_are_bounded_too(void)
{
	unsigned int i;
	int err = 0;

	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	for (i = 1; i <= 200000 && !err; i++)
		err = rig_send_ask(1, 2, i);
	tap_check_eq(err, -EAGAIN);
	tap_check(rig_until(rig_nodes[2].received[1] == i - 2));
	tap_check(!rig_nodes[2].disordered);
	tap_check(rig_nodes[1].writable[2] >= 1);
	rig_stop_all();
}

static void nobody_is_sent_to_who_is_not_up(void)
{
	tap_need(rig_begin(1));
	rig_stop_all();
	rig_configure(1, 3);
	tap_need(rig_start(1));
	tap_check_eq(rig_send_ask(1, 2, 1), -ENOTCONN);
	tap_check_eq(rig_send_ask(1, 99, 1), -ENOTCONN);
	tap_check_eq(net_queued_bytes(rig_nodes[1].net, 2), 0);
	tap_check(!net_up(rig_nodes[1].net, 99));
	net_drop(rig_nodes[1].net, 99, "nobody");
	net_drop(rig_nodes[1].net, 2, "nobody");
	rig_stop_all();
}

static void a_restarted_peer_is_found_again(void)
{
	struct net_peer_view view;
	uint32_t id;

	/* 2 is connected to by 1 and connects to 3: both ways are tried. */
	tap_need(rig_begin(3));
	tap_need(rig_until(rig_both_up(1, 2) && rig_both_up(2, 3)));
	for (id = 1; id <= 3; id += 2)
		rig_send_ask(id, 2, 1);
	rig_stop(2);
	tap_check(rig_until(rig_nodes[1].downs[2] == 1 &&
			    rig_nodes[3].downs[2] == 1));
	net_peer(rig_nodes[1].net, 2, &view);
	tap_check(view.state != NET_UP);
	tap_check(view.problem[0]);
	tap_check_eq(rig_send_ask(1, 2, 2), -ENOTCONN);
	rig_nodes[2].config.hello.incarnation++;
	memset(rig_nodes[2].ups, 0, sizeof(rig_nodes[2].ups));
	tap_need(rig_start(2));
	tap_check(rig_until(rig_both_up(1, 2) && rig_both_up(2, 3)));
	tap_check_eq(rig_nodes[1].ups[2], 2);
	tap_check_eq(rig_nodes[3].ups[2], 2);
	tap_check_eq(rig_nodes[1].refused + rig_nodes[3].refused, 0);
	rig_stop_all();
}

static void a_dropped_link_comes_back(void)
{
	struct net_peer_view view;

	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	net_drop(rig_nodes[1].net, 2, "because of the test");
	tap_check(!net_up(rig_nodes[1].net, 2));
	tap_check_eq(rig_nodes[1].downs[2], 0); /* not from net_drop() */
	net_peer(rig_nodes[1].net, 2, &view);
	tap_check_str(view.problem, "because of the test");
	tap_check(rig_until(rig_nodes[1].downs[2] && rig_nodes[2].downs[1]));
	tap_check(rig_until(rig_both_up(1, 2)));
	/* The listening end may drop as well. */
	net_drop(rig_nodes[2].net, 1, "because of the test");
	tap_check(rig_until(rig_nodes[1].ups[2] == 3 && rig_both_up(1, 2)));
	rig_stop_all();
}

static void answer_and_drop(struct rig_node *node, uint32_t peer,
			    struct wire_msg *msg)
{
	rig_send_ask(node->id, peer, 7);
	net_drop(node->net, peer, "dropped while receiving");
	tap_check(!net_up(node->net, peer));
	tap_check_eq(rig_send_ask(node->id, peer, 8), -ENOTCONN);
	net_drop(node->net, peer, "again");
	net_flush(node->net);
}

static void owners_may_drop_while_they_receive(void)
{
	uint64_t i;

	tap_need(rig_begin(2));
	rig_nodes[2].on_received = answer_and_drop;
	tap_need(rig_until(rig_both_up(1, 2)));
	for (i = 1; i <= 100; i++)
		rig_send_ask(1, 2, i);
	tap_check(rig_until(rig_nodes[2].downs[1] == 1));
	/* The rest of what had come is not delivered any more. */
	tap_check_eq(rig_nodes[2].received[1], 1);
	tap_check_eq(rig_nodes[2].refused, 0);
	tap_check(rig_until(rig_nodes[1].downs[2] == 1));
	rig_nodes[2].on_received = NULL;
	tap_check(rig_until(rig_both_up(1, 2)));
	rig_stop_all();
}

static void drop_all(struct rig_node *node, uint32_t peer, bool up)
{
	uint32_t id;

	for (id = 1; id <= 3; id++) {
		rig_send_ask(node->id, id, 1);
		if (node->ups[peer] < 3)
			net_drop(node->net, id, "dropped while told of a link");
	}
}

static void owners_may_drop_all_while_they_are_told(void)
{
	uint32_t id;

	tap_need(rig_begin(3));
	for (id = 1; id <= 3; id++)
		rig_nodes[id].on_link = drop_all;
	tap_check(
		rig_until(rig_nodes[1].ups[2] > 2 && rig_nodes[1].ups[3] > 2));
	for (id = 1; id <= 3; id++)
		rig_nodes[id].on_link = NULL;
	tap_check(rig_until(rig_both_up(1, 2) && rig_both_up(1, 3) &&
			    rig_both_up(2, 3)));
	rig_stop_all();
}

static void silence_closes(void)
{
	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	rig_skip(1000); /* the urgent connection is made */
	tap_need(rig_until(net_deadline_ms(rig_nodes[1].net) >
			   rig_now_ms() + 5000));
	rig_skip(NET_SILENCE_MS - 2000);
	rig_pass(50);
	tap_check_eq(rig_nodes[1].downs[2] + rig_nodes[2].downs[1], 0);
	rig_skip(1000);
	tap_check(rig_until(rig_nodes[1].downs[2] && rig_nodes[2].downs[1]));
	tap_check(rig_until(rig_both_up(1, 2)));
	rig_stop_all();
}

/* A loop that stood still must look before it says that nothing came. */
static void what_arrived_while_we_slept_counts(void)
{
	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	rig_send_ask(2, 1, 1);
	rig_send_ask(1, 2, 1);
	net_flush(rig_nodes[1].net);
	net_flush(rig_nodes[2].net);
	rig_skip(3 * NET_SILENCE_MS);
	net_tick(rig_nodes[1].net, rig_now_ms());
	net_tick(rig_nodes[2].net, rig_now_ms());
	tap_check_eq(rig_nodes[1].received[2], 1);
	tap_check_eq(rig_nodes[1].downs[2] + rig_nodes[2].downs[1], 0);
	tap_check(rig_both_up(1, 2));
	rig_stop_all();
}

static void retries_wait_longer_and_longer(void)
{
	struct net_peer_view view;
	uint64_t before = 0;
	unsigned int i;

	rig_begin(1);
	rig_stop_all();
	rig_configure(1, 2);
	tap_need(rig_start(1));
	for (i = 0; i < 8; i++) {
		uint64_t wait, now;

		/* Begin the attempt, then see it fail: nobody listens. */
		net_tick(rig_nodes[1].net, rig_now_ms());
		tap_check(rig_until((net_peer(rig_nodes[1].net, 2, &view),
				     view.state == NET_DOWN)));
		tap_check(strstr(view.problem, "can't connect to 127."));
		tap_check(strstr(view.problem, "refused"));
		now = rig_now_ms();
		wait = net_deadline_ms(rig_nodes[1].net);
		wait = wait > now ? wait - now : 0;
		tap_check(wait <= NET_RETRY_MAX_MS);
		if (i && i < 4)
			tap_check(wait > before + before / 2);
		if (i >= 6)
			tap_check(wait > NET_RETRY_MAX_MS - 200);
		before = wait;
		rig_skip(wait);
	}
	/* Success takes the delay back once the link has lasted. */
	rig_configure(2, 2);
	tap_need(rig_start(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	rig_skip(NET_RETRY_MAX_MS);
	rig_pass(10);
	rig_stop(2);
	tap_check(rig_until(rig_nodes[1].downs[2] == 1));
	tap_check(net_deadline_ms(rig_nodes[1].net) <=
		  rig_now_ms() + NET_RETRY_MIN_MS);
	rig_stop_all();
}

static void idle_links_sleep(void)
{
	unsigned int before;

	tap_need(rig_begin(3));
	tap_need(rig_until(rig_both_up(1, 2) && rig_both_up(1, 3) &&
			   rig_both_up(2, 3)));
	rig_pass(50); /* the last kicks */
	before = rig_nodes[1].turns + rig_nodes[2].turns + rig_nodes[3].turns;
	rig_pass(200);
	tap_check_eq(rig_nodes[1].turns + rig_nodes[2].turns +
			     rig_nodes[3].turns,
		     before);
	rig_stop_all();
}

/* A peer that only sends keeps the other loop from nothing. */
static void one_turn_handles_a_bounded_amount(void)
{
	struct wire_msg msg = rig_copy(WIRE_COPY_DATA_MAX, 1);
	unsigned int i;

	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	for (i = 0; i < 40; i++)
		net_send(rig_nodes[1].net, 2, &msg);
	wire_msg_clear(&msg);
	for (i = 0; i < 100; i++) {
		net_flush(rig_nodes[1].net);
		rig_ready(&rig_nodes[1]);
	}
	rig_ready(&rig_nodes[2]);
	tap_check(rig_nodes[2].received[1] <= 4);
	tap_check(rig_until(rig_nodes[2].received[1] == 40));
	rig_stop_all();
}

static void running_out_of_descriptors_passes(void)
{
	struct rlimit old, low;
	int fds[256];
	unsigned int count = 0, before;
	int fd;

	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	net_drop(rig_nodes[2].net, 1, "because of the test");
	tap_need(rig_until(rig_nodes[1].downs[2] == 1));
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = 200;
	setrlimit(RLIMIT_NOFILE, &low);
	while (count < 256 && (fd = dup(0)) >= 0)
		fds[count++] = fd;
	/* One is left for the connecting end, none for accept(). */
	tap_need(count > 0);
	close(fds[--count]);
	tap_check(rig_until(rig_told(&rig_nodes[2], "Too many open files")));
	before = rig_nodes[2].turns;
	rig_pass(100);
	tap_check(rig_nodes[2].turns - before < 10); /* it does not spin */
	tap_check_eq(rig_told(&rig_nodes[2], "Too many open files"), 1);
	while (count)
		close(fds[--count]);
	setrlimit(RLIMIT_NOFILE, &old);
	tap_check(rig_until(rig_both_up(1, 2)));
	rig_stop_all();
}

/* What waits there to be read has arrived: the path is well. */
static void who_reads_nothing_has_a_path_that_works(void)
{
	struct wire_msg hello, reply, msg = rig_copy(WIRE_COPY_DATA_MAX, 1);
	struct rig_inbox inbox = { .used = 0 };
	struct net_peer_view view;
	unsigned int i;
	int fd;

	fd = rig_raw_peer(&hello);
	tap_need(fd >= 0);
	tap_need(rig_raw_receive(fd, &inbox, &reply));
	while (net_send(rig_nodes[2].net, 1, &msg) == 0)
		;
	for (i = 0; i < 3; i++) {
		rig_pass(50);
		rig_skip(1500);
		net_look(rig_nodes[2].net, rig_now_ms());
	}
	net_peer(rig_nodes[2].net, 1, &view);
	tap_check_eq(view.state, NET_UP);
	tap_check(view.queued_bytes > 0);
	tap_check_eq(view.unacked_bytes, 0);
	tap_check_eq(view.stuck_ms, 0);
	base_buf_put(msg.copy_data.buf);
	close(fd);
	rig_stop_all();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(three_nodes_connect_to_each_other),
		TAP_TEST(messages_arrive_in_order_both_ways),
		TAP_TEST(payloads_of_all_sizes_arrive_and_stay),
		TAP_TEST(appends_arrive_with_their_entries),
		TAP_TEST(a_full_queue_refuses_and_tells_when_there_is_room),
		TAP_TEST(urgent_messages_overtake_what_waits),
		TAP_TEST(room_is_told_after_a_flush_that_took_all),
		TAP_TEST(many_small_messages_are_bounded_too),
		TAP_TEST(nobody_is_sent_to_who_is_not_up),
		TAP_TEST(a_restarted_peer_is_found_again),
		TAP_TEST(a_dropped_link_comes_back),
		TAP_TEST(owners_may_drop_while_they_receive),
		TAP_TEST(owners_may_drop_all_while_they_are_told),
		TAP_TEST(silence_closes),
		TAP_TEST(what_arrived_while_we_slept_counts),
		TAP_TEST(retries_wait_longer_and_longer),
		TAP_TEST(idle_links_sleep),
		TAP_TEST(one_turn_handles_a_bounded_amount),
		TAP_TEST(running_out_of_descriptors_passes),
		TAP_TEST(who_reads_nothing_has_a_path_that_works),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
