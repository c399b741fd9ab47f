// SPDX-License-Identifier: GPL-2.0
/* Plays a script, and compares the traces in it with what is seen. */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DASHES "----"
#define SHOWN_MAX 40

/* A text that grows. */
struct text {
	char *bytes;
	size_t length;
};

static void add(struct text *text, const char *line, size_t length)
{
	text->bytes = realloc(text->bytes, text->length + length + 1);
	if (!text->bytes)
		abort();
	memcpy(text->bytes + text->length, line, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

static struct text read_file(const char *path)
{
	struct text text = { NULL, 0 };
	FILE *file = fopen(path, "r");
	char part[4096];
	size_t got;

	if (!file) {
		perror(path);
		exit(2);
	}
	add(&text, "", 0);
	while ((got = fread(part, 1, sizeof(part), file)) > 0)
		add(&text, part, got);
	fclose(file);
	return text;
}

/* The line at @at, its newline included; its length. */
static size_t line_length(const char *at)
{
	const char *end = strchr(at, '\n');

	return end ? (size_t)(end - at) + 1 : strlen(at);
}

static bool is_line(const char *at, size_t length, const char *text)
{
	return length == strlen(text) + 1 && !strncmp(at, text, length - 1);
}

/* What follows the dashes, up to an empty line or the end. */
static size_t block_length(const char *at)
{
	size_t length = 0;

	while (at[length] && at[length] != '\n')
		length += line_length(at + length);
	return length;
}

static bool has_line(const char *in, size_t length, const char *line,
		     size_t line_bytes)
{
	size_t at, bytes;

	for (at = 0; at < length; at += bytes) {
		bytes = line_length(in + at);
		if (bytes == line_bytes && !strncmp(in + at, line, bytes))
			return true;
	}
	return false;
}

/* The lines of @a that are not in @b. */
static void show_others(const char *mark, const char *a, size_t a_length,
			const char *b, size_t b_length)
{
	unsigned int shown = 0;
	size_t at, bytes;

	for (at = 0; at < a_length; at += bytes) {
		bytes = line_length(a + at);
		if (has_line(b, b_length, a + at, bytes))
			continue;
		if (shown++ < SHOWN_MAX)
			printf("#   %s %.*s\n", mark, (int)bytes - 1, a + at);
	}
}

static void show_difference(const char *path, unsigned int line,
			    const char *expected, size_t length)
{
	printf("# %s:%u: another trace than expected (- expected, + seen)\n",
	       path, line);
	show_others("-", expected, length, scene.out, scene.out_bytes);
	show_others("+", scene.out, scene.out_bytes, expected, length);
}

/* Run the script; @seen gets it with the trace that was seen. */
static bool play(const char *path, const char *script, struct text *seen)
{
	unsigned int line = 0, bad = 0;
	bool open = false;
	size_t length;

	for (; *script; script += length) {
		char command[1024];

		length = line_length(script);
		line++;
		add(seen, script, length);
		if (*script == '#' || *script == '\n')
			continue;
		if (!is_line(script, length, DASHES)) {
			snprintf(command, sizeof(command), "%.*s",
				 (int)length - 1, script);
			scene_run(command);
			open = true;
			continue;
		}
		if (!scene.out_bytes)
			scene_say("nothing");
		script += length;
		length = block_length(script);
		if (length != scene.out_bytes ||
		    strncmp(script, scene.out, length)) {
			show_difference(path, line, script, length);
			bad++;
		}
		for (const char *at = script; at < script + length;
		     at += line_length(at))
			line++;
		add(seen, scene.out, scene.out_bytes);
		scene.out_bytes = 0;
		open = false;
	}
	if (open) {
		printf("# %s:%u: commands without a trace\n", path, line);
		bad++;
	}
	if (scene.broken)
		printf("# %s: %u times something broken was seen\n", path,
		       scene.broken);
	return !bad && !scene.broken;
}

static void rewrite(const char *path, const struct text *seen)
{
	FILE *file = fopen(path, "w");

	if (!file ||
	    fwrite(seen->bytes, 1, seen->length, file) != seen->length ||
	    fclose(file)) {
		perror(path);
		exit(2);
	}
}

static bool run_script(const char *path, bool rewriting)
{
	struct text script = read_file(path), seen = { NULL, 0 };
	bool good;

	add(&seen, "", 0);
	scene_clear();
	good = play(path, script.bytes, &seen);
	if (rewriting && strcmp(script.bytes, seen.bytes)) {
		rewrite(path, &seen);
		printf("# %s: rewritten; judge the difference\n", path);
		good = !scene.broken;
	}
	free(script.bytes);
	free(seen.bytes);
	return good;
}

bool scene_script(const char *path, bool rewriting)
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child == 0)
		exit(run_script(path, rewriting) ? 0 : 1);
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("fork");
		exit(2);
	}
	if (WIFSIGNALED(status))
		printf("# %s: killed by signal %d\n", path, WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
