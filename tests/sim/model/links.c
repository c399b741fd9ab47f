// SPDX-License-Identifier: GPL-2.0
/*
 * The network as the node sees it: one connection per pair, frames in order,
 * lost when the connection breaks.  A cut is silent first; the connection is
 * given up some time later.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/model/world.h"

struct frame {
	struct base_buf *buf;
	uint64_t life; /* of the connection */
	uint32_t from;
	uint32_t to;
};

static struct link *link_of(struct world *world, uint32_t a, uint32_t b)
{
	return a < b ? &world->links[a - 1][b - 1] :
		       &world->links[b - 1][a - 1];
}

static struct way *way_of(struct world *world, uint32_t from, uint32_t to)
{
	return &link_of(world, from, to)->ways[from < to ? 0 : 1];
}

static void frame_free(struct frame *frame)
{
	base_buf_put(frame->buf);
	free(frame);
}

static void links_deliver(struct world *world, struct frame *frame)
{
	struct host *host = &world->hosts[frame->to - 1];
	struct base_error error;
	struct wire_msg msg;

	if (wire_decode(frame->buf, WORLD_BYTES, &msg, &error)) {
		world_fail(world, "frame refused: %s", error.text);
		return;
	}
	if (msg.type == WIRE_COPY_BEGIN)
		world->copies++;
	node_recv(host->node, frame->from, &msg, host_now(host),
		  world_draw(world, UINT64_MAX));
	wire_msg_clear(&msg);
	host_pump(host);
}

static void links_arrive(struct world *world, void *object, uint64_t a,
			 uint64_t b)
{
	struct frame *frame = object;
	struct link *link = link_of(world, frame->from, frame->to);
	struct way *way = way_of(world, frame->from, frame->to);
	struct host *host = &world->hosts[frame->to - 1];

	if (link->up && frame->life == link->life && host_paused(host)) {
		world_at(world, host->paused_until, links_arrive, frame, a, b);
		return;
	}
	if (link->up && frame->life == link->life) {
		way->queued -= (uint32_t)frame->buf->size;
		if (host->node && !way->blocked)
			links_deliver(world, frame);
	}
	frame_free(frame);
}

void links_forget(const struct event *event)
{
	if (event->fn == links_arrive)
		frame_free(event->object);
}

int links_send(struct host *host, uint32_t peer, const struct wire_msg *msg)
{
	struct world *world = host->world;
	struct link *link = link_of(world, host->id, peer);
	struct way *way = way_of(world, host->id, peer);
	struct wire_frame encoded;
	struct frame *frame;
	uint8_t *at;
	unsigned int i;

	if (!link->up)
		return -ENOTCONN;
	if (way->queued > (16U << 20))
		return -EAGAIN;
	if (wire_encode(msg, &encoded))
		abort();
	frame = calloc(1, sizeof(*frame));
	frame->buf = base_buf_new(encoded.bytes);
	at = frame->buf->data;
	for (i = 0; i < encoded.iov_count; i++) {
		memcpy(at, encoded.iov[i].iov_base, encoded.iov[i].iov_len);
		at += encoded.iov[i].iov_len;
	}
	wire_frame_clear(&encoded);
	frame->life = link->life;
	frame->from = host->id;
	frame->to = peer;
	way->queued += (uint32_t)frame->buf->size;
	if (way->last_us < world->now_us)
		way->last_us = world->now_us;
	/* Nothing overtakes on a connection; now and then one frame is late. */
	way->last_us += 1 + world_draw(world, world_draw(world, 20) ?
						      world->net_us / 8 :
						      4 * world->net_us);
	world_at(world, way->last_us + world->net_us / 2, links_arrive, frame,
		 0, 0);
	return 0;
}

uint32_t links_queued(struct host *host, uint32_t peer)
{
	return link_of(host->world, host->id, peer)->up ?
		       way_of(host->world, host->id, peer)->queued :
		       0;
}

static void link_tell(struct world *world, uint32_t a, uint32_t b, bool up)
{
	struct host *host = &world->hosts[a - 1];

	if (!host->node)
		return;
	node_link(host->node, b, up);
	host_pump(host);
}

static void link_break(struct world *world, uint32_t a, uint32_t b)
{
	struct link *link = link_of(world, a, b);

	if (!link->up)
		return;
	link->up = false;
	link->life++;
	memset(link->ways, 0, sizeof(link->ways));
	world_tell(world, a, "link to n%u is down", b);
	link_tell(world, a, b, false);
	link_tell(world, b, a, false);
}

static void link_try(struct world *world, void *object, uint64_t a, uint64_t b)
{
	struct link *link = link_of(world, (uint32_t)a, (uint32_t)b);

	if (link->up || world->now_us < link->cut_until ||
	    !world->hosts[a - 1].node || !world->hosts[b - 1].node ||
	    host_paused(&world->hosts[a - 1]) ||
	    host_paused(&world->hosts[b - 1])) {
		if (!link->up && world->hosts[a - 1].node &&
		    world->hosts[b - 1].node)
			world_at(world, world->now_us + 100000, link_try, NULL,
				 a, b);
		return;
	}
	link->up = true;
	link->life++;
	memset(link->ways, 0, sizeof(link->ways));
	link_tell(world, (uint32_t)a, (uint32_t)b, true);
	link_tell(world, (uint32_t)b, (uint32_t)a, true);
}

void links_host_up(struct host *host)
{
	struct world *world = host->world;
	uint32_t id;

	for (id = 1; id <= world->count; id++)
		if (id != host->id)
			world_at(world,
				 world->now_us + 1 + world_draw(world, 50000),
				 link_try, NULL, host->id, id);
}

void links_host_down(struct host *host)
{
	uint32_t id;

	for (id = 1; id <= host->world->count; id++)
		if (id != host->id)
			link_break(host->world, host->id, id);
}

static void link_give_up(struct world *world, void *object, uint64_t a,
			 uint64_t b)
{
	struct link *link = link_of(world, (uint32_t)a, (uint32_t)b);

	if (!link->ways[0].blocked && !link->ways[1].blocked)
		return;
	link_break(world, (uint32_t)a, (uint32_t)b);
	world_at(world, link->cut_until, link_try, NULL, a, b);
}

void links_cut(struct world *world, uint32_t a, uint32_t b, bool both,
	       uint64_t us)
{
	struct link *link;

	if (a == b)
		return;
	link = link_of(world, a, b);
	if (!link->up)
		return;
	way_of(world, a, b)->blocked = true;
	if (both)
		way_of(world, b, a)->blocked = true;
	if (link->cut_until < world->now_us + us)
		link->cut_until = world->now_us + us;
	/* TCP finds out in the end: what was sent meanwhile is lost with it. */
	world_at(world, world->now_us + 1 + world_draw(world, us), link_give_up,
		 NULL, a, b);
}

void links_cut_node(struct world *world, uint32_t id, uint64_t us)
{
	uint32_t other;

	for (other = 1; other <= world->count; other++)
		links_cut(world, id, other, true, us);
}

void links_heal(struct world *world)
{
	uint32_t a, b;

	for (a = 1; a <= world->count; a++) {
		for (b = a + 1; b <= world->count; b++) {
			struct link *link = link_of(world, a, b);

			link->cut_until = world->now_us;
			if (link->ways[0].blocked || link->ways[1].blocked)
				link_break(world, a, b);
			world_at(world, world->now_us + 1000, link_try, NULL, a,
				 b);
		}
	}
}
