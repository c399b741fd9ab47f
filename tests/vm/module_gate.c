/* build: -Itests/vm/rig tests/vm/rig/rig.c tests/vm/rig/io.c */
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The gate: leases, holds, fences, timeouts, aborts, and who may open.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"
#include "tap.h"

struct scene {
	struct rig_device dev;
	struct rig_agent agent;
	int fd;
};

static bool scene_start(struct scene *it, uint32_t io_timeout_ms)
{
	if (!tap_check_eq(rig_new(&it->dev, 0, io_timeout_ms), 0) ||
	    !tap_check_eq(rig_bind(&it->agent, &it->dev, 0), 0))
		return false;
	rig_lease_ms(&it->agent, 600000);
	it->fd = rig_open_granted(&it->agent, &it->dev, 7);
	return tap_check(it->fd >= 0);
}

static void scene_end(struct scene *it)
{
	tap_check_eq(rig_close_taken(&it->agent, it->fd), 0);
	rig_unbind(&it->agent);
	tap_check_eq(rig_del(&it->dev, true), 0);
}

static void lease_end_stops_reads_and_writes_by_itself(void)
{
	struct rig_io reader, writer;
	struct scene it;

	tap_need(scene_start(&it, 30000));
	rig_lease_ms(&it.agent, 300);
	/* the agent hangs from here on */
	tap_check(rig_gate_becomes(&it.dev, QBD_GATE_SUSPENDED));
	tap_check_eq(rig_stats(&it.dev).lease_expired, 1);
	rig_io_start(&reader, 'r', it.fd, 0, 4096, 0);
	rig_io_start(&writer, 'w', it.fd, 0, 4096, 1);
	tap_check(rig_io_waits(&reader, 300));
	tap_check(rig_io_waits(&writer, 10));
	tap_check(rig_silent(&it.agent, 10));

	rig_lease_ms(&it.agent, 600000);
	struct rig_request req;

	tap_need(rig_next(&it.agent, &req, RIG_WAIT_MS) == 0);
	rig_done(&it.agent, &req, 0, true);
	tap_check_eq(rig_io_end(&reader), 0);
	tap_check_eq(rig_io_end(&writer), 0);
	scene_end(&it);
}

/* Many reads around the end: none that began after it is served */
static void no_read_passes_after_the_lease(void)
{
	struct rig_io reader;
	struct scene it;
	uint64_t end;
	int i;

	tap_need(scene_start(&it, 30000));
	for (i = 0; i < 10; i++) {
		end = rig_boottime_ns() + 50000000;
		rig_lease(&it.agent, end);
		while (rig_boottime_ns() < end)
			;
		rig_io_start(&reader, 'r', it.fd, 0, 4096, 0);
		tap_check(rig_io_waits(&reader, 50));
		rig_lease_ms(&it.agent, 600000);
		tap_check_eq(rig_io_end(&reader), 0);
	}
	scene_end(&it);
}

static void lease_of_the_past_suspends(void)
{
	struct scene it;

	tap_need(scene_start(&it, 30000));
	rig_lease(&it.agent, 1);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_SUSPENDED);
	rig_lease(&it.agent, UINT64_MAX);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_ACTIVE);
	rig_lease(&it.agent, 0);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_SUSPENDED);
	scene_end(&it);
}

static void read_waits_until_the_write_is_applied(void)
{
	struct rig_request req;
	struct rig_io writer, reader, beside;
	struct scene it;

	tap_need(scene_start(&it, 30000));
	rig_io_start(&writer, 'w', it.fd, 8192, 4096, 0x77);
	tap_need(rig_next(&it.agent, &req, RIG_WAIT_MS) == 0);
	/* on its way: also another sector of the same block waits */
	rig_io_start(&reader, 'r', it.fd, 11264, 512, 0);
	tap_check(rig_io_waits(&reader, 200));
	/* elsewhere reads go on */
	rig_io_start(&beside, 'r', it.fd, 4096, 4096, 0);
	tap_check_eq(rig_io_end(&beside), 0);
	rig_done(&it.agent, &req, 0, false);
	tap_check_eq(rig_io_end(&writer), 0);
	/* done, but not applied */
	tap_check(rig_io_waits(&reader, 200));
	tap_check_eq(rig_stats(&it.dev).holds, 1);
	tap_check_eq(rig_stats(&it.dev).reads_held, 1);
	rig_apply(&it.agent, &req);
	rig_applied(&it.agent, req.wire.tag);
	tap_check_eq(rig_io_end(&reader), 0);
	tap_check_eq(reader.data[0], 0x77);
	tap_check_eq(rig_stats(&it.dev).holds, 0);
	scene_end(&it);
}

static void holds_outlive_the_agent(void)
{
	struct rig_request req;
	struct rig_io writer, reader;
	struct scene it;

	tap_need(scene_start(&it, 30000));
	rig_io_start(&writer, 'w', it.fd, 0, 4096, 0x78);
	tap_need(rig_next(&it.agent, &req, RIG_WAIT_MS) == 0);
	rig_done(&it.agent, &req, 0, false);
	tap_check_eq(rig_io_end(&writer), 0);
	rig_apply(&it.agent, &req);
	rig_unbind(&it.agent);
	tap_need(rig_bind(&it.agent, &it.dev, 0) == 0);
	rig_lease_ms(&it.agent, 600000);
	rig_io_start(&reader, 'r', it.fd, 0, 4096, 0);
	tap_check(rig_io_waits(&reader, 200));
	rig_applied(&it.agent, it.agent.next_tag - 1);
	tap_check_eq(rig_io_end(&reader), 0);
	tap_check_eq(reader.data[0], 0x78);
	scene_end(&it);
}

static void timeout_fails_what_waits_and_fences(void)
{
	struct rig_request req;
	struct rig_io handed, waiting, reader, late;
	struct scene it;
	uint64_t start;

	tap_need(scene_start(&it, 1000));
	rig_io_start(&handed, 'w', it.fd, 0, 4096, 1);
	tap_need(rig_next(&it.agent, &req, RIG_WAIT_MS) == 0);
	start = rig_now_ms();
	rig_lease(&it.agent, 0);
	rig_io_start(&waiting, 'w', it.fd, 65536, 4096, 1);
	rig_io_start(&reader, 'r', it.fd, 131072, 4096, 1);
	tap_check_eq(rig_io_end(&handed), (uint64_t)-EIO);
	tap_check_eq(rig_io_end(&waiting), (uint64_t)-EIO);
	tap_check_eq(rig_io_end(&reader), (uint64_t)-EIO);
	tap_check(rig_now_ms() - start < 5000);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_FENCED);
	tap_check_eq(rig_stats(&it.dev).timeouts, 1);
	tap_check_eq(rig_stats(&it.dev).inflight, 0);
	/* the lease does not bring it back, it fails at once */
	rig_lease_ms(&it.agent, 600000);
	rig_io_start(&late, 'w', it.fd, 0, 4096, 1);
	tap_check_eq(rig_io_end(&late), (uint64_t)-EIO);
	tap_check_eq(open(it.dev.path, O_RDONLY), (uint64_t)-1);
	tap_check_eq(errno, EIO);
	/* the completion comes too late */
	tap_check_eq(rig_done(&it.agent, &req, 0, false), (uint64_t)-ENOENT);
	/* the last close ends it */
	tap_check_eq(rig_close_taken(&it.agent, it.fd), 0);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_ACTIVE);
	it.fd = rig_open_granted(&it.agent, &it.dev, 8);
	tap_need(it.fd >= 0);
	rig_io_start(&late, 'r', it.fd, 0, 4096, 1);
	/* what was aborted may still be applied: its hold is gone with APPLIED */
	tap_check_eq(rig_io_end(&late), 0);
	scene_end(&it);
}

/* Six writes behind a slow network, each of which takes less than io-timeout */
static void completions_keep_what_waits_behind_them(void)
{
	struct rig_request reqs[6];
	struct rig_io writers[6];
	struct scene it;
	uint64_t start;
	int i;

	tap_need(scene_start(&it, 2000));
	start = rig_now_ms();
	for (i = 0; i < 6; i++) {
		rig_io_start(&writers[i], 'w', it.fd, (uint64_t)i << 16, 4096,
			     1);
		tap_need(rig_next(&it.agent, &reqs[i], RIG_WAIT_MS) == 0);
	}
	for (i = 0; i < 6; i++) {
		rig_sleep_ms(800);
		tap_check_eq(rig_done(&it.agent, &reqs[i], 0, true), 0);
	}
	tap_check(rig_now_ms() - start > 4000);
	for (i = 0; i < 6; i++)
		tap_check_eq(rig_io_end(&writers[i]), 0);
	tap_check_eq(rig_stats(&it.dev).timeouts, 0);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_ACTIVE);
	scene_end(&it);
}

/* It renews its lease, and applies what was done before, but completes nothing */
static void agent_that_completes_nothing_is_timed_out(void)
{
	struct rig_request first, req;
	struct rig_io before, writer;
	struct scene it;
	uint64_t start;

	tap_need(scene_start(&it, 1500));
	rig_io_start(&before, 'w', it.fd, 0, 4096, 1);
	tap_need(rig_next(&it.agent, &first, RIG_WAIT_MS) == 0);
	rig_done(&it.agent, &first, 0, false);
	tap_check_eq(rig_io_end(&before), 0);
	rig_io_start(&writer, 'w', it.fd, 65536, 4096, 1);
	tap_need(rig_next(&it.agent, &req, RIG_WAIT_MS) == 0);
	start = rig_now_ms();
	while (rig_io_waits(&writer, 100) && rig_now_ms() - start < 8000) {
		rig_lease_ms(&it.agent, 600000);
		rig_applied(&it.agent, first.wire.tag);
	}
	tap_check_eq(rig_io_end(&writer), (uint64_t)-EIO);
	tap_check(rig_now_ms() - start < 6000);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_FENCED);
	scene_end(&it);
}

/* Completions are no progress for a read that waits until a write is applied */
static void agent_that_applies_nothing_is_timed_out(void)
{
	struct rig_request req;
	struct rig_io writer, reader;
	struct scene it;
	int i;

	tap_need(scene_start(&it, 1500));
	rig_io_start(&writer, 'w', it.fd, 0, 4096, 1);
	tap_need(rig_next(&it.agent, &req, RIG_WAIT_MS) == 0);
	rig_done(&it.agent, &req, 0, false);
	tap_check_eq(rig_io_end(&writer), 0);
	rig_io_start(&reader, 'r', it.fd, 0, 4096, 0);
	for (i = 0; i < 40 && rig_io_waits(&reader, 100); i++) {
		rig_io_start(&writer, 'w', it.fd, 65536, 4096, 1);
		if (rig_next(&it.agent, &req, 2000) == 0)
			rig_done(&it.agent, &req, 0, false);
		rig_io_end(&writer);
	}
	tap_check(i < 40);
	tap_check_eq(rig_io_end(&reader), (uint64_t)-EIO);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_FENCED);
	scene_end(&it);
}

static void timeout_runs_without_an_agent(void)
{
	struct rig_io writer;
	struct scene it;

	tap_need(scene_start(&it, 500));
	rig_unbind(&it.agent);
	rig_io_start(&writer, 'w', it.fd, 0, 4096, 1);
	tap_check_eq(rig_io_end(&writer), (uint64_t)-EIO);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_FENCED);
	tap_need(rig_bind(&it.agent, &it.dev, 0) == 0);
	scene_end(&it);
}

static void timeout_of_zero_waits_until_it_is_set(void)
{
	struct rig_io writer;
	struct scene it;

	tap_need(scene_start(&it, 0));
	rig_lease(&it.agent, 0);
	rig_io_start(&writer, 'w', it.fd, 0, 4096, 1);
	tap_check(rig_io_waits(&writer, 1500));
	tap_check_eq(rig_set_timeout(&it.dev, 100), 0);
	tap_check_eq(rig_io_end(&writer), (uint64_t)-EIO);
	scene_end(&it);
}

static void abort_fails_all_at_once(void)
{
	struct rig_request req;
	struct rig_io handed, held, parked;
	struct scene it;

	tap_need(scene_start(&it, 30000));
	rig_io_start(&handed, 'w', it.fd, 0, 4096, 1);
	tap_need(rig_next(&it.agent, &req, RIG_WAIT_MS) == 0);
	rig_io_start(&held, 'r', it.fd, 0, 4096, 1);
	tap_check(RIG_STAT_BECOMES(&it.dev, reads_held, 1));
	rig_lease(&it.agent, 0);
	rig_io_start(&parked, 'r', it.fd, 65536, 4096, 1);
	tap_check(RIG_STAT_BECOMES(&it.dev, reads_held, 2));
	tap_check_eq(rig_abort(&it.dev), 0);
	tap_check_eq(rig_io_end(&handed), (uint64_t)-EIO);
	tap_check_eq(rig_io_end(&held), (uint64_t)-EIO);
	tap_check_eq(rig_io_end(&parked), (uint64_t)-EIO);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_FENCED);
	/* the agent may commit it yet: reads of the next opening wait for it */
	tap_check_eq(rig_stats(&it.dev).holds, 1);
	tap_check_eq(rig_applied(&it.agent, req.wire.tag), 0);
	tap_check_eq(rig_stats(&it.dev).holds, 0);
	scene_end(&it);
}

static void fence_lasts_until_the_last_close(void)
{
	struct rig_io io;
	struct scene it;
	int second;

	tap_need(scene_start(&it, 30000));
	second = open(it.dev.path, O_RDONLY | O_CLOEXEC);
	tap_need(second >= 0);
	tap_check_eq(rig_fence(&it.agent), 0);
	rig_io_start(&io, 'r', it.fd, 0, 4096, 1);
	tap_check_eq(rig_io_end(&io), (uint64_t)-EIO);
	close(it.fd);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_FENCED);
	tap_check_eq(rig_close_taken(&it.agent, second), 0);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_ACTIVE);
	/* nothing is open: nothing is fenced */
	tap_check_eq(rig_fence(&it.agent), 0);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_ACTIVE);
	rig_unbind(&it.agent);
	tap_check_eq(rig_del(&it.dev, false), 0);
}

/* What they have read is of before the other node's writes. */
static void readers_alone_are_fenced_by_a_takeover(void)
{
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_io io;
	int fd;

	tap_need(rig_new(&dev, 0, 30000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	rig_lease_ms(&agent, 600000);
	fd = open(dev.path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	tap_need(fd >= 0);
	/* a timeout or an abort is none */
	tap_check_eq(rig_abort(&dev), 0);
	rig_io_start(&io, 'r', fd, 0, 4096, 1);
	tap_check_eq(rig_io_end(&io), 0);
	rig_lease(&agent, 0);
	rig_io_start(&io, 'r', fd, 0, 4096, 1);
	tap_check(rig_io_waits(&io, 100));
	tap_check_eq(rig_fence(&agent), 0);
	tap_check_eq(rig_io_end(&io), (uint64_t)-EIO);
	rig_lease_ms(&agent, 600000);
	rig_io_start(&io, 'r', fd, 0, 4096, 1);
	tap_check_eq(rig_io_end(&io), (uint64_t)-EIO);
	tap_check_eq(open(dev.path, O_RDONLY), (uint64_t)-1);
	tap_check_eq(errno, EIO);
	close(fd);
	tap_check_eq(rig_gate(&dev), QBD_GATE_ACTIVE);
	tap_check(rig_silent(&agent, 100));
	fd = open(dev.path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	tap_need(fd >= 0);
	rig_io_start(&io, 'r', fd, 0, 4096, 1);
	tap_check_eq(rig_io_end(&io), 0);
	close(fd);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, false), 0);
}

static void agents_refusal_is_the_opens_error(void)
{
	struct rig_request req;
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_io io;

	tap_need(rig_new(&dev, 0, 30000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	rig_open_start(&io, &dev, O_RDWR);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	tap_check_eq(req.wire.op, QBD_OP_OPEN);
	tap_check_eq(req.wire.epoch, 0);
	rig_done(&agent, &req, -EBUSY, true);
	tap_check_eq(rig_io_end(&io), (uint64_t)-EBUSY);
	tap_check(rig_silent(&agent, 100));
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, false), 0);
}

static void open_to_read_asks_only_without_a_lease(void)
{
	struct rig_request req;
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_io io;
	int fd;

	tap_need(rig_new(&dev, 0, 30000) == 0);
	tap_check_eq(open(dev.path, O_RDONLY), (uint64_t)-1);
	tap_check_eq(errno, ENOTCONN);
	tap_check_eq(open(dev.path, O_RDONLY | O_NONBLOCK), (uint64_t)-1);
	tap_check_eq(errno, ENXIO); /* as udev does */
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	rig_open_start(&io, &dev, O_RDONLY);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	tap_check_eq(req.wire.op, QBD_OP_OPEN);
	rig_done(&agent, &req, -EBUSY, true);
	tap_check_eq(rig_io_end(&io), (uint64_t)-EBUSY);
	rig_lease_ms(&agent, 600000);
	fd = open(dev.path, O_RDONLY | O_CLOEXEC);
	tap_check(fd >= 0);
	tap_check(rig_silent(&agent, 100));
	close(fd);
	tap_check(rig_silent(&agent, 100));
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, false), 0);
}

static void open_to_read_waits_little_and_serves_the_next(void)
{
	uint64_t start = rig_now_ms();
	struct rig_request req;
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_io io;

	tap_need(rig_new(&dev, 0, 30000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	rig_open_start(&io, &dev, O_RDONLY);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	tap_check_eq(rig_io_end(&io), (uint64_t)-ETIMEDOUT);
	tap_check(rig_now_ms() - start < 15000);
	rig_open_start(&io, &dev, O_RDONLY | O_NONBLOCK);
	tap_check_eq(rig_io_end(&io), (uint64_t)-ENXIO);
	/* its question is still open, and does for the next */
	rig_open_start(&io, &dev, O_RDONLY);
	tap_check(rig_silent(&agent, 100));
	req.wire.epoch = 4;
	rig_done(&agent, &req, 0, true);
	tap_need(rig_io_end(&io) >= 0);
	tap_check_eq(rig_close_taken(&agent, io.result), 0);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, false), 0);
}

static void open_waits_at_most_the_timeout(void)
{
	struct rig_request req;
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_io io;

	tap_need(rig_new(&dev, 0, 500) == 0);
	rig_open_start(&io, &dev, O_RDWR | O_NONBLOCK);
	tap_check(rig_io_waits(&io, 300));
	tap_check_eq(rig_io_end(&io), (uint64_t)-ENOTCONN);
	/* There is an agent, but it has no answer: there is no leader. */
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	rig_open_start(&io, &dev, O_RDWR);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	tap_check_eq(rig_io_end(&io), (uint64_t)-ETIMEDOUT);
	rig_unbind(&agent);
	/* nobody uses it: it can go, its open still under way */
	tap_check_eq(rig_del(&dev, false), 0);
}

static void open_that_waits_is_ended_by_abort(void)
{
	struct rig_device dev;
	struct rig_io io;

	tap_need(rig_new(&dev, 0, 0) == 0);
	rig_open_start(&io, &dev, O_RDWR);
	tap_check(rig_io_waits(&io, 200));
	tap_check_eq(rig_del(&dev, false), (uint64_t)-EBUSY);
	tap_check_eq(rig_abort(&dev), 0);
	tap_check_eq(rig_io_end(&io), (uint64_t)-EIO);
	tap_check_eq(rig_del(&dev, false), 0);
}

static pid_t opener(const struct rig_device *dev)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(open(dev->path, O_RDWR) >= 0);
	return pid;
}

static void killed_open_is_closed_when_granted_later(void)
{
	struct rig_request req;
	struct rig_agent agent;
	struct rig_device dev;
	pid_t pid;
	int status;

	tap_need(rig_new(&dev, 0, 0) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	pid = opener(&dev);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	tap_check_eq(req.wire.op, QBD_OP_OPEN);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	tap_check(WIFSIGNALED(status));
	req.wire.epoch = 33;
	rig_done(&agent, &req, 0, true);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	tap_check_eq(req.wire.op, QBD_OP_CLOSE);
	tap_check_eq(req.wire.epoch, 33);
	rig_done(&agent, &req, 0, true);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, false), 0);
}

static void open_given_up_serves_the_next(void)
{
	struct rig_request req;
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_io io;
	pid_t pid;

	tap_need(rig_new(&dev, 0, 0) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	pid = opener(&dev);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	rig_open_start(&io, &dev, O_RDWR);
	/* no second question: the first is still under way */
	tap_check(rig_silent(&agent, 200));
	req.wire.epoch = 5;
	rig_done(&agent, &req, 0, true);
	tap_need(rig_io_end(&io) >= 0);
	tap_check_eq(rig_close_taken(&agent, io.result), 0);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, false), 0);
}

static void open_and_close_survive_the_agent(void)
{
	struct rig_request req;
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_io io;

	tap_need(rig_new(&dev, 0, 0) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	rig_open_start(&io, &dev, O_RDWR);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	rig_unbind(&agent);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	tap_check_eq(req.wire.op, QBD_OP_OPEN);
	tap_check_eq(req.wire.flags, QBD_REQ_F_RESENT);
	req.wire.epoch = 9;
	rig_done(&agent, &req, 0, true);
	tap_need(rig_io_end(&io) >= 0);

	rig_unbind(&agent);
	close(io.result);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	tap_check_eq(req.wire.op, QBD_OP_CLOSE);
	tap_check_eq(req.wire.epoch, 9);
	rig_unbind(&agent);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	tap_check_eq(req.wire.op, QBD_OP_CLOSE);
	tap_check_eq(req.wire.flags, QBD_REQ_F_RESENT);
	tap_check_eq(rig_done(&agent, &req, 0, true), 0);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, false), 0);
}

static void writer_leaves_and_reader_stays(void)
{
	struct rig_request req;
	struct scene it;
	int reader;

	tap_need(scene_start(&it, 30000));
	reader = open(it.dev.path, O_RDONLY | O_CLOEXEC);
	tap_need(reader >= 0);
	close(it.fd);
	/* the opening is one: it lasts until the last close of all */
	tap_check(rig_silent(&it.agent, 100));
	it.fd = open(it.dev.path, O_RDWR | O_CLOEXEC);
	tap_check(it.fd >= 0);
	tap_check(rig_silent(&it.agent, 100));
	close(it.fd);
	close(reader);
	tap_need(rig_next(&it.agent, &req, RIG_WAIT_MS) == 0);
	tap_check_eq(req.wire.op, QBD_OP_CLOSE);
	rig_done(&it.agent, &req, 0, true);
	rig_unbind(&it.agent);
	tap_check_eq(rig_del(&it.dev, false), 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(lease_end_stops_reads_and_writes_by_itself),
		TAP_TEST(no_read_passes_after_the_lease),
		TAP_TEST(lease_of_the_past_suspends),
		TAP_TEST(read_waits_until_the_write_is_applied),
		TAP_TEST(holds_outlive_the_agent),
		TAP_TEST(timeout_fails_what_waits_and_fences),
		TAP_TEST(completions_keep_what_waits_behind_them),
		TAP_TEST(agent_that_completes_nothing_is_timed_out),
		TAP_TEST(agent_that_applies_nothing_is_timed_out),
		TAP_TEST(timeout_runs_without_an_agent),
		TAP_TEST(timeout_of_zero_waits_until_it_is_set),
		TAP_TEST(abort_fails_all_at_once),
		TAP_TEST(fence_lasts_until_the_last_close),
		TAP_TEST(readers_alone_are_fenced_by_a_takeover),
		TAP_TEST(agents_refusal_is_the_opens_error),
		TAP_TEST(open_to_read_asks_only_without_a_lease),
		TAP_TEST(open_to_read_waits_little_and_serves_the_next),
		TAP_TEST(open_waits_at_most_the_timeout),
		TAP_TEST(open_that_waits_is_ended_by_abort),
		TAP_TEST(killed_open_is_closed_when_granted_later),
		TAP_TEST(open_given_up_serves_the_next),
		TAP_TEST(open_and_close_survive_the_agent),
		TAP_TEST(writer_leaves_and_reader_stays),
	};

	rig_setup();
	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
