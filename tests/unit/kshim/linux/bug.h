/* SPDX-License-Identifier: GPL-2.0 */
/* A warning of the kernel's is the end of a test. */
#ifndef KSHIM_BUG_H
#define KSHIM_BUG_H

#include <stdio.h>
#include <stdlib.h>

#define WARN_ON_ONCE(condition)                                       \
	((condition) ? (printf("Bail out! %s:%d: WARN_ON_ONCE(%s)\n", \
			       __FILE__, __LINE__, #condition),       \
			exit(1), 1) :                                 \
		       0)

#endif
