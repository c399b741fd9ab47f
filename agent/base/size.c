// SPDX-License-Identifier: GPL-2.0
/* See size.h. */
#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>

const char *base_size_text(uint64_t bytes, char *text)
{
	static const char suffixes[] = "KMGT";
	unsigned int steps = 0;

	while (steps < sizeof(suffixes) - 1 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		steps++;
	}
	if (steps)
		snprintf(text, BASE_SIZE_TEXT_MAX, "%" PRIu64 "%c", bytes,
			 suffixes[steps - 1]);
	else
		snprintf(text, BASE_SIZE_TEXT_MAX, "%" PRIu64, bytes);
	return text;
}
