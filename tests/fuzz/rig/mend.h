/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A frame's checksums made right again, payloads' too, so that what a fuzzer
 * changed is looked at and not just refused.  Layouts: agent/wire/frame.c,
 * raft_msg.c, copy_msg.c; what is too short for its layout is left as it is.
 */
#ifndef FUZZ_MEND_H
#define FUZZ_MEND_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/crc.h"
#include "wire/codec.h"

#define MEND_APPEND_BYTES 72 /* of an append before its entries */

static inline uint32_t mend_get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline void mend_crc(uint8_t *into, const uint8_t *bytes, size_t size)
{
	uint32_t crc = base_crc32c(0, bytes, size);

	memcpy(into, &crc, sizeof(crc));
}

static inline void mend_append(uint8_t *fixed, size_t fixed_bytes,
			       const uint8_t *payload, size_t left)
{
	size_t at;

	for (at = MEND_APPEND_BYTES; at + WIRE_ENTRY_BYTES <= fixed_bytes;
	     at += WIRE_ENTRY_BYTES) {
		uint32_t length = mend_get32(fixed + at + 24);

		/* op, and no bit: a bare one has no payload */
		if (mend_get32(fixed + at + 32) != RAFT_OP_WRITE)
			continue;
		if (length > left)
			return;
		mend_crc(fixed + at + 28, payload, length);
		payload += length;
		left -= length;
	}
}

static inline void mend_payloads(unsigned int type, uint8_t *fixed,
				 size_t fixed_bytes, size_t left)
{
	const uint8_t *payload = fixed + fixed_bytes;

	if (type == WIRE_RAFT && fixed_bytes >= MEND_APPEND_BYTES &&
	    mend_get32(fixed) == RAFT_MSG_APPEND)
		mend_append(fixed, fixed_bytes, payload, left);
	if (type == WIRE_COPY_DATA && fixed_bytes == WIRE_COPY_DATA_BYTES &&
	    mend_get32(fixed + 24) <= left && !mend_get32(fixed + 32))
		mend_crc(fixed + 28, payload, mend_get32(fixed + 24));
}

static inline void mend_frame(uint8_t *frame, size_t size)
{
	uint32_t fixed_bytes;

	if (size < WIRE_HEAD_BYTES)
		return;
	fixed_bytes = mend_get32(frame + 8);
	if (fixed_bytes <= size - WIRE_HEAD_BYTES) {
		uint8_t *fixed = frame + WIRE_HEAD_BYTES;

		mend_payloads(mend_get32(frame + 4) & 0xffff, fixed,
			      fixed_bytes,
			      size - WIRE_HEAD_BYTES - fixed_bytes);
		mend_crc(frame + 16, fixed, fixed_bytes);
	}
	mend_crc(frame + 28, frame, 28);
}

#endif
