// SPDX-License-Identifier: GPL-2.0
/*
 * See buf.h.
 *
 * Buffers of up to KEPT_PAGES_MAX pages that nobody uses are kept for the next
 * of their size, head and bytes together: aligned memory is expensive to get,
 * and each payload wants some.  They are the process's, not a thread's, since
 * who drops the last reference is often not who asks next; a lock that is held
 * for some instructions is cheaper than being cleverer.
 *
 * Bounds: of one page, the bulk of all payloads, as many are there as were once
 * in use at a time; they are made RUN_PAGES at a time, so that 4 KiB take 4 KiB
 * and not another page for the allocator.  Of each larger size, at most
 * KEPT_BYTES are kept.
 */
#include "base/buf.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define KEPT_PAGES_MAX 24
#define KEPT_BYTES (1U << 20)
#define RUN_PAGES 64

/*
 * AddressSanitizer finds who uses a buffer too long only if it is freed.  The
 * test of this file sets KEEPS itself.
 */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#ifndef KEEPS
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define KEEPS 0
#else
#define KEEPS 1
#endif
#endif

/* As PTHREAD_MUTEX_INITIALIZER, whose zeroes sparse takes for pointers. */
static pthread_mutex_t lock;
static struct {
	struct base_buf *first;
	unsigned int count;
} kept[KEPT_PAGES_MAX + 1]; /* by pages; under lock */

static size_t pages_of(size_t size)
{
	return size ? (size + BASE_BUF_ALIGN - 1) / BASE_BUF_ALIGN : 1;
}

/* The lock is held. */
static void keep(struct base_buf *buf, size_t pages)
{
	buf->next = kept[pages].first;
	kept[pages].first = buf;
	kept[pages].count++;
}

static struct base_buf *take_kept(size_t pages)
{
	struct base_buf *buf;

	pthread_mutex_lock(&lock);
	buf = kept[pages].first;
	if (buf) {
		kept[pages].first = buf->next;
		kept[pages].count--;
	}
	pthread_mutex_unlock(&lock);
	return buf;
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
	return buf;
}

/* One-page buffers, never to be freed: all but one are kept. */
static struct base_buf *make_run(void)
{
	struct base_buf *bufs = malloc(RUN_PAGES * sizeof(*bufs));
	void *memory;
	size_t i;

	if (!bufs)
		return NULL;
	if (posix_memalign(&memory, BASE_BUF_ALIGN,
			   (size_t)RUN_PAGES * BASE_BUF_ALIGN)) {
		free(bufs);
		return NULL;
	}
	pthread_mutex_lock(&lock);
	for (i = 0; i < RUN_PAGES; i++) {
		bufs[i].data = (uint8_t *)memory + i * BASE_BUF_ALIGN;
		if (i)
			keep(&bufs[i], 1);
	}
	pthread_mutex_unlock(&lock);
	return &bufs[0];
}

struct base_buf *base_buf_new(size_t size)
{
	size_t pages = pages_of(size);
	bool kept_after = KEEPS && pages <= KEPT_PAGES_MAX;
	struct base_buf *buf = kept_after ? take_kept(pages) : NULL;

	if (!buf && kept_after)
		buf = pages == 1 ? make_run() : make(pages * BASE_BUF_ALIGN);
	else if (!buf)
		buf = make(size);
	if (!buf)
		return NULL;
	buf->refs = 1;
	buf->kept_pages = kept_after ? (uint32_t)pages : 0;
	buf->size = size;
	return buf;
}

struct base_buf *base_buf_get(struct base_buf *buf)
{
	if (buf)
		__atomic_add_fetch(&buf->refs, 1, __ATOMIC_RELAXED);
	return buf;
}

static bool keep_unused(struct base_buf *buf)
{
	size_t pages = buf->kept_pages;
	bool room;

	pthread_mutex_lock(&lock);
	room = pages == 1 ||
	       kept[pages].count < KEPT_BYTES / BASE_BUF_ALIGN / pages;
	if (room)
		keep(buf, pages);
	pthread_mutex_unlock(&lock);
	return room;
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
	if (buf->kept_pages && keep_unused(buf))
		return;
	free(buf->data);
	free(buf);
}
