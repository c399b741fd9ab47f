/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: /dev/qbd-control, the preferred channel for the agent's commands
 */
#ifndef QBD_CONTROL_H
#define QBD_CONTROL_H

int qbd_control_init(void);
void qbd_control_exit(void);

#endif /* QBD_CONTROL_H */
