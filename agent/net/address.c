// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses in text form: host:port, [v6]:port.
 *
 * A name is looked up by the C library, which blocks: up to the resolver's own
 * timeouts, many seconds when its servers are silent.  So the loop never
 * looks one up: see name.c.  Numeric addresses never block.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "net/address.h"

struct parts {
	char host[128];
	char port[8];
};

static int address_error(const char *text, const char *what,
			 struct base_error *error)
{
	return base_error_set(
		error, -EINVAL,
		"address \"%s\": %s; write host:port or [v6 address]:port",
		text, what);
}

static const char *split(const char *text, struct parts *parts)
{
	const char *colon = strrchr(text, ':');
	const char *begin = text, *end = colon, *at;

	if (!colon || !colon[1])
		return "the port is missing";
	if (*text == '[') {
		if (colon == text || colon[-1] != ']')
			return "after [ belongs ]:port";
		begin++;
		end--;
	} else if (memchr(text, ':', (size_t)(colon - text))) {
		return "an IPv6 address stands in brackets";
	}
	if (end <= begin)
		return "the host is missing";
	if ((size_t)(end - begin) >= sizeof(parts->host))
		return "the host is too long";
	for (at = colon + 1; *at; at++)
		if (*at < '0' || *at > '9' || at - colon > 5)
			return "the port is not a number from 1 to 65535";
	memcpy(parts->host, begin, (size_t)(end - begin));
	parts->host[end - begin] = '\0';
	memcpy(parts->port, colon + 1, strlen(colon + 1) + 1);
	return NULL;
}

static const char *port_problem(const struct parts *parts)
{
	unsigned int port = 0;
	const char *at;

	for (at = parts->port; *at; at++)
		port = port * 10 + (unsigned int)(*at - '0');
	return port && port <= 65535 ?
		       NULL :
		       "the port is not a number from 1 to 65535";
}

int net_address_check(const char *text, struct base_error *error)
{
	struct parts parts;
	const char *problem = split(text, &parts);

	if (!problem)
		problem = port_problem(&parts);
	return problem ? address_error(text, problem, error) : 0;
}

static int look_up(const struct parts *parts, int flags,
		   struct net_addresses *addresses)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICSERV | flags,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found, *at;
	int err = getaddrinfo(parts->host, parts->port, &hints, &found);

	if (err)
		return err;
	addresses->count = 0;
	for (at = found; at && addresses->count < NET_ADDRESSES_MAX;
	     at = at->ai_next) {
		struct net_address *address =
			&addresses->list[addresses->count];

		if (at->ai_addrlen > sizeof(address->sockaddr))
			continue;
		memset(address, 0, sizeof(*address));
		memcpy(&address->sockaddr, at->ai_addr, at->ai_addrlen);
		address->length = at->ai_addrlen;
		addresses->count++;
	}
	freeaddrinfo(found);
	return addresses->count ? 0 : EAI_NONAME;
}

bool net_resolve_number(const char *text, struct net_addresses *addresses)
{
	struct parts parts;

	return !split(text, &parts) && !port_problem(&parts) &&
	       look_up(&parts, AI_NUMERICHOST, addresses) == 0;
}

int net_resolve(const char *text, struct net_addresses *addresses,
		struct base_error *error)
{
	struct parts parts;
	const char *problem = split(text, &parts);
	int err;

	if (!problem)
		problem = port_problem(&parts);
	if (problem)
		return address_error(text, problem, error);
	if (look_up(&parts, AI_NUMERICHOST, addresses) == 0)
		return 0;
	err = look_up(&parts, 0, addresses);
	if (err == 0)
		return 0;
	return base_error_set(
		error, -EHOSTUNREACH,
		"the name %s can't be looked up (%s): write a numeric address, "
		"or put the name into /etc/hosts",
		parts.host, gai_strerror(err));
}

void net_host_text(const struct net_address *address, char *text, size_t size)
{
	if (getnameinfo((const struct sockaddr *)&address->sockaddr,
			address->length, text, (socklen_t)size, NULL, 0,
			NI_NUMERICHOST))
		snprintf(text, size, "an unknown address");
}

bool net_address_is_local(const struct net_address *address)
{
	const struct sockaddr_in *v4 = (const void *)&address->sockaddr;
	const struct sockaddr_in6 *v6 = (const void *)&address->sockaddr;

	if (address->sockaddr.ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return address->sockaddr.ss_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}
