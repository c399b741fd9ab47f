// SPDX-License-Identifier: GPL-2.0
/* See journal.h. */
#include "qbdd/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION /* the source line is of no use */
#include <systemd/sd-journal.h>

static void add(struct journal_fields *fields, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct journal_fields *fields, const char *format, ...)
{
	size_t room = sizeof(fields->bytes) - fields->used;
	char *at = fields->bytes + fields->used;
	va_list args;
	int size;

	if (fields->count == JOURNAL_FIELDS_MAX)
		return;
	va_start(args, format);
	size = vsnprintf(at, room, format, args);
	va_end(args);
	if (size < 0 || (size_t)size >= room)
		return;
	fields->iov[fields->count].iov_base = at;
	fields->iov[fields->count++].iov_len = (size_t)size;
	fields->used += (size_t)size + 1;
}

/* A key as the journal wants it; false: it is none. */
static bool field_name(const char *key, size_t length, char *name, size_t size)
{
	size_t i;

	if (!length || length + sizeof("QBD_") > size)
		return false;
	strcpy(name, "QBD_");
	for (i = 0; i < length; i++) {
		char c = key[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		else if (c == '-')
			c = '_';
		else if ((c < '0' || c > '9') && c != '_')
			return false;
		name[4 + i] = c;
	}
	name[4 + length] = '\0';
	return true;
}

static bool has_field(const struct journal_fields *fields, const char *name)
{
	size_t length = strlen(name);
	int i;

	for (i = 0; i < fields->count; i++) {
		const char *at = fields->iov[i].iov_base;

		if (strncmp(at, name, length) == 0 && at[length] == '=')
			return true;
	}
	return false;
}

/* A value ends at the next space or, in quotes, at the next quote. */
static size_t value_length(const char **value)
{
	const char *end;

	if (**value != '"')
		return strcspn(*value, " ");
	(*value)++;
	end = strchr(*value, '"');
	return end ? (size_t)(end - *value) : strlen(*value);
}

static void add_pair(struct journal_fields *fields, const char *key,
		     size_t key_length, const char *value, size_t length)
{
	const char *id;
	char name[64];

	if (!field_name(key, key_length, name, sizeof(name)) ||
	    has_field(fields, name))
		return;
	add(fields, "%s=%.*s", name, (int)length, value);
	if (strcmp(name, "QBD_EVENT") != 0)
		return;
	id = journal_message_id(value, length);
	if (id)
		add(fields, "MESSAGE_ID=%s", id);
}

void journal_build(const struct logger_line *line,
		   struct journal_fields *fields)
{
	const char *at = line->text;

	fields->count = 0;
	fields->used = 0;
	add(fields, "MESSAGE=%s", line->text);
	add(fields, "PRIORITY=%d", (int)line->level);
	add(fields, "SYSLOG_IDENTIFIER=qbdd");
	while (*at) {
		size_t key = strcspn(at, "= ");
		const char *value;
		size_t length;

		if (at[key] != '=') {
			at += key + (at[key] == ' ');
			continue;
		}
		value = at + key + 1;
		length = value_length(&value);
		add_pair(fields, at, key, value, length);
		at = value + length;
		at += strspn(at, "\" ");
	}
}

const char *journal_message_id(const char *event, size_t length)
{
	unsigned int i;

	for (i = 0; i < journal_event_count; i++)
		if (strlen(journal_events[i].name) == length &&
		    strncmp(journal_events[i].name, event, length) == 0)
			return journal_events[i].id;
	return NULL;
}

bool journal_is(const char *stream, dev_t dev, ino_t inode)
{
	char expected[64];

	snprintf(expected, sizeof(expected), "%llu:%llu",
		 (unsigned long long)dev, (unsigned long long)inode);
	return stream && strcmp(stream, expected) == 0;
}

bool journal_is_stderr(void)
{
	struct stat stat;

	return fstat(STDERR_FILENO, &stat) == 0 &&
	       journal_is(getenv("JOURNAL_STREAM"), stat.st_dev, stat.st_ino);
}

static int write_journal(void *context, const struct logger_line *line)
{
	struct journal_fields fields;
	int code;

	journal_build(line, &fields);
	code = sd_journal_sendv(fields.iov, fields.count);
	/* Without the socket there is still the stream. */
	return code ? logger_stderr.write(NULL, line) : 0;
}

const struct logger_output journal_output = { .write = write_journal };
