// SPDX-License-Identifier: GPL-2.0
/*
 * For `make coverage`, which links each program with it and with
 * -Wl,--wrap=_exit: a process that ends by _exit() leaves its counts of
 * branches, too.  Without it those of all the simulator's workers were lost.
 */
#include <stdnoreturn.h>

void __gcov_dump(void); /* the compiler's */
noreturn void __real__exit(int status);
noreturn void __wrap__exit(int status);

noreturn void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}
