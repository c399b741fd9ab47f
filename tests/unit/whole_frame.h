/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests that carry frames in one piece, right or wrong: cuts them where net/
 * would, since decoding wants the payload apart.
 */
#ifndef WHOLE_FRAME_H
#define WHOLE_FRAME_H

#include <errno.h>
#include <string.h>

#include "wire/wire.h"

/* Bytes of the frame that begins so, or -errno. */
static inline int64_t whole_frame_bytes(const uint8_t *head,
					struct base_error *error)
{
	struct wire_extent extent;
	int err = wire_frame_extent(head, &extent, error);

	return err ? err : (int64_t)extent.front_bytes + extent.payload_bytes;
}

/* wire_decode() of these bytes, which may be fewer or more than they say. */
static inline int whole_frame_decode(const uint8_t *bytes, size_t size,
				     uint64_t volume_bytes,
				     struct wire_msg *msg,
				     struct base_error *error)
{
	struct base_buf *payload = NULL;
	struct wire_extent extent;
	size_t front = size;
	int err;

	if (size >= WIRE_HEAD_BYTES &&
	    !wire_frame_extent(bytes, &extent, NULL) &&
	    extent.front_bytes < size)
		front = extent.front_bytes;
	if (front < size) {
		payload = base_buf_new(size - front);
		if (!payload)
			return -ENOMEM;
		memcpy(payload->data, bytes + front, size - front);
	}
	err = wire_decode(bytes, front, payload, volume_bytes, msg, error);
	base_buf_put(payload);
	return err;
}

#endif
