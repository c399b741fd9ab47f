// SPDX-License-Identifier: GPL-2.0
/* The `qbd` command.  All of it but this file is in the library, for tests. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
