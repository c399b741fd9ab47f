// SPDX-License-Identifier: GPL-2.0
/*
 * The ring by position: where a position lies, and what runs over the ring's
 * end goes on at its beginning.
 */
#include <assert.h>

#include "store/internal.h"

int ring_read(struct store *store, uint64_t position, void *bytes, size_t size)
{
	const struct format_layout *layout = &store->layout;
	uint64_t at = position % layout->ring_bytes;
	struct store_io *io = store->io;
	size_t first = size;
	int error;

	assert(size <= layout->ring_bytes);
	if (first > layout->ring_bytes - at)
		first = layout->ring_bytes - at;
	error = io->ops->read(io, layout->ring + at, bytes, first);
	if (!error && first < size)
		error = io->ops->read(io, layout->ring, (char *)bytes + first,
				      size - first);
	return error;
}

int ring_write(struct store *store, uint64_t position, const struct iovec *iov,
	       unsigned int count)
{
	const struct format_layout *layout = &store->layout;
	uint64_t at = position % layout->ring_bytes;
	uint64_t room = layout->ring_bytes - at, bytes = 0;
	struct iovec first[STORE_IOV_MAX], rest[STORE_IOV_MAX];
	unsigned int first_count = 0, rest_count = 0, i;
	int error = 0;

	assert(count <= STORE_IOV_MAX);
	for (i = 0; i < count; i++) {
		struct iovec whole = iov[i];
		size_t fits = whole.iov_len;

		if (bytes >= room)
			fits = 0;
		else if (fits > room - bytes)
			fits = room - bytes;
		if (fits) {
			first[first_count].iov_base = whole.iov_base;
			first[first_count++].iov_len = fits;
		}
		if (fits < whole.iov_len) {
			rest[rest_count].iov_base =
				(char *)whole.iov_base + fits;
			rest[rest_count++].iov_len = whole.iov_len - fits;
		}
		bytes += whole.iov_len;
	}
	assert(bytes <= layout->ring_bytes);
	if (first_count)
		error = store_write(store, layout->ring + at, first,
				    first_count);
	if (!error && rest_count)
		error = store_write(store, layout->ring, rest, rest_count);
	return error;
}
