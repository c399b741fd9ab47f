// SPDX-License-Identifier: GPL-2.0
/* See host.h. */
#include "rig/host.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "rig/input.h"

static struct disk *blank, *old, *disk;
static struct store_identity identity;

static void note_terms(struct host *host, const struct store_job *job)
{
	unsigned int i;

	for (i = 0; i < job->count; i++)
		host->terms[job->entries[i]->index % HOST_TERMS] =
			job->entries[i]->term;
}

static void op_begin(void *context, struct store_job *job)
{
	struct host *host = context;
	struct host_queue *queue = store_job_is_log(job) ? &host->log :
							   &host->image;

	FUZZ_NEED(queue->count < HOST_JOBS_MAX);
	queue->jobs[queue->count++] = job;
	if (job->type == STORE_JOB_APPEND)
		note_terms(host, job);
	if (job->type != STORE_JOB_RESET)
		return;
	host->terms[job->checkpoint.applied % HOST_TERMS] =
		job->checkpoint.applied_term;
	/* It may begin anew further back. */
	host->commit = 0;
	host->applied = 0;
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
	.begin = op_begin,
	.send = op_send,
	.queued = op_queued,
	.done = op_done,
	.device_applied = op_tag,
	.device_received = op_tag,
	.lease = op_lease,
	.fence = op_fence,
	.event = op_event,
};

void host_disk_fails(struct host *host, unsigned int after)
{
	host->disk_fails = true;
	disk_fail(disk, DISK_WRITE | DISK_SYNC, 1 + after);
}

/* The disk may fail, which is final; nothing else may go wrong. */
static void check_job(struct host *host, const struct store_job *job)
{
	if (!job->error || job->type == STORE_JOB_LOG_READ)
		return;
	FUZZ_NEED(job->error == -EIO && host->disk_fails &&
		  job->type != STORE_JOB_COPY_READ);
	if (!host->failed)
		node_disk_failed(host->node, store_failure(host->store));
	host->failed = true;
}

void host_work(struct host *host, struct host_queue *queue, unsigned int count)
{
	while (count-- && queue->count) {
		struct store_job *job = queue->jobs[0];

		queue->count--;
		memmove(queue->jobs, queue->jobs + 1,
			queue->count * sizeof(queue->jobs[0]));
		job->next = NULL;
		FUZZ_NEED(!store_job_run(host->store, job));
		check_job(host, job);
		if (job->type == STORE_JOB_STATE && !job->error)
			host->saved_term = job->state.term;
		node_job_done(host->node, job);
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

/* Nobody has anything to remember of the other: nothing is in their way. */
void host_link_up(struct host *host, uint32_t peer)
{
	struct wire_msg msg = { .type = WIRE_LIFE };

	node_link(host->node, peer, true);
	msg.life.flags = WIRE_LIFE_JUDGED | WIRE_LIFE_NOTED;
	msg.life.life = (struct raft_life){ 1, 1 };
	node_recv(host->node, peer, &msg, host->now_us, 1);
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
	for (i = 2; i <= HOST_NODES; i++)
		host_link_up(host, i);
}

static void queue_clear(struct host_queue *queue)
{
	while (queue->count)
		store_job_free(queue->jobs[--queue->count]);
}

static void end(struct host *host)
{
	queue_clear(&host->log);
	queue_clear(&host->image);
	node_free(host->node);
	store_close(host->store);
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
