// SPDX-License-Identifier: GPL-2.0
/*
 * What qbdd does with its lanes and threads, done on virtual time.  Of the log,
 * several appends are under way at a time and their writes are done in any
 * order; each append is durable by itself, and answered when those before it
 * are.  (The disk's sync stands in for O_DSYNC: it settles more.)  What else the
 * log worker does, it does alone: the system calls at its start, the answers at
 * its end.  The image worker takes one job at a time, its writes in any order
 * where they allow it.  Both may stop at any of their system calls, or between
 * them and the answer.
 */
#include "tests/sim/model/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"

#define IDLE_US 75000 /* without work: the store is told */
#define SLOW_FACTOR 40 /* of a slow disk */

static void job_free(struct job *job)
{
	unsigned int i;

	base_list_del(&job->link);
	if (job->entries)
		for (i = 0; i < job->count; i++)
			raft_entry_put(job->entries[i]);
	free(job->entries);
	base_buf_put(job->buf);
	free(job);
}

static struct job *job_new(struct worker *worker, enum job_type type)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		abort();
	job->type = type;
	base_list_add_tail(&worker->jobs, &job->link);
	return job;
}

static void job_entries(struct job *job, struct raft_entry *const *entries,
			unsigned int count)
{
	unsigned int i;

	job->entries = calloc(count, sizeof(struct raft_entry *));
	if (!job->entries)
		abort();
	job->count = count;
	for (i = 0; i < count; i++)
		job->entries[i] = raft_entry_get(entries[i]);
	job->index = entries[count - 1]->index;
	job->term = entries[count - 1]->term;
}

static struct job *job_first(struct base_list *queue)
{
	return base_container_of(queue->next, struct job, link);
}

static void worker_drop(struct worker *worker)
{
	while (!base_list_empty(&worker->jobs))
		job_free(job_first(&worker->jobs));
	while (!base_list_empty(&worker->running))
		job_free(job_first(&worker->running));
	worker->busy = false;
}

/* An agent's death stops no write that the kernel was given, nor awaits it. */
static void appends_cut(struct host *host)
{
	struct appends *appends = &host->appends;
	struct store_io *io = disk_io(host->disk);
	unsigned int i, k;

	for (i = 0; i < appends->count; i++) {
		unsigned int place = (appends->first + i) % APPENDS;
		struct store_append *append = &appends->slots[place].append;

		for (k = 0; k < append->piece_count; k++)
			if (appends->slots[place].undone & (1U << k) &&
			    world_chance(host->world, 2))
				io->ops->write(io, append->pieces[k].offset,
					       append->pieces[k].iov,
					       append->pieces[k].count);
	}
	appends->count = 0;
}

void jobs_free(struct host *host)
{
	unsigned int i;

	for (i = 0; i < APPENDS; i++)
		store_append_free(&host->appends.slots[i].append);
}

void jobs_drop(struct host *host)
{
	appends_cut(host);
	worker_drop(&host->log);
	worker_drop(&host->image);
}

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

/* False: the event is a stale one, or comes again when the agent wakes. */
static bool worker_awake(struct host *host, uint64_t life, event_fn fn,
			 uint64_t b)
{
	if (!host->node || host->life != life)
		return false;
	if (!host_paused(host))
		return true;
	world_at(host->world, host->paused_until, fn, host, life, b);
	return false;
}

static void log_begin(struct world *world, void *object, uint64_t life,
		      uint64_t b);

static void log_start(struct host *host)
{
	if (host->log.busy || base_list_empty(&host->log.jobs))
		return;
	host->log.busy = true;
	world_at(host->world, host->world->now_us, log_begin, host, host->life,
		 0);
}

static void log_answer(struct host *host, struct job *job)
{
	if (job->error)
		return;
	switch (job->type) {
	case JOB_APPEND:
		oracle_durable(host, job->index, job->term);
		node_log_durable(host->node, job->index, job->term, job->seq);
		break;
	case JOB_STATE:
		oracle_state_saved(host, &job->state);
		node_state_saved(host->node, job->index);
		break;
	case JOB_RESET:
		node_log_was_reset(host->node);
		break;
	default:
		break;
	}
	oracle_step(host);
}

static void log_idle(struct world *world, void *object, uint64_t life,
		     uint64_t seq)
{
	struct host *host = object;

	if (!host->node || host->life != life || host->log.busy ||
	    host->disk_out || host->log.idle_seq != seq || host_paused(host))
		return;
	if (host_disk_check(host, store_log_note(host->store), "note"))
		return;
	disk_stamp(host->disk);
	host_pump(host);
}

static void log_done(struct host *host)
{
	struct world *world = host->world;

	disk_stamp(host->disk);
	host->log.busy = false;
	log_start(host);
	if (!host->log.busy)
		world_at(world, world->now_us + IDLE_US, log_idle, host,
			 host->life, ++host->log.idle_seq);
	host_pump(host);
}

/* Of a group without appends. */
static void log_end(struct world *world, void *object, uint64_t life,
		    uint64_t b)
{
	struct host *host = object;

	if (!worker_awake(host, life, log_end, b))
		return;
	while (!base_list_empty(&host->log.running)) {
		struct job *job = job_first(&host->log.running);

		log_answer(host, job);
		job_free(job);
	}
	log_done(host);
}

static int log_do(struct host *host, struct job *job)
{
	if (host->disk_out)
		return -EIO;
	switch (job->type) {
	case JOB_TRUNCATE:
		return store_log_truncate(host->store, job->index);
	case JOB_STATE:
		return store_state_save(host->store, &job->state);
	case JOB_RESET:
		return store_log_reset(host->store, &job->checkpoint);
	default:
		return 0;
	}
}

/* One more append, of what @job has not begun yet; false: it must wait. */
static bool append_begin(struct host *host, struct job *job)
{
	struct appends *appends = &host->appends;
	unsigned int place = (appends->first + appends->count) % APPENDS;
	struct store_append *append = &appends->slots[place].append;

	if (appends->count == APPENDS ||
	    (appends->count && world_chance(host->world, 4)))
		return false;
	if (!append->memory && store_append_init(host->store, append))
		abort();
	job->error = store_append_begin(host->store, job->entries + job->begun,
					job->count - job->begun, append);
	if (job->error)
		return false;
	appends->count++;
	appends->slots[place].undone = (1U << append->piece_count) - 1;
	job->begun += append->count;
	appends->slots[place].job = job->begun == job->count ? job : NULL;
	return true;
}

static void appends_answer(struct host *host)
{
	struct appends *appends = &host->appends;

	while (appends->count && !appends->slots[appends->first].undone) {
		struct job *job = appends->slots[appends->first].job;

		if (!host->disk_out)
			store_append_end(host->store,
					 &appends->slots[appends->first].append);
		appends->first = (appends->first + 1) % APPENDS;
		appends->count--;
		if (!job)
			continue;
		job->error = host->disk_out ? -EIO : 0;
		log_answer(host, job);
		job_free(job);
	}
}

/* Some write of some append, and the sync of what is complete with it. */
static int append_write(struct host *host)
{
	struct appends *appends = &host->appends;
	struct store_io *io = disk_io(host->disk);
	struct store_piece *piece;
	unsigned int place, nth;
	int error;

	do {
		place = (appends->first +
			 (unsigned int)world_draw(host->world,
						  appends->count)) %
			APPENDS;
		nth = (unsigned int)world_draw(host->world, 2);
	} while (!(appends->slots[place].undone & (1U << nth)));
	appends->slots[place].undone &= ~(1U << nth);
	piece = &appends->slots[place].append.pieces[nth];
	error = io->ops->write(io, piece->offset, piece->iov, piece->count);
	if (!error && !appends->slots[place].undone)
		error = io->ops->sync(io);
	if (error)
		store_write_failed(host->store, piece->offset, error);
	return error;
}

static void log_write(struct world *world, void *object, uint64_t life,
		      uint64_t b)
{
	struct host *host = object;

	if (!worker_awake(host, life, log_write, b))
		return;
	if (host_disk_check(host, append_write(host), "append"))
		return;
	appends_answer(host);
	host_pump(host);
	if (host->appends.count)
		world_at(world, world->now_us + disk_time(host, 50), log_write,
			 host, life, 0);
	else
		log_done(host);
}

static void log_begin(struct world *world, void *object, uint64_t life,
		      uint64_t b)
{
	struct host *host = object;
	bool others = false; /* than appends, in this group */

	if (!worker_awake(host, life, log_begin, b))
		return;
	while (!base_list_empty(&host->log.jobs)) {
		struct job *job = job_first(&host->log.jobs);

		if (job->type == JOB_APPEND && !host->disk_out) {
			if (others)
				break;
			while (job->begun < job->count &&
			       append_begin(host, job))
				;
			if (!job->error && job->begun < job->count)
				break;
		} else if (!host->appends.count) {
			others = true;
			job->error = log_do(host, job);
		} else {
			break;
		}
		if (host_disk_check(host, job->error, "log"))
			return;
		base_list_del(&job->link);
		base_list_add_tail(&host->log.running, &job->link);
	}
	world_at(world, world->now_us + disk_time(host, 50),
		 host->appends.count ? log_write : log_end, host, life, 0);
}

/* In any order, as far as the disk goes. */
static int plan_do(struct host *host, struct store_plan *plan)
{
	struct store_io *io = disk_io(host->disk);
	unsigned int left = plan->count, nth;
	int error = 0;

	for (; left && !error; left--) {
		struct store_piece *piece;

		nth = (unsigned int)world_draw(host->world, left);
		piece = &plan->pieces[nth];
		error = io->ops->write(io, piece->offset, piece->iov,
				       piece->count);
		if (error)
			store_write_failed(host->store, piece->offset, error);
		*piece = plan->pieces[left - 1];
	}
	return error;
}

static int apply_do(struct host *host, struct job *job)
{
	struct store_plan plan;

	if (!*store_failure(host->store) &&
	    store_plan_apply(host->store, job->entries, job->count, &plan))
		return plan_do(host, &plan);
	return store_apply(host->store, job->entries, job->count);
}

static bool all_zero(const uint8_t *bytes, uint32_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static int copy_read_do(struct host *host, struct job *job)
{
	struct base_buf *buf = base_buf_new(job->length);
	int error;

	error = store_image_read(host->store, job->offset, buf->data,
				 job->length);
	if (error || all_zero(buf->data, job->length)) {
		base_buf_put(buf);
		return error;
	}
	job->buf = buf;
	job->term = base_crc32c(0, buf->data, job->length);
	return 0;
}

/* As many as can be read; an error only when it is the first that can't. */
static int log_read_do(struct host *host, struct job *job)
{
	unsigned int wanted = job->count;
	int error = 0;

	job->entries = calloc(wanted, sizeof(struct raft_entry *));
	if (!job->entries)
		abort();
	job->count = 0;
	while (!error && job->count < wanted) {
		error = store_log_read(host->store, job->index + job->count,
				       &job->entries[job->count]);
		job->count += !error;
	}
	return job->count ? 0 : error;
}

static int image_do(struct host *host, struct job *job)
{
	bool reads = job->type == JOB_LOG_READ || job->type == JOB_COPY_READ;

	if (host->disk_out && !reads)
		return -EIO;
	switch (job->type) {
	case JOB_APPLY:
		return apply_do(host, job);
	case JOB_CHECKPOINT:
		return store_checkpoint(host->store, &job->checkpoint,
					&job->index);
	case JOB_LOG_READ:
		return log_read_do(host, job);
	case JOB_COPY_READ:
		return copy_read_do(host, job);
	case JOB_COPY_WRITE:
		return store_image_write(host->store, job->offset, job->data,
					 job->length);
	default:
		return 0;
	}
}

/* Reads that failed are the node's business; writes that did end it. */
static void image_answer(struct host *host, struct job *job)
{
	struct node *node = host->node;

	switch (job->type) {
	case JOB_LOG_READ:
		node_log_was_read(node, job->peer, job->index, job->entries,
				  job->error ? 0 : job->count, job->error);
		job->count = 0;
		return;
	case JOB_COPY_READ:
		node_copy_was_read(node, job->peer, job->offset, job->length,
				   job->buf, (uint32_t)job->term, job->error);
		job->buf = NULL;
		return;
	default:
		break;
	}
	if (job->error)
		return;
	switch (job->type) {
	case JOB_APPLY:
		node_applied(node, job->index);
		break;
	case JOB_CHECKPOINT:
		node_checkpointed(node, job->checkpoint.applied, job->index);
		break;
	case JOB_COPY_WRITE:
		node_copy_written(node, job->offset, job->length);
		break;
	default:
		break;
	}
}

static void image_begin(struct world *world, void *object, uint64_t life,
			uint64_t b);

static void image_start(struct host *host)
{
	if (host->image.busy || base_list_empty(&host->image.jobs))
		return;
	host->image.busy = true;
	world_at(host->world, host->world->now_us, image_begin, host,
		 host->life, 0);
}

static void image_end(struct world *world, void *object, uint64_t life,
		      uint64_t b)
{
	struct host *host = object;
	struct job *job;

	if (!worker_awake(host, life, image_end, b))
		return;
	job = job_first(&host->image.jobs);
	image_answer(host, job);
	oracle_image_ends(host);
	oracle_step(host);
	/* What can't be read back is as bad as what can't be written. */
	if (job->error == -EIO || job->error == -EBADMSG)
		host_disk_check(host, job->error, "reading back");
	job_free(job);
	host->image.busy = false;
	image_start(host);
	host_pump(host);
}

static void image_begin(struct world *world, void *object, uint64_t life,
			uint64_t b)
{
	struct host *host = object;
	struct job *job;
	bool reads;

	if (!worker_awake(host, life, image_begin, b))
		return;
	job = job_first(&host->image.jobs);
	reads = job->type == JOB_LOG_READ || job->type == JOB_COPY_READ;
	if (job->type == JOB_APPLY || job->type == JOB_COPY_WRITE)
		oracle_image_begins(host,
				    job->type == JOB_APPLY ? job->index : 0);
	job->error = image_do(host, job);
	if (host_disk_check(host, reads ? 0 : job->error, "image"))
		return;
	/* The log may have been cut or compacted since it was asked. */
	if (reads && job->error && job->error != -ENOENT && !host->wounded)
		world_fail(world, "n%u: can't read back: %d", host->id,
			   job->error);
	world_at(world, world->now_us + disk_time(host, 100), image_end, host,
		 life, 0);
}

static void op_log_append(void *context, struct raft_entry *const *entries,
			  unsigned int count, uint64_t seq)
{
	struct host *host = context;
	struct job *job = job_new(&host->log, JOB_APPEND);

	job_entries(job, entries, count);
	job->seq = seq;
	oracle_append(host, entries, count);
	log_start(host);
}

static void op_log_truncate(void *context, uint64_t index)
{
	struct host *host = context;

	job_new(&host->log, JOB_TRUNCATE)->index = index;
	oracle_truncate(host, index);
	log_start(host);
}

static void op_state_save(void *context, const struct raft_hard_state *state,
			  uint64_t seq)
{
	struct host *host = context;
	struct job *job = job_new(&host->log, JOB_STATE);

	job->state = *state;
	job->index = seq;
	oracle_state_save(host, state);
	log_start(host);
}

static void op_log_reset(void *context, const struct store_checkpoint *base)
{
	struct host *host = context;

	job_new(&host->log, JOB_RESET)->checkpoint = *base;
	oracle_reset(host, base);
	log_start(host);
}

static void op_apply(void *context, struct raft_entry *const *entries,
		     unsigned int count)
{
	struct host *host = context;

	job_entries(job_new(&host->image, JOB_APPLY), entries, count);
	oracle_apply(host, entries, count);
	image_start(host);
}

static void op_checkpoint(void *context,
			  const struct store_checkpoint *checkpoint)
{
	struct host *host = context;

	job_new(&host->image, JOB_CHECKPOINT)->checkpoint = *checkpoint;
	image_start(host);
}

static void op_log_read(void *context, uint32_t peer, uint64_t first,
			unsigned int count)
{
	struct host *host = context;
	struct job *job = job_new(&host->image, JOB_LOG_READ);

	job->peer = peer;
	job->index = first;
	job->count = count;
	image_start(host);
}

static void op_copy_read(void *context, uint32_t peer, uint64_t offset,
			 uint32_t length)
{
	struct host *host = context;
	struct job *job = job_new(&host->image, JOB_COPY_READ);

	job->peer = peer;
	job->offset = offset;
	job->length = length;
	image_start(host);
}

static void op_copy_write(void *context, uint64_t offset, uint32_t length,
			  const uint8_t *data, struct base_buf *buf)
{
	struct host *host = context;
	struct job *job = job_new(&host->image, JOB_COPY_WRITE);

	job->offset = offset;
	job->length = length;
	job->data = data;
	job->buf = data ? base_buf_get(buf) : NULL;
	image_start(host);
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

	device_fenced(&host->device);
}

static void op_event(void *context, int level, const char *text)
{
	struct host *host = context;

	world_tell(host->world, host->id, "%s", text);
}

const struct node_ops host_ops = {
	.log_append = op_log_append,
	.log_truncate = op_log_truncate,
	.state_save = op_state_save,
	.log_reset = op_log_reset,
	.apply = op_apply,
	.checkpoint = op_checkpoint,
	.log_read = op_log_read,
	.copy_read = op_copy_read,
	.copy_write = op_copy_write,
	.send = op_send,
	.queued = op_queued,
	.done = op_done,
	.device_applied = op_applied,
	.device_received = op_received,
	.lease = op_lease,
	.fence = op_fence,
	.event = op_event,
};
