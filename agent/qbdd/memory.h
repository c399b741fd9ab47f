/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon must not wait for memory that only its own writing can free: it
 * locks its pages, tells the kernel that it serves I/O, is spared by the OOM
 * killer, and keeps what it once got.
 *
 * What the kernel refuses for lack of privilege is logged once, and the daemon
 * runs without it.
 */
#ifndef QBDD_MEMORY_H
#define QBDD_MEMORY_H

/** memory_prepare() - before any thread is made: the settings are inherited */
void memory_prepare(void);

#endif
