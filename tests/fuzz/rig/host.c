// SPDX-License-Identifier: GPL-2.0
/* See host.h. */
#include "rig/host.h"

#include <errno.h>
#include <stdlib.h>

#include "disk/disk.h"
#include "disk/rig.h"
#include "rig/input.h"

static struct disk *blank, *old, *disk;
static struct store_identity identity;

static struct host_job *job_new(struct host_queue *queue, unsigned int kind)
{
	struct host_job *job = calloc(1, sizeof(*job));

	FUZZ_NEED(job && queue->count < HOST_JOBS_MAX);
	job->kind = kind;
	queue->jobs[queue->count++] = job;
	return job;
}

static void job_free(struct host_job *job)
{
	unsigned int i;

	for (i = 0; i < job->count; i++)
		raft_entry_put(job->entries[i]);
	base_buf_put(job->buf);
	free(job);
}

static void take_entries(struct host_job *job,
			 struct raft_entry *const *entries, unsigned int count)
{
	FUZZ_NEED(count && count <= RAFT_APPEND_MAX);
	for (; job->count < count; job->count++)
		job->entries[job->count] = raft_entry_get(entries[job->count]);
	job->index = entries[count - 1]->index;
}

static void op_append(void *context, struct raft_entry *const *entries,
		      unsigned int count, uint64_t seq)
{
	struct host *host = context;
	struct host_job *job = job_new(&host->log, HOST_APPEND);
	unsigned int i;

	take_entries(job, entries, count);
	job->seq = seq;
	for (i = 0; i < count; i++)
		host->terms[entries[i]->index % HOST_TERMS] = entries[i]->term;
}

static void op_truncate(void *context, uint64_t index)
{
	struct host *host = context;

	job_new(&host->log, HOST_TRUNCATE)->index = index;
}

static void op_state(void *context, const struct raft_hard_state *state,
		     uint64_t seq)
{
	struct host *host = context;
	struct host_job *job = job_new(&host->log, HOST_STATE);

	job->state = *state;
	job->index = seq;
}

static void op_reset(void *context, const struct store_checkpoint *base)
{
	struct host *host = context;

	job_new(&host->log, HOST_RESET)->checkpoint = *base;
	host->terms[base->applied % HOST_TERMS] = base->applied_term;
	/* It may begin anew further back. */
	host->commit = 0;
	host->applied = 0;
}

static void op_apply(void *context, struct raft_entry *const *entries,
		     unsigned int count)
{
	struct host *host = context;

	take_entries(job_new(&host->image, HOST_APPLY), entries, count);
}

static void op_checkpoint(void *context,
			  const struct store_checkpoint *checkpoint)
{
	struct host *host = context;

	job_new(&host->image, HOST_CHECKPOINT)->checkpoint = *checkpoint;
}

static void op_log_read(void *context, uint32_t peer, uint64_t first,
			unsigned int count)
{
	struct host *host = context;
	struct host_job *job = job_new(&host->image, HOST_LOG_READ);

	FUZZ_NEED(count <= RAFT_APPEND_MAX);
	job->peer = peer;
	job->index = first;
	job->length = count;
}

static void op_copy_read(void *context, uint32_t peer, uint64_t offset,
			 uint32_t length)
{
	struct host *host = context;
	struct host_job *job = job_new(&host->image, HOST_COPY_READ);

	job->peer = peer;
	job->index = offset;
	job->length = length;
}

static void op_copy_write(void *context, uint64_t offset, uint32_t length,
			  const uint8_t *data, struct base_buf *buf)
{
	struct host *host = context;
	struct host_job *job = job_new(&host->image, HOST_COPY_WRITE);

	job->index = offset;
	job->length = length;
	job->data = data;
	job->buf = base_buf_get(buf);
}

/* What is sent can be sent: encoding checks that. */
static int op_send(void *context, uint32_t peer, const struct wire_msg *msg)
{
	struct host *host = context;
	struct wire_frame frame;

	if (wire_encode(msg, &frame))
		return -ENOMEM;
	FUZZ_NEED(frame.bytes <= WIRE_FRAME_BYTES_MAX);
	wire_frame_clear(&frame);
	if (msg->type == WIRE_RAFT && peer <= HOST_NODES)
		host->sent[peer] = msg->raft.msg;
	if (msg->type == WIRE_COPY_BEGIN) {
		host->copy = msg->copy_begin;
		host->copied = 0;
	}
	if (msg->type == WIRE_COPY_DATA)
		host->copied = msg->copy_data.offset + msg->copy_data.length;
	return 0;
}

static uint32_t op_queued(void *context, uint32_t peer)
{
	return 0;
}

static void op_done(void *context, uint64_t tag, uint64_t epoch, int error)
{
	FUZZ_NEED(error <= 0);
}

static void op_tag(void *context, uint64_t tag)
{
}

static void op_lease(void *context, uint64_t until_us, const char *reason)
{
	struct host *host = context;

	host->lease_us = until_us;
}

static void op_fence(void *context, const char *reason)
{
}

static void op_event(void *context, int level, const char *text)
{
}

static const struct node_ops ops = {
	.log_append = op_append,
	.log_truncate = op_truncate,
	.state_save = op_state,
	.log_reset = op_reset,
	.apply = op_apply,
	.checkpoint = op_checkpoint,
	.log_read = op_log_read,
	.copy_read = op_copy_read,
	.copy_write = op_copy_write,
	.send = op_send,
	.queued = op_queued,
	.done = op_done,
	.device_applied = op_tag,
	.device_received = op_tag,
	.lease = op_lease,
	.fence = op_fence,
	.event = op_event,
};

/* The disk may fail, which is final; nothing else may go wrong. */
static bool done(struct host *host, int error)
{
	if (!error)
		return true;
	FUZZ_NEED(error == -EIO && host->disk_fails);
	if (!host->failed)
		node_disk_failed(host->node, store_failure(host->store));
	host->failed = true;
	return false;
}

void host_disk_fails(struct host *host, unsigned int after)
{
	host->disk_fails = true;
	disk_fail(disk, DISK_WRITE | DISK_SYNC, 1 + after);
}

static void do_log(struct host *host, struct host_job *job)
{
	struct raft_entry *last;

	switch (job->kind) {
	case HOST_APPEND:
		if (!done(host, store_log_append(host->store, job->entries,
						 job->count)) ||
		    !done(host, store_log_sync(host->store)))
			return;
		last = job->entries[job->count - 1];
		node_log_durable(host->node, last->index, last->term, job->seq);
		break;
	case HOST_TRUNCATE:
		done(host, store_log_truncate(host->store, job->index));
		break;
	case HOST_STATE:
		if (!done(host, store_state_save(host->store, &job->state)))
			return;
		host->saved_term = job->state.term;
		node_state_saved(host->node, job->index);
		break;
	default:
		if (!done(host, store_log_reset(host->store, &job->checkpoint)))
			return;
		node_log_was_reset(host->node);
		break;
	}
}

static void read_log(struct host *host, const struct host_job *job)
{
	struct raft_entry *entries[RAFT_APPEND_MAX];
	unsigned int i;
	int error = 0;

	for (i = 0; i < job->length && !error; i++)
		error = store_log_read(host->store, job->index + i,
				       &entries[i]);
	if (error)
		for (i--; i-- > 0;)
			raft_entry_put(entries[i]);
	node_log_was_read(host->node, job->peer, job->index, entries,
			  job->length, error);
}

static void read_copy(struct host *host, const struct host_job *job)
{
	struct base_buf *buf = base_buf_new(job->length);

	FUZZ_NEED(!store_image_read(host->store, job->index, buf->data,
				    job->length));
	node_copy_was_read(host->node, job->peer, job->index, job->length, buf,
			   base_crc32c(0, buf->data, job->length), 0);
}

static void do_image(struct host *host, struct host_job *job)
{
	uint64_t base = 0;

	switch (job->kind) {
	case HOST_APPLY:
		if (!done(host,
			  store_apply(host->store, job->entries, job->count)))
			return;
		node_applied(host->node, job->index);
		break;
	case HOST_CHECKPOINT:
		if (!done(host, store_checkpoint(host->store, &job->checkpoint,
						 &base)))
			return;
		node_checkpointed(host->node, job->checkpoint.applied, base);
		break;
	case HOST_LOG_READ:
		read_log(host, job);
		break;
	case HOST_COPY_READ:
		read_copy(host, job);
		break;
	default:
		if (!done(host, store_image_write(host->store, job->index,
						  job->data, job->length)))
			return;
		node_copy_written(host->node, job->index, job->length);
		break;
	}
}

void host_work(struct host *host, struct host_queue *queue, unsigned int count)
{
	while (count-- && queue->count) {
		struct host_job *job = queue->jobs[0];

		queue->count--;
		memmove(queue->jobs, queue->jobs + 1,
			queue->count * sizeof(queue->jobs[0]));
		if (host->failed)
			; /* as qbdd does: no answer any more */
		else if (queue == &host->log)
			do_log(host, job);
		else
			do_image(host, job);
		job_free(job);
	}
}

/* What was acknowledged never goes back, nor does the term. */
static void check(struct host *host)
{
	struct node_view view;

	node_view(host->node, host->now_us, &view);
	FUZZ_NEED(view.term >= host->term);
	FUZZ_NEED(view.commit >= host->commit);
	FUZZ_NEED(view.applied >= host->applied);
	FUZZ_NEED(view.base <= view.applied && view.applied <= view.last);
	FUZZ_NEED(view.commit <= view.last && view.durable <= view.last);
	FUZZ_NEED(!host->lease_us || view.role == RAFT_LEADER ||
		  host->lease_us <= host->now_us);
	host->term = view.term;
	host->commit = view.commit;
	host->applied = view.applied;
}

void host_pump(struct host *host)
{
	node_pump(host->node, host->now_us, host->now_us);
	check(host);
}

struct raft_members host_members(unsigned int count)
{
	struct raft_members members = { .roles = 0 };
	unsigned int i;

	for (i = 0; i < count; i++)
		raft_members_set(&members, i + 1, RAFT_MEMBER_VOTER);
	if (count == HOST_NODES) {
		raft_members_set(&members, HOST_NODES - 1, RAFT_MEMBER_LEARNER);
		raft_members_set(&members, HOST_NODES, RAFT_MEMBER_WITNESS);
	}
	return members;
}

static void member(struct host *host, unsigned int members)
{
	struct node_config config = {
		.raft = { .id = 1 },
		.volume_bytes = identity.volume_bytes,
		.align = 512,
	};
	struct base_error error;
	struct store_boot boot;
	unsigned int i;

	FUZZ_NEED(!store_open(disk_io(disk), &identity, false, &host->store,
			      &boot, &error));
	config.raft.members = host_members(members);
	for (i = 0; i < HOST_NODES; i++)
		config.nodes[config.node_count++] = i + 1;
	config.raft.election_timeout_us = 300000;
	config.raft.heartbeat_us = 60000;
	config.raft.drift_ppm = 1000;
	host->node = node_new(&config, &boot, &ops, host, host->now_us, 7);
	FUZZ_NEED(host->node);
}

static void queue_clear(struct host_queue *queue)
{
	while (queue->count)
		job_free(queue->jobs[--queue->count]);
}

static void end(struct host *host)
{
	node_free(host->node);
	store_close(host->store);
	queue_clear(&host->log);
	queue_clear(&host->image);
	host->lease_us = 0;
	host->failed = false;
	host->disk_fails = false;
	disk_fail(disk, 0, 0);
}

/* @crash: with the power, so that what is not durable is lost */
void host_restart(struct host *host, bool crash, unsigned int members)
{
	end(host);
	if (crash)
		disk_crash(disk, DISK_CRASH_LOSE_ALL);
	host->commit = 0;
	host->applied = 0;
	host->term = host->saved_term;
	member(host, members);
}

/* Ten entries of term 1, all applied. */
static void grow_old(void)
{
	struct raft_hard_state state = { .term = 1, .vote = 2, .joined = true };
	struct store_checkpoint checkpoint = {
		.applied = 10,
		.applied_term = 1,
		.standing.members = host_members(3),
	};
	struct raft_entry *entry;
	struct base_error error;
	struct store_boot boot;
	struct store *store;
	uint64_t index, base;

	FUZZ_NEED(!store_open(disk_io(old), &identity, false, &store, &boot,
			      &error));
	FUZZ_NEED(!store_state_save(store, &state));
	for (index = 1; index <= 10; index++) {
		entry = raft_entry_new();
		entry->index = index;
		entry->term = 1;
		entry->op = RAFT_OP_NOOP;
		entry->standing = checkpoint.standing;
		FUZZ_NEED(!store_log_append(store, &entry, 1));
		raft_entry_put(entry);
	}
	FUZZ_NEED(!store_log_sync(store));
	FUZZ_NEED(!store_checkpoint(store, &checkpoint, &base));
	store_close(store);
	store_boot_free(&boot);
}

static void make_disks(void)
{
	identity = rig_identity(512);
	blank = disk_new(rig_disk_bytes(), 512, 1);
	old = disk_new(rig_disk_bytes(), 512, 2);
	disk = disk_new(rig_disk_bytes(), 512, 3);
	FUZZ_NEED(!store_format(disk_io(blank), &identity, false, NULL, NULL,
				NULL));
	disk_crash(blank, DISK_CRASH_KEEP_ALL);
	disk_copy(old, blank);
	grow_old();
	disk_crash(old, DISK_CRASH_KEEP_ALL);
}

void host_start(struct host *host, bool veteran, unsigned int members)
{
	unsigned int i;

	if (!disk)
		make_disks();
	memset(host, 0, sizeof(*host));
	host->now_us = 1000000;
	for (i = 1; i <= 10 && veteran; i++)
		host->terms[i] = 1;
	disk_copy(disk, veteran ? old : blank);
	member(host, members);
}

void host_stop(struct host *host)
{
	end(host);
}
