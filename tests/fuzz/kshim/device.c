// SPDX-License-Identifier: GPL-2.0
/*
 * In place of kmod/device.c, registry.c, read.c and send.c: devices without disks, no
 * reads, and handing over without payloads.  What belongs to the request table
 * and the session is done as there.
 */
#include "kernel.h"

#include "device.h"
#include "gate.h"
#include "netlink.h"
#include "read.h"
#include "registry.h"
#include "send.h"
#include "shim.h"
#include "turn.h"
#include "write.h"

struct net kshim_net;
static struct nsproxy proxy = { .net_ns = &kshim_net };
static struct task task = { .nsproxy = &proxy };
struct task *current = &task;
u64 kshim_now_ns;
unsigned int kshim_bios;

struct workqueue_struct *qbd_workqueue, *qbd_delete_workqueue;
static struct kmem_cache write_cache = { sizeof(struct qbd_write) };
struct kmem_cache *qbd_write_cache = &write_cache;

struct qbd_device *kshim_devices[KSHIM_DEVICES];
struct miscdevice *kshim_control;

int misc_register(struct miscdevice *device)
{
	kshim_control = device;
	return 0;
}

void bio_endio(struct bio *bio)
{
	WARN_ON_ONCE(bio->__bi_remaining.counter <= 0);
	if (--bio->__bi_remaining.counter)
		return;
	kshim_bios--;
	free(bio);
}

/* What netlink.c has checked must be possible. */
static void check_config(const struct qbd_device_config *config)
{
	WARN_ON_ONCE(!config->name[0] || strlen(config->name) > QBD_NAME_MAX);
	WARN_ON_ONCE(strlen(config->replica) > QBD_PATH_MAX);
	WARN_ON_ONCE(config->block_size != 512 && config->block_size != 4096);
	WARN_ON_ONCE(!config->size || config->size % config->block_size);
	WARN_ON_ONCE(config->data_offset % QBD_DATA_ALIGN);
	WARN_ON_ONCE(config->minor < -1 || config->minor >= QBD_MINORS_MAX);
	WARN_ON_ONCE(strchr(config->name, '/') || config->name[0] == '.');
}

struct qbd_device *qbd_device_new(const struct qbd_device_config *config,
				  struct netlink_ext_ack *extack)
{
	struct qbd_device *dev;
	u32 minor = 0;

	check_config(config);
	while (minor < KSHIM_DEVICES && kshim_devices[minor])
		minor++;
	if (minor == KSHIM_DEVICES)
		return ERR_PTR(-EEXIST);
	dev = calloc(1, sizeof(*dev));
	dev->minor = minor;
	strscpy(dev->name, config->name, sizeof(dev->name));
	strscpy(dev->replica_path, config->replica, sizeof(dev->replica_path));
	dev->size = config->size;
	dev->data_offset = config->data_offset;
	dev->block_size = config->block_size;
	dev->io_timeout_ms = config->io_timeout_ms;
	dev->pool.bytes = sizeof(struct qbd_write);
	dev->disk = calloc(1, sizeof(*dev->disk));
	dev->disk->private_data = dev;
	qbd_table_init(&dev->table);
	INIT_LIST_HEAD(&dev->reads_held);
	INIT_LIST_HEAD(&dev->reads_ready);
	qbd_gate_init(dev);
	dev->kref.refs = 2;
	kshim_devices[minor] = dev;
	return dev;
}

void qbd_device_put(struct qbd_device *dev)
{
	if (--dev->kref.refs)
		return;
	free(dev->disk);
	free(dev);
}

struct qbd_device *qbd_registry_next(struct net *net, unsigned long *minor)
{
	for (; *minor < KSHIM_DEVICES; (*minor)++) {
		struct qbd_device *dev = kshim_devices[*minor];

		if (!dev)
			continue;
		dev->kref.refs++;
		return dev;
	}
	return NULL;
}

struct qbd_device *qbd_registry_find(struct net *net, s32 minor,
				     const char *name)
{
	unsigned long at;

	for (at = 0; at < KSHIM_DEVICES; at++) {
		struct qbd_device *dev = kshim_devices[at];

		if (!dev || (minor >= 0 && at != (unsigned long)minor) ||
		    (name && strcmp(name, dev->name)))
			continue;
		dev->kref.refs++;
		return dev;
	}
	return NULL;
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

int qbd_device_del(struct qbd_device *dev, bool force,
		   struct netlink_ext_ack *extack)
{
	struct qbd_turn turn;
	int err = 0;

	qbd_turn_begin(dev, &turn);
	if (dev->removed)
		err = -ENODEV;
	else if (dev->opening.openers || dev->opening.waiting ||
		 (dev->session.sk && !force))
		err = -EBUSY;
	else
		qbd_gate_remove(dev, &turn, "removed");
	qbd_turn_end(dev, &turn);
	if (err)
		return err;
	qbd_turn_begin(dev, &turn);
	qbd_session_unbind(dev, &turn, NULL);
	qbd_turn_end(dev, &turn);
	drop_holds(dev);
	if (dev->opening.close)
		qbd_write_put(dev, &dev->opening.close->req);
	kshim_devices[dev->minor] = NULL;
	qbd_device_put(dev);
	return 0;
}

/* No reads here */
void qbd_read_freed(struct qbd_device *dev, struct qbd_range *range)
{
	WARN_ON_ONCE(true);
}

void qbd_read_fail_all(struct qbd_device *dev, struct qbd_turn *turn)
{
}

void qbd_send_retry(struct qbd_device *dev)
{
	dev->send_work.work.pending = true;
}

#define WEIGHT 2048

void qbd_send_run(struct qbd_device *dev, struct qbd_turn *turn,
		  unsigned int messages)
{
	struct qbd_request *req;
	struct sk_buff *skb;

	while (dev->session.sk && messages--) {
		bool gate_open = qbd_gate_now(dev, turn) == QBD_GATE_ACTIVE;

		qbd_turn_pass_on(dev, turn);
		qbd_write_take(dev, turn);
		req = qbd_table_peek(&dev->table, gate_open);
		if (!req || !qbd_session_has_room(dev, WEIGHT))
			break;
		qbd_table_take(&dev->table, req);
		skb = genlmsg_new(64, 0);
		genlmsg_end(skb, genlmsg_put(skb, 0, 0, &qbd_family, 0,
					     QBD_CMD_IO_REQ));
		if (qbd_session_deliver(dev, skb)) {
			nlmsg_free(skb);
			qbd_table_rewind(&dev->table, req->wire.tag);
			qbd_send_retry(dev);
			break;
		}
		qbd_session_charge(dev, req->wire.tag, WEIGHT);
		qbd_table_sent(req, dev->session.generation);
	}
}

void qbd_send_work(struct work_struct *work)
{
	struct qbd_device *dev =
		container_of(work, struct qbd_device, send_work.work);
	struct qbd_turn turn;

	qbd_turn_begin(dev, &turn);
	qbd_send_run(dev, &turn, 64);
	qbd_turn_end(dev, &turn);
}
