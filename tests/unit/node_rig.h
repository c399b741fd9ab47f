/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the node's unit tests: up to 4 nodes on real stores in memory.  Jobs are
 * done and messages delivered at once, in order, in each turn of 5 ms; nothing
 * happens between turns.  Include it in one source of a program only.
 */
#ifndef NODE_RIG_H
#define NODE_RIG_H

#include <stdlib.h>

#include "base/list.h"
#include "node/node.h"
#include "tap.h"
#include "tests/unit/disk/disk.h"
#include "tests/unit/disk/rig.h"
#include "tests/unit/whole_frame.h"

#define RIG_NODES 4
#define RIG_TURN_US 5000
#define RIG_T 300000ULL /* election timeout */

enum rig_kind {
	RIG_APPEND,
	RIG_TRUNCATE,
	RIG_STATE,
	RIG_RESET,
	RIG_APPLY,
	RIG_CHECKPOINT,
	RIG_LOG_READ,
	RIG_COPY_READ,
	RIG_COPY_WRITE,
	RIG_FRAME, /* from `peer`, arrives */
};

struct rig_job {
	struct base_list link;
	enum rig_kind kind;
	struct raft_entry *entries[RAFT_APPEND_MAX];
	unsigned int count;
	uint64_t index, seq, offset;
	uint32_t peer, length, crc;
	struct raft_hard_state state;
	struct store_checkpoint checkpoint;
	const uint8_t *data;
	struct base_buf *buf;
};

struct rig_node {
	uint32_t id;
	struct disk *disk;
	struct store *store;
	struct node *node;
	struct base_list log, image, inbox;
	bool hold_log; /* its log thread does nothing */
	bool hold_image; /* likewise */
	unsigned int copied; /* COPY_DATA that came in */
	unsigned int with_payload; /* appended entries that had one */
	unsigned int log_reads; /* entries read back for peers */
	uint64_t lease_us;
	uint64_t done_tag, applied_tag, opened; /* of the device */
	int done_error;
	bool fenced;
};

struct rig {
	uint64_t now;
	unsigned int count;
	struct raft_members born;
	bool cut[RIG_NODES + 1][RIG_NODES + 1];
	struct rig_node nodes[RIG_NODES + 1]; /* by id, from 1 */
	uint64_t tag;
};

static struct rig rig;

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

static inline struct rig_job *rig_job(struct base_list *queue,
				      enum rig_kind kind)
{
	struct rig_job *job = calloc(1, sizeof(*job));

	if (!job)
		abort();
	job->kind = kind;
	base_list_add_tail(queue, &job->link);
	return job;
}

static inline void rig_job_free(struct rig_job *job)
{
	unsigned int i;

	base_list_del(&job->link);
	for (i = 0; i < job->count; i++)
		raft_entry_put(job->entries[i]);
	base_buf_put(job->buf);
	free(job);
}

static inline void rig_job_entries(struct rig_job *job,
				   struct raft_entry *const *entries,
				   unsigned int count)
{
	for (job->count = 0; job->count < count; job->count++)
		job->entries[job->count] = raft_entry_get(entries[job->count]);
	job->index = entries[count - 1]->index;
}

static void op_log_append(void *context, struct raft_entry *const *entries,
			  unsigned int count, uint64_t seq)
{
	struct rig_node *node = context;
	struct rig_job *job = rig_job(&node->log, RIG_APPEND);

	rig_job_entries(job, entries, count);
	job->seq = seq;
}

static void op_log_truncate(void *context, uint64_t index)
{
	struct rig_node *node = context;

	rig_job(&node->log, RIG_TRUNCATE)->index = index;
}

static void op_state_save(void *context, const struct raft_hard_state *state,
			  uint64_t seq)
{
	struct rig_node *node = context;
	struct rig_job *job = rig_job(&node->log, RIG_STATE);

	job->state = *state;
	job->seq = seq;
}

static void op_log_reset(void *context, const struct store_checkpoint *base)
{
	struct rig_node *node = context;

	rig_job(&node->log, RIG_RESET)->checkpoint = *base;
}

static void op_apply(void *context, struct raft_entry *const *entries,
		     unsigned int count)
{
	struct rig_node *node = context;

	rig_job_entries(rig_job(&node->image, RIG_APPLY), entries, count);
}

static void op_checkpoint(void *context, const struct store_checkpoint *what)
{
	struct rig_node *node = context;

	rig_job(&node->image, RIG_CHECKPOINT)->checkpoint = *what;
}

static void op_log_read(void *context, uint32_t peer, uint64_t first,
			unsigned int count)
{
	struct rig_node *node = context;
	struct rig_job *job = rig_job(&node->image, RIG_LOG_READ);

	job->peer = peer;
	job->index = first;
	job->length = count;
}

static void op_copy_read(void *context, uint32_t peer, uint64_t offset,
			 uint32_t length)
{
	struct rig_node *node = context;
	struct rig_job *job = rig_job(&node->image, RIG_COPY_READ);

	job->peer = peer;
	job->offset = offset;
	job->length = length;
}

static void op_copy_write(void *context, uint64_t offset, uint32_t length,
			  const uint8_t *data, struct base_buf *buf)
{
	struct rig_node *node = context;
	struct rig_job *job = rig_job(&node->image, RIG_COPY_WRITE);

	job->offset = offset;
	job->length = length;
	job->data = data;
	job->buf = base_buf_get(buf);
}

static int op_send(void *context, uint32_t peer, const struct wire_msg *msg)
{
	const struct rig_node *from = context;
	struct rig_node *to = &rig.nodes[peer];
	struct wire_frame frame;
	struct rig_job *job;
	size_t at = 0;
	unsigned int i;

	if (!to->node || rig.cut[from->id][peer])
		return 0;
	if (wire_encode(msg, &frame))
		abort();
	job = rig_job(&to->inbox, RIG_FRAME);
	job->peer = from->id;
	job->buf = base_buf_new(frame.bytes);
	for (i = 0; i < frame.iov_count; i++) {
		memcpy(job->buf->data + at, frame.iov[i].iov_base,
		       frame.iov[i].iov_len);
		at += frame.iov[i].iov_len;
	}
	wire_frame_clear(&frame);
	return 0;
}

static uint32_t op_queued(void *context, uint32_t peer)
{
	return 0;
}

static void op_done(void *context, uint64_t tag, uint64_t epoch, int error)
{
	struct rig_node *node = context;

	node->done_tag = tag;
	node->opened = epoch;
	node->done_error = error;
}

static void op_tag(void *context, uint64_t tag)
{
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
	.log_append = op_log_append,
	.log_truncate = op_log_truncate,
	.state_save = op_state_save,
	.log_reset = op_log_reset,
	.apply = op_apply,
	.checkpoint = op_checkpoint,
	.log_read = op_log_read,
	.copy_read = op_copy_read,
	.copy_write = op_copy_write,
	.send = op_send,
	.queued = op_queued,
	.done = op_done,
	.device_applied = op_applied,
	.device_received = op_tag,
	.lease = op_lease,
	.fence = op_fence,
	.event = op_event,
};

static inline void rig_log_job(struct rig_node *node, struct rig_job *job)
{
	const struct raft_entry *last;
	unsigned int i;
	int error = 0;

	if (job->kind == RIG_APPEND) {
		for (i = 0; i < job->count; i++)
			node->with_payload += job->entries[i]->data != NULL;
		error = store_log_append(node->store, job->entries, job->count);
	} else if (job->kind == RIG_TRUNCATE) {
		error = store_log_truncate(node->store, job->index);
	} else if (job->kind == RIG_STATE) {
		error = store_state_save(node->store, &job->state);
	} else {
		error = store_log_reset(node->store, &job->checkpoint);
	}
	if (!error)
		error = store_log_sync(node->store);
	tap_check_eq(error, 0);
	if (job->kind == RIG_APPEND) {
		last = job->entries[job->count - 1];
		node_log_durable(node->node, last->index, last->term, job->seq);
	} else if (job->kind == RIG_STATE) {
		node_state_saved(node->node, job->seq);
	} else if (job->kind == RIG_RESET) {
		node_log_was_reset(node->node);
	}
}

static inline void rig_read_log(struct rig_node *node, struct rig_job *job)
{
	struct raft_entry *entries[RAFT_APPEND_MAX];
	unsigned int i;
	int error = 0;

	for (i = 0; i < job->length && !error; i++)
		error = store_log_read(node->store, job->index + i,
				       &entries[i]);
	i -= error ? 1 : 0;
	node->log_reads += i;
	node_log_was_read(node->node, job->peer, job->index, entries, i,
			  i ? 0 : error);
}

static inline void rig_image_job(struct rig_node *node, struct rig_job *job)
{
	uint64_t base = 0;
	int error = 0;

	if (job->kind == RIG_APPLY) {
		error = store_apply(node->store, job->entries, job->count);
		node_applied(node->node, job->index);
	} else if (job->kind == RIG_CHECKPOINT) {
		error = store_checkpoint(node->store, &job->checkpoint, &base);
		node_checkpointed(node->node, job->checkpoint.applied, base);
	} else if (job->kind == RIG_LOG_READ) {
		rig_read_log(node, job);
	} else if (job->kind == RIG_COPY_READ) {
		struct base_buf *buf = base_buf_new(job->length);

		error = store_image_read(node->store, job->offset, buf->data,
					 job->length);
		node_copy_was_read(node->node, job->peer, job->offset,
				   job->length, buf,
				   base_crc32c(0, buf->data, job->length), 0);
	} else {
		node->copied++;
		error = store_image_write(node->store, job->offset, job->data,
					  job->length);
		node_copy_written(node->node, job->offset, job->length);
	}
	tap_check_eq(error, 0);
}

static inline void rig_frame(struct rig_node *node, struct rig_job *job)
{
	struct base_error error = { .text = "" };
	struct wire_msg msg;

	if (!tap_check_eq(whole_frame_decode(job->buf->data, job->buf->size,
					     RIG_VOLUME_BYTES, &msg, &error),
			  0)) {
		printf("# %s\n", error.text);
		return;
	}
	node_recv(node->node, job->peer, &msg, rig.now, rig_mix(rig.now, 7));
	wire_msg_clear(&msg);
}

static inline void rig_drain(struct rig_node *node, struct base_list *queue,
			     void (*do_job)(struct rig_node *node,
					    struct rig_job *job))
{
	while (!base_list_empty(queue)) {
		struct rig_job *job =
			base_container_of(queue->next, struct rig_job, link);

		if (do_job && node->node)
			do_job(node, job);
		rig_job_free(job);
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
			rig_drain(node, &node->inbox, rig_frame);
			if (!node->hold_log)
				rig_drain(node, &node->log, rig_log_job);
			if (!node->hold_image)
				rig_drain(node, &node->image, rig_image_job);
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

static inline void rig_links(uint32_t id, bool up)
{
	uint32_t peer;

	for (peer = 1; peer <= rig.count; peer++) {
		if (peer == id || !rig_at(peer))
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

static inline void rig_boot(uint32_t id)
{
	struct store_identity identity = rig_id(id);
	struct rig_node *node = &rig.nodes[id];
	struct node_config config = {
		.raft = {
			.id = id,
			.members = rig.born,
			.election_timeout_us = RIG_T,
			.heartbeat_us = RIG_T / 6,
			.drift_ppm = 1000,
		},
		.volume_bytes = RIG_VOLUME_BYTES,
		.align = 512,
	};
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
	rig_drain(node, &node->inbox, NULL);
	rig_drain(node, &node->log, NULL);
	rig_drain(node, &node->image, NULL);
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

static inline uint32_t rig_leader(void)
{
	uint32_t id;

	for (id = 1; id <= rig.count; id++)
		if (rig_at(id) && rig_view(id).role == RAFT_LEADER)
			return id;
	return 0;
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
		base_list_init(&node->log);
		base_list_init(&node->image);
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

/* No message between two nodes, or again. */
static inline void rig_cut(uint32_t a, uint32_t b, bool cut)
{
	rig.cut[a][b] = cut;
	rig.cut[b][a] = cut;
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

#endif
