/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: the generic netlink family - administration, and the agent's channel
 */
#ifndef QBD_NETLINK_H
#define QBD_NETLINK_H

#include <net/genetlink.h>
#include <linux/qbd.h>

extern struct genl_family qbd_family;
extern const struct nla_policy qbd_done_policy[QBD_A_MAX + 1];
extern const struct nla_policy qbd_lease_policy[QBD_A_MAX + 1];
extern const struct nla_policy qbd_fence_policy[QBD_A_MAX + 1];
int qbd_netlink_init(void);
void qbd_netlink_exit(void);

#endif /* QBD_NETLINK_H */
