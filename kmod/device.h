/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: a device and everything it owns
 *
 * One spinlock, struct qbd_device.lock, protects all that changes; it is taken
 * with interrupts off, because the replica's reads end there, and is never held
 * while an I/O is ended or started, or while anything sleeps.  It is held in
 * turns: what is decided under the lock is collected in a struct qbd_turn and
 * carried out by qbd_turn_end() after unlocking.
 */
#ifndef QBD_DEVICE_H
#define QBD_DEVICE_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/mempool.h>
#include <linux/netlink.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/netlink.h>
#include <linux/qbd.h>

#include "compat.h"
#include "table.h"

struct sk_buff;
struct sock;

#define QBD_CHARGES 1024 /* messages under way, at most */
#define QBD_FRAGS_MAX (MAX_SKB_FRAGS < 17 ? MAX_SKB_FRAGS : 17)
#define QBD_WRITES_MIN 256 /* requests that need no memory */
#define QBD_READS_MIN 128 /* reads that need no memory */
#define QBD_RETRY_MS 5 /* after no memory, or a full socket */

/**
 * struct qbd_write - a request and the piece of a bio it carries
 * @req: what the table sees
 * @bio: whose piece; NULL for opens and closes
 * @iter: which piece
 * @arrived: jiffies
 * @frags: skb fragments the payload needs
 * @copy: the payload is in too small bits for fragments: copy it
 */
struct qbd_write {
	struct qbd_request req;
	struct bio *bio;
	struct bvec_iter iter;
	unsigned long arrived;
	u16 frags;
	bool copy;
};

/**
 * struct qbd_read - a read on its way to the replica, or held
 * @range: what it covers
 * @link: in held, ready or free
 * @dev: the device
 * @bio: the reader's
 * @iter: of @bio as it came
 * @traced: the end of @bio shall be traced
 * @arrived: jiffies
 * @end_io: of @bio while the replica has it
 * @private: of @bio while the replica has it
 * @clone: what the replica has instead of a @bio that cannot be lent
 */
struct qbd_read {
	struct qbd_range range;
	struct list_head link;
	struct qbd_device *dev;
	struct bio *bio;
	struct bvec_iter iter;
	bool traced;
	unsigned long arrived;
	bio_end_io_t *end_io;
	void *private;
	struct bio clone;
};

/**
 * struct qbd_charge - what a message weighs on the agent's socket
 * @tag: of its last request
 * @bytes: its truesize
 */
struct qbd_charge {
	u64 tag;
	u32 bytes;
};

/**
 * struct qbd_session - the agent that is bound
 * @sk: its socket, referenced; NULL: no agent.  Messages are put on this very
 *	socket, never sent to a port id, which anybody may bind once it is free
 * @portid: for people
 * @generation: number of the session
 * @cookie: what its commands must know
 * @rcvbuf: bytes that may be under way
 * @charged: bytes that are
 * @received: every request up to this tag was read from the socket
 * @charges: ring of the messages not received yet
 * @first: the oldest in @charges
 * @last: behind the newest in @charges
 */
struct qbd_session {
	struct sock *sk;
	u32 portid;
	u32 generation;
	u64 cookie;
	u32 rcvbuf;
	u32 charged;
	u64 received;
	struct qbd_charge charges[QBD_CHARGES];
	u32 first;
	u32 last;
};

/**
 * struct qbd_opening - who has the device open
 * @openers: all
 * @writers: of them for writing; falls to 0 with the last of all, since new
 *	kernels do not say which close was a writer's
 * @waiting: opens that wait for the agent's word
 * @epoch: what it granted, 0: nothing
 * @ask: the QBD_OP_OPEN under way
 * @close: the QBD_OP_CLOSE to come, made together with the open since closing
 *	cannot fail
 * @round: grows when an open is answered or given up
 * @error: the answer of the last round
 * @wait: for the next round
 * @pid: of the first writer
 * @comm: of the first writer
 */
struct qbd_opening {
	u32 openers;
	u32 writers;
	u32 waiting;
	u64 epoch;
	struct qbd_write *ask;
	struct qbd_write *close;
	u32 round;
	int error;
	wait_queue_head_t wait;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

/**
 * struct qbd_device - a device
 * @kref: one for the list of devices until it is removed, one per user
 * @rcu: frees it
 * @minor: its number
 * @name: of the volume
 * @net: whose it is, for comparing only; NULL when its namespace has gone.
 *	Protected by the list of devices
 * @live: was made completely.  Protected by the list of devices
 * @size: bytes
 * @block_size: bytes
 * @replica_path: for people
 * @replica: the local replica
 * @disk: the block layer's half of us
 * @pool: of struct qbd_write
 * @send_work: hands over what could not be handed over at once
 * @read_work: passes down reads that had to wait
 * @timeout_work: looks for whoever has waited too long
 * @delete_work: removes a device whose namespace went while it was open
 * @lease_timer: shuts the gate
 * @lock: protects everything below
 * @gate: enum qbd_gate; changed by qbd_gate_update() alone
 * @fenced: the opening has lost its right
 * @removed: being taken down
 * @orphan: its namespace has gone
 * @lease_ns: CLOCK_BOOTTIME
 * @reason: why the gate is as it is
 * @io_timeout_ms: 0: never
 * @opening: who has it open
 * @session: the agent
 * @table: requests and ranges
 * @sending: somebody is in qbd_send_run()
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
 * @read_error: what the agent must be told of; length 0: nothing
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
	char reason[QBD_REASON_MAX + 1];
	u32 io_timeout_ms;
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

/**
 * struct qbd_turn - one turn under the lock, and what it leaves to do
 * @flags: of the interrupts
 * @ended: requests to end, by &qbd_request.ending
 * @dropped: requests whose hold is over, by &qbd_request.link
 * @freed: ranges that are not blocked any more, by &qbd_range.freed
 * @bios: bios to fail
 * @sock: a socket to put
 * @send: something may be handed over
 * @read: something may be read
 */
struct qbd_turn {
	unsigned long flags;
	struct list_head ended;
	struct list_head dropped;
	struct list_head freed;
	struct bio_list bios;
	struct sock *sock;
	bool send;
	bool read;
};

/* turn.c */
void qbd_turn_pass_on(struct qbd_device *dev, struct qbd_turn *turn);
void qbd_turn_leave(struct qbd_device *dev, struct qbd_turn *turn)
	__releases(&dev->lock);

/**
 * qbd_turn_begin() - take the device's lock
 * @dev: the device
 * @turn: collects what is to be done after unlocking
 */
static inline void qbd_turn_begin(struct qbd_device *dev, struct qbd_turn *turn)
	__acquires(&dev->lock)
{
	INIT_LIST_HEAD(&turn->ended);
	INIT_LIST_HEAD(&turn->dropped);
	INIT_LIST_HEAD(&turn->freed);
	bio_list_init(&turn->bios);
	turn->sock = NULL;
	turn->send = false;
	turn->read = false;
	spin_lock_irqsave(&dev->lock, turn->flags);
}

/**
 * qbd_turn_end() - release the lock and do what was collected
 * @dev: the device
 * @turn: as qbd_turn_begin() has begun it
 *
 * Works in every context; what needs a process is left to the works.  Most
 * turns leave nothing to do.
 */
static inline void qbd_turn_end(struct qbd_device *dev, struct qbd_turn *turn)
	__releases(&dev->lock)
{
	if (turn->send || turn->read || turn->sock ||
	    !list_empty(&turn->freed) || !list_empty(&turn->ended) ||
	    !list_empty(&turn->dropped) || !bio_list_empty(&turn->bios))
		qbd_turn_leave(dev, turn);
	else
		spin_unlock_irqrestore(&dev->lock, turn->flags);
}

/* device.c */
extern struct workqueue_struct *qbd_workqueue;
extern struct workqueue_struct *qbd_delete_workqueue;
extern struct kmem_cache *qbd_write_cache;
extern struct kmem_cache *qbd_read_cache;
struct qbd_device_config {
	struct net *net;
	const char *name;
	const char *replica;
	u64 size;
	u32 block_size;
	u32 io_timeout_ms;
	s32 minor; /* -1: any */
};

struct qbd_device *qbd_device_new(const struct qbd_device_config *config,
				  struct netlink_ext_ack *extack);
int qbd_device_del(struct qbd_device *dev, bool force,
		   struct netlink_ext_ack *extack);
struct qbd_device *qbd_device_find(struct net *net, s32 minor,
				   const char *name);
struct qbd_device *qbd_device_next(struct net *net, unsigned long *minor);
void qbd_device_put(struct qbd_device *dev);
int qbd_devices_init(void);
void qbd_devices_exit(void);

/* gate.c */
void qbd_gate_init(struct qbd_device *dev);
enum qbd_gate qbd_gate_now(struct qbd_device *dev, struct qbd_turn *turn);
void qbd_gate_update(struct qbd_device *dev, struct qbd_turn *turn,
		     const char *reason);
void qbd_gate_lease(struct qbd_device *dev, struct qbd_turn *turn, u64 until_ns,
		    const char *reason);
void qbd_gate_fence(struct qbd_device *dev, struct qbd_turn *turn,
		    const char *reason);
void qbd_gate_abort(struct qbd_device *dev, struct qbd_turn *turn,
		    const char *reason);
void qbd_gate_remove(struct qbd_device *dev, struct qbd_turn *turn,
		     const char *reason);

/* timeout.c */
void qbd_timeout_arm(struct qbd_device *dev);
void qbd_timeout_work(struct work_struct *work);

/* opening.c */
int qbd_opening_open(struct gendisk *disk, bool write, bool probe);
void qbd_opening_release(struct gendisk *disk);
void qbd_opening_answered(struct qbd_device *dev, struct qbd_turn *turn,
			  struct qbd_request *req);
void qbd_opening_give_up(struct qbd_device *dev, int error);

/* write.c */
void qbd_write_submit(struct qbd_device *dev, struct bio *bio);
void qbd_write_take(struct qbd_device *dev, struct qbd_turn *turn);
void qbd_write_finish(struct qbd_device *dev, struct qbd_turn *turn,
		      struct qbd_request *req, int error);
void qbd_write_end(struct qbd_device *dev, struct qbd_request *req);
void qbd_write_put(struct qbd_device *dev, struct qbd_request *req);
void qbd_write_fail_all(struct qbd_device *dev, struct qbd_turn *turn,
			bool calls);

static inline struct qbd_write *qbd_write_of(struct qbd_request *req)
{
	return container_of(req, struct qbd_write, req);
}

/* read.c */
void qbd_read_submit(struct qbd_device *dev, struct bio *bio);
void qbd_read_work(struct work_struct *work);
void qbd_read_freed(struct qbd_device *dev, struct qbd_range *range);
void qbd_read_fail_all(struct qbd_device *dev, struct qbd_turn *turn);
int qbd_read_pool_fill(struct qbd_device *dev);
void qbd_read_pool_empty(struct qbd_device *dev);

/* send.c */
void qbd_send_run(struct qbd_device *dev, struct qbd_turn *turn,
		  unsigned int messages) __must_hold(&dev->lock);
void qbd_send_work(struct work_struct *work);
void qbd_send_retry(struct qbd_device *dev);

/* session.c */
int qbd_session_bind(struct qbd_device *dev, struct sock *sk, u32 portid,
		     u32 rcvbuf, struct sk_buff *reply,
		     int (*fill)(struct qbd_device *dev,
				 struct sk_buff *reply));
void qbd_session_unbind(struct qbd_device *dev, struct qbd_turn *turn,
			const char *reason);
int qbd_session_deliver(struct qbd_device *dev, struct sk_buff *skb);
bool qbd_session_has_room(const struct qbd_device *dev, u32 bytes);
void qbd_session_charge(struct qbd_device *dev, u64 tag, u32 bytes);
int qbd_session_command(struct net *net, u8 cmd, struct nlattr **attrs,
			struct sock *from, struct netlink_ext_ack *extack);
void qbd_session_socket_gone(void);

/* netlink.c */
extern struct genl_family qbd_family;
extern const struct nla_policy qbd_done_policy[QBD_A_MAX + 1];
extern const struct nla_policy qbd_lease_policy[QBD_A_MAX + 1];
extern const struct nla_policy qbd_fence_policy[QBD_A_MAX + 1];
int qbd_netlink_init(void);
void qbd_netlink_exit(void);

/* control.c */
int qbd_control_init(void);
void qbd_control_exit(void);

/*
 * When a parked bio arrived.  The block layer uses bi_cookie of polled bios
 * only, and a bio-based disk without ->poll_bio is given none.
 */
static inline void qbd_bio_stamp(struct bio *bio)
{
	bio->bi_cookie = (u32)jiffies;
}

static inline unsigned long qbd_bio_arrived(const struct bio *bio)
{
	return jiffies - (u32)((u32)jiffies - bio->bi_cookie);
}

static inline bool qbd_gate_is_dead(const struct qbd_device *dev)
{
	return dev->gate == QBD_GATE_FENCED || dev->gate == QBD_GATE_REMOVED;
}

#endif /* QBD_DEVICE_H */
