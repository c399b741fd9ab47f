/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the node's unit tests: up to 9 nodes on real stores in memory.  Jobs are
 * done and messages delivered at once, in order, in each turn of 5 ms; nothing
 * happens between turns.  Include it in one source of a program only.
 */
#ifndef NODE_RIG_H
#define NODE_RIG_H

#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "node/node.h"
#include "tap.h"
#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "tests/unit/whole_frame.h"

#define RIG_NODES 9
#define RIG_TURN_US 5000
#define RIG_T 300000ULL /* election timeout */

/* From a peer, on its way in. */
struct rig_frame {
	struct base_list link;
	uint32_t peer;
	struct base_buf *buf;
};

/* Jobs that wait to be carried out. */
struct rig_jobs {
	struct store_job *first, **last;
};

struct rig_node {
	uint32_t id;
	struct disk *disk;
	struct store *store;
	struct node *node;
	struct rig_jobs log, image;
	struct base_list inbox;
	bool hold_log; /* its log thread does nothing */
	bool hold_image; /* likewise */
	int send_error; /* of what it sends; 0: none */
	unsigned int send_refused; /* wire_type that has it; 0: all have */
	uint32_t queued; /* bytes that it has queued for each peer */
	size_t largest; /* frame that came in */
	unsigned int copied; /* COPY_DATA that came in */
	unsigned int with_payload; /* appended entries that had one */
	unsigned int log_reads; /* entries read back for peers */
	uint64_t lease_us;
	uint64_t done_tag, applied_tag, received_tag; /* of the device */
	uint64_t opened; /* there, the epoch */
	int done_error;
	bool fenced;
};

struct rig {
	uint64_t now;
	unsigned int count;
	struct raft_members born;
	bool cut[RIG_NODES + 1][RIG_NODES + 1];
	bool apart[RIG_NODES + 1][RIG_NODES + 1]; /* and so without a link */
	struct rig_node nodes[RIG_NODES + 1]; /* by id, from 1 */
	uint64_t tag;
};

static struct rig rig;
/* Sees each message that is sent; false: it is lost.  Stays, too. */
static bool (*rig_passes)(uint32_t from, uint32_t to,
			  const struct wire_msg *msg);

static inline struct node *rig_at(uint32_t id)
{
	return rig.nodes[id].node;
}

static inline struct node_view rig_view(uint32_t id)
{
	struct node_view view;

	node_view(rig_at(id), rig.now, &view);
	return view;
}

/* What @of says of its peer @id. */
static inline struct node_peer_view rig_peer_view(uint32_t of, uint32_t id)
{
	struct node_view view = rig_view(of);
	unsigned int i = 0;

	while (i < view.peer_count && view.peers[i].id != id)
		i++;
	if (i == view.peer_count)
		abort();
	return view.peers[i];
}

static inline void rig_jobs_init(struct rig_jobs *jobs)
{
	jobs->first = NULL;
	jobs->last = &jobs->first;
}

static void op_begin(void *context, struct store_job *job)
{
	struct rig_node *node = context;
	struct rig_jobs *jobs = store_job_is_log(job) ? &node->log :
							&node->image;

	job->next = NULL;
	*jobs->last = job;
	jobs->last = &job->next;
}

static int op_send(void *context, uint32_t peer, const struct wire_msg *msg)
{
	const struct rig_node *from = context;
	struct rig_node *to = &rig.nodes[peer];
	struct wire_frame frame;
	struct rig_frame *in;
	size_t at = 0;
	unsigned int i;

	if (from->send_error &&
	    (!from->send_refused || from->send_refused == msg->type))
		return from->send_error;
	if (!to->node || rig.cut[from->id][peer] ||
	    (rig_passes && !rig_passes(from->id, peer, msg)))
		return 0;
	if (wire_encode(msg, &frame))
		abort();
	in = calloc(1, sizeof(*in));
	if (!in)
		abort();
	base_list_add_tail(&to->inbox, &in->link);
	in->peer = from->id;
	in->buf = base_buf_new(frame.bytes);
	if (frame.bytes > to->largest)
		to->largest = frame.bytes;
	for (i = 0; i < frame.iov_count; i++) {
		memcpy(in->buf->data + at, frame.iov[i].iov_base,
		       frame.iov[i].iov_len);
		at += frame.iov[i].iov_len;
	}
	wire_frame_clear(&frame);
	return 0;
}

static uint32_t op_queued(void *context, uint32_t peer)
{
	const struct rig_node *node = context;

	return node->queued;
}

static void op_done(void *context, uint64_t tag, uint64_t epoch, int error)
{
	struct rig_node *node = context;

	node->done_tag = tag;
	node->opened = epoch;
	node->done_error = error;
}

static void op_received(void *context, uint64_t tag)
{
	struct rig_node *node = context;

	node->received_tag = tag;
}

static void op_applied(void *context, uint64_t tag)
{
	struct rig_node *node = context;

	node->applied_tag = tag;
}

static void op_lease(void *context, uint64_t until_us, const char *reason)
{
	struct rig_node *node = context;

	node->lease_us = until_us;
}

static void op_fence(void *context, const char *reason)
{
	struct rig_node *node = context;

	node->fenced = true;
}

static void op_event(void *context, int level, const char *text)
{
	const struct rig_node *node = context;

	if (getenv("TRACE"))
		printf("# %8.3f n%u %s\n", (double)rig.now / 1e6, node->id,
		       text);
}

static const struct node_ops rig_ops = {
	.begin = op_begin,
	.send = op_send,
	.queued = op_queued,
	.done = op_done,
	.device_applied = op_applied,
	.device_received = op_received,
	.lease = op_lease,
	.fence = op_fence,
	.event = op_event,
};

static inline void rig_count(struct rig_node *node, const struct store_job *job)
{
	unsigned int i;

	if (job->type == STORE_JOB_APPEND)
		for (i = 0; i < job->count; i++)
			node->with_payload += job->entries[i]->data != NULL;
	else if (job->type == STORE_JOB_LOG_READ)
		node->log_reads += job->count;
	else if (job->type == STORE_JOB_COPY_WRITE)
		node->copied++;
}

static inline void rig_work(struct rig_node *node, struct rig_jobs *jobs)
{
	struct store_job *job;

	while ((job = jobs->first)) {
		jobs->first = job->next;
		if (!jobs->first)
			jobs->last = &jobs->first;
		job->next = NULL;
		store_job_run(node->store, job);
		/* What can't be read back is the node's business. */
		tap_check(!job->failed);
		if (!store_job_reads(job) && job->error != -EBADMSG)
			tap_check_eq(job->error, 0);
		rig_count(node, job);
		node_job_done(node->node, job);
	}
}

static inline void rig_drop(struct rig_jobs *jobs)
{
	struct store_job *job = jobs->first, *next;

	for (; job; job = next) {
		next = job->next;
		store_job_free(job);
	}
	rig_jobs_init(jobs);
}

static inline void rig_frame(struct rig_node *node, struct rig_frame *frame)
{
	struct base_error error = { .text = "" };
	struct wire_msg msg;

	if (!tap_check_eq(whole_frame_decode(frame->buf->data, frame->buf->size,
					     RIG_VOLUME_BYTES, &msg, &error),
			  0)) {
		printf("# %s\n", error.text);
		return;
	}
	node_recv(node->node, frame->peer, &msg, rig.now, rig_mix(rig.now, 7));
	wire_msg_clear(&msg);
}

/* All that has arrived; NULL where nobody is there to take it. */
static inline void rig_frames(struct rig_node *node,
			      void (*take)(struct rig_node *node,
					   struct rig_frame *frame))
{
	while (!base_list_empty(&node->inbox)) {
		struct rig_frame *frame = base_container_of(node->inbox.next,
							    struct rig_frame,
							    link);

		if (take)
			take(node, frame);
		base_list_del(&frame->link);
		base_buf_put(frame->buf);
		free(frame);
	}
}

static inline void rig_turns(unsigned int turns)
{
	uint32_t id;

	while (turns--) {
		rig.now += RIG_TURN_US;
		for (id = 1; id <= rig.count; id++) {
			struct rig_node *node = &rig.nodes[id];

			if (!node->node)
				continue;
			rig_frames(node, rig_frame);
			if (!node->hold_log)
				rig_work(node, &node->log);
			if (!node->hold_image)
				rig_work(node, &node->image);
			node_pump(node->node, rig.now, rig_mix(rig.now, id));
		}
	}
}

static inline void rig_pass(uint64_t us)
{
	rig_turns((unsigned int)(us / RIG_TURN_US));
}

/* WIRE_DIFFERS_* of each two HELLOs; stays from one rig to the next. */
static uint32_t rig_differs;
/* Payloads that nodes keep in memory; likewise, 0: as the daemon. */
static uint64_t rig_cache_bytes;

static inline void rig_links(uint32_t id, bool up)
{
	uint32_t peer;

	for (peer = 1; peer <= rig.count; peer++) {
		if (peer == id || !rig_at(peer))
			continue;
		/* Two that hear nothing of each other do not get acquainted. */
		rig.apart[id][peer] = up && rig.cut[id][peer];
		if (rig.apart[id][peer])
			continue;
		node_peer_differs(rig_at(peer), id, rig_differs);
		node_link(rig_at(peer), id, up);
		if (!rig_at(id))
			continue;
		node_peer_differs(rig_at(id), peer, rig_differs);
		node_link(rig_at(id), peer, up);
	}
}

static inline struct store_identity rig_id(uint32_t id)
{
	struct store_identity identity = rig_identity(512);

	identity.node_id = id;
	return identity;
}

/* As the daemon makes it, of no node yet. */
static inline struct node_config rig_config(uint32_t id)
{
	return (struct node_config){
		.raft = {
			.id = id,
			.members = rig.born,
			.election_timeout_us = RIG_T,
			.heartbeat_us = RIG_T / 6,
			.drift_ppm = 1000,
		},
		.volume_bytes = RIG_VOLUME_BYTES,
		.align = 512,
		.bounds = { .cache_bytes = rig_cache_bytes },
	};
}

static inline void rig_boot(uint32_t id)
{
	struct store_identity identity = rig_id(id);
	struct rig_node *node = &rig.nodes[id];
	struct node_config config = rig_config(id);
	struct base_error error;
	struct store_boot boot;
	uint32_t peer;

	for (peer = 1; peer <= rig.count; peer++)
		config.nodes[config.node_count++] = peer;
	tap_need(store_open(disk_io(node->disk), &identity, false, &node->store,
			    &boot, &error) == 0);
	node->node = node_new(&config, &boot, &rig_ops, node, rig.now, id);
	node->fenced = false;
	rig_links(id, true);
}

static inline void rig_kill(uint32_t id)
{
	struct rig_node *node = &rig.nodes[id];

	if (!node->node)
		return;
	rig_frames(node, NULL);
	rig_drop(&node->log);
	rig_drop(&node->image);
	node_free(node->node);
	node->node = NULL;
	store_close(node->store);
	rig_links(id, false);
}

static inline void rig_format(uint32_t id)
{
	struct store_identity identity = rig_id(id);

	tap_check_eq(store_format(disk_io(rig.nodes[id].disk), &identity, true,
				  NULL, NULL, NULL),
		     0);
}

/* Who leads, but @old, which may still believe that it does.  0: none */
static inline uint32_t rig_leader_but(uint32_t old)
{
	uint32_t id;

	for (id = 1; id <= rig.count; id++)
		if (id != old && rig_at(id) && rig_view(id).role == RAFT_LEADER)
			return id;
	return 0;
}

static inline uint32_t rig_leader(void)
{
	return rig_leader_but(0);
}

static inline uint32_t rig_next(uint32_t id)
{
	return id % rig.count + 1;
}

/* The first node that is neither */
static inline uint32_t rig_other(uint32_t a, uint32_t b)
{
	uint32_t id = 1;

	while (id == a || id == b)
		id++;
	return id;
}

/* @count nodes, the first @members of them the voters of a new volume */
static inline void rig_boot_all(unsigned int count, unsigned int members)
{
	uint32_t id;

	memset(&rig, 0, sizeof(rig));
	rig.now = 1000000;
	rig.count = count;
	for (id = 1; id <= members; id++)
		raft_members_set(&rig.born, id, RAFT_MEMBER_VOTER);
	for (id = 1; id <= count; id++) {
		struct rig_node *node = &rig.nodes[id];

		node->id = id;
		node->disk = disk_new(rig_disk_bytes(), 512, id);
		rig_jobs_init(&node->log);
		rig_jobs_init(&node->image);
		base_list_init(&node->inbox);
		rig_format(id);
		rig_boot(id);
	}
}

static inline void rig_start(unsigned int count, unsigned int members)
{
	rig_boot_all(count, members);
	rig_pass(6 * RIG_T);
	tap_need(rig_leader() != 0);
}

static inline void rig_end(void)
{
	uint32_t id;

	for (id = 1; id <= rig.count; id++) {
		rig_kill(id);
		disk_free(rig.nodes[id].disk);
	}
}

/* The device of @id: bound, opened for writing. */
static inline void rig_open(uint32_t id)
{
	struct node_request request = { .op = NODE_REQ_OPEN };

	request.tag = ++rig.tag;
	node_bound(rig_at(id), 0, false, rig.tag);
	node_request(rig_at(id), &request);
	rig_pass(4 * RIG_T);
}

/* A write of 4 KiB, each of other bytes. */
static inline void rig_request(uint32_t id)
{
	struct node_request request = {
		.op = NODE_REQ_WRITE,
		.epoch = rig.nodes[id].opened,
		.length = 4096,
	};

	request.tag = ++rig.tag;
	request.offset = rig.tag % (RIG_VOLUME_BYTES / 4096) * 4096;
	request.buf = base_buf_new(4096);
	rig_fill(request.buf->data, 4096, rig.tag);
	request.data = request.buf->data;
	node_request(rig_at(id), &request);
	base_buf_put(request.buf);
}

static inline void rig_write(uint32_t id, unsigned int count)
{
	while (count--) {
		rig_request(id);
		if (count % 8 == 0)
			rig_turns(2);
	}
	rig_pass(RIG_T);
}

/* A volume with its device open, and the node that leads it. */
static inline uint32_t rig_begin(unsigned int count, unsigned int members)
{
	uint32_t leader;

	rig_start(count, members);
	leader = rig_leader();
	rig_open(leader);
	tap_check(rig.nodes[leader].opened != 0);
	return leader;
}

/* @id loses its disk, and what the log of the others still has is not all. */
static inline void rig_blank(uint32_t leader, uint32_t id)
{
	rig_write(leader, 150);
	rig_kill(id);
	rig_turns(2);
	rig_format(id);
	rig_boot(id);
}

/* No message between two nodes, or again. */
static inline void rig_cut(uint32_t a, uint32_t b, bool cut)
{
	rig.cut[a][b] = cut;
	rig.cut[b][a] = cut;
	if (!cut && (rig.apart[a][b] || rig.apart[b][a])) {
		rig.apart[a][b] = rig.apart[b][a] = false;
		node_link(rig_at(a), b, true);
		node_link(rig_at(b), a, true);
	}
}

/* The same between a node and all others. */
static inline void rig_cut_off(uint32_t id, bool cut)
{
	uint32_t peer;

	for (peer = 1; peer <= rig.count; peer++)
		rig_cut(id, peer, cut);
}

/* Are two replicas' data areas equal? */
static inline bool rig_same(uint32_t a, uint32_t b)
{
	static uint8_t one[RIG_VOLUME_BYTES], two[RIG_VOLUME_BYTES];

	return !store_image_read(rig.nodes[a].store, 0, one, sizeof(one)) &&
	       !store_image_read(rig.nodes[b].store, 0, two, sizeof(two)) &&
	       memcmp(one, two, sizeof(one)) == 0;
}

/* @id has been filled by @leader, or is in ten timeouts, and holds what it does. */
static inline void rig_check_filled(uint32_t leader, uint32_t id)
{
	rig_pass(10 * RIG_T);
	tap_check(!rig_view(id).incomplete);
	tap_check_eq(rig_view(id).applied, rig_view(leader).applied);
	tap_check(rig_same(leader, id));
}

#endif
