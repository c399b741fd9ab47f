// SPDX-License-Identifier: GPL-2.0
/* See log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char log_context[256];
static enum base_log_level log_level = BASE_LOG_INFO;
static void (*log_sink)(enum base_log_level level, const char *line);

void base_log_setup(const char *context, enum base_log_level level)
{
	snprintf(log_context, sizeof(log_context), "%s", context);
	log_level = level;
}

const char *base_log_context(void)
{
	return log_context;
}

void base_log_sink(void (*sink)(enum base_log_level level, const char *line))
{
	__atomic_store_n(&log_sink, sink, __ATOMIC_RELEASE);
}

void base_log_stamp(const struct timespec *time, char *text, size_t size)
{
	struct tm local;
	char day[32], zone[8];

	if (!localtime_r(&time->tv_sec, &local)) {
		snprintf(text, size, "-");
		return;
	}
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &local);
	strftime(zone, sizeof(zone), "%z", &local); /* +0100 */
	snprintf(text, size, "%s.%03ld%.3s:%s", day, time->tv_nsec / 1000000,
		 zone, zone + 3);
}

bool base_log_is_line(const char *line)
{
	static const char stamp[] = "dddd-dd-ddTdd:dd:dd.ddd";
	unsigned int i;

	if (line[0] == '<')
		return true;
	for (i = 0; stamp[i]; i++)
		if (stamp[i] == 'd' ? line[i] < '0' || line[i] > '9' :
				      line[i] != stamp[i])
			return false;
	return true;
}

/* A line stays one line, whatever was put into it; UTF-8 passes. */
static void blank_controls(char *line)
{
	for (; *line; line++)
		if ((unsigned char)*line < ' ' || *line == 127)
			*line = '?';
}

const char *base_log_clean(const char *text, char *clean, size_t size)
{
	char *quote;

	snprintf(clean, size, "%s", text);
	blank_controls(clean);
	while ((quote = strchr(clean, '"')))
		*quote = '\'';
	return clean;
}

static void to_stderr(enum base_log_level level, const char *line)
{
	char text[BASE_LOG_LINE_MAX + BASE_LOG_STAMP_MAX + 8];
	char stamp[BASE_LOG_STAMP_MAX];
	struct timespec now;
	int size;

	clock_gettime(CLOCK_REALTIME, &now);
	base_log_stamp(&now, stamp, sizeof(stamp));
	size = snprintf(text, sizeof(text), "<%d>%s %s\n", (int)level, stamp,
			line);
	if (write(STDERR_FILENO, text, (size_t)size) < 0)
		return; /* nowhere left to say it */
}

void base_log(enum base_log_level level, const char *format, ...)
{
	void (*sink)(enum base_log_level level, const char *line);
	char line[BASE_LOG_LINE_MAX];
	size_t used;
	va_list args;

	if (level > log_level)
		return;
	used = (size_t)snprintf(line, sizeof(line), "%s%s", log_context,
				log_context[0] ? " " : "");
	va_start(args, format);
	vsnprintf(line + used, sizeof(line) - used, format, args);
	va_end(args);
	blank_controls(line);
	sink = __atomic_load_n(&log_sink, __ATOMIC_ACQUIRE);
	(sink ? sink : to_stderr)(level, line);
}
