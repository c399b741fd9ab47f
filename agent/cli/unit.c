// SPDX-License-Identifier: GPL-2.0
/* See unit.h. */
#include "cli/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/program.h"

#define LOOK_MS 100
#define REASON_MS 10000 /* more than a try or two */
#define NAME_BYTES (CONF_NAME_MAX + 32)
#define OUTPUT_BYTES 4096

bool unit_managed(void)
{
	/* For tests: another folder that says so. */
	const char *sign = getenv("QBD_SYSTEMD");

	if (sign)
		return access(sign, F_OK) == 0;
	return !getenv("QBD_CONF_DIR") && !getenv("QBD_RUN_DIR") &&
	       access("/run/systemd/system", F_OK) == 0;
}

static char *agent_unit(const char *volume, char *name)
{
	snprintf(name, NAME_BYTES, "qbd@%s.service", volume);
	return name;
}

/* One property of the agent's unit, "" when there is none. */
static const char *property(const char *volume, const char *name, char *value,
			    size_t size)
{
	char unit[NAME_BYTES];
	char *argv[] = { "systemctl",  "show",	     "--value",
			 "--property", (char *)name, agent_unit(volume, unit),
			 NULL };

	if (program_read(argv, value, size))
		*value = '\0';
	return value;
}

static bool property_is(const char *volume, const char *name, const char *is)
{
	char value[128];

	return strcmp(property(volume, name, value, sizeof(value)), is) == 0;
}

bool unit_is_up(const char *volume)
{
	return !property_is(volume, "ActiveState", "inactive") &&
	       !property_is(volume, "ActiveState", "failed");
}

/* systemctl VERB UNIT [OPTION]; @output has OUTPUT_BYTES. */
static int ask(const char *verb, const char *unit, const char *option,
	       char *output)
{
	char *argv[] = { "systemctl", (char *)verb, (char *)unit,
			 (char *)option, NULL };

	return program_read(argv, output, OUTPUT_BYTES);
}

static bool has_job(const char *volume)
{
	char job[32];

	return strtoul(property(volume, "Job", job, sizeof(job)), NULL, 10);
}

/*
 * Why it did not start stands in its status line, which is empty while it is
 * tried again.
 */
static enum cli_exit start_failed(const char *volume)
{
	char unit[NAME_BYTES], output[OUTPUT_BYTES], text[1024];
	uint64_t until_ms = cli_now_ms() + REASON_MS;

	while (!*property(volume, "StatusText", text, sizeof(text)) &&
	       property_is(volume, "ActiveState", "activating") &&
	       cli_now_ms() < until_ms)
		cli_sleep_ms(LOOK_MS);
	ask("stop", agent_unit(volume, unit), "--no-block", output);
	return cli_fail("volume %s: its agent did not start%s%s; journalctl "
			"-u %s tells more",
			volume, *text ? ": " : "", text, unit);
}

enum cli_exit unit_start(const char *volume)
{
	char unit[NAME_BYTES], output[OUTPUT_BYTES];

	agent_unit(volume, unit);
	if (property_is(volume, "LoadState", "not-found"))
		return cli_fail("volume %s: systemd knows no unit %s; install "
				"qbd (make install), or run the plain agent: "
				"qbdd %s",
				volume, unit, volume);
	/* It may be one that is tried again and again: restart. */
	if (ask("restart", unit, "--no-block", output))
		return cli_fail("volume %s: systemd does not start %s: %s",
				volume, unit, output);
	while (has_job(volume))
		cli_sleep_ms(LOOK_MS);
	return property_is(volume, "ActiveState", "active") ?
		       CLI_DONE :
		       start_failed(volume);
}

enum cli_exit unit_stop(const char *volume)
{
	char unit[NAME_BYTES], output[OUTPUT_BYTES];

	if (!ask("stop", agent_unit(volume, unit), NULL, output))
		return CLI_DONE;
	return cli_fail("volume %s stays up: %s", volume, output);
}

enum cli_exit unit_start_again(const char *volume)
{
	char unit[NAME_BYTES], output[OUTPUT_BYTES];

	if (!ask("start", agent_unit(volume, unit), "--no-block", output))
		return CLI_DONE;
	return cli_fail("volume %s: systemd does not start %s again: %s",
			volume, unit, output);
}

void unit_volume_gone(const char *volume)
{
	char unit[NAME_BYTES], output[OUTPUT_BYTES];

	snprintf(unit, sizeof(unit), "qbd-wait@%s.service", volume);
	ask("stop", unit, "--no-block", output);
}

enum unit_job unit_job(const char *volume)
{
	char unit[NAME_BYTES], output[OUTPUT_BYTES], type[32];
	char *argv[] = { "systemctl",
			 "list-jobs",
			 "--no-legend",
			 "--plain",
			 agent_unit(volume, unit),
			 NULL };

	/* "NUMBER UNIT TYPE STATE" */
	if (program_read(argv, output, sizeof(output)) ||
	    sscanf(output, "%*s %*s %31s", type) != 1)
		return UNIT_JOB_NONE;
	if (strcmp(type, "stop") == 0)
		return UNIT_JOB_STOP;
	return strcmp(type, "restart") == 0 ? UNIT_JOB_RESTART : UNIT_JOB_OTHER;
}

bool unit_shutting_down(void)
{
	char *argv[] = { "systemctl", "is-system-running", NULL };
	char state[64];

	/* Its exit status is 0 for "running" alone. */
	program_read(argv, state, sizeof(state));
	return strcmp(state, "stopping") == 0;
}
