// SPDX-License-Identifier: GPL-2.0
/*
 * One node's agent: what qbdd does with its threads and clocks, done on
 * virtual time.  The log worker and the image worker each run one batch of
 * jobs at a time: the system calls at its start, the sync and the answers at
 * its end, so that a crash falls in between.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "tests/sim/model/world.h"

static const uint8_t volume_id[16] = "simulated-volume";

uint64_t host_now(const struct host *host)
{
	int64_t now = (int64_t)host->world->now_us;

	return (uint64_t)(now + now * host->clock_ppm / 1000000 +
			  host->clock_offset_us);
}

/* When (true time) is it this late on the host's clock? Never too early. */
static uint64_t host_true(const struct host *host, uint64_t local_us)
{
	uint64_t now = host_now(host);

	if (local_us <= now)
		return host->world->now_us;
	if (local_us - now > 3600000000ULL)
		return host->world->now_us + 3600000000ULL;
	return host->world->now_us + (local_us - now) * 1001 / 1000 + 1;
}

bool host_paused(const struct host *host)
{
	return host->world->now_us < host->paused_until;
}

static void host_do_pump(struct world *world, void *object, uint64_t life,
			 uint64_t due)
{
	struct host *host = object;

	if (!host->node || host->life != life || host->pump_at != due)
		return;
	if (host_paused(host)) {
		host->pump_at = host->paused_until;
		world_at(world, host->pump_at, host_do_pump, host, life,
			 host->pump_at);
		return;
	}
	node_pump(host->node, host_now(host), world_draw(world, UINT64_MAX));
	host->pump_at = host_true(host, node_deadline(host->node));
	if (host->pump_at <= world->now_us)
		host->pump_at = world->now_us + 1;
	world_at(world, host->pump_at, host_do_pump, host, life, host->pump_at);
}

void host_pump(struct host *host)
{
	if (!host->node || host->pump_at <= host->world->now_us)
		return;
	host->pump_at = host->world->now_us;
	world_at(host->world, host->pump_at, host_do_pump, host, host->life,
		 host->pump_at);
}

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

static struct job *job_new(struct base_list *queue, enum job_type type)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		abort();
	job->type = type;
	base_list_add_tail(queue, &job->link);
	return job;
}

static void job_entries(struct job *job, struct raft_entry *const *entries,
			unsigned int count)
{
	unsigned int i;

	job->entries = calloc(count, sizeof(*job->entries));
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

static void must(struct host *host, int error, const char *what)
{
	if (error)
		world_fail(host->world, "n%u: %s failed: %d", host->id, what,
			   error);
}

static void log_start(struct host *host);
static void image_start(struct host *host);

static void log_answer(struct host *host, struct job *job)
{
	switch (job->type) {
	case JOB_APPEND:
		node_log_durable(host->node, job->index, job->term, job->seq);
		break;
	case JOB_STATE:
		node_state_saved(host->node, job->index);
		break;
	case JOB_RESET:
		node_log_was_reset(host->node);
		break;
	default:
		break;
	}
}

static void log_end(struct world *world, void *object, uint64_t life,
		    uint64_t b)
{
	struct host *host = object;

	if (!host->node || host->life != life)
		return;
	if (host_paused(host)) {
		world_at(world, host->paused_until, log_end, host, life, b);
		return;
	}
	must(host, store_log_sync(host->store), "sync");
	while (!base_list_empty(&host->log_running)) {
		struct job *job = job_first(&host->log_running);

		log_answer(host, job);
		job_free(job);
	}
	host->log_busy = false;
	log_start(host);
	host_pump(host);
}

static void log_do(struct host *host, struct job *job)
{
	switch (job->type) {
	case JOB_APPEND:
		must(host,
		     store_log_append(host->store, job->entries, job->count),
		     "append");
		break;
	case JOB_TRUNCATE:
		must(host, store_log_truncate(host->store, job->index),
		     "truncate");
		break;
	case JOB_STATE:
		must(host, store_state_save(host->store, &job->state), "state");
		break;
	case JOB_RESET:
		must(host, store_log_reset(host->store, &job->checkpoint),
		     "reset");
		break;
	default:
		break;
	}
}

static void log_start(struct host *host)
{
	struct world *world = host->world;

	if (host->log_busy || base_list_empty(&host->log_jobs))
		return;
	host->log_busy = true;
	while (!base_list_empty(&host->log_jobs)) {
		struct job *job = job_first(&host->log_jobs);

		base_list_del(&job->link);
		log_do(host, job);
		base_list_add_tail(&host->log_running, &job->link);
	}
	world_at(world,
		 world->now_us + 20 +
			 world_draw(world, world_draw(world, 50) ?
						   world->disk_us :
						   30 * world->disk_us),
		 log_end, host, host->life, 0);
}

static void copy_read_do(struct host *host, struct job *job)
{
	job->buf = base_buf_new(job->length);
	job->error = store_image_read(host->store, job->offset, job->buf->data,
				      job->length);
	job->term = base_crc32c(0, job->buf->data, job->length);
}

static void log_read_do(struct host *host, struct job *job)
{
	unsigned int i;

	job->entries = calloc(job->count, sizeof(*job->entries));
	for (i = 0; i < job->count && !job->error; i++)
		job->error = store_log_read(host->store, job->index + i,
					    &job->entries[i]);
	if (!job->error)
		return;
	while (i-- > 0)
		raft_entry_put(job->entries[i]);
	free(job->entries);
	job->entries = NULL;
}

static void image_do(struct host *host, struct job *job)
{
	uint64_t base;

	switch (job->type) {
	case JOB_APPLY:
		must(host, store_apply(host->store, job->entries, job->count),
		     "apply");
		break;
	case JOB_CHECKPOINT:
		base = 0;
		must(host,
		     store_checkpoint(host->store, &job->checkpoint, &base),
		     "checkpoint");
		job->index = base;
		break;
	case JOB_LOG_READ:
		log_read_do(host, job);
		break;
	case JOB_COPY_READ:
		copy_read_do(host, job);
		break;
	case JOB_COPY_WRITE:
		must(host,
		     store_image_write(host->store, job->offset, job->data,
				       job->length),
		     "copy write");
		break;
	default:
		break;
	}
}

static void image_answer(struct host *host, struct job *job)
{
	switch (job->type) {
	case JOB_APPLY:
		node_applied(host->node, job->index);
		break;
	case JOB_CHECKPOINT:
		node_checkpointed(host->node, job->checkpoint.applied,
				  job->index);
		break;
	case JOB_LOG_READ:
		node_log_was_read(host->node, job->peer, job->index,
				  job->entries, job->count, job->error);
		free(job->entries);
		job->entries = NULL;
		break;
	case JOB_COPY_READ:
		node_copy_was_read(host->node, job->peer, job->offset,
				   job->length, job->buf, (uint32_t)job->term,
				   job->error);
		job->buf = NULL;
		break;
	case JOB_COPY_WRITE:
		node_copy_written(host->node, job->offset, job->length);
		break;
	default:
		break;
	}
}

static void image_end(struct world *world, void *object, uint64_t life,
		      uint64_t b)
{
	struct host *host = object;
	struct job *job;

	if (!host->node || host->life != life)
		return;
	if (host_paused(host)) {
		world_at(world, host->paused_until, image_end, host, life, b);
		return;
	}
	job = job_first(&host->image_jobs);
	image_do(host, job);
	image_answer(host, job);
	job_free(job);
	host->image_busy = false;
	image_start(host);
	host_pump(host);
}

static void image_start(struct host *host)
{
	struct world *world = host->world;

	if (host->image_busy || base_list_empty(&host->image_jobs))
		return;
	host->image_busy = true;
	world_at(world, world->now_us + 10 + world_draw(world, world->disk_us),
		 image_end, host, host->life, 0);
}

static void op_log_append(void *context, struct raft_entry *const *entries,
			  unsigned int count, uint64_t seq)
{
	struct host *host = context;
	struct job *job = job_new(&host->log_jobs, JOB_APPEND);

	job_entries(job, entries, count);
	job->seq = seq;
	log_start(host);
}

static void op_log_truncate(void *context, uint64_t index)
{
	struct host *host = context;

	job_new(&host->log_jobs, JOB_TRUNCATE)->index = index;
	log_start(host);
}

static void op_state_save(void *context, const struct raft_hard_state *state,
			  uint64_t seq)
{
	struct host *host = context;
	struct job *job = job_new(&host->log_jobs, JOB_STATE);

	job->state = *state;
	job->index = seq;
	log_start(host);
}

static void op_log_reset(void *context, const struct store_checkpoint *base)
{
	struct host *host = context;

	job_new(&host->log_jobs, JOB_RESET)->checkpoint = *base;
	log_start(host);
}

static void op_apply(void *context, struct raft_entry *const *entries,
		     unsigned int count)
{
	struct host *host = context;

	job_entries(job_new(&host->image_jobs, JOB_APPLY), entries, count);
	image_start(host);
}

static void op_checkpoint(void *context,
			  const struct store_checkpoint *checkpoint)
{
	struct host *host = context;

	job_new(&host->image_jobs, JOB_CHECKPOINT)->checkpoint = *checkpoint;
	image_start(host);
}

static void op_log_read(void *context, uint32_t peer, uint64_t first,
			unsigned int count)
{
	struct host *host = context;
	struct job *job = job_new(&host->image_jobs, JOB_LOG_READ);

	job->peer = peer;
	job->index = first;
	job->count = count;
	image_start(host);
}

static void op_copy_read(void *context, uint32_t peer, uint64_t offset,
			 uint32_t length)
{
	struct host *host = context;
	struct job *job = job_new(&host->image_jobs, JOB_COPY_READ);

	job->peer = peer;
	job->offset = offset;
	job->length = length;
	image_start(host);
}

static void op_copy_write(void *context, uint64_t offset, uint32_t length,
			  const uint8_t *data, struct base_buf *buf)
{
	struct host *host = context;
	struct job *job = job_new(&host->image_jobs, JOB_COPY_WRITE);

	job->offset = offset;
	job->length = length;
	job->data = data;
	job->buf = base_buf_get(buf);
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

/* No two hosts may have a lease at once, whatever their clocks say. */
static void op_lease(void *context, uint64_t until_us, const char *reason)
{
	struct host *host = context;
	struct world *world = host->world;
	unsigned int i;

	device_lease(&host->device, until_us);
	if (until_us <= host_now(host))
		return;
	for (i = 0; i < world->count; i++) {
		const struct host *other = &world->hosts[i];

		if (other != host && other->device.lease_us > host_now(other) &&
		    !other->device.fenced && other->node)
			world_fail(world, "n%u and n%u have a lease at once",
				   host->id, other->id);
	}
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

static const struct node_ops host_ops = {
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

static struct store_identity host_identity(const struct host *host)
{
	struct store_identity identity = {
		.volume_name = "sim",
		.node_id = host->id,
		.block_size = 512,
		.volume_bytes = WORLD_BYTES,
		.log_bytes = WORLD_LOG_BYTES,
	};

	memcpy(identity.volume_id, volume_id, sizeof(volume_id));
	return identity;
}

void host_reformat(struct host *host)
{
	struct store_identity identity = host_identity(host);
	struct base_error error;

	if (store_format(memdisk_io(host->disk), &identity, true, NULL, NULL,
			 &error))
		world_fail(host->world, "format: %s", error.text);
}

void host_init(struct host *host)
{
	host->disk =
		memdisk_new(store_bytes_needed(WORLD_BYTES, WORLD_LOG_BYTES));
	host->device.host = host;
	host->clock_offset_us =
		1000000000 + (int64_t)world_draw(host->world, 1000000000);
	host->clock_ppm = (int32_t)world_draw(host->world, 400) - 200;
	base_list_init(&host->log_jobs);
	base_list_init(&host->log_running);
	base_list_init(&host->image_jobs);
	host_reformat(host);
	device_start(&host->device);
}

static void host_config(const struct host *host, struct node_config *config)
{
	unsigned int i;

	memset(config, 0, sizeof(*config));
	config->raft.id = host->id;
	for (i = 0; i < host->world->count; i++) {
		config->nodes[config->node_count++] = i + 1;
		raft_members_set(&config->raft.members, i + 1,
				 RAFT_MEMBER_VOTER);
	}
	config->raft.election_timeout_us = 300000;
	config->raft.heartbeat_us = 60000;
	config->raft.drift_ppm = 1000;
	config->volume_bytes = WORLD_BYTES;
	config->align = MEMDISK_SECTOR;
	config->incarnation = host->life;
}

static void host_start(struct world *world, void *object, uint64_t life,
		       uint64_t b)
{
	struct host *host = object;
	struct store_identity identity = host_identity(host);
	struct node_config config;
	struct store_boot boot;
	struct base_error error;

	if (host->node || host->life != life)
		return;
	host->starting = false;
	host->life++;
	if (store_open(memdisk_io(host->disk), &identity, false, &host->store,
		       &boot, &error)) {
		world_fail(world, "n%u: open: %s", host->id, error.text);
		return;
	}
	if (boot.state.damaged)
		world_fail(world, "n%u: recovery says damage: %s", host->id,
			   boot.damage);
	world_tell(world, host->id, "starts: base %lu last %lu applied %lu%s",
		   (unsigned long)boot.base_index,
		   (unsigned long)boot.last_index,
		   (unsigned long)boot.checkpoint.applied,
		   boot.checkpoint.incomplete ? " incomplete" : "");
	host_config(host, &config);
	host->node = node_new(&config, &boot, &host_ops, host, host_now(host),
			      world_draw(world, UINT64_MAX));
	host->pump_at = UINT64_MAX;
	device_bind(&host->device);
	host_pump(host);
	links_host_up(host);
}

void host_start_later(struct host *host, uint64_t after_us)
{
	if (host->node)
		return;
	host->starting = true;
	world_at(host->world, host->world->now_us + after_us, host_start, host,
		 host->life, 0);
}

void host_kill(struct host *host, bool power)
{
	struct node *node = host->node;

	world_tell(host->world, host->id, power ? "power cut" : "agent killed");
	host->node = NULL;
	host->life++;
	host->starting = false;
	host->paused_until = 0;
	host->device.lease_us = 0;
	if (node) {
		links_host_down(host);
		node_free(node);
		store_close(host->store);
		host->store = NULL;
	}
	while (!base_list_empty(&host->log_jobs))
		job_free(job_first(&host->log_jobs));
	while (!base_list_empty(&host->log_running))
		job_free(job_first(&host->log_running));
	while (!base_list_empty(&host->image_jobs))
		job_free(job_first(&host->image_jobs));
	host->log_busy = false;
	host->image_busy = false;
	if (!power)
		return;
	device_power_off(&host->device);
	memdisk_crash(host->disk, world_draw(host->world, UINT64_MAX));
}

void host_pause(struct host *host, uint64_t us)
{
	if (host->node)
		host->paused_until = host->world->now_us + us;
}

void host_transfer(struct host *host, uint32_t peer)
{
	if (!host->node || host_paused(host))
		return;
	node_transfer(host->node, peer);
	host_pump(host);
}
