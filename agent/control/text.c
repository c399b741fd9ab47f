// SPDX-License-Identifier: GPL-2.0
/* See control_text() in status.h. */
#include <stddef.h>

#include "control/status.h"

json_t *control_text(const char *text)
{
	char plain[CONTROL_TEXT_MAX];
	json_t *json = json_string(text);
	size_t i;

	if (json)
		return json;
	for (i = 0; i < sizeof(plain) - 1 && text[i]; i++)
		plain[i] = text[i] & 0x80 ? '?' : text[i];
	plain[i] = '\0';
	return json_string(plain);
}
