// SPDX-License-Identifier: GPL-2.0
/* A command's words: "propose n1 count=2". */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void scene_args_parse(struct scene_args *args, const char *line)
{
	char *rest = args->text, *word;

	memset(args, 0, sizeof(*args));
	snprintf(args->text, sizeof(args->text), "%s", line);
	for (word = strtok_r(rest, " \t", &rest); word;
	     word = strtok_r(NULL, " \t", &rest)) {
		if (args->count == SCENE_WORDS_MAX) {
			args->error = "too many words";
			return;
		}
		args->words[args->count++] = word;
	}
}

const char *scene_arg(const struct scene_args *args, const char *name)
{
	size_t length = strlen(name);
	unsigned int i;

	for (i = 1; i < args->count; i++)
		if (strncmp(args->words[i], name, length) == 0 &&
		    args->words[i][length] == '=')
			return args->words[i] + length + 1;
	return NULL;
}

bool scene_flag(const struct scene_args *args, const char *name)
{
	unsigned int i;

	for (i = 1; i < args->count; i++)
		if (strcmp(args->words[i], name) == 0)
			return true;
	return false;
}

static uint64_t number(struct scene_args *args, const char *text, char **end)
{
	if (*text < '0' || *text > '9') {
		args->error = "a number is missing";
		*end = "";
		return 0;
	}
	return strtoull(text, end, 10);
}

uint64_t scene_number(struct scene_args *args, const char *name,
		      uint64_t otherwise)
{
	const char *text = scene_arg(args, name);
	uint64_t value;
	char *end;

	if (!text)
		return otherwise;
	value = number(args, text, &end);
	if (*end)
		args->error = "not a number";
	return value;
}

uint64_t scene_us(struct scene_args *args, const char *text)
{
	char *end;
	uint64_t value = number(args, text, &end);

	if (strcmp(end, "s") == 0)
		return value * 1000000;
	if (strcmp(end, "ms") == 0)
		return value * 1000;
	if (strcmp(end, "us") != 0)
		args->error = "a time is 2s, 150ms or 20us";
	return value;
}

/* INDEX/TERM */
void scene_place(struct scene_args *args, const char *text, uint64_t *index,
		 uint64_t *term)
{
	char *end;

	*index = 0;
	*term = 0;
	if (!text)
		return;
	*index = number(args, text, &end);
	if (*end == '/')
		*term = number(args, end + 1, &end);
	else
		args->error = "a place is INDEX/TERM";
	if (*end)
		args->error = "a place is INDEX/TERM";
}

/* "1*3,4" -> 1 1 1 4 */
unsigned int scene_terms(struct scene_args *args, const char *text,
			 uint64_t *terms, unsigned int most)
{
	unsigned int count = 0;

	while (text && *text) {
		char *end;
		uint64_t term = number(args, text, &end);
		uint64_t times = 1;

		if (*end == '*')
			times = number(args, end + 1, &end);
		if (*end == ',')
			end++;
		else if (*end)
			args->error = "terms are a list like 1*3,4";
		if (times > most - count)
			args->error = "too many entries";
		if (args->error)
			return 0;
		while (times--)
			terms[count++] = term;
		text = end;
	}
	return count;
}

uint32_t scene_id(struct scene_args *args, const char *text)
{
	unsigned long id = 0;
	char *end = "?";

	if (text && text[0] == 'n')
		id = strtoul(text + 1, &end, 10);
	if (*end || id == 0 || id > scene.count) {
		args->error = "a node is n1, n2, ...";
		return 0;
	}
	return (uint32_t)id;
}

struct scene_node *scene_node(struct scene_args *args, unsigned int at,
			      bool down)
{
	uint32_t id = scene_id(args, at < args->count ? args->words[at] : NULL);

	if (!id)
		return NULL;
	if (!scene.nodes[id].raft && !down) {
		args->error = "that node is down";
		return NULL;
	}
	return &scene.nodes[id];
}
