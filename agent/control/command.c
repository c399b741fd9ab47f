// SPDX-License-Identifier: GPL-2.0
/* See command.h.  One table says what each command takes. */
#include "control/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/status.h"

#define ARGUMENTS_MAX 4
#define KEY "%.64s" /* the caller may have written anything */

/* A name of 1 to CONTROL_NAME_MAX bytes, which must be there. */
struct argument {
	const char *key; /* NULL: there is none */
	size_t offset; /* in struct control_command */
};

static const struct {
	const char *name;
	bool any_version;
	struct argument arguments[ARGUMENTS_MAX];
} forms[] = {
	[CONTROL_STATUS] = { .name = "status", .any_version = true },
	[CONTROL_TRANSFER] = { .name = "transfer",
			       .arguments = { { "node",
						offsetof(struct control_command,
							 node) } } },
	[CONTROL_STOP] = { .name = "stop" },
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

static int unknown_command(struct base_error *error)
{
	char names[256] = "";
	size_t used = 0, i;

	for (i = 0; i < FORMS; i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used,
					 "%s%s", i ? ", " : "", forms[i].name);
	return base_error_set(error, -ENOSYS, "unknown command; known are %s",
			      names);
}

static int parse_type(const json_t *request, struct control_command *command,
		      struct base_error *error)
{
	const char *name =
		json_string_value(json_object_get(request, "command"));
	size_t i;

	if (!name)
		return base_error_set(error, -EPROTO,
				      "a request is {\"command\":...}");
	for (i = 0; i < FORMS; i++)
		if (strcmp(forms[i].name, name) == 0) {
			command->type = (enum control_type)i;
			return 0;
		}
	return unknown_command(error);
}

static int check_version(const json_t *request, enum control_type type,
			 struct base_error *error)
{
	const json_t *version = json_object_get(request, "version");

	if (!version || forms[type].any_version ||
	    (json_is_integer(version) &&
	     json_integer_value(version) == CONTROL_VERSION))
		return 0;
	return base_error_set(error, -EPROTONOSUPPORT,
			      "the agent takes commands of version %d, and "
			      "this %s is of another; are qbd and the qbdd "
			      "that runs of the same version?",
			      CONTROL_VERSION, forms[type].name);
}

static int parse_until(const json_t *request, struct control_command *command,
		       struct base_error *error)
{
	const json_t *until = json_object_get(request, "until_ms");

	if (!until)
		return 0;
	if (!json_is_integer(until))
		return base_error_set(error, -EINVAL,
				      "until_ms is a number of milliseconds");
	command->timed = true;
	/* What was before the clock began is over as well. */
	if (json_integer_value(until) > 0)
		command->until_ms = (uint64_t)json_integer_value(until);
	return 0;
}

static int parse_arguments(const json_t *request,
			   struct control_command *command,
			   struct base_error *error)
{
	const char *name = forms[command->type].name;
	const struct argument *argument = forms[command->type].arguments;
	const char *text;
	size_t i;

	for (i = 0; i < ARGUMENTS_MAX && argument[i].key; i++) {
		const json_t *value = json_object_get(request, argument[i].key);

		if (!value)
			return base_error_set(error, -EINVAL,
					      "%s needs the argument \"%s\"",
					      name, argument[i].key);
		text = json_string_value(value);
		if (!text || !*text || strlen(text) > CONTROL_NAME_MAX)
			return base_error_set(error, -EINVAL,
					      "%s: \"%s\" is a name of 1 to %d "
					      "bytes",
					      name, argument[i].key,
					      CONTROL_NAME_MAX);
		strcpy((char *)command + argument[i].offset, text);
	}
	return 0;
}

static bool is_known(enum control_type type, const char *key)
{
	static const char *const common[] = { "command", "version",
					      "until_ms" };
	const struct argument *argument = forms[type].arguments;
	size_t i;

	for (i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (strcmp(common[i], key) == 0)
			return true;
	for (i = 0; i < ARGUMENTS_MAX && argument[i].key; i++)
		if (strcmp(argument[i].key, key) == 0)
			return true;
	return false;
}

/* Not ignored: the sender would believe that it has been done. */
static int check_keys(json_t *request, enum control_type type,
		      struct base_error *error)
{
	const char *key;
	json_t *value;

	json_object_foreach(request, key, value)
	{
		if (!is_known(type, key))
			return base_error_set(error, -EINVAL,
					      "%s takes no argument \"" KEY
					      "\"",
					      forms[type].name, key);
	}
	return 0;
}

int control_command_parse(const char *packet, size_t size,
			  struct control_command *result,
			  struct base_error *error)
{
	struct control_command command = { 0 };
	json_t *request;
	int ret;

	if (size > CONTROL_REQUEST_MAX)
		return base_error_set(error, -EMSGSIZE,
				      "a request has at most %d bytes",
				      CONTROL_REQUEST_MAX);
	request = json_loadb(packet, size, JSON_REJECT_DUPLICATES, NULL);
	ret = parse_type(request, &command, error);
	if (!ret)
		ret = check_version(request, command.type, error);
	if (!ret)
		ret = check_keys(request, command.type, error);
	if (!ret)
		ret = parse_until(request, &command, error);
	if (!ret)
		ret = parse_arguments(request, &command, error);
	json_decref(request);
	if (!ret)
		*result = command;
	return ret;
}

json_t *control_command_json(const struct control_command *command)
{
	const struct argument *argument = forms[command->type].arguments;
	json_t *request = json_pack("{s:s, s:i}", "command",
				    forms[command->type].name, "version",
				    CONTROL_VERSION);
	int failed = !request;
	size_t i;

	if (command->timed)
		failed |= json_object_set_new(
			request, "until_ms",
			json_integer((json_int_t)command->until_ms));
	for (i = 0; i < ARGUMENTS_MAX && argument[i].key; i++)
		failed |=
			json_object_set_new(request, argument[i].key,
					    control_text((const char *)command +
							 argument[i].offset));
	if (!failed)
		return request;
	json_decref(request);
	return NULL;
}
