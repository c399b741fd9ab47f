// SPDX-License-Identifier: GPL-2.0
/* The commands that decide what becomes of messages. */
#include "scene.h"

#include <stdio.h>
#include <string.h>

/* "n1->n2", "n1->all", "all->n2": the two ids, 0 for all */
static void direction(struct scene_args *args, const char *word, uint32_t *from,
		      uint32_t *to)
{
	const char *arrow = strstr(word, "->");
	char left[16];

	if (!arrow || arrow - word >= (long)sizeof(left)) {
		args->error = "a direction is n1->n2";
		return;
	}
	snprintf(left, sizeof(left), "%.*s", (int)(arrow - word), word);
	*from = strcmp(left, "all") ? scene_id(args, left) : 0;
	*to = strcmp(arrow + 2, "all") ? scene_id(args, arrow + 2) : 0;
}

static struct scene_filter filter(struct scene_args *args)
{
	struct scene_filter filter = {
		.type = scene_arg(args, "type"),
		.count = (unsigned int)scene_number(args, "count",
						    SCENE_MAIL_MAX),
	};

	if (args->count > 1 && strstr(args->words[1], "->"))
		direction(args, args->words[1], &filter.from, &filter.to);
	return filter;
}

/* Nothing there to be done it to is a mistake of the script. */
static void apply(struct scene_args *args,
		  unsigned int (*action)(const struct scene_filter *filter))
{
	struct scene_filter chosen = filter(args);

	if (!args->error && !action(&chosen))
		args->error = "no such message is on its way";
}

static void run_deliver(struct scene_args *args)
{
	apply(args, scene_mail_deliver);
}

static void run_drop(struct scene_args *args)
{
	apply(args, scene_mail_drop);
}

static void run_double(struct scene_args *args)
{
	apply(args, scene_mail_double);
}

static void run_reverse(struct scene_args *args)
{
	apply(args, scene_mail_reverse);
}

static void run_settle(struct scene_args *args)
{
	scene_settle();
}

/* "n1": from everybody; "n1 n2": both ways; "n1->n2": one way */
static void set_cut(struct scene_args *args, bool cut)
{
	uint32_t from = 0, to = 0, i;

	if (args->count < 2) {
		args->error = "which node";
	} else if (strstr(args->words[1], "->")) {
		direction(args, args->words[1], &from, &to);
		if (!args->error)
			scene.cut[from][to] = cut;
	} else {
		from = scene_id(args, args->words[1]);
		to = args->count > 2 ? scene_id(args, args->words[2]) : 0;
		for (i = 1; i <= scene.count && !args->error; i++) {
			if (to && i != to)
				continue;
			scene.cut[from][i] = cut;
			scene.cut[i][from] = cut;
		}
		if (!args->error && cut)
			scene_mail_forget(from, to, false);
	}
}

static void run_cut(struct scene_args *args)
{
	set_cut(args, true);
}

static void run_heal(struct scene_args *args)
{
	set_cut(args, false);
}

const struct scene_command scene_mail_commands[] = {
	{ "deliver", run_deliver }, { "drop", run_drop },
	{ "double", run_double },   { "reverse", run_reverse },
	{ "settle", run_settle },   { "cut", run_cut },
	{ "heal", run_heal },	    { NULL, NULL },
};
