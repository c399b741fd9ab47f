// SPDX-License-Identifier: GPL-2.0
/*
 * Executing commands (control/command.h): one function for each.  Loop thread.
 *
 * A command that is accepted is answered by command_done(), at once or, like
 * stop, when it is over.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/list.h"
#include "qbdd/qbdd.h"

_Static_assert(CONTROL_NAME_MAX >= CONF_NAME_MAX,
	       "a command can name each node");

static const char *node_name(const struct qbdd *daemon, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < daemon->conf.node_count; i++)
		if (daemon->conf.nodes[i].id == id)
			return daemon->conf.nodes[i].name;
	return "nobody known";
}

/* Return: 0: the volume has no such node, and the command is refused. */
static uint32_t named_node(const struct qbdd *daemon, struct command *command)
{
	const struct conf *conf = &daemon->conf;
	char names[512];
	unsigned int i;

	for (i = 0; i < conf->node_count; i++)
		if (strcmp(conf->nodes[i].name, command->asked.node) == 0)
			return conf->nodes[i].id;
	conf_node_names(conf, names, sizeof(names));
	base_error_set(&command->error, -ENOENT,
		       "the volume has no such node; its nodes are: %s", names);
	return 0;
}

/* Why node_transfer() did not begin: in words, with the remedy. */
static void transfer_refused(const struct qbdd *daemon, struct command *command,
			     int code)
{
	struct base_error *error = &command->error;
	const char *peer = command->asked.node;
	const char *self = daemon->self->name;

	switch (code) {
	case -ENOTCONN:
		if (command->leader)
			base_error_set(error, -ENOTCONN,
				       "%s does not lead; run this on the "
				       "leader, %s",
				       self,
				       node_name(daemon, command->leader));
		else
			base_error_set(error, -ENOTCONN,
				       "%s does not lead, and no leader is "
				       "known; qbd status names the missing "
				       "nodes",
				       self);
		return;
	case -EBUSY:
		base_error_set(error, -EBUSY,
			       "the device is open on %s, and its node "
			       "must lead; close it first",
			       self);
		return;
	case -EHOSTDOWN:
		base_error_set(error, -EHOSTDOWN,
			       "%s is not reachable or its replica is not "
			       "complete; see qbd status",
			       peer);
		return;
	default:
		base_error_set(error, -EINVAL, "%s is no other node of %s",
			       peer, daemon->conf.volume);
		return;
	}
}

static void transfer(struct qbdd *daemon, struct command *command)
{
	uint32_t peer = named_node(daemon, command);
	struct node_view view;
	int ret;

	if (peer) {
		node_view(daemon->node, daemon->now_us, &view);
		command->leader = view.leader;
		ret = node_transfer(daemon->node, peer);
		if (ret)
			transfer_refused(daemon, command, ret);
	}
	command_done(daemon->control, command);
}

/* Also of an agent that stops already, on a signal: its device would stay. */
static void stop(struct qbdd *daemon, struct command *command)
{
	if (daemon->stop_command) {
		base_error_set(&command->error, -EALREADY,
			       "the device of %s is being removed already; see "
			       "qbd status %s",
			       daemon->conf.volume, daemon->conf.volume);
		command_done(daemon->control, command);
		return;
	}
	daemon->stop_command = command;
	qbdd_device_remove(daemon);
}

void qbdd_command_removed(struct qbdd *daemon, int code,
			  const struct base_error *error)
{
	struct command *command = daemon->stop_command;

	daemon->stop_command = NULL;
	command->error = *error;
	command->error.code = code;
	if (code == -EBUSY)
		base_error_set(&command->error, -EBUSY,
			       "the device of %s is open here; close or unmount "
			       "it first (qbd status names the process)",
			       daemon->conf.volume);
	if (!code)
		qbdd_stop_begin(daemon, "qbd down");
	command_done(daemon->control, command);
}

void qbdd_command_back(void *context, struct errand *errand)
{
	struct command *command =
		base_container_of(errand, struct command, errand);
	struct qbdd *daemon = context;

	if (!command_take(daemon->control, command))
		return;
	if (daemon->ended) {
		base_error_set(&command->error, -ESHUTDOWN,
			       "the agent of %s is stopping",
			       daemon->conf.volume);
		command_done(daemon->control, command);
		return;
	}
	switch (command->asked.type) {
	case CONTROL_TRANSFER:
		transfer(daemon, command);
		return;
	case CONTROL_STOP:
		stop(daemon, command);
		return;
	case CONTROL_STATUS:
		break;
	}
	assert(!"status is answered by the control thread");
}
