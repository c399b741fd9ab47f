// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: devices - made, found, removed
 *
 * The list of devices is an xarray by minor.  It is changed under
 * devices_mutex, which is held neither while the replica is opened nor while a
 * disk is added or removed; it is read under RCU.  A device holds a reference
 * on the module from before it can be seen until it is removed, so the module
 * cannot go while there are any.
 *
 * Who may still use a device that is being removed, and why each ends:
 * the block layer - nobody has it open and del_gendisk() waits for the rest;
 * the works and the timer - cancelled by device_teardown(), nothing queues them
 * once qbd_device.removed is set; commands, dumps, the agent in the sender's
 * place - they hold a reference on the kref, which keeps the pools as well.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/sock.h>

#include "device.h"
#include "gate.h"
#include "read.h"
#include "send.h"
#include "timeout.h"
#include "turn.h"
#include "write.h"

struct workqueue_struct *qbd_workqueue; /* lets I/O go on */
struct workqueue_struct *qbd_delete_workqueue; /* may wait */
struct kmem_cache *qbd_write_cache;
struct kmem_cache *qbd_read_cache;

static int qbd_major;
static DEFINE_MUTEX(devices_mutex); /* changes of devices; name, net, live */
static DEFINE_XARRAY_ALLOC(devices);

static void qbd_submit_bio(struct bio *bio)
{
	struct qbd_device *dev = bio->bi_bdev->bd_disk->private_data;

	switch (bio_op(bio)) {
	case REQ_OP_READ:
		qbd_read_submit(dev, bio);
		break;
	case REQ_OP_WRITE:
	case REQ_OP_WRITE_ZEROES:
	case REQ_OP_DISCARD:
	case REQ_OP_FLUSH:
		qbd_write_submit(dev, bio);
		break;
	default:
		bio->bi_status = BLK_STS_NOTSUPP;
		bio_endio(bio);
	}
}

QBD_COMPAT_OPEN(qbd_block_open, qbd_opening_open)
QBD_COMPAT_RELEASE(qbd_block_release, qbd_opening_release)

static const struct block_device_operations qbd_fops = {
	.owner = THIS_MODULE,
	.submit_bio = qbd_submit_bio,
	.open = qbd_block_open,
	.release = qbd_block_release,
};

static ssize_t volume_show(struct device *device, struct device_attribute *attr,
			   char *text)
{
	struct qbd_device *dev = dev_to_disk(device)->private_data;

	return sysfs_emit(text, "%s\n", dev->name);
}
static DEVICE_ATTR_RO(volume);

static struct attribute *qbd_attrs[] = { &dev_attr_volume.attr, NULL };

static const struct attribute_group qbd_attr_group = {
	.name = "qbd",
	.attrs = qbd_attrs,
};

static const struct attribute_group *qbd_attr_groups[] = { &qbd_attr_group,
							   NULL };

static void device_free(struct kref *kref)
{
	struct qbd_device *dev = container_of(kref, struct qbd_device, kref);

	qbd_read_pool_empty(dev);
	/* a pool that was not made yet is all zeroes, which it takes */
	mempool_exit(&dev->pool);
	kvfree_rcu(dev, rcu);
}

/**
 * qbd_device_put() - drop a reference on a device
 * @dev: the device
 */
void qbd_device_put(struct qbd_device *dev)
{
	kref_put(&dev->kref, device_free);
}

/* A reference on what the list has, if it may be seen; or NULL */
static struct qbd_device *device_get(struct qbd_device *dev,
				     const struct net *net)
{
	if (!dev || !READ_ONCE(dev->live) ||
	    (net && !net_eq(READ_ONCE(dev->net), net)) ||
	    !kref_get_unless_zero(&dev->kref))
		return NULL;
	return dev;
}

/**
 * qbd_device_next() - walk over the devices
 * @net: of this namespace; NULL: all
 * @minor: from this one on; set to the one found
 *
 * Return: a device with a reference for the caller, or NULL.
 */
struct qbd_device *qbd_device_next(struct net *net, unsigned long *minor)
{
	struct qbd_device *dev;

	rcu_read_lock();
	for (dev = xa_find(&devices, minor, ULONG_MAX, XA_PRESENT); dev;
	     dev = xa_find_after(&devices, minor, ULONG_MAX, XA_PRESENT))
		if (device_get(dev, net))
			break;
	rcu_read_unlock();
	return dev;
}

/**
 * qbd_device_find() - find a device
 * @net: its namespace
 * @minor: its minor, or -1
 * @name: its name, or NULL; when both are given both must match
 *
 * Return: the device with a reference for the caller, or NULL.
 */
struct qbd_device *qbd_device_find(struct net *net, s32 minor, const char *name)
{
	unsigned long at = 0;
	struct qbd_device *dev;

	if (minor >= 0) {
		rcu_read_lock();
		dev = device_get(xa_load(&devices, minor), net);
		rcu_read_unlock();
		if (!dev || !name || !strcmp(dev->name, name))
			return dev;
		qbd_device_put(dev);
		return NULL;
	}
	while ((dev = qbd_device_next(net, &at))) {
		if (!name || !strcmp(dev->name, name))
			return dev;
		qbd_device_put(dev);
		at++;
	}
	return NULL;
}

static bool name_taken(struct net *net, const char *name)
{
	struct qbd_device *dev;
	unsigned long minor;

	lockdep_assert_held(&devices_mutex);
	xa_for_each(&devices, minor, dev)
		if (net_eq(dev->net, net) && !strcmp(dev->name, name))
			return true;
	return false;
}

/* Into the list, not live yet. */
static int device_reserve(struct qbd_device *dev, s32 want,
			  struct netlink_ext_ack *extack)
{
	struct xa_limit limit = XA_LIMIT(0, QBD_MINORS_MAX - 1);
	int err;

	if (want >= 0)
		limit = XA_LIMIT(want, want);
	mutex_lock(&devices_mutex);
	if (name_taken(dev->net, dev->name)) {
		NL_SET_ERR_MSG(extack, "the name is taken: choose another");
		err = -EEXIST;
	} else {
		err = xa_alloc(&devices, &dev->minor, dev, limit, GFP_KERNEL);
		if (err == -EBUSY) {
			NL_SET_ERR_MSG(extack, "the minor is taken: give none");
			err = -EEXIST;
		}
	}
	mutex_unlock(&devices_mutex);
	return err;
}

static void device_unreserve(struct qbd_device *dev)
{
	mutex_lock(&devices_mutex);
	xa_erase(&devices, dev->minor);
	mutex_unlock(&devices_mutex);
}

static void delete_work(struct work_struct *work);

static void device_init(struct qbd_device *dev,
			const struct qbd_device_config *config)
{
	kref_init(&dev->kref);
	strscpy(dev->name, config->name, sizeof(dev->name));
	strscpy(dev->replica_path, config->replica, sizeof(dev->replica_path));
	dev->net = config->net;
	dev->size = config->size;
	dev->block_size = config->block_size;
	dev->io_timeout_ms = config->io_timeout_ms;
	spin_lock_init(&dev->lock);
	init_waitqueue_head(&dev->opening.wait);
	qbd_table_init(&dev->table);
	bio_list_init(&dev->parked_writes);
	bio_list_init(&dev->parked_reads);
	INIT_LIST_HEAD(&dev->reads_free);
	INIT_LIST_HEAD(&dev->reads_held);
	INIT_LIST_HEAD(&dev->reads_ready);
	INIT_DELAYED_WORK(&dev->send_work, qbd_send_work);
	INIT_WORK(&dev->read_work, qbd_read_work);
	INIT_DELAYED_WORK(&dev->timeout_work, qbd_timeout_work);
	INIT_WORK(&dev->delete_work, delete_work);
	qbd_gate_init(dev);
}

static int replica_open(struct qbd_device *dev, struct netlink_ext_ack *extack)
{
	int err;

	err = qbd_compat_bdev_open(&dev->replica, dev->replica_path, dev);
	if (err == -EBUSY)
		NL_SET_ERR_MSG(extack,
			       "the replica is in use: unmount or release it");
	else if (err)
		NL_SET_ERR_MSG(extack,
			       "the replica cannot be opened as a block device");
	if (err)
		return err;
	err = -EINVAL;
	if (bdev_nr_bytes(dev->replica.bdev) < dev->size) {
		NL_SET_ERR_MSG(extack,
			       "the replica is smaller than the size asked for");
	} else if (dev->block_size %
		   bdev_logical_block_size(dev->replica.bdev)) {
		NL_SET_ERR_MSG(extack,
			       "larger sectors than that: block-size = 4096");
	} else {
		return 0;
	}
	qbd_compat_bdev_close(&dev->replica);
	return err;
}

static int disk_make(struct qbd_device *dev)
{
	struct block_device *replica = dev->replica.bdev;
	struct qbd_compat_limits limits = {
		.block_size = dev->block_size,
		.range_max = QBD_REQ_RANGE_MAX,
		.dma_alignment = max_t(u32, bdev_dma_alignment(replica),
				       SECTOR_SIZE - 1),
		.nowait = bdev_nowait(replica),
	};
	struct gendisk *disk = qbd_compat_disk_alloc(&limits);
	int err;

	if (IS_ERR(disk))
		return PTR_ERR(disk);
	disk->major = qbd_major;
	disk->first_minor = dev->minor;
	disk->minors = 1;
	disk->flags |= GENHD_FL_NO_PART;
	disk->fops = &qbd_fops;
	disk->private_data = dev;
	snprintf(disk->disk_name, sizeof(disk->disk_name), "qbd%u", dev->minor);
	set_capacity(disk, dev->size >> SECTOR_SHIFT);
	dev->disk = disk;
	err = device_add_disk(NULL, disk, qbd_attr_groups);
	if (err)
		put_disk(disk);
	return err;
}

/**
 * qbd_device_new() - make a device
 * @config: what it shall be; checked by the caller, but for the replica
 * @extack: for the error's text
 *
 * Sleeps in the block layer while the replica is opened.
 *
 * Return: the device with a reference for the caller, or an ERR_PTR():
 * -EEXIST, what opening the replica says, -EINVAL, -ENOMEM.
 */
struct qbd_device *qbd_device_new(const struct qbd_device_config *config,
				  struct netlink_ext_ack *extack)
{
	struct qbd_device *dev = kvzalloc(sizeof(*dev), GFP_KERNEL);
	int err;

	if (!dev)
		return ERR_PTR(-ENOMEM);
	device_init(dev, config);
	err = device_reserve(dev, config->minor, extack);
	if (err)
		goto out_put;
	err = replica_open(dev, extack);
	if (err)
		goto out_unreserve;
	err = mempool_init_slab_pool(&dev->pool, QBD_WRITES_MIN,
				     qbd_write_cache);
	if (err)
		goto out_replica;
	err = qbd_read_pool_fill(dev);
	if (err)
		goto out_replica;
	__module_get(THIS_MODULE);
	err = disk_make(dev);
	if (err)
		goto out_module;
	kref_get(&dev->kref);
	mutex_lock(&devices_mutex);
	WRITE_ONCE(dev->live, true);
	mutex_unlock(&devices_mutex);
	return dev;

out_module:
	module_put(THIS_MODULE);
out_replica:
	qbd_compat_bdev_close(&dev->replica);
out_unreserve:
	device_unreserve(dev);
out_put:
	qbd_device_put(dev);
	return ERR_PTR(err);
}

static void drop_holds(struct qbd_device *dev)
{
	struct qbd_request *req, *next;
	struct qbd_turn turn;

	qbd_turn_begin(dev, &turn);
	list_for_each_entry_safe(req, next, &dev->table.holds, link) {
		qbd_table_unhold(&dev->table, req, &turn.freed);
		list_add_tail(&req->link, &turn.dropped);
	}
	qbd_turn_end(dev, &turn);
}

/* A removed device, which nobody has open any more, goes. */
static void device_teardown(struct qbd_device *dev)
{
	struct qbd_turn turn;

	mutex_lock(&devices_mutex);
	WRITE_ONCE(dev->live, false);
	mutex_unlock(&devices_mutex);

	qbd_turn_begin(dev, &turn);
	qbd_session_unbind(dev, &turn, NULL);
	qbd_turn_end(dev, &turn);

	del_gendisk(dev->disk);
	hrtimer_cancel(&dev->lease_timer);
	drop_holds(dev);
	cancel_delayed_work_sync(&dev->timeout_work);
	cancel_work_sync(&dev->read_work);
	cancel_delayed_work_sync(&dev->send_work);
	if (dev->opening.close)
		qbd_write_put(dev, &dev->opening.close->req);
	put_disk(dev->disk);
	qbd_compat_bdev_close(&dev->replica);
	device_unreserve(dev);
	qbd_device_put(dev);
	module_put(THIS_MODULE);
}

static void delete_work(struct work_struct *work)
{
	device_teardown(container_of(work, struct qbd_device, delete_work));
}

/**
 * qbd_device_del() - remove a device
 * @dev: the device
 * @force: even when an agent is bound
 * @extack: for the error's text
 *
 * Never waits for I/O: there is none when nobody has it open.
 *
 * Return: 0; -EBUSY open, being opened or bound; -ENODEV somebody else is
 * removing it.
 */
int qbd_device_del(struct qbd_device *dev, bool force,
		   struct netlink_ext_ack *extack)
{
	struct qbd_turn turn;
	int err = 0;

	qbd_turn_begin(dev, &turn);
	if (dev->removed) {
		err = -ENODEV;
	} else if (dev->opening.openers || dev->opening.waiting) {
		NL_SET_ERR_MSG(extack, "the device is open: close it first");
		err = -EBUSY;
	} else if (dev->session.sk && !force) {
		NL_SET_ERR_MSG(extack,
			       "an agent is bound: stop it first, or force");
		err = -EBUSY;
	} else {
		qbd_gate_remove(dev, &turn, "deleted");
	}
	qbd_turn_end(dev, &turn);
	if (!err)
		device_teardown(dev);
	return err;
}

/*
 * A namespace goes, its devices with it.  Those that are open are shut and
 * removed by the last close; nothing here waits for that.
 */
static void __net_exit net_exit(struct net *net)
{
	unsigned long minor = 0;
	struct qbd_device *dev;
	struct qbd_turn turn;
	bool mine, open;

	while ((dev = qbd_device_next(net, &minor))) {
		qbd_turn_begin(dev, &turn);
		mine = !dev->removed;
		open = dev->opening.openers || dev->opening.waiting;
		if (mine) {
			qbd_gate_fence(dev, &turn, NULL);
			qbd_gate_remove(dev, &turn,
					"the network namespace has gone");
			dev->orphan = open;
		}
		qbd_turn_end(dev, &turn);
		mutex_lock(&devices_mutex);
		WRITE_ONCE(dev->net, NULL);
		mutex_unlock(&devices_mutex);
		if (mine && !open)
			queue_work(qbd_delete_workqueue, &dev->delete_work);
		qbd_device_put(dev);
	}
}

static struct pernet_operations qbd_net_ops = {
	.exit = net_exit,
};

/**
 * qbd_devices_init() - make ready for devices
 *
 * Return: 0 or a negative errno.
 */
int __init qbd_devices_init(void)
{
	int err = -ENOMEM;

	qbd_workqueue = alloc_workqueue("qbd", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!qbd_workqueue)
		return err;
	qbd_delete_workqueue = alloc_workqueue("qbd-delete", WQ_UNBOUND, 0);
	if (!qbd_delete_workqueue)
		goto out_workqueue;
	qbd_write_cache = KMEM_CACHE(qbd_write, 0);
	if (!qbd_write_cache)
		goto out_delete;
	qbd_read_cache = KMEM_CACHE(qbd_read, 0);
	if (!qbd_read_cache)
		goto out_writes;
	qbd_major = register_blkdev(0, "qbd");
	if (qbd_major < 0) {
		err = qbd_major;
		goto out_reads;
	}
	err = register_pernet_device(&qbd_net_ops);
	if (err)
		goto out_major;
	return 0;

out_major:
	unregister_blkdev(qbd_major, "qbd");
out_reads:
	kmem_cache_destroy(qbd_read_cache);
out_writes:
	kmem_cache_destroy(qbd_write_cache);
out_delete:
	destroy_workqueue(qbd_delete_workqueue);
out_workqueue:
	destroy_workqueue(qbd_workqueue);
	return err;
}

/**
 * qbd_devices_exit() - undo qbd_devices_init(); there are no devices any more
 */
void qbd_devices_exit(void)
{
	unregister_pernet_device(&qbd_net_ops);
	unregister_blkdev(qbd_major, "qbd");
	/* a delete work may have put its module reference and still return */
	destroy_workqueue(qbd_delete_workqueue);
	kmem_cache_destroy(qbd_read_cache);
	kmem_cache_destroy(qbd_write_cache);
	destroy_workqueue(qbd_workqueue);
	xa_destroy(&devices);
}
