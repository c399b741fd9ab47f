// SPDX-License-Identifier: GPL-2.0
/* I/O and openings of the rig, each in a thread of its own: see rig.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rig.h"

static int do_io(struct rig_io *io)
{
	uint64_t range[2] = { io->offset, io->bytes };
	ssize_t bytes;

	switch (io->op) {
	case 'o':
		bytes = open(io->path, io->flags | O_CLOEXEC);
		return bytes < 0 ? -errno : (int)bytes;
	case 'z':
		return ioctl(io->fd, BLKZEROOUT, range) ? -errno : 0;
	case 'd':
		return ioctl(io->fd, BLKDISCARD, range) ? -errno : 0;
	case 'r':
		bytes = pread(io->fd, io->data, io->bytes, (off_t)io->offset);
		break;
	default:
		bytes = pwrite(io->fd, io->data, io->bytes, (off_t)io->offset);
		break;
	}
	if (bytes < 0)
		return -errno;
	return bytes == (ssize_t)io->bytes ? 0 : -EIO;
}

static void *io_thread(void *data)
{
	struct rig_io *io = data;

	io->result = do_io(io);
	__atomic_store_n(&io->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void io_launch(struct rig_io *io)
{
	io->done = 0;
	io->result = -ETIMEDOUT;
	if (pthread_create(&io->thread, NULL, io_thread, io) != 0)
		rig_die("a thread");
}

void rig_io_start(struct rig_io *io, char op, int fd, uint64_t offset,
		  uint32_t bytes, uint8_t fill)
{
	memset(io, 0, sizeof(*io));
	io->op = op;
	io->fd = fd;
	io->offset = offset;
	io->bytes = bytes;
	if ((op == 'r' || op == 'w') &&
	    posix_memalign((void **)&io->data, 4096, bytes))
		rig_die("memory");
	if (io->data)
		memset(io->data, fill, bytes);
	io_launch(io);
}

void rig_open_start(struct rig_io *io, const struct rig_device *dev, int flags)
{
	memset(io, 0, sizeof(*io));
	io->op = 'o';
	io->path = dev->path;
	io->flags = flags;
	io_launch(io);
}

bool rig_io_waits(struct rig_io *io, int ms)
{
	uint64_t end = rig_now_ms() + (uint64_t)ms;

	while (rig_now_ms() < end) {
		if (__atomic_load_n(&io->done, __ATOMIC_ACQUIRE))
			return false;
		rig_sleep_ms(5);
	}
	return true;
}

int rig_io_end(struct rig_io *io)
{
	if (rig_io_waits(io, RIG_WAIT_MS))
		return -ETIMEDOUT;
	pthread_join(io->thread, NULL);
	return io->result;
}

int rig_open_granted(struct rig_agent *agent, const struct rig_device *dev,
		     uint64_t epoch)
{
	struct rig_request req;
	struct rig_io io;
	int err;

	rig_open_start(&io, dev, O_RDWR | O_DIRECT);
	err = rig_next(agent, &req, RIG_WAIT_MS);
	if (!err && req.wire.op != QBD_OP_OPEN)
		err = -EPROTO;
	if (!err) {
		req.wire.epoch = epoch;
		err = rig_done(agent, &req, 0, true);
	}
	return err ? err : rig_io_end(&io);
}

int rig_close_taken(struct rig_agent *agent, int fd)
{
	struct rig_request req;
	int err;

	close(fd);
	err = rig_next(agent, &req, RIG_WAIT_MS);
	if (!err && req.wire.op != QBD_OP_CLOSE)
		err = -EPROTO;
	return err ? err : rig_done(agent, &req, 0, true);
}
