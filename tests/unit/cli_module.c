// SPDX-License-Identifier: GPL-2.0
/* Why the module can't be loaded, and what is to be done: each has its own. */
#include "cli_rig.h"

#include "cli/module.h"

#define ERROR "modprobe: ERROR: could not insert 'qbd': "

static char text[1024];

static bool explained(const char *said, int status, const char *words)
{
	module_explain(said, status, true, text, sizeof(text));
	if (strstr(text, words))
		return true;
	printf("# said: %s\n", text);
	return false;
}

static void each_reason_has_its_remedy(void)
{
	tap_check(explained(ERROR "Key was rejected by service\n", 1,
			    ": Key was rejected by service; with Secure Boot"));
	tap_check(explained(ERROR "Required key not available\n", 1,
			    "sign qbd.ko"));
	tap_check(explained(ERROR "Operation not permitted\n", 1, "lockdown"));
	tap_check(explained(ERROR "Exec format error\n", 1,
			    "built for another kernel"));
	tap_check(explained(ERROR "Invalid argument\n", 1,
			    "built for another kernel"));
	tap_check(explained("modprobe: FATAL: Module qbd not found in "
			    "directory /lib/modules/6.1.0-1\n",
			    1, "/lib/modules/6.1.0-1; it is not installed"));
	tap_check(explained(ERROR "Cannot allocate memory\n", 1, "memory is"));
	tap_check(explained("", 127, "package kmod"));
}

/* "install qbd /bin/false", and what we never heard of. */
static void unknown_reasons_are_shown(void)
{
	tap_check(explained("", 1, "exit status 1; dmesg may say more"));
	tap_check(explained("a warning\nmodprobe: ERROR: Moon is full\n\n", 1,
			    "): modprobe: ERROR: Moon is full; dmesg"));
	module_explain(ERROR "Operation not permitted\n", 1, false, text,
		       sizeof(text));
	tap_check(strstr(text, "run this as root"));
	tap_check(!strstr(text, "Secure Boot"));
}

/* A modprobe that says @said, for the next rig_run(). */
static void fake_modprobe(const char *said)
{
	char path[128], search[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/modprobe", rig_folder);
	file = fopen(path, "w");
	fprintf(file,
		"#!/bin/sh\n[ \"$1\" = qbd ] || exit 3\n"
		"i=0; while [ $i -lt 3000 ]; do echo noise; "
		"i=$((i + 1)); done\n"
		"echo \"%s\" >&2\nexit 1\n",
		said);
	fclose(file);
	chmod(path, 0755);
	snprintf(search, sizeof(search), "%s:/usr/sbin:/usr/bin:/sbin:/bin",
		 rig_folder);
	setenv("PATH", search, 1);
}

static void up_tells_what_modprobe_said(void)
{
	tap_need(rig_setup());
	if (rig_module_loaded()) {
		tap_skip("the module qbd is loaded");
	} else {
		fake_modprobe("modprobe: FATAL: Module qbd not found in "
			      "directory /lib/modules/x");
		tap_check_eq(rig_run("up", "vol0", NULL), 1);
		if (geteuid() == 0)
			rig_said("Module qbd not found in directory "
				 "/lib/modules/x; it is not installed");
		else
			rig_said("run this as root");
		tap_check_eq(rig_run("abort", "vol0", NULL), 1);
		rig_said("load it with: modprobe qbd");
		setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	}
	rig_teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(each_reason_has_its_remedy),
		TAP_TEST(unknown_reasons_are_shown),
		TAP_TEST(up_tells_what_modprobe_said),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
