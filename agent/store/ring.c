// SPDX-License-Identifier: GPL-2.0
/*
 * The ring by position: where a position is, and how what exceeds the ring's
 * end continues at its beginning.
 */
#include <assert.h>
#include <string.h>

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

static void piece_add(struct store_append *append, uint64_t offset,
		      unsigned int first, unsigned int end)
{
	struct store_piece *piece = &append->pieces[append->piece_count++];
	unsigned int i;

	piece->offset = offset;
	piece->iov = &append->iov[first];
	piece->count = end - first;
	piece->bytes = 0;
	for (i = first; i < end; i++)
		piece->bytes += append->iov[i].iov_len;
}

/* What the first @room bytes of the memory are; one of it is cut for that. */
static unsigned int cut(struct store_append *append, uint64_t room)
{
	struct iovec *iov = append->iov;
	unsigned int i;

	for (i = 0; i < append->iov_count; i++) {
		if (room < iov[i].iov_len)
			break;
		room -= iov[i].iov_len;
	}
	if (i == append->iov_count || room == 0)
		return i;
	assert(append->iov_count <= STORE_IOV_MAX);
	memmove(&iov[i + 1], &iov[i], (append->iov_count - i) * sizeof(iov[0]));
	append->iov_count++;
	iov[i].iov_len = room;
	iov[i + 1].iov_base = (char *)iov[i + 1].iov_base + room;
	iov[i + 1].iov_len -= room;
	return i + 1;
}

void ring_pieces(const struct store *store, uint64_t position,
		 struct store_append *append)
{
	const struct format_layout *layout = &store->layout;
	uint64_t at = position % layout->ring_bytes;
	unsigned int first = cut(append, layout->ring_bytes - at);

	append->piece_count = 0;
	piece_add(append, layout->ring + at, 0, first);
	if (first < append->iov_count)
		piece_add(append, layout->ring, first, append->iov_count);
}
