/* build: -Itests/vm/rig tests/vm/rig/rig.c tests/vm/rig/io.c */
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module under load, fio verifying every block: its agent is killed,
 * stopped, given tiny buffers; devices come and go.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"
#include "tap.h"

/* fio in the background; seconds bounds it, it verifies as it goes */
static pid_t fio_start(const struct rig_device *dev, int seconds,
		       const char *more)
{
	char command[512];
	pid_t pid;

	snprintf(command, sizeof(command),
		 "exec fio --name=load --filename=%s --direct=1 "
		 "--ioengine=libaio --iodepth=16 --rw=randrw --size=16M "
		 "--bsrange=512-200k --bs_unaligned=0 --verify=crc32c "
		 "--verify_backlog=64 --verify_fatal=1 --time_based "
		 "--runtime=%d --randrepeat=1 %s --output=/tmp/fio.log "
		 ">/tmp/fio.err 2>&1",
		 dev->path, seconds, more);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	return pid;
}

static bool fio_end(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	printf("# fio ended with %#x\n", status);
	if (system("sed 's/^/# /' /tmp/fio.log | head -30") != 0)
		printf("# no log\n");
	return false;
}

static bool running(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

/* fio may take long to start: an abort before it would hit nothing. */
static bool writes_begin(const struct rig_device *dev)
{
	uint64_t before = rig_stats(dev).writes;
	int i;

	for (i = 0; i < 600 && rig_stats(dev).writes < before + 10; i++)
		rig_sleep_ms(100);
	return i < 600;
}

static void ends_clean(struct rig_device *dev, pid_t agent)
{
	tap_check(RIG_STAT_BECOMES(dev, inflight, 0));
	tap_check_eq(rig_stats(dev).failed, 0);
	tap_check_eq(rig_stats(dev).done_refused, 0);
	rig_serve_stop(agent, SIGKILL);
	tap_check_eq(rig_del(dev, true), 0);
}

static void mixed_sizes_verify(void)
{
	struct rig_device dev;
	pid_t agent, fio;

	tap_need(rig_new(&dev, 0, 30000) == 0);
	agent = rig_serve(&dev, 0);
	tap_need(rig_gate_becomes(&dev, QBD_GATE_ACTIVE));
	fio = fio_start(&dev, 10, "");
	tap_check(fio_end(fio));
	tap_check_eq(rig_stats(&dev).requeued, 0);
	ends_clean(&dev, agent);
}

static void agent_kill_fails_nothing(void)
{
	struct rig_device dev;
	pid_t agent, fio;
	int i;

	tap_need(rig_new(&dev, 0, 60000) == 0);
	agent = rig_serve(&dev, 0);
	tap_need(rig_gate_becomes(&dev, QBD_GATE_ACTIVE));
	fio = fio_start(&dev, 15, "");
	for (i = 0; i < 10; i++) {
		rig_sleep_ms(1000);
		rig_serve_stop(agent, SIGKILL);
		agent = rig_serve(&dev, 0);
	}
	tap_check(fio_end(fio));
	ends_clean(&dev, agent);
}

static void tiny_buffer_and_stops_lose_nothing(void)
{
	struct rig_device dev;
	pid_t agent, fio;
	int i;

	tap_need(rig_new(&dev, 0, 60000) == 0);
	agent = rig_serve(&dev, QBD_RCVBUF_MIN);
	tap_need(rig_gate_becomes(&dev, QBD_GATE_ACTIVE));
	fio = fio_start(&dev, 15, "");
	for (i = 0; i < 10; i++) {
		rig_sleep_ms(300);
		kill(agent, SIGSTOP);
		rig_sleep_ms(1000);
		kill(agent, SIGCONT);
	}
	tap_check(fio_end(fio));
	/* the credits kept what was under way below the buffer */
	tap_check_eq(rig_stats(&dev).requeued, 0);
	ends_clean(&dev, agent);
}

static void lease_lost_and_found_fails_nothing(void)
{
	struct rig_device dev;
	pid_t agent, fio;

	tap_need(rig_new(&dev, 0, 60000) == 0);
	agent = rig_serve(&dev, 0);
	tap_need(rig_gate_becomes(&dev, QBD_GATE_ACTIVE));
	fio = fio_start(&dev, 12, "");
	rig_sleep_ms(1000);
	kill(agent, SIGSTOP);
	tap_check(rig_gate_becomes(&dev, QBD_GATE_SUSPENDED));
	rig_sleep_ms(2000);
	tap_check(running(fio));
	kill(agent, SIGCONT);
	tap_check(fio_end(fio));
	tap_check(rig_stats(&dev).lease_expired >= 1);
	ends_clean(&dev, agent);
}

static void aborts_under_load_end_everything(void)
{
	struct rig_device dev;
	pid_t agent, fio;
	int i, fd, status;

	tap_need(rig_new(&dev, 0, 60000) == 0);
	agent = rig_serve(&dev, 0);
	tap_need(rig_gate_becomes(&dev, QBD_GATE_ACTIVE));
	for (i = 0; i < 5; i++) {
		fio = fio_start(&dev, 30, "--continue_on_error=none");
		tap_check(writes_begin(&dev));
		tap_check_eq(rig_abort(&dev), 0);
		waitpid(fio, &status, 0);
		tap_check(status != 0);
		/* the next opening works */
		fd = open(dev.path, O_RDWR | O_CLOEXEC);
		tap_check(fd >= 0);
		close(fd);
	}
	tap_check(RIG_STAT_BECOMES(&dev, inflight, 0));
	tap_check(RIG_STAT_BECOMES(&dev, holds, 0));
	rig_serve_stop(agent, SIGKILL);
	tap_check_eq(rig_del(&dev, true), 0);
}

static void devices_come_and_go_under_load(void)
{
	struct rig_device dev, other;
	pid_t agent, fio, second;
	uint8_t *data;
	int i, fd;

	tap_need(rig_new(&dev, 0, 30000) == 0);
	agent = rig_serve(&dev, 0);
	tap_need(rig_gate_becomes(&dev, QBD_GATE_ACTIVE));
	tap_need(posix_memalign((void **)&data, 4096, 65536) == 0);
	memset(data, 1, 65536);
	fio = fio_start(&dev, 12, "");
	for (i = 0; i < 30; i++) {
		tap_need(rig_new(&other, 1, 30000) == 0);
		second = rig_serve(&other, 0);
		fd = open(other.path, O_RDWR | O_DIRECT | O_CLOEXEC);
		tap_need(fd >= 0);
		tap_check_eq(pwrite(fd, data, 65536, 0), 65536);
		tap_check_eq(rig_del(&other, true), (uint64_t)-EBUSY);
		close(fd);
		/* the agent goes at any moment, also before the close is told */
		rig_serve_stop(second, SIGKILL);
		tap_check_eq(rig_del(&other, true), 0);
	}
	tap_check(fio_end(fio));
	ends_clean(&dev, agent);
	free(data);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(mixed_sizes_verify),
		TAP_TEST(agent_kill_fails_nothing),
		TAP_TEST(tiny_buffer_and_stops_lose_nothing),
		TAP_TEST(lease_lost_and_found_fails_nothing),
		TAP_TEST(aborts_under_load_end_everything),
		TAP_TEST(devices_come_and_go_under_load),
	};

	rig_setup();
	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
