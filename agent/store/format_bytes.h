/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What records, slots and superblocks have in common: little-endian integers at
 * fixed places, and the checksum of the latter two.  For the files of this folder
 * only.
 */
#ifndef STORE_FORMAT_BYTES_H
#define STORE_FORMAT_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/crc.h"
#include "store/format.h"

#define FORMAT_META_CRC 8 /* where it is; it covers what follows */

static inline void put16(uint8_t *at, uint16_t value)
{
	value = htole16(value);
	memcpy(at, &value, sizeof(value));
}

static inline void put32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static inline void put64(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

static inline uint16_t get16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return le16toh(value);
}

static inline uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static inline uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

static inline uint32_t format_meta_crc(const uint8_t *bytes)
{
	return base_crc32c(0, bytes + FORMAT_META_CRC + 4,
			   FORMAT_META_BYTES - FORMAT_META_CRC - 4);
}

#endif
