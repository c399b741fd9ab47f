// SPDX-License-Identifier: GPL-2.0
/*
 * What the node wants done: jobs for the threads, messages for the peers,
 * answers for the device.  And the way back of the jobs.  Loop thread.
 *
 * Nothing in here calls the node but qbdd_jobs_take(): node/ forbids being
 * called back from its own operations.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/list.h"
#include "base/log.h"
#include "qbdd/qbdd.h"

static void thread_put(void *context, struct job *job)
{
	struct qbdd *daemon = context;
	struct worker *worker = job_is_log(job) ? &daemon->log : &daemon->image;

	qbdd_queue_put(&worker->in, &job->item);
	worker->wake = true;
}

static void job_put(struct qbdd *daemon, struct worker *worker, struct job *job)
{
	if (!worker->pending++)
		worker->waiting_us = daemon->now_us;
	if (daemon->lanes)
		lanes_put(daemon->lanes, job);
	else
		thread_put(daemon, job);
}

static void worker_wake(struct worker *worker)
{
	if (worker->wake)
		qbdd_queue_wake(&worker->in);
	worker->wake = false;
}

/* With nothing to write for a while, how far the log is durable is noted. */
static void log_note(struct qbdd *daemon)
{
	if (lanes_appended(daemon->lanes))
		daemon->note_us = daemon->now_us + NOTE_US;
	if (!daemon->note_us || daemon->now_us < daemon->note_us)
		return;
	daemon->note_us = 0;
	job_put(daemon, &daemon->log, job_new(&daemon->pool, JOB_NOTE));
}

static void ring_begin(struct qbdd *daemon)
{
	if (!ring_submit(daemon->ring))
		daemon->ring_ready = true; /* so the next turn comes at once */
}

void qbdd_jobs_log(struct qbdd *daemon)
{
	if (daemon->lanes) {
		lanes_run_log(daemon->lanes);
		log_note(daemon);
		ring_begin(daemon);
	}
	worker_wake(&daemon->log);
}

void qbdd_jobs_image(struct qbdd *daemon)
{
	if (daemon->lanes) {
		lanes_run_image(daemon->lanes);
		ring_begin(daemon);
	}
	worker_wake(&daemon->image);
}

static void put_entries(struct qbdd *daemon, struct worker *worker,
			enum job_type type, struct raft_entry *const *entries,
			unsigned int count, uint64_t seq)
{
	struct job *job;
	unsigned int i;

	while (count) {
		job = job_new(&daemon->pool, type);
		job->seq = seq;
		job->count = count < JOB_ENTRIES_MAX ? count : JOB_ENTRIES_MAX;
		for (i = 0; i < job->count; i++)
			job->entries[i] = raft_entry_get(entries[i]);
		entries += job->count;
		count -= job->count;
		job_put(daemon, worker, job);
	}
}

static void log_append(void *context, struct raft_entry *const *entries,
		       unsigned int count, uint64_t seq)
{
	struct qbdd *daemon = context;

	put_entries(daemon, &daemon->log, JOB_APPEND, entries, count, seq);
}

static void log_truncate(void *context, uint64_t index)
{
	struct qbdd *daemon = context;
	struct job *job = job_new(&daemon->pool, JOB_TRUNCATE);

	job->index = index;
	job_put(daemon, &daemon->log, job);
}

static void state_save(void *context, const struct raft_hard_state *state,
		       uint64_t seq)
{
	struct qbdd *daemon = context;
	struct job *job = job_new(&daemon->pool, JOB_STATE);

	job->state = *state;
	job->seq = seq;
	job_put(daemon, &daemon->log, job);
}

static void log_reset(void *context, const struct store_checkpoint *base)
{
	struct qbdd *daemon = context;
	struct job *job = job_new(&daemon->pool, JOB_RESET);

	job->checkpoint = *base;
	job_put(daemon, &daemon->log, job);
}

static void apply(void *context, struct raft_entry *const *entries,
		  unsigned int count)
{
	struct qbdd *daemon = context;
	struct job *job = job_new(&daemon->pool, JOB_APPLY);
	unsigned int i;

	/* One answer per call is counted on. */
	job->count = count;
	for (i = 0; i < count; i++)
		job->entries[i] = raft_entry_get(entries[i]);
	job_put(daemon, &daemon->image, job);
}

static void checkpoint(void *context, const struct store_checkpoint *what)
{
	struct qbdd *daemon = context;
	struct job *job = job_new(&daemon->pool, JOB_CHECKPOINT);

	job->checkpoint = *what;
	job_put(daemon, &daemon->image, job);
}

static void log_read(void *context, uint32_t peer, uint64_t first,
		     unsigned int count)
{
	struct qbdd *daemon = context;
	struct job *job = job_new(&daemon->pool, JOB_LOG_READ);

	job->peer = peer;
	job->index = first;
	job->length = count < JOB_ENTRIES_MAX ? count : JOB_ENTRIES_MAX;
	job_put(daemon, &daemon->image, job);
}

static void copy_read(void *context, uint32_t peer, uint64_t offset,
		      uint32_t length)
{
	struct qbdd *daemon = context;
	struct job *job = job_new(&daemon->pool, JOB_COPY_READ);

	job->peer = peer;
	job->offset = offset;
	job->length = length;
	job_put(daemon, &daemon->image, job);
}

static void copy_write(void *context, uint64_t offset, uint32_t length,
		       const uint8_t *data, struct base_buf *buf)
{
	struct qbdd *daemon = context;
	struct job *job = job_new(&daemon->pool, JOB_COPY_WRITE);

	job->offset = offset;
	job->length = length;
	job->data = data;
	job->buf = data ? base_buf_get(buf) : NULL;
	job_put(daemon, &daemon->image, job);
}

static int send_peer(void *context, uint32_t peer, const struct wire_msg *msg)
{
	struct qbdd *daemon = context;

	return net_send(daemon->net, peer, msg);
}

static uint32_t queued(void *context, uint32_t peer)
{
	struct qbdd *daemon = context;

	return net_queued_bytes(daemon->net, peer);
}

static void done(void *context, uint64_t tag, uint64_t epoch, int error)
{
	struct qbdd *daemon = context;

	if (daemon->session)
		nl_session_done(daemon->session, tag, epoch, error);
}

static void device_is_applied(void *context, uint64_t tag)
{
	struct qbdd *daemon = context;

	if (daemon->session)
		nl_session_applied(daemon->session, tag);
}

static void device_is_received(void *context, uint64_t tag)
{
	struct qbdd *daemon = context;

	if (daemon->session)
		nl_session_received(daemon->session, tag);
}

/* A session that is over has no gate open: the module saw to that. */
static void session_result(struct qbdd *daemon, int code)
{
	if (code && !daemon->session_over)
		daemon->session_over = code;
}

/* While the opening is fenced the module minds no lease; the observer looks then. */
static void gate_changed(struct qbdd *daemon, enum qbd_gate gate,
			 const char *reason)
{
	enum qbd_gate old =
		(enum qbd_gate)(gate_told_look(&daemon->gate) & 0xff);

	if (old == gate || old == QBD_GATE_FENCED || !daemon->session)
		return;
	old = gate_told_set(&daemon->gate, gate);
	base_log(BASE_LOG_NOTICE, "event=gate old=%s new=%s reason=\"%s\"",
		 nl_gate_text(old), nl_gate_text(gate),
		 reason[0] ? reason : "this node leads and has a lease");
	observer_wake(daemon->observer);
}

static void lease(void *context, uint64_t until_us, const char *reason)
{
	struct qbdd *daemon = context;

	if (daemon->session && !daemon->session_over)
		session_result(daemon,
			       nl_session_lease(daemon->session,
						until_us * 1000, reason));
	gate_changed(daemon, until_us ? QBD_GATE_ACTIVE : QBD_GATE_SUSPENDED,
		     reason);
}

static void fence(void *context, const char *reason)
{
	struct qbdd *daemon = context;

	if (daemon->session && !daemon->session_over)
		session_result(daemon,
			       nl_session_fence(daemon->session, reason));
	observer_wake(daemon->observer);
}

static void event(void *context, int level, const char *text)
{
	struct qbdd *daemon = context;
	char named[BASE_LOG_LINE_MAX];
	struct node_view view;

	events_put_names(&daemon->conf, text, named, sizeof(named));
	if (!daemon->node) { /* still in node_new() */
		base_log((enum base_log_level)level, "%s", named);
		return;
	}
	node_view(daemon->node, daemon->now_us, &view);
	base_log((enum base_log_level)level, "%s term=%lu index=%lu", named,
		 (unsigned long)view.term, (unsigned long)view.last);
	daemon->published_us = 0; /* a picture of it, at the end of this turn */
	observer_wake(daemon->observer);
}

const struct node_ops qbdd_node_ops = {
	.log_append = log_append,
	.log_truncate = log_truncate,
	.state_save = state_save,
	.log_reset = log_reset,
	.apply = apply,
	.checkpoint = checkpoint,
	.log_read = log_read,
	.copy_read = copy_read,
	.copy_write = copy_write,
	.send = send_peer,
	.queued = queued,
	.done = done,
	.device_applied = device_is_applied,
	.device_received = device_is_received,
	.lease = lease,
	.fence = fence,
	.event = event,
};

void qbdd_disk_failed(struct qbdd *daemon, const char *text)
{
	if (daemon->disk_failed)
		return;
	daemon->disk_failed = true;
	node_disk_failed(daemon->node, text);
}

/* An entry list that was read belongs to the node from here on. */
static void log_was_read(struct qbdd *daemon, struct job *job)
{
	node_log_was_read(daemon->node, job->peer, job->index, job->entries,
			  job->error ? 0 : job->count, job->error);
	if (!job->error)
		job->count = 0;
}

static void copy_was_read(struct qbdd *daemon, struct job *job)
{
	struct base_buf *buf = job->buf;

	job->buf = NULL;
	node_copy_was_read(daemon->node, job->peer, job->offset, job->length,
			   buf, job->crc, job->error);
}

/* Only what succeeded, but for reads, whose failure is the node's business. */
static void job_answer(struct qbdd *daemon, struct job *job)
{
	struct node *node = daemon->node;

	if (job->type == JOB_LOG_READ) {
		log_was_read(daemon, job);
		return;
	}
	if (job->type == JOB_COPY_READ) {
		copy_was_read(daemon, job);
		return;
	}
	if (job->error)
		return;
	switch (job->type) {
	case JOB_STATE:
		node_state_saved(node, job->seq);
		break;
	case JOB_RESET:
		node_log_was_reset(node);
		break;
	case JOB_APPLY:
		node_applied(node, job->entries[job->count - 1]->index);
		break;
	case JOB_CHECKPOINT:
		node_checkpointed(node, job->checkpoint.applied,
				  job->base_index);
		break;
	case JOB_COPY_WRITE:
		node_copy_written(node, job->offset, job->length);
		break;
	default:
		break;
	}
}

static void job_blame(struct qbdd *daemon, const struct job *job)
{
	char text[256];

	if (!job->failed)
		return;
	snprintf(text, sizeof(text), "%.100s: %s: %s", daemon->disk,
		 job->failed, strerror(-job->error));
	qbdd_disk_failed(daemon, text);
}

static void durable_tell(struct qbdd *daemon)
{
	struct qbdd_durable *durable = &daemon->durable;

	if (durable->index)
		node_log_durable(daemon->node, durable->index, durable->term,
				 durable->seq);
	durable->index = 0;
}

static void job_returned(void *context, struct job *job)
{
	struct qbdd *daemon = context;
	struct qbdd_durable *durable = &daemon->durable;
	struct worker *worker = job_is_log(job) ? &daemon->log : &daemon->image;
	const struct raft_entry *last;

	worker->waiting_us = --worker->pending ? daemon->now_us : 0;
	if (job->type == JOB_APPEND && !job->error) {
		last = job->entries[job->count - 1];
		durable->index = last->index;
		durable->term = last->term;
		durable->seq = job->seq;
	} else if (job_is_log(job)) {
		durable_tell(daemon);
	}
	job_answer(daemon, job);
	job_blame(daemon, job);
	job_free(&daemon->pool, job);
}

/* A piece's size fits into an int, see store_piece. */
static void ring_written(void *context, void *cookie, int result)
{
	struct qbdd *daemon = context;
	struct lane_write *write = cookie;

	if (result >= 0 && (size_t)result == write->piece->bytes)
		result = 0;
	else if (result >= 0)
		result = -EIO; /* beyond the end: it has shrunk */
	lanes_written(daemon->lanes, write, result);
}

void qbdd_jobs_take(struct qbdd *daemon)
{
	struct qbdd_item *item;
	struct qbdd_list list;
	struct job *job;

	if (daemon->ring &&
	    (daemon->ring_ready || ring_has_work(daemon->ring))) {
		daemon->ring_ready = false;
		ring_reap(daemon->ring, ring_written, daemon);
	}
	if (qbdd_queue_take(&daemon->done, &list)) {
		while ((item = qbdd_list_next(&list))) {
			job = base_container_of(item, struct job, item);
			if (daemon->lanes)
				lanes_returned(daemon->lanes, job);
			job_returned(daemon, job);
		}
	}
	durable_tell(daemon);
}

static void begin_write(void *context, struct lane_write *write)
{
	struct qbdd *daemon = context;

	ring_write(daemon->ring, write->piece, write->is_log, write);
}

static const struct lanes_ops lanes_ops = {
	.write = begin_write,
	.thread = thread_put,
	.done = job_returned,
};

/* A flush that one append has for itself, another would have shared. */
static unsigned int appends_max(const struct qbdd *daemon)
{
	return store_io_volatile_cache(daemon->io) ? 2 : LANES_APPENDS_MAX;
}

int qbdd_lanes_open(struct qbdd *daemon)
{
	int code = ring_open(store_io_fd(daemon->io), &daemon->ring);

	if (code)
		goto fail;
	code = -ENOMEM;
	daemon->lanes = lanes_new(daemon->store, appends_max(daemon),
				  &lanes_ops, daemon);
	if (daemon->lanes)
		code = qbdd_loop_watch(daemon, ring_fd(daemon->ring), LOOP_RING,
				       EPOLLIN | EPOLLET);
	if (!code)
		return 0;
	qbdd_lanes_close(daemon);
fail:
	base_log(BASE_LOG_WARNING,
		 "event=no-io-uring error=\"%s\" remedy=\"allow it, see sysctl "
		 "kernel.io_uring_disabled; without it writes take longer\"",
		 strerror(-code));
	return code;
}

void qbdd_lanes_close(struct qbdd *daemon)
{
	ring_close(daemon->ring);
	daemon->ring = NULL;
	lanes_free(daemon->lanes, &daemon->pool);
	daemon->lanes = NULL;
}

/* At the end: what came back too late to matter. */
void qbdd_jobs_drop(struct qbdd *daemon)
{
	struct qbdd_item *item;
	struct qbdd_list list;

	if (!qbdd_queue_take(&daemon->done, &list))
		return;
	while ((item = qbdd_list_next(&list)))
		job_free(&daemon->pool,
			 base_container_of(item, struct job, item));
}
