/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KSHIM_REFCOUNT_H
#define KSHIM_REFCOUNT_H

#include <stdbool.h>

typedef struct {
	int refs;
} refcount_t;

static inline void refcount_set(refcount_t *count, int refs)
{
	count->refs = refs;
}

static inline void refcount_inc(refcount_t *count)
{
	count->refs++;
}

static inline bool refcount_dec_and_test(refcount_t *count)
{
	return --count->refs == 0;
}

#endif
