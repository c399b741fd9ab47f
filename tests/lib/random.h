/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where all tests get their random numbers: splitmix64.  A state is any number,
 * the seed: each rig keeps its own, and a failure can be run again.
 */
#ifndef TESTS_LIB_RANDOM_H
#define TESTS_LIB_RANDOM_H

#include <stdint.h>

#define RANDOM_STEP 0x9e3779b97f4a7c15ULL

/* One to one; equal numbers stay equal, and near ones do not stay near. */
static inline uint64_t random_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/*
 * A number that follows from two.  The entries of the store's tests are made by
 * it, so what the kept inputs of tests/fuzz mean depends on every bit of it.
 */
static inline uint64_t random_of(uint64_t a, uint64_t b)
{
	a ^= b * RANDOM_STEP;
	a = (a ^ (a >> 29)) * 0xbf58476d1ce4e5b9ULL;
	return a ^ (a >> 32);
}

static inline uint64_t random_next(uint64_t *state)
{
	return random_mix(*state += RANDOM_STEP);
}

/* In [0, @below); 0: always 0.  The state goes on in either case. */
static inline uint64_t random_below(uint64_t *state, uint64_t below)
{
	uint64_t number = random_next(state);

	return below ? number % below : 0;
}

#endif
