/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: the registry - all devices, by minor
 */
#ifndef QBD_REGISTRY_H
#define QBD_REGISTRY_H

#include <linux/types.h>

struct net;
struct netlink_ext_ack;
struct qbd_device;

int qbd_registry_add(struct qbd_device *dev, s32 want,
		     struct netlink_ext_ack *extack);
void qbd_registry_del(struct qbd_device *dev);
void qbd_registry_show(struct qbd_device *dev);
void qbd_registry_hide(struct qbd_device *dev);
void qbd_registry_net_gone(struct qbd_device *dev);
struct qbd_device *qbd_registry_find(struct net *net, s32 minor,
				     const char *name);
struct qbd_device *qbd_registry_next(struct net *net, unsigned long *minor);
void qbd_registry_exit(void);

#endif /* QBD_REGISTRY_H */
