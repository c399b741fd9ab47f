/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel knows of devices, as JSON (control/status.h).
 */
#ifndef CLI_KERNEL_H
#define CLI_KERNEL_H

#include <jansson.h>

struct kernel;
struct nl_device;

/** kernel_open() - always succeeds; kernel_problem() says what is missing */
struct kernel *kernel_open(void);
void kernel_close(struct kernel *kernel);

/** kernel_problem() - why nothing is known of devices, "" if all is */
const char *kernel_problem(const struct kernel *kernel);

/**
 * kernel_device() - the device of a volume, the caller's; NULL: has none
 * A caller that may not ask the kernel learns from sysfs only that there is
 * one.
 */
json_t *kernel_device(struct kernel *kernel, const char *volume);

/** kernel_device_json() - of what the module said, the caller's */
json_t *kernel_device_json(const struct nl_device *device);

/** kernel_add_volumes() - names of volumes with a device, as keys of @set */
void kernel_add_volumes(json_t *set);

#endif
