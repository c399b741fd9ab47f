// SPDX-License-Identifier: GPL-2.0
/*
 * base/buf, with the keeping of unused buffers that other tests do without: sizes
 * and alignment, what is kept and what is not, and buffers that one thread makes
 * and another one drops.
 */
#define KEEPS 1
#include "base/buf.c"

#include <string.h>

#include "tap.h"

#define MANY 1000
#define ROUNDS 200

static void buffers_of_all_sizes_are_aligned_and_apart(void)
{
	static const size_t sizes[] = { 0,    1,     512,   4096,   4097,
					8192, 73728, 98304, 100000, 1 << 20 };
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

static void an_unused_buffer_is_the_next_of_its_size(void)
{
	struct base_buf *first = base_buf_new(4096), *next;

	base_buf_get(first);
	base_buf_put(first);
	next = base_buf_new(4096);
	tap_check(next != first); /* it is still in use */
	base_buf_put(first);
	tap_check(base_buf_new(512) == first);
	base_buf_put(first);
	base_buf_put(next);
}

static void no_page_is_made_while_one_is_unused(void)
{
	struct base_buf *bufs[MANY];
	unsigned int round, pages = 0, i;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < MANY; i++)
			bufs[i] = base_buf_new(4096);
		for (i = 0; i < MANY; i++)
			base_buf_put(bufs[i]);
		if (!round)
			pages = kept[1].count;
		tap_check_eq(kept[1].count, pages);
	}
	tap_check(pages < MANY + 2 * RUN_PAGES);
}

static void of_larger_sizes_a_bounded_number_is_kept(void)
{
	struct base_buf *bufs[MANY];
	unsigned int i;

	for (i = 0; i < MANY; i++)
		bufs[i] = base_buf_new(8192);
	for (i = 0; i < MANY; i++)
		base_buf_put(bufs[i]);
	tap_check_eq(kept[2].count, KEPT_BYTES / 8192);
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

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(buffers_of_all_sizes_are_aligned_and_apart),
		TAP_TEST(an_unused_buffer_is_the_next_of_its_size),
		TAP_TEST(no_page_is_made_while_one_is_unused),
		TAP_TEST(of_larger_sizes_a_bounded_number_is_kept),
		TAP_TEST(another_thread_may_drop_the_last_reference),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
