// SPDX-License-Identifier: GPL-2.0
/*
 * See syntax.h.  A parser of libconfig's grammar and of common omissions.  It
 * never fails: each step consumes text or closes a bracket, and what is
 * consumed is written to the corrected text.
 */
#include "conf/syntax.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/scalar.h"

#define DEPTH_MAX 16
#define SLIPS_MAX 32
#define KEYS_MAX 32 /* of a group, that are looked at for doubles */
#define TEXT_MAX 256
#define SHOWN_MAX 48 /* of the file's words in a text */

struct key {
	const char *name;
	size_t length;
	unsigned int line;
};

/* A bracket that is open; the outermost group has no kind. */
struct frame {
	char kind;
	unsigned int line;
	unsigned int depth;
	const struct frame *parent;
	unsigned int key_count;
	struct key keys[KEYS_MAX];
};

struct syntax {
	const char *at;
	unsigned int line;
	char *out;
	size_t used;
	size_t room;
	bool lost; /* too deep, or too much is wrong */
	bool comma_given; /* with the '}' that was missing */
	void (*tell)(void *context, unsigned int line, const char *what);
	void *context;
	struct syntax_found *found;
};

static void parse_value(struct syntax *syntax, const struct frame *frame);
static void parse_group(struct syntax *syntax, struct frame *group);

static void __attribute__((format(printf, 3, 4)))
slip(struct syntax *syntax, unsigned int line, const char *format, ...)
{
	struct syntax_found *found = syntax->found;
	char text[TEXT_MAX], *at;
	va_list args;

	if (found->slips == SLIPS_MAX) {
		syntax->lost = true;
		return;
	}
	if (!found->slips++ || line < found->first_line)
		found->first_line = line;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (at = text; *at; at++)
		if (iscntrl((unsigned char)*at))
			*at = '?';
	syntax->tell(syntax->context, line, text);
}

static int shown(size_t length)
{
	return (int)(length < SHOWN_MAX ? length : SHOWN_MAX);
}

static void put(struct syntax *syntax, const char *text, size_t length)
{
	if (length > syntax->room - syntax->used) {
		syntax->lost = true;
		return;
	}
	memcpy(syntax->out + syntax->used, text, length);
	syntax->used += length;
}

static void put_letter(struct syntax *syntax, char letter)
{
	put(syntax, &letter, 1);
}

static void take(struct syntax *syntax, size_t length)
{
	put(syntax, syntax->at, length);
	syntax->at += length;
}

/* What was put since @from goes again, but for its newlines. */
static void take_back(struct syntax *syntax, size_t from)
{
	for (; from < syntax->used; from++)
		if (syntax->out[from] != '\n')
			syntax->out[from] = ' ';
	syntax->found->dropped = true;
}

/* Over blanks and comments, of which only the newlines are kept. */
static void skip_blanks(struct syntax *syntax)
{
	const char *at = syntax->at;
	bool comment = false;

	for (; *at; at++) {
		if (*at == '\n') {
			syntax->line++;
			put_letter(syntax, '\n');
		} else if (comment) {
			if (strncmp(at, "*/", 2) == 0) {
				comment = false;
				at++;
			}
		} else if (*at == '#' || strncmp(at, "//", 2) == 0) {
			at += strcspn(at, "\n") - 1;
		} else if (strncmp(at, "/*", 2) == 0) {
			comment = true;
			at++;
		} else if (!isspace((unsigned char)*at)) {
			break;
		}
	}
	put_letter(syntax, ' ');
	syntax->at = at;
}

static bool is_open(const struct frame *frame, const char *kinds)
{
	for (; frame && frame->kind; frame = frame->parent)
		if (strchr(kinds, frame->kind))
			return true;
	return false;
}

static char closer_of(const struct frame *frame)
{
	return frame->kind == '(' ? ')' : frame->kind == '[' ? ']' : '}';
}

/* @before: what comes in its place; NULL: the file's end */
static void close_missing(struct syntax *syntax, const struct frame *frame,
			  const char *before)
{
	char closer = closer_of(frame);

	if (before)
		slip(syntax, frame->line,
		     "the '%c' here is not closed before the %s of line %u; put "
		     "a '%c' there",
		     frame->kind, before, syntax->line, closer);
	else
		slip(syntax, frame->line,
		     "the '%c' here is never closed; put a '%c' where it ends",
		     frame->kind, closer);
	put_letter(syntax, closer);
}

static void stray(struct syntax *syntax)
{
	slip(syntax, syntax->line, "a '%c' is out of place here; remove it",
	     *syntax->at);
	syntax->at++;
}

/* A ',' between two parts of a list, or a ';' in its place. */
static void parse_comma(struct syntax *syntax, const struct frame *list,
			bool *comma)
{
	unsigned int line = syntax->line;
	char letter = *syntax->at++;
	size_t place = syntax->used;

	put_letter(syntax, ',');
	skip_blanks(syntax);
	if (*comma || *syntax->at == closer_of(list)) {
		slip(syntax, line,
		     "a '%c' stands only between two parts of a list; remove "
		     "this one",
		     letter);
		take_back(syntax, place);
	} else if (letter == ';') {
		slip(syntax, line,
		     "between two parts of a list stands a ',', not a ';'");
	}
	*comma = true;
}

/* Is the ';' here the one behind the whole list? */
static bool ends_setting(const struct syntax *syntax)
{
	struct syntax ahead = *syntax;

	ahead.at++;
	ahead.used = 0;
	ahead.room = 0; /* looks only */
	skip_blanks(&ahead);
	return !*ahead.at || scalar_is_key(ahead.at);
}

/* What can't be in a list ends it.  True: its end was mended. */
static bool list_ends(struct syntax *syntax, const struct frame *list,
		      bool after_part)
{
	const char *before = NULL;

	if (*syntax->at == ';' && ends_setting(syntax))
		before = "';'";
	else if (*syntax->at == '}' && is_open(list->parent, "{"))
		before = "'}'";
	else if (after_part && scalar_is_key(syntax->at))
		before = "next setting";
	else if (*syntax->at)
		return false;
	close_missing(syntax, list, before);
	return true;
}

static void parse_part(struct syntax *syntax, const struct frame *list)
{
	struct frame group = { .kind = '{',
			       .line = syntax->line,
			       .depth = list->depth + 1,
			       .parent = list };

	if (!scalar_is_key(syntax->at)) {
		parse_value(syntax, list);
		return;
	}
	slip(syntax, syntax->line, "a '{' is missing before %.*s",
	     shown(scalar_name_length(syntax->at)), syntax->at);
	put_letter(syntax, '{');
	parse_group(syntax, &group);
}

/* A list or an array, from behind the bracket to behind the one that closes. */
static void parse_list(struct syntax *syntax, const struct frame *list)
{
	unsigned int end_line = 0; /* of the part before; 0: none */
	bool comma = true;

	while (!syntax->lost) {
		skip_blanks(syntax);
		if (*syntax->at == closer_of(list)) {
			take(syntax, 1);
			return;
		}
		if (list_ends(syntax, list, end_line && !comma))
			return;
		if (*syntax->at == ',' || *syntax->at == ';') {
			parse_comma(syntax, list, &comma);
			continue;
		}
		if (strchr(")]}=:", *syntax->at)) {
			stray(syntax);
			continue;
		}
		if (!comma) {
			slip(syntax, end_line,
			     "a ',' is missing behind this part of the list");
			put_letter(syntax, ',');
		}
		parse_part(syntax, list);
		end_line = syntax->line;
		comma = syntax->comma_given;
		syntax->comma_given = false;
	}
}

static void parse_bracket(struct syntax *syntax, const struct frame *parent)
{
	struct frame frame = { .kind = *syntax->at,
			       .line = syntax->line,
			       .depth = parent->depth + 1,
			       .parent = parent };

	if (frame.depth > DEPTH_MAX) {
		syntax->lost = true;
		return;
	}
	take(syntax, 1);
	if (frame.kind == '{')
		parse_group(syntax, &frame);
	else
		parse_list(syntax, &frame);
}

static void parse_scalar(struct syntax *syntax, const struct scalar *scalar)
{
	int length = shown(scalar->content_length);
	const char *content = scalar->content;

	switch (scalar->kind) {
	case SCALAR_GOOD:
		take(syntax, scalar->length);
		return;
	case SCALAR_NONE:
		stray(syntax);
		put_letter(syntax, '0');
		return;
	case SCALAR_NO_END:
		slip(syntax, syntax->line,
		     "the text \"%.*s has no closing quote; write \"%.*s\"",
		     length, content, length, content);
		break;
	case SCALAR_NO_BEGIN:
		slip(syntax, syntax->line,
		     "the text %.*s\" has no opening quote; write \"%.*s\"",
		     length, content, length, content);
		break;
	case SCALAR_NO_QUOTES:
		slip(syntax, syntax->line,
		     "%.*s stands without quotes; write \"%.*s\"", length,
		     content, length, content);
		break;
	case SCALAR_OTHER_QUOTES:
		slip(syntax, syntax->line,
		     "%.*s stands in quotes of another kind; write \"%.*s\"",
		     length, content, length, content);
		break;
	}
	syntax->at += scalar->length;
	put_letter(syntax, '"');
	put(syntax, content, scalar->content_length);
	put_letter(syntax, '"');
}

/* Something must be here. */
static void parse_value(struct syntax *syntax, const struct frame *frame)
{
	struct scalar scalar = scalar_read(syntax->at, frame->kind == '[');

	if (scalar.kind == SCALAR_NONE && strchr("({[", *syntax->at)) {
		parse_bracket(syntax, frame);
		return;
	}
	parse_scalar(syntax, &scalar);
	/* Texts side by side are one. */
	while (scalar.kind != SCALAR_NONE && !syntax->lost) {
		skip_blanks(syntax);
		if (*syntax->at != '"')
			return;
		scalar = scalar_read(syntax->at, false);
		parse_scalar(syntax, &scalar);
	}
}

static void note_key(struct syntax *syntax, struct frame *group,
		     const struct key *key, size_t from)
{
	unsigned int i;

	for (i = 0; i < group->key_count; i++) {
		if (group->keys[i].length != key->length ||
		    memcmp(group->keys[i].name, key->name, key->length) != 0)
			continue;
		slip(syntax, key->line,
		     "%.*s stands in line %u already; keep one of them",
		     shown(key->length), key->name, group->keys[i].line);
		take_back(syntax, from);
		return;
	}
	if (group->key_count < KEYS_MAX)
		group->keys[group->key_count++] = *key;
}

/*
 * Another '{' behind a group that is a setting's value: the brackets of the list
 * are missing, the first of which goes where the blank before the value is.
 */
static void parse_bare_list(struct syntax *syntax, const struct frame *group,
			    const struct key *key, size_t value_place)
{
	struct frame list = { .kind = '(',
			      .line = key->line,
			      .depth = group->depth + 1,
			      .parent = group };
	const char *next = syntax->at + (*syntax->at == ',');

	if (next[strspn(next, " \t\r\n")] != '{')
		return;
	slip(syntax, key->line,
	     "the groups of %.*s are a list; put a '(' before the first and a "
	     "')' behind the last",
	     shown(key->length), key->name);
	syntax->at = next;
	syntax->out[value_place - 1] = '(';
	put_letter(syntax, ',');
	parse_list(syntax, &list);
	skip_blanks(syntax);
}

/* A key, and what should be behind it. */
static void parse_setting(struct syntax *syntax, struct frame *group)
{
	const struct key key = { syntax->at, scalar_name_length(syntax->at),
				 syntax->line };
	size_t place = syntax->used, value_place;
	bool assigned, is_group;

	take(syntax, key.length);
	skip_blanks(syntax);
	assigned = *syntax->at == '=' || *syntax->at == ':';
	if (assigned) {
		take(syntax, 1);
		skip_blanks(syntax);
	}
	while (assigned && (*syntax->at == '=' || *syntax->at == ':')) {
		stray(syntax);
		skip_blanks(syntax);
	}
	if (strchr(";,)}", *syntax->at) || scalar_is_key(syntax->at)) {
		slip(syntax, key.line, "%.*s has no %svalue; write %.*s = ...;",
		     shown(key.length), key.name, assigned ? "" : "'=' and no ",
		     shown(key.length), key.name);
		take_back(syntax, place);
	} else {
		if (!assigned) {
			slip(syntax, key.line, "a '=' is missing behind %.*s",
			     shown(key.length), key.name);
			put_letter(syntax, '=');
			put_letter(syntax, ' ');
		}
		value_place = syntax->used;
		is_group = *syntax->at == '{';
		parse_value(syntax, group);
		skip_blanks(syntax);
		if (is_group)
			parse_bare_list(syntax, group, &key, value_place);
		note_key(syntax, group, &key, place);
	}
	skip_blanks(syntax);
	if (*syntax->at == ';' || *syntax->at == ',')
		take(syntax, 1);
}

/* A '{' where a setting should be, and the like: the '}' before is missing. */
static bool group_ends(struct syntax *syntax, const struct frame *group)
{
	const char *before = NULL;

	if (!*syntax->at)
		;
	else if (*syntax->at == ')' && is_open(group->parent, "("))
		before = "')'";
	else if (*syntax->at == ']' && is_open(group->parent, "["))
		before = "']'";
	else if (*syntax->at == '{' && group->parent &&
		 group->parent->kind == '(')
		before = "next '{'";
	else
		return false;
	if (group->kind)
		close_missing(syntax, group, before);
	if (*syntax->at == '{') {
		put_letter(syntax, ',');
		syntax->comma_given = true;
	}
	return true;
}

static void parse_other(struct syntax *syntax, const struct frame *group)
{
	struct scalar scalar = scalar_read(syntax->at, false);
	const char *next = syntax->at + 1 + strspn(syntax->at + 1, " \t\r\n");
	bool closes = strchr(")]}", *syntax->at);

	if (scalar.kind != SCALAR_NONE) {
		slip(syntax, syntax->line,
		     "%.*s stands alone; a setting is NAME = VALUE;",
		     shown(scalar.length), syntax->at);
		syntax->at += scalar.length;
	} else if (*syntax->at == ',' && *next == '{' && group->kind) {
		syntax->at++; /* between two groups: group_ends() says it */
	} else {
		stray(syntax);
		if (closes && (*syntax->at == ';' || *syntax->at == ','))
			syntax->at++;
	}
}

/* The outermost one, or from behind the bracket to behind the one that closes. */
static void parse_group(struct syntax *syntax, struct frame *group)
{
	while (!syntax->lost) {
		skip_blanks(syntax);
		if (group_ends(syntax, group))
			return;
		if (group->kind && *syntax->at == '}') {
			take(syntax, 1);
			return;
		}
		if (scalar_name_length(syntax->at))
			parse_setting(syntax, group);
		else
			parse_other(syntax, group);
	}
}

void syntax_explain(const char *text,
		    void (*tell)(void *context, unsigned int line,
				 const char *what),
		    void *context, struct syntax_found *found)
{
	struct syntax syntax = { .at = text,
				 .line = 1,
				 .room = 4 * strlen(text) + 4096,
				 .tell = tell,
				 .context = context,
				 .found = found };
	struct frame root = { .kind = '\0' };

	memset(found, 0, sizeof(*found));
	syntax.out = malloc(syntax.room + 1);
	if (!syntax.out)
		return;
	parse_group(&syntax, &root);
	if (syntax.lost) {
		free(syntax.out);
		return;
	}
	syntax.out[syntax.used] = '\0';
	found->mended = syntax.out;
}
