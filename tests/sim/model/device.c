// SPDX-License-Identifier: GPL-2.0
/*
 * The module of a node.  Keeps what the real module promises: the request table
 * survives the agent, open requests are sent again to the next one, nothing is
 * read after the lease or over a write that is not applied.
 */
#include "tests/sim/model/world.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static void device_send(struct device *device, const struct node_request *body)
{
	struct node_request copy = *body;

	if (!device->host->node)
		return;
	copy.buf = NULL;
	copy.data = NULL;
	if (copy.op == NODE_REQ_WRITE) {
		/* the agent has bytes of its own */
		copy.buf = base_buf_new(copy.length);
		memcpy(copy.buf->data, body->data, copy.length);
		copy.data = copy.buf->data;
	}
	node_request(device->host->node, &copy);
	base_buf_put(copy.buf);
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
	memset(&slot->body, 0, sizeof(slot->body));
	slot->used = false;
	slot->blocks = 0;
}

static void device_fail_all(struct device *device)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		if (device->slots[i].used)
			slot_free(&device->slots[i]);
	device->opening = false;
}

void device_power_off(struct device *device)
{
	struct host *host = device->host;

	device_fail_all(device);
	memset(device, 0, offsetof(struct device, holds));
	device->host = host;
}

struct slot *device_oldest(struct device *device, uint64_t above)
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

struct slot *device_free_slot(struct device *device)
{
	unsigned int i;

	for (i = 0; i < device->host->world->depth; i++)
		if (!device->slots[i].used)
			return &device->slots[i];
	return NULL;
}

/* Some of what is to be sent again: what the socket takes, or the agent reads. */
static void device_resend(struct world *world, void *object, uint64_t life,
			  uint64_t b)
{
	struct device *device = object;
	unsigned int room = 1 + (unsigned int)world_draw(world, SLOTS);
	uint64_t later_us =
		1 + world_draw(world, 1ULL << world_draw(world, 21));
	struct slot *slot = NULL;

	if (!device->host->node || device->host->life != life)
		return;
	while (room-- && (slot = device_oldest(device, device->sent_tag))) {
		device->sent_tag = slot->body.tag;
		device_send(device, &slot->body);
	}
	device->resending = device_oldest(device, device->sent_tag) != NULL;
	if (device->resending)
		world_at(world, world->now_us + later_us, device_resend, device,
			 life, 0);
}

/*
 * A new agent is handed everything that is open, in order, but not at once: it
 * may lead before it has the rest.
 */
void device_bind(struct device *device)
{
	device->lease_us = 0;
	device->sent_tag = 0;
	node_bound(device->host->node, device->epoch, device->open,
		   device->next_tag + 1);
	if (device->closing)
		device_send_close(device);
	if (device->opening)
		device_send_open(device);
	device_resend(device->host->world, device, device->host->life, 0);
}

void device_lease(struct device *device, uint64_t until_us)
{
	device->lease_us = until_us;
}

bool device_active(const struct device *device)
{
	return device->host->node && !device->fenced &&
	       host_now(device->host) < device->lease_us;
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

static unsigned int slot_block(const struct device *device,
			       const struct slot *slot)
{
	return (unsigned int)(world_at_offset(device->host->world,
					      slot->body.offset) /
			      WORLD_BLOCK_BYTES);
}

static void device_hold(struct device *device, const struct slot *slot)
{
	struct hold *hold;

	if (slot->body.tag <= device->applied_tag || !slot->blocks)
		return;
	if (device->hold_count == HOLDS) {
		world_fail(device->host->world, "n%u: holds never released",
			   device->host->id);
		return;
	}
	hold = &device->holds[device->hold_count++];
	hold->tag = slot->body.tag;
	hold->block = slot_block(device, slot);
	hold->blocks = slot->blocks;
}

void device_open(struct device *device)
{
	device->opening = true;
	device->opening_tag = ++device->next_tag;
	device_send_open(device);
}

void device_close(struct device *device)
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

	device->opening = false;
	world_tell(world, device->host->id, "open: epoch %lu error %d",
		   (unsigned long)epoch, error);
	if (error)
		return;
	world->stats.opens++;
	device->open = true;
	device->epoch = epoch;
	oracle_opened(device->host, epoch);
}

static void slot_done(struct device *device, struct slot *slot)
{
	struct world *world = device->host->world;
	unsigned int i;

	for (i = 0; i < slot->blocks; i++)
		history_answer(world->history, slot->writes[i], world->now_us);
	device_hold(device, slot);
	world_tell(world, device->host->id, "done tag %lu",
		   (unsigned long)slot->body.tag);
	if (slot->body.op != NODE_REQ_FLUSH)
		oracle_acknowledged(device->host, slot->body.epoch,
				    slot->body.tag);
}

void device_done(struct device *device, uint64_t tag, uint64_t epoch, int error)
{
	struct slot *slot;

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
	if (!error)
		slot_done(device, slot);
	slot_free(slot);
}

void device_was_applied(struct device *device, uint64_t tag)
{
	unsigned int kept = 0;
	unsigned int i;

	if (tag > device->applied_tag)
		device->applied_tag = tag;
	for (i = 0; i < device->hold_count; i++)
		if (device->holds[i].tag > tag)
			device->holds[kept++] = device->holds[i];
	device->hold_count = kept;
}

/* Overlaps with a write that is open, or done and not applied? */
static bool device_held(const struct device *device, unsigned int block)
{
	unsigned int i;

	for (i = 0; i < device->hold_count; i++)
		if (block - device->holds[i].block < device->holds[i].blocks)
			return true;
	for (i = 0; i < SLOTS; i++) {
		const struct slot *slot = &device->slots[i];
		unsigned int first = slot_block(device, slot);

		if (slot->used && block - first < slot->blocks)
			return true;
	}
	return false;
}

void device_read(struct device *device, unsigned int block)
{
	struct world *world = device->host->world;
	const uint8_t *bytes;
	uint64_t id, other;

	if (!device_active(device) || device_held(device, block))
		return;
	/* Its disk has just lost what it had acknowledged: nobody can know. */
	if (device->host->io_failed)
		return;
	bytes = host_data(device->host, (uint64_t)block * WORLD_BLOCK_BYTES,
			  WORLD_BLOCK_BYTES);
	if (!bytes) {
		/* The user gets EIO, and the module tells the agent. */
		host_disk_check(device->host, -EIO, "a read");
		return;
	}
	memcpy(&id, bytes, sizeof(id));
	memcpy(&other, bytes + DISK_SECTOR, sizeof(other));
	if (other != id)
		world_fail(world, "n%u: block %u is torn", device->host->id,
			   block);
	world->stats.reads++;
	history_read(world->history, block, id, world->now_us, world->now_us);
	world_tell(world, device->host->id, "read block %u: %lx", block,
		   (unsigned long)id);
}

void device_submit(struct device *device, struct slot *slot)
{
	slot->used = true;
	slot->body.tag = ++device->next_tag;
	slot->body.epoch = device->epoch;
	if (device->resending)
		return; /* in its turn */
	device->sent_tag = slot->body.tag;
	device_send(device, &slot->body);
}
