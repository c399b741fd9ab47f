// SPDX-License-Identifier: GPL-2.0
/*
 * qbd status.  It must answer within a second in every state, so it touches no
 * disk of a volume, and every question it asks has a time limit.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/check.h"
#include "cli/cli.h"
#include "cli/collect.h"
#include "cli/show.h"

#define WATCH_MS 1000

enum { JSON, WATCH, CHECK };

/* Nothing here knows this volume: a mistyped name, not a state. */
static bool is_unknown(const char *volume)
{
	json_t *known = collect_volumes();
	json_t *name;
	bool found = false;
	size_t i;

	json_array_foreach(known, i, name)
		found |= strcmp(json_string_value(name), volume) == 0;
	json_decref(known);
	return !found;
}

static void print_json(json_t *list, const struct cli_args *args)
{
	const json_t *what = args->words[0].text ? json_array_get(list, 0) :
						   list;
	/* While watching, one line a look. */
	size_t flags = args->options[WATCH].given ? JSON_COMPACT :
						    JSON_INDENT(2);

	json_dumpf(what, stdout, flags);
	putchar('\n');
}

static void print_text(json_t *list)
{
	json_t *status;
	size_t i;

	json_array_foreach(list, i, status)
	{
		if (i)
			putchar('\n');
		show_status(status, stdout);
	}
	if (!json_array_size(list))
		printf("no volumes on this node; the first one begins with a "
		       "configuration, %s/VOLUME.conf\n",
		       conf_dir());
}

static void look(const struct cli_args *args)
{
	json_t *names = args->words[0].text ?
				json_pack("[s]", args->words[0].text) :
				collect_volumes();
	json_t *list = collect_status(names);

	if (args->options[JSON].given)
		print_json(list, args);
	else
		print_text(list);
	json_decref(list);
	json_decref(names);
}

/* The worst of all; an unknown state, and no volume at all, are bad. */
static int check(const struct cli_args *args)
{
	json_t *names = args->words[0].text ?
				json_pack("[s]", args->words[0].text) :
				collect_volumes();
	json_t *list = collect_status(names), *status;
	int worst = CHECK_OK, code;
	size_t i;

	json_array_foreach(list, i, status)
	{
		code = (int)check_status(status, stdout);
		if (worst < code)
			worst = code;
	}
	if (!json_array_size(list)) {
		printf("NOT SERVING: no volumes on this node\n");
		worst = CHECK_NOT_SERVING;
	}
	json_decref(list);
	json_decref(names);
	return worst;
}

static enum cli_exit run(const struct cli_args *args)
{
	bool clear = args->options[WATCH].given && !args->options[JSON].given &&
		     isatty(STDOUT_FILENO);

	if (args->options[CHECK].given &&
	    (args->options[JSON].given || args->options[WATCH].given))
		return cli_misused(&cli_status,
				   "--check says all there is in one line, "
				   "once; it goes without --json and --watch",
				   NULL);
	if (args->options[CHECK].given)
		return (enum cli_exit)check(args);
	if (args->words[0].text && is_unknown(args->words[0].text))
		return cli_fail("volume %s is not known on this node: it has "
				"no %s/%s.conf, no agent and no device",
				args->words[0].text, conf_dir(),
				args->words[0].text);
	do {
		if (clear)
			printf("\033[H\033[2J");
		look(args);
		/* The reader may have gone. */
		if (!args->options[WATCH].given || fflush(stdout))
			break;
		cli_sleep_ms(WATCH_MS);
	} while (true);
	return CLI_DONE;
}

const struct cli_command cli_status = {
	.name = "status",
	.summary = "Show volumes, their nodes and devices",
	.help = "Answers within a second, also without quorum, with a hanging "
		"disk, or with\nthe agent dead: then it tells what the kernel "
		"knows.\n",
	.words = {
		{ .name = "VOLUME",
		  .noun = "volume",
		  .kind = CLI_NAME,
		  .optional = true },
	},
	.options = {
		[JSON] = { .name = "json",
			   .kind = CLI_FLAG,
			   .help = "for programs: an object with VOLUME, else "
				   "an array;\n"
				   "agent/control/status.h describes the "
				   "fields" },
		[WATCH] = { .name = "watch",
			    .kind = CLI_FLAG,
			    .help = "repeat every second, until interrupted "
				    "(with --json: one line each)" },
		[CHECK] = { .name = "check",
			    .kind = CLI_FLAG,
			    .help = "for monitors: a line per volume; the exit "
				    "status is then\n"
				    "0  all is well\n"
				    "1  degraded: it serves, but not all is "
				    "well; or it starts\n"
				    "2  not serving: no quorum, agent dead or "
				    "hung, disk failed, fenced,\n"
				    "   down, not known (also for a mistake in "
				    "the command)\n"
				    "Without VOLUME: the worst of all volumes; "
				    "2 if there is none" },
	},
	.notes = "Root and the members of group qbd may ask.  The state of the "
		 "device's gate is\nshown to root only.\n\n"
		 "Per node: role, link, term, and indexes of the log - last "
		 "appended, durable\non its disk, known committed, applied to "
		 "its data area; lacks: committed\nentries that it does not "
		 "hold yet.  * is this node, - is not known.\n",
	.run = run,
};
