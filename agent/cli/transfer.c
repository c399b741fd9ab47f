// SPDX-License-Identifier: GPL-2.0
/* qbd transfer: hands leadership to another node. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/control.h"

#define BEGIN_MS 2000
#define DONE_MS 10000
#define LOOK_MS 50

enum { VOLUME, NODE };

/* Copies the leader's name as the daemon sees it; false: none known. */
static bool get_leader(const char *volume, char *leader, size_t size)
{
	json_t *reply =
		control_ask(volume, &control_status, CONTROL_ANSWER_MS, NULL);
	const char *name = json_string_value(
		json_object_get(json_object_get(reply, "status"), "leader"));

	snprintf(leader, size, "%s", name ? name : "");
	json_decref(reply);
	return *leader;
}

static enum cli_exit refused(const char *volume, const char *node,
			     const struct base_error *error)
{
	char leader[CONF_NAME_MAX + 1];

	if (get_leader(volume, leader, sizeof(leader)) &&
	    strcmp(leader, node) == 0) {
		printf("%s: %s leads already\n", volume, node);
		return CLI_DONE;
	}
	return cli_fail("volume %s: leadership was not handed to %s: %s",
			volume, node, error->text);
}

static enum cli_exit run(const struct cli_args *args)
{
	const char *volume = args->words[VOLUME].text;
	const char *node = args->words[NODE].text;
	char leader[CONF_NAME_MAX + 1];
	struct base_error error;
	uint64_t until_ms;
	struct control_command command = { .type = CONTROL_TRANSFER };
	json_t *reply;

	if (strlen(node) >= sizeof(command.node))
		return cli_fail("volume %s: %s is no node's name: it is longer "
				"than %d bytes",
				volume, node, CONTROL_NAME_MAX);
	strcpy(command.node, node);
	control_within(&command, BEGIN_MS);
	reply = control_ask(volume, &command, BEGIN_MS + CONTROL_OUTCOME_MS,
			    &error);
	if (!reply && error.code == -EREMOTEIO)
		return refused(volume, node, &error);
	if (!reply && error.code == -ETIMEDOUT)
		return cli_fail("volume %s: %s; the request is withdrawn, "
				"unless it has begun: see qbd status %s",
				volume, error.text, volume);
	if (!reply)
		return cli_fail("%s", error.text);
	json_decref(reply);
	until_ms = cli_now_ms() + DONE_MS;
	do {
		if (get_leader(volume, leader, sizeof(leader)) &&
		    strcmp(leader, node) == 0) {
			printf("%s: %s leads\n", volume, node);
			return CLI_DONE;
		}
		cli_sleep_ms(LOOK_MS);
	} while (cli_now_ms() < until_ms);
	return cli_fail("volume %s: %s did not become leader within %d s; the "
			"leader is %s; qbd status %s says more",
			volume, node, DONE_MS / 1000,
			*leader ? leader : "not known", volume);
}

const struct cli_command cli_transfer = {
	.name = "transfer",
	.summary = "Hand the leadership of a volume to another node",
	.help = "Run it on the node that leads.  Waits until NODE leads, at "
		"most 10 seconds.\nWhile the device is open for writing, "
		"leadership cannot move: close it first.\n",
	.words = {
		[VOLUME] = CLI_WORD_VOLUME,
		[NODE] = { .name = "NODE", .noun = "node", .kind = CLI_TEXT },
	},
	.run = run,
};
