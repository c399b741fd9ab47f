// SPDX-License-Identifier: GPL-2.0
/* See pool.h. */
#include "base/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Of a circular list; the head of the list of an order is number pages + order. */
struct base_pool_link {
	uint32_t next;
	uint32_t prev;
};

static void list_add(struct base_pool *pool, uint32_t page, unsigned int order)
{
	struct base_pool_link *links = pool->links;
	uint32_t head = pool->pages + order, next = links[head].next;

	links[page].next = next;
	links[page].prev = head;
	links[next].prev = page;
	links[head].next = page;
	pool->orders[page] = (int8_t)order;
}

static void list_remove(struct base_pool *pool, uint32_t page)
{
	struct base_pool_link *links = pool->links, gone = links[page];

	links[gone.prev].next = gone.next;
	links[gone.next].prev = gone.prev;
	pool->orders[page] = -1;
}

int base_pool_init(struct base_pool *pool, size_t bytes)
{
	const uint32_t block = 1U << (BASE_POOL_ORDERS - 1);
	uint32_t i;

	memset(pool, 0, sizeof(*pool));
	bytes -= bytes % BASE_POOL_BLOCK;
	if (!bytes)
		return -EINVAL;
	pool->pages = (uint32_t)(bytes / BASE_POOL_PAGE);
	pool->links =
		calloc(pool->pages + BASE_POOL_ORDERS, sizeof(*pool->links));
	pool->orders = malloc(pool->pages);
	if (!pool->links || !pool->orders)
		goto fail;
	pool->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (pool->memory == MAP_FAILED)
		goto fail;
	memset(pool->orders, -1, pool->pages);
	for (i = 0; i < BASE_POOL_ORDERS; i++) {
		pool->links[pool->pages + i].next = pool->pages + i;
		pool->links[pool->pages + i].prev = pool->pages + i;
	}
	for (i = pool->pages; i; i -= block)
		list_add(pool, i - block, BASE_POOL_ORDERS - 1);
	return 0;
fail:
	free(pool->orders);
	free(pool->links);
	memset(pool, 0, sizeof(*pool));
	return -ENOMEM;
}

void base_pool_destroy(struct base_pool *pool)
{
	if (pool->memory)
		munmap(pool->memory, (size_t)pool->pages * BASE_POOL_PAGE);
	free(pool->orders);
	free(pool->links);
	memset(pool, 0, sizeof(*pool));
}

static unsigned int order_of(uint32_t count)
{
	return count > 1 ? 32 - (unsigned int)__builtin_clz(count - 1) : 0;
}

int64_t base_pool_take(struct base_pool *pool, uint32_t count)
{
	unsigned int wanted = order_of(count), order = wanted;
	uint32_t page;

	assert(count);
	while (order < BASE_POOL_ORDERS &&
	       pool->links[pool->pages + order].next == pool->pages + order)
		order++;
	if (order >= BASE_POOL_ORDERS)
		return -1;
	page = pool->links[pool->pages + order].next;
	list_remove(pool, page);
	while (order > wanted) {
		order--;
		list_add(pool, page + (1U << order), order);
	}
	if (count < 1U << wanted)
		base_pool_give(pool, page + count, (1U << wanted) - count);
	return page;
}

static void give_block(struct base_pool *pool, uint32_t page,
		       unsigned int order)
{
	uint32_t buddy;

	for (; order < BASE_POOL_ORDERS - 1; order++) {
		buddy = page ^ (1U << order);
		if (pool->orders[buddy] != (int8_t)order)
			break;
		list_remove(pool, buddy);
		page &= ~(1U << order);
	}
	list_add(pool, page, order);
}

void base_pool_give(struct base_pool *pool, uint32_t first, uint32_t count)
{
	unsigned int order;

	assert(first <= pool->pages && count <= pool->pages - first);
	while (count) {
		order = first ? (unsigned int)__builtin_ctz(first) :
				BASE_POOL_ORDERS - 1;
		if (order > 31 - (unsigned int)__builtin_clz(count))
			order = 31 - (unsigned int)__builtin_clz(count);
		assert(order < BASE_POOL_ORDERS);
		give_block(pool, first, order);
		first += 1U << order;
		count -= 1U << order;
	}
}
