// SPDX-License-Identifier: GPL-2.0
/*
 * See reader.h.  The file is read whole before it is parsed: libconfig's
 * scanner ends the process on a read error (such as that of a folder), and its
 * @include could make it read anything.
 */
#include "conf/reader.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf/syntax.h"
#include "conf/value.h"

#define FILE_BYTES_MAX (1U << 20)
#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* some editors begin with it */
#define KEYS_MAX 16

struct reader {
	const char *path;
	FILE *report;
	unsigned int mistakes;
	bool incomplete; /* what is missing may be there, but not readable */
};

static void complain_at(struct reader *reader, unsigned int line,
			const char *format, va_list args)
{
	/* libconfig knows no line of the outermost group. */
	if (line)
		fprintf(reader->report, "%s:%u: ", reader->path, line);
	else
		fprintf(reader->report, "%s: ", reader->path);
	vfprintf(reader->report, format, args);
	fputc('\n', reader->report);
	reader->mistakes++;
}

static void __attribute__((format(printf, 3, 4)))
complain_line(struct reader *reader, unsigned int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain_at(reader, line, format, args);
	va_end(args);
}

void reader_complain(struct reader *reader, config_setting_t *setting,
		     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain_at(reader, config_setting_source_line(setting), format, args);
	va_end(args);
}

static const char *type_name(config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a number";
	case CONFIG_TYPE_FLOAT:
		return "a fraction";
	case CONFIG_TYPE_STRING:
		return "a text";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_GROUP:
		return "a group";
	case CONFIG_TYPE_ARRAY:
		return "an array";
	case CONFIG_TYPE_LIST:
		return "a list";
	default:
		return "nothing";
	}
}

const char *reader_text(struct reader *reader, config_setting_t *setting,
			const char *example)
{
	const char *key = config_setting_name(setting);
	const char *text = config_setting_get_string(setting);
	const char *at;

	if (!text) {
		reader_complain(reader, setting,
				"%s is %s; write a text in quotes, such as "
				"%s = %s;",
				key, type_name(setting), key, example);
		return NULL;
	}
	for (at = text; *at; at++) {
		if (iscntrl((unsigned char)*at)) {
			reader_complain(reader, setting,
					"%s has a control character; write it "
					"without, such as %s = %s;",
					key, key, example);
			return NULL;
		}
	}
	return text;
}

bool reader_number(struct reader *reader, config_setting_t *setting,
		   int64_t least, int64_t most, int64_t *number)
{
	const char *key = config_setting_name(setting);
	int type = config_setting_type(setting);
	int64_t value;

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
		reader_complain(reader, setting,
				"%s is %s; write a number without quotes, "
				"such as %s = %lld;",
				key, type_name(setting), key, (long long)least);
		return false;
	}
	value = type == CONFIG_TYPE_INT ? config_setting_get_int(setting) :
					  config_setting_get_int64(setting);
	if (value < least || value > most) {
		reader_complain(reader, setting,
				"%s %lld is out of bounds; it goes from %lld "
				"to %lld",
				key, (long long)value, (long long)least,
				(long long)most);
		return false;
	}
	*number = value;
	return true;
}

static const struct reader_key *find_key(const struct reader_key *keys,
					 const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

static void unknown_key(struct reader *reader, config_setting_t *setting,
			const struct reader_key *keys, const char *what)
{
	const char *name = config_setting_name(setting);
	const char *names[KEYS_MAX + 1];
	const char *nearest;
	char all[256] = "";
	size_t used = 0;
	unsigned int i;

	for (i = 0; i < KEYS_MAX && keys[i].name; i++) {
		names[i] = keys[i].name;
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s",
					 i ? ", " : "", names[i]);
		if (used >= sizeof(all))
			break;
	}
	names[i] = NULL;
	nearest = conf_nearest(name, names);
	if (nearest)
		reader_complain(reader, setting,
				"unknown key %s of %s; did you mean %s?", name,
				what, nearest);
	else
		reader_complain(reader, setting,
				"unknown key %s of %s; it may have: %s", name,
				what, all);
}

void reader_group(struct reader *reader, config_setting_t *group,
		  const struct reader_key *keys, const char *what, void *into)
{
	const struct reader_key *key;
	config_setting_t *setting;
	int i;

	for (i = 0; i < config_setting_length(group); i++) {
		setting = config_setting_get_elem(group, (unsigned int)i);
		key = find_key(keys, config_setting_name(setting));
		if (key)
			key->set(reader, setting, into);
		else
			unknown_key(reader, setting, keys, what);
	}
	for (key = keys; key->name; key++)
		if (key->required && !reader->incomplete &&
		    !config_setting_get_member(group, key->name))
			reader_complain(reader, group,
					"%s has no %s; add the key", what,
					key->name);
}

/* libconfig would include files, and end the process when one is a folder. */
static void refuse_includes(struct reader *reader, const char *text)
{
	unsigned int line = 1;
	const char *at = text;

	while (at) {
		at += strspn(at, " \t\r\f\v");
		if (strncmp(at, "@include", 8) == 0)
			complain_line(reader, line,
				      "@include is not possible here; write "
				      "the whole configuration into this file");
		at = strchr(at, '\n');
		if (at)
			at++;
		line++;
	}
}

static int read_whole(struct reader *reader, char **text)
{
	FILE *file = fopen(reader->path, "re");
	size_t length;
	int ret = 0;

	if (!file) {
		ret = -errno;
		fprintf(reader->report, "%s: %s; %s\n", reader->path,
			strerror(-ret),
			ret == -ENOENT ?
				"write it there, the same on all nodes" :
				"it must be readable for who runs this");
		return ret;
	}
	*text = malloc(FILE_BYTES_MAX + 1);
	if (!*text) {
		fprintf(reader->report, "%s: out of memory\n", reader->path);
		fclose(file);
		return -ENOMEM;
	}
	length = fread(*text, 1, FILE_BYTES_MAX + 1, file);
	if (ferror(file)) {
		ret = -errno;
		fprintf(reader->report, "%s: can't be read: %s\n", reader->path,
			strerror(-ret));
	} else if (length > FILE_BYTES_MAX) {
		ret = -EFBIG;
		fprintf(reader->report,
			"%s: is larger than 1 MiB; a configuration is not\n",
			reader->path);
	} else if (memchr(*text, '\0', length)) {
		ret = -EINVAL;
		fprintf(reader->report,
			"%s: has zero bytes; write it anew as plain text\n",
			reader->path);
	}
	fclose(file);
	if (ret) {
		free(*text);
		return ret;
	}
	(*text)[length] = '\0';
	if (strncmp(*text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		memset(*text, ' ', strlen(BYTE_ORDER_MARK));
	return 0;
}

static void tell_slip(void *context, unsigned int line, const char *what)
{
	complain_line(context, line, "%s", what);
}

/*
 * The text has slips of syntax: they are told, and then what else is wrong, as far
 * as can be seen behind them.
 * @refused: what libconfig said, which has the last word
 */
static void explain(struct reader *reader, const char *text,
		    const config_t *refused, const struct reader_key *keys,
		    const char *what, void *into)
{
	unsigned int line = (unsigned int)config_error_line(refused);
	struct syntax_found found;
	config_t config;

	syntax_explain(text, tell_slip, reader, &found);
	if (!found.slips || found.first_line > line)
		complain_line(reader, line,
			      "%s; a setting is key = value; with a ';' behind "
			      "it, texts stand in quotes, a key stands there "
			      "once",
			      config_error_text(refused));
	if (!found.mended)
		return;
	reader->incomplete = found.dropped;
	config_init(&config);
	if (config_read_string(&config, found.mended) == CONFIG_TRUE)
		reader_group(reader, config_root_setting(&config), keys, what,
			     into);
	config_destroy(&config);
	free(found.mended);
}

int reader_file(const char *path, FILE *report, const struct reader_key *keys,
		const char *what, void *into)
{
	struct reader reader = { .path = path, .report = report };
	config_t config;
	char *text = NULL;
	int ret;

	ret = read_whole(&reader, &text);
	if (ret)
		return ret;
	refuse_includes(&reader, text);
	if (!reader.mistakes) {
		config_init(&config);
		if (config_read_string(&config, text) == CONFIG_TRUE)
			reader_group(&reader, config_root_setting(&config),
				     keys, what, into);
		else
			explain(&reader, text, &config, keys, what, into);
		config_destroy(&config);
	}
	free(text);
	return reader.mistakes ? -EINVAL : 0;
}
