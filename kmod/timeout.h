/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: io-timeout, the bound of every wait
 */
#ifndef QBD_TIMEOUT_H
#define QBD_TIMEOUT_H

struct qbd_device;
struct work_struct;

void qbd_timeout_arm(struct qbd_device *dev);
void qbd_timeout_work(struct work_struct *work);

#endif /* QBD_TIMEOUT_H */
