// SPDX-License-Identifier: GPL-2.0
/*
 * Where a node is: a number, known at once, or a name, which the owner looks up
 * in another thread.  An address is used until the name resolves to another
 * one; a lookup that fails changes nothing.
 */
#include <stdio.h>
#include <string.h>

#include "net/internal.h"

static void name_ask(struct net_name *name)
{
	struct net *net = name->net;

	name->asked = true;
	name->asked_ms = net->now_ms;
	net->config.resolve(net->config.context, name->id, name->text);
}

void net_name_init(struct net_name *name, struct net *net, uint32_t id,
		   const char *text)
{
	name->net = net;
	name->id = id;
	name->text = text;
	name->is_name = !net_resolve_number(text, &name->found);
	if (!name->is_name)
		return;
	snprintf(name->problem, sizeof(name->problem),
		 "the name in %.100s is being looked up", text);
	name_ask(name);
}

void net_name_refresh(struct net_name *name)
{
	uint64_t pause_ms = name->found.count ? NET_RESOLVE_MS : NET_UNKNOWN_MS;

	if (name->is_name && !name->asked &&
	    name->net->now_ms - name->asked_ms >= pause_ms)
		name_ask(name);
}

static bool same(const struct net_addresses *one,
		 const struct net_addresses *other)
{
	unsigned int i;

	if (one->count != other->count)
		return false;
	for (i = 0; i < one->count; i++)
		if (one->list[i].length != other->list[i].length ||
		    memcmp(&one->list[i].sockaddr, &other->list[i].sockaddr,
			   one->list[i].length) != 0)
			return false;
	return true;
}

bool net_name_resolved(struct net_name *name,
		       const struct net_addresses *addresses,
		       const char *problem)
{
	name->asked = false;
	if (!addresses) {
		if (!name->found.count)
			snprintf(name->problem, sizeof(name->problem), "%s",
				 problem);
		return false;
	}
	name->problem[0] = '\0';
	if (same(addresses, &name->found))
		return false;
	name->found = *addresses;
	return true;
}
