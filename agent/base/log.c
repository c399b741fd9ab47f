// SPDX-License-Identifier: GPL-2.0
/* See log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static char log_context[256];
static enum base_log_level log_level = BASE_LOG_INFO;

void base_log_setup(const char *context, enum base_log_level level)
{
	snprintf(log_context, sizeof(log_context), "%s", context);
	log_level = level;
}

void base_log(enum base_log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	size_t used;
	va_list args;

	if (level > log_level)
		return;
	used = (size_t)snprintf(line, sizeof(line), "<%d>%s%s", (int)level,
				log_context, log_context[0] ? " " : "");
	va_start(args, format);
	vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	used = strlen(line);
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* nowhere left to say it */
}
