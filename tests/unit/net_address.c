// SPDX-License-Identifier: GPL-2.0
/* net/: addresses as people write them, and what stands in the way of ours. */
#include "net/address.h"
#include "net_rig.h"

static void wrong_addresses_are_told_apart(void)
{
	static const struct {
		const char *text;
		const char *why; /* NULL: it is right */
	} tries[] = {
		{ "10.0.0.1:7000", NULL },
		{ "node-1.example:1", NULL },
		{ "[fe80::1]:65535", NULL },
		{ "[::]:7000", NULL },
		{ "", "the port is missing" },
		{ "10.0.0.1", "the port is missing" },
		{ "10.0.0.1:", "the port is missing" },
		{ ":7000", "the host is missing" },
		{ "[]:7000", "the host is missing" },
		{ "[fe80::1]", "after [ belongs ]:port" },
		{ "[fe80::1:7000", "after [ belongs ]:port" },
		{ "[:7000", "after [ belongs ]:port" },
		{ "fe80::1:7000", "stands in brackets" },
		{ "host:0", "not a number from 1 to 65535" },
		{ "host:65536", "not a number from 1 to 65535" },
		{ "host:999999999999", "not a number from 1 to 65535" },
		{ "host:70a", "not a number from 1 to 65535" },
		{ "host: 7000", "not a number from 1 to 65535" },
	};
	struct base_error error;
	size_t i;

	for (i = 0; i < TAP_COUNT(tries); i++) {
		int err = net_address_check(tries[i].text, &error);

		tap_check_eq(err, tries[i].why ? -EINVAL : 0);
		if (tries[i].why &&
		    !tap_check(strstr(error.text, tries[i].why)))
			printf("# %s\n", error.text);
	}
}

static void numbers_need_no_lookup(void)
{
	struct net_addresses addresses;
	struct base_error error;
	char text[64];

	tap_need(net_resolve("10.1.2.3:7000", &addresses, &error) == 0);
	tap_check_eq(addresses.count, 1);
	tap_check(net_resolve_number("10.1.2.3:7000", &addresses));
	net_host_text(&addresses.list[0], text, sizeof(text));
	tap_check_str(text, "10.1.2.3");
	tap_need(net_resolve("[2001:db8::1]:7000", &addresses, &error) == 0);
	tap_check(net_resolve_number("[2001:db8::1]:7000", &addresses));
	net_host_text(&addresses.list[0], text, sizeof(text));
	tap_check_str(text, "2001:db8::1");
	tap_need(net_resolve("localhost:7000", &addresses, &error) == 0);
	tap_check(!net_resolve_number("localhost:7000", &addresses));
	tap_need(rig_begin(2));
	tap_check_eq(rig_nodes[1].asks + rig_nodes[2].asks, 0);
	rig_stop_all();
}

static void what_stands_in_the_way_of_listening_is_told(void)
{
	struct base_error error;

	tap_need(rig_begin(1));
	rig_configure(2, 2);
	rig_address(1, rig_nodes[2].config.listen, 128);
	tap_check_eq(rig_net_new(&rig_nodes[2], &error), -EADDRINUSE);
	tap_check(strstr(error.text, ":7101"));
	tap_check(strstr(error.text, "another port"));
	strcpy(rig_nodes[2].config.listen, "nonsense");
	tap_check_eq(rig_net_new(&rig_nodes[2], &error), -EINVAL);
	rig_configure(2, 2);
	strcpy(rig_nodes[2].config.peers[0].address, "10.0.0.1:99999");
	tap_check_eq(rig_net_new(&rig_nodes[2], &error), -EINVAL);
	tap_check(strstr(error.text, "10.0.0.1:99999"));
	tap_check(!rig_nodes[2].net);
	rig_stop_all();
}

static void a_restart_gets_its_port_back_at_once(void)
{
	unsigned int i;

	tap_need(rig_begin(2));
	for (i = 0; i < 5; i++) {
		tap_need(rig_until(rig_both_up(1, 2)));
		rig_stop(2);
		rig_configure(2, 2);
		tap_need(rig_start(2));
		tap_need(rig_until(rig_nodes[1].downs[2] == i + 1));
	}
	rig_stop_all();
}

static void nodes_meet_over_ipv6(void)
{
	struct base_error error;
	uint32_t id;
	int probe = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	unsigned int port = 7200 + (unsigned int)getpid() % 20000;

	if (probe < 0 || bind(probe, (struct sockaddr *)&any, sizeof(any))) {
		tap_skip("no IPv6 on this machine");
		if (probe >= 0)
			close(probe);
		return;
	}
	close(probe);
	rig_skip(100000);
	for (id = 1; id <= 2; id++) {
		rig_configure(id, 2);
		snprintf(rig_nodes[id].config.listen, 128, "[::1]:%u",
			 port + id);
		snprintf(rig_nodes[id].config.peers[0].address, 128, "[::1]:%u",
			 port + 3 - id);
		tap_check_eq(rig_net_new(&rig_nodes[id], &error), 0);
	}
	tap_check(rig_until(rig_both_up(1, 2)));
	rig_stop_all();
}

static void addresses_of_this_machine_alone_are_known(void)
{
	static const struct {
		const char *text;
		bool is_local;
	} tries[] = {
		{ "127.0.0.1:1", true },  { "127.0.1.1:1", true },
		{ "[::1]:1", true },	  { "10.0.0.1:1", false },
		{ "[fd00::1]:1", false }, { "128.0.0.1:1", false },
	};
	struct net_addresses addresses;
	struct base_error error;
	size_t i;

	for (i = 0; i < TAP_COUNT(tries); i++) {
		tap_need(!net_resolve(tries[i].text, &addresses, &error));
		tap_check_eq(net_address_is_local(&addresses.list[0]),
			     tries[i].is_local);
	}
	rig_skip(100000);
	rig_configure(1, 2);
	tap_need(rig_start(1));
	tap_check(net_listens_locally(rig_nodes[1].net));
	rig_stop_all();
}

/* A dead name server must cost the others nothing, however long it takes. */
static void an_unknown_name_is_told_and_does_not_stop_the_rest(void)
{
	struct net_peer_view view;

	rig_skip(100000);
	rig_configure(1, 3);
	rig_configure(3, 3);
	strcpy(rig_nodes[1].config.peers[0].address, "peer2.example:7000");
	rig_nodes[1].resolver_hangs = true;
	tap_need(rig_start(1) && rig_start(3));
	tap_check(rig_until(rig_both_up(1, 3)));
	net_peer(rig_nodes[1].net, 2, &view);
	tap_check(strstr(view.problem, "peer2.example"));
	tap_check(strstr(view.problem, "being looked up"));
	rig_skip(30000);
	tap_check(rig_until(rig_both_up(1, 3)));
	tap_check_eq(rig_nodes[1].asks, 1); /* one at a time */
	rig_nodes[1].resolver_hangs = false;
	tap_check(rig_until((net_peer(rig_nodes[1].net, 2, &view),
			     strstr(view.problem, "is not known"))));
	rig_stop_all();
}

static void an_answer_that_takes_long_is_used(void)
{
	rig_skip(100000);
	rig_configure(1, 2);
	rig_configure(2, 2);
	strcpy(rig_nodes[1].config.peers[0].address, "peer2.example:7000");
	rig_address(2, rig_nodes[1].resolves_to, 128);
	rig_nodes[1].resolver_hangs = true;
	tap_need(rig_start(1) && rig_start(2));
	rig_turn(50);
	rig_skip(60000);
	rig_turn(50);
	tap_check(!rig_both_up(1, 2));
	rig_nodes[1].resolver_hangs = false;
	tap_check(rig_until(rig_both_up(1, 2)));
	rig_stop_all();
}

static void a_name_that_changes_is_followed(void)
{
	rig_skip(100000);
	rig_configure(1, 2);
	rig_configure(2, 2);
	strcpy(rig_nodes[1].config.peers[0].address, "peer2.example:7000");
	rig_address(3, rig_nodes[1].resolves_to, 128); /* nobody is there */
	tap_need(rig_start(1) && rig_start(2));
	tap_check(rig_until(rig_nodes[1].asks == 1));
	rig_turn(50);
	rig_address(2, rig_nodes[1].resolves_to, 128);
	rig_skip(20000);
	tap_check(rig_until(rig_both_up(1, 2)));
	/* While the link is up nobody asks. */
	rig_nodes[1].asks = 0;
	rig_skip(5000);
	rig_turn(50);
	tap_check_eq(rig_nodes[1].asks, 0);
	rig_stop_all();
}

static void our_own_name_may_become_known_later(void)
{
	struct net_peer_view view;

	rig_skip(100000);
	rig_configure(1, 2);
	rig_configure(2, 2);
	strcpy(rig_nodes[2].config.listen, "me.example:7102");
	tap_need(rig_start(1) && rig_start(2));
	tap_check(strstr(net_listen_problem(rig_nodes[2].net), "me.example"));
	tap_check(rig_until(
		strstr(net_listen_problem(rig_nodes[2].net), "is not known")));
	tap_check(strstr(rig_nodes[2].listening, "is not known"));
	rig_address(2, rig_nodes[2].resolves_to, 128);
	rig_skip(20000);
	tap_check(rig_until(rig_both_up(1, 2)));
	tap_check_str(net_listen_problem(rig_nodes[2].net), "");
	tap_check_str(rig_nodes[2].listening, "");
	net_peer(rig_nodes[1].net, 2, &view);
	tap_check_str(view.problem, "");
	rig_stop_all();
}

/* Our own address, but the port is in use for now. */
static void a_known_name_of_ours_is_tried_until_the_port_is_free(void)
{
	rig_skip(100000);
	rig_configure(1, 2);
	rig_configure(2, 2);
	strcpy(rig_nodes[2].config.listen, "me.example:7102");
	rig_address(1, rig_nodes[2].resolves_to, 128);
	tap_need(rig_start(1) && rig_start(2));
	tap_check(rig_until(
		strstr(net_listen_problem(rig_nodes[2].net), "in use")));
	rig_address(2, rig_nodes[2].resolves_to, 128);
	rig_stop(1);
	rig_skip(20000);
	tap_check(rig_until(!*net_listen_problem(rig_nodes[2].net)));
	rig_stop_all();
}

static void an_address_that_is_not_here_yet_is_bound_and_told(void)
{
	struct base_error error;

	rig_skip(100000);
	rig_configure(2, 2);
	strcpy(rig_nodes[2].config.listen, "192.0.2.1:7100");
	tap_check_eq(rig_net_new(&rig_nodes[2], &error), 0);
	tap_need(rig_nodes[2].net != NULL);
	tap_check(strstr(net_listen_problem(rig_nodes[2].net),
			 "192.0.2.1:7100, which this machine does not have"));
	tap_check(strstr(rig_nodes[2].listening, "address of node n2"));
	/* It is looked for in peace. */
	rig_skip(5000);
	rig_turn(50);
	rig_nodes[2].turns = 0;
	rig_turn(50);
	tap_check(rig_nodes[2].turns <= 1);
	tap_check(*net_listen_problem(rig_nodes[2].net));
	rig_stop_all();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(wrong_addresses_are_told_apart),
		TAP_TEST(numbers_need_no_lookup),
		TAP_TEST(what_stands_in_the_way_of_listening_is_told),
		TAP_TEST(a_restart_gets_its_port_back_at_once),
		TAP_TEST(nodes_meet_over_ipv6),
		TAP_TEST(addresses_of_this_machine_alone_are_known),
		TAP_TEST(an_unknown_name_is_told_and_does_not_stop_the_rest),
		TAP_TEST(an_answer_that_takes_long_is_used),
		TAP_TEST(a_name_that_changes_is_followed),
		TAP_TEST(our_own_name_may_become_known_later),
		TAP_TEST(a_known_name_of_ours_is_tried_until_the_port_is_free),
		TAP_TEST(an_address_that_is_not_here_yet_is_bound_and_told),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
