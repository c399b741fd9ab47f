/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whole pages from one range of memory: a buddy allocator that returns the
 * unused rest of a block.  Not thread-safe.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#define BASE_POOL_PAGE 4096U
#define BASE_POOL_ORDERS 10U /* blocks of 1, 2, ... 512 pages */
#define BASE_POOL_BLOCK ((size_t)BASE_POOL_PAGE << (BASE_POOL_ORDERS - 1))

struct base_pool {
	uint8_t *memory;
	uint32_t pages;
	struct base_pool_link *links; /* of pages, then of the lists' heads */
	int8_t *orders; /* of a free block's first page; else -1 */
};

/**
 * base_pool_init() - a pool on memory of its own, all of it touched and free
 * @bytes: rounded down to whole BASE_POOL_BLOCKs
 * Return: 0; -EINVAL when less than one is left; -ENOMEM
 */
int base_pool_init(struct base_pool *pool, size_t bytes);

/** base_pool_destroy() - with all pages back in it */
void base_pool_destroy(struct base_pool *pool);

/**
 * base_pool_take() - @count pages in a row
 * Return: the first one's number; -1 when no block is large enough
 */
int64_t base_pool_take(struct base_pool *pool, uint32_t count);

/** base_pool_give() - what base_pool_take() gave, or a part of it */
void base_pool_give(struct base_pool *pool, uint32_t first, uint32_t count);

#endif
