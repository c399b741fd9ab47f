// SPDX-License-Identifier: GPL-2.0
/* See buf.h. */
#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>

/* Head and bytes are one allocation; the head has a page of its own. */
struct base_buf *base_buf_new(size_t size)
{
	struct base_buf *buf;
	void *memory;

	if (size > SIZE_MAX - 2 * BASE_BUF_ALIGN)
		return NULL;
	if (posix_memalign(&memory, BASE_BUF_ALIGN, BASE_BUF_ALIGN + size))
		return NULL;
	buf = memory;
	buf->refs = 1;
	buf->size = size;
	buf->data = (uint8_t *)memory + BASE_BUF_ALIGN;
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
	if (left == 0)
		free(buf);
}
