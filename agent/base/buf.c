// SPDX-License-Identifier: GPL-2.0
/*
 * See buf.h.
 *
 * The pool belongs to the process, not to a thread: the thread that drops the
 * last reference is often not the one that asks next.  A lock held for a few
 * instructions is cheaper than a cleverer scheme.
 */
#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/pool.h"

/* As PTHREAD_MUTEX_INITIALIZER, whose zeroes sparse takes for pointers. */
static pthread_mutex_t lock;
static struct base_pool pool; /* under lock */
static struct base_buf *pool_bufs; /* the buffer that begins at a page */

_Static_assert(BASE_POOL_PAGE == BASE_BUF_ALIGN, "buffers are whole pages");

static size_t pages_of(size_t size)
{
	return size ? (size + BASE_POOL_PAGE - 1) / BASE_POOL_PAGE : 1;
}

int base_buf_pool(size_t bytes)
{
	int code;

	assert(!pool_bufs);
	code = base_pool_init(&pool, bytes);
	if (code)
		return code;
	pool_bufs = calloc(pool.pages, sizeof(*pool_bufs));
	if (pool_bufs)
		return 0;
	base_pool_destroy(&pool);
	return -ENOMEM;
}

void *base_buf_pool_range(size_t *bytes)
{
	*bytes = (size_t)pool.pages * BASE_POOL_PAGE;
	return pool.memory;
}

static struct base_buf *take(size_t size)
{
	size_t pages = pages_of(size);
	struct base_buf *buf;
	int64_t page;

	if (!pool_bufs || pages > BASE_POOL_BLOCK / BASE_POOL_PAGE)
		return NULL;
	pthread_mutex_lock(&lock);
	page = base_pool_take(&pool, (uint32_t)pages);
	pthread_mutex_unlock(&lock);
	if (page < 0)
		return NULL;
	buf = &pool_bufs[page];
	buf->data = pool.memory + (size_t)page * BASE_POOL_PAGE;
	buf->pool_pages = (uint32_t)pages;
	return buf;
}

static void give(const struct base_buf *buf)
{
	pthread_mutex_lock(&lock);
	base_pool_give(&pool, (uint32_t)(buf - pool_bufs), buf->pool_pages);
	pthread_mutex_unlock(&lock);
}

static struct base_buf *make(size_t size)
{
	struct base_buf *buf = malloc(sizeof(*buf));
	void *memory;

	if (!buf)
		return NULL;
	if (posix_memalign(&memory, BASE_BUF_ALIGN, size)) {
		free(buf);
		return NULL;
	}
	buf->data = memory;
	buf->pool_pages = 0;
	return buf;
}

struct base_buf *base_buf_new(size_t size)
{
	struct base_buf *buf = take(size) ?: make(size);

	if (!buf)
		return NULL;
	buf->refs = 1;
	buf->size = size;
	return buf;
}

struct base_buf *base_buf_get(struct base_buf *buf)
{
	if (buf)
		__atomic_add_fetch(&buf->refs, 1, __ATOMIC_RELAXED);
	return buf;
}

void base_buf_put(struct base_buf *buf)
{
	uint32_t left;

	if (!buf)
		return;
	left = __atomic_sub_fetch(&buf->refs, 1, __ATOMIC_ACQ_REL);
	assert(left != UINT32_MAX);
	if (left)
		return;
	if (buf->pool_pages) {
		give(buf);
		return;
	}
	free(buf->data);
	free(buf);
}
