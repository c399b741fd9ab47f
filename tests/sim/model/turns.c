// SPDX-License-Identifier: GPL-2.0
/*
 * The threads' jobs, one write at a time: each job that runs has a stack of its
 * own, which half of them leave before or after a read or a write of the
 * disk, half the time.  So anything may come between two of a job's system calls:
 * the other thread's, the loop's own, a pause, or the agent's death.
 *
 * Not at a sync: the store holds a lock meanwhile, and who waits for that would
 * wait for ever.  Between a write and its sync, and behind it, there are turns.
 */
#include "tests/sim/model/world.h"

#include <stdlib.h>
#include <ucontext.h>

#define STACK_BYTES (128U << 10)

struct turns {
	ucontext_t own;
	ucontext_t caller;
	struct host *host;
	struct store_job *job;
	bool under_way;
	bool hurries; /* it is not left any more */
	char stack[STACK_BYTES];
};

static struct turns *running; /* on its own stack */

static void jobs_for_ever(void)
{
	struct turns *turns = running;

	for (;;) {
		store_job_run(turns->host->store, turns->job);
		turns->under_way = false;
		swapcontext(&turns->own, &turns->caller);
	}
}

/* On the stack of a job: another's turn, perhaps. */
static void turn_take(void)
{
	struct turns *turns = running;

	if (!turns || turns->hurries || host_is_off(turns->host) ||
	    world_draw(turns->host->world, 2))
		return;
	swapcontext(&turns->own, &turns->caller);
}

static struct store_io *below(struct store_io *io)
{
	return base_container_of(io, struct turns_io, io)->disk;
}

static int turns_read(struct store_io *io, uint64_t offset, void *bytes,
		      size_t size)
{
	struct store_io *disk = below(io);

	turn_take();
	return disk->ops->read(disk, offset, bytes, size);
}

static int turns_write(struct store_io *io, uint64_t offset,
		       const struct iovec *iov, unsigned int iov_count)
{
	struct store_io *disk = below(io);
	int error;

	turn_take();
	error = disk->ops->write(disk, offset, iov, iov_count);
	if (!error)
		turn_take();
	return error;
}

static int turns_zero(struct store_io *io, uint64_t offset, uint64_t size)
{
	struct store_io *disk = below(io);
	int error;

	turn_take();
	error = disk->ops->zero(disk, offset, size);
	if (!error)
		turn_take();
	return error;
}

static int turns_sync(struct store_io *io)
{
	struct store_io *disk = below(io);

	return disk->ops->sync(disk);
}

static void turns_close(struct store_io *io)
{
}

static const struct store_io_ops turns_ops = {
	.read = turns_read,
	.write = turns_write,
	.zero = turns_zero,
	.sync = turns_sync,
	.close = turns_close,
};

struct store_io *turns_over(struct turns_io *turns, struct store_io *disk)
{
	turns->io = *disk;
	turns->io.ops = &turns_ops;
	turns->disk = disk;
	return &turns->io;
}

struct turns *turns_new(struct host *host)
{
	struct turns *turns = malloc(sizeof(*turns));

	if (!turns || getcontext(&turns->own))
		abort();
	turns->host = host;
	turns->under_way = false;
	turns->own.uc_stack.ss_sp = turns->stack;
	turns->own.uc_stack.ss_size = sizeof(turns->stack);
	turns->own.uc_link = NULL;
	makecontext(&turns->own, jobs_for_ever, 0);
	return turns;
}

bool turns_go_on(struct turns *turns, struct store_job *job)
{
	if (!turns->under_way) {
		turns->under_way = true;
		turns->hurries = world_draw(turns->host->world, 2);
		turns->job = job;
	}
	running = turns;
	swapcontext(&turns->caller, &turns->own);
	running = NULL;
	return !turns->under_way;
}

/* Of what is left it does at most a part of the next step. */
void turns_cut(struct turns *turns)
{
	struct host *host = turns->host;

	if (!turns->under_way)
		return;
	turns->hurries = true;
	disk_stop_after(host->disk, 1);
	if (host->meta)
		disk_stop_after(host->meta, 1);
	turns_go_on(turns, NULL);
}
