// SPDX-License-Identifier: GPL-2.0
/*
 * See module.h.  modprobe knows the kernel's reason; each reason has its own
 * remedy.
 */
#include "cli/module.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/program.h"
#include "nl/nl.h"

#define SAID_MAX 4096
#define SIGNED_REMEDY                                               \
	"with Secure Boot this kernel takes signed modules only: "  \
	"sign qbd.ko with a key that this machine trusts (mokutil " \
	"--import makes it do so), or turn Secure Boot off in the firmware"
#define OTHER_KERNEL_REMEDY                                              \
	"the module was built for another kernel: build and install it " \
	"for this one (make module-running, make install)"

/* What modprobe says is the kernel's errno, in words. */
static const struct {
	const char *said;
	const char *remedy;
} reasons[] = {
	{ "Key was rejected by service", SIGNED_REMEDY },
	{ "Required key not available", SIGNED_REMEDY },
	{ "Operation not permitted",
	  "the kernel forbids it: in a container, load it on the host; with "
	  "Secure Boot or lockdown, qbd.ko must be signed with a key that this "
	  "machine trusts (mokutil --import makes it do so)" },
	{ "Exec format error", OTHER_KERNEL_REMEDY },
	{ "Invalid module format", OTHER_KERNEL_REMEDY },
	{ "Invalid argument", OTHER_KERNEL_REMEDY },
	{ "disagrees about", OTHER_KERNEL_REMEDY },
	{ "Unknown symbol", OTHER_KERNEL_REMEDY },
	{ "not found in directory",
	  "it is not installed for this kernel: build and install it (make "
	  "module-running, make install), again after each new kernel" },
	{ "Cannot allocate memory", "memory is short: free some, try again" },
};

static const char *remedy_for(const char *said)
{
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strstr(said, reasons[i].said))
			return reasons[i].remedy;
	return "dmesg may say more; is it forbidden in /etc/modprobe.d?";
}

/* The last line that says something. */
static void last_line(const char *said, char *line, size_t size)
{
	const char *end = said + strlen(said), *start;

	while (end > said && end[-1] == '\n')
		end--;
	start = end;
	while (start > said && start[-1] != '\n')
		start--;
	snprintf(line, size, "%.*s", (int)(end - start), start);
}

void module_explain(const char *said, int status, bool root, char *text,
		    size_t size)
{
	struct utsname kernel = { .release = "" };
	char line[256];

	uname(&kernel);
	last_line(said, line, sizeof(line));
	if (!*line)
		snprintf(line, sizeof(line),
			 "modprobe says nothing, exit status %d", status);
	if (!root)
		snprintf(text, size,
			 "the kernel module qbd is not loaded, and only root "
			 "may load it: run this as root");
	else if (status == 127)
		snprintf(text, size,
			 "the kernel module qbd is not loaded, and modprobe "
			 "can't be run: install it (package kmod)");
	else
		snprintf(text, size,
			 "the kernel module qbd can't be loaded (kernel %s): "
			 "%s; %s",
			 kernel.release, line, remedy_for(said));
}

static int modprobe(char *said)
{
	char *argv[] = { "modprobe", "qbd", NULL };
	int status;

	/* Its words are compared. */
	setenv("LC_ALL", "C", 1);
	status = program_read(argv, said, SAID_MAX);
	if (status != 127)
		return status;
	/* A PATH other than root's often lacks its folder. */
	argv[0] = "/sbin/modprobe";
	return program_read(argv, said, SAID_MAX);
}

bool module_need(void)
{
	char said[SAID_MAX], text[BASE_ERROR_TEXT_MAX];
	struct base_error error;
	struct nl_admin *admin;
	int ret, status;

	ret = nl_admin_open(&admin, &error);
	if (ret == -ENOENT) {
		status = modprobe(said);
		if (status) {
			module_explain(said, status, geteuid() == 0, text,
				       sizeof(text));
			cli_fail("%s", text);
			return false;
		}
		ret = nl_admin_open(&admin, &error);
	}
	if (ret) {
		cli_fail("%s", error.text);
		return false;
	}
	nl_admin_close(admin);
	return true;
}
