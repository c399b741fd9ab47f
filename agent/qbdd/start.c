// SPDX-License-Identifier: GPL-2.0
/*
 * Beginning and end of the daemon, in order.  All or nothing: a start that fails
 * leaves no device that it made, no socket, and the disk as it was.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <urcu/urcu-memb.h>

#include "base/crc.h"
#include "base/log.h"
#include "qbdd/logger.h"
#include "qbdd/memory.h"
#include "qbdd/notify.h"
#include "qbdd/qbdd.h"
#include "qbdd/watch.h"

static void link_changed(void *context, uint32_t peer, bool up)
{
	struct qbdd *daemon = context;

	struct net_peer_view view;

	net_peer(daemon->net, peer, &view);
	events_link(&daemon->events, peer, up, view.problem, daemon->now_us);
	node_peer_differs(daemon->node, peer, view.differs);
	node_link(daemon->node, peer, up);
	daemon->published_us = 0; /* publish it at the end of this iteration */
}

/* The time is read now: raft.h counts on its being after the arrival. */
static void received(void *context, uint32_t peer, struct wire_msg *msg)
{
	struct qbdd *daemon = context;

	daemon->now_us = qbdd_now_us();
	node_recv(daemon->node, peer, msg, daemon->now_us, qbdd_random(daemon));
}

static void writable(void *context, uint32_t peer)
{
	/* node_pump() follows anyway, and sends on. */
}

static void refused(void *context, const char *who, const char *why)
{
	static const char refuses[] = "it refuses: ";
	bool it_does = strncmp(why, refuses, strlen(refuses)) == 0;
	char clean_who[160], clean[BASE_LOG_LINE_MAX];

	base_log_clean(who, clean_who, sizeof(clean_who));
	base_log_clean(it_does ? why + strlen(refuses) : why, clean,
		       sizeof(clean));
	if (it_does)
		base_log(BASE_LOG_ERROR,
			 "event=refused-by who=\"%s\" reason=\"%s\"", clean_who,
			 clean);
	else
		base_log(BASE_LOG_WARNING,
			 "event=peer-refused who=\"%s\" reason=\"%s\"",
			 clean_who, clean);
}

static void say(void *context, int level, const char *text)
{
	base_log((enum base_log_level)level, "%s", text);
}

static void listening(void *context, const char *problem)
{
	if (*problem)
		base_log(BASE_LOG_WARNING, "event=listen-problem what=\"%s\"",
			 problem);
	else
		base_log(BASE_LOG_NOTICE, "event=listens");
}

static void resolve(void *context, uint32_t id, const char *address)
{
	struct qbdd *daemon = context;

	resolver_ask(daemon->resolver, id, address);
}

static void resolved(void *context, uint32_t id,
		     const struct net_addresses *addresses, const char *problem)
{
	struct qbdd *daemon = context;

	if (daemon->net) /* else the start fails */
		net_resolved(daemon->net, id, addresses, problem);
}

static const struct resolver_ops resolver_ops = {
	.look_up = net_resolve,
	.resolved = resolved,
};

/* Of all nodes: where both ends of a connection differ, people are told. */
static uint32_t members_crc(const struct conf *conf)
{
	uint32_t crc = 0;
	unsigned int i;

	for (i = 0; i < conf->node_count; i++) {
		const struct conf_node *node = &conf->nodes[i];
		const uint8_t id[4] = { node->id & 0xff, node->id >> 8 & 0xff,
					node->id >> 16 & 0xff, node->id >> 24 };

		crc = base_crc32c(crc, id, sizeof(id));
		crc = base_crc32c(crc, node->name, strlen(node->name) + 1);
	}
	return crc;
}

static int open_net(struct qbdd *daemon, uint64_t incarnation,
		    struct base_error *error)
{
	const struct conf *conf = &daemon->conf;
	struct net_config config = {
		.epoll_fd = daemon->epoll_fd,
		.hello = {
			.version_min = WIRE_VERSION_MIN,
			.version_max = WIRE_VERSION_MAX,
			.from = daemon->self->id,
			.volume_bytes = conf->size_bytes,
			.block_size = conf->block_size,
			.members_crc = members_crc(conf),
			.election_timeout_ms = conf->election_timeout_ms,
			.incarnation = incarnation,
		},
		.link = link_changed,
		.received = received,
		.writable = writable,
		.refused = refused,
		.listening = listening,
		.resolve = resolve,
		.context = daemon,
	};
	unsigned int i;

	daemon->resolver = resolver_new(&resolver_ops, &daemon->errands);
	if (!daemon->resolver)
		return base_error_set(error, -ENOMEM, "out of memory");
	memcpy(config.hello.volume_id, conf->volume_id,
	       sizeof(config.hello.volume_id));
	strcpy(config.hello.volume_name, conf->volume);
	strcpy(config.hello.node_name, daemon->self->name);
	strcpy(config.listen, daemon->self->address);
	for (i = 0; i < conf->node_count; i++) {
		struct net_peer_config *peer = &config.peers[config.peer_count];

		if (&conf->nodes[i] == daemon->self)
			continue;
		config.peer_count++;
		peer->id = conf->nodes[i].id;
		strcpy(peer->name, conf->nodes[i].name);
		strcpy(peer->address, conf->nodes[i].address);
	}
	return net_new(&config, qbdd_now_ms(), &daemon->net, error);
}

void qbdd_expected(const struct qbdd *daemon, struct store_identity *expected)
{
	const struct conf *conf = &daemon->conf;

	memset(expected, 0, sizeof(*expected));
	memcpy(expected->volume_id, conf->volume_id,
	       sizeof(expected->volume_id));
	strcpy(expected->volume_name, conf->volume);
	expected->node_id = daemon->self->id;
	expected->block_size = conf->block_size;
	expected->volume_bytes = conf->size_bytes;
	expected->log_bytes = conf->log_bytes;
}

static int open_store(struct qbdd *daemon, struct store_boot *boot,
		      struct base_error *error)
{
	const struct conf *conf = &daemon->conf;
	struct store_identity expected;
	struct base_error why;
	char clean[sizeof(boot->damage)], disks[QBD_DISKS_TEXT_MAX];
	struct store_io *io;
	int code;

	qbdd_expected(daemon, &expected);
	conf_disks_text(daemon->disk, daemon->self->meta_disk, disks,
			sizeof(disks));
	io = store_io_open_both(daemon->disk, daemon->self->meta_disk,
				STORE_IO_BESIDE, error);
	if (!io)
		return error->code;
	code = store_open(io, &expected, false, &daemon->store, boot, &why);
	if (code) {
		io->ops->close(io);
		return base_error_set(error, code, "%s: %s", disks, why.text);
	}
	/* A device that an earlier agent made may be for another replica. */
	code = qbdd_device_check_offset(daemon, daemon->data_offset,
					boot->identity.data_offset, error);
	if (code) {
		store_boot_free(boot);
		store_close(daemon->store);
		daemon->store = NULL;
		return code;
	}
	notice_log_size(conf, &boot->identity, daemon->log_notice);
	if (daemon->log_notice[0])
		base_log(BASE_LOG_WARNING, "event=configuration what=\"%s\"",
			 daemon->log_notice);
	daemon->io = io;
	daemon->align = boot->align;
	if (boot->damage[0])
		base_log(BASE_LOG_ERROR,
			 "event=replica-damaged what=\"%s\" remedy=\"a leader "
			 "fills it anew by itself\"",
			 base_log_clean(boot->damage, clean, sizeof(clean)));
	base_log(BASE_LOG_NOTICE,
		 "event=replica-open disk=%s%s%s state=%s term=%lu base=%lu "
		 "applied=%lu last=%lu",
		 daemon->disk, *daemon->self->meta_disk ? " meta-disk=" : "",
		 daemon->self->meta_disk,
		 boot->damage[0]	     ? "damaged" :
		 !boot->state.joined	     ? "blank" :
		 boot->checkpoint.incomplete ? "incomplete" :
					       "complete",
		 (unsigned long)boot->state.term,
		 (unsigned long)boot->base_index,
		 (unsigned long)boot->checkpoint.applied,
		 (unsigned long)boot->last_index);
	return 0;
}

_Static_assert(CONF_ELECTION_MAX_MS * 1000ULL <= RAFT_PROMISE_MAX_US,
	       "a leader may ask for its whole election timeout");

static int make_node(struct qbdd *daemon, struct store_boot *boot,
		     uint64_t incarnation, struct base_error *error)
{
	const struct conf *conf = &daemon->conf;
	struct node_config config = {
		.raft = {
			.id = daemon->self->id,
			.election_timeout_us =
				(uint64_t)conf->election_timeout_ms * 1000,
			.heartbeat_us = (uint64_t)conf->election_timeout_ms *
					1000 / HEARTBEAT_SHARE,
			.drift_ppm = DRIFT_PPM,
		},
		.volume_bytes = conf->size_bytes,
		.align = daemon->align,
		.incarnation = incarnation,
	};
	unsigned int i;

	for (i = 0; i < conf->node_count; i++) {
		config.nodes[config.node_count++] = conf->nodes[i].id;
		raft_members_set(&config.raft.members, conf->nodes[i].id,
				 RAFT_MEMBER_VOTER);
	}
	daemon->now_us = qbdd_now_us();
	daemon->node = node_new(&config, boot, &qbdd_node_ops, daemon,
				daemon->now_us, qbdd_random(daemon));
	return daemon->node ? 0 :
			      base_error_set(error, -ENOMEM, "out of memory");
}

/* Signals come through the loop's descriptor only. */
static void block_signals(void)
{
	sigset_t signals;

	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

static int start_control(struct qbdd *daemon, struct base_error *error)
{
	daemon->identity.conf = &daemon->conf;
	daemon->identity.self = daemon->self;
	daemon->identity.pid = (int)getpid();
	daemon->identity.started_us = qbdd_now_us();
	daemon->identity.pulse = &daemon->pulse;
	events_init(&daemon->events, &daemon->identity, say, daemon);
	daemon->cell = status_cell_new();
	if (!daemon->cell)
		return base_error_set(error, -ENOMEM, "out of memory");
	return control_start(daemon->run.socket_path, &daemon->identity,
			     daemon->cell, &daemon->errands, &daemon->control,
			     error);
}

static int start_watch(struct qbdd *daemon, struct base_error *error)
{
	const struct watch_config config = {
		.identity = &daemon->identity,
		.cell = daemon->cell,
		.progress = watch_blocks_read,
		.extend_every_us = EXTEND_EVERY_US,
	};
	int code = watch_start(&config, &daemon->watch);

	return code ? base_error_set(error, code, "starting threads: %s",
				     strerror(-code)) :
		      0;
}

static int start_workers(struct qbdd *daemon, struct base_error *error)
{
	int code = worker_start(&daemon->log, true, daemon->store,
				daemon->items, &daemon->done);

	if (code)
		goto fail;
	code = worker_start(&daemon->image, false, daemon->store, daemon->items,
			    &daemon->done);
	if (!code) {
		qbdd_lanes_open(daemon);
		return 0;
	}
	worker_stop(&daemon->log, STOP_THREAD_MS);
fail:
	return base_error_set(error, code, "starting threads: %s",
			      strerror(-code));
}

static int start_helper(struct qbdd *daemon, struct base_error *error)
{
	int code = helper_start("qbdd-device", &daemon->errands,
				&daemon->device_helper);

	return code ? base_error_set(error, code, "starting threads: %s",
				     strerror(-code)) :
		      0;
}

/* What a daemon has before it looks at its disk: log, loop, control, watch */
static int start_base(struct qbdd *daemon, struct base_error *error)
{
	int code = rundir_open(&daemon->run, daemon->conf.volume, error);

	if (code)
		return code;
	daemon_log(daemon->run.log_path);
	memory_prepare();
	code = logger_start();
	if (code) {
		base_error_set(error, code, "starting the logger: %s",
			       strerror(-code));
		goto close_run;
	}
	logger_catch_crashes();
	urcu_memb_register_thread();
	code = qbdd_loop_open(daemon, error);
	if (code)
		goto close_run;
	code = start_control(daemon, error);
	if (code)
		goto close_loop;
	code = start_watch(daemon, error);
	if (code)
		goto stop_control;
	return 0;

stop_control:
	control_stop(daemon->control);
close_loop:
	free(daemon->cell);
	qbdd_loop_close(daemon);
close_run:
	rundir_close(&daemon->run);
	return code;
}

/* Undo start_base(); @lookups: those have ended, none wakes the loop. */
static void stop_base(struct qbdd *daemon, bool lookups)
{
	control_stop(daemon->control);
	if (!watch_end(daemon->watch))
		daemon->cell = NULL; /* it may look there still */
	free(daemon->cell);
	if (lookups)
		qbdd_loop_close(daemon);
	rundir_close(&daemon->run);
}

/* Return: whether all lookups have ended. */
static bool close_net_and_store(struct qbdd *daemon, struct store_boot *boot)
{
	bool lookups;

	daemon->ended = true; /* no command is carried out */
	lookups = resolver_stop(daemon->resolver, STOP_HELPER_MS);
	if (lookups) {
		errands_take(&daemon->errands, daemon);
		resolver_free(daemon->resolver);
	}
	net_free(daemon->net);
	if (boot->entries) /* else the node took them over */
		store_boot_free(boot);
	store_close(daemon->store);
	return lookups;
}

int qbdd_start(struct qbdd *daemon, struct base_error *error)
{
	struct store_boot boot = { 0 };
	uint64_t incarnation;
	bool lookups = true; /* have ended */
	int code;

	daemon->disk_fd = -1;
	block_signals();
	code = start_base(daemon, error);
	if (code)
		return code;
	incarnation = qbdd_random(daemon);
	code = qbdd_device_prepare(daemon, error);
	if (code)
		goto close_device;
	code = open_store(daemon, &boot, error);
	if (code)
		goto close_device;
	code = open_net(daemon, incarnation, error);
	if (code)
		goto close_net;
	code = make_node(daemon, &boot, incarnation, error);
	if (code)
		goto close_net;
	code = start_workers(daemon, error);
	if (code)
		goto free_node;
	code = start_helper(daemon, error);
	if (code)
		goto stop_workers;
	code = qbdd_device_bind(daemon, error);
	if (code)
		goto stop_helper;
	code = observer_start(daemon->conf.volume, &daemon->gate,
			      &daemon->observer, error);
	if (code)
		goto close_session;
	daemon->device_made = false;
	return 0;

close_session:
	nl_session_close(daemon->session);
stop_helper:
	helper_stop(daemon->device_helper, STOP_HELPER_MS);
stop_workers:
	worker_stop(&daemon->image, STOP_THREAD_MS);
	worker_stop(&daemon->log, STOP_THREAD_MS);
	qbdd_lanes_close(daemon);
	qbdd_jobs_drop(daemon);
free_node:
	node_free(daemon->node);
close_net:
	lookups = close_net_and_store(daemon, &boot);
close_device:
	qbdd_device_unmake(daemon);
	if (daemon->disk_fd >= 0)
		close(daemon->disk_fd);
	nl_admin_close(daemon->admin);
	stop_base(daemon, lookups);
	return code;
}

/*
 * Threads whose disk hangs can't be waited for, so nothing that they use is
 * freed then: the process ends, and the kernel tidies up.
 */
void qbdd_end(struct qbdd *daemon)
{
	bool image, log, ring, helper, lookups;

	image = worker_stop(&daemon->image, STOP_THREAD_MS);
	log = worker_stop(&daemon->log, STOP_THREAD_MS);
	ring = !daemon->ring || !ring_pending(daemon->ring);
	helper = helper_stop(daemon->device_helper, STOP_HELPER_MS);
	lookups = resolver_stop(daemon->resolver, STOP_HELPER_MS);
	errands_take(&daemon->errands, daemon); /* commands want an answer */
	net_flush(daemon->net);
	observer_stop(daemon->observer);
	if (daemon->session)
		nl_session_close(daemon->session);
	control_stop(daemon->control);
	errands_take(&daemon->errands, daemon);
	net_free(daemon->net);
	if (image && log && ring && helper && lookups) {
		resolver_free(daemon->resolver);
		qbdd_lanes_close(daemon);
		qbdd_jobs_drop(daemon);
		node_free(daemon->node);
		store_close(daemon->store);
		close(daemon->disk_fd);
		nl_admin_close(daemon->admin);
		qbdd_loop_close(daemon);
	}
	watch_end(daemon->watch);
	rundir_close(&daemon->run);
	urcu_memb_unregister_thread();
}
