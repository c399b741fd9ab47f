/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses in text form: host:port, [v6]:port. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "net/net.h"

/** net_resolve_number() - net_resolve() of a number; false: it is a name */
bool net_resolve_number(const char *text, struct net_addresses *addresses);
/** net_address_check() - the syntax only; 0 or -EINVAL with a text */
int net_address_check(const char *text, struct base_error *error);
/** net_host_text() - the numeric address without its port */
void net_host_text(const struct net_address *address, char *text, size_t size);
/** net_address_is_local() - does it lead to this machine alone (127.0.1.1)? */
bool net_address_is_local(const struct net_address *address);

#endif
