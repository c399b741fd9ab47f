// SPDX-License-Identifier: GPL-2.0
/*
 * The network as the node sees it: one connection per pair, frames in order,
 * lost when the connection breaks, refused and the connection broken when a bit
 * of them flips.  A cut is silent first; the connection is given up some time
 * later.  TCP doubles and reorders nothing, and neither does this.
 */
#include "tests/sim/model/world.h"
#include "tests/unit/whole_frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MAX (1U << 20) /* bytes on one way, then -EAGAIN */
#define SLOW_FACTOR 30

struct frame {
	uint64_t life; /* of the connection */
	uint32_t from;
	uint32_t to;
	size_t size;
	uint8_t bytes[];
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

static void link_tell(struct world *world, uint32_t a, uint32_t b, bool up)
{
	struct host *host = &world->hosts[a - 1];

	if (!host->node)
		return;
	node_link(host->node, b, up);
	oracle_step(host);
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
	bool both = world->hosts[a - 1].node && world->hosts[b - 1].node;

	if (link->up || !both)
		return;
	if (world->now_us < link->cut_until ||
	    host_paused(&world->hosts[a - 1]) ||
	    host_paused(&world->hosts[b - 1])) {
		world_at(world, world->now_us + 50000, link_try, NULL, a, b);
		return;
	}
	link->up = true;
	link->life++;
	memset(link->ways, 0, sizeof(link->ways));
	link_tell(world, (uint32_t)a, (uint32_t)b, true);
	link_tell(world, (uint32_t)b, (uint32_t)a, true);
}

static void link_retry(struct world *world, uint32_t a, uint32_t b)
{
	world_at(world, world->now_us + 1 + world_draw(world, 50000), link_try,
		 NULL, a, b);
}

/* One bit of it flips on the way. */
static void frame_corrupt(struct world *world, struct frame *frame)
{
	uint8_t *bytes = frame->bytes;
	uint64_t at = world_draw(world, frame->size);

	bytes[at] ^= (uint8_t)(1U << world_draw(world, 8));
	world->stats.faults[FAULT_CORRUPTED]++;
	world_tell(world, frame->to, "frame of n%u has a bit flipped",
		   frame->from);
}

static const char *message_name(const struct wire_msg *msg)
{
	static const char *const raft[] = {
		[RAFT_MSG_VOTE] = "vote",
		[RAFT_MSG_VOTE_REPLY] = "vote-reply",
		[RAFT_MSG_TIMEOUT_NOW] = "timeout-now",
	};
	static const char *const others[] = {
		[WIRE_STATUS] = "status",
		[WIRE_OPEN_ASK] = "open-ask",
		[WIRE_OPEN_REPLY] = "open-reply",
		[WIRE_COPY_BEGIN] = "copy-begin",
		[WIRE_COPY_DATA] = "copy-data",
		[WIRE_COPY_END] = "copy-end",
		[WIRE_COPY_ACK] = "copy-ack",
		[WIRE_LIFE] = "life",
	};

	return msg->type == WIRE_RAFT ? raft[msg->raft.msg.type] :
					others[msg->type];
}

/* Of what a run's trace is told: replication as it comes in. */
static void tell_message(struct world *world, const struct frame *frame,
			 const struct wire_msg *msg)
{
	const struct raft_msg *raft = &msg->raft.msg;

	if (!world->trace && !world->hashing)
		return;
	if (msg->type != WIRE_RAFT)
		world_tell(world, frame->to, "< n%u %s", frame->from,
			   message_name(msg));
	else if (raft->type == RAFT_MSG_APPEND)
		world_tell(world, frame->to,
			   "< n%u append term %lu prev %lu count %u commit %lu",
			   frame->from, (unsigned long)raft->term,
			   (unsigned long)raft->append.prev_index,
			   raft->append.count,
			   (unsigned long)raft->append.commit);
	else if (raft->type == RAFT_MSG_APPEND_REPLY)
		world_tell(world, frame->to,
			   "< n%u reply term %lu %s match %lu hint %lu",
			   frame->from, (unsigned long)raft->term,
			   raft->append_reply.ok ? "ok" : "refused",
			   (unsigned long)raft->append_reply.match,
			   (unsigned long)raft->append_reply.hint);
	else
		world_tell(world, frame->to, "< n%u %s term %lu", frame->from,
			   message_name(msg), (unsigned long)raft->term);
}

static void links_deliver(struct world *world, struct frame *frame)
{
	struct host *host = &world->hosts[frame->to - 1];
	bool corrupt = !world->calm &&
		       world_chance(world, world->corrupt_one_in);
	struct base_error error;
	struct wire_msg msg;
	uint64_t random;

	if (corrupt)
		frame_corrupt(world, frame);
	if (whole_frame_decode(frame->bytes, frame->size,
			       world->volume_bytes + world->gap_bytes, &msg,
			       &error)) {
		if (!corrupt)
			world_fail(world, "frame refused: %s", error.text);
		link_break(world, frame->from, frame->to);
		link_retry(world, frame->from, frame->to);
		return;
	}
	if (corrupt)
		world_fail(world, "a frame with a flipped bit was taken");
	tell_message(world, frame, &msg);
	if (msg.type == WIRE_COPY_BEGIN)
		world->stats.copies++;
	if (msg.type == WIRE_COPY_DATA)
		oracle_copied(host, &world->hosts[frame->from - 1]);
	random = world_draw(world, UINT64_MAX);
	node_recv(host->node, frame->from, &msg, host_now(host), random);
	wire_msg_clear(&msg);
	oracle_step(host);
	host_pump(host);
}

static void links_arrive(struct world *world, void *object, uint64_t seq,
			 uint64_t b)
{
	struct frame *frame = object;
	struct link *link = link_of(world, frame->from, frame->to);
	struct way *way = way_of(world, frame->from, frame->to);
	struct host *host = &world->hosts[frame->to - 1];

	if (link->up && frame->life == link->life && host_paused(host)) {
		world_again(world, host->paused_until,
			    (struct event){ .seq = seq,
					    .fn = links_arrive,
					    .object = frame,
					    .a = seq });
		return;
	}
	if (link->up && frame->life == link->life) {
		way->queued -= (uint32_t)frame->size;
		if (host->node && !way->blocked)
			links_deliver(world, frame);
	}
	free(frame);
}

void links_forget(const struct event *event)
{
	if (event->fn == links_arrive)
		free(event->object);
}

static struct frame *frame_new(const struct wire_msg *msg)
{
	struct wire_frame encoded;
	struct frame *frame;
	unsigned int i;
	uint8_t *at;

	if (wire_encode(msg, &encoded))
		abort();
	frame = malloc(sizeof(*frame) + encoded.bytes);
	if (!frame)
		abort();
	frame->size = encoded.bytes;
	at = frame->bytes;
	for (i = 0; i < encoded.iov_count; i++) {
		memcpy(at, encoded.iov[i].iov_base, encoded.iov[i].iov_len);
		at += encoded.iov[i].iov_len;
	}
	wire_frame_clear(&encoded);
	return frame;
}

static uint64_t link_time(struct world *world, const struct link *link)
{
	uint64_t most = world->net_us / 8;

	/* Now and then one frame is late, and what follows it. */
	if (world_chance(world, 20))
		most = 4 * world->net_us;
	if (world->now_us < link->slow_until)
		most *= SLOW_FACTOR;
	return 1 + world_draw(world, most);
}

int links_send(struct host *host, uint32_t peer, const struct wire_msg *msg)
{
	struct world *world = host->world;
	struct link *link = link_of(world, host->id, peer);
	struct way *way = way_of(world, host->id, peer);
	struct frame *frame;
	uint64_t at_us;

	oracle_sends(host, msg);
	if (!link->up)
		return -ENOTCONN;
	if (way->queued > QUEUE_MAX ||
	    (!world->calm && world_chance(world, world->full_one_in))) {
		world->stats.faults[FAULT_QUEUE_FULL]++;
		return -EAGAIN;
	}
	frame = frame_new(msg);
	frame->life = link->life;
	frame->from = host->id;
	frame->to = peer;
	way->queued += (uint32_t)frame->size;
	if (way->last_us < world->now_us)
		way->last_us = world->now_us;
	at_us = link_time(world, link);
	/* Nothing but what is urgent overtakes on a connection. */
	if (wire_msg_urgent(msg)) {
		at_us += world->now_us;
	} else {
		at_us += way->last_us;
		way->last_us = at_us;
	}
	world_at(world, at_us + world->net_us / 2, links_arrive, frame,
		 world->seq, 0);
	return 0;
}

uint32_t links_queued(struct host *host, uint32_t peer)
{
	return link_of(host->world, host->id, peer)->up ?
		       way_of(host->world, host->id, peer)->queued :
		       0;
}

void links_host_up(struct host *host)
{
	struct world *world = host->world;
	uint32_t id;

	for (id = 1; id <= world->count; id++)
		if (id != host->id)
			link_retry(world, host->id, id);
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

void links_flap(struct world *world, uint32_t a, uint32_t b)
{
	if (a == b || !link_of(world, a, b)->up)
		return;
	link_break(world, a, b);
	link_retry(world, a, b);
}

void links_slow(struct world *world, uint32_t a, uint32_t b, uint64_t us)
{
	if (a != b)
		link_of(world, a, b)->slow_until = world->now_us + us;
}

void links_heal(struct world *world)
{
	uint32_t a, b;

	for (a = 1; a <= world->count; a++) {
		for (b = a + 1; b <= world->count; b++) {
			struct link *link = link_of(world, a, b);

			link->cut_until = world->now_us;
			link->slow_until = world->now_us;
			if (link->ways[0].blocked || link->ways[1].blocked)
				link_break(world, a, b);
			link_retry(world, a, b);
		}
	}
}
