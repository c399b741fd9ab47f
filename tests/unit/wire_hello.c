// SPDX-License-Identifier: GPL-2.0
/*
 * wire/: who may talk to whom.  The matrix of what can differ between two
 * nodes, and that each difference has a text of its own with a remedy, which
 * arrives whole on the other side however long the names are.
 */
#include <errno.h>

#include "tap.h"
#include "wire_rig.h"

struct pair {
	struct wire_hello ours;
	struct wire_hello theirs;
};

/* Node 1 (we) connects to node 2. */
static void pair_begin(struct pair *pair)
{
	memset(pair, 0, sizeof(*pair));
	pair->ours.version_min = 3;
	pair->ours.version_max = 5;
	memset(pair->ours.volume_id, 0xa5, 16);
	strcpy(pair->ours.volume_name, "vol0");
	strcpy(pair->ours.node_name, "n1");
	pair->ours.from = 1;
	pair->ours.to = 2;
	pair->ours.volume_bytes = RIG_VOLUME_BYTES;
	pair->ours.block_size = 4096;
	pair->ours.members_crc = 0x1234;
	pair->ours.incarnation = 77;
	pair->theirs = pair->ours;
	strcpy(pair->theirs.node_name, "n2");
	pair->theirs.from = 2;
	pair->theirs.to = 1;
	pair->theirs.incarnation = 78;
}

enum difference {
	VOLUME_ID,
	VOLUME_NAME,
	BLOCK_SIZE,
	TOO_OLD,
	TOO_NEW,
	DOUBLED_ID,
	DOUBLED_NAME,
	OTHER_NODE,
	TAKES_US_FOR_ANOTHER,
	DIFFERENCES,
};

static void differ(struct pair *pair, enum difference difference)
{
	struct wire_hello *theirs = &pair->theirs;

	switch (difference) {
	case VOLUME_ID:
		theirs->volume_id[15] ^= 1;
		break;
	case VOLUME_NAME:
		memset(theirs->volume_name, 'v', 63);
		break;
	case BLOCK_SIZE:
		theirs->block_size = 512;
		break;
	case TOO_OLD:
		theirs->version_min = 1;
		theirs->version_max = 2;
		break;
	case TOO_NEW:
		theirs->version_min = 6;
		theirs->version_max = 65535;
		break;
	case DOUBLED_ID:
		theirs->from = 1;
		break;
	case DOUBLED_NAME:
		memcpy(theirs->node_name, pair->ours.node_name, 64);
		break;
	case OTHER_NODE:
		theirs->from = 0xffffffff;
		break;
	case TAKES_US_FOR_ANOTHER:
		theirs->to = 0xffffffff;
		break;
	case DIFFERENCES:
		break;
	}
}

static const struct {
	const char *what;
	const char *remedy;
} texts[DIFFERENCES] = {
	[VOLUME_ID] = { "other volume ids", "use the same one" },
	[VOLUME_NAME] = { "is called", "use one name" },
	[BLOCK_SIZE] = { "block size", "give the same" },
	[TOO_OLD] = { "n2 speaks protocol versions 1 to 2",
		      "upgrade qbd on n2" },
	[TOO_NEW] = { "n1 speaks protocol versions 3 to 5",
		      "upgrade qbd on n1" },
	[DOUBLED_ID] = { "two nodes say they are", "its own name and id" },
	[DOUBLED_NAME] = { "two nodes say they are", "its own name and id" },
	[OTHER_NODE] = { "where node 2 should be",
			 "correct the address of node 2" },
	[TAKES_US_FOR_ANOTHER] = { "n2 looks for node 4294967295",
				   "correct the address" },
};

static void equal_configurations_get_on(void)
{
	struct base_error error;
	uint16_t version = 0;
	struct pair pair;

	pair_begin(&pair);
	tap_check_eq(wire_hello_check(&pair.ours, &pair.theirs, &version,
				      &error),
		     0);
	tap_check_eq(version, 5);
	tap_check_eq(wire_hello_check(&pair.theirs, &pair.ours, &version,
				      &error),
		     0);
}

/* A node is added, a volume grows, a timeout is changed: node by node. */
static void other_lists_sizes_and_timeouts_are_no_ground_to_refuse(void)
{
	struct base_error error;
	uint16_t version;
	struct pair pair;

	pair_begin(&pair);
	tap_check_eq(wire_hello_differs(&pair.ours, &pair.theirs), 0);
	pair.theirs.members_crc++;
	tap_check_eq(wire_hello_differs(&pair.ours, &pair.theirs),
		     WIRE_DIFFERS_NODES);
	pair.theirs.volume_bytes *= 2;
	tap_check_eq(wire_hello_differs(&pair.theirs, &pair.ours),
		     WIRE_DIFFERS_NODES | WIRE_DIFFERS_SIZE);
	pair.theirs.election_timeout_ms++;
	tap_check_eq(wire_hello_differs(&pair.theirs, &pair.ours),
		     WIRE_DIFFERS_NODES | WIRE_DIFFERS_SIZE |
			     WIRE_DIFFERS_TIMEOUT);
	tap_check_eq(wire_hello_check(&pair.ours, &pair.theirs, &version,
				      &error),
		     0);
}

static void the_highest_common_version_is_spoken(void)
{
	static const struct {
		uint16_t min, max, spoken; /* ours: 3 to 5 */
	} tries[] = {
		{ 1, 2, 0 }, { 1, 3, 3 }, { 2, 4, 4 }, { 3, 5, 5 },
		{ 4, 9, 5 }, { 5, 5, 5 }, { 6, 6, 0 },
	};
	struct base_error error;
	struct pair pair;
	size_t i;

	for (i = 0; i < TAP_COUNT(tries); i++) {
		uint16_t version = 0;
		int err;

		pair_begin(&pair);
		pair.theirs.version_min = tries[i].min;
		pair.theirs.version_max = tries[i].max;
		err = wire_hello_check(&pair.ours, &pair.theirs, &version,
				       &error);
		tap_check_eq(err, tries[i].spoken ? 0 : -EPROTO);
		tap_check_eq(version, tries[i].spoken);
	}
}

static void each_difference_is_told_with_its_remedy(void)
{
	struct base_error error;
	uint16_t version = 0;
	struct pair pair;
	unsigned int i;

	for (i = 0; i < DIFFERENCES; i++) {
		pair_begin(&pair);
		differ(&pair, i);
		tap_check_eq(wire_hello_check(&pair.ours, &pair.theirs,
					      &version, &error),
			     -EPROTO);
		if (!tap_check(strstr(error.text, texts[i].what) &&
			       strstr(error.text, texts[i].remedy)))
			printf("# %u: %s\n", i, error.text);
		tap_check_eq(version, 0);
		/* With usual names it fits a line of the status too. */
		if (!tap_check(strlen(error.text) < 148))
			printf("# %zu bytes: %s\n", strlen(error.text),
			       error.text);
	}
}

static void both_sides_see_a_difference(void)
{
	struct base_error error;
	uint16_t version;
	struct pair pair;
	unsigned int i;

	for (i = 0; i < DIFFERENCES; i++) {
		pair_begin(&pair);
		differ(&pair, i);
		tap_check_eq(wire_hello_check(&pair.theirs, &pair.ours,
					      &version, &error),
			     -EPROTO);
	}
}

/* A cause hides what follows from it, in this order. */
static void the_cause_is_told_first(void)
{
	static const enum difference order[] = { VOLUME_ID, BLOCK_SIZE, TOO_OLD,
						 OTHER_NODE };
	struct base_error error;
	uint16_t version;
	struct pair pair;
	size_t i, j;

	for (i = 0; i < TAP_COUNT(order); i++) {
		pair_begin(&pair);
		for (j = i; j < TAP_COUNT(order); j++)
			differ(&pair, order[j]);
		wire_hello_check(&pair.ours, &pair.theirs, &version, &error);
		tap_check(strstr(error.text, texts[order[i]].what));
	}
}

static void remedies_arrive_whole(void)
{
	struct base_error error;
	uint16_t version;
	struct pair pair;
	unsigned int i;

	for (i = 0; i < DIFFERENCES; i++) {
		pair_begin(&pair);
		memset(pair.ours.volume_name, 'u', 63);
		memset(pair.theirs.volume_name, 'u', 63);
		memset(pair.ours.node_name, 'a', 63);
		memset(pair.theirs.node_name, 'b', 63);
		pair.ours.to = 0xfffffffe;
		pair.theirs.from = 0xfffffffe;
		differ(&pair, i);
		wire_hello_check(&pair.ours, &pair.theirs, &version, &error);
		if (!tap_check(strlen(error.text) <= WIRE_TEXT_MAX))
			printf("# %zu bytes: %s\n", strlen(error.text),
			       error.text);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(equal_configurations_get_on),
		TAP_TEST(
			other_lists_sizes_and_timeouts_are_no_ground_to_refuse),
		TAP_TEST(the_highest_common_version_is_spoken),
		TAP_TEST(each_difference_is_told_with_its_remedy),
		TAP_TEST(both_sides_see_a_difference),
		TAP_TEST(the_cause_is_told_first),
		TAP_TEST(remedies_arrive_whole),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
