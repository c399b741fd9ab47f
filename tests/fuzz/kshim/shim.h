/* SPDX-License-Identifier: GPL-2.0 */
/* What the fuzzer of the module's channels sees of the kernel around them */
#ifndef KSHIM_SHIM_H
#define KSHIM_SHIM_H

#include "device.h"

#define KSHIM_DEVICES 2

extern struct qbd_device *kshim_devices[KSHIM_DEVICES];
extern struct miscdevice *kshim_control; /* /dev/qbd-control */
extern unsigned int kshim_bios; /* submitted and not ended */

#endif
