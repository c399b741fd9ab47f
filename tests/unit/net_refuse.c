// SPDX-License-Identifier: GPL-2.0
/*
 * net/: strangers, liars, and nodes with another configuration.  Each is
 * refused with a reason that both sides tell once, and the others go on.
 */
#include "net_rig.h"
#include "tests/lib/random.h"

static bool others_go_on(void)
{
	unsigned int before = rig_nodes[2].received[1];

	return rig_both_up(1, 2) && rig_send_ask(1, 2, before + 1) == 0 &&
	       rig_until(rig_nodes[2].received[1] == before + 1);
}

/* Wait until node 2 has ended a raw connection. */
static bool is_ended(int fd, struct rig_inbox *inbox)
{
	return rig_until(rig_raw_poll(fd, inbox));
}

static void garbage_is_refused_while_others_go_on(void)
{
	uint8_t bytes[4096];
	unsigned int i, at;
	uint64_t seed = 1;

	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	for (i = 0; i < 50; i++) {
		struct rig_inbox inbox = { .used = 0 };
		int fd = rig_raw(2);

		tap_need(fd >= 0);
		for (at = 0; at < sizeof(bytes); at++)
			bytes[at] = (uint8_t)random_next(&seed);
		rig_raw_send(fd, bytes, 32 + random_below(&seed, 4000));
		tap_check(is_ended(fd, &inbox));
		close(fd);
	}
	tap_check(others_go_on());
	tap_check_eq(rig_nodes[2].refused, 1);
	tap_check_eq(rig_told(&rig_nodes[2], "not qbd's protocol"), 1);
	tap_check_str(rig_nodes[2].who[0], "127.0.0.1");
	tap_check_eq(rig_nodes[2].downs[1], 0);
	rig_stop_all();
}

/* Good frames of every other kind, before HELLO, and none makes a link. */
static void frames_before_hello_are_refused(void)
{
	enum wire_type type;

	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	for (type = WIRE_STATUS; type <= WIRE_LIFE; type++) {
		struct wire_msg msg = { .type = type }, reply;
		struct rig_inbox inbox = { .used = 0 };
		struct base_buf *buf = NULL;
		int fd = rig_raw(2);

		if (type == WIRE_LIFE)
			msg.life.life = (struct raft_life){ 1, 1 };
		if (type == WIRE_COPY_BEGIN)
			msg.copy_begin.term = 1;
		if (type == WIRE_COPY_DATA) {
			buf = base_buf_new(65536);
			memset(buf->data, 0, 65536);
			msg.copy_data.length = 65536;
			msg.copy_data.buf = buf;
			msg.copy_data.data = buf->data;
			msg.copy_data.data_crc =
				base_crc32c(0, buf->data, 65536);
		}
		rig_raw_msg(fd, &msg);
		tap_need(rig_raw_receive(fd, &inbox, &reply));
		tap_check_eq(reply.type, WIRE_REFUSE);
		/* Long ones aren't even taken in. */
		tap_check(
			strstr(reply.text, type == WIRE_COPY_DATA ?
						   "something else than HELLO" :
						   "before the handshake"));
		tap_check(is_ended(fd, &inbox));
		close(fd);
		wire_msg_clear(&msg);
	}
	tap_check(others_go_on());
	tap_check_eq(rig_nodes[2].received[1], 1);
	rig_stop_all();
}

/* What differs, its text at both ends */
struct mismatch {
	void (*make)(struct wire_hello *hello);
	const char *text;
};

static void other_volume(struct wire_hello *hello)
{
	hello->volume_id[0] ^= 1;
}

static void other_name(struct wire_hello *hello)
{
	strcpy(hello->volume_name, "vol1");
}

static void other_size(struct wire_hello *hello)
{
	hello->volume_bytes *= 2;
}

static void other_block_size(struct wire_hello *hello)
{
	hello->block_size = 512;
}

static void other_members(struct wire_hello *hello)
{
	hello->members_crc++;
}

static void other_version(struct wire_hello *hello)
{
	hello->version_min = 7;
	hello->version_max = 8;
}

static const struct mismatch mismatches[] = {
	{ other_volume, "other volume ids" },
	{ other_name, "use one name" },
	{ other_block_size, "block size" },
	{ other_version, "upgrade qbd on" },
};

/* What status tells of it: there, at both ends, and between the tries too. */
static void check_refused(uint32_t id, uint32_t peer, const char *text)
{
	struct net_peer_view view;

	net_peer(rig_nodes[id].net, peer, &view);
	tap_check(view.state != NET_UP);
	tap_check(view.refused);
	if (!tap_check(strstr(view.problem, text) != NULL))
		printf("# node %u says of %u: %s\n", id, peer, view.problem);
}

static void try_mismatch(const struct mismatch *mismatch, uint32_t liar)
{
	unsigned int i;

	rig_skip(100000);
	rig_configure(1, 2);
	rig_configure(2, 2);
	mismatch->make(&rig_nodes[liar].config.hello);
	tap_need(rig_start(1) && rig_start(2));
	tap_check(rig_until(rig_told(&rig_nodes[1], mismatch->text) &&
			    rig_told(&rig_nodes[2], mismatch->text)));
	check_refused(1, 2, mismatch->text);
	check_refused(2, 1, mismatch->text);
	/* Again and again, and told once. */
	for (i = 0; i < 4; i++) {
		rig_skip(NET_RETRY_MAX_MS);
		rig_pass(20);
		check_refused(1, 2, mismatch->text);
		check_refused(2, 1, mismatch->text);
	}
	if (!tap_check(rig_nodes[1].refused == 1 &&
		       rig_nodes[2].refused == 1)) {
		rig_show_refused(&rig_nodes[1]);
		rig_show_refused(&rig_nodes[2]);
	}
	tap_check_eq(rig_nodes[1].ups[2] + rig_nodes[2].ups[1], 0);
	rig_stop_all();
}

static void another_configuration_is_refused_on_both_sides(void)
{
	size_t i;

	for (i = 0; i < TAP_COUNT(mismatches); i++) {
		try_mismatch(&mismatches[i], 1);
		try_mismatch(&mismatches[i], 2);
	}
}

/* Both ends see it in the view, until the other has told something else. */
static void other_lists_and_sizes_are_kept_and_told(void)
{
	struct net_peer_view view;

	rig_configure(1, 2);
	rig_configure(2, 2);
	other_members(&rig_nodes[2].config.hello);
	other_size(&rig_nodes[2].config.hello);
	tap_need(rig_start(1) && rig_start(2));
	tap_check(rig_until(rig_both_up(1, 2)));
	net_peer(rig_nodes[1].net, 2, &view);
	tap_check_eq(view.differs, WIRE_DIFFERS_NODES | WIRE_DIFFERS_SIZE);
	tap_check_eq(view.volume_bytes, 2 * RIG_VOLUME_BYTES);
	net_peer(rig_nodes[2].net, 1, &view);
	tap_check_eq(view.differs, WIRE_DIFFERS_NODES | WIRE_DIFFERS_SIZE);
	tap_check_eq(view.volume_bytes, RIG_VOLUME_BYTES);
	rig_stop(2);
	tap_check(rig_until(!net_up(rig_nodes[1].net, 2)));
	net_peer(rig_nodes[1].net, 2, &view);
	tap_check_eq(view.differs, WIRE_DIFFERS_NODES | WIRE_DIFFERS_SIZE);
	rig_configure(2, 2);
	tap_need(rig_start(2));
	rig_skip(NET_RETRY_MAX_MS);
	tap_check(rig_until(rig_both_up(1, 2)));
	net_peer(rig_nodes[1].net, 2, &view);
	tap_check_eq(view.differs, 0);
	rig_stop_all();
}

static void a_mended_configuration_is_let_in(void)
{
	tap_need(rig_begin(2));
	rig_stop(2);
	other_block_size(&rig_nodes[2].config.hello);
	tap_need(rig_start(2));
	tap_check(rig_until(rig_told(&rig_nodes[1], "block size")));
	rig_stop(2);
	rig_configure(2, 2);
	tap_need(rig_start(2));
	rig_skip(NET_RETRY_MAX_MS);
	tap_check(rig_until(rig_both_up(1, 2)));
	/* The same mistake anew is news again. */
	rig_stop(2);
	other_block_size(&rig_nodes[2].config.hello);
	memset(rig_nodes[2].ups, 0, sizeof(rig_nodes[2].ups));
	tap_need(rig_start(2));
	tap_check(rig_until(rig_told(&rig_nodes[1], "block size") == 2));
	rig_stop_all();
}

/* Node 1's configuration has node 3's address where node 2's belongs. */
static void a_wrong_address_is_told(void)
{
	tap_need(rig_begin(3));
	rig_stop(1);
	rig_configure(1, 3);
	rig_address(3, rig_nodes[1].config.peers[0].address, 128);
	tap_need(rig_start(1));
	tap_check(rig_until(
		rig_told(&rig_nodes[1], "correct the address of node 2")));
	tap_check(rig_until(rig_both_up(1, 3) && rig_both_up(2, 3)));
	tap_check(!net_up(rig_nodes[1].net, 2));
	rig_stop_all();
}

/* Node 3's machine believes that it is node 1. */
static void a_doubled_node_is_told(void)
{
	struct wire_msg hello, reply;
	struct rig_inbox inbox = { .used = 0 };
	int fd;

	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	fd = rig_raw(2);
	rig_raw_hello(&hello, 1, 2);
	hello.hello.incarnation = 4711;
	rig_raw_msg(fd, &hello);
	tap_need(rig_raw_receive(fd, &inbox, &reply));
	tap_check_eq(reply.type, WIRE_REFUSE);
	tap_check(strstr(reply.text, "n1 is connected already"));
	tap_check(strstr(reply.text, "does its agent run twice"));
	tap_check(is_ended(fd, &inbox));
	close(fd);
	tap_check(others_go_on());
	tap_check_eq(rig_nodes[2].downs[1], 0);

	/* And one that has our own name. */
	memset(&inbox, 0, sizeof(inbox));
	fd = rig_raw(2);
	rig_raw_hello(&hello, 1, 2);
	strcpy(hello.hello.node_name, "n2");
	hello.hello.from = 2;
	rig_raw_msg(fd, &hello);
	tap_need(rig_raw_receive(fd, &inbox, &reply));
	tap_check_eq(reply.type, WIRE_REFUSE);
	tap_check(strstr(reply.text, "two nodes say they are n2"));
	close(fd);
	tap_check(others_go_on());
	rig_stop_all();
}

static void who_is_no_member_is_refused(void)
{
	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	rig_refused_as(9, "n9", "node 9 (n9) is not in the configuration");
	rig_refused_as(1, "other", "node 1 is called other");
	rig_stop(1);
	tap_check(rig_until(rig_nodes[2].downs[1] == 1));
	rig_stop_all();
	/* A higher id has to wait for us. */
	tap_need(rig_begin(3));
	rig_refused_as(3, "n3", "n3 has the higher id");
	rig_stop_all();
}

/* A socket that listens as node 2. */
static int listen_as_two(void)
{
	struct sockaddr_in address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	rig_sockaddr(2, &address);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 1)) {
		close(fd);
		return -1;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static bool try_accept(int listener, int *fd)
{
	*fd = accept(listener, NULL, NULL);
	return *fd >= 0;
}

static int accept_one(int listener)
{
	int fd = -1;

	if (rig_until(try_accept(listener, &fd)))
		fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* The text of the peer that refuses, here node 2, is quoted. */
static void a_refusal_reaches_the_other_log(void)
{
	struct wire_msg got,
		msg = { .type = WIRE_REFUSE, .text = "not on Sundays" };
	struct rig_inbox inbox = { .used = 0 };
	struct net_peer_view view;
	int listener = listen_as_two();
	int fd;

	tap_need(listener >= 0);
	rig_configure(1, 2);
	tap_need(rig_start(1));
	fd = accept_one(listener);
	tap_need(fd >= 0);
	tap_need(rig_raw_receive(fd, &inbox, &got));
	tap_check_eq(got.type, WIRE_HELLO);
	tap_check_eq(got.hello.from, 1);
	tap_check_eq(got.hello.to, 2);
	rig_raw_msg(fd, &msg);
	tap_check(rig_until(
		rig_told(&rig_nodes[1], "it refuses: not on Sundays")));
	tap_check_str(rig_nodes[1].who[0], "n2");
	net_peer(rig_nodes[1].net, 2, &view);
	tap_check_str(view.problem, "it refuses: not on Sundays");
	/* No hurry to hear it again. */
	tap_check(net_deadline_ms(rig_nodes[1].net) >
		  rig_now_ms() + NET_RETRY_MAX_MS - 500);
	close(fd);
	close(listener);
	rig_stop_all();
}

static void who_accepts_and_is_silent_is_given_up(void)
{
	struct net_peer_view view;
	int listener = listen_as_two();

	tap_need(listener >= 0);
	rig_configure(1, 2);
	tap_need(rig_start(1));
	tap_check(rig_until((net_peer(rig_nodes[1].net, 2, &view),
			     view.state == NET_HANDSHAKE)));
	rig_skip(NET_HANDSHAKE_MS);
	tap_check(rig_until(rig_told(&rig_nodes[1], "says no HELLO")));
	net_peer(rig_nodes[1].net, 2, &view);
	tap_check_eq(view.state, NET_DOWN);
	close(listener);
	rig_stop_all();
}

/* It knows our name, and is not who we look for. */
static void an_impostor_who_answers_is_refused(void)
{
	struct rig_inbox inbox = { .used = 0 };
	int listener = listen_as_two();
	struct wire_msg hello, got;
	int fd;

	tap_need(listener >= 0);
	rig_configure(1, 3);
	tap_need(rig_start(1));
	fd = accept_one(listener);
	tap_need(fd >= 0);
	rig_raw_hello(&hello, 3, 1);
	rig_raw_msg(fd, &hello);
	tap_need(rig_raw_receive(fd, &inbox, &got));
	tap_check_eq(got.type, WIRE_HELLO);
	tap_need(rig_raw_receive(fd, &inbox, &got));
	tap_check_eq(got.type, WIRE_REFUSE);
	tap_check(strstr(got.text, "where node 2 should be, n3"));
	tap_check_eq(rig_nodes[1].ups[2] + rig_nodes[1].ups[3], 0);
	close(fd);
	close(listener);
	rig_stop_all();
}

/* A reset would overtake the reason on its way. */
static void a_refusal_is_not_followed_by_a_reset(void)
{
	static uint8_t junk[100000];
	struct rig_inbox inbox = { .used = 0 };
	struct wire_msg hello, got;
	int fd;

	rig_skip(100000);
	rig_configure(2, 2);
	tap_need(rig_start(2));
	fd = rig_raw(2);
	rig_raw_hello(&hello, 1, 2);
	other_volume(&hello.hello);
	rig_raw_msg(fd, &hello);
	rig_raw_send(fd, junk, sizeof(junk));
	tap_need(rig_raw_receive(fd, &inbox, &got));
	tap_check_eq(got.type, WIRE_REFUSE);
	tap_check(is_ended(fd, &inbox));
	tap_check(!inbox.reset);
	/* A connection that the peer never closes is closed. */
	rig_skip(5000);
	rig_pass(20);
	rig_raw_send(fd, junk, 1);
	rig_pass(20);
	tap_check(!rig_raw_send(fd, junk, 1));
	close(fd);
	rig_stop_all();
}

static void strangers_who_stall_are_bounded(void)
{
	struct rig_inbox inbox = { .used = 0 };
	struct wire_msg hello;
	unsigned int i, open = 0;
	int fds[100], slow;

	tap_need(rig_begin(2));
	tap_need(rig_until(rig_both_up(1, 2)));
	for (i = 0; i < 100; i++) {
		fds[i] = rig_raw(2);
		tap_need(fds[i] >= 0);
		rig_raw_send(fds[i], "QBD", 3); /* a head never to be ended */
		rig_turn(10);
	}
	rig_pass(50);
	for (i = 0; i < 100; i++) {
		inbox.ended = false;
		inbox.used = 0;
		open += !rig_raw_poll(fds[i], &inbox);
	}
	tap_check(open > 0 && open <= 16);
	/* Meanwhile a peer that has been away gets in. */
	net_drop(rig_nodes[1].net, 2, "because of the test");
	tap_check(rig_until(rig_nodes[1].downs[2] == 1));
	tap_check(rig_until(rig_both_up(1, 2)));
	/* One who is slow, but not that slow, gets in as well. */
	net_drop(rig_nodes[1].net, 2, "because of the test");
	tap_check(rig_until(rig_nodes[2].downs[1] == 2));
	rig_stop(1);
	slow = rig_raw(2);
	for (i = 0; i < 10; i++) {
		close(fds[i]);
		fds[i] = rig_raw(2);
		rig_raw_send(fds[i], "QBD", 3);
		rig_turn(10);
	}
	rig_raw_hello(&hello, 1, 2);
	rig_raw_msg(slow, &hello);
	memset(&inbox, 0, sizeof(inbox));
	tap_need(rig_raw_receive(slow, &inbox, &hello));
	tap_check_eq(hello.type, WIRE_HELLO);
	close(slow);
	tap_check(rig_until(rig_nodes[2].downs[1] == 3));
	tap_need(rig_start(1));
	tap_check(rig_until(rig_both_up(1, 2)));
	/* And their time is bounded, drop by drop too. */
	rig_skip(NET_HANDSHAKE_MS - 100);
	for (i = 0; i < 100; i++)
		rig_raw_send(fds[i], "w", 1);
	rig_pass(10);
	tap_check(rig_both_up(1, 2));
	rig_skip(100);
	rig_pass(50);
	for (open = 0, i = 0; i < 100; i++) {
		inbox.ended = false;
		inbox.used = 0;
		open += !rig_raw_poll(fds[i], &inbox);
		close(fds[i]);
	}
	tap_check_eq(open, 0);
	tap_check_eq(rig_told(&rig_nodes[2], "said no HELLO"), 1);
	tap_check(others_go_on());
	rig_stop_all();
}

static bool looks_up(uint32_t id, uint32_t peer)
{
	struct net_peer_view view;

	net_peer(rig_nodes[id].net, peer, &view);
	return view.state == NET_UP;
}

/*
 * Who connects may mind what we minded not: then our end is up each time, until
 * its refusal comes.
 */
static void who_is_refused_does_not_believe_its_link(void)
{
	struct wire_msg hello, reply,
		msg = { .type = WIRE_REFUSE, .text = "not on Sundays" };
	struct rig_inbox inbox = { .used = 0 };
	int fd;

	fd = rig_raw_peer(&hello);
	tap_need(fd >= 0);
	tap_need(rig_raw_receive(fd, &inbox, &reply));
	tap_check(looks_up(2, 1));
	rig_raw_msg(fd, &msg);
	tap_check(rig_until(rig_nodes[2].downs[1] == 1));
	check_refused(2, 1, "it refuses: not on Sundays");
	close(fd);
	inbox.used = 0;
	fd = rig_raw(2);
	rig_raw_msg(fd, &hello);
	tap_need(rig_raw_receive(fd, &inbox, &reply));
	tap_check_eq(rig_nodes[2].ups[1], 2);
	check_refused(2, 1, "it refuses: not on Sundays");
	/* This time it minds nothing. */
	rig_skip(1000);
	rig_pass(20);
	net_look(rig_nodes[2].net, rig_now_ms());
	tap_check(looks_up(2, 1));
	close(fd);
	rig_stop_all();
}

static void drop_one(struct rig_node *node)
{
	net_drop(node->net, 1, "dropped while told of a refusal");
	rig_send_ask(node->id, 1, 1);
	net_flush(node->net);
}

static void owners_may_drop_while_told_of_a_refusal(void)
{
	struct wire_msg hello, msg = { .type = WIRE_HELLO };
	int stranger, fd;

	rig_skip(100000);
	rig_configure(2, 2);
	rig_nodes[2].on_refused = drop_one;
	tap_need(rig_start(2));
	/* It is the refused one itself... */
	rig_raw_hello(&hello, 1, 2);
	fd = rig_raw(2);
	rig_raw_msg(fd, &hello);
	tap_need(rig_until(net_up(rig_nodes[2].net, 1)));
	rig_raw_hello(&msg, 1, 2);
	rig_raw_msg(fd, &msg);
	tap_check(rig_until(rig_nodes[2].downs[1] == 1));
	tap_check_eq(rig_nodes[2].refused, 1);
	close(fd);
	rig_pass(20);
	/* ... or the next in the list of those whose time is up. */
	stranger = rig_raw(2);
	rig_pass(20);
	fd = rig_raw(2);
	rig_raw_msg(fd, &hello);
	tap_need(rig_until(net_up(rig_nodes[2].net, 1)));
	rig_skip(NET_HANDSHAKE_MS);
	tap_check(rig_until(rig_nodes[2].downs[1] == 2));
	tap_check_eq(rig_told(&rig_nodes[2], "said no HELLO"), 1);
	close(fd);
	close(stranger);
	rig_stop_all();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(garbage_is_refused_while_others_go_on),
		TAP_TEST(frames_before_hello_are_refused),
		TAP_TEST(another_configuration_is_refused_on_both_sides),
		TAP_TEST(other_lists_and_sizes_are_kept_and_told),
		TAP_TEST(a_mended_configuration_is_let_in),
		TAP_TEST(a_wrong_address_is_told),
		TAP_TEST(a_doubled_node_is_told),
		TAP_TEST(who_is_no_member_is_refused),
		TAP_TEST(a_refusal_reaches_the_other_log),
		TAP_TEST(an_impostor_who_answers_is_refused),
		TAP_TEST(a_refusal_is_not_followed_by_a_reset),
		TAP_TEST(who_accepts_and_is_silent_is_given_up),
		TAP_TEST(strangers_who_stall_are_bounded),
		TAP_TEST(who_is_refused_does_not_believe_its_link),
		TAP_TEST(owners_may_drop_while_told_of_a_refusal),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
