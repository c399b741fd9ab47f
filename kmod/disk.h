/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: the disk - what the block layer sees of a device
 */
#ifndef QBD_DISK_H
#define QBD_DISK_H

struct qbd_device;

int qbd_disk_add(struct qbd_device *dev);

#endif /* QBD_DISK_H */
