// SPDX-License-Identifier: GPL-2.0
/*
 * The users of the devices: open, write, zero, flush, read, close at random.
 * Each block that is written carries an id of its own.
 */
#include "tests/sim/model/world.h"

#include <string.h>

#define NAP_US 2000000

static void client_live(struct world *world, void *object, uint64_t a,
			uint64_t b);

void client_start(struct host *host)
{
	struct world *world = host->world;

	world_at(world, world->now_us + world_draw(world, world->client_us),
		 client_live, host, 0, 0);
}

/* Mostly one of a few hot blocks, which are spread over the volume. */
static unsigned int draw_block(struct world *world)
{
	unsigned int hot;

	if (!world_chance(world, 4)) {
		hot = (unsigned int)world_draw(world, world->hot);
		return hot * 37 % world->blocks;
	}
	return (unsigned int)world_draw(world, world->blocks);
}

static unsigned int draw_blocks(struct world *world, unsigned int first)
{
	unsigned int gap = (unsigned int)(world->gap_from / WORLD_BLOCK_BYTES);
	unsigned int end = first < gap ? gap : world->blocks;
	unsigned int blocks = 1;

	if (world_chance(world, 4))
		blocks += (unsigned int)world_draw(world, 8);
	if (world_chance(world, 20))
		blocks += (unsigned int)world_draw(world, SLOT_BLOCKS - 8);
	return blocks < end - first ? blocks : end - first;
}

static void slot_fill(struct host *host, struct slot *slot, unsigned int first)
{
	struct world *world = host->world;
	bool write = slot->body.op == NODE_REQ_WRITE;
	uint8_t *at = write ? slot->body.buf->data : NULL;
	unsigned int i;
	uint64_t id;

	for (i = 0; i < slot->blocks; i++) {
		id = write ? world->next_id++ : 0;
		slot->writes[i] = history_write(world->history, first + i, id,
						world->now_us);
		world_tell(world, host->id, "write block %u: %lx", first + i,
			   (unsigned long)id);
		if (!write)
			continue;
		memset(at, (int)(id & 0xff), WORLD_BLOCK_BYTES);
		memcpy(at, &id, sizeof(id));
		memcpy(at + DISK_SECTOR, &id, sizeof(id));
		at += WORLD_BLOCK_BYTES;
	}
}

static void client_write(struct host *host)
{
	struct world *world = host->world;
	struct device *device = &host->device;
	struct slot *slot = device_free_slot(device);
	unsigned int first;

	if (!slot)
		return;
	if (world_chance(world, 16)) {
		slot->body.op = NODE_REQ_FLUSH;
		device_submit(device, slot);
		return;
	}
	first = draw_block(world);
	slot->blocks = draw_blocks(world, first);
	slot->body.op = world_chance(world, 8) ? NODE_REQ_ZERO : NODE_REQ_WRITE;
	slot->body.offset =
		world_offset(world, (uint64_t)first * WORLD_BLOCK_BYTES);
	slot->body.length = slot->blocks * WORLD_BLOCK_BYTES;
	if (slot->body.op == NODE_REQ_WRITE) {
		slot->body.buf = base_buf_new(slot->body.length);
		slot->body.data = slot->body.buf->data;
	}
	slot_fill(host, slot, first);
	world->stats.writes++;
	device_submit(device, slot);
}

/* It is not open: open it, now and then. */
static void client_closed(struct host *host)
{
	struct device *device = &host->device;
	struct world *world = host->world;

	if (device->opening || device->closing || world->calm ||
	    !world_chance(world, world->open_one_in))
		return;
	device_open(device);
}

static void client_live(struct world *world, void *object, uint64_t a,
			uint64_t b)
{
	struct host *host = object;
	struct device *device = &host->device;
	uint64_t next = 1 + world_draw(world, world->client_us);
	unsigned int burst = 1;

	if (world->calm && !device->open && !device->opening &&
	    !device->closing)
		return;
	/* Now and then nobody wants anything for a while. */
	if (world_chance(world, 150))
		next = world_draw(world, NAP_US);
	world_at(world, world->now_us + next, client_live, host, 0, 0);
	if (world_draw(world, 2))
		device_read(device, draw_block(world));
	if (host_paused(host))
		return; /* its agent would not read what we hand over */
	if (!device->open) {
		client_closed(host);
	} else if (device->fenced) {
		if (world_chance(world, 10) || world->calm)
			device_close(device);
	} else if (world->calm) {
		if (!device_oldest(device, 0))
			device_close(device);
	} else if (world_chance(world, world->close_one_in)) {
		device_close(device);
	} else {
		if (world_chance(world, 8))
			burst = world->depth;
		while (burst--)
			client_write(host);
	}
}

void client_read_all(struct host *host)
{
	struct device *device = &host->device;
	unsigned int block;

	if (device->hold_count)
		world_fail(host->world, "n%u: hold of tag %lu never released",
			   host->id, (unsigned long)device->holds[0].tag);
	for (block = 0; block < host->world->blocks; block++)
		device_read(device, block);
}
