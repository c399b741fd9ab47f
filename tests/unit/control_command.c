// SPDX-License-Identifier: GPL-2.0
/* Commands on the wire: what is sent is what arrives, and nothing else passes. */
#include <errno.h>
#include <stdlib.h>

#include "control/command.h"
#include "tap.h"

static struct control_command command;
static struct base_error error;

static int parse(const char *request)
{
	memset(&error, 0, sizeof(error));
	return control_command_parse(request, strlen(request), &command,
				     &error);
}

static void what_is_sent_is_what_arrives(void)
{
	static const struct control_command sent[] = {
		{ .type = CONTROL_STATUS },
		{ .type = CONTROL_TRANSFER, .node = "n2" },
		{ .type = CONTROL_STOP, .timed = true, .until_ms = 4711 },
		{ .type = CONTROL_STOP, .timed = true },
	};
	json_t *request;
	char *text;
	size_t i;

	for (i = 0; i < TAP_COUNT(sent); i++) {
		request = control_command_json(&sent[i]);
		text = json_dumps(request, JSON_COMPACT);
		tap_need(text);
		tap_check_eq(parse(text), 0);
		tap_check_eq(command.type, sent[i].type);
		tap_check_eq(command.timed, sent[i].timed);
		tap_check_eq(command.until_ms, sent[i].until_ms);
		tap_check_str(command.node, sent[i].node);
		free(text);
		json_decref(request);
	}
}

static void what_is_wrong_is_refused_and_said(void)
{
	static const struct {
		const char *request;
		int code;
		const char *said;
	} cases[] = {
		{ "", -EPROTO, "a request is {\"command\":...}" },
		{ "[]", -EPROTO, "a request is {\"command\":...}" },
		{ "{\"command\":7}", -EPROTO, "a request is" },
		{ "{\"command\":\"stop\",\"command\":\"status\"}", -EPROTO,
		  "a request is" },
		{ "{\"command\":\"Stop\"}", -ENOSYS,
		  "unknown command; known are status, transfer, stop" },
		{ "{\"command\":\"stop\",\"version\":2}", -EPROTONOSUPPORT,
		  "version 1, and this stop is of another" },
		{ "{\"command\":\"stop\",\"version\":\"1\"}", -EPROTONOSUPPORT,
		  "are qbd and the qbdd that runs" },
		{ "{\"command\":\"stop\",\"until_ms\":\"soon\"}", -EINVAL,
		  "until_ms is a number of milliseconds" },
		{ "{\"command\":\"stop\",\"node\":\"n2\"}", -EINVAL,
		  "stop takes no argument \"node\"" },
		{ "{\"command\":\"status\",\"verbose\":true}", -EINVAL,
		  "status takes no argument \"verbose\"" },
		{ "{\"command\":\"transfer\"}", -EINVAL,
		  "transfer needs the argument \"node\"" },
		{ "{\"command\":\"transfer\",\"node\":2}", -EINVAL,
		  "\"node\" is a name of 1 to 63 bytes" },
		{ "{\"command\":\"transfer\",\"node\":\"\"}", -EINVAL,
		  "\"node\" is a name of 1 to 63 bytes" },
	};
	size_t i;

	for (i = 0; i < TAP_COUNT(cases); i++) {
		command.until_ms = 99;
		tap_check_eq(parse(cases[i].request), cases[i].code);
		if (!tap_check(strstr(error.text, cases[i].said) != NULL))
			printf("# %s: %s\n", cases[i].request, error.text);
		tap_check_eq(command.until_ms, 99); /* untouched */
	}
}

static int parse_transfer(const char *node)
{
	char request[256];

	snprintf(request, sizeof(request),
		 "{\"command\":\"transfer\",\"node\":\"%s\"}", node);
	return parse(request);
}

static void names_and_requests_are_bounded(void)
{
	static char request[CONTROL_REQUEST_MAX + 1];
	char name[CONTROL_NAME_MAX + 2] = "";

	memset(name, 'n', CONTROL_NAME_MAX + 1);
	tap_check_eq(parse_transfer(name), -EINVAL);
	name[CONTROL_NAME_MAX] = '\0';
	tap_check_eq(parse_transfer(name), 0);
	tap_check_str(command.node, name);
	/* Nothing of what is too large is looked at: it need not be there. */
	tap_check_eq(control_command_parse(NULL, CONTROL_REQUEST_MAX + 1,
					   &command, &error),
		     -EMSGSIZE);
	snprintf(request, sizeof(request), "%-*s", CONTROL_REQUEST_MAX,
		 "{\"command\":\"stop\"}");
	tap_check_eq(parse(request), 0);
	tap_check_eq(command.type, CONTROL_STOP);
}

/* Status is answered to each version of qbd, by each version of the agent. */
static void status_is_of_any_version(void)
{
	tap_check_eq(parse("{\"command\":\"status\",\"version\":99}"), 0);
	tap_check_eq(command.type, CONTROL_STATUS);
}

static void a_time_before_the_clock_began_is_over(void)
{
	tap_check_eq(parse("{\"command\":\"stop\",\"until_ms\":-5}"), 0);
	tap_check(command.timed);
	tap_check_eq(command.until_ms, 0);
	tap_check_eq(parse("{\"command\":\"stop\"}"), 0);
	tap_check(!command.timed);
}

/* A name is typed by people: it must not make the request none. */
static void names_that_are_no_utf8_are_sent_as_they_can_be(void)
{
	struct control_command odd = { .type = CONTROL_TRANSFER,
				       .node = "M\xfcll" };
	json_t *request = control_command_json(&odd);

	tap_check_str(json_string_value(json_object_get(request, "node")),
		      "M?ll");
	json_decref(request);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(what_is_sent_is_what_arrives),
		TAP_TEST(what_is_wrong_is_refused_and_said),
		TAP_TEST(names_and_requests_are_bounded),
		TAP_TEST(status_is_of_any_version),
		TAP_TEST(a_time_before_the_clock_began_is_over),
		TAP_TEST(names_that_are_no_utf8_are_sent_as_they_can_be),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
