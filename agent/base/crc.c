// SPDX-License-Identifier: GPL-2.0
/* See crc.h. */
#include "base/crc.h"

#include <isa-l/crc.h>

/* ISA-L leaves the inversion at both ends to its caller. */
uint32_t base_crc32c(uint32_t crc, const void *data, size_t size)
{
	unsigned char *bytes = (unsigned char *)(uintptr_t)data;
	const size_t step = 1 << 30; /* its length is an int */

	crc = ~crc;
	while (size > step) {
		crc = crc32_iscsi(bytes, (int)step, crc);
		bytes += step;
		size -= step;
	}
	return ~crc32_iscsi(bytes, (int)size, crc);
}
