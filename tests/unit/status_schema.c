// SPDX-License-Identifier: GPL-2.0
/*
 * What `qbd status --json` prints is what status.schema.json describes, field by
 * field: of agents in many states, played with the real agent's own JSON, and of
 * the module's devices.  status_schema.py compares.
 */
#include "cli_rig.h"

#include <jansson.h>

#include "cli/kernel.h"
#include "nl/nl.h"
#include "status_rig.h"

/* Node 1 writes; 2 is filled, 3 does not answer. */
static void setup(void)
{
	struct node_view *view = &published.view;

	status_setup_missing();
	memset(conf.volume_id, 0xab, sizeof(conf.volume_id));
	view->writer = 1;
	view->epoch = 3;
	view->device_epoch = 3;
	view->peers[0].status.flags = WIRE_NODE_INCOMPLETE;
	view->peers[0].copy = NODE_COPY_RUNNING;
	view->peers[0].copy_offset = 500;
}

/* Does the schema describe @text? Skips the test where it can't be known. */
static bool described(const char *text)
{
	char path[128], command[256];
	FILE *file;
	int status;

	snprintf(path, sizeof(path), "%s/status.json", rig_folder);
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
	snprintf(command, sizeof(command),
		 "python3 tests/unit/status_schema.py %s", path);
	fflush(stdout);
	status = system(command);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		tap_skip("python3-jsonschema is missing");
		return true;
	}
	return status == 0;
}

/* What `qbd status --json vol0` prints of an agent that says @status. */
static const char *printed(json_t *status)
{
	json_t *reply = json_pack("{s:b, s:o}", "ok", 1, "status", status);
	char *text = json_dumps(reply, JSON_COMPACT);
	pid_t agent = rig_daemon_start(RIG_ANSWERS, text, "{}");

	rig_run("status", "--json", "vol0", NULL);
	rig_daemon_end(agent);
	free(text);
	json_decref(reply);
	return rig_output;
}

static const char *printed_now(void)
{
	return printed(status_json(&identity, &published, NOW_US));
}

static void agents_in_all_states_are_described(void)
{
	tap_need(rig_setup());
	setup();
	tap_check(described(printed_now()));
	tap_check(described(printed(status_json(&identity, NULL, NOW_US))));
	published.view.role = RAFT_FOLLOWER;
	published.view.leader = 0;
	published.view.incomplete = true;
	published.links[1].state = NET_DOWN;
	tap_check(described(printed_now()));
	published.view.damaged = true;
	published.taken_us = NOW_US - 9000000;
	published.log_waiting_us = NOW_US - 9000000;
	strcpy(published.log_notice, "edited");
	tap_check(described(printed_now()));
	published.view.disk_failed = true;
	tap_check(described(printed_now()));
	rig_teardown();
}

static void volumes_without_an_agent_are_described(void)
{
	pid_t agent;

	tap_need(rig_setup());
	rig_run("status", "--json", "vol0", NULL);
	tap_check(described(rig_output));
	agent = rig_daemon_start(RIG_HANGS, "", "");
	rig_run("status", "--json", "vol0", NULL);
	rig_daemon_end(agent);
	tap_check(described(rig_output));
	agent = rig_daemon_start(RIG_ANSWERS, "nonsense", "nonsense");
	rig_run("status", "--json", "vol0", NULL);
	rig_daemon_end(agent);
	tap_check(described(rig_output));
	rig_teardown();
}

/* Where the module is not loaded there is no device: put one in. */
static void devices_are_described(void)
{
	struct nl_device device = { .name = "vol0", .replica = "/dev/\xff" };
	json_t *status;
	char *text;

	tap_need(rig_setup());
	setup();
	for (device.opener_pid = 0; device.opener_pid < 2;
	     device.opener_pid++) {
		status = json_loads(printed_now(), 0, NULL);
		tap_need(status);
		json_object_set_new(status, "device",
				    kernel_device_json(&device));
		text = json_dumps(status, JSON_COMPACT);
		tap_check(described(text));
		free(text);
		json_decref(status);
	}
	rig_teardown();
}

/* The comparison itself: else it might find nothing, whatever comes. */
static void undescribed_fields_are_found(void)
{
	json_t *status = NULL, *nodes;
	char *text;

	tap_need(rig_setup());
	setup();
	if (!described(printed_now()) || tap_skip_reason)
		goto out;
	status = json_loads(rig_output, 0, NULL);
	nodes = json_object_get(status, "nodes");
	json_object_set_new(json_array_get(nodes, 1), "surprise", json_true());
	text = json_dumps(status, JSON_COMPACT);
	tap_check(!described(text));
	free(text);
	json_object_del(json_array_get(nodes, 1), "surprise");
	json_object_del(status, "leader");
	text = json_dumps(status, JSON_COMPACT);
	tap_check(!described(text));
	free(text);
	json_decref(status);
out:
	rig_teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(agents_in_all_states_are_described),
		TAP_TEST(volumes_without_an_agent_are_described),
		TAP_TEST(devices_are_described),
		TAP_TEST(undescribed_fields_are_found),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
