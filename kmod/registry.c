// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: the registry - all devices, by minor
 *
 * An xarray.  Changes need devices_mutex, which is never held while the replica
 * is opened or while a disk is added or removed.  Lookups use RCU.  The
 * registry holds a reference on the kref of each device in it.
 */
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/string.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>

#include "device.h"
#include "registry.h"

static DEFINE_MUTEX(devices_mutex); /* changes of devices; name, net, live */
static DEFINE_XARRAY_ALLOC(devices);

/* A reference on what the registry has, if it may be seen; or NULL */
static struct qbd_device *get_live(struct qbd_device *dev,
				   const struct net *net)
{
	if (!dev || !READ_ONCE(dev->live) ||
	    (net && !net_eq(READ_ONCE(dev->net), net)) ||
	    !kref_get_unless_zero(&dev->kref))
		return NULL;
	return dev;
}

/**
 * qbd_registry_next() - walk over the devices
 * @net: of this namespace; NULL: all
 * @minor: from this one on; set to the one found
 *
 * Return: a device with a reference for the caller, or NULL.
 */
struct qbd_device *qbd_registry_next(struct net *net, unsigned long *minor)
{
	struct qbd_device *dev;

	rcu_read_lock();
	for (dev = xa_find(&devices, minor, ULONG_MAX, XA_PRESENT); dev;
	     dev = xa_find_after(&devices, minor, ULONG_MAX, XA_PRESENT))
		if (get_live(dev, net))
			break;
	rcu_read_unlock();
	return dev;
}

/**
 * qbd_registry_find() - find a device
 * @net: its namespace
 * @minor: its minor, or -1
 * @name: its name, or NULL; when both are given both must match
 *
 * Return: the device with a reference for the caller, or NULL.
 */
struct qbd_device *qbd_registry_find(struct net *net, s32 minor,
				     const char *name)
{
	unsigned long at = 0;
	struct qbd_device *dev;

	if (minor >= 0) {
		rcu_read_lock();
		dev = get_live(xa_load(&devices, minor), net);
		rcu_read_unlock();
		if (!dev || !name || !strcmp(dev->name, name))
			return dev;
		qbd_device_put(dev);
		return NULL;
	}
	while ((dev = qbd_registry_next(net, &at))) {
		if (!name || !strcmp(dev->name, name))
			return dev;
		qbd_device_put(dev);
		at++;
	}
	return NULL;
}

static bool name_taken(struct net *net, const char *name)
{
	struct qbd_device *dev;
	unsigned long minor;

	lockdep_assert_held(&devices_mutex);
	xa_for_each(&devices, minor, dev)
		if (net_eq(dev->net, net) && !strcmp(dev->name, name))
			return true;
	return false;
}

/**
 * qbd_registry_add() - give a new device its minor
 * @dev: the device, with its name and namespace
 * @want: the minor; -1: any
 * @extack: for the error's text
 *
 * Name and minor are taken from now on, but lookups do not find the device
 * before qbd_registry_show().
 *
 * Return: 0; -EEXIST the name or the minor is taken, or no minor is left;
 * -ENOMEM.
 */
int qbd_registry_add(struct qbd_device *dev, s32 want,
		     struct netlink_ext_ack *extack)
{
	struct xa_limit limit = XA_LIMIT(0, QBD_MINORS_MAX - 1);
	int err;

	if (want >= 0)
		limit = XA_LIMIT(want, want);
	mutex_lock(&devices_mutex);
	if (name_taken(dev->net, dev->name)) {
		NL_SET_ERR_MSG(extack, "the name is taken: choose another");
		err = -EEXIST;
	} else {
		err = xa_alloc(&devices, &dev->minor, dev, limit, GFP_KERNEL);
		if (err == -EBUSY) {
			NL_SET_ERR_MSG(extack, "the minor is taken: give none");
			err = -EEXIST;
		}
	}
	mutex_unlock(&devices_mutex);
	return err;
}

static void set_live(struct qbd_device *dev, bool live)
{
	mutex_lock(&devices_mutex);
	WRITE_ONCE(dev->live, live);
	mutex_unlock(&devices_mutex);
}

/**
 * qbd_registry_show() - from now on a device is found
 * @dev: the device, made completely
 */
void qbd_registry_show(struct qbd_device *dev)
{
	set_live(dev, true);
}

/**
 * qbd_registry_hide() - undo qbd_registry_show()
 * @dev: the device
 *
 * Callers that have found it keep their references.
 */
void qbd_registry_hide(struct qbd_device *dev)
{
	set_live(dev, false);
}

/**
 * qbd_registry_net_gone() - a device's network namespace goes
 * @dev: the device; it belongs to none from now on
 */
void qbd_registry_net_gone(struct qbd_device *dev)
{
	mutex_lock(&devices_mutex);
	WRITE_ONCE(dev->net, NULL);
	mutex_unlock(&devices_mutex);
}

/**
 * qbd_registry_del() - undo qbd_registry_add()
 * @dev: the device, not shown
 */
void qbd_registry_del(struct qbd_device *dev)
{
	mutex_lock(&devices_mutex);
	xa_erase(&devices, dev->minor);
	mutex_unlock(&devices_mutex);
}

/**
 * qbd_registry_exit() - the registry goes, empty
 */
void qbd_registry_exit(void)
{
	xa_destroy(&devices);
}
