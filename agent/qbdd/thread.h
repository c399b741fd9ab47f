/* SPDX-License-Identifier: GPL-2.0 */
/* What the daemon's threads have in common. */
#ifndef QBDD_THREAD_H
#define QBDD_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/**
 * qbdd_join() - wait until a thread has ended, by a clock that is never set
 * Return: false when it has not after @timeout_ms; it is still there.
 */
bool qbdd_join(pthread_t thread, unsigned int timeout_ms);

#endif
