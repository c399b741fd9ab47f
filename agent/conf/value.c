// SPDX-License-Identifier: GPL-2.0
/* See value.h. */
#include "conf/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "conf/conf.h"

#define HOST_MAX 127
#define WORD_MAX 32
#define NEAR_MAX 2

/* Digits only: strtoull() would take signs, blanks and wrapped values. */
static int parse_digits(const char **text, uint64_t *number)
{
	const char *at = *text;
	uint64_t value = 0;

	if (!isdigit((unsigned char)*at))
		return -EINVAL;
	for (; isdigit((unsigned char)*at); at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *at - '0', &value))
			return -ERANGE;
	*text = at;
	*number = value;
	return 0;
}

int conf_parse_size(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	unsigned int shift = 0;
	uint64_t number;
	int ret;

	ret = parse_digits(&text, &number);
	if (ret)
		return ret;
	if (*text) {
		suffix = strchr(suffixes, *text);
		if (!suffix || text[1])
			return -EINVAL;
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
	}
	if (number > (uint64_t)INT64_MAX >> shift)
		return -ERANGE;
	*bytes = number << shift;
	return 0;
}

int conf_parse_duration(const char *text, uint32_t *duration_ms)
{
	static const struct {
		const char *suffix;
		uint32_t ms;
	} units[] = {
		{ "ms", 1 },
		{ "s", 1000 },
		{ "m", 60 * 1000 },
		{ "h", 60 * 60 * 1000 },
	};
	uint64_t number;
	size_t i;
	int ret;

	ret = parse_digits(&text, &number);
	if (ret)
		return ret;
	if (!*text && number == 0) {
		*duration_ms = 0;
		return 0;
	}
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text, units[i].suffix) != 0)
			continue;
		if (number > UINT32_MAX / units[i].ms)
			return -ERANGE;
		*duration_ms = (uint32_t)number * units[i].ms;
		return 0;
	}
	return -EINVAL;
}

const char *conf_name_problem(const char *name)
{
	const char *at;

	if (!*name)
		return "the name is empty; give it letters or digits";
	if (strlen(name) > CONF_NAME_MAX)
		return "the name is too long; at most 63 letters";
	if (!isalnum((unsigned char)*name))
		return "the name must begin with a letter or digit";
	for (at = name; *at; at++)
		if (!isascii(*at) ||
		    (!isalnum((unsigned char)*at) && !strchr("._-", *at)))
			return "a name has only letters, digits, '.', '_' "
			       "and '-'";
	return NULL;
}

/* The host, without brackets, and where the port begins (NULL: no port). */
static const char *split_address(const char *address, char *host)
{
	const char *end;
	size_t length;

	if (*address == '[') {
		address++;
		end = strchr(address, ']');
		if (!end || end[1] != ':')
			return NULL;
	} else {
		end = strrchr(address, ':');
		if (!end)
			return NULL;
	}
	length = (size_t)(end - address);
	if (length > HOST_MAX)
		return NULL;
	memcpy(host, address, length);
	host[length] = '\0';
	return *end == ']' ? end + 2 : end + 1;
}

static const char any_problem[] =
	"means all addresses of a machine, so that others can't reach it there; "
	"write the address of one interface";
static const char many_problem[] =
	"is an address of many machines; write that of one interface";

static const char *v4_problem(const char *host)
{
	struct in_addr parsed;
	uint32_t number;

	if (inet_pton(AF_INET, host, &parsed) != 1)
		return "has a bad IPv4 address; four numbers up to 255";
	number = ntohl(parsed.s_addr);
	if (number >> 24 == 0)
		return any_problem;
	return number >> 28 >= 14 ? many_problem : NULL;
}

/* @host: without brackets; cut at its interface */
static const char *v6_problem(char *host)
{
	char *scope = strchr(host, '%');
	struct in6_addr parsed;

	if (scope)
		*scope = '\0';
	if (inet_pton(AF_INET6, host, &parsed) != 1)
		return "has no IPv6 address between the brackets";
	if (IN6_IS_ADDR_UNSPECIFIED(&parsed))
		return any_problem;
	if (IN6_IS_ADDR_MULTICAST(&parsed))
		return many_problem;
	if (IN6_IS_ADDR_LINKLOCAL(&parsed) && (!scope || !scope[1]))
		return "is link-local, and needs the interface that it is valid "
		       "on, such as \"[fe80::1%eth0]:7700\"; or write "
		       "another address of that node";
	return NULL;
}

const char *conf_address_problem(const char *address)
{
	static const char form[] =
		"is not of the form \"host:port\" or \"[v6]:port\", such as "
		"\"10.77.0.1:7700\"";
	char host[HOST_MAX + 1];
	const char *port;
	uint64_t number;

	if (strlen(address) > HOST_MAX)
		return "is too long; at most 127 letters";
	port = split_address(address, host);
	if (!port || !*host)
		return form;
	if (parse_digits(&port, &number) || *port || !number ||
	    number > UINT16_MAX)
		return "has no good port; a number from 1 to 65535 stands "
		       "behind the last ':'";
	if (*address == '[')
		return v6_problem(host);
	if (strchr(host, ':'))
		return "has an IPv6 address without brackets; write "
		       "\"[v6]:port\"";
	if (!host[strspn(host, "0123456789.")])
		return v4_problem(host);
	if (host[strspn(host, "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")])
		return form;
	return NULL;
}

bool conf_address_is_local(const char *address)
{
	char host[HOST_MAX + 1];

	return split_address(address, host) &&
	       (strcasecmp(host, "localhost") == 0 ||
		strcmp(host, "::1") == 0 ||
		(strncmp(host, "127.", 4) == 0 &&
		 !host[strspn(host, "0123456789.")]));
}

bool conf_same_host(const char *address, const char *other)
{
	char host[HOST_MAX + 1], other_host[HOST_MAX + 1];

	return split_address(address, host) &&
	       split_address(other, other_host) &&
	       strcasecmp(host, other_host) == 0;
}

/* Levenshtein's distance, one row at a time. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[WORD_MAX + 1], above_left, above, best;
	size_t i, j, width = strlen(b);

	if (width > WORD_MAX || strlen(a) > WORD_MAX)
		return UINT32_MAX;
	for (j = 0; j <= width; j++)
		row[j] = (unsigned int)j;
	for (i = 1; a[i - 1]; i++) {
		above_left = row[0];
		row[0] = (unsigned int)i;
		for (j = 1; j <= width; j++) {
			above = row[j];
			best = above_left + (a[i - 1] != b[j - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			above_left = above;
		}
	}
	return row[width];
}

const char *conf_nearest(const char *word, const char *const *words)
{
	unsigned int near = NEAR_MAX + 1, now;
	const char *found = NULL;

	for (; *words; words++) {
		now = distance(word, *words);
		/* Two letters changed of a word of two is no likeness. */
		if (now < near && now < strlen(*words)) {
			near = now;
			found = *words;
		}
	}
	return found;
}
