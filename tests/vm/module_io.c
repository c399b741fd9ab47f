/* build: -Itests/vm/rig tests/vm/rig/rig.c */
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module alone: bytes go up to the agent and come back from the replica,
 * whatever their size, alignment and kind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "rig.h"
#include "tap.h"

static void write_reads_back(void)
{
	struct rig_device dev;
	struct rig_agent agent;
	struct rig_request req;
	struct rig_io io;
	uint8_t want[4096];
	int fd;

	tap_need(rig_new(&dev, 0, 10000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	tap_need(rig_lease_ms(&agent, 60000) == 0);
	fd = rig_open_granted(&agent, &dev, 7);
	tap_need(fd >= 0);

	rig_io_start(&io, 'w', fd, 8192, 4096, 0xa5);
	tap_need(rig_next(&agent, &req, RIG_WAIT_MS) == 0);
	tap_check_eq(req.wire.op, QBD_OP_WRITE);
	tap_check_eq(req.wire.offset, 8192);
	tap_check_eq(req.wire.length, 4096);
	tap_check_eq(req.wire.data_bytes, 4096);
	tap_check_eq(req.wire.epoch, 7);
	tap_check_eq(req.wire.flags, 0);
	memset(want, 0xa5, sizeof(want));
	tap_check(memcmp(req.data, want, sizeof(want)) == 0);
	tap_check(rig_io_waits(&io, 100));
	rig_apply(&agent, &req);
	tap_check_eq(rig_done(&agent, &req, 0, true), 0);
	tap_check_eq(rig_io_end(&io), 0);

	rig_io_start(&io, 'r', fd, 8192, 4096, 0);
	tap_check_eq(rig_io_end(&io), 0);
	tap_check(memcmp(io.data, want, sizeof(want)) == 0);

	tap_check_eq(rig_close_taken(&agent, fd), 0);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, false), 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(write_reads_back),
	};

	rig_setup();
	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
