/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reference-counted byte buffers.  A payload stays in one from the socket it
 * came through to the disk and to the peers.
 *
 * The count is atomic, so that the loop, the log thread and the image thread
 * may hold the same buffer.  Its creator writes the bytes before the buffer is
 * shared; nothing writes them afterwards.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#define BASE_BUF_ALIGN 4096

struct base_buf {
	uint32_t refs; /* atomic */
	uint32_t pool_pages; /* buf.c's: 0 when it is not in the pool */
	size_t size; /* bytes that data has */
	uint8_t *data; /* aligned to BASE_BUF_ALIGN */
};

/**
 * base_buf_pool() - from now on take buffers out of one range, while it lasts
 * @bytes: rounded down to 2 MiB
 *
 * Once, before there are threads: for the process's lifetime.  What does not fit
 * comes from the heap, as everything does without a pool.
 * Return: 0; -EINVAL when @bytes is less than 2 MiB; -ENOMEM
 */
int base_buf_pool(size_t bytes);

/**
 * base_buf_pool_range() - where the pool is: to tell the kernel once
 * @bytes: set; 0 without a pool
 */
void *base_buf_pool_range(size_t *bytes);

/**
 * base_buf_new() - a buffer of @size bytes (not cleared), one reference
 * Return: the buffer, owned by the caller; NULL when memory is short.
 */
struct base_buf *base_buf_new(size_t size);

/** base_buf_get() - one more reference; returns @buf. NULL is allowed. */
struct base_buf *base_buf_get(struct base_buf *buf);

/** base_buf_put() - drop one reference, free at the last. NULL is allowed. */
void base_buf_put(struct base_buf *buf);

#endif
