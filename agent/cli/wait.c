// SPDX-License-Identifier: GPL-2.0
/*
 * qbd wait: polls a volume's status until a condition holds.  A unit's start
 * may wait here for long, so it prints what it waits for whenever that changes.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/collect.h"
#include "cli/control.h"
#include "cli/fields.h"

#define LOOK_MS 200
#define STALE_MS 2000 /* an older picture says nothing of now */

enum { FOR, TIMEOUT, NODE, CONFIG };
enum { OPEN, QUORUM, SYNCED }; /* for what; the first if it is not said */

/* What is missing, "" if nothing. */
struct lack {
	/* What it is told by: no number that grows and no reason that changes
	 * from try to try stands in it. */
	char key[512];
	char text[1024];
};

struct wait {
	const char *volume;
	const char *node; /* this one */
	bool commit_known;
	uint64_t commit; /* for synced: known when we first looked */
};

typedef void (*wait_for)(struct wait *wait, const json_t *status,
			 struct lack *lack);

static void __attribute__((format(printf, 2, 3)))
lacks(struct lack *lack, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(lack->text, sizeof(lack->text), format, args);
	va_end(args);
	snprintf(lack->key, sizeof(lack->key), "%.511s", lack->text);
}

/* One node more of those that something is waited for. */
static void lacks_node(struct lack *lack, const char *what, const json_t *node,
		       const char *why)
{
	size_t key = strlen(lack->key), text = strlen(lack->text);
	const char *name = field_text(node, "name");

	snprintf(lack->key + key, sizeof(lack->key) - key, "%s%s",
		 key ? ", " : what, name);
	snprintf(lack->text + text, sizeof(lack->text) - text, "%s%s%s%s%s",
		 text ? ", " : what, name, *why ? " (" : "", why,
		 *why ? ")" : "");
}

static void lacks_agent(struct wait *wait, const json_t *status,
			struct lack *lack)
{
	const char *how = field_text(status, "daemon");

	if (strcmp(how, "hung") == 0)
		lacks(lack,
		      "its agent does not answer; qbd status %s says "
		      "more",
		      wait->volume);
	else if (strcmp(how, "dead") == 0)
		lacks(lack,
		      "its agent is not running; start it with: qbd up "
		      "%s",
		      wait->volume);
	else if (strcmp(how, "running") != 0)
		lacks(lack, "its agent can't be asked: %s",
		      field_text(status, "problem"));
	else if (field_is(status, "state", "starting"))
		lacks(lack, "its agent starts");
	else if (field_number(status, "age_ms") > STALE_MS)
		lacks(lack, "its agent hangs; qbd status %s says more",
		      wait->volume);
}

static void lacks_quorum(struct wait *wait, const json_t *status,
			 struct lack *lack)
{
	const json_t *node;
	size_t i;

	lacks_agent(wait, status, lack);
	if (*lack->key || *field_text(status, "leader"))
		return;
	json_array_foreach(json_object_get(status, "nodes"), i, node)
	{
		if (!field_true(node, "self") && !field_is(node, "link", "up"))
			lacks_node(lack,
				   "no majority of the nodes is connected; "
				   "missing: ",
				   node, field_text(node, "problem"));
	}
	if (!*lack->key)
		lacks(lack, "a majority of the nodes is about to elect a "
			    "leader");
}

static const json_t *own_node(const json_t *status)
{
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(status, "nodes"), i, node)
	{
		if (field_true(node, "self"))
			return node;
	}
	return NULL;
}

/* Could this replica lead, and so be opened? */
static void lacks_replica(const json_t *status, struct lack *lack)
{
	const json_t *own = own_node(status);

	if (field_true(own, "disk_failed"))
		lacks(lack, "this node's disk has failed; replace it, then "
			    "qbd format");
	else if (field_true(own, "damaged") || field_true(own, "incomplete"))
		lacks(lack, "this replica is incomplete; the leader fills it");
	else if (field_is(status, "state", "catching-up"))
		lacks(lack, "this replica is behind; the leader sends what it "
			    "lacks");
}

static void lacks_device(const struct wait *wait, const json_t *status,
			 struct lack *lack)
{
	const json_t *device = json_object_get(status, "device");
	const char *gate = field_text(device, "gate");
	const char *problem = field_text(status, "device_problem");

	if (!*gate) {
		/* Where we may not ask the kernel, its agent knows. */
		if (!*problem || !field_true(status, "device_held"))
			lacks(lack, "its device is not there%s%s",
			      *problem ? ": " : "", problem);
		return;
	}
	if (!field_true(device, "agent"))
		lacks(lack, "its agent has not taken the device over");
	else if (strcmp(gate, "fenced") == 0)
		lacks(lack,
		      "%s is fenced, and its last writer still has it open: "
		      "unmount or close it",
		      field_text(device, "path"));
	else if (strcmp(gate, "active") != 0 &&
		 field_is(status, "leader", wait->node))
		lacks(lack, "this node leads, but the device waits: %s",
		      field_text(device, "gate_reason"));
}

static void lacks_open(struct wait *wait, const json_t *status,
		       struct lack *lack)
{
	const char *writer = field_text(status, "writer");

	lacks_quorum(wait, status, lack);
	if (!*lack->key)
		lacks_replica(status, lack);
	if (!*lack->key)
		lacks_device(wait, status, lack);
	if (!*lack->key && *writer && strcmp(writer, wait->node) != 0)
		lacks(lack, "node %s has it open; close it there", writer);
}

static const char *not_whole(const json_t *node)
{
	if (field_true(node, "disk_failed"))
		return "disk failed";
	if (field_true(node, "damaged") || field_true(node, "incomplete"))
		return "being filled";
	return NULL;
}

/*
 * While something writes, nodes lack what was written just now: so what each
 * must hold is what was committed when we first looked.
 */
static void lacks_synced(struct wait *wait, const json_t *status,
			 struct lack *lack)
{
	const json_t *node;
	const char *why;
	size_t i;

	lacks_quorum(wait, status, lack);
	if (*lack->key)
		return;
	if (!wait->commit_known)
		wait->commit = field_number(status, "commit");
	wait->commit_known = true;
	json_array_foreach(json_object_get(status, "nodes"), i, node)
	{
		why = not_whole(node);
		if (!field_true(node, "self") &&
		    !field_is(node, "link", "up")) {
			why = field_text(node, "problem");
			if (!*why)
				why = field_text(node, "link");
		} else if (!why &&
			   field_number(node, "durable") < wait->commit) {
			why = "behind";
		}
		if (why)
			lacks_node(lack,
				   "these nodes do not hold everything: ", node,
				   why);
	}
}

static const struct cli_choice goal_choices[] = {
	[OPEN] = { "open",
		   "it could be opened on this node now: its device is there, "
		   "a\nmajority of the nodes works, this replica is whole, and "
		   "no\nother node has it open (the default)" },
	[QUORUM] = { "quorum", "a majority of the nodes has a leader" },
	[SYNCED] = { "synced",
		     "all nodes hold what was committed when the waiting "
		     "began" },
	{ NULL, NULL },
};

static const struct {
	wait_for missing;
	const char *done;
} goals[] = {
	[OPEN] = { lacks_open, "can be opened" },
	[QUORUM] = { lacks_quorum, "has quorum" },
	[SYNCED] = { lacks_synced, "is the same on all nodes" },
};

/* Waiting would not change it. */
static bool may_not_ask(const char *volume, struct base_error *error)
{
	struct control control;
	int ret = control_open(volume, &control, error);

	if (!ret)
		control_close(&control);
	return ret == -EACCES;
}

static enum cli_exit wait_until(struct wait *wait, unsigned int goal,
				const struct cli_value *timeout)
{
	uint64_t until_ms = cli_now_ms() + (uint64_t)timeout->number * 1000;
	json_t *names = json_pack("[s]", wait->volume), *list;
	struct base_error error;
	struct lack lack = { .key = "" };
	char told[sizeof(lack.key)] = "";
	enum cli_exit status = CLI_FAILED;

	while (!may_not_ask(wait->volume, &error)) {
		list = collect_status(names);
		memset(&lack, 0, sizeof(lack));
		goals[goal].missing(wait, json_array_get(list, 0), &lack);
		json_decref(list);
		if (!*lack.key) {
			printf("%s: %s\n", wait->volume, goals[goal].done);
			status = CLI_DONE;
			goto out;
		}
		if (timeout->given && cli_now_ms() >= until_ms) {
			cli_fail("volume %s: waited %u s, but --for %s is "
				 "not reached: %s",
				 wait->volume, timeout->number,
				 goal_choices[goal].name, lack.text);
			goto out;
		}
		if (strcmp(told, lack.key) != 0) {
			printf("%s: waiting: %s\n", wait->volume, lack.text);
			/* Into the journal while it is news. */
			fflush(stdout);
		}
		strcpy(told, lack.key);
		cli_sleep_ms(LOOK_MS);
	}
	cli_fail("%s", error.text);
out:
	json_decref(names);
	return status;
}

static enum cli_exit run(const struct cli_args *args)
{
	struct wait wait = { .volume = args->words[0].text };
	const struct conf_node *node;
	struct conf conf;

	node = cli_configured(wait.volume, args->options[CONFIG].text,
			      args->options[NODE].text, &conf);
	if (!node)
		return CLI_FAILED;
	wait.node = node->name;
	return wait_until(&wait, args->options[FOR].number,
			  &args->options[TIMEOUT]);
}

const struct cli_command cli_wait = {
	.name = "wait",
	.summary = "Wait until a volume can be used",
	.help = "Also waits for an agent that is not running yet.  Prints what "
		"it waits for,\nwhenever that changes.  SIGTERM ends it "
		"without a message.\n",
	.words = { CLI_WORD_VOLUME },
	.options = {
		[FOR] = { .name = "for",
			  .kind = CLI_CHOICE,
			  .choices = goal_choices },
		[TIMEOUT] = { .name = "timeout",
			      .kind = CLI_SECONDS,
			      .value = "S",
			      .help = "give up after S seconds, with exit "
				      "status 1; 0: look once.\nDefault: "
				      "no limit" },
		[NODE] = CLI_OPTION_NODE,
		[CONFIG] = CLI_OPTION_CONFIG,
	},
	.notes = "A configuration that is missing or wrong is reported at once "
		 "(exit status 1).\n",
	.run = run,
};
