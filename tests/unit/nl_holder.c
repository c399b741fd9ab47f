// SPDX-License-Identifier: GPL-2.0
/*
 * Who keeps a device: what is said where only the kernel's memory of its opener is
 * left (minor 4095 is nobody's device here; mounts are in base_holder).
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nl/nl.h"
#include "tap.h"

static struct nl_device device;
static char text[512];

static void setup(uint32_t openers, uint32_t writers)
{
	memset(&device, 0, sizeof(device));
	strcpy(device.name, "vol0");
	strcpy(device.opener_comm, "mount");
	device.minor = 4095;
	device.openers = openers;
	device.writers = writers;
	device.opener_pid = (uint32_t)getpid();
	device.agent_portid = 77;
}

static void opener_that_has_ended_is_told_as_such(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	setup(1, 1);
	nl_device_holder(&device, text, sizeof(text));
	tap_check(strstr(text, "/dev/qbd4095 is open for writing, since mount "
			       "(pid "));
	tap_check(!strstr(text, "ended"));
	device.opener_pid = (uint32_t)child;
	nl_device_holder(&device, text, sizeof(text));
	tap_check(strstr(text, ", which has ended) opened it: unmount"));
}

static void others_in_the_way_are_told(void)
{
	setup(1, 0);
	nl_device_holder(&device, text, sizeof(text));
	tap_check(strstr(text, "is open for reading"));
	setup(0, 0);
	nl_device_holder(&device, text, sizeof(text));
	tap_check(strstr(text, "stop it with qbd down vol0"));
	device.agent_portid = 0;
	nl_device_holder(&device, text, sizeof(text));
	tap_check_str(text, "");
	nl_replica_holder("/dev/null", text, sizeof(text));
	tap_check_str(text, "");
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(opener_that_has_ended_is_told_as_such),
		TAP_TEST(others_in_the_way_are_told),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
