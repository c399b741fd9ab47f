// SPDX-License-Identifier: GPL-2.0
/*
 * A log line as the journal gets it; and that each event of the sources has a
 * MESSAGE_ID, and each MESSAGE_ID its text in the catalog.
 */
#include <ctype.h>
#include <glob.h>
#include <stdlib.h>

#include "qbdd/journal.h"
#include "tap.h"

#define CATALOG "scripts/systemd/qbd.catalog"

static struct journal_fields fields;

static void build(const char *text)
{
	struct logger_line *line = malloc(sizeof(*line) + strlen(text) + 1);

	memset(line, 0, sizeof(*line));
	line->level = BASE_LOG_WARNING;
	strcpy(line->text, text);
	journal_build(line, &fields);
	free(line);
}

/* The value of a field; NULL: it is not there, or twice. */
static const char *value(const char *name)
{
	static char text[BASE_LOG_LINE_MAX + 1];
	const char *found = NULL;
	int i;

	for (i = 0; i < fields.count; i++) {
		const char *at = fields.iov[i].iov_base;
		size_t length = strlen(name);

		if (fields.iov[i].iov_len <= length ||
		    strncmp(at, name, length) != 0 || at[length] != '=')
			continue;
		if (found)
			return NULL;
		snprintf(text, sizeof(text), "%.*s",
			 (int)(fields.iov[i].iov_len - length - 1),
			 at + length + 1);
		found = text;
	}
	return found;
}

static void a_line_has_fields(void)
{
	const char *line = "node=n1 volume=vol0 event=link-down peer=n2 "
			   "up_s=1.5 reason=\"it closed the connection\" "
			   "whole-log=0";

	build(line);
	tap_check_str(value("MESSAGE"), line);
	tap_check_str(value("PRIORITY"), "4");
	tap_check_str(value("SYSLOG_IDENTIFIER"), "qbdd");
	tap_check_str(value("MESSAGE_ID"), journal_message_id("link-down", 9));
	tap_check_str(value("QBD_NODE"), "n1");
	tap_check_str(value("QBD_VOLUME"), "vol0");
	tap_check_str(value("QBD_EVENT"), "link-down");
	tap_check_str(value("QBD_PEER"), "n2");
	tap_check_str(value("QBD_UP_S"), "1.5");
	tap_check_str(value("QBD_REASON"), "it closed the connection");
	tap_check_str(value("QBD_WHOLE_LOG"), "0");
	tap_check_eq((uint64_t)fields.count, 11);
}

static void values_may_be_empty_and_hold_what_looks_like_pairs(void)
{
	build("event=x what=\"\" why=\"a=b c\" last=z");
	tap_check_str(value("QBD_WHAT"), "");
	tap_check_str(value("QBD_WHY"), "a=b c");
	tap_check_str(value("QBD_LAST"), "z");
	tap_check(value("QBD_A") == NULL);
	tap_check(value("MESSAGE_ID") == NULL); /* no such event */
}

static void what_is_no_key_is_no_field(void)
{
	build("no pairs here, =x A=1 ../e=2 event=gate old=a old=b");
	tap_check_str(value("QBD_OLD"), "a"); /* the first one */
	tap_check_eq((uint64_t)fields.count, 6);
	tap_check_str(value("MESSAGE_ID"), journal_message_id("gate", 4));
	build("event=gate reason=\"never ends");
	tap_check_str(value("QBD_REASON"), "never ends");
	build("");
	tap_check_eq((uint64_t)fields.count, 3);
}

static void too_many_pairs_are_left_out(void)
{
	char text[BASE_LOG_LINE_MAX] = "event=gate";
	unsigned int i;

	for (i = 0; i < 100; i++)
		sprintf(text + strlen(text), " k%u=v", i);
	build(text);
	tap_check_eq((uint64_t)fields.count, JOURNAL_FIELDS_MAX);
	tap_check_str(value("MESSAGE"), text);
	tap_check_str(value("QBD_EVENT"), "gate");
	/* The longest line that there is fits. */
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "event=gate a=", 13);
	text[sizeof(text) - 1] = '\0';
	build(text);
	tap_check_eq(strlen(value("MESSAGE")), BASE_LOG_LINE_MAX - 1);
	tap_check_eq(strlen(value("QBD_A")), BASE_LOG_LINE_MAX - 14);
}

static void the_journal_is_known_by_its_stream(void)
{
	tap_check(journal_is("8:123", 8, 123));
	tap_check(!journal_is("8:123", 8, 124));
	tap_check(!journal_is("8:1234", 8, 123));
	tap_check(!journal_is(NULL, 8, 123));
	setenv("JOURNAL_STREAM", "0:0", 1);
	tap_check(!journal_is_stderr());
}

static char *contents(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int found = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		found++;
	return found;
}

static void each_event_has_an_id_and_a_text_of_its_own(void)
{
	char *catalog = contents(CATALOG);
	unsigned int i;
	char entry[128];

	tap_need(catalog != NULL);
	for (i = 0; i < journal_event_count; i++) {
		const struct journal_event *event = &journal_events[i];

		tap_check_eq(strlen(event->id), 32);
		tap_check_eq(strspn(event->id, "0123456789abcdef"), 32);
		snprintf(entry, sizeof(entry),
			 "\n# %s\n-- %s\nSubject: ", event->name, event->id);
		if (count(catalog, entry) != 1 ||
		    count(catalog, event->id) != 1) {
			tap_check(false);
			printf("# " CATALOG " lacks its one entry of %s (%s)\n",
			       event->name, event->id);
		}
	}
	tap_check_eq(count(catalog, "\n-- "), journal_event_count);
	tap_check_eq(count(catalog, "\nDefined-By: qbd\n\n"),
		     journal_event_count);
	free(catalog);
}

/* Every event=NAME of a source must be in the table: and back. */
static void each_event_of_the_sources_is_in_the_table(void)
{
	bool used[256] = { false };
	unsigned int i;
	glob_t found;
	size_t n;

	tap_need(journal_event_count < TAP_COUNT(used));
	tap_need(glob("agent/*/*.c", 0, NULL, &found) == 0);
	for (n = 0; n < found.gl_pathc; n++) {
		char *text = contents(found.gl_pathv[n]);
		char *at = text;

		while (at && (at = strstr(at, "event="))) {
			const char *name = at += strlen("event=");

			while (islower(*at) || *at == '-')
				at++;
			if (at == name)
				continue;
			for (i = 0; i < journal_event_count; i++)
				if (journal_message_id(name,
						       (size_t)(at - name)) ==
				    journal_events[i].id)
					break;
			if (i < journal_event_count) {
				used[i] = true;
				continue;
			}
			tap_check(false);
			printf("# %s: event=%.*s has no MESSAGE_ID: add it to "
			       "agent/qbdd/journal_events.c and " CATALOG "\n",
			       found.gl_pathv[n], (int)(at - name), name);
		}
		free(text);
	}
	for (i = 0; i < journal_event_count; i++)
		if (!tap_check(used[i]))
			printf("# nobody says event=%s\n",
			       journal_events[i].name);
	globfree(&found);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(a_line_has_fields),
		TAP_TEST(values_may_be_empty_and_hold_what_looks_like_pairs),
		TAP_TEST(what_is_no_key_is_no_field),
		TAP_TEST(too_many_pairs_are_left_out),
		TAP_TEST(the_journal_is_known_by_its_stream),
		TAP_TEST(each_event_has_an_id_and_a_text_of_its_own),
		TAP_TEST(each_event_of_the_sources_is_in_the_table),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
