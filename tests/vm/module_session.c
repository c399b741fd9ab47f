/* build: -Itests/vm/rig tests/vm/rig/rig.c tests/vm/rig/io.c */
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The agent's session: what is resent to whom, which completions count, who
 * may speak, and that a dead agent's port id is worth nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/genetlink.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"
#include "tap.h"

/* A device open for writing under a scripted agent */
struct scene {
	struct rig_device dev;
	struct rig_agent agent;
	int fd;
};

static bool scene_start(struct scene *it, uint32_t rcvbuf)
{
	if (!tap_check_eq(rig_new(&it->dev, 0, 30000), 0) ||
	    !tap_check_eq(rig_bind(&it->agent, &it->dev, rcvbuf), 0))
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

/* Take what comes, complete it, until so many were taken */
static void serve(struct scene *it, int count)
{
	struct rig_request req;

	while (count-- && rig_next(&it->agent, &req, RIG_WAIT_MS) == 0) {
		rig_apply(&it->agent, &req);
		rig_done(&it->agent, &req, 0, true);
	}
}

static void death_resends_same_tags_in_order(void)
{
	enum { WRITES = 5 };
	struct rig_request first[WRITES], again;
	struct rig_io io[WRITES];
	struct scene it;
	int i;

	tap_need(scene_start(&it, 0));
	for (i = 0; i < WRITES; i++) {
		rig_io_start(&io[i], 'w', it.fd, (uint64_t)i * 8192, 4096,
			     (uint8_t)(i + 1));
		tap_need(rig_next(&it.agent, &first[i], RIG_WAIT_MS) == 0);
		tap_check_eq(first[i].wire.offset, (uint64_t)i * 8192);
		tap_check_eq(first[i].wire.flags & QBD_REQ_F_RESENT, 0);
	}
	tap_check_eq(rig_done(&it.agent, &first[2], 0, false), 0);
	tap_check_eq(rig_io_end(&io[2]), 0);

	rig_unbind(&it.agent);
	tap_check(rig_gate_becomes(&it.dev, QBD_GATE_DETACHED));
	tap_need(rig_bind(&it.agent, &it.dev, 0) == 0);
	tap_check_eq(it.agent.next_tag, first[4].wire.tag + 1);
	tap_check_eq(it.agent.epoch, 7);
	tap_check_eq(it.agent.generation, 2);
	for (i = 0; i < WRITES; i++) {
		if (i == 2)
			continue;
		/* no lease yet: what was handed over comes all the same */
		tap_need(rig_next(&it.agent, &again, RIG_WAIT_MS) == 0);
		tap_check_eq(again.wire.tag, first[i].wire.tag);
		tap_check_eq(again.wire.epoch, 7);
		tap_check_eq(again.wire.offset, first[i].wire.offset);
		tap_check_eq(again.wire.flags, QBD_REQ_F_RESENT);
		tap_check_eq(again.data[17], i + 1);
		tap_check_eq(rig_done(&it.agent, &again, 0, true), 0);
		tap_check_eq(rig_io_end(&io[i]), 0);
	}
	tap_check_eq(rig_stats(&it.dev).resent, WRITES - 1);
	rig_lease_ms(&it.agent, 600000);
	scene_end(&it);
}

static void io_without_an_agent_waits_for_the_next(void)
{
	struct rig_io io;
	struct scene it;

	tap_need(scene_start(&it, 0));
	rig_unbind(&it.agent);
	tap_check(rig_gate_becomes(&it.dev, QBD_GATE_DETACHED));
	rig_io_start(&io, 'w', it.fd, 0, 4096, 1);
	tap_check(rig_io_waits(&io, 300));
	tap_check_eq(rig_stats(&it.dev).waiting, 1);
	tap_need(rig_bind(&it.agent, &it.dev, 0) == 0);
	/* it was never handed over: it waits for the lease */
	tap_check(rig_silent(&it.agent, 200));
	rig_lease_ms(&it.agent, 600000);
	serve(&it, 1);
	tap_check_eq(rig_io_end(&io), 0);
	scene_end(&it);
}

static void completions_that_fit_nothing_are_refused_and_counted(void)
{
	struct rig_request req;
	struct rig_io io;
	struct scene it;
	struct qbd_done done;
	uint64_t tag;

	tap_need(scene_start(&it, 0));
	rig_io_start(&io, 'w', it.fd, 0, 4096, 1);
	tap_need(rig_next(&it.agent, &req, RIG_WAIT_MS) == 0);
	tag = req.wire.tag;

	done = (struct qbd_done){ .tag = tag + 5, .epoch = 7 };
	tap_check_eq(rig_dones(&it.agent, &done, 1, 0, 0), (uint64_t)-ENOENT);
	done = (struct qbd_done){ .tag = tag, .epoch = 6 };
	tap_check_eq(rig_dones(&it.agent, &done, 1, 0, 0), (uint64_t)-ENOENT);
	done = (struct qbd_done){ .tag = tag, .epoch = 7, .error = 5 };
	tap_check_eq(rig_dones(&it.agent, &done, 1, 0, 0), (uint64_t)-ENOENT);
	done = (struct qbd_done){ .tag = tag, .epoch = 7, .reserved = 1 };
	tap_check_eq(rig_dones(&it.agent, &done, 1, 0, 0), (uint64_t)-ENOENT);
	/* what was not given out was neither received nor applied */
	tap_check_eq(rig_dones(&it.agent, NULL, 0, tag + 1, 0),
		     (uint64_t)-EINVAL);
	tap_check_eq(rig_applied(&it.agent, tag + 1), (uint64_t)-EINVAL);
	tap_check_eq(rig_stats(&it.dev).done_refused, 6);
	tap_check(rig_io_waits(&io, 50));

	tap_check_eq(rig_done(&it.agent, &req, 0, true), 0);
	tap_check_eq(rig_io_end(&io), 0);
	/* twice, and too late */
	tap_check_eq(rig_done(&it.agent, &req, 0, false), (uint64_t)-ENOENT);
	tap_check_eq(rig_stats(&it.dev).done_refused, 7);
	scene_end(&it);
}

static void good_completions_beside_a_bad_one_count(void)
{
	struct rig_request req[2];
	struct qbd_done dones[3];
	struct rig_io io[2];
	struct scene it;
	int i;

	tap_need(scene_start(&it, 0));
	for (i = 0; i < 2; i++) {
		rig_io_start(&io[i], 'w', it.fd, (uint64_t)i * 4096, 4096, 1);
		tap_need(rig_next(&it.agent, &req[i], RIG_WAIT_MS) == 0);
	}
	dones[0] = (struct qbd_done){ .tag = req[1].wire.tag, .epoch = 7 };
	dones[1] = (struct qbd_done){ .tag = 999, .epoch = 7 };
	dones[2] = (struct qbd_done){ .tag = req[0].wire.tag, .epoch = 7 };
	tap_check_eq(rig_dones(&it.agent, dones, 3, 0, 0), (uint64_t)-ENOENT);
	tap_check_eq(rig_io_end(&io[0]), 0);
	tap_check_eq(rig_io_end(&io[1]), 0);
	rig_applied(&it.agent, req[1].wire.tag);
	scene_end(&it);
}

static void both_doors_do_the_same(void)
{
	struct rig_io io;
	struct scene it;
	int i;

	tap_need(scene_start(&it, 0));
	for (i = 0; i < 2; i++) {
		it.agent.use_netlink = i;
		tap_check_eq(rig_lease_ms(&it.agent, 500000), 0);
		rig_io_start(&io, 'w', it.fd, 0, 65536, 1);
		serve(&it, 1);
		tap_check_eq(rig_io_end(&io), 0);
		tap_check_eq(rig_lease(&it.agent, 0), 0);
		tap_check_eq(rig_gate(&it.dev), QBD_GATE_SUSPENDED);
		tap_check_eq(rig_lease_ms(&it.agent, 500000), 0);
		tap_check_eq(rig_gate(&it.dev), QBD_GATE_ACTIVE);
	}
	scene_end(&it);
}

static void wrong_cookie_is_stale_and_counted(void)
{
	struct scene it;
	uint64_t cookie;

	tap_need(scene_start(&it, 0));
	cookie = it.agent.cookie;
	it.agent.cookie ^= 1;
	tap_check_eq(rig_lease(&it.agent, 0), (uint64_t)-ESTALE);
	it.agent.use_netlink = true;
	tap_check_eq(rig_lease(&it.agent, 0), (uint64_t)-ESTALE);
	tap_check_eq(rig_stats(&it.dev).cookie_refused, 2);
	tap_check_eq(rig_gate(&it.dev), QBD_GATE_ACTIVE);
	it.agent.cookie = cookie;
	scene_end(&it);
}

static void cookie_of_the_session_before_is_stale(void)
{
	struct scene it;
	uint64_t cookie;

	tap_need(scene_start(&it, 0));
	cookie = it.agent.cookie;
	rig_unbind(&it.agent);
	tap_need(rig_bind(&it.agent, &it.dev, 0) == 0);
	tap_check(it.agent.cookie != cookie);
	it.agent.cookie ^= cookie;
	cookie ^= it.agent.cookie;
	it.agent.cookie ^= cookie;
	tap_check_eq(rig_lease_ms(&it.agent, 1000), (uint64_t)-ESTALE);
	it.agent.cookie = cookie;
	scene_end(&it);
}

static void other_socket_cannot_speak_for_the_owner(void)
{
	struct scene it;
	int other, own;

	tap_need(scene_start(&it, 0));
	other = rig_socket(0, 0);
	own = it.agent.fd;
	it.agent.fd = other;
	it.agent.use_netlink = true;
	tap_check_eq(rig_lease(&it.agent, 0), (uint64_t)-EPERM);
	it.agent.fd = own;
	close(other);
	scene_end(&it);
}

static void second_agent_is_refused_while_the_first_lives(void)
{
	struct rig_agent second;
	struct scene it;

	tap_need(scene_start(&it, 0));
	tap_check_eq(rig_bind(&second, &it.dev, 0), (uint64_t)-EBUSY);
	scene_end(&it);
}

/* Who binds the port id of the dead is not the dead */
static void dead_agents_port_id_is_sent_nothing(void)
{
	struct rig_io io;
	struct scene it;
	uint8_t byte;
	int thief;

	tap_need(scene_start(&it, 0));
	rig_unbind(&it.agent);
	thief = rig_socket(it.agent.portid, 1 << 20);
	tap_need(thief >= 0);
	rig_io_start(&io, 'w', it.fd, 0, 65536, 0x55);
	tap_check(rig_io_waits(&io, 500));
	tap_check(recv(thief, &byte, 1, MSG_DONTWAIT) < 0);
	close(thief);
	tap_need(rig_bind(&it.agent, &it.dev, 0) == 0);
	rig_lease_ms(&it.agent, 600000);
	serve(&it, 1);
	tap_check_eq(rig_io_end(&io), 0);
	scene_end(&it);
}

/* The same in the moment of dying: the id is snatched again and again */
static void port_id_snatched_while_dying_is_sent_nothing(void)
{
	struct rig_io io;
	struct scene it;
	uint32_t portid;
	uint8_t byte;
	pid_t thief;
	int i, status, fd;

	tap_need(scene_start(&it, 0));
	for (i = 0; i < 20; i++) {
		portid = it.agent.portid;
		thief = fork();
		if (thief == 0) {
			uint64_t end = rig_now_ms() + RIG_WAIT_MS;

			rig_unbind(&it.agent); /* its copy of the socket */
			do {
				fd = rig_socket(portid, 0);
			} while (fd < 0 && rig_now_ms() < end);
			if (fd < 0)
				_exit(2);
			rig_sleep_ms(50);
			_exit(recv(fd, &byte, 1, MSG_DONTWAIT) > 0);
		}
		/* writes arrive all the time, some in that very moment */
		rig_io_start(&io, 'w', it.fd, 0, 65536, 0x55);
		rig_unbind(&it.agent);
		waitpid(thief, &status, 0);
		tap_check_eq(status, 0);
		tap_need(rig_bind(&it.agent, &it.dev, 0) == 0);
		rig_lease_ms(&it.agent, 600000);
		serve(&it, 1);
		tap_check_eq(rig_io_end(&io), 0);
	}
	scene_end(&it);
}

static void credits_bound_what_is_under_way(void)
{
	enum { WRITES = 16 };
	struct rig_io io[WRITES];
	struct rig_request req;
	struct scene it;
	int i, sent = 0;

	tap_need(scene_start(&it, QBD_RCVBUF_MIN));
	for (i = 0; i < WRITES; i++)
		rig_io_start(&io[i], 'w', it.fd, (uint64_t)i * 65536, 65536, 1);
	tap_check(RIG_STAT_BECOMES(&it.dev, inflight, WRITES));
	/* 64 KiB weigh 66 KiB: three fit into 256, and nothing is received */
	while (rig_next(&it.agent, &req, 200) == 0)
		sent++;
	tap_check_eq(sent, 3);
	tap_check_eq(rig_stats(&it.dev).requeued, 0);
	/* received, not completed: the next may come */
	tap_check_eq(rig_dones(&it.agent, NULL, 0, it.agent.received, 0), 0);
	while (rig_next(&it.agent, &req, 200) == 0)
		sent++;
	tap_check_eq(sent, 6);
	rig_unbind(&it.agent);
	tap_need(rig_bind(&it.agent, &it.dev, 0) == 0);
	rig_lease_ms(&it.agent, 600000);
	serve(&it, WRITES);
	for (i = 0; i < WRITES; i++)
		tap_check_eq(rig_io_end(&io[i]), 0);
	scene_end(&it);
}

static void full_socket_is_retried_and_counted(void)
{
	enum { WRITES = 8 };
	int small = 1, big = 1 << 20;
	struct rig_io io[WRITES];
	struct scene it;
	int i;

	tap_need(scene_start(&it, 1 << 20));
	/* behind the module's back the buffer shrinks */
	setsockopt(it.agent.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (i = 0; i < WRITES; i++)
		rig_io_start(&io[i], 'w', it.fd, (uint64_t)i * 65536, 65536, 1);
	tap_check(RIG_STAT_BECOMES(&it.dev, inflight, WRITES));
	while (rig_stats(&it.dev).requeued < 3)
		rig_sleep_ms(5);
	setsockopt(it.agent.fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	serve(&it, WRITES);
	for (i = 0; i < WRITES; i++)
		tap_check_eq(rig_io_end(&io[i]), 0);
	tap_check_eq(rig_stats(&it.dev).failed, 0);
	scene_end(&it);
}

static void small_requests_that_waited_come_together(void)
{
	enum { WRITES = 40 };
	struct rig_io io[WRITES];
	struct rig_request req;
	struct scene it;
	int i, messages = 0;

	tap_need(scene_start(&it, 0));
	rig_lease(&it.agent, 0);
	for (i = 0; i < WRITES; i++)
		rig_io_start(&io[i], 'w', it.fd, (uint64_t)i * 4096, 4096,
			     (uint8_t)i);
	tap_check(RIG_STAT_BECOMES(&it.dev, waiting, WRITES));
	rig_lease_ms(&it.agent, 600000);
	for (i = 0; i < WRITES; i++) {
		tap_need(rig_next(&it.agent, &req, RIG_WAIT_MS) == 0);
		messages += req.first;
		/* each payload is its own request's */
		tap_check_eq(req.data[100], req.wire.offset / 4096);
		rig_apply(&it.agent, &req);
		rig_done(&it.agent, &req, 0, true);
	}
	tap_check(messages <= 4);
	for (i = 0; i < WRITES; i++)
		tap_check_eq(rig_io_end(&io[i]), 0);
	scene_end(&it);
}

/* A memory disk with bad sectors 128 to 135; its path, or NULL */
static const char *bad_disk(void)
{
	static char path[64];
	FILE *file;
	int index;

	if (system("modprobe null_blk nr_devices=0 2>/dev/null && "
		   "{ mountpoint -q /sys/kernel/config || "
		   "mount -t configfs none /sys/kernel/config; } && "
		   "cd /sys/kernel/config/nullb && mkdir bad && cd bad && "
		   "echo 128 >size && echo 1 >memory_backed && "
		   "echo +128-135 >badblocks && echo 1 >power") != 0)
		return NULL;
	file = fopen("/sys/kernel/config/nullb/bad/index", "r");
	if (!file || fscanf(file, "%d", &index) != 1)
		return NULL;
	fclose(file);
	snprintf(path, sizeof(path), "/dev/nullb%d", index);
	if (access(path, F_OK) != 0)
		snprintf(path, sizeof(path), "/dev/bad");
	return path;
}

static void read_error_is_told_to_agent_and_reader(void)
{
	const char *path = bad_disk();
	struct rig_request req;
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_io io;
	int fd, i;

	if (!path) {
		tap_skip("no null_blk with bad blocks");
		return;
	}
	tap_need(rig_new_on(&dev, "bad", path, 30000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	rig_lease_ms(&agent, 600000);
	fd = rig_open_granted(&agent, &dev, 3);
	tap_need(fd >= 0);
	for (i = 0; i < 2; i++) {
		rig_io_start(&io, 'r', fd, 65536, 4096, 0);
		tap_check_eq(rig_io_end(&io), (uint64_t)-EIO);
		tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
		tap_check_eq(req.wire.op, QBD_OP_READ_ERROR);
		tap_check_eq(req.wire.offset, 65536);
		tap_check_eq(req.wire.length, 4096);
	}
	rig_io_start(&io, 'r', fd, 0, 4096, 0);
	tap_check_eq(rig_io_end(&io), 0);
	tap_check_eq(rig_stats(&dev).replica_errors, 2);
	rig_close_taken(&agent, fd);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, false), 0);
	tap_check_eq(system("rmdir /sys/kernel/config/nullb/bad"), 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(death_resends_same_tags_in_order),
		TAP_TEST(io_without_an_agent_waits_for_the_next),
		TAP_TEST(completions_that_fit_nothing_are_refused_and_counted),
		TAP_TEST(good_completions_beside_a_bad_one_count),
		TAP_TEST(both_doors_do_the_same),
		TAP_TEST(wrong_cookie_is_stale_and_counted),
		TAP_TEST(cookie_of_the_session_before_is_stale),
		TAP_TEST(other_socket_cannot_speak_for_the_owner),
		TAP_TEST(second_agent_is_refused_while_the_first_lives),
		TAP_TEST(dead_agents_port_id_is_sent_nothing),
		TAP_TEST(port_id_snatched_while_dying_is_sent_nothing),
		TAP_TEST(credits_bound_what_is_under_way),
		TAP_TEST(full_socket_is_retried_and_counted),
		TAP_TEST(small_requests_that_waited_come_together),
		TAP_TEST(read_error_is_told_to_agent_and_reader),
	};

	rig_setup();
	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
