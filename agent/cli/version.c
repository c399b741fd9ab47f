// SPDX-License-Identifier: GPL-2.0
/*
 * qbd version: the versions of everything that must fit together, on one line
 * for bug reports; and whether the module is loaded.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/qbd.h>

#include "cli/cli.h"
#include "store/format.h"
#include "wire/wire.h"

static void print_module(void)
{
	char version[64] = "";
	FILE *file;

	if (access("/sys/module/qbd", F_OK)) {
		printf("module qbd: not loaded (modprobe qbd)\n");
		return;
	}
	file = fopen("/sys/module/qbd/version", "re");
	if (file) {
		if (fgets(version, sizeof(version), file))
			version[strcspn(version, "\n")] = '\0';
		fclose(file);
	}
	printf("module qbd: loaded%s%s\n", *version ? ", " : "", version);
}

static enum cli_exit run(const struct cli_args *args)
{
	printf("qbd %s, netlink protocol %d, wire protocol %d, disk format %d\n",
	       QBD_VERSION, QBD_GENL_VERSION, WIRE_VERSION_MAX, FORMAT_VERSION);
	print_module();
	return CLI_DONE;
}

const struct cli_command cli_version = {
	.name = "version",
	.summary = "Show the versions of program, protocols, disk and module",
	.help = "The netlink protocol is between agent and module, the wire "
		"protocol between\nagents (the newest version that this one "
		"knows).  The disk format is that of the\nreplicas that qbd "
		"format makes and the agent accepts.\n",
	.run = run,
};
