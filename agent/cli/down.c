// SPDX-License-Identifier: GPL-2.0
/*
 * qbd down: ends the daemon and removes the device.  The daemon does both,
 * since it knows then that its device has not vanished by accident; where there
 * is none (any more), the device is removed from here.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/control.h"
#include "nl/nl.h"

#define ANSWER_MS 3000
#define END_MS 30000 /* a last checkpoint may be on the way */

/* Wait until the process has ended; false: it has not in time. */
static bool wait_for_end(int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	uint64_t until_ms = cli_now_ms() + END_MS, now_ms;

	while ((now_ms = cli_now_ms()) < until_ms)
		if (poll(&ended, 1, (int)(until_ms - now_ms)) > 0)
			return true;
	return false;
}

static enum cli_exit hangs(const char *volume, pid_t pid)
{
	return cli_fail("volume %s: its daemon qbdd (pid %d) does not answer; "
			"if kill -CONT %d does not help: kill -KILL %d, then "
			"qbd down %s again",
			volume, (int)pid, (int)pid, (int)pid, volume);
}

/* The kernel knows best who has the device open. */
static enum cli_exit refused(const char *volume, const struct base_error *error)
{
	struct nl_device device;
	struct nl_admin *admin;
	char holder[256] = "";

	if (!nl_admin_open(&admin, NULL)) {
		if (!nl_device_get(admin, volume, &device, NULL) &&
		    device.openers)
			nl_device_holder(&device, holder, sizeof(holder));
		nl_admin_close(admin);
	}
	return cli_fail("volume %s stays up: %s", volume,
			*holder ? holder : error->text);
}

static enum cli_exit stop_daemon(const char *volume, struct control *control)
{
	/* Before asking: afterwards the number may be another's. */
	int pidfd = (int)syscall(SYS_pidfd_open, control->pid, 0);
	struct base_error error;
	json_t *reply;
	bool ended;
	int ret;

	ret = control_send(control, json_pack("{s:s}", "command", "stop"));
	reply = ret ? NULL :
		      control_receive(control, cli_now_ms() + ANSWER_MS,
				      &error);
	if (!reply) {
		if (pidfd >= 0)
			close(pidfd);
		return ret || error.code == -ETIMEDOUT ?
			       hangs(volume, control->pid) :
			       cli_fail("volume %s: %s", volume, error.text);
	}
	ret = control_refused(reply, &error);
	json_decref(reply);
	ended = ret || pidfd < 0 || wait_for_end(pidfd);
	if (pidfd >= 0)
		close(pidfd);
	if (ret)
		return refused(volume, &error);
	if (!ended)
		return cli_fail("volume %s: its device is removed, but its "
				"daemon qbdd (pid %d) has not ended within %d "
				"s; its disk may hang",
				volume, (int)control->pid, END_MS / 1000);
	printf("%s: down\n", volume);
	return CLI_DONE;
}

/* The daemon is dead: what is left is the device. */
static enum cli_exit remove_device(const char *volume)
{
	struct base_error error;
	struct nl_admin *admin;
	int ret;

	ret = nl_admin_open(&admin, &error);
	if (!ret) {
		ret = nl_device_del(admin, volume, false, &error);
		nl_admin_close(admin);
	}
	if (ret == -ENODEV || ret == -ENOENT) {
		printf("%s: is not up\n", volume);
		return CLI_DONE;
	}
	if (ret)
		return cli_fail("%s", error.text);
	printf("%s: down; its daemon was dead, its device is removed\n",
	       volume);
	return CLI_DONE;
}

static enum cli_exit run(const struct cli_args *args)
{
	const char *volume = args->words[0];
	struct control control;
	struct base_error error;
	enum cli_exit status;
	int ret;

	ret = control_open(volume, &control, &error);
	if (ret == -ENOENT || ret == -ECONNREFUSED)
		return remove_device(volume);
	if (ret)
		return cli_fail("%s", error.text);
	status = stop_daemon(volume, &control);
	control_close(&control);
	return status;
}

const struct cli_command cli_down = {
	.name = "down",
	.usage = "VOLUME",
	.summary = "Remove a volume's device and end its daemon, on this node",
	.help = "Refused, changing nothing, while the device is open: unmount "
		"or close it first.\nWorks without quorum, and when the daemon "
		"is dead.  The replica stays as it is.\n",
	.words_min = 1,
	.words_max = 1,
	.run = run,
};
