// SPDX-License-Identifier: GPL-2.0
/* The status object that the control socket gives: cli/status.h describes it. */
#include <jansson.h>
#include <stdlib.h>

#include "qbdd/snapshot.h"
#include "tap.h"

#define NOW_US 100000000

static struct conf conf;
static struct snapshot_identity identity;
static struct snapshot snapshot;
static json_t *status;

/* Node 1 of three leads; 2 is well, 3 does not answer. */
static void setup(void)
{
	struct node_view *view = &snapshot.view;
	unsigned int i;

	memset(&conf, 0, sizeof(conf));
	memset(&snapshot, 0, sizeof(snapshot));
	strcpy(conf.volume, "vol0");
	conf.size_bytes = 1000;
	conf.node_count = 3;
	for (i = 0; i < 3; i++) {
		snprintf(conf.nodes[i].name, sizeof(conf.nodes[i].name), "n%u",
			 i + 1);
		conf.nodes[i].id = i + 1;
	}
	identity.conf = &conf;
	identity.self = &conf.nodes[0];
	identity.pid = 4711;
	identity.started_us = 1;
	snapshot.taken_us = NOW_US - 1000;
	view->id = 1;
	view->role = RAFT_LEADER;
	view->term = 5;
	view->leader = 1;
	view->last = 110;
	view->durable = 105;
	view->commit = 100;
	view->applied = 99;
	view->peer_count = 2;
	view->peers[0].id = 2;
	view->peers[0].up = true;
	view->peers[0].known = true;
	view->peers[0].heard_us = NOW_US - 20000;
	view->peers[0].match = 90;
	view->peers[0].status.term = 5;
	view->peers[1].id = 3;
	view->peers[1].match = 60;
	snapshot.links[1].state = NET_UP;
	strcpy(snapshot.links[2].problem, "connection refused");
}

static void make(void)
{
	status = snapshot_status(&identity, &snapshot, NOW_US);
}

static const char *text(const char *key)
{
	return json_string_value(json_object_get(status, key));
}

static json_t *node(unsigned int i, const char *key)
{
	return json_object_get(json_array_get(json_object_get(status, "nodes"),
					      i),
			       key);
}

static void a_leader_with_a_majority_is_ok_and_says_who_is_missing(void)
{
	setup();
	make();
	tap_need(status != NULL);
	tap_check_str(text("state"), "ok");
	tap_check_str(text("leader"), "n1");
	tap_check_str(text("role"), "leader");
	tap_check(strstr(text("problem"), "n3 (connection refused)") != NULL);
	tap_check(strstr(text("problem"), "n2") == NULL);
	tap_check(json_is_null(json_object_get(status, "writer")));
	json_decref(status);
}

static void nodes_tell_what_they_lack(void)
{
	setup();
	make();
	tap_need(status != NULL);
	tap_check(json_is_true(node(0, "self")));
	tap_check_eq((uint64_t)json_integer_value(node(0, "lacks")), 0);
	tap_check_eq((uint64_t)json_integer_value(node(1, "lacks")), 10);
	tap_check_eq((uint64_t)json_integer_value(node(1, "heard_ms")), 20);
	tap_check_str(json_string_value(node(1, "role")), "follower");
	tap_check_str(json_string_value(node(1, "link")), "up");
	/* Not heard: what it said is not known, what it holds is. */
	tap_check_str(json_string_value(node(2, "role")), "unknown");
	tap_check(json_is_null(node(2, "last")));
	tap_check(json_is_null(node(2, "heard_ms")));
	tap_check_eq((uint64_t)json_integer_value(node(2, "lacks")), 40);
	json_decref(status);
}

static void no_leader_is_no_quorum(void)
{
	setup();
	snapshot.view.leader = 0;
	snapshot.view.role = RAFT_PRECANDIDATE;
	strcpy(snapshot.view.problem, "no quorum");
	make();
	tap_need(status != NULL);
	tap_check_str(text("state"), "no-quorum");
	tap_check(strncmp(text("problem"), "no quorum. missing: n3", 22) == 0);
	tap_check(json_is_null(json_object_get(status, "leader")));
	tap_check(json_is_null(node(0, "match")));
	json_decref(status);
}

static void a_writer_counts_while_its_node_says_so(void)
{
	setup();
	snapshot.view.writer = 2;
	snapshot.view.epoch = 44;
	snapshot.view.peers[0].status.flags = WIRE_NODE_DEVICE_OPEN;
	snapshot.view.peers[0].status.epoch = 44;
	make();
	tap_need(status != NULL);
	tap_check_str(text("writer"), "n2");
	json_decref(status);
	snapshot.view.peers[0].known = false;
	make();
	tap_check(json_is_null(json_object_get(status, "writer")));
	json_decref(status);
}

static void the_worst_state_is_told_first(void)
{
	setup();
	snapshot.view.incomplete = true;
	snapshot.view.copy_received = 250;
	make();
	tap_check_str(text("state"), "catching-up");
	tap_check_eq((uint64_t)json_integer_value(node(0, "copy_percent")), 25);
	tap_check_eq((uint64_t)json_integer_value(node(0, "copied_bytes")),
		     250);
	json_decref(status);
	snapshot.view.damaged = true;
	make();
	tap_check_str(text("state"), "damaged");
	json_decref(status);
	snapshot.view.disk_failed = true;
	make();
	tap_check_str(text("state"), "disk-failed");
	json_decref(status);
}

static void a_loop_or_a_disk_that_hangs_is_seen(void)
{
	static const struct pulse pulse = { .doing = "counting sheep" };

	setup();
	identity.pulse = &pulse;
	strcpy(snapshot.listen_problem, "listening on the moon");
	snapshot.taken_us = NOW_US - 7000000;
	snapshot.log_waiting_us = NOW_US - 9000000;
	make();
	tap_need(status != NULL);
	tap_check(strstr(text("problem"), "has not moved for 7 s: counting "
					  "sheep") != NULL);
	tap_check(strstr(text("problem"), "listening on the moon") != NULL);
	tap_check_str(text("listen_problem"), "listening on the moon");
	tap_check(strstr(text("problem"), "the log has waited") != NULL);
	tap_check_eq((uint64_t)json_integer_value(
			     json_object_get(status, "age_ms")),
		     7000);
	json_decref(status);
}

static void mistakes_of_the_configuration_stay_in_the_status(void)
{
	setup();
	strcpy(snapshot.log_notice, "log-size is of yesterday");
	strcpy(snapshot.address_notice, "the address is nowhere");
	make();
	tap_need(status != NULL);
	tap_check_str(text("state"), "ok");
	tap_check(strstr(text("problem"), "log-size is of yesterday"));
	tap_check(strstr(text("problem"), "the address is nowhere. "));
	json_decref(status);
}

static void before_the_first_picture_the_daemon_starts(void)
{
	setup();
	status = snapshot_status(&identity, NULL, NOW_US);
	tap_need(status != NULL);
	tap_check_str(text("state"), "starting");
	tap_check_eq((uint64_t)json_integer_value(
			     json_object_get(status, "pid")),
		     4711);
	tap_check(json_is_null(json_object_get(status, "age_ms")));
	json_decref(status);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(
			a_leader_with_a_majority_is_ok_and_says_who_is_missing),
		TAP_TEST(nodes_tell_what_they_lack),
		TAP_TEST(no_leader_is_no_quorum),
		TAP_TEST(a_writer_counts_while_its_node_says_so),
		TAP_TEST(the_worst_state_is_told_first),
		TAP_TEST(a_loop_or_a_disk_that_hangs_is_seen),
		TAP_TEST(mistakes_of_the_configuration_stay_in_the_status),
		TAP_TEST(before_the_first_picture_the_daemon_starts),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
