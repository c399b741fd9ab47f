/* build: -Itests/unit/kshim -Ikmod kmod/range.c */
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kmod/range.c: who waits for whom, and that nobody waits for ever.
 */
#include <stdlib.h>

#include "range.h"
#include "tap.h"
#include "tests/lib/random.h"

#define K (1024ULL)

static struct qbd_ranges ranges;
static struct list_head freed;

static void start(void)
{
	qbd_ranges_init(&ranges);
	INIT_LIST_HEAD(&freed);
}

static bool enter(struct qbd_range *range, uint64_t offset, uint64_t length,
		  bool read)
{
	qbd_range_init(range, offset, length, read);
	return qbd_range_enter(&ranges, range);
}

static struct qbd_range *next_freed(void)
{
	struct qbd_range *range;

	if (list_empty(&freed))
		return NULL;
	range = list_entry(freed.next, struct qbd_range, freed);
	list_del_init(&range->freed);
	return range;
}

static void what_does_not_overlap_goes_on(void)
{
	struct qbd_range read, write;

	start();
	tap_check(enter(&write, 8 * K, 4 * K, false));
	tap_check(enter(&read, 4 * K, 4 * K, true));
	qbd_range_leave(&ranges, &write, &freed);
	qbd_range_leave(&ranges, &read, &freed);
	tap_check(!next_freed());
}

static void blocks_are_4k_whatever_the_sectors(void)
{
	struct qbd_range read, write;

	start();
	tap_check(enter(&write, 8 * K, 512, false));
	/* another sector of the same block: the reader would see a mix */
	tap_check(!enter(&read, 11 * K, 512, true));
	qbd_range_leave(&ranges, &write, &freed);
	tap_check(next_freed() == &read);
}

static void writes_do_not_wait_for_writes(void)
{
	struct qbd_range first, second;

	start();
	tap_check(enter(&first, 0, 64 * K, false));
	tap_check(enter(&second, 0, 64 * K, false));
}

static void reads_do_not_wait_for_reads(void)
{
	struct qbd_range first, second;

	start();
	tap_check(enter(&first, 0, 64 * K, true));
	tap_check(enter(&second, 0, 64 * K, true));
}

static void read_waits_for_all_writes_before_it(void)
{
	struct qbd_range first, second, read;

	start();
	enter(&first, 0, 8 * K, false);
	enter(&second, 4 * K, 8 * K, false);
	tap_check(!enter(&read, 0, 64 * K, true));
	qbd_range_leave(&ranges, &second, &freed);
	tap_check(!next_freed());
	qbd_range_leave(&ranges, &first, &freed);
	tap_check(next_freed() == &read);
}

static void steady_writes_do_not_starve_a_read(void)
{
	struct qbd_range first, second, read;

	start();
	enter(&first, 0, 4 * K, false);
	tap_check(!enter(&read, 0, 4 * K, true));
	/* it came after the read, so it waits for it, not the other way */
	tap_check(!enter(&second, 0, 4 * K, false));
	qbd_range_leave(&ranges, &first, &freed);
	tap_check(next_freed() == &read);
	tap_check(!next_freed());
	qbd_range_leave(&ranges, &read, &freed);
	tap_check(next_freed() == &second);
}

static void steady_reads_do_not_starve_a_write(void)
{
	struct qbd_range first, second, write;

	start();
	tap_check(enter(&first, 0, 4 * K, true));
	tap_check(!enter(&write, 0, 4 * K, false));
	tap_check(!enter(&second, 0, 4 * K, true));
	qbd_range_leave(&ranges, &first, &freed);
	tap_check(next_freed() == &write);
	tap_check(!next_freed());
	qbd_range_leave(&ranges, &write, &freed);
	tap_check(next_freed() == &second);
}

static void who_gives_up_frees_those_behind_it(void)
{
	struct qbd_range write, read, later;

	start();
	enter(&write, 0, 4 * K, false);
	enter(&read, 0, 4 * K, true);
	enter(&later, 0, 4 * K, false);
	/* the read times out while it is held */
	qbd_range_leave(&ranges, &read, &freed);
	tap_check(next_freed() == &later);
	qbd_range_leave(&ranges, &write, &freed);
	tap_check(!next_freed());
}

static void who_is_freed_and_leaves_at_once_is_not_handed_out(void)
{
	struct qbd_range write, read;

	start();
	enter(&write, 0, 4 * K, false);
	enter(&read, 0, 4 * K, true);
	qbd_range_leave(&ranges, &write, &freed);
	/* as an abort does, in the same turn */
	qbd_range_leave(&ranges, &read, &freed);
	tap_check(!next_freed());
}

static void leaving_twice_does_nothing(void)
{
	struct qbd_range other, write, later, read;

	start();
	enter(&other, 64 * K, 4 * K, false);
	enter(&write, 0, 4 * K, false);
	qbd_range_leave(&ranges, &write, &freed);
	enter(&later, 128 * K, 4 * K, false);
	qbd_range_leave(&ranges, &write, &freed);
	tap_check(!next_freed());
	tap_check(!enter(&read, 128 * K, 4 * K, true));
}

static void last_block_of_a_huge_device_is_a_block(void)
{
	struct qbd_range read, write;

	start();
	enter(&write, UINT64_MAX - 4095, 4096, false);
	tap_check(!enter(&read, UINT64_MAX - 511, 512, true));
}

/* Those that came before the first lookup are found all the same */
static void first_of_the_other_kind_finds_all_that_are_there(void)
{
	enum { READS = 100 };
	static struct qbd_range reads[READS];
	struct qbd_range write;
	int i;

	start();
	for (i = 0; i < READS; i++)
		tap_check(enter(&reads[i], 4 * K * (uint64_t)i, 4 * K, true));
	/* some have left before it comes */
	for (i = 0; i < READS; i += 2)
		qbd_range_leave(&ranges, &reads[i], &freed);
	tap_check(!enter(&write, 0, READS * 4 * K, false));
	for (i = 1; i < READS; i += 2) {
		tap_check(!next_freed());
		qbd_range_leave(&ranges, &reads[i], &freed);
	}
	tap_check(next_freed() == &write);
}

/* What the first of the other kind has to do has a bound */
static void list_is_short_and_who_is_beyond_it_is_found(void)
{
	enum { WRITES = 3 * QBD_RANGE_LISTED_MAX };
	static struct qbd_range writes[WRITES];
	struct qbd_range read;
	int i;

	start();
	for (i = 0; i < WRITES; i++)
		tap_check(enter(&writes[i], 4 * K * (uint64_t)i, 4 * K, false));
	tap_check_eq(ranges.writes.listed, QBD_RANGE_LISTED_MAX);
	/* one leaves the list, one the tree: there is room for one */
	qbd_range_leave(&ranges, &writes[0], &freed);
	qbd_range_leave(&ranges, &writes[WRITES - 1], &freed);
	tap_check(enter(&writes[0], 0, 4 * K, false));
	tap_check_eq(ranges.writes.listed, QBD_RANGE_LISTED_MAX);
	tap_check(!enter(&read, 0, WRITES * 4 * K, true));
	tap_check_eq(ranges.writes.listed, 0);
	tap_check_eq(read.blockers, WRITES - 1);
	for (i = 0; i < WRITES - 1; i++) {
		tap_check(!next_freed());
		qbd_range_leave(&ranges, &writes[i], &freed);
	}
	tap_check(next_freed() == &read);
}

#define ACTORS 40

struct actor {
	struct qbd_range range;
	bool in, goes;
};

static bool overlap(const struct qbd_range *a, const struct qbd_range *b)
{
	return a->first <= b->last && b->first <= a->last;
}

/* What must hold of each that is in, by looking at all others */
static bool must_wait(const struct actor *actors, int who)
{
	const struct qbd_range *mine = &actors[who].range;
	int i;

	for (i = 0; i < ACTORS; i++)
		if (actors[i].in && actors[i].range.read != mine->read &&
		    actors[i].range.seq < mine->seq &&
		    overlap(&actors[i].range, mine))
			return true;
	return false;
}

static void thousands_of_random_arrivals_agree_with_the_model(void)
{
	static struct actor actors[ACTORS];
	struct qbd_range *range;
	uint64_t seed = 7;
	int turn, i;

	start();
	for (turn = 0; turn < 200000; turn++) {
		struct actor *actor = &actors[random_below(&seed, ACTORS)];

		if (actor->in) {
			/* most leave when they may go, some give up */
			if (!actor->goes && random_below(&seed, 8))
				continue;
			actor->in = false;
			qbd_range_leave(&ranges, &actor->range, &freed);
			while ((range = next_freed()))
				container_of(range, struct actor, range)->goes =
					true;
		} else {
			actor->in = true;
			actor->goes = enter(&actor->range,
					    random_below(&seed, 64) * 512,
					    (random_below(&seed, 16) + 1) * 512,
					    random_below(&seed, 2));
		}
		for (i = 0; i < ACTORS; i++)
			if (actors[i].in &&
			    !tap_check_eq(actors[i].goes,
					  !must_wait(actors, i)))
				return;
	}
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(what_does_not_overlap_goes_on),
		TAP_TEST(blocks_are_4k_whatever_the_sectors),
		TAP_TEST(writes_do_not_wait_for_writes),
		TAP_TEST(reads_do_not_wait_for_reads),
		TAP_TEST(read_waits_for_all_writes_before_it),
		TAP_TEST(steady_writes_do_not_starve_a_read),
		TAP_TEST(steady_reads_do_not_starve_a_write),
		TAP_TEST(who_gives_up_frees_those_behind_it),
		TAP_TEST(who_is_freed_and_leaves_at_once_is_not_handed_out),
		TAP_TEST(leaving_twice_does_nothing),
		TAP_TEST(last_block_of_a_huge_device_is_a_block),
		TAP_TEST(first_of_the_other_kind_finds_all_that_are_there),
		TAP_TEST(list_is_short_and_who_is_beyond_it_is_found),
		TAP_TEST(thousands_of_random_arrivals_agree_with_the_model),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
