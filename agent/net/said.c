// SPDX-License-Identifier: GPL-2.0
/*
 * Refusals are logged once: a peer with a wrong configuration comes back every
 * two seconds until that is fixed, and must not fill the log.
 *
 * The last reason of each known peer is remembered, as a checksum.  Strangers
 * may come from many addresses; a bounded number of them is logged per minute.
 */
#include <string.h>

#include "base/crc.h"
#include "net/internal.h"

static uint32_t text_crc(const char *text)
{
	return base_crc32c(0, text, strlen(text));
}

static bool stranger_silenced(struct net *net)
{
	if (net->now_ms - net->said.minute_ms >= 60000) {
		net->said.minute_ms = net->now_ms;
		net->said.strangers = 0;
	}
	return ++net->said.strangers > NET_SAY_STRANGERS_MAX;
}

void net_say(struct net *net, const char *who, const char *why, bool stranger)
{
	struct net_said *said = &net->said;
	uint32_t who_crc = text_crc(who), why_crc = text_crc(why);
	unsigned int i;

	for (i = 0; i < NET_SAID_MAX; i++)
		if (said->list[i].who == who_crc)
			break;
	if (i < NET_SAID_MAX && said->list[i].why == why_crc)
		return;
	if (stranger && stranger_silenced(net))
		return;
	if (i == NET_SAID_MAX) {
		i = said->next;
		said->next = (said->next + 1) % NET_SAID_MAX;
	}
	said->list[i].who = who_crc;
	said->list[i].why = why_crc;
	net->config.refused(net->config.context, who, why);
}

void net_unsay(struct net *net, const char *who)
{
	uint32_t who_crc = text_crc(who);
	unsigned int i;

	for (i = 0; i < NET_SAID_MAX; i++)
		if (net->said.list[i].who == who_crc)
			memset(&net->said.list[i], 0,
			       sizeof(net->said.list[i]));
}
