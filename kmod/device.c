// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: devices - creation, lookup by commands, removal
 *
 * A device holds a reference on the module from before it is visible until it
 * is removed, so the module cannot be unloaded while there is one.
 *
 * What may still use a device that is being removed, and why each use ends: the
 * block layer - the device is not open, and del_gendisk() waits for the rest;
 * the works and the timer - cancelled by device_teardown(), and nothing queues
 * them once qbd_device.removed is set; commands, dumps, an agent that is
 * sending - they hold a reference on the kref, which keeps the pools as well.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/sock.h>

#include "device.h"
#include "disk.h"
#include "gate.h"
#include "read.h"
#include "registry.h"
#include "send.h"
#include "timeout.h"
#include "turn.h"
#include "write.h"

struct workqueue_struct *qbd_workqueue; /* lets I/O go on */
struct workqueue_struct *qbd_delete_workqueue; /* may wait */
struct kmem_cache *qbd_write_cache;
struct kmem_cache *qbd_read_cache;

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

static void delete_work(struct work_struct *work);

static void device_init(struct qbd_device *dev,
			const struct qbd_device_config *config)
{
	kref_init(&dev->kref);
	strscpy(dev->name, config->name, sizeof(dev->name));
	strscpy(dev->replica_path, config->replica, sizeof(dev->replica_path));
	dev->net = config->net;
	dev->size = config->size;
	dev->data_offset = config->data_offset;
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

/* Neither the offset nor the size is trusted: no sum that may overflow. */
static bool replica_fits(const struct qbd_device *dev)
{
	u64 bytes = bdev_nr_bytes(dev->replica.bdev);

	return dev->data_offset <= bytes &&
	       dev->size <= bytes - dev->data_offset;
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
	if (!replica_fits(dev)) {
		NL_SET_ERR_MSG(extack,
			       "the replica ends before the data area does");
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

/**
 * qbd_device_new() - make a device
 * @config: its settings; checked by the caller, but for the replica
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
	err = qbd_registry_add(dev, config->minor, extack);
	if (err)
		goto out_put;
	err = replica_open(dev, extack);
	if (err)
		goto out_registry;
	err = mempool_init_slab_pool(&dev->pool, QBD_WRITES_MIN,
				     qbd_write_cache);
	if (err)
		goto out_replica;
	err = qbd_read_pool_fill(dev);
	if (err)
		goto out_replica;
	__module_get(THIS_MODULE);
	err = qbd_disk_add(dev);
	if (err)
		goto out_module;
	kref_get(&dev->kref);
	qbd_registry_show(dev);
	return dev;

out_module:
	module_put(THIS_MODULE);
out_replica:
	qbd_compat_bdev_close(&dev->replica);
out_registry:
	qbd_registry_del(dev);
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

/* A removed device goes once it is not open any more. */
static void device_teardown(struct qbd_device *dev)
{
	struct qbd_turn turn;

	qbd_registry_hide(dev);
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
	qbd_registry_del(dev);
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
 * Never waits for I/O: a device that is not open has none.
 *
 * Return: 0; -EBUSY open, being opened or bound; -ENODEV it is being
 * removed already.
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
 * A namespace ends, and its devices with it.  Those that are open are fenced
 * and removed at the last close; nothing here waits for that.
 */
static void __net_exit net_exit(struct net *net)
{
	unsigned long minor = 0;
	struct qbd_device *dev;
	struct qbd_turn turn;
	bool mine, open;

	while ((dev = qbd_registry_next(net, &minor))) {
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
		qbd_registry_net_gone(dev);
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
	err = register_pernet_device(&qbd_net_ops);
	if (err)
		goto out_reads;
	return 0;

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
	/* a delete work may have put its module reference and still return */
	destroy_workqueue(qbd_delete_workqueue);
	kmem_cache_destroy(qbd_read_cache);
	kmem_cache_destroy(qbd_write_cache);
	destroy_workqueue(qbd_workqueue);
	qbd_registry_exit();
}
