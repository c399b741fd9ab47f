// SPDX-License-Identifier: GPL-2.0
/*
 * Runs install.py, which tries `make install`, `make uninstall` and the flags of
 * `make agent`: the tests of this folder are programs.
 */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	execlp("python3", "python3", "tests/unit/install.py", (char *)NULL);
	perror("Bail out! python3");
	return 1;
}
