// SPDX-License-Identifier: GPL-2.0
/*
 * What qbdd does with its lanes, its ring and its threads, done on virtual time.
 * The order of jobs is that of agent/lanes/, the daemon's own.  What it writes by
 * itself is under way for as long as the disk takes, each write for itself: so
 * they are done in any order, the log's synced (the disk's sync stands in for
 * O_DSYNC: it settles more).  A thread carries out one job at a time, whose
 * system calls take turns with everything else (turns.c), and the answer comes at
 * its end.  The agent may stop at any of them, or between a write and its answer;
 * writes that the kernel was given are then done or not.
 */
#include "tests/sim/model/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_US 75000 /* without an append: the log's end is noted */
#define SLOW_FACTOR 40 /* of a slow disk */

/* A write that the kernel was given: its bytes are as they were then. */
struct write {
	struct base_list link;
	struct lane_write *lane;
	uint64_t id;
	uint64_t offset;
	size_t size;
	bool done; /* and its agent does not know yet */
	int error;
	struct base_buf *buf; /* aligned, as the disk wants it */
};

/* Mostly as fast as the disk is, now and then much slower. */
static uint64_t disk_time(struct host *host, unsigned int late_one_in)
{
	struct world *world = host->world;
	uint64_t most = world->disk_us;

	if (world_chance(world, late_one_in))
		most *= 30;
	if (world->now_us < host->slow_until)
		most *= SLOW_FACTOR;
	return 10 + world_draw(world, most);
}

static int write_do(struct host *host, struct write *write)
{
	unsigned int which = store_io_disk_of(write->offset);
	struct store_io *io = store_io_disk(host->io, which);
	struct iovec iov = { write->buf->data, write->size };
	int error =
		io->ops->write(io, write->offset & ~STORE_IO_SECOND, &iov, 1);

	write->done = true;
	if (!error && write->lane->is_log)
		error = io->ops->sync(io);
	host->io_failed |= error != 0;
	return error;
}

static void write_free(struct write *write)
{
	base_list_del(&write->link);
	base_buf_put(write->buf);
	free(write);
}

static struct write *write_find(struct host *host, uint64_t id)
{
	struct base_list *link;

	for (link = host->writes.next; link != &host->writes; link = link->next)
		if (base_container_of(link, struct write, link)->id == id)
			return base_container_of(link, struct write, link);
	return NULL;
}

/* A paused agent's write is done, and told when it wakes. */
static void write_ends(struct world *world, void *object, uint64_t life,
		       uint64_t id)
{
	struct host *host = object;
	struct lane_write *lane;
	struct write *write;
	bool is_log;
	int error;

	if (!host->node || host->life != life)
		return;
	write = write_find(host, id);
	is_log = write->lane->is_log;
	if (!write->done)
		write->error = write_do(host, write);
	error = write->error;
	if (host_is_off(host)) {
		host_disk_check(host, error, is_log ? "append" : "image");
		return;
	}
	if (host_paused(host)) {
		world_at(world, host->paused_until, write_ends, host, life, id);
		return;
	}
	if (error)
		*(is_log ? &host->log.broken : &host->image.broken) = true;
	lane = write->lane;
	write_free(write);
	lanes_written(host->lanes, lane, error);
	host_pump(host);
}

static void lane_write(void *context, struct lane_write *lane)
{
	const struct store_piece *piece = lane->piece;
	struct host *host = context;
	struct world *world = host->world;
	struct write *write = calloc(1, sizeof(*write));
	unsigned int i;

	if (!write)
		abort();
	write->buf = base_buf_new(piece->bytes);
	if (!write->buf)
		abort();
	write->lane = lane;
	write->id = ++host->write_id;
	write->offset = piece->offset;
	for (i = 0; i < piece->count; i++) {
		memcpy(write->buf->data + write->size, piece->iov[i].iov_base,
		       piece->iov[i].iov_len);
		write->size += piece->iov[i].iov_len;
	}
	base_list_add_tail(&host->writes, &write->link);
	world_at(world, world->now_us + disk_time(host, 50), write_ends, host,
		 host->life, write->id);
}

/* An agent's death stops no write that the kernel was given, nor awaits it. */
static void writes_cut(struct host *host)
{
	while (!base_list_empty(&host->writes)) {
		struct write *write = base_container_of(host->writes.next,
							struct write, link);

		if (!write->done && world_chance(host->world, 2))
			write_do(host, write);
		write_free(write);
	}
}

/* What is behind a batch, of which nothing was written before that was durable. */
static void log_settled(struct host *host)
{
	if (!host->log_jobs)
		disk_stamp(host_log_disk(host));
}

static void tell_oracle(struct host *host, const struct store_job *job)
{
	const struct raft_entry *last;

	if (job->error)
		return;
	if (job->type == STORE_JOB_APPEND) {
		last = job->entries[job->count - 1];
		oracle_durable(host, last->index, last->term);
	} else if (job->type == STORE_JOB_STATE) {
		oracle_state_saved(host, &job->state);
	} else if (job->type == STORE_JOB_COPY_WRITE) {
		oracle_image_ends(host);
	}
}

static void job_done(void *context, struct store_job *job)
{
	struct host *host = context;
	const struct worker *worker = store_job_is_log(job) ? &host->log :
							      &host->image;

	if (worker->broken && !job->error && !store_job_overtakes(job) &&
	    !store_job_reads(job))
		world_fail(host->world,
			   "n%u: job %d is done behind a write that failed",
			   host->id, job->type);
	if (job->failed)
		host_disk_check(host, job->error, job->failed);
	tell_oracle(host, job);
	if (job == &host->note) {
		host->noting = false;
		return;
	}
	if (store_job_is_log(job)) {
		host->log_jobs--;
		log_settled(host);
	} else {
		host->image_jobs--;
	}
	node_job_done(host->node, job);
	oracle_step(host);
}

/* False: the event is a stale one, or comes again when the agent wakes. */
static bool worker_awake(struct host *host, uint64_t life, event_fn fn,
			 uint64_t is_log)
{
	if (!host->node || host->life != life)
		return false;
	if (!host_paused(host))
		return true;
	world_at(host->world, host->paused_until, fn, host, life, is_log);
	return false;
}

static void worker_works(struct world *world, void *object, uint64_t life,
			 uint64_t is_log);

static void worker_start(struct host *host, struct worker *worker)
{
	if (worker->running || !worker->first)
		return;
	worker->running = worker->first;
	worker->first = worker->running->next;
	if (!worker->first)
		worker->last = &worker->first;
	worker->running->next = NULL;
	world_at(host->world, host->world->now_us, worker_works, host,
		 host->life, worker == &host->log);
}

static void worker_put(void *context, struct store_job *job)
{
	struct host *host = context;
	struct worker *worker = store_job_is_log(job) ? &host->log :
							&host->image;

	job->next = NULL;
	*worker->last = job;
	worker->last = &job->next;
	worker_start(host, worker);
}

static void worker_end(struct world *world, void *object, uint64_t life,
		       uint64_t is_log)
{
	struct host *host = object;
	struct worker *worker = is_log ? &host->log : &host->image;
	struct store_job *job = worker->running;

	if (!worker_awake(host, life, worker_end, is_log))
		return;
	worker->running = NULL;
	lanes_returned(host->lanes, job);
	job_done(host, job);
	worker_start(host, worker);
	host_pump(host);
}

static void worker_worked(struct host *host, const struct store_job *job,
			  uint64_t life, uint64_t is_log)
{
	struct world *world = host->world;
	bool reads = store_job_reads(job) || job->error == -EBADMSG;

	host->io_failed |= job->error && !reads;
	if (job == &host->note)
		log_settled(host);
	if (host_disk_check(host, 0, "job"))
		return;
	/* The log may have been cut or compacted since it was asked. */
	if (reads && job->error && job->error != -ENOENT && !host->wounded)
		world_fail(world, "n%u: can't read back: %d", host->id,
			   job->error);
	world_at(world, world->now_us + disk_time(host, 50), worker_end, host,
		 life, is_log);
}

static void worker_works(struct world *world, void *object, uint64_t life,
			 uint64_t is_log)
{
	struct host *host = object;
	struct worker *worker = is_log ? &host->log : &host->image;

	if (!worker_awake(host, life, worker_works, is_log))
		return;
	if (turns_go_on(worker->turns, worker->running))
		worker_worked(host, worker->running, life, is_log);
	else
		world_at(world, world->now_us + disk_time(host, 50),
			 worker_works, host, life, is_log);
}

static const struct lanes_ops lane_ops = {
	.write = lane_write,
	.thread = worker_put,
	.done = job_done,
};

static void worker_init(struct host *host, struct worker *worker)
{
	struct turns *turns = worker->turns;

	memset(worker, 0, sizeof(*worker));
	worker->turns = turns ? turns : turns_new(host);
	worker->last = &worker->first;
}

void jobs_start(struct host *host)
{
	unsigned int appends =
		1 + (unsigned int)world_draw(host->world, LANES_APPENDS_MAX);

	base_list_init(&host->writes);
	worker_init(host, &host->log);
	worker_init(host, &host->image);
	host->io_failed = false;
	host->log_jobs = 0;
	host->image_jobs = 0;
	host->noting = false;
	host->note_us = 0;
	host->lanes = lanes_new(host->store, appends, &lane_ops, host);
	if (!host->lanes)
		abort();
}

static void worker_drop(struct host *host, struct worker *worker)
{
	struct store_job *job = worker->running, *next;

	if (job)
		job->next = worker->first;
	else
		job = worker->first;
	for (; job; job = next) {
		next = job->next;
		if (job != &host->note)
			store_job_free(job);
	}
}

void jobs_stop(struct host *host)
{
	writes_cut(host);
	turns_cut(host->log.turns);
	turns_cut(host->image.turns);
	lanes_free(host->lanes);
	worker_drop(host, &host->log);
	worker_drop(host, &host->image);
}

/* With nothing to write for a while, how far the log is durable is noted. */
static void log_note(struct host *host)
{
	uint64_t now = host->world->now_us;

	if (!host->note_us || now < host->note_us || host->noting)
		return;
	host->note_us = 0;
	host->noting = true;
	memset(&host->note, 0, sizeof(host->note));
	host->note.type = STORE_JOB_NOTE;
	lanes_put(host->lanes, &host->note);
}

uint64_t jobs_run(struct host *host)
{
	uint64_t deadline = UINT64_MAX;

	log_note(host);
	lanes_run_log(host->lanes);
	if (lanes_run_image(host->lanes, node_all_answered(host->node)))
		deadline = host->world->now_us + LANES_HELD_US;
	if (host->note_us && !host->noting && host->note_us < deadline)
		deadline = host->note_us;
	return deadline;
}

static void op_begin(void *context, struct store_job *job)
{
	struct host *host = context;

	host->log_jobs += store_job_is_log(job);
	host->image_jobs += !store_job_is_log(job);
	switch (job->type) {
	case STORE_JOB_APPEND:
		host->note_us = host->world->now_us + NOTE_US;
		oracle_append(host, job->entries, job->count);
		break;
	case STORE_JOB_TRUNCATE:
		oracle_truncate(host, job->index);
		break;
	case STORE_JOB_STATE:
		oracle_state_save(host, &job->state);
		break;
	case STORE_JOB_RESET:
		oracle_reset(host, &job->checkpoint);
		break;
	case STORE_JOB_APPLY:
		oracle_apply(host, job->entries, job->count);
		oracle_image_begins(host, job->entries[job->count - 1]->index);
		break;
	case STORE_JOB_COPY_WRITE:
		oracle_image_begins(host, 0);
		break;
	default:
		break;
	}
	lanes_put(host->lanes, job);
}

static int op_send(void *context, uint32_t peer, const struct wire_msg *msg)
{
	return links_send(context, peer, msg);
}

static uint32_t op_queued(void *context, uint32_t peer)
{
	return links_queued(context, peer);
}

static void op_done(void *context, uint64_t tag, uint64_t epoch, int error)
{
	struct host *host = context;

	device_done(&host->device, tag, epoch, error);
}

static void op_applied(void *context, uint64_t tag)
{
	struct host *host = context;

	device_was_applied(&host->device, tag);
}

static void op_received(void *context, uint64_t tag)
{
}

static void op_lease(void *context, uint64_t until_us, const char *reason)
{
	struct host *host = context;

	device_lease(&host->device, until_us);
	oracle_lease(host);
}

static void op_fence(void *context, const char *reason)
{
	struct host *host = context;

	if (host->device.open && !host->device.fenced)
		host->device.overtaken =
			strcmp(reason, "opened on another node") == 0;
	device_fenced(&host->device);
}

static void op_event(void *context, int level, const char *text)
{
	struct host *host = context;

	world_tell(host->world, host->id, "%s", text);
}

const struct node_ops host_ops = {
	.begin = op_begin,
	.send = op_send,
	.queued = op_queued,
	.done = op_done,
	.device_applied = op_applied,
	.device_received = op_received,
	.lease = op_lease,
	.fence = op_fence,
	.event = op_event,
};
