/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The smallest parts of a configuration's text - names, numbers, quoted texts -
 * and common mistakes in them.  For syntax.c; pure.
 */
#ifndef CONF_SCALAR_H
#define CONF_SCALAR_H

#include <stdbool.h>
#include <stddef.h>

enum scalar_kind {
	SCALAR_NONE, /* nothing of that kind */
	SCALAR_GOOD, /* as libconfig wants it */
	SCALAR_NO_QUOTES, /* a text without them */
	SCALAR_NO_BEGIN, /* only the closing one */
	SCALAR_NO_END, /* only the opening one */
	SCALAR_OTHER_QUOTES, /* 'so', or as word processors set them */
};

struct scalar {
	enum scalar_kind kind;
	size_t length; /* from the beginning to behind it, on one line */
	const char *content; /* without quotes */
	size_t content_length;
};

/** scalar_name_length() - of the name of a setting here; 0: none */
size_t scalar_name_length(const char *at);

/** scalar_is_key() - a name with '=' or ':' behind it, not a host with its port */
bool scalar_is_key(const char *at);

/**
 * scalar_read() - the number or text here
 * @in_array: a ']' ends it
 */
struct scalar scalar_read(const char *at, bool in_array);

#endif
