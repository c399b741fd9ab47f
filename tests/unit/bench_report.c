// SPDX-License-Identifier: GPL-2.0
/*
 * Runs bench_report.py: the tests of this folder are programs, and what counts
 * benchmarks together is Python.
 */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	execlp("python3", "python3", "tests/unit/bench_report.py",
	       (char *)NULL);
	perror("Bail out! python3");
	return 1;
}
