// SPDX-License-Identifier: GPL-2.0
/*
 * Committed entries as writes of the data area that may run in any order.  Pure:
 * reads what of the store changes only in store_apply(), which runs alone.
 */
#include <string.h>

#include "base/planted.h"
#include "store/internal.h"

/* What an entry writes; the later in the log has the higher number. */
struct extent {
	uint64_t offset;
	uint64_t end;
	const uint8_t *data;
	unsigned int number;
};

static bool comes_before(const struct extent *one, const struct extent *other)
{
	if (one->offset != other->offset)
		return one->offset < other->offset;
	return one->number > other->number;
}

/* Mostly they rise already, or are few. */
static void insert(struct extent *extents, unsigned int count,
		   const struct extent *fresh)
{
	unsigned int at = count;

	while (at && comes_before(fresh, &extents[at - 1])) {
		extents[at] = extents[at - 1];
		at--;
	}
	extents[at] = *fresh;
}

static bool collect(const struct store *store,
		    struct raft_entry *const *entries, unsigned int count,
		    struct extent *extents, unsigned int *found)
{
	struct extent fresh;
	unsigned int i;

	*found = 0;
	for (i = 0; i < count; i++) {
		const struct raft_entry *entry = entries[i];

		if (format_entry_check(&store->super.identity, entry,
				       i ? entries[i - 1] : NULL) ||
		    (raft_op_changes_data(entry->op) &&
		     !raft_op_has_data(entry->op)))
			return false;
		if (!raft_op_changes_data(entry->op) || entry->bare)
			continue;
		if (!entry->data || *found == STORE_IOV_MAX ||
		    ((uintptr_t)entry->data | entry->offset | entry->length) &
			    (store->data_align - 1))
			return false;
		fresh.offset = planted(PLANTED_OFFSET_CUT) ?
				       (uint32_t)entry->offset :
				       entry->offset;
		fresh.end = fresh.offset + entry->length;
		fresh.data = entry->data;
		fresh.number = i;
		insert(extents, (*found)++, &fresh);
	}
	return true;
}

static bool joins(const struct store *store, const struct store_piece *piece,
		  const struct extent *extent)
{
	uint64_t size = extent->end - extent->offset;

	return piece->offset + piece->bytes ==
		       store->layout.data + extent->offset &&
	       piece->bytes + size <= store->piece_bytes_max &&
	       (piece->bytes + size) / 4096 + piece->count + 1 <=
		       store->piece_pages_max;
}

static void plan_add(const struct store *store, struct store_plan *plan,
		     unsigned int iov_count, const struct extent *extent)
{
	struct store_piece *piece = &plan->pieces[plan->count];
	struct iovec *iov = &plan->iov[iov_count];

	iov->iov_base = (void *)(uintptr_t)extent->data;
	iov->iov_len = extent->end - extent->offset;
	if (plan->count && joins(store, &piece[-1], extent)) {
		piece[-1].bytes += iov->iov_len;
		piece[-1].count++;
		return;
	}
	piece->offset = store->layout.data + extent->offset;
	piece->bytes = iov->iov_len;
	piece->iov = iov;
	piece->count = 1;
	plan->count++;
}

bool store_plan_apply(const struct store *store,
		      struct raft_entry *const *entries, unsigned int count,
		      struct store_plan *plan)
{
	struct extent extents[STORE_IOV_MAX];
	const struct extent *last = NULL;
	unsigned int i, kept = 0, found;

	plan->count = 0;
	if (__atomic_load_n(&store->unread, __ATOMIC_RELAXED) ||
	    !collect(store, entries, count, extents, &found))
		return false;
	for (i = 0; i < found; i++) {
		const struct extent *extent = &extents[i];

		if (last && extent->offset < last->end) {
			/* An older one of which a newer leaves nothing? */
			if (extent->number > last->number ||
			    extent->end > last->end)
				return false;
			continue;
		}
		plan_add(store, plan, kept++, extent);
		last = extent;
	}
	return true;
}
