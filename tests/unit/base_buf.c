// SPDX-License-Identifier: GPL-2.0
/*
 * base/buf and the pool below it: sizes and alignment, what fits and what does
 * not, that no page is in two buffers and none is lost, and buffers that one
 * thread makes and another one drops.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/pool.h"
#include "tap.h"
#include "tests/lib/random.h"

#define BLOCK_PAGES (BASE_POOL_BLOCK / BASE_POOL_PAGE)
#define POOL_BLOCKS 3
#define POOL_PAGES (POOL_BLOCKS * BLOCK_PAGES)
#define MANY 1000
#define ROUNDS 200

static uint64_t seed = 1;

static uint32_t below(uint32_t bound)
{
	return (uint32_t)random_below(&seed, bound);
}

static void buffers_of_all_sizes_are_aligned_and_apart(void)
{
	static const size_t sizes[] = {
		0,     1,     512,    4096,    4097,	8192,
		73728, 98304, 100000, 1 << 20, 2 << 20, (2 << 20) + 1
	};
	struct base_buf *bufs[2 * sizeof(sizes) / sizeof(sizes[0])];
	unsigned int count = sizeof(bufs) / sizeof(bufs[0]), i;
	size_t at;

	for (i = 0; i < count; i++) {
		bufs[i] = base_buf_new(sizes[i / 2]);
		tap_check_eq(bufs[i]->size, sizes[i / 2]);
		tap_check_eq(bufs[i]->refs, 1);
		tap_check_eq((uintptr_t)bufs[i]->data % BASE_BUF_ALIGN, 0);
		memset(bufs[i]->data, (int)i, bufs[i]->size);
	}
	for (i = 0; i < count; i++) {
		bool whole = true;

		for (at = 0; at < bufs[i]->size; at++)
			whole &= bufs[i]->data[at] == i;
		tap_check(whole);
		base_buf_put(bufs[i]);
	}
}

static bool in_pool(const struct base_buf *buf)
{
	size_t bytes;
	uint8_t *pool = base_buf_pool_range(&bytes);

	return buf->data >= pool && buf->data < pool + bytes;
}

/* The whole of it can be had, page by page, and again after each time. */
static void what_does_not_fit_comes_from_the_heap(void)
{
	static struct base_buf *bufs[POOL_PAGES + 10];
	unsigned int round, i, inside;

	for (round = 0; round < 3; round++) {
		for (i = 0, inside = 0; i < POOL_PAGES + 10; i++) {
			bufs[i] = base_buf_new(1 + below(4096));
			inside += in_pool(bufs[i]);
		}
		tap_check_eq(inside, POOL_PAGES);
		for (i = 0; i < POOL_PAGES + 10; i++)
			base_buf_put(bufs[i]);
	}
}

static void a_buffer_in_use_is_nobody_elses(void)
{
	struct base_buf *first = base_buf_new(4096), *next;

	base_buf_get(first);
	base_buf_put(first);
	next = base_buf_new(4096);
	tap_check(next->data != first->data);
	base_buf_put(first);
	base_buf_put(next);
}

struct taken {
	uint32_t first;
	uint32_t count;
};

static bool mark(uint8_t *owned, const struct taken *taken, uint8_t from,
		 uint8_t to)
{
	uint32_t i;

	for (i = 0; i < taken->count; i++) {
		if (taken->first + i >= POOL_PAGES ||
		    owned[taken->first + i] != from)
			return false;
		owned[taken->first + i] = to;
	}
	return true;
}

/* Of all sizes, in random order; what is given back comes in two parts at times. */
static void no_page_is_taken_twice_and_none_is_lost(void)
{
	static uint8_t owned[POOL_PAGES];
	struct taken taken[64];
	struct base_pool pool;
	unsigned int count = 0, step, i;
	bool sound = true, refused = false;

	tap_need(!base_pool_init(&pool, POOL_BLOCKS * BASE_POOL_BLOCK + 5));
	for (step = 0; step < 100000 && sound; step++) {
		if (count < 64 && below(2)) {
			uint32_t pages = 1 + below(below(4) ? 40 : BLOCK_PAGES);
			int64_t first = base_pool_take(&pool, pages);

			refused |= first < 0;
			if (first < 0)
				continue;
			taken[count].first = (uint32_t)first;
			taken[count].count = pages;
			sound = mark(owned, &taken[count++], 0, 1);
		} else if (count) {
			struct taken gone = taken[i = below(count)];
			uint32_t part = below(gone.count + 1);

			taken[i] = taken[--count];
			sound = mark(owned, &gone, 1, 0);
			base_pool_give(&pool, gone.first, part);
			base_pool_give(&pool, gone.first + part,
				       gone.count - part);
		}
	}
	tap_check(sound);
	tap_check(refused);
	while (count--)
		base_pool_give(&pool, taken[count].first, taken[count].count);
	/* All is in whole blocks again. */
	for (i = 0; i < POOL_BLOCKS; i++)
		tap_check(base_pool_take(&pool, BLOCK_PAGES) >= 0);
	tap_check_eq((uint64_t)base_pool_take(&pool, 1), UINT64_MAX);
	base_pool_destroy(&pool);
}

static struct base_buf *handed[MANY];

static void *drop_all(void *unused)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		struct base_buf *buf;

		do {
			buf = __atomic_exchange_n(&handed[i], NULL,
						  __ATOMIC_ACQUIRE);
		} while (!buf);
		tap_check_eq(buf->data[0], i % 256);
		base_buf_put(buf);
	}
	return unused;
}

static void another_thread_may_drop_the_last_reference(void)
{
	unsigned int round, i;
	pthread_t thread;

	for (round = 0; round < ROUNDS; round++) {
		tap_need(!pthread_create(&thread, NULL, drop_all, NULL));
		for (i = 0; i < MANY; i++) {
			struct base_buf *buf = base_buf_new(4096 * (1 + i % 3));

			buf->data[0] = (uint8_t)i;
			__atomic_store_n(&handed[i], buf, __ATOMIC_RELEASE);
		}
		pthread_join(thread, NULL);
	}
}

static void a_pool_too_small_is_refused(void)
{
	struct base_pool pool;
	size_t bytes;

	tap_check_eq(base_pool_init(&pool, BASE_POOL_BLOCK - 1),
		     (uint64_t)-EINVAL);
	tap_check_eq(base_buf_pool(4096), (uint64_t)-EINVAL);
	base_buf_pool_range(&bytes);
	tap_check_eq(bytes, 0);
	buffers_of_all_sizes_are_aligned_and_apart();
	/* The tests from here on have one. */
	tap_check_eq(base_buf_pool(POOL_BLOCKS * BASE_POOL_BLOCK), 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(a_pool_too_small_is_refused),
		TAP_TEST(buffers_of_all_sizes_are_aligned_and_apart),
		TAP_TEST(what_does_not_fit_comes_from_the_heap),
		TAP_TEST(a_buffer_in_use_is_nobody_elses),
		TAP_TEST(no_page_is_taken_twice_and_none_is_lost),
		TAP_TEST(another_thread_may_drop_the_last_reference),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
