/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Enough of the kernel for what the module's two channels lead to - netlink.c,
 * control.c, session.c, gate.c, opening.c, write.c and what they call - and for
 * read.c (tests/unit/kmod_read.c) in userspace.  Every header that those include
 * and that tests/unit/kshim lacks is a link to this file.  One thread: a lock knows whether it is held, works and
 * timers run when the fuzzer says so, and so does time.
 */
#ifndef KSHIM_KERNEL_H
#define KSHIM_KERNEL_H

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <linux/bug.h>
#include <linux/capability.h>
#include <linux/genetlink.h>
#include <linux/list.h>
#include <linux/netlink.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "genl.h"

/* kmod/trace.h and kmod/compat.h are what is below instead. */
#define QBD_TRACE_H
#define QBD_COMPAT_H
#define QBD_COMPAT_GENL_OPS const struct genl_split_ops

#define __acquires(lock)
#define __releases(lock)
#define __must_hold(lock)
#define __init
#define __ro_after_init
#define __user
#define __aligned(bytes) __attribute__((aligned(bytes)))
#define likely(condition) (condition)
#define unlikely(condition) (condition)
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define READ_ONCE(value) (value)
#define WRITE_ONCE(place, value) ((place) = (value))
#define min(a, b) ((a) < (b) ? (a) : (b))
#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define max_t(type, a, b) ((type)(a) > (type)(b) ? (type)(a) : (type)(b))
#define PAGE_SIZE 4096
#define SECTOR_SHIFT 9
#define MAX_SKB_FRAGS 17
#define TASK_COMM_LEN 16
#define KTIME_MAX INT64_MAX
#define MAX_SCHEDULE_TIMEOUT LONG_MAX
#define S32_MAX INT32_MAX
#define THIS_MODULE NULL

typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned int gfp_t;

#define GFP_KERNEL 0
#define GFP_NOIO 0
#define GFP_NOWAIT 0
#define GFP_ATOMIC 0
#define __GFP_NOWARN 0

/* Time is the fuzzer's. */
extern u64 kshim_now_ns;
#define jiffies ((unsigned long)(kshim_now_ns / 1000000))
#define ktime_get_boottime_ns() kshim_now_ns
#define msecs_to_jiffies(ms) ((unsigned long)(ms))
#define time_before(a, b) ((long)((a) - (b)) < 0)
#define time_after_eq(a, b) ((long)((a) - (b)) >= 0)

static inline bool IS_ERR(const void *pointer)
{
	return (uintptr_t)pointer >= (uintptr_t)-4095L;
}

static inline void *ERR_PTR(long error)
{
	return (void *)error;
}

static inline long PTR_ERR(const void *pointer)
{
	return (long)pointer;
}

static inline void strscpy(char *to, const char *from, size_t size)
{
	snprintf(to, size, "%s", from);
}

/* Locks */
typedef struct {
	bool held;
} spinlock_t;

#define spin_lock_irqsave(lock, flags) \
	((flags) = 0, WARN_ON_ONCE((lock)->held), (lock)->held = true)
#define spin_unlock_irqrestore(lock, flags) \
	((void)(flags), WARN_ON_ONCE(!(lock)->held), (lock)->held = false)
#define lockdep_assert_held(lock) WARN_ON_ONCE(!(lock)->held)

struct mutex {
	bool held;
};

#define mutex_init(mutex) ((mutex)->held = false)
#define mutex_lock_killable(mutex) ((mutex)->held = true, 0)
#define mutex_unlock(mutex) ((mutex)->held = false)

/* Memory */
struct kmem_cache {
	size_t bytes;
};

typedef struct {
	size_t bytes;
} mempool_t;

#define kmem_cache_alloc(cache, gfp) malloc((cache)->bytes)
#define kmem_cache_free(cache, object) free(object)
#define mempool_alloc(pool, gfp) malloc((pool)->bytes)
#define mempool_free(object, pool) free(object)
#define kvzalloc(bytes, gfp) calloc(1, bytes)
#define kvfree(memory) free(memory)
#define kfree(memory) free(memory)

static inline void get_random_bytes(void *bytes, size_t size)
{
	static u64 next = 0x1122334455667788ULL;

	next += 0x0101;
	memcpy(bytes, &next, size);
}

/* Works and timers run when the fuzzer calls them. */
struct work_struct {
	bool pending;
};

struct delayed_work {
	struct work_struct work;
};

struct workqueue_struct;

#define queue_work(queue, job) ((job)->pending = true)
#define queue_delayed_work(queue, job, delay) ((job)->work.pending = true)
#define mod_delayed_work(queue, job, delay) ((job)->work.pending = true)
#define delayed_work_pending(job) ((job)->work.pending)

enum hrtimer_restart { HRTIMER_NORESTART };

struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *timer);
};

#define HRTIMER_MODE_ABS 0
#define ns_to_ktime(ns) (ns)
#define hrtimer_start(timer, at, mode) ((void)(timer))

static inline void
qbd_compat_hrtimer_init(struct hrtimer *timer,
			enum hrtimer_restart (*function)(struct hrtimer *))
{
	timer->function = function;
}

/* A waiter lets others run: kshim_wait(); 0 too long, < 0 killed. */
typedef struct {
	int unused;
} wait_queue_head_t;

long kshim_wait(void);
#define wake_up_all(queue) ((void)(queue))
#define wait_event_killable_timeout(queue, condition, timeout)           \
	({                                                               \
		long kshim_waited = (condition) ? 1 : kshim_wait();      \
		(void)(timeout);                                         \
		(condition) ? 1 : (kshim_waited > 0 ? 0 : kshim_waited); \
	})

/* Tasks */
struct net {
	int id;
};

struct nsproxy {
	struct net *net_ns;
};

struct cred;

struct task {
	struct nsproxy *nsproxy;
	const struct cred *cred;
};

extern struct task *current;
#define task_tgid_nr(task) 1
#define get_task_comm(into, task) strcpy(into, "fuzz")
#define current_cred() (current->cred)
#define capable(capability) true
#define file_ns_capable(file, ns, capability) true

/* Block layer: a bio is one piece of memory without any pages. */
typedef u8 blk_status_t;
typedef u32 blk_opf_t;
#define BLK_STS_RESOURCE ((blk_status_t)9)
#define BLK_STS_IOERR ((blk_status_t)10)
#define BLK_STS_AGAIN ((blk_status_t)12)
#define BLK_QC_T_NONE UINT32_MAX

enum req_op {
	REQ_OP_READ,
	REQ_OP_WRITE,
	REQ_OP_FLUSH,
	REQ_OP_DISCARD,
	REQ_OP_WRITE_ZEROES,
};

#define REQ_FUA (1U << 8)
#define REQ_PREFLUSH (1U << 9)
#define REQ_NOMERGE (1U << 10)
#define REQ_NOWAIT (1U << 11)

enum {
	BIO_QUIET,
	BIO_CHAIN,
	BIO_REFFED,
	BIO_TRACE_COMPLETION,
	BIO_REMAPPED,
};

#define BIT(number) (1U << (number))
#define bio_flagged(bio, flag) (((bio)->bi_flags & BIT(flag)) != 0)
#define bio_set_flag(bio, flag) ((bio)->bi_flags |= BIT(flag))
#define bio_clear_flag(bio, flag) ((bio)->bi_flags &= ~BIT(flag))

typedef struct {
	int counter;
} atomic_t;

#define atomic_read(atomic) ((atomic)->counter)
#define atomic_set(atomic, value) ((atomic)->counter = (value))

struct block_device;
struct bio;
typedef void bio_end_io_t(struct bio *bio);

struct bvec_iter {
	u64 bi_sector;
	u32 bi_size;
};

struct bio_vec {
	u32 bv_len;
};

struct bio {
	struct bio *bi_next;
	struct block_device *bi_bdev;
	blk_opf_t bi_opf;
	u16 bi_flags;
	u16 bi_ioprio;
	blk_status_t bi_status;
	atomic_t __bi_remaining;
	struct bvec_iter bi_iter;
	u32 bi_cookie;
	bio_end_io_t *bi_end_io;
	void *bi_private;
};

struct bio_list {
	struct bio *head, *tail;
};

struct request_queue;

struct gendisk {
	void *private_data;
	struct block_device *part0;
	struct request_queue *queue;
};

struct rcu_head {
	int unused;
};

struct kref {
	int refs;
};

#define kref_get(kref) ((kref)->refs++)
#define __module_get(module) ((void)(module))
#define module_put(module) ((void)(module))

struct qbd_compat_bdev {
	struct block_device *bdev;
};

#define qbd_compat_acct_start(part, op, sectors, start) ((void)(start))
#define qbd_compat_acct_end(part, op, sectors, start) ((void)(start))
#define invalidate_bdev(part) ((void)(part))
#define bio_op(bio) ((enum req_op)((bio)->bi_opf & 0xff))
#define bio_sectors(bio) ((bio)->bi_iter.bi_size >> SECTOR_SHIFT)
#define bio_list_init(list) ((list)->head = (list)->tail = NULL)
#define bio_list_empty(list) (!(list)->head)
#define bio_list_peek(list) ((list)->head)
#define bio_inc_remaining(bio) ((bio)->__bi_remaining.counter++)
#define errno_to_blk_status(error) ((void)(error), BLK_STS_IOERR)

void bio_endio(struct bio *bio);
int bio_init_clone(struct block_device *bdev, struct bio *clone,
		   struct bio *bio, gfp_t gfp);
void bio_uninit(struct bio *bio);
void bio_set_dev(struct bio *bio, struct block_device *bdev);
void submit_bio_noacct(struct bio *bio);
void trace_block_bio_complete(struct request_queue *queue, struct bio *bio);

static inline void bio_io_error(struct bio *bio)
{
	bio->bi_status = BLK_STS_IOERR;
	bio_endio(bio);
}

static inline void bio_list_add(struct bio_list *list, struct bio *bio)
{
	bio->bi_next = NULL;
	if (list->tail)
		list->tail->bi_next = bio;
	else
		list->head = bio;
	list->tail = bio;
}

static inline struct bio *bio_list_pop(struct bio_list *list)
{
	struct bio *bio = list->head;

	if (!bio)
		return NULL;
	list->head = bio->bi_next;
	if (!list->head)
		list->tail = NULL;
	bio->bi_next = NULL;
	return bio;
}

static inline void bio_list_merge(struct bio_list *list, struct bio_list *more)
{
	if (!more->head)
		return;
	if (list->tail)
		list->tail->bi_next = more->head;
	else
		list->head = more->head;
	list->tail = more->tail;
}

static inline struct bio_vec bio_iter_iovec(const struct bio *bio,
					    struct bvec_iter at)
{
	u32 left =
		PAGE_SIZE - (u32)((at.bi_sector << SECTOR_SHIFT) % PAGE_SIZE);
	struct bio_vec piece = { .bv_len = min_t(u32, left, at.bi_size) };

	return piece;
}

static inline void bio_advance_iter_single(const struct bio *bio,
					   struct bvec_iter *at, u32 bytes)
{
	at->bi_sector += bytes >> SECTOR_SHIFT;
	at->bi_size -= bytes;
}

static inline void bio_advance(struct bio *bio, u32 bytes)
{
	bio_advance_iter_single(bio, &bio->bi_iter, bytes);
}

/* Nobody plugs. */
struct blk_plug_cb {
	void *data;
};

#define blk_check_plugged(end, data, size) ((void)(end), NULL)

/* Files: the control device */
struct inode;

struct file {
	const struct cred *f_cred;
	void *private_data;
};

struct file_operations {
	void *owner;
	int (*open)(struct inode *inode, struct file *file);
	int (*release)(struct inode *inode, struct file *file);
	ssize_t (*write)(struct file *file, const char *from, size_t count,
			 loff_t *pos);
};

struct miscdevice {
	int minor;
	const char *name;
	const struct file_operations *fops;
	int mode;
};

#define MISC_DYNAMIC_MINOR 255
#define stream_open(inode, file) 0
#define copy_from_user(to, from, count) (memcpy(to, from, count), 0)

int misc_register(struct miscdevice *device);
#define misc_deregister(device) ((void)(device))

/* Trace points */
struct qbd_req;
#define trace_qbd_gate(minor, old, new, reason) ((void)(old))
#define trace_qbd_request_take(minor, wire, error) ((void)(wire))
#define trace_qbd_request_send(minor, wire, error) ((void)(wire))
#define trace_qbd_request_finish(minor, wire, error) ((void)(wire))
#define trace_qbd_request_applied(minor, wire, error) ((void)(wire))

#endif
