/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internal to qbdd/: the daemon of one volume.  Everything in struct qbdd is
 * the loop thread's, but for the queues, and what a worker is given.
 *
 * The files: start.c begins and ends it all in order; loop.c is an iteration;
 * ops.c gives work to the threads and brings their answers back; device.c is
 * the hold on /dev/qbdN; commands.c executes commands; stop.c shuts down.
 */
#ifndef QBDD_QBDD_H
#define QBDD_QBDD_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "lanes/lanes.h"
#include "net/net.h"
#include "nl/nl.h"
#include "node/node.h"
#include "qbdd/control.h"
#include "qbdd/errand.h"
#include "qbdd/events.h"
#include "qbdd/notice.h"
#include "qbdd/observer.h"
#include "qbdd/pulse.h"
#include "qbdd/resolve.h"
#include "qbdd/ring.h"
#include "qbdd/rundir.h"
#include "qbdd/published_status.h"
#include "qbdd/terms.h"
#include "qbdd/watch.h"
#include "qbdd/worker.h"
#include "store/store.h"

/* Bounds and paces */
#define SESSION_MESSAGES_MAX 64 /* read from the module in one iteration */
#define RCVBUF_BYTES (8U << 20) /* of its socket */
#define PUBLISH_US 100000 /* between two */
#define NOTE_US 75000 /* without an append: note the log's end */
#define TIMER_FLOOR_US 1000 /* never sleep less: no spinning on a deadline */
#define EXTEND_EVERY_US 10000000 /* of a start that reads */
#define STOP_US 1000000 /* for a handover and a checkpoint */
#define STOP_THREAD_MS 2000 /* for a thread's last disk access */
#define STOP_HELPER_MS 500 /* for what may wait for others */
#define DEVICE_RETRY_MIN_US 200000
#define DEVICE_RETRY_MAX_US 5000000
#define QBD_DISKS_TEXT_MAX 2100 /* two paths, see conf_disks_text() */
/*
 * How far a clock's rate may be off: adjtimex(2) changes it by up to 10 % (tick),
 * 500 ppm (frequency) and 500 ppm (adjtime).  And from that, by how much the
 * slowest falls behind the fastest: agent/raft/README.md, "Clocks".
 */
#define RATE_PPM 101000U
#define DRIFT_PPM (2000000ULL * RATE_PPM / (1000000 + RATE_PPM) + 1)
#define HEARTBEAT_SHARE 10 /* of the election timeout */
#define LATE_SHARE 8 /* of it, that the loop is late: the node is told */

/* Exit statuses; systemd need not start again what ended with 2 or 3. */
enum qbdd_exit {
	QBDD_STOPPED = 0, /* as told */
	QBDD_FAILED = 1, /* may work later */
	QBDD_MISUSED = 2,
	QBDD_CONFIG_WRONG = 3, /* trying again will not help */
};

/* What the device helper does; between put and back it is the helper's. */
struct device_errand {
	struct errand errand;
	struct qbdd *daemon; /* the helper reads what a start has fixed */
	bool busy; /* the loop's */
	int code;
	struct base_error error;
	struct nl_session *session;
	struct nl_bound bound;
};

struct qbdd {
	struct conf conf;
	const struct conf_node *self;
	struct status_identity identity;
	struct rundir run;
	struct status_cell *cell;
	struct control *control;
	struct watch *watch;

	/* For the log */
	struct events events;
	struct gate_told gate;
	struct observer *observer; /* NULL: not yet */
	const char *stop_why;

	/* The replica */
	char disk[QBD_PATH_MAX + 1]; /* block device */
	uint64_t data_offset; /* byte of it that the device reads from */
	int disk_fd; /* keeps a loop device until the store has it; -1 */
	struct store *store;
	uint32_t align;
	struct store_io *io; /* the store's */
	struct worker log;
	struct worker image;
	struct worker_item items[NODE_JOBS_MAX + 1]; /* the last: note's */
	struct store_job note;
	bool noting; /* it is under way */
	/* Where the kernel has io_uring; else the threads do all. */
	struct ring *ring;
	struct lanes *lanes;
	bool ring_ready; /* it has something to be reaped */
	bool image_held; /* what is to be applied waits, for LANES_HELD_US */
	uint64_t note_us; /* when the log's end is to be noted; 0: it is */
	bool disk_failed;

	/* The device */
	struct nl_admin *admin; /* of a start, then the helper's */
	struct helper *device_helper;
	struct device_errand device_again;
	struct device_errand device_remove;
	struct command *stop_command; /* waits for device_remove */
	struct nl_session *session; /* NULL: lost, see device_retry_us */
	int session_over; /* noticed inside the node; acted on after it */
	bool device_made; /* by this start: unmade if that fails */
	uint64_t device_retry_us;
	uint64_t device_delay_us;
	char device_problem[256];

	/* Of the configuration: see notice.h */
	char log_notice[NOTICE_TEXT_MAX];
	char address_notice[NOTICE_TEXT_MAX];

	struct net *net;
	struct resolver *resolver;
	struct node *node;
	uint64_t now_us; /* of this iteration */
	uint64_t random;

	/* The loop */
	struct pulse pulse;
	int epoll_fd;
	int signal_fd;
	int timer_fd;
	uint64_t timer_us; /* armed to, 0: not */
	struct qbdd_queue done; /* jobs */
	struct qbdd_queue errands; /* see errand.h; commands too */
	uint64_t published_us; /* the last one's */
	struct terms terms;
	enum health_state state; /* by the last published status */
	uint64_t state_since_us;
	bool stopping;
	uint64_t stop_us; /* at the latest */
	bool ended;
};

/* clock.c: CLOCK_BOOTTIME, as the module's lease; it counts while suspended */
uint64_t qbdd_now_us(void);
uint64_t qbdd_now_ms(void);

/* start.c */
/** qbdd_start() - all or nothing; conf and self are there */
int qbdd_start(struct qbdd *daemon, struct base_error *error);
/** qbdd_end() - undo all of it but the device, which outlives its agent */
void qbdd_end(struct qbdd *daemon);

/* loop.c */
int qbdd_loop_open(struct qbdd *daemon, struct base_error *error);
void qbdd_loop_close(struct qbdd *daemon);
/** qbdd_loop_watch() - call the loop when @fd is readable; 0 or -errno */
int qbdd_loop_watch(struct qbdd *daemon, int fd, uint32_t what,
		    uint32_t events);
/** qbdd_loop_run() - until the daemon is told to stop */
void qbdd_loop_run(struct qbdd *daemon);
uint64_t qbdd_random(struct qbdd *daemon);

/* Of events in the loop's epoll set; what is beyond is an address of net's. */
enum loop_source {
	LOOP_SESSION,
	LOOP_SIGNAL,
	LOOP_TIMER,
	LOOP_RING,
	LOOP_QUEUE, /* only wakes */
	LOOP_SOURCES,
};

/* ops.c */
extern const struct node_ops qbdd_node_ops;
/** qbdd_lanes_open() - write without threads, if the kernel can */
int qbdd_lanes_open(struct qbdd *daemon);
void qbdd_lanes_close(struct qbdd *daemon);
/** qbdd_jobs_take() - give the disk's and the threads' answers to the node */
void qbdd_jobs_take(struct qbdd *daemon);
/** qbdd_jobs_log(), qbdd_jobs_image() - begin what the node has asked for */
void qbdd_jobs_log(struct qbdd *daemon);
void qbdd_jobs_image(struct qbdd *daemon);
void qbdd_jobs_drop(struct qbdd *daemon);
void qbdd_disk_failed(struct qbdd *daemon, const char *text);

/** qbdd_expected() - the replica that the configuration means */
void qbdd_expected(const struct qbdd *daemon, struct store_identity *expected);

/* device.c */
/** qbdd_device_prepare() - find or make it; sets daemon->disk, data_offset */
int qbdd_device_prepare(struct qbdd *daemon, struct base_error *error);
/**
 * qbdd_device_check_offset() - does a device read where the data are?
 * @reads_from: byte of daemon->disk
 * Return: 0; -EINVAL with the remedy
 */
int qbdd_device_check_offset(const struct qbdd *daemon, uint64_t reads_from,
			     uint64_t data_offset, struct base_error *error);
void qbdd_device_unmake(struct qbdd *daemon);
/** qbdd_device_bind() - take its queue over; needs the node */
int qbdd_device_bind(struct qbdd *daemon, struct base_error *error);
void qbdd_device_receive(struct qbdd *daemon);
/** qbdd_device_flush() - send answers; notice a session's end; try again */
void qbdd_device_flush(struct qbdd *daemon);
/** qbdd_device_remove() - for good, unless open; qbdd_command_removed() follows */
void qbdd_device_remove(struct qbdd *daemon);

/* commands.c */
/** qbdd_command_back() - carry one out; @daemon: struct qbdd */
void qbdd_command_back(void *daemon, struct errand *errand);
/** qbdd_command_removed() - the device is, or why it is not (-EBUSY: open) */
void qbdd_command_removed(struct qbdd *daemon, int code,
			  const struct base_error *error);

/* stop.c */
void qbdd_stop_begin(struct qbdd *daemon, const char *why);
/** qbdd_stop_check() - is there nothing more to wait for? */
void qbdd_stop_check(struct qbdd *daemon);

#endif
