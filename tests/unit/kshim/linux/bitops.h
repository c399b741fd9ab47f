/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KSHIM_BITOPS_H
#define KSHIM_BITOPS_H

#include <stdbool.h>

static inline bool test_bit(int bit, const unsigned long *bits)
{
	return *bits >> bit & 1;
}

static inline void set_bit(int bit, unsigned long *bits)
{
	*bits |= 1UL << bit;
}

static inline void clear_bit(int bit, unsigned long *bits)
{
	*bits &= ~(1UL << bit);
}

static inline bool test_and_set_bit(int bit, unsigned long *bits)
{
	bool old = test_bit(bit, bits);

	set_bit(bit, bits);
	return old;
}

#endif
