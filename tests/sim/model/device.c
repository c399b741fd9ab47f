// SPDX-License-Identifier: GPL-2.0
/*
 * The module of a node and its user: opens, writes, reads, closes at random.
 * Keeps what the real module promises: the request table survives the agent,
 * open requests are sent again to the next one, nothing is read after the lease
 * or over a write that is not applied.
 */
#include <errno.h>
#include <string.h>

#include "tests/sim/model/world.h"

static void device_live(struct world *world, void *object, uint64_t a,
			uint64_t b);

static void device_send(struct device *device, const struct node_request *body)
{
	struct node_request copy = *body;

	if (!device->host->node)
		return;
	if (copy.op == NODE_REQ_WRITE) {
		/* the agent has bytes of its own */
		copy.buf = base_buf_new(copy.length);
		memcpy(copy.buf->data, body->data, copy.length);
		copy.data = copy.buf->data;
	} else {
		copy.buf = NULL;
	}
	node_request(device->host->node, &copy);
	base_buf_put(copy.op == NODE_REQ_WRITE ? copy.buf : NULL);
	host_pump(device->host);
}

static void device_send_open(struct device *device)
{
	struct node_request body = { .tag = device->opening_tag,
				     .op = NODE_REQ_OPEN };

	device_send(device, &body);
}

static void device_send_close(struct device *device)
{
	struct node_request body = { .tag = device->closing_tag,
				     .epoch = device->closing_epoch,
				     .op = NODE_REQ_CLOSE };

	device_send(device, &body);
}

static void slot_free(struct slot *slot)
{
	base_buf_put(slot->body.buf);
	memset(slot, 0, sizeof(*slot));
}

void device_start(struct device *device)
{
	struct world *world = device->host->world;

	world_at(world, world->now_us + world_draw(world, world->client_us),
		 device_live, device, 0, 0);
}

void device_power_off(struct device *device)
{
	struct host *host = device->host;
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		if (device->slots[i].used)
			slot_free(&device->slots[i]);
	memset(device, 0, sizeof(*device));
	device->host = host;
}

static struct slot *device_oldest(struct device *device, uint64_t above)
{
	struct slot *oldest = NULL;
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		struct slot *slot = &device->slots[i];

		if (slot->used && slot->body.tag > above &&
		    (!oldest || slot->body.tag < oldest->body.tag))
			oldest = slot;
	}
	return oldest;
}

/* A new agent is handed everything that is open, in order. */
void device_bind(struct device *device)
{
	struct slot *slot;
	uint64_t tag = 0;

	device->lease_us = 0;
	node_bound(device->host->node, device->epoch, device->open);
	if (device->closing)
		device_send_close(device);
	if (device->opening)
		device_send_open(device);
	while ((slot = device_oldest(device, tag))) {
		tag = slot->body.tag;
		device_send(device, &slot->body);
	}
}

void device_lease(struct device *device, uint64_t until_us)
{
	device->lease_us = until_us;
}

static bool device_active(const struct device *device)
{
	return device->host->node && !device->fenced &&
	       host_now(device->host) < device->lease_us;
}

static void device_fail_all(struct device *device)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		if (device->slots[i].used)
			slot_free(&device->slots[i]);
	device->opening = false;
}

void device_fenced(struct device *device)
{
	if (!device->open)
		return;
	device->fenced = true;
	device_fail_all(device);
}

void device_abort(struct device *device)
{
	if (device->open)
		device->fenced = true;
	device_fail_all(device);
}

void device_finish(struct device *device)
{
	device->finish = true;
}

static void device_hold(struct device *device, const struct slot *slot)
{
	unsigned int i;

	if (slot->body.tag <= device->applied_tag)
		return;
	for (i = 0; i < HOLDS && device->holds[i].used; i++)
		;
	if (i == HOLDS) {
		world_fail(device->host->world, "n%u: holds never released",
			   device->host->id);
		return;
	}
	device->holds[i].used = true;
	device->holds[i].tag = slot->body.tag;
	device->holds[i].block = slot->body.offset / WORLD_BLOCK_BYTES;
	device->holds[i].blocks = slot->blocks;
}

static void device_close(struct device *device)
{
	struct world *world = device->host->world;

	world_tell(world, device->host->id, "device closes epoch %lu",
		   (unsigned long)device->epoch);
	device->closing = true;
	device->closing_tag = ++device->next_tag;
	device->closing_epoch = device->epoch;
	device->open = false;
	device->fenced = false;
	device->epoch = 0;
	device_fail_all(device);
	device_send_close(device);
}

static void device_opened(struct device *device, uint64_t epoch, int error)
{
	struct world *world = device->host->world;
	unsigned int i;

	device->opening = false;
	world_tell(world, device->host->id, "open: epoch %lu error %d",
		   (unsigned long)epoch, error);
	if (error)
		return;
	for (i = 0; i < world->count; i++)
		if (world->hosts[i].device.open &&
		    world->hosts[i].device.epoch >= epoch)
			world_fail(world, "epoch %lu given twice",
				   (unsigned long)epoch);
	world->opens++;
	device->open = true;
	device->epoch = epoch;
}

void device_done(struct device *device, uint64_t tag, uint64_t epoch, int error)
{
	struct world *world = device->host->world;
	struct slot *slot;
	unsigned int i;

	if (device->opening && tag == device->opening_tag) {
		device_opened(device, epoch, error);
		return;
	}
	if (device->closing && tag == device->closing_tag) {
		device->closing = false;
		return;
	}
	slot = device_oldest(device, tag - 1);
	if (!slot || slot->body.tag != tag || slot->body.epoch != epoch)
		return; /* refused and counted by the real one */
	if (!error) {
		for (i = 0; i < slot->blocks; i++)
			history_answer(world->history, slot->writes[i],
				       world->now_us);
		device_hold(device, slot);
		world_tell(world, device->host->id, "done tag %lu",
			   (unsigned long)tag);
	}
	slot_free(slot);
}

void device_was_applied(struct device *device, uint64_t tag)
{
	unsigned int i;

	if (tag > device->applied_tag)
		device->applied_tag = tag;
	for (i = 0; i < HOLDS; i++)
		if (device->holds[i].used && device->holds[i].tag <= tag)
			device->holds[i].used = false;
}

/* Overlaps with a write that is open, or done and not applied? */
static bool device_held(const struct device *device, unsigned int block)
{
	unsigned int i;

	for (i = 0; i < HOLDS; i++)
		if (device->holds[i].used && block >= device->holds[i].block &&
		    block < device->holds[i].block + device->holds[i].blocks)
			return true;
	for (i = 0; i < SLOTS; i++) {
		const struct slot *slot = &device->slots[i];
		unsigned int first = slot->body.offset / WORLD_BLOCK_BYTES;

		if (slot->used && block >= first &&
		    block < first + slot->blocks)
			return true;
	}
	return false;
}

/* Mostly one of a few hot blocks, spread over the volume. */
static unsigned int draw_block(struct world *world)
{
	if (world_draw(world, 4))
		return (unsigned int)(world_draw(world, 6) * 64 +
				      world_draw(world, 8));
	return (unsigned int)world_draw(world, WORLD_BLOCKS);
}

static void device_read(struct device *device, unsigned int block)
{
	struct world *world = device->host->world;
	const uint8_t *bytes = memdisk_bytes(device->host->disk) +
			       (size_t)block * WORLD_BLOCK_BYTES;
	uint64_t id, other;
	unsigned int i;

	if (!device_active(device) || device_held(device, block))
		return;
	memcpy(&id, bytes, sizeof(id));
	for (i = 0; i < WORLD_BLOCK_BYTES; i += 512) {
		memcpy(&other, bytes + i, sizeof(other));
		if (other != id)
			world_fail(world, "n%u: block %u is torn",
				   device->host->id, block);
	}
	world->reads++;
	history_read(world->history, block, id, world->now_us, world->now_us);
	world_tell(world, device->host->id, "read block %u: %lx", block,
		   (unsigned long)id);
}

void device_read_all(struct device *device)
{
	unsigned int block;
	unsigned int i;

	for (i = 0; i < HOLDS; i++)
		if (device->holds[i].used)
			world_fail(device->host->world,
				   "n%u: hold of tag %lu never released",
				   device->host->id,
				   (unsigned long)device->holds[i].tag);

	for (block = 0; block < WORLD_BLOCKS; block++)
		device_read(device, block);
}

static void slot_fill(struct device *device, struct slot *slot)
{
	struct world *world = device->host->world;
	unsigned int first = slot->body.offset / WORLD_BLOCK_BYTES;
	unsigned int i, j;
	uint64_t id;

	for (i = 0; i < slot->blocks; i++) {
		id = slot->body.op == NODE_REQ_WRITE ? world->next_id++ : 0;
		slot->writes[i] = history_write(world->history, first + i, id,
						world->now_us);
		world_tell(world, device->host->id,
			   "write tag %lu block %u: %lx",
			   (unsigned long)slot->body.tag, first + i,
			   (unsigned long)id);
		for (j = 0; j < WORLD_BLOCK_BYTES; j += 512)
			memcpy(slot->body.buf->data + i * WORLD_BLOCK_BYTES + j,
			       &id, sizeof(id));
	}
}

static void device_write(struct device *device)
{
	struct world *world = device->host->world;
	struct slot *slot = NULL;
	unsigned int first = draw_block(world);
	unsigned int i;

	for (i = 0; i < SLOTS && !slot; i++)
		if (!device->slots[i].used)
			slot = &device->slots[i];
	if (!slot)
		return;
	slot->used = true;
	slot->body.tag = ++device->next_tag;
	slot->body.epoch = device->epoch;
	if (!world_draw(world, 16)) {
		slot->body.op = NODE_REQ_FLUSH;
		device_send(device, &slot->body);
		return;
	}
	slot->blocks = 1 + (unsigned int)world_draw(world, 16);
	if (world_draw(world, 3))
		slot->blocks = 1;
	if (slot->blocks > WORLD_BLOCKS - first)
		slot->blocks = WORLD_BLOCKS - first;
	slot->body.op = NODE_REQ_WRITE;
	slot->body.offset = (uint64_t)first * WORLD_BLOCK_BYTES;
	slot->body.length = slot->blocks * WORLD_BLOCK_BYTES;
	slot->body.buf = base_buf_new(slot->body.length);
	memset(slot->body.buf->data, 0x5a, slot->body.length);
	slot->body.data = slot->body.buf->data;
	slot_fill(device, slot);
	world->writes++;
	device_send(device, &slot->body);
}

/* One step of the user of this device. */
static void device_live(struct world *world, void *object, uint64_t a,
			uint64_t b)
{
	struct device *device = object;

	world_at(world, world->now_us + 1 + world_draw(world, world->client_us),
		 device_live, device, 0, 0);
	if (world_draw(world, 2))
		device_read(device, draw_block(world));
	if (host_paused(device->host))
		return; /* its agent would not read what we hand over */
	if (!device->open) {
		if (!device->opening && !device->closing && !device->finish &&
		    !world_draw(world, 40)) {
			device->opening = true;
			device->opening_tag = ++device->next_tag;
			device_send_open(device);
		}
		return;
	}
	if (device->fenced || !world_draw(world, 2000)) {
		if (device->fenced && world_draw(world, 20))
			return;
		device_close(device);
		return;
	}
	if (device->finish) {
		if (!device_oldest(device, 0))
			device_close(device);
		return;
	}
	device_write(device);
}
