// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: the disk - what the block layer sees of a device
 *
 * Bio-based: each bio is dispatched here by its operation, then handled by
 * read.c or write.c.  The disk's limits are set here, too.
 */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/sysfs.h>
#include <linux/qbd.h>

#include "compat.h"
#include "device.h"
#include "disk.h"
#include "opening.h"
#include "read.h"
#include "write.h"

#define PHYSICAL_BLOCK 4096
#define SEGMENTS_MAX 16

static void disk_submit_bio(struct bio *bio)
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

QBD_COMPAT_OPEN(disk_open, qbd_opening_open)
QBD_COMPAT_RELEASE(disk_release, qbd_opening_release)

static const struct block_device_operations disk_fops = {
	.owner = THIS_MODULE,
	.submit_bio = disk_submit_bio,
	.open = disk_open,
	.release = disk_release,
};

static ssize_t volume_show(struct device *device, struct device_attribute *attr,
			   char *text)
{
	struct qbd_device *dev = dev_to_disk(device)->private_data;

	return sysfs_emit(text, "%s\n", dev->name);
}
static DEVICE_ATTR_RO(volume);

static struct attribute *disk_attrs[] = { &dev_attr_volume.attr, NULL };

static const struct attribute_group disk_attr_group = {
	.name = "qbd",
	.attrs = disk_attrs,
};

static const struct attribute_group *disk_attr_groups[] = { &disk_attr_group,
							    NULL };

/**
 * qbd_disk_add() - make a device's disk and show it
 * @dev: the device, complete otherwise: it may be opened before this returns
 *
 * The caller undoes it by del_gendisk() and put_disk() for qbd_device.disk,
 * between which nothing uses the disk any more.
 *
 * Its number is one of the block layer's (major blkext), and its minor is not
 * that of its name: LVM and others know by the major which devices to use, and a
 * major of ours would be none of those.
 *
 * Return: 0 or a negative errno.
 */
int qbd_disk_add(struct qbd_device *dev)
{
	struct block_device *replica = dev->replica.bdev;
	struct qbd_compat_limits limits = {
		.block_size = dev->block_size,
		.physical_block_size = PHYSICAL_BLOCK,
		.data_max = QBD_REQ_DATA_MAX,
		.segments_max = SEGMENTS_MAX,
		.range_max = QBD_REQ_RANGE_MAX,
		.dma_alignment = max_t(u32, bdev_dma_alignment(replica),
				       SECTOR_SIZE - 1),
		.nowait = bdev_nowait(replica),
	};
	struct gendisk *disk = qbd_compat_disk_alloc(&limits);
	int err;

	if (IS_ERR(disk))
		return PTR_ERR(disk);
	disk->flags |= GENHD_FL_NO_PART;
	disk->fops = &disk_fops;
	disk->private_data = dev;
	snprintf(disk->disk_name, sizeof(disk->disk_name), "qbd%u", dev->minor);
	set_capacity(disk, dev->size >> SECTOR_SHIFT);
	dev->disk = disk;
	err = device_add_disk(NULL, disk, disk_attr_groups);
	if (err)
		put_disk(disk);
	return err;
}
