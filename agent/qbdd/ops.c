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

static struct worker *worker_of(struct qbdd *daemon,
				const struct store_job *job)
{
	return store_job_is_log(job) ? &daemon->log : &daemon->image;
}

static void thread_put(void *context, struct store_job *job)
{
	worker_put(worker_of(context, job), job);
}

static void job_begin(void *context, struct store_job *job)
{
	struct qbdd *daemon = context;
	struct worker *worker = worker_of(daemon, job);

	if (!worker->pending++)
		worker->waiting_us = daemon->now_us;
	if (job->type == STORE_JOB_APPEND)
		daemon->note_us = daemon->now_us + NOTE_US;
	if (daemon->lanes)
		lanes_put(daemon->lanes, job);
	else
		thread_put(daemon, job);
}

/* With nothing to write for a while, how far the log is durable is noted. */
static void log_note(struct qbdd *daemon)
{
	struct store_job *note = &daemon->note;

	if (!daemon->note_us || daemon->now_us < daemon->note_us ||
	    daemon->noting)
		return;
	daemon->note_us = 0;
	daemon->noting = true;
	note->number = NODE_JOBS_MAX; /* behind the node's */
	note->type = STORE_JOB_NOTE;
	note->error = 0;
	note->failed = NULL;
	job_begin(daemon, note);
}

static void ring_begin(struct qbdd *daemon)
{
	if (!ring_submit(daemon->ring))
		daemon->ring_ready = true; /* do not sleep */
}

void qbdd_jobs_log(struct qbdd *daemon)
{
	log_note(daemon);
	if (daemon->lanes) {
		lanes_run_log(daemon->lanes);
		ring_begin(daemon);
	}
	worker_wake(&daemon->log);
}

void qbdd_jobs_image(struct qbdd *daemon)
{
	if (daemon->lanes) {
		daemon->image_held =
			lanes_run_image(daemon->lanes,
					node_all_answered(daemon->node));
		ring_begin(daemon);
	}
	worker_wake(&daemon->image);
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
	daemon->published_us = 0; /* publish it at the end of this iteration */
	observer_wake(daemon->observer);
}

const struct node_ops qbdd_node_ops = {
	.begin = job_begin,
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

static void job_blame(struct qbdd *daemon, const struct store_job *job)
{
	const char *disk = job->failed_disk ? daemon->self->meta_disk :
					      daemon->disk;
	char text[256];

	if (!job->failed)
		return;
	snprintf(text, sizeof(text), "%s%.100s: %s: %s",
		 job->failed_disk ? "meta-disk " : "", disk, job->failed,
		 strerror(-job->error));
	qbdd_disk_failed(daemon, text);
}

static void job_returned(void *context, struct store_job *job)
{
	struct qbdd *daemon = context;
	struct worker *worker = worker_of(daemon, job);

	worker->waiting_us = --worker->pending ? daemon->now_us : 0;
	job_blame(daemon, job);
	if (job == &daemon->note)
		daemon->noting = false;
	else
		node_job_done(daemon->node, job);
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
	struct store_job *job;

	if (daemon->ring &&
	    (daemon->ring_ready || ring_has_work(daemon->ring))) {
		daemon->ring_ready = false;
		ring_reap(daemon->ring, ring_written, daemon);
	}
	if (qbdd_queue_take(&daemon->done, &list)) {
		while ((item = qbdd_list_next(&list))) {
			job = base_container_of(item, struct worker_item, item)
				      ->job;
			if (daemon->lanes)
				lanes_returned(daemon->lanes, job);
			job_returned(daemon, job);
		}
	}
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
	const struct store_io *log =
		store_io_disk(daemon->io, store_log_disk(daemon->store));

	return store_io_volatile_cache(log) ? 2 : LANES_APPENDS_MAX;
}

int qbdd_lanes_open(struct qbdd *daemon)
{
	const int disks[] = {
		store_io_fd(store_io_disk(daemon->io, 0)),
		store_io_fd(store_io_disk(daemon->io, 1)),
	};
	int code = ring_open(disks, daemon->io->second_size ? 2 : 1,
			     &daemon->ring);

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
	lanes_free(daemon->lanes);
	daemon->lanes = NULL;
}

/* At the end: what came back too late to matter. */
void qbdd_jobs_drop(struct qbdd *daemon)
{
	struct qbdd_item *item;
	struct qbdd_list list;
	struct store_job *job;

	if (!qbdd_queue_take(&daemon->done, &list))
		return;
	while ((item = qbdd_list_next(&list))) {
		job = base_container_of(item, struct worker_item, item)->job;
		if (job != &daemon->note)
			store_job_free(job);
	}
}
