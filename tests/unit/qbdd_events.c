// SPDX-License-Identifier: GPL-2.0
/* What the log is told when pictures of a node change: once, and by names. */
#include "base/log.h"
#include "qbdd/events.h"
#include "tap.h"

#define SECOND 1000000ULL

static struct conf conf;
static struct status_identity identity;
static struct published_status picture;
static struct events events;
static char said[8192];
static unsigned int lines;

static void say(void *context, int level, const char *text)
{
	size_t used = strlen(said);

	lines++;
	snprintf(said + used, sizeof(said) - used, "<%d>%s\n", level, text);
}

static void look(void)
{
	said[0] = '\0';
	lines = 0;
	events_look(&events, &picture);
}

/* Time passes, and the others are heard as long as they are up. */
static void pass(uint64_t us)
{
	unsigned int i;

	picture.taken_us += us;
	for (i = 0; i < 2; i++)
		if (picture.view.peers[i].up)
			picture.view.peers[i].heard_us =
				picture.taken_us - 100000;
}

static void link_is(unsigned int peer, bool up, const char *why)
{
	picture.view.peers[peer].up = up;
	picture.view.peers[peer].known = up;
	picture.links[peer + 1].state = up ? NET_UP : NET_DOWN;
	snprintf(picture.links[peer + 1].problem,
		 sizeof(picture.links[peer + 1].problem), "%s", up ? "" : why);
	said[0] = '\0';
	lines = 0;
	events_link(&events, peer + 2, up, why, picture.taken_us);
}

/* alpha of three leads, and all is well, for ten seconds. */
static void setup(void)
{
	static const char *const names[] = { "alpha", "beta", "gamma" };
	unsigned int i;

	memset(&conf, 0, sizeof(conf));
	memset(&picture, 0, sizeof(picture));
	strcpy(conf.volume, "vol0");
	conf.size_bytes = 1000;
	conf.io_timeout_ms = 30000;
	conf.election_timeout_ms = 1000;
	conf.node_count = 3;
	for (i = 0; i < 3; i++) {
		strcpy(conf.nodes[i].name, names[i]);
		conf.nodes[i].id = i + 1;
	}
	identity.conf = &conf;
	identity.self = &conf.nodes[0];
	events_init(&events, &identity, say, NULL);
	picture.taken_us = 1000 * SECOND;
	picture.view.id = 1;
	picture.view.member = RAFT_MEMBER_VOTER;
	picture.view.role = RAFT_LEADER;
	picture.view.leader = 1;
	picture.view.term = 5;
	picture.view.peer_count = 2;
	for (i = 0; i < 2; i++) {
		picture.view.peers[i].id = i + 2;
		picture.view.peers[i].member = RAFT_MEMBER_VOTER;
		link_is(i, true, "");
	}
	pass(0);
	look();
	pass(10 * SECOND);
	look();
}

static void is_said(const char *text)
{
	if (!tap_check(strstr(said, text) != NULL))
		printf("# \"%s\" is not in:\n# %s", text, said);
}

static void all_well_is_no_news(void)
{
	unsigned int i;

	setup();
	for (i = 0; i < 500; i++) {
		pass(SECOND);
		picture.view.commit++;
		look();
		tap_check_eq(lines, 0);
	}
}

static void lost_quorum_says_who_is_missing_and_since_when(void)
{
	setup();
	link_is(1, false, "it closed the connection");
	is_said("<4>event=link-down peer=gamma up_s=10.0 "
		"reason=\"it closed the connection\"\n");
	pass(SECOND);
	look();
	tap_check_eq(lines, 0); /* two of three */
	link_is(0, false, "Connection reset by peer");
	pass(SECOND);
	look();
	tap_check_eq(lines, 0); /* it still leads */
	picture.view.leader = 0;
	picture.view.role = RAFT_FOLLOWER;
	pass(0);
	look();
	tap_check_eq(lines, 1);
	is_said("<3>event=quorum-lost missing=beta,gamma reached=1 needed=2 "
		"of=3 why=\"beta: silent for 1.1 s, Connection reset by peer; "
		"gamma: silent for 2.1 s, it closed the connection\" "
		"remedy=\"start the agent there, or fix the network; I/O waits "
		"30 s, then fails\"\n");
	pass(10 * SECOND);
	look();
	tap_check_eq(lines, 0); /* and not again */
	link_is(0, true, "");
	is_said("<5>event=link-up peer=beta down_s=11.0\n");
	pass(0);
	look();
	tap_check_eq(lines, 0); /* nobody leads yet */
	picture.view.leader = 2;
	picture.view.term = 6;
	pass(SECOND / 2);
	look();
	tap_check_eq(lines, 1);
	is_said("<5>event=quorum-regained after_s=10.5 leader=beta term=6\n");
	pass(SECOND);
	look();
	tap_check_eq(lines, 0);
}

static void a_silent_link_counts_as_missing(void)
{
	setup();
	picture.taken_us += 3 * SECOND; /* nobody is heard */
	picture.view.leader = 0;
	look();
	is_said("missing=beta,gamma");
	is_said("beta: silent for 3.1 s; gamma: silent for 3.1 s\"");
}

static void an_election_is_no_lost_quorum(void)
{
	setup();
	picture.view.leader = 0;
	pass(SECOND);
	look();
	tap_check_eq(lines, 0);
	picture.view.leader = 3;
	picture.view.term = 6;
	pass(SECOND);
	look();
	tap_check_eq(lines, 0); /* the node itself tells of its leader */
}

static void who_does_not_vote_is_not_missed(void)
{
	setup();
	picture.view.peers[1].member = RAFT_MEMBER_LEARNER;
	picture.view.leader = 0;
	link_is(0, false, "x");
	pass(2 * SECOND);
	look();
	is_said("missing=beta reached=1 needed=2 of=2 ");
}

static void a_start_without_the_others_says_for_whom_it_waits(void)
{
	setup();
	events_init(&events, &identity, say, NULL);
	picture.view.leader = 0;
	picture.view.blank = true;
	picture.view.peers[1].up = false;
	picture.view.peers[1].heard_us = 0;
	picture.links[2].state = NET_DOWN;
	strcpy(picture.links[2].problem, "can't connect to g:1: No route");
	pass(0);
	look();
	pass(4 * SECOND);
	look();
	tap_check_eq(lines, 0);
	pass(SECOND);
	look();
	tap_check_eq(lines, 1);
	is_said("<3>event=quorum-awaited missing=gamma reached=2 needed=3 of=3 "
		"why=\"gamma: never heard, can't connect to g:1: No route\"");
	pass(5 * SECOND);
	look();
	tap_check_eq(lines, 1);
	is_said("<4>event=link-down peer=gamma reason=\"can't connect to g:1: "
		"No route\" remedy=");
	picture.view.leader = 1;
	pass(SECOND);
	look();
	tap_check_eq(lines, 1);
	is_said("<5>event=quorum-reached after_s=11.0 leader=alpha");
	picture.view.leader = 0;
	link_is(0, false, "x");
	pass(2 * SECOND);
	look();
	is_said("event=quorum-lost");
}

static void nobody_leads_though_a_majority_is_there(void)
{
	setup();
	picture.view.leader = 0;
	pass(SECOND);
	look();
	pass(9 * SECOND);
	look();
	tap_check_eq(lines, 0);
	pass(SECOND);
	look();
	tap_check_eq(lines, 1);
	is_said("<3>event=elections-unsettled leaderless_s=10.0 reached=3 "
		"needed=2 term=5 ");
	pass(SECOND);
	look();
	tap_check_eq(lines, 0);
}

static void terms_that_rise_and_rise_are_told_once_a_minute(void)
{
	unsigned int i, told = 0;

	setup();
	for (i = 0; i < 120; i++) { /* one in two seconds */
		pass(2 * SECOND);
		picture.view.term++;
		picture.view.leader = i % 3 + 1;
		look();
		told += lines;
		if (told == 1 && lines)
			is_said("<4>event=elections-unsettled terms=6 ");
	}
	tap_check(told >= 4 && told <= 5);
	setup();
	for (i = 0; i < 20; i++) { /* one in twenty */
		pass(20 * SECOND);
		picture.view.term++;
		look();
		tap_check_eq(lines, 0);
	}
}

static void a_link_that_flaps_is_counted_once_a_minute(void)
{
	unsigned int i, told = 0;

	setup();
	for (i = 0; i < 60; i++) { /* up and down in two seconds */
		pass(SECOND);
		link_is(1, false, "nothing received for 10 s");
		told += lines;
		pass(SECOND);
		link_is(1, true, "");
		told += lines;
		look();
		told += lines;
		if (strstr(said, "link-flaps") && told < 10)
			is_said("event=link-flaps peer=gamma ended=30 seconds=60 "
				"up=1 reason=\"nothing received for 10 s\" ");
	}
	/* Three ends one by one, and their ups; then a line a minute. */
	tap_check_eq(told, 2 * EVENTS_LINK_ENDS_MAX + 1);
	/* It calms down: the rest is told, and then each end again. */
	pass(61 * SECOND);
	look();
	tap_check_eq(lines, 1);
	is_said("event=link-flaps");
	pass(61 * SECOND);
	look();
	tap_check_eq(lines, 0);
	link_is(1, false, "it closed the connection");
	tap_check_eq(lines, 1);
	is_said("event=link-down peer=gamma");
}

static void another_reason_why_a_link_stays_down_is_told(void)
{
	unsigned int i, told = 0;

	setup();
	link_is(1, false, "nothing received for 10 s");
	strcpy(picture.links[2].problem, "can't connect: \"no\" answer");
	pass(SECOND);
	look();
	tap_check_eq(lines, 0); /* not settled yet */
	pass(2 * SECOND);
	look();
	tap_check_eq(lines, 1);
	is_said("<5>event=link-problem peer=gamma down_s=3.0 "
		"reason=\"can't connect: 'no' answer\"\n");
	for (i = 0; i < 120; i++) { /* two that alternate */
		pass(SECOND);
		strcpy(picture.links[2].problem, i % 2 ? "one" : "two");
		look();
		told += lines;
	}
	tap_check(told == 1 || told == 2);
}

static void what_a_peer_says_of_its_disk_is_told_once(void)
{
	setup();
	picture.view.peers[0].status.flags = WIRE_NODE_DISK_FAILED;
	pass(SECOND);
	look();
	tap_check_eq(lines, 1);
	is_said("<3>event=peer-disk-failed peer=beta remedy=");
	link_is(0, false, "it closed the connection");
	link_is(0, true, "");
	look();
	tap_check_eq(lines, 0); /* we know */
	picture.view.peers[0].status.flags = WIRE_NODE_DAMAGED;
	look();
	is_said("<4>event=peer-damaged peer=beta");
	picture.view.peers[0].status.flags = WIRE_NODE_INCOMPLETE;
	look();
	tap_check_eq(lines, 1);
	is_said("<5>event=peer-repaired peer=beta");
}

static void damage_while_it_runs_is_told(void)
{
	setup();
	picture.view.damaged = true;
	strcpy(picture.view.problem, "replica damaged: term and vote");
	look();
	is_said("<3>event=replica-damaged what=\"replica damaged: term and "
		"vote\"");
	look();
	tap_check_eq(lines, 0);
	picture.view.damaged = false;
	look();
	is_said("<5>event=replica-repaired\n");
	/* What was found at the start has been told by it. */
	picture.view.damaged = true;
	events_init(&events, &identity, say, NULL);
	look();
	tap_check_eq(lines, 0);
}

static void a_copy_makes_progress_each_half_a_minute(void)
{
	unsigned int i, told = 0;

	setup();
	picture.view.peers[1].copy = NODE_COPY_RUNNING;
	for (i = 0; i < 95; i++) {
		pass(SECOND);
		picture.view.peers[1].copy_offset = 10 * i;
		look();
		told += lines;
		if (lines && told == 1)
			is_said("<6>event=copy-progress to=gamma percent=30 "
				"bytes=300 ");
	}
	tap_check_eq(told, 3);
	picture.view.peers[1].copy = NODE_COPY_NONE;
	pass(100 * SECOND);
	look();
	tap_check_eq(lines, 0);
	picture.view.incomplete = true;
	picture.view.copy_received = 500;
	picture.view.leader = 2;
	look();
	pass(31 * SECOND);
	look();
	tap_check_eq(lines, 1);
	is_said("<6>event=copy-progress from=beta percent=50 bytes=500\n");
}

static void an_opening_that_waits_says_for_what(void)
{
	setup();
	picture.view.open_pending = true;
	strcpy(picture.view.problem, "catching up");
	look();
	pass(SECOND);
	look();
	tap_check_eq(lines, 0);
	pass(SECOND);
	look();
	tap_check_eq(lines, 1);
	is_said("<4>event=open-waits seconds=2.0 reason=\"catching up\"");
	pass(SECOND);
	look();
	tap_check_eq(lines, 0);
	picture.view.open_pending = false;
	look();
	picture.view.open_pending = true;
	picture.view.problem[0] = '\0';
	picture.view.leader = 3;
	look();
	pass(3 * SECOND);
	look();
	is_said("reason=\"gamma leads and has not handed over yet\"");
}

static void ids_become_names(void)
{
	char out[64];

	setup();
	events_put_names(&conf, "leader=#2 was=#0 by=#1,#3x #9 # #a", out,
			 sizeof(out));
	tap_check_str(out, "leader=beta was=none by=alpha,gammax #9 # #a");
	events_put_names(&conf, "a=#1 b=#2", out, 8);
	tap_check_str(out, "a=alpha");
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(all_well_is_no_news),
		TAP_TEST(lost_quorum_says_who_is_missing_and_since_when),
		TAP_TEST(a_silent_link_counts_as_missing),
		TAP_TEST(an_election_is_no_lost_quorum),
		TAP_TEST(who_does_not_vote_is_not_missed),
		TAP_TEST(a_start_without_the_others_says_for_whom_it_waits),
		TAP_TEST(nobody_leads_though_a_majority_is_there),
		TAP_TEST(terms_that_rise_and_rise_are_told_once_a_minute),
		TAP_TEST(a_link_that_flaps_is_counted_once_a_minute),
		TAP_TEST(another_reason_why_a_link_stays_down_is_told),
		TAP_TEST(what_a_peer_says_of_its_disk_is_told_once),
		TAP_TEST(damage_while_it_runs_is_told),
		TAP_TEST(a_copy_makes_progress_each_half_a_minute),
		TAP_TEST(an_opening_that_waits_says_for_what),
		TAP_TEST(ids_become_names),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
