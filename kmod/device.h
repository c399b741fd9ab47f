/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: a device and everything it owns
 *
 * One spinlock, struct qbd_device.lock, protects everything that changes.  It
 * is taken with interrupts off, because reads of the replica end there.  It is
 * never held while an I/O is completed or started, or while anything sleeps.
 * See turn.h for the critical sections under it.
 */
#ifndef QBD_DEVICE_H
#define QBD_DEVICE_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/mempool.h>
#include <linux/workqueue.h>
#include <linux/qbd.h>

#include "compat.h"
#include "opening.h"
#include "session.h"
#include "table.h"

struct net;
struct netlink_ext_ack;
struct qbd_write;

/**
 * struct qbd_progress - when each queue last went on, in jiffies
 * @writes: the agent completed a request
 * @applied: the agent said that more is applied, for which held reads wait
 * @reads: the replica ended a read
 */
struct qbd_progress {
	unsigned long writes;
	unsigned long applied;
	unsigned long reads;
};

/**
 * struct qbd_device - a device
 * @kref: one for the registry until it is removed, one per user
 * @rcu: frees it
 * @minor: its number
 * @name: of the volume
 * @net: its owner, for comparing only; NULL when the namespace is gone.
 *	Protected by the registry
 * @live: was made completely.  Protected by the registry
 * @size: bytes
 * @block_size: bytes
 * @data_offset: byte of @replica where the data area begins
 * @replica_path: for humans
 * @replica: the local replica
 * @disk: the block layer's half of us
 * @pool: of struct qbd_write
 * @send_work: sends what could not be sent at once
 * @read_work: passes down reads that had to wait
 * @timeout_work: finds what has stalled for io-timeout
 * @delete_work: removes a device whose namespace went while it was open
 * @lease_timer: shuts the gate
 * @lock: protects everything below
 * @gate: enum qbd_gate; changed by qbd_gate_update() alone
 * @fenced: the open session has lost its right
 * @removed: being taken down
 * @orphan: its namespace is gone
 * @lease_ns: CLOCK_BOOTTIME
 * @lease_round: how often the gate has ceased to be active
 * @reason: why the gate is as it is
 * @io_timeout_ms: 0: never
 * @progress: of what waits, for @timeout_work
 * @opening: the open session
 * @session: the agent
 * @table: requests and ranges
 * @sending: a context is in qbd_send_run()
 * @batch: the requests in the message being made, by the one in @sending
 * @parked_writes: bios of which not all has become requests, in order
 * @parked_reads: bios that wait for the gate, in order
 * @n_parked_writes: how many
 * @n_parked_reads: how many
 * @n_reads_waiting: how many in @reads_held and @reads_ready
 * @n_reads_free: how many in @reads_free, at most QBD_READS_MIN
 * @reads_free: for the next reads
 * @reads_held: by overlapping writes
 * @reads_ready: not held any more, wait for @read_work
 * @read_error: to be reported to the agent; length 0: nothing
 * @stats: counters; the gauges in it are filled in when asked for
 */
struct qbd_device {
	struct kref kref;
	struct rcu_head rcu;
	u32 minor;
	char name[QBD_NAME_MAX + 1];
	struct net *net;
	bool live;
	u64 size;
	u32 block_size;
	u64 data_offset;
	char replica_path[QBD_PATH_MAX + 1];
	struct qbd_compat_bdev replica;
	struct gendisk *disk;
	mempool_t pool;
	struct delayed_work send_work;
	struct work_struct read_work;
	struct delayed_work timeout_work;
	struct work_struct delete_work;
	struct hrtimer lease_timer;

	spinlock_t lock; /* everything below */
	enum qbd_gate gate;
	bool fenced;
	bool removed;
	bool orphan;
	bool sending;
	u64 lease_ns;
	u32 lease_round;
	char reason[QBD_REASON_MAX + 1];
	u32 io_timeout_ms;
	struct qbd_progress progress;
	struct qbd_opening opening;
	struct qbd_session session;
	struct qbd_table table;
	struct qbd_write *batch[QBD_MSG_REQS_MAX];
	struct bio_list parked_writes;
	struct bio_list parked_reads;
	u32 n_parked_writes;
	u32 n_parked_reads;
	u32 n_reads_waiting;
	u32 n_reads_free;
	struct list_head reads_free;
	struct list_head reads_held;
	struct list_head reads_ready;
	struct qbd_req read_error;
	struct qbd_stats stats;
};

extern struct workqueue_struct *qbd_workqueue;
extern struct workqueue_struct *qbd_delete_workqueue;
extern struct kmem_cache *qbd_write_cache;
extern struct kmem_cache *qbd_read_cache;
struct qbd_device_config {
	struct net *net;
	const char *name;
	const char *replica;
	u64 size;
	u64 data_offset; /* a multiple of QBD_DATA_ALIGN */
	u32 block_size;
	u32 io_timeout_ms;
	s32 minor; /* -1: any */
};

struct qbd_device *qbd_device_new(const struct qbd_device_config *config,
				  struct netlink_ext_ack *extack);
int qbd_device_del(struct qbd_device *dev, bool force,
		   struct netlink_ext_ack *extack);
void qbd_device_put(struct qbd_device *dev);
int qbd_devices_init(void);
void qbd_devices_exit(void);

#endif /* QBD_DEVICE_H */
