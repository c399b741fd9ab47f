// SPDX-License-Identifier: GPL-2.0
/*
 * qbd down: stops the agent and removes the device.  The agent does both, so it
 * knows that its device has not vanished by accident.  If there is no agent,
 * the device is removed from here.
 *
 * Where systemd runs the agent, it is asked to stop the unit; and its unit asks
 * us in turn (--unit) before it ends the agent:
 *
 * - a restart lets the device be: I/O waits for the next agent;
 * - a stop takes it down, unless it is in use.  No unit can refuse to be
 *   stopped, so the stop becomes a restart, and systemctl reports that the job
 *   was cancelled;
 * - when the machine shuts down, agents are stopped before the filesystems that
 *   were mounted by hand or without _netdev, which systemd takes for local ones
 *   (and the network goes before them as well).  So they are unmounted from
 *   here, while there still is an agent to write them to.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/control.h"
#include "cli/program.h"
#include "cli/unit.h"
#include "nl/nl.h"

#define BEGIN_MS 3000
#define END_MS 30000 /* a last checkpoint may be on the way */
#define RELEASE_MS \
	90000 /* a large cache may have to be written; below the
			  * TimeoutStopSec of the unit */
#define RELEASE_LOOK_MS 1000

enum { UNIT };

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
	return cli_fail("volume %s: its agent (pid %d) does not answer; the "
			"request is withdrawn, unless it has begun: see qbd "
			"status %s; if kill -CONT %d does not help: kill "
			"-KILL %d, then qbd down %s again",
			volume, (int)pid, volume, (int)pid, (int)pid, volume);
}

/* The kernel knows best what has the device open. */
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
	struct control_command command = { .type = CONTROL_STOP };
	struct base_error error;
	json_t *reply;
	bool ended;
	int ret;

	control_within(&command, BEGIN_MS);
	ret = control_send(control, &command);
	reply = ret ? NULL :
		      control_receive(control,
				      cli_now_ms() + BEGIN_MS +
					      CONTROL_OUTCOME_MS,
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
				"agent (pid %d) has not ended within %d "
				"s; its disk may hang",
				volume, (int)control->pid, END_MS / 1000);
	printf("%s: down\n", volume);
	return CLI_DONE;
}

/* -ENODEV: there is none. */
static int delete_device(const char *volume, struct base_error *error)
{
	struct nl_admin *admin;
	int ret;

	ret = nl_admin_open(&admin, error);
	if (!ret) {
		ret = nl_device_del(admin, volume, false, error);
		nl_admin_close(admin);
	}
	return ret == -ENOENT ? -ENODEV : ret;
}

/* The agent is dead: what is left is the device. */
static enum cli_exit remove_device(const char *volume)
{
	struct base_error error;
	int ret = delete_device(volume, &error);

	if (ret == -ENODEV) {
		printf("%s: is not up\n", volume);
		return CLI_DONE;
	}
	if (ret)
		return cli_fail("%s", error.text);
	printf("%s: down; its agent was dead, its device is removed\n", volume);
	return CLI_DONE;
}

/* Is it open?  @holder: by what, for humans. */
static bool in_use(const char *volume, struct nl_device *device, char *holder,
		   size_t size)
{
	struct nl_admin *admin;
	bool found;

	if (nl_admin_open(&admin, NULL))
		return false;
	found = !nl_device_get(admin, volume, device, NULL) && device->openers;
	nl_admin_close(admin);
	if (found)
		nl_device_holder(device, holder, size);
	return found;
}

static enum cli_exit down_direct(const char *volume)
{
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

static enum cli_exit down_unit(const char *volume)
{
	struct nl_device device;
	struct base_error error;
	char holder[256];
	int ret;

	if (in_use(volume, &device, holder, sizeof(holder)))
		return cli_fail("volume %s stays up: %s", volume, holder);
	if (unit_stop(volume))
		return CLI_FAILED;
	/* An agent that hung has left its device behind. */
	ret = delete_device(volume, &error);
	if (ret && ret != -ENODEV)
		return cli_fail("volume %s: its agent has stopped, but its "
				"device remains: %s",
				volume, error.text);
	printf("%s: down\n", volume);
	return CLI_DONE;
}

/*
 * Into the machine's own mount namespace.  A unit with file system protection
 * has one of its own, also for a command with full privileges: what is
 * unmounted there stays mounted everywhere else.
 */
static void enter_mounts(void)
{
	int fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNS))
		cli_fail("the machine's mounts can't be seen from here: %s; "
			 "is the + missing in the unit's ExecStop?",
			 strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Until it is not open any more; false: not in time. */
static bool release(const char *volume)
{
	uint64_t until_ms = cli_now_ms() + RELEASE_MS;
	struct nl_device device;
	char holder[256], path[32];
	char *umount[] = { "umount", "--all-targets", path, NULL };
	char *stack[] = { "blkdeactivate", "-u", "-l", "wholevg", "-d",
			  "retry",	   path, NULL };

	enter_mounts();
	while (in_use(volume, &device, holder, sizeof(holder))) {
		if (cli_now_ms() >= until_ms) {
			cli_fail("volume %s: the machine shuts down, and its "
				 "device is still in use: %s",
				 volume, holder);
			return false;
		}
		snprintf(path, sizeof(path), "/dev/qbd%u", device.minor);
		if (program_run(umount, -1))
			program_run(stack, -1);
		cli_sleep_ms(RELEASE_LOOK_MS);
	}
	return true;
}

static enum cli_exit asked_by_unit(const char *volume)
{
	struct nl_device device;
	enum cli_exit status;
	char holder[256];

	/* A restart, or it ended by itself and is started again. */
	if (unit_job(volume) != UNIT_JOB_STOP)
		return CLI_DONE;
	if (unit_shutting_down()) {
		if (!release(volume))
			return CLI_FAILED;
	} else if (in_use(volume, &device, holder, sizeof(holder))) {
		cli_fail("volume %s stays up: %s", volume, holder);
		return unit_start_again(volume);
	}
	status = down_direct(volume);
	if (status == CLI_DONE)
		unit_volume_gone(volume);
	return status;
}

static enum cli_exit run(const struct cli_args *args)
{
	const char *volume = args->words[0].text;

	if (args->options[UNIT].given)
		return asked_by_unit(volume);
	if (unit_managed() && unit_is_up(volume))
		return down_unit(volume);
	return down_direct(volume);
}

const struct cli_command cli_down = {
	.name = "down",
	.summary = "Remove a volume's device and stop its agent, on this node",
	.help = "Refused, changing nothing, while the device is open: unmount "
		"or close it first.\nWorks without quorum, and when the agent "
		"is dead.  The replica is not changed.\nWhere systemd runs the "
		"agent, this stops qbd@VOLUME.service.\n",
	.words = { CLI_WORD_VOLUME },
	.options = {
		[UNIT] = { .name = "unit",
			   .kind = CLI_FLAG,
			   .help = "for the unit itself: before it ends the "
				   "agent" },
	},
	.run = run,
};
