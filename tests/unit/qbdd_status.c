// SPDX-License-Identifier: GPL-2.0
/* The status object that the control socket gives: control/status.h describes it. */
#include <jansson.h>
#include <stdlib.h>

#include "cli/show.h"
#include "qbdd/terms.h"
#include "status_rig.h"
#include "tap.h"

static json_t *status;

static void make(void)
{
	status = status_json(&identity, &published, NOW_US);
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

/* Is there a problem of this kind, of this node, that says so? */
static bool told(const char *what, const char *name, const char *words)
{
	json_t *problem;
	size_t i;

	json_array_foreach(json_object_get(status, "problems"), i, problem)
	{
		const char *kind =
			json_string_value(json_object_get(problem, "what"));
		const char *of =
			json_string_value(json_object_get(problem, "node"));
		const char *said =
			json_string_value(json_object_get(problem, "text"));

		if (strcmp(kind, what) == 0 && of && strcmp(of, name) == 0 &&
		    strstr(said, words) && strstr(text("problem"), said))
			return true;
	}
	return false;
}

/* One problem alone makes it degraded. */
static void check_degraded(const char *what, const char *name,
			   const char *words)
{
	make();
	tap_need(status != NULL);
	tap_check_str(text("state"), "degraded");
	tap_check_eq(json_array_size(json_object_get(status, "problems")), 1);
	tap_check(told(what, name, words));
	json_decref(status);
}

static void nothing_wrong_is_ok(void)
{
	status_setup();
	make();
	tap_need(status != NULL);
	tap_check_str(text("state"), "ok");
	tap_check_str(text("problem"), "");
	tap_check_eq(json_array_size(json_object_get(status, "problems")), 0);
	json_decref(status);
}

/* As a program reads it, and as people do. */
static void disks_of_this_node_are_told(void)
{
	char *shown = NULL;
	size_t size;
	FILE *out;

	status_setup();
	strcpy(conf.nodes[0].disk, "/dev/vdb");
	make();
	tap_need(status != NULL);
	tap_check_str(text("disk"), "/dev/vdb");
	tap_check(json_is_null(json_object_get(status, "meta_disk")));
	json_decref(status);
	strcpy(conf.nodes[0].meta_disk, "/dev/vdc");
	make();
	tap_need(status != NULL);
	tap_check_str(text("meta_disk"), "/dev/vdc");
	out = open_memstream(&shown, &size);
	show_status(status, out);
	fclose(out);
	tap_check(strstr(shown,
			 "data on /dev/vdb, log and metadata on /dev/vdc"));
	free(shown);
	json_decref(status);
}

static void a_missing_node_is_degraded_and_named(void)
{
	status_setup_missing();
	make();
	tap_need(status != NULL);
	tap_check_str(text("state"), "degraded");
	tap_check(told("node-missing", "n3", "(connection refused)"));
	tap_check_str(text("leader"), "n1");
	tap_check_str(text("role"), "leader");
	tap_check(strstr(text("problem"), "n2") == NULL);
	tap_check(json_is_null(json_object_get(status, "writer")));
	json_decref(status);
}

static void nodes_tell_what_they_lack(void)
{
	status_setup_missing();
	make();
	tap_need(status != NULL);
	tap_check(json_is_true(node(0, "self")));
	tap_check_eq((uint64_t)json_integer_value(node(0, "lacks")), 0);
	tap_check_eq((uint64_t)json_integer_value(node(1, "lacks")), 10);
	tap_check_eq((uint64_t)json_integer_value(node(1, "heard_ms")), 20);
	tap_check_str(json_string_value(node(1, "role")), "follower");
	tap_check_str(json_string_value(node(1, "link")), "up");
	/* Not heard: what it said is not known, what it held is. */
	tap_check_str(json_string_value(node(2, "role")), "unknown");
	tap_check(json_is_null(node(2, "last")));
	tap_check(json_is_null(node(2, "heard_ms")));
	tap_check(json_is_null(node(2, "lacks")));
	tap_check_eq((uint64_t)json_integer_value(node(2, "match")), 60);
	json_decref(status);
}

static void no_leader_is_no_quorum(void)
{
	status_setup_missing();
	published.view.leader = 0;
	published.view.role = RAFT_PRECANDIDATE;
	strcpy(published.view.problem, "no quorum");
	make();
	tap_need(status != NULL);
	tap_check_str(text("state"), "no-quorum");
	tap_check(strncmp(text("problem"), "no quorum. n3 is missing", 24) ==
		  0);
	tap_check(json_is_null(json_object_get(status, "leader")));
	tap_check(json_is_null(node(0, "match")));
	json_decref(status);
}

static void a_writer_counts_while_its_node_says_so(void)
{
	status_setup();
	published.view.writer = 2;
	published.view.epoch = 44;
	published.view.peers[0].status.flags = WIRE_NODE_DEVICE_OPEN;
	published.view.peers[0].status.epoch = 44;
	make();
	tap_need(status != NULL);
	tap_check_str(text("writer"), "n2");
	json_decref(status);
	published.view.peers[0].known = false;
	make();
	tap_check(json_is_null(json_object_get(status, "writer")));
	json_decref(status);
}

static void the_worst_state_is_told_first(void)
{
	status_setup();
	published.view.incomplete = true;
	published.view.copy_received = 250;
	make();
	tap_check_str(text("state"), "catching-up");
	tap_check_eq((uint64_t)json_integer_value(node(0, "copy_percent")), 25);
	tap_check_eq((uint64_t)json_integer_value(node(0, "copied_bytes")),
		     250);
	json_decref(status);
	published.view.damaged = true;
	make();
	tap_check_str(text("state"), "damaged");
	json_decref(status);
	published.view.disk_failed = true;
	make();
	tap_check_str(text("state"), "disk-failed");
	json_decref(status);
}

static void a_loop_or_a_disk_that_hangs_is_seen(void)
{
	static const struct pulse pulse = { .doing = "counting sheep" };

	status_setup();
	identity.pulse = &pulse;
	strcpy(published.listen_problem, "listening on the moon");
	published.taken_us = NOW_US - 7000000;
	published.log_waiting_us = NOW_US - 9000000;
	make();
	tap_need(status != NULL);
	tap_check_str(text("state"), "hung");
	tap_check(told("agent-hangs", "n1",
		       "has not moved for 7 s: counting "
		       "sheep"));
	tap_check(told("disk-slow", "n1",
		       "the log has waited for this "
		       "node's disk for 9 s"));
	/* Others are not silent because of that. */
	tap_check_str(json_string_value(node(1, "link")), "up");
	tap_check_str(text("listen_problem"), "listening on the moon");
	tap_check(told("not-reachable", "n1", "listening on the moon"));
	tap_check_eq((uint64_t)json_integer_value(
			     json_object_get(status, "age_ms")),
		     7000);
	json_decref(status);
}

static void mistakes_of_the_configuration_stay_in_the_status(void)
{
	status_setup();
	strcpy(published.log_notice, "log-size is of yesterday");
	strcpy(published.address_notice, "the address is nowhere");
	make();
	tap_need(status != NULL);
	tap_check_str(text("state"), "ok");
	tap_check(strstr(text("problem"), "log-size is of yesterday"));
	tap_check(strstr(text("problem"), "the address is nowhere. "));
	json_decref(status);
}

static void before_the_first_picture_the_daemon_starts(void)
{
	status_setup();
	status = status_json(&identity, NULL, NOW_US);
	tap_need(status != NULL);
	tap_check_str(text("state"), "starting");
	tap_check_eq((uint64_t)json_integer_value(
			     json_object_get(status, "pid")),
		     4711);
	tap_check(json_is_null(json_object_get(status, "age_ms")));
	json_decref(status);
}

static void a_replica_that_is_not_well_is_degraded_for_others(void)
{
	uint32_t *flags = &published.view.peers[1].status.flags;

	status_setup();
	*flags = WIRE_NODE_INCOMPLETE;
	check_degraded("node-filled", "n3", "is being filled");
	*flags = WIRE_NODE_DAMAGED | WIRE_NODE_INCOMPLETE;
	check_degraded("node-damaged", "n3", "damaged");
	*flags = WIRE_NODE_DISK_FAILED;
	check_degraded("node-disk-failed", "n3", "replace it");
	status_setup();
	published.view.durable = 5000;
	published.view.commit = 5000;
	published.view.peers[0].match = 5000;
	check_degraded("node-behind", "n3", "4910 entries behind");
	/* Only its leader can know. */
	published.view.role = RAFT_FOLLOWER;
	published.view.leader = 2;
	make();
	tap_check_str(text("state"), "ok");
	json_decref(status);
}

/* Two disks of three are lost: who is blank, and that it changes nothing. */
static void a_blank_replica_without_a_leader_is_named(void)
{
	status_setup();
	published.view.leader = 0;
	published.view.role = RAFT_FOLLOWER;
	published.view.damaged = true;
	published.view.last = 0;
	published.view.peers[0].status.last = 0;
	published.view.peers[1].status.last = 0;
	make();
	tap_need(status != NULL);
	tap_check(told("node-blank", "n2", "begins no new volume"));
	tap_check(told("node-blank", "n3", "begins no new volume"));
	json_decref(status);
	/* The first start: nobody has anything. */
	published.view.damaged = false;
	make();
	tap_check(!told("node-blank", "n2", ""));
	json_decref(status);
}

static void a_node_that_is_not_heard_is_silent(void)
{
	status_setup();
	published.view.peers[1].heard_us = NOW_US - HEALTH_SILENT_US - 1000;
	make();
	tap_need(status != NULL);
	tap_check_str(text("state"), "degraded");
	tap_check(told("node-silent", "n3", "nothing heard for 2 s"));
	tap_check_str(json_string_value(node(2, "link")), "silent");
	tap_check_str(json_string_value(node(2, "role")), "unknown");
	tap_check(json_is_null(node(2, "lacks")));
	tap_check_str(json_string_value(node(1, "link")), "up");
	json_decref(status);
	/* Its link stands anew: it has time to speak. */
	published.links[2].since_us = NOW_US - 500000;
	make();
	tap_check_str(text("state"), "ok");
	json_decref(status);
}

static void a_silent_writer_is_none(void)
{
	status_setup();
	published.view.writer = 3;
	published.view.epoch = 44;
	published.view.peers[1].status.flags = WIRE_NODE_DEVICE_OPEN;
	published.view.peers[1].status.epoch = 44;
	make();
	tap_check_str(text("writer"), "n3");
	json_decref(status);
	published.view.peers[1].heard_us = NOW_US - HEALTH_SILENT_US - 1000;
	make();
	tap_check(json_is_null(json_object_get(status, "writer")));
	json_decref(status);
}

static void a_path_that_drops_large_packets_is_told(void)
{
	struct published_link *link = &published.links[2];

	status_setup();
	link->unacked_bytes = 4242;
	link->stuck_ms = 1500; /* that happens */
	make();
	tap_check_str(text("state"), "ok");
	json_decref(status);
	link->stuck_ms = 4700;
	check_degraded("path-stuck", "n3",
		       "4242 bytes sent to it have not been acknowledged for "
		       "4 s: does the path carry large packets? check the MTU");
	/* Nothing at all comes back: it is off. */
	published.view.peers[1].heard_us = NOW_US - 5000000;
	link->acked_ms = 5000;
	check_degraded("node-silent", "n3", "nothing heard for 5 s");
	/* Its kernel takes part, but it does not get what we say. */
	link->acked_ms = 100;
	check_degraded("path-stuck", "n3", "check the MTU");
}

/* A list or timeout is no harm; of another size nothing is copied, link or not. */
static void another_list_timeout_or_size_is_told(void)
{
	struct published_link *link = &published.links[2];

	status_setup();
	link->differs = WIRE_DIFFERS_NODES;
	make();
	tap_check_str(text("state"), "ok");
	tap_check(told("nodes-differ", "n3",
		       "n3 and n1 have different lists of nodes; make"));
	json_decref(status);
	link->differs = WIRE_DIFFERS_TIMEOUT;
	make();
	tap_check_str(text("state"), "ok");
	tap_check(told("timeout-differs", "n3",
		       "n3 and n1 have different values of election-timeout"));
	json_decref(status);
	link->differs = WIRE_DIFFERS_SIZE;
	link->volume_bytes = 128ULL << 20;
	check_degraded("size-differs", "n3", "a size of 128M on n3 and of ");
}

static void a_refusal_is_told_with_its_reason(void)
{
	status_setup_missing();
	strcpy(published.links[2].problem, "it refuses: use one name");
	published.links[2].refused = true;
	check_degraded("node-refused", "n3", "it refuses: use one name");
	/* While it tries again, too. */
	published.links[2].state = NET_HANDSHAKE;
	check_degraded("node-refused", "n3", "it refuses: use one name");
}

static void an_agent_that_is_not_well_is_degraded(void)
{
	status_setup();
	published.image_waiting_us = NOW_US - 3000000;
	check_degraded("disk-slow", "n1", "data area has waited");
	status_setup();
	strcpy(published.device_problem, "minor 0 is taken");
	check_degraded("no-device", "n1", "minor 0 is taken");
	status_setup();
	strcpy(published.listen_problem, "no such address");
	check_degraded("not-reachable", "n1", "no such address");
	status_setup();
	published.view.fenced = true;
	check_degraded("fenced", "n1", "unmount or close it");
	status_setup();
	published.terms_lost = 4;
	published.term_changed_us = NOW_US - 6000000;
	check_degraded("terms-rise", "n1", "4 leaders were lost");
}

static void a_leader_that_has_yet_to_apply_is_catching_up(void)
{
	status_setup();
	published.view.settling = true;
	strcpy(published.view.problem, "catching up");
	make();
	tap_check_str(text("state"), "catching-up");
	tap_check(told("catching-up", "n1", "catching up"));
	json_decref(status);
}

static void the_state_has_an_age(void)
{
	status_setup();
	published.state = HEALTH_OK;
	published.state_since_us = NOW_US - 9000000;
	published.term_changed_us = NOW_US - 8000000;
	published.term_rises = 2;
	make();
	tap_check_eq((uint64_t)json_integer_value(
			     json_object_get(status, "since_ms")),
		     9000);
	tap_check_eq((uint64_t)json_integer_value(
			     json_object_get(status, "term_changed_ms")),
		     8000);
	tap_check_eq((uint64_t)json_integer_value(
			     json_object_get(status, "term_changes")),
		     2);
	json_decref(status);
	/* The picture is old, and what it shows is no more. */
	published.taken_us = NOW_US - 5000000;
	make();
	tap_check_str(text("state"), "hung");
	tap_check_eq((uint64_t)json_integer_value(
			     json_object_get(status, "since_ms")),
		     5000);
	json_decref(status);
}

static void texts_that_are_no_utf8_are_told_as_they_can_be(void)
{
	status_setup_missing();
	strcpy(published.links[2].problem, "M\xfcll");
	make();
	tap_need(status != NULL);
	tap_check_str(json_string_value(node(2, "problem")), "M?ll");
	tap_check(strstr(text("problem"), "(M?ll)") != NULL);
	json_decref(status);
}

static void terms_that_openings_explain_are_no_unrest(void)
{
	struct terms terms = { 0 };
	uint64_t us = 1000000000;
	unsigned int i;

	terms_note(&terms, us, 7, 100); /* what was before is not news */
	tap_check_eq(terms_rises(&terms), 0);
	tap_check_eq(terms.changed_us, 0);
	for (i = 1; i <= 5; i++)
		terms_note(&terms, us + i * 100000, 7 + i, 100 + i);
	tap_check_eq(terms_rises(&terms), 5);
	tap_check_eq(terms_lost(&terms), 0);
	tap_check_eq(terms.changed_us, us + 500000);
	for (i = 6; i <= 9; i++)
		terms_note(&terms, us + i * 1000000, 7 + i, 105);
	tap_check_eq(terms_lost(&terms), 4);
	terms_note(&terms, us + 90000000, 16, 105);
	tap_check_eq(terms_rises(&terms), 0);
	terms_note(&terms, us + 99000000000, 17, 105);
	tap_check_eq(terms_lost(&terms), 1);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(nothing_wrong_is_ok),
		TAP_TEST(disks_of_this_node_are_told),
		TAP_TEST(a_missing_node_is_degraded_and_named),
		TAP_TEST(nodes_tell_what_they_lack),
		TAP_TEST(no_leader_is_no_quorum),
		TAP_TEST(a_writer_counts_while_its_node_says_so),
		TAP_TEST(the_worst_state_is_told_first),
		TAP_TEST(a_loop_or_a_disk_that_hangs_is_seen),
		TAP_TEST(mistakes_of_the_configuration_stay_in_the_status),
		TAP_TEST(before_the_first_picture_the_daemon_starts),
		TAP_TEST(a_replica_that_is_not_well_is_degraded_for_others),
		TAP_TEST(a_blank_replica_without_a_leader_is_named),
		TAP_TEST(a_node_that_is_not_heard_is_silent),
		TAP_TEST(a_silent_writer_is_none),
		TAP_TEST(a_path_that_drops_large_packets_is_told),
		TAP_TEST(another_list_timeout_or_size_is_told),
		TAP_TEST(a_refusal_is_told_with_its_reason),
		TAP_TEST(an_agent_that_is_not_well_is_degraded),
		TAP_TEST(a_leader_that_has_yet_to_apply_is_catching_up),
		TAP_TEST(the_state_has_an_age),
		TAP_TEST(texts_that_are_no_utf8_are_told_as_they_can_be),
		TAP_TEST(terms_that_openings_explain_are_no_unrest),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
