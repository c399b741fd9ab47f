// SPDX-License-Identifier: GPL-2.0
/*
 * Runs uapi_spec.py, which compares the header, the netlink spec and the
 * module: the tests of this folder are programs, and YAML is read in Python.
 */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	execlp("python3", "python3", "tests/unit/uapi_spec.py", (char *)NULL);
	perror("Bail out! python3");
	return 1;
}
