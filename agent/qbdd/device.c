// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's hold on /dev/qbdN.  Loop thread, but for two things: what a
 * start does, and what asks the kernel for answers.  /sys, /dev and netlink's
 * commands (all families share a lock for them) belong to the device helper,
 * again_run() and remove_run(), which must not touch the node, nor the session
 * that is in use.
 *
 * The device outlives its agent, so a start finds it there or makes it.  While
 * it is there the module claims the replica exclusively; the store opens it
 * beside that claim.
 *
 * When the session ends at run time because the device was removed, the node
 * continues as a replica, and the device is made and bound again after a delay
 * that grows to a bound: a running daemon has a device.  To remove it for good,
 * stop the daemon (qbd down).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/size.h"
#include "qbdd/loopdev.h"
#include "qbdd/qbdd.h"

static uint16_t request_op(uint16_t op)
{
	switch (op) {
	case QBD_OP_WRITE:
		return NODE_REQ_WRITE;
	case QBD_OP_WRITE_ZEROES:
	case QBD_OP_DISCARD:
		return NODE_REQ_ZERO;
	case QBD_OP_FLUSH:
		return NODE_REQ_FLUSH;
	case QBD_OP_OPEN:
		return NODE_REQ_OPEN;
	case QBD_OP_CLOSE:
		return NODE_REQ_CLOSE;
	default:
		return 0;
	}
}

static void take_request(void *context, const struct qbd_req *req,
			 struct base_buf *buf, const uint8_t *data)
{
	struct qbdd *daemon = context;
	struct node_request request = {
		.tag = req->tag,
		.epoch = req->epoch,
		.op = request_op(req->op),
		.offset = req->offset,
		.length = req->length,
		.data = req->data_bytes ? data : NULL,
		.buf = req->data_bytes ? buf : NULL,
	};

	if (!request.op)
		nl_session_done(daemon->session, req->tag, req->epoch,
				-EOPNOTSUPP);
	else
		node_request(daemon->node, &request);
}

static void take_replica_error(void *context, const struct qbd_req *req)
{
	char text[128];

	snprintf(text, sizeof(text), "reading %u bytes at %llu", req->length,
		 (unsigned long long)req->offset);
	qbdd_disk_failed(context, text);
}

static const struct nl_session_ops session_ops = {
	.request = take_request,
	.replica_error = take_replica_error,
};

static bool same_disk(const char *one, const char *other)
{
	struct stat a, b;

	if (stat(one, &a) || stat(other, &b))
		return false;
	return S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode) &&
	       a.st_rdev == b.st_rdev;
}

/* A device that an earlier daemon made must be the one we would make. */
static int check_found(struct qbdd *daemon, const struct nl_device *found,
		       struct base_error *error)
{
	char there[BASE_SIZE_TEXT_MAX], wanted[BASE_SIZE_TEXT_MAX];
	const struct conf *conf = &daemon->conf;

	if (!same_disk(found->replica, daemon->disk))
		return base_error_set(
			error, -EINVAL,
			"volume %s: its device /dev/qbd%u reads from %s, but "
			"the configuration says %s; qbd down %s removes it",
			conf->volume, found->minor, found->replica,
			daemon->disk, conf->volume);
	if (found->size_bytes != conf->size_bytes ||
	    found->block_size != conf->block_size)
		return base_error_set(
			error, -EINVAL,
			"volume %s: its device /dev/qbd%u has %s in blocks of "
			"%u bytes, the configuration says %s and %u; qbd down "
			"%s removes it",
			conf->volume, found->minor,
			base_size_text(found->size_bytes, there),
			found->block_size,
			base_size_text(conf->size_bytes, wanted),
			conf->block_size, conf->volume);
	if (found->io_timeout_ms == conf->io_timeout_ms)
		return 0;
	return nl_device_set_timeout(daemon->admin, conf->volume,
				     conf->io_timeout_ms, error);
}

int qbdd_device_check_offset(const struct qbdd *daemon, uint64_t reads_from,
			     uint64_t data_offset, struct base_error *error)
{
	const char *volume = daemon->conf.volume;

	if (reads_from == data_offset)
		return 0;
	return base_error_set(
		error, -EINVAL,
		"volume %s: its device reads %s from byte %llu on, but the "
		"replica's data area begins at %llu; qbd down %s removes it",
		volume, daemon->disk, (unsigned long long)reads_from,
		(unsigned long long)data_offset, volume);
}

static int make_device(struct qbdd *daemon, struct base_error *error)
{
	const struct conf *conf = &daemon->conf;
	struct nl_device_new what = {
		.name = conf->volume,
		.replica = daemon->disk,
		.data_offset = daemon->data_offset,
		.size_bytes = conf->size_bytes,
		.block_size = conf->block_size,
		.io_timeout_ms = conf->io_timeout_ms,
		.minor = daemon->self->minor,
	};
	uint32_t minor;
	int code = nl_device_new(daemon->admin, &what, &minor, error);

	if (!code)
		base_log(BASE_LOG_NOTICE,
			 "event=device-made device=/dev/qbd%u replica=%s",
			 minor, daemon->disk);
	return code;
}

/* The replicas of other volumes are claimed by the module, which shows nowhere. */
static int disks_busy(struct qbdd *daemon, struct base_error *error)
{
	const char *const disks[] = { daemon->disk, daemon->self->meta_disk };
	char holder[256];
	unsigned int i;

	for (i = 0; i < 2 && error->code == -EBUSY; i++) {
		if (!*disks[i])
			continue;
		nl_replica_holder(disks[i], holder, sizeof(holder));
		if (*holder)
			return base_error_set(error, -EBUSY, "%s: %s", disks[i],
					      holder);
	}
	return error->code;
}

/*
 * The disks must not be in use, and must be this volume's replica.  They are
 * closed again, because the module's claim of the first excludes ours.
 */
static int check_disks(struct qbdd *daemon, struct base_error *error)
{
	const char *meta_disk = daemon->self->meta_disk;
	struct store_identity identity, expected;
	struct store_io *io = store_io_open_both(daemon->disk, meta_disk,
						 STORE_IO_CLAIM, error);
	char disks[QBD_DISKS_TEXT_MAX];
	struct base_error why;
	int code;

	if (!io)
		return disks_busy(daemon, error);
	qbdd_expected(daemon, &expected);
	code = store_check(io, &expected, &identity, &why);
	io->ops->close(io);
	if (code)
		return base_error_set(error, code, "%s: %s",
				      conf_disks_text(daemon->disk, meta_disk,
						      disks, sizeof(disks)),
				      why.text);
	daemon->data_offset = identity.data_offset;
	return 0;
}

int qbdd_device_prepare(struct qbdd *daemon, struct base_error *error)
{
	struct nl_device found;
	int code;

	code = nl_admin_open(&daemon->admin, error);
	if (code)
		return code;
	daemon->disk_fd = loopdev_open(daemon->self->disk, daemon->disk,
				       sizeof(daemon->disk), error);
	if (daemon->disk_fd < 0)
		return daemon->disk_fd;
	code = nl_device_get(daemon->admin, daemon->conf.volume, &found, error);
	if (!code) {
		daemon->data_offset = found.data_offset;
		return check_found(daemon, &found, error);
	}
	if (code != -ENODEV)
		return code;
	code = check_disks(daemon, error);
	if (code)
		return code;
	code = make_device(daemon, error);
	daemon->device_made = !code;
	return code;
}

void qbdd_device_unmake(struct qbdd *daemon)
{
	if (daemon->device_made)
		nl_device_del(daemon->admin, daemon->conf.volume, true, NULL);
	daemon->device_made = false;
}

static int open_session(struct qbdd *daemon, struct nl_session **session,
			struct nl_bound *bound, struct base_error *error)
{
	return nl_session_open(daemon->conf.volume, RCVBUF_BYTES, &session_ops,
			       daemon, session, bound, error);
}

/* The session is ours, or closed. */
static int take_session(struct qbdd *daemon, struct nl_session *session,
			const struct nl_bound *bound, struct base_error *error)
{
	int code = qbdd_loop_watch(daemon, nl_session_fd(session), LOOP_SESSION,
				   EPOLLIN);

	if (code) {
		nl_session_close(session);
		return base_error_set(error, code, "epoll: %s",
				      strerror(-code));
	}
	daemon->session = session;
	daemon->session_over = 0;
	daemon->device_problem[0] = '\0';
	daemon->device_delay_us = DEVICE_RETRY_MIN_US;
	base_log(BASE_LOG_NOTICE,
		 "event=device-bound device=/dev/qbd%u epoch=%lu writers=%u",
		 bound->minor, (unsigned long)bound->epoch, bound->writers);
	gate_told_set(&daemon->gate, QBD_GATE_SUSPENDED);
	node_bound(daemon->node, bound->epoch, bound->writers != 0,
		   bound->next_tag);
	return 0;
}

int qbdd_device_bind(struct qbdd *daemon, struct base_error *error)
{
	struct nl_session *session;
	struct nl_bound bound;
	int code = open_session(daemon, &session, &bound, error);

	return code ? code : take_session(daemon, session, &bound, error);
}

static void device_lost(struct qbdd *daemon, int code)
{
	base_log(BASE_LOG_WARNING,
		 "event=device-lost error=\"%s\" remedy=\"it is made again; to "
		 "remove it for good: qbd down %s\"",
		 strerror(-code), daemon->conf.volume);
	nl_session_close(daemon->session);
	daemon->session = NULL;
	daemon->session_over = 0;
	gate_told_set(&daemon->gate, QBD_GATE_DETACHED);
	node_unbound(daemon->node);
	daemon->device_delay_us = DEVICE_RETRY_MIN_US;
	daemon->device_retry_us = daemon->now_us + daemon->device_delay_us;
}

static void again_run(struct errand *errand)
{
	struct device_errand *work =
		base_container_of(errand, struct device_errand, errand);
	struct qbdd *daemon = work->daemon;
	struct nl_device found;
	int code;

	code = nl_device_get(daemon->admin, daemon->conf.volume, &found,
			     &work->error);
	if (code == -ENODEV)
		code = make_device(daemon, &work->error);
	else if (!code)
		code = check_found(daemon, &found, &work->error);
	if (!code)
		code = qbdd_device_check_offset(daemon, found.data_offset,
						daemon->data_offset,
						&work->error);
	if (!code)
		code = open_session(daemon, &work->session, &work->bound,
				    &work->error);
	work->code = code;
}

static void again_failed(struct qbdd *daemon, const struct base_error *error)
{
	char clean[sizeof(daemon->device_problem)];

	if (strncmp(daemon->device_problem, error->text,
		    sizeof(daemon->device_problem) - 1) != 0)
		base_log(BASE_LOG_ERROR,
			 "event=device-missing error=\"%s\" remedy=\"it is "
			 "tried again by itself; the replica serves its peers "
			 "meanwhile\"",
			 base_log_clean(error->text, clean, sizeof(clean)));
	snprintf(daemon->device_problem, sizeof(daemon->device_problem),
		 "%.255s", error->text);
	daemon->device_retry_us = daemon->now_us + daemon->device_delay_us;
	daemon->device_delay_us *= 2;
	if (daemon->device_delay_us > DEVICE_RETRY_MAX_US)
		daemon->device_delay_us = DEVICE_RETRY_MAX_US;
}

static void again_back(void *context, struct errand *errand)
{
	struct device_errand *work =
		base_container_of(errand, struct device_errand, errand);
	struct qbdd *daemon = context;

	work->busy = false;
	if (!work->code && daemon->stopping)
		nl_session_close(work->session);
	else if (!work->code)
		work->code = take_session(daemon, work->session, &work->bound,
					  &work->error);
	if (work->code)
		again_failed(daemon, &work->error);
}

static void put_errand(struct qbdd *daemon, struct device_errand *work,
		       void (*run)(struct errand *errand),
		       void (*back)(void *context, struct errand *errand))
{
	memset(work, 0, sizeof(*work));
	work->errand.run = run;
	work->errand.back = back;
	work->daemon = daemon;
	work->busy = true;
	helper_put(daemon->device_helper, &work->errand);
}

static void device_retry(struct qbdd *daemon)
{
	daemon->device_retry_us = 0;
	if (!daemon->device_again.busy)
		put_errand(daemon, &daemon->device_again, again_run,
			   again_back);
}

void qbdd_device_receive(struct qbdd *daemon)
{
	struct base_error error = { 0 };
	int code;

	if (!daemon->session)
		return;
	code = nl_session_receive(daemon->session, SESSION_MESSAGES_MAX,
				  &error);
	if (code < 0 && !daemon->session_over)
		daemon->session_over = code;
}

void qbdd_device_flush(struct qbdd *daemon)
{
	int code;

	if (daemon->session && !daemon->session_over) {
		code = nl_session_flush(daemon->session,
					node_dones_due(daemon->node));
		if (code)
			daemon->session_over = code;
	}
	/* By us, if so: the answer is on its way. */
	if (daemon->device_remove.busy)
		return;
	if (daemon->session && daemon->session_over)
		device_lost(daemon, daemon->session_over);
	if (!daemon->session && !daemon->stopping && daemon->device_retry_us &&
	    daemon->now_us >= daemon->device_retry_us)
		device_retry(daemon);
}

static void remove_run(struct errand *errand)
{
	struct device_errand *work =
		base_container_of(errand, struct device_errand, errand);
	struct qbdd *daemon = work->daemon;

	work->code = nl_device_del(daemon->admin, daemon->conf.volume, true,
				   &work->error);
}

static void remove_back(void *context, struct errand *errand)
{
	struct device_errand *work =
		base_container_of(errand, struct device_errand, errand);
	struct qbdd *daemon = context;

	work->busy = false;
	if (work->code == -ENODEV)
		work->code = 0;
	if (!work->code) {
		base_log(BASE_LOG_NOTICE, "event=device-removed");
		if (daemon->session) {
			nl_session_close(daemon->session);
			daemon->session = NULL;
			node_unbound(daemon->node);
		}
		daemon->device_retry_us = 0;
	}
	qbdd_command_removed(daemon, work->code, &work->error);
}

void qbdd_device_remove(struct qbdd *daemon)
{
	put_errand(daemon, &daemon->device_remove, remove_run, remove_back);
}
