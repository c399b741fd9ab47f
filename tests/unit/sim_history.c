/* build: tests/sim/model/history.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * The simulator's linearizability check is itself checked: good histories pass,
 * and each way to spoil one is objected to.
 */
#include "tests/sim/model/history.h"

#include <stdlib.h>

#include "tap.h"
#include "tests/lib/random.h"

#define BLOCKS 4
#define OPS 200
#define ROUNDS 200

/* One operation of a history that is made up, with the moment it took effect. */
struct made {
	unsigned int block;
	bool write;
	uint64_t id;
	uint64_t begin;
	uint64_t at;
	uint64_t end; /* HISTORY_OPEN: no answer */
};

static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
	return random_below(&random_state, below);
}

/* Effects one after the other, each within its own begin and end. */
static void make_good(struct made *made, uint64_t seed)
{
	uint64_t now[BLOCKS] = { 0 };
	uint64_t next_id = 1;
	unsigned int i;

	random_state = seed;
	for (i = 0; i < OPS; i++) {
		made[i].block = (unsigned int)draw(BLOCKS);
		made[i].write = draw(2);
		made[i].at = 1000 + 10 * (uint64_t)i;
		made[i].begin = made[i].at - draw(60);
		made[i].end = made[i].at + draw(60);
		if (!made[i].write) {
			made[i].id = now[made[i].block];
			continue;
		}
		made[i].id = draw(6) ? next_id++ : 0;
		if (!draw(5))
			made[i].end = HISTORY_OPEN;
		if (made[i].end != HISTORY_OPEN || draw(2))
			now[made[i].block] = made[i].id;
	}
}

static bool is_good(const struct made *made, unsigned int count)
{
	struct history *history = history_new(BLOCKS);
	unsigned int i, handle;
	bool good;

	for (i = 0; i < count; i++) {
		if (!made[i].write) {
			history_read(history, made[i].block, made[i].id,
				     made[i].begin, made[i].end);
			continue;
		}
		handle = history_write(history, made[i].block, made[i].id,
				       made[i].begin);
		if (made[i].end != HISTORY_OPEN)
			history_answer(history, handle, made[i].end);
	}
	good = !history_check(history);
	history_free(history);
	return good;
}

static void good_histories_pass(void)
{
	struct made made[OPS];
	uint64_t seed;

	for (seed = 1; seed <= ROUNDS; seed++) {
		make_good(made, seed);
		tap_check(is_good(made, OPS));
	}
}

/* Two writes that don't overlap, and a read of the first after both. */
static void stale_read_is_objected_to(void)
{
	struct made made[OPS + 3];
	uint64_t seed, late = 1000000;

	for (seed = 1; seed <= ROUNDS; seed++) {
		make_good(made, seed);
		made[OPS] = (struct made){ 0, true, 7001, late, 0, late + 10 };
		made[OPS + 1] =
			(struct made){ 0, true, 7002, late + 20, 0, late + 30 };
		made[OPS + 2] = (struct made){ 0,	  false, 7001,
					       late + 40, 0,	 late + 50 };
		tap_check(!is_good(made, OPS + 3));
		/* ... as long as the second was answered. */
		made[OPS + 1].end = HISTORY_OPEN;
		tap_check(is_good(made, OPS + 3));
	}
}

/* An acknowledged write has no effect: the next read returns what was before. */
static void lost_write_is_objected_to(void)
{
	static const struct made made[] = {
		{ 1, true, 1, 10, 0, 20 },
		{ 1, true, 2, 30, 0, 40 },
		{ 1, false, 1, 50, 0, 50 },
	};
	static const struct made first[] = {
		{ 1, true, 1, 10, 0, 20 },
		{ 1, false, 0, 30, 0, 30 },
	};

	tap_check(!is_good(made, 3));
	tap_check(!is_good(first, 2));
}

static void swapped_values_are_objected_to(void)
{
	static const struct made good[] = {
		{ 0, true, 1, 10, 0, 20 },
		{ 0, false, 1, 30, 0, 31 },
		{ 0, true, 2, 40, 0, 50 },
		{ 0, false, 2, 60, 0, 61 },
	};
	static const struct made swapped[] = {
		{ 0, true, 1, 10, 0, 20 },
		{ 0, false, 2, 30, 0, 31 },
		{ 0, true, 2, 40, 0, 50 },
		{ 0, false, 1, 60, 0, 61 },
	};

	tap_check(is_good(good, 4));
	tap_check(!is_good(swapped, 4));
}

/* In flight, then read as new, then as old: once seen it may not go back. */
static void value_that_went_back_is_objected_to(void)
{
	static const struct made made[] = {
		{ 2, true, 1, 10, 0, 20 },
		{ 2, true, 2, 30, 0, HISTORY_OPEN },
		{ 2, false, 2, 40, 0, 41 },
		{ 2, false, 1, 50, 0, 51 },
	};

	tap_check(is_good(made, 3));
	tap_check(!is_good(made, 4));
}

static void phantom_is_objected_to(void)
{
	static const struct made made[] = { { 3, false, 99, 10, 0, 20 } };
	static const struct made elsewhere[] = {
		{ 0, true, 5, 10, 0, 20 },
		{ 1, false, 5, 30, 0, 40 },
	};

	tap_check(!is_good(made, 1));
	tap_check(!is_good(elsewhere, 2));
}

static void zeroes_are_checked_too(void)
{
	static const struct made good[] = {
		{ 0, true, 1, 10, 0, 20 },
		{ 0, true, 0, 30, 0, 40 },
		{ 0, false, 0, 50, 0, 50 },
	};
	static const struct made came_back[] = {
		{ 0, true, 1, 10, 0, 20 },
		{ 0, true, 0, 30, 0, 40 },
		{ 0, false, 1, 50, 0, 50 },
	};
	static const struct made between[] = {
		{ 0, true, 1, 10, 0, 20 },	     { 0, false, 1, 30, 0, 30 },
		{ 0, true, 0, 35, 0, HISTORY_OPEN }, { 0, false, 0, 40, 0, 40 },
		{ 0, false, 1, 50, 0, 50 },
	};

	tap_check(is_good(good, 3));
	tap_check(!is_good(came_back, 3));
	tap_check(is_good(between, 4));
	tap_check(!is_good(between, 5));
}

/* Of a good history: let an answered write's value turn up too early. */
static void read_before_its_write_is_objected_to(void)
{
	struct made made[OPS + 1];
	unsigned int i;
	uint64_t seed;

	for (seed = 1; seed <= ROUNDS; seed++) {
		make_good(made, seed);
		for (i = OPS / 2; !made[i].write || !made[i].id; i++)
			;
		made[OPS] = (struct made){ .block = made[i].block,
					   .id = made[i].id,
					   .begin = made[i].begin - 5,
					   .end = made[i].begin - 5 };
		tap_check(!is_good(made, OPS + 1));
	}
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(good_histories_pass),
		TAP_TEST(stale_read_is_objected_to),
		TAP_TEST(lost_write_is_objected_to),
		TAP_TEST(swapped_values_are_objected_to),
		TAP_TEST(value_that_went_back_is_objected_to),
		TAP_TEST(phantom_is_objected_to),
		TAP_TEST(zeroes_are_checked_too),
		TAP_TEST(read_before_its_write_is_objected_to),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
