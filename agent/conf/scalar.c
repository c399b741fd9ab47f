// SPDX-License-Identifier: GPL-2.0
/* See scalar.h. */
#include "conf/scalar.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t\r\f\v"
#define WORD_ENDS BLANKS "\n\";,(){}=#"
#define NUMBER_MAX 63

/* Of word processors: UTF-8 of U+2018 to U+201F begins so. */
static const char fancy_quote[] = "\xe2\x80";

size_t scalar_name_length(const char *at)
{
	const char *end = at;

	if (!isalpha((unsigned char)*at) && *at != '*')
		return 0;
	while (isalnum((unsigned char)*end) || (*end && strchr("-_*", *end)))
		end++;
	return (size_t)(end - at);
}

bool scalar_is_key(const char *at)
{
	size_t length = scalar_name_length(at);

	at += length;
	at += strspn(at, BLANKS "\n");
	/* host:7700 is none, though libconfig would take it. */
	return length && (*at == '=' || (*at == ':' && at[1] &&
					 strchr(BLANKS "\n\"({[", at[1])));
}

static bool ends_number(const char *end)
{
	return strspn(end, "L") <= 2 && !end[strspn(end, "L")];
}

static bool is_scalar(const char *at, size_t length)
{
	char word[NUMBER_MAX + 1], *end;

	if (length > NUMBER_MAX)
		return false;
	memcpy(word, at, length);
	word[length] = '\0';
	if (strcasecmp(word, "true") == 0 || strcasecmp(word, "false") == 0)
		return true;
	strtoull(word, &end, 0);
	if (end != word && ends_number(end))
		return true;
	/* Not what strtod() takes besides: names, hexadecimal ones, 1e */
	strtod(word, &end);
	return end != word && !*end && !word[strspn(word, "0123456789.eE+-")];
}

/* How much of the line is a text whose end is missing: up to the next setting. */
static size_t open_text_length(const char *at)
{
	size_t length = strcspn(at, "\n"), i;

	for (i = 0; i < length; i++) {
		if (at[i] != ';' && at[i] != ',')
			continue;
		if (scalar_is_key(at + i + 1 + strspn(at + i + 1, BLANKS)))
			return i;
	}
	while (length && strchr(BLANKS ";,)}", at[length - 1]))
		length--;
	return length;
}

static struct scalar read_string(const char *at)
{
	struct scalar string = { .kind = SCALAR_GOOD, .content = at + 1 };
	size_t open = open_text_length(at + 1);
	const char *end = at + 1;

	while (*end && *end != '"' && *end != '\n')
		end += end[0] == '\\' && end[1] && end[1] != '\n' ? 2 : 1;
	string.content_length = (size_t)(end - at) - 1;
	string.length = string.content_length + 2;
	/* "n1; id = 1; disk = " is hardly what was meant. */
	if (*end == '"' && string.content_length < open)
		return string;
	string.kind = SCALAR_NO_END;
	string.content_length = open;
	string.length = open + 1;
	return string;
}

/* 'vol0', or in fancy quotes, to the next of the same kind on this line. */
static struct scalar read_other_quotes(const char *at)
{
	bool fancy = *at != '\'';
	size_t width = fancy ? 3 : 1;
	struct scalar text = { .kind = SCALAR_OTHER_QUOTES,
			       .content = at + width };
	size_t length = open_text_length(at + width);
	const char *end;

	end = memmem(text.content, strcspn(text.content, "\n"),
		     fancy ? fancy_quote : "'", fancy ? 2 : 1);
	if (end && strcspn(end, "\n") >= width) {
		text.content_length = (size_t)(end - text.content);
		text.length = text.content_length + 2 * width;
	} else {
		text.content_length = length;
		text.length = length + width;
	}
	return text;
}

/* [fd00::1]:7700 begins like an array. */
static size_t bracket_length(const char *at)
{
	size_t length;

	if (*at != '[')
		return 0;
	length = 1 + strspn(at + 1, "0123456789abcdefABCDEF:.%");
	return at[length] == ']' && at[length + 1] == ':' ? length + 1 : 0;
}

struct scalar scalar_read(const char *at, bool in_array)
{
	struct scalar word = { .kind = SCALAR_NONE, .content = at };
	size_t length = bracket_length(at);

	if (*at == '"')
		return read_string(at);
	if (*at == '\'' || strncmp(at, fancy_quote, 2) == 0)
		return read_other_quotes(at);
	if (!length && (*at == '[' || *at == ']'))
		return word;
	length += strcspn(at + length, in_array ? WORD_ENDS "]" : WORD_ENDS);
	if (!length)
		return word;
	word.kind = is_scalar(at, length) ? SCALAR_GOOD : SCALAR_NO_QUOTES;
	word.content_length = length;
	word.length = length;
	if (at[length] == '"') {
		word.kind = SCALAR_NO_BEGIN;
		word.length++;
	}
	return word;
}
