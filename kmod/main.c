// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: loading and unloading of the module
 *
 * The channels to userspace open last and close first.
 */
#include <linux/module.h>
#include <net/genetlink.h>

#include "control.h"
#include "device.h"
#include "netlink.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init qbd_init(void)
{
	int err;

	err = qbd_devices_init();
	if (err)
		return err;
	err = qbd_control_init();
	if (err)
		goto out_devices;
	err = qbd_netlink_init();
	if (err)
		goto out_control;
	return 0;

out_control:
	qbd_control_exit();
out_devices:
	qbd_devices_exit();
	return err;
}

static void __exit qbd_exit(void)
{
	qbd_netlink_exit();
	qbd_control_exit();
	qbd_devices_exit();
}

module_init(qbd_init);
module_exit(qbd_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Quorum Block Device");
MODULE_VERSION("0.1.0"); /* as the Makefile's */
MODULE_ALIAS_GENL_FAMILY("qbd");
