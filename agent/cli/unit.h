/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The units of a volume, qbd@VOLUME.service and qbd-wait@VOLUME.service, by
 * systemctl.  Where systemd runs the machine, it runs the agents: a child of a
 * login shell would end with the session, before its device is unmounted.
 */
#ifndef CLI_UNIT_H
#define CLI_UNIT_H

#include <stdbool.h>

#include "cli/cli.h"

/* What systemd is about to do with the agent's unit. */
enum unit_job {
	UNIT_JOB_NONE,
	UNIT_JOB_STOP,
	UNIT_JOB_RESTART,
	UNIT_JOB_OTHER,
};

/** unit_managed() - does systemd run this machine? (not in tests' folders) */
bool unit_managed(void);

/** unit_is_up() - is the agent's unit started, starting, or tried again? */
bool unit_is_up(const char *volume);

/**
 * unit_start() - start the agent, and wait until it has started
 * Whatever is wrong was told; it is not tried again then.
 */
enum cli_exit unit_start(const char *volume);

/**
 * unit_stop() - stop the agent, and wait for its end
 * Return: CLI_FAILED, told, when systemd did not: the device is in use.
 */
enum cli_exit unit_stop(const char *volume);

/** unit_start_again() - the stop that is under way is to be a restart */
enum cli_exit unit_start_again(const char *volume);

/** unit_volume_gone() - the volume can't be opened here any more */
void unit_volume_gone(const char *volume);

enum unit_job unit_job(const char *volume);

/** unit_shutting_down() - does the machine power off or boot again? */
bool unit_shutting_down(void);

#endif
