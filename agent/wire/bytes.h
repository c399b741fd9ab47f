/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading and writing little-endian integers within bounds.
 *
 * A reader that runs out of bytes returns zeroes and remembers that in
 * `short_of`: check it once, at the end, before using what was read.  A writer
 * is given the room it needs; running out is a bug.
 */
#ifndef WIRE_BYTES_H
#define WIRE_BYTES_H

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wire_reader {
	const uint8_t *at;
	const uint8_t *end;
	bool short_of;
};

struct wire_writer {
	uint8_t *at;
	uint8_t *end;
};

static inline size_t wire_left(const struct wire_reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

static inline void wire_get(struct wire_reader *reader, void *bytes,
			    size_t size)
{
	if (wire_left(reader) < size) {
		reader->short_of = true;
		reader->at = reader->end;
		memset(bytes, 0, size);
		return;
	}
	memcpy(bytes, reader->at, size);
	reader->at += size;
}

static inline uint16_t wire_get16(struct wire_reader *reader)
{
	uint16_t value;

	wire_get(reader, &value, sizeof(value));
	return le16toh(value);
}

static inline uint32_t wire_get32(struct wire_reader *reader)
{
	uint32_t value;

	wire_get(reader, &value, sizeof(value));
	return le32toh(value);
}

static inline uint64_t wire_get64(struct wire_reader *reader)
{
	uint64_t value;

	wire_get(reader, &value, sizeof(value));
	return le64toh(value);
}

static inline void wire_put(struct wire_writer *writer, const void *bytes,
			    size_t size)
{
	assert((size_t)(writer->end - writer->at) >= size);
	memcpy(writer->at, bytes, size);
	writer->at += size;
}

static inline void wire_put16(struct wire_writer *writer, uint16_t value)
{
	value = htole16(value);
	wire_put(writer, &value, sizeof(value));
}

static inline void wire_put32(struct wire_writer *writer, uint32_t value)
{
	value = htole32(value);
	wire_put(writer, &value, sizeof(value));
}

static inline void wire_put64(struct wire_writer *writer, uint64_t value)
{
	value = htole64(value);
	wire_put(writer, &value, sizeof(value));
}

#endif
