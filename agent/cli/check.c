// SPDX-License-Identifier: GPL-2.0
/* See check.h; control/status.h describes what is read here. */
#include "cli/check.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cli/fields.h"

#define STARTING_MS 30000 /* a start that takes longer has failed */

static bool has_problem(const json_t *status, const char *what)
{
	const json_t *problem;
	size_t i;

	json_array_foreach(json_object_get(status, "problems"), i, problem)
	{
		if (field_is(problem, "what", what))
			return true;
	}
	return false;
}

/* Why the device does not serve, whatever the volume does; NULL: it may. */
static const char *device_problem(const json_t *status)
{
	const json_t *device = json_object_get(status, "device");

	if (field_is(device, "gate", "fenced") || has_problem(status, "fenced"))
		return "its device is fenced here, because its writer has lost "
		       "its right: unmount or close it, then open it again";
	if (field_is(device, "gate", "detached"))
		return "its agent has not taken its device over";
	if (field_is(device, "gate", "suspended") &&
	    field_number(device, "writers"))
		return "it is open here, and its I/O waits";
	if (has_problem(status, "no-device"))
		return "its device is not there";
	return NULL;
}

static enum check_exit judge(const json_t *status, const char *device)
{
	const char *state = field_text(status, "state");

	if (device)
		return CHECK_NOT_SERVING;
	if (strcmp(state, "ok") == 0)
		return CHECK_OK;
	if (strcmp(state, "degraded") == 0 || strcmp(state, "catching-up") == 0)
		return CHECK_DEGRADED;
	if (strcmp(state, "starting") == 0 &&
	    field_number(status, "since_ms") < STARTING_MS)
		return CHECK_DEGRADED;
	return CHECK_NOT_SERVING;
}

/* One line, whatever a peer wrote. */
static void put(const char *text, FILE *out)
{
	for (; *text; text++)
		fputc(*text == '\n' || *text == '\r' ? ' ' : *text, out);
}

enum check_exit check_status(const json_t *status, FILE *out)
{
	static const char *const words[] = {
		[CHECK_OK] = "OK",
		[CHECK_DEGRADED] = "DEGRADED",
		[CHECK_NOT_SERVING] = "NOT SERVING",
	};
	const char *device = device_problem(status);
	enum check_exit code = judge(status, device);
	const char *state = field_text(status, "state");
	const char *problem = field_text(status, "problem");
	const char *writer = field_text(status, "writer");

	fprintf(out, "%s %s: ", field_text(status, "volume"), words[code]);
	put(state, out);
	if (code == CHECK_OK) {
		fputs("; leader ", out);
		put(field_text(status, "leader"), out);
		fputs(*writer ? ", writer " : ", no writer", out);
		put(writer, out);
	}
	if (device)
		fprintf(out, "; %s", device);
	if (*problem) {
		fputs("; ", out);
		put(problem, out);
	}
	fputc('\n', out);
	return code;
}
