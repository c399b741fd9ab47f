// SPDX-License-Identifier: GPL-2.0
/* What several subcommands need: see cli.h. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "cli/cli.h"

enum cli_exit cli_fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "qbd: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return CLI_FAILED;
}

const struct conf_node *cli_configured(const char *volume, const char *config,
				       const char *name, struct conf *conf)
{
	const struct conf_node *node;
	struct base_error error;

	if (conf_load(volume, config, stderr, conf))
		return NULL;
	node = conf_this_node(conf, name, &error);
	if (!node)
		cli_fail("%s", error.text);
	return node;
}

const char *cli_human_bytes(uint64_t bytes, char *text)
{
	static const char *const units[] = { "B",   "KiB", "MiB", "GiB",
					     "TiB", "PiB", "EiB" };
	uint64_t tenths = bytes * 10;
	unsigned int unit = 0;

	if (bytes >= 1024) {
		/* Whole units first: bytes * 10 may be too much. */
		for (unit = 1; bytes >= 1024 * 1024; unit++)
			bytes /= 1024;
		tenths = bytes * 10 / 1024;
	}
	if (tenths % 10 && unit)
		snprintf(text, 32, "%llu.%llu %s",
			 (unsigned long long)tenths / 10,
			 (unsigned long long)tenths % 10, units[unit]);
	else
		snprintf(text, 32, "%llu %s", (unsigned long long)tenths / 10,
			 units[unit]);
	return text;
}

uint64_t cli_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void cli_sleep_ms(unsigned int duration_ms)
{
	struct timespec duration = { duration_ms / 1000,
				     duration_ms % 1000 * 1000000L };

	nanosleep(&duration, NULL);
}
