// SPDX-License-Identifier: GPL-2.0
/* qbd version: of the programs, and whether the module is there. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/qbd.h>

#include "cli/cli.h"

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
	printf("qbd %s, netlink protocol %d\n", QBD_VERSION, QBD_GENL_VERSION);
	print_module();
	return CLI_DONE;
}

const struct cli_command cli_version = {
	.name = "version",
	.summary = "Show the versions of program and module",
	.run = run,
};
