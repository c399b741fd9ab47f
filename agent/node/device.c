// SPDX-License-Identifier: GPL-2.0
/*
 * The device of this node: its requests, its opening, its lease.
 *
 * Requests wait here in the order of their tags, are proposed in that order
 * and so committed and answered in it.  A request that a new agent, or a new
 * leadership, finds unanswered is proposed again if and only if its tag is
 * above that of the log's last entry (see raft/entry.h).
 *
 * The lease is told to the module only while node_ready(); it is taken back
 * before anything that could let another node lead.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/log.h"
#include "base/planted.h"
#include "node/state.h"

/* Between two asks for leadership, to twice that; with nobody who has it. */
#define ASK_US 100000
#define CAMPAIGN_US 25000

void device_init(struct node *node)
{
	base_list_init(&node->device.requests);
}

static void request_free(struct request *request)
{
	base_buf_put(request->body.buf);
	free(request);
}

static void device_drop(struct node *node, struct request *request)
{
	struct device *device = &node->device;

	base_list_del(&request->link);
	device->count--;
	device->bytes -= request->body.buf ? request->body.length : 0;
	request_free(request);
}

static struct request *device_first(const struct device *device)
{
	if (base_list_empty(&device->requests))
		return NULL;
	return base_container_of(device->requests.next, struct request, link);
}

static struct request *device_next(const struct device *device,
				   const struct request *request)
{
	if (request->link.next == &device->requests)
		return NULL;
	return base_container_of(request->link.next, struct request, link);
}

static void device_drop_all(struct node *node)
{
	struct request *request = device_first(&node->device);
	struct request *next;

	for (; request; request = next) {
		next = device_next(&node->device, request);
		device_drop(node, request);
	}
	node->device.unproposed = NULL;
}

static void device_drop_open(struct node *node)
{
	if (node->device.open)
		request_free(node->device.open);
	node->device.open = NULL;
	node->device.open_index = 0;
}

/* Everything up to @tag is answered; what of it is done is in the log by now. */
static void device_close_at(struct node *node, uint64_t tag)
{
	node->device.close_tag = tag;
	node->device.close_index = node->entries.last;
	if (node->image.applied >= node->device.close_index)
		device_applied(node);
}

void device_clear(struct node *node)
{
	device_drop_all(node);
	device_drop_open(node);
	memset(&node->device, 0, sizeof(node->device));
	device_init(node);
}

void node_bound(struct node *node, uint64_t epoch, bool open_for_writing,
		uint64_t next_tag)
{
	struct device *device = &node->device;
	struct store_checkpoint head;

	device_clear(node);
	node->device.bound = true;
	node->device.epoch = open_for_writing ? epoch : 0;
	head = entries_head(&node->entries, node->entries.committed);
	if (node->device.epoch && head.standing.epoch > node->device.epoch)
		device_fence(node, "opened on another node");
	if (node->disk_failed)
		device_fence(node, "disk failed");
	/* What an earlier agent answered of openings that are over. */
	if (!device->epoch)
		device_close_at(node, next_tag ? next_tag - 1 : 0);
	if (node_leads(node))
		device_became_leader(node);
}

void node_unbound(struct node *node)
{
	device_clear(node);
}

bool device_wants_lead(const struct node *node)
{
	const struct device *device = &node->device;

	return device->bound && !node->dead && !node->stopping &&
	       !node->disk_failed &&
	       (device->open || (device->epoch && !device->fenced)) &&
	       !node_leads(node);
}

/* Take back the lease now; nothing may be served from here on. */
void device_revoke(struct node *node, const char *reason)
{
	struct device *device = &node->device;

	if (!device->bound)
		return;
	device->lease_us = 0;
	device->no_lease = reason;
	if (!planted(PLANTED_LEASE_KEPT))
		node->ops->lease(node->context, 0, reason);
}

void device_fence(struct node *node, const char *reason)
{
	struct device *device = &node->device;

	if (!device->bound)
		return;
	node->ops->fence(node->context, reason);
	if (device->epoch && !device->fenced)
		node_say(node, BASE_LOG_ERROR,
			 "event=fenced epoch=%lu writer=#%u reason=\"%s\" "
			 "remedy=\"close (unmount) the device here; its I/O "
			 "fails until then\"",
			 (unsigned long)device->epoch,
			 entries_head(&node->entries, node->entries.last)
				 .standing.writer,
			 reason);
	if (device->epoch)
		device->fenced = true;
	device_drop_all(node);
}

static void device_credit(struct node *node)
{
	struct device *device = &node->device;

	if (device->bytes > NODE_REQUEST_BYTES ||
	    device->received_tag == device->credited_tag)
		return;
	device->credited_tag = device->received_tag;
	node->ops->device_received(node->context, device->credited_tag);
}

/* The last close: nothing of this opening will be proposed any more. */
static void device_close(struct node *node, const struct node_request *body)
{
	struct device *device = &node->device;

	device_drop_all(node);
	device->epoch = 0;
	device->fenced = false;
	node->ops->done(node->context, body->tag, body->epoch, 0);
	device_close_at(node, body->tag);
}

void node_request(struct node *node, const struct node_request *body)
{
	struct device *device = &node->device;
	struct request *request;

	if (!device->bound)
		return;
	device->received_tag = body->tag;
	if (body->op == NODE_REQ_CLOSE) {
		device_close(node, body);
		return;
	}
	if (body->op != NODE_REQ_OPEN &&
	    (device->fenced || body->epoch != device->epoch)) {
		node->ops->done(node->context, body->tag, body->epoch, -EIO);
		return;
	}
	request = malloc(sizeof(*request));
	assert(request); /* a node that stops is safe; the module asks again */
	*request = (struct request){ .body = *body };
	base_buf_get(request->body.buf);
	if (body->op == NODE_REQ_OPEN) {
		device_drop_open(node);
		device->open = request;
		device->ask_next_us = 0;
		return;
	}
	base_list_add_tail(&device->requests, &request->link);
	device->written_us = node->now_us;
	device->count++;
	device->bytes += body->buf ? body->length : 0;
	if (!device->unproposed)
		device->unproposed = request;
}

/* Which of the unanswered requests does the log hold already? */
void device_became_leader(struct node *node)
{
	struct device *device = &node->device;
	struct store_checkpoint tail =
		entries_head(&node->entries, node->entries.last);
	bool ours = tail.standing.writer == node->config.raft.id &&
		    tail.standing.epoch == device->epoch;
	struct request *request;

	device->unproposed = NULL;
	for (request = device_first(device); request;
	     request = device_next(device, request)) {
		if (((ours && request->body.tag <= tail.standing.tag) ||
		     planted(PLANTED_RESENT_LOST)) &&
		    !planted(PLANTED_RESENT_TWICE)) {
			/* done when the no-op behind it is committed */
			request->index = raft_term_start(node->raft);
			continue;
		}
		request->index = 0;
		if (!device->unproposed)
			device->unproposed = request;
	}
}

/* Proposals that another leader overruled; they will be made again. */
void device_truncated(struct node *node, uint64_t from)
{
	struct device *device = &node->device;
	struct request *request;

	if (device->open_index >= from)
		device->open_index = 0;
	/* The end of the log it waits for will not come. */
	if (device->close_index >= from) {
		device->close_index = from - 1;
		device_applied(node);
	}
	for (request = device_first(device); request;
	     request = device_next(device, request)) {
		if (request->index < from)
			continue;
		request->index = 0;
		if (!device->unproposed ||
		    device->unproposed->body.tag > request->body.tag)
			device->unproposed = request;
	}
}

static struct raft_entry *request_entry(const struct node *node,
					const struct request *request)
{
	const struct node_request *body = &request->body;
	struct raft_entry *entry =
		node_make_entry(node, body->op == NODE_REQ_WRITE ?
					      RAFT_OP_WRITE :
					      RAFT_OP_ZERO);

	entry->standing.writer = node->config.raft.id;
	entry->standing.epoch = node->device.epoch;
	entry->standing.tag = body->tag;
	entry->offset = body->offset;
	entry->length = body->length;
	if (raft_op_has_data(entry->op)) {
		entry->data = body->data;
		entry->buf = base_buf_get(body->buf);
		entry->data_crc = base_crc32c(0, body->data, body->length);
	}
	return entry;
}

/* In the ring, and in memory: what is not committed is held there. */
static uint64_t device_propose_room(const struct node *node)
{
	uint64_t open = node->entries.open_bytes;
	uint64_t room = open < NODE_OPEN_BYTES ? NODE_OPEN_BYTES - open : 0;

	return room < node_log_room(node) ? room : node_log_room(node);
}

/* The index each gets is known before: the core numbers them in order. */
static void device_propose(struct node *node)
{
	struct raft_event event = { .type = RAFT_EV_PROPOSE };
	struct device *device = &node->device;
	struct raft_entry *batch[BATCH_MAX];
	uint64_t next = node->entries.last + 1;
	uint64_t room = device_propose_room(node);
	struct request *first = device->unproposed;
	struct request *request = first;
	uint32_t count = 0;
	uint64_t bytes;

	while (request && count < BATCH_MAX) {
		if (request->body.op == NODE_REQ_FLUSH) {
			request->index = next - 1;
			request = device_next(device, request);
			continue;
		}
		batch[count] = request_entry(node, request);
		bytes = store_record_bytes(batch[count], node->config.align);
		if (bytes > room) { /* until a checkpoint or a commit */
			raft_entry_put(batch[count]);
			break;
		}
		room -= bytes;
		count++;
		request->index = next++;
		request = device_next(device, request);
	}
	device->unproposed = request;
	event.count = count;
	if (count && !node_propose(node, &event, batch, count)) {
		for (request = first; request != device->unproposed;
		     request = device_next(device, request))
			request->index = 0;
		device->unproposed = first;
	}
}

static bool device_may_propose(const struct node *node)
{
	struct store_checkpoint tail;

	if (!node_ready(node) || node->stopping ||
	    raft_transferring(node->raft) || !node->device.epoch ||
	    node->device.fenced)
		return false;
	tail = entries_head(&node->entries, node->entries.last);
	return tail.standing.writer == node->config.raft.id &&
	       tail.standing.epoch == node->device.epoch;
}

bool node_dones_due(const struct node *node)
{
	const struct device *device = &node->device;

	return device->count && !device->unproposed && !device->fenced &&
	       node_ready(node) && !node->stopping &&
	       device->lease_us > node->now_us;
}

bool node_all_answered(const struct node *node)
{
	const struct device *device = &node->device;

	return device->epoch && !device->count && node_leads(node);
}

/* Who else has it open, as far as the leader can know? 0: nobody alive. */
static uint32_t device_other_writer(struct node *node, uint32_t asker,
				    bool *unknown)
{
	struct store_checkpoint tail =
		entries_head(&node->entries, node->entries.last);
	struct peer *peer = peer_find(node, tail.standing.writer);
	uint64_t since_us;

	*unknown = false;
	if (!tail.standing.writer || tail.standing.writer == asker || !peer)
		return 0;
	if (peer_alive(node, peer))
		return (peer->status.flags & WIRE_NODE_DEVICE_OPEN &&
			peer->status.epoch == tail.standing.epoch) ?
			       tail.standing.writer :
			       0;
	/* Silent on a link that stands: it was there to be heard, and was not. */
	if (peer->up && peer->known)
		return 0;
	/* It may just not have reached us, or have lost its link for a moment. */
	since_us = peer->heard_us ? peer->heard_us : node->role_since_us;
	*unknown = node->now_us - since_us <
		   node->config.raft.election_timeout_us;
	return 0;
}

static void device_end_open(struct node *node, uint64_t epoch, int error)
{
	struct device *device = &node->device;

	node->ops->done(node->context, device->open->body.tag, epoch, error);
	device_drop_open(node);
}

static void device_propose_open(struct node *node)
{
	struct raft_event event = { .type = RAFT_EV_PROPOSE, .count = 1 };
	struct device *device = &node->device;
	struct raft_entry *entry;
	uint32_t writer;
	bool unknown;

	writer = device_other_writer(node, node->config.raft.id, &unknown);
	if (writer) {
		node_say(node, BASE_LOG_NOTICE,
			 "event=open-refused writer=#%u reason=\"#%u has the "
			 "device open\" remedy=\"close it there first\"",
			 writer, writer);
		device_end_open(node, 0, -EBUSY);
		return;
	}
	if (unknown || !node_log_room(node))
		return;
	entry = node_make_entry(node, RAFT_OP_OPEN);
	entry->standing.writer = node->config.raft.id;
	entry->standing.tag = device->open->body.tag;
	device->open_index = node_propose(node, &event, &entry, 1);
}

static void device_pump_open(struct node *node)
{
	struct device *device = &node->device;
	struct store_checkpoint tail;

	if (!device->open || !node_ready(node) || node->stopping ||
	    device->lease_us <= node->now_us)
		return;
	if (!device->open_index) {
		device_propose_open(node);
		return;
	}
	if (node->image.applied < device->open_index)
		return;
	tail = entries_head(&node->entries, node->entries.last);
	if (tail.standing.epoch !=
	    device->open_index) { /* somebody else was later */
		device->open_index = 0;
		return;
	}
	device->epoch = device->open_index;
	device->fenced = false;
	device->applied_tag = device->open->body.tag;
	node->ops->device_applied(node->context, device->applied_tag);
	node_say(node, BASE_LOG_NOTICE, "event=open-granted epoch=%lu",
		 (unsigned long)device->epoch);
	device_end_open(node, device->epoch, 0);
}

/*
 * Nobody leads, as it seems: rather we than somebody we would have to ask.  Again
 * and again: others heard the leader a little later than we, and refuse at first.
 */
static void device_campaign(struct node *node)
{
	struct raft_event event = { .type = RAFT_EV_CAMPAIGN };
	enum raft_role role = raft_role(node->raft);

	if ((role == RAFT_FOLLOWER || role == RAFT_PRECANDIDATE) &&
	    !node_jobs_out(node))
		node_step(node, &event, NULL);
}

void device_ask_at(struct node *node, uint64_t at_us)
{
	node->device.ask_next_us = at_us;
}

/* Not in step with others who want the same. */
static void device_ask_later(struct node *node, uint64_t us)
{
	node->device.ask_next_us = node->now_us + us + node->random % us;
}

/* Leadership belongs where the device is open: ask whoever has it. */
static void device_ask(struct node *node)
{
	struct device *device = &node->device;
	struct peer *leader = peer_find(node, raft_leader(node->raft));
	struct wire_msg msg; /* large: nothing is done to it in vain */
	uint64_t lost_us;

	if (!device_wants_lead(node) || node->now_us < device->ask_next_us)
		return;
	if (!leader || !peer_alive(node, leader)) {
		device_ask_later(node, CAMPAIGN_US);
		if (!node->incomplete)
			device_campaign(node);
		return;
	}
	device_ask_later(node, ASK_US);
	/* If it is dead: when our promise to it is over. */
	lost_us = leader->heard_us + node->config.raft.election_timeout_us;
	if (device->ask_next_us > lost_us)
		device->ask_next_us = lost_us;
	if (node->incomplete)
		return;
	msg.type = WIRE_OPEN_ASK;
	msg.open_ask.serial = ++device->ask_serial;
	msg.open_ask.epoch = device->open ? 0 : device->epoch;
	node->ops->send(node->context, leader->id, &msg);
}

static int device_judge_ask(struct node *node, struct peer *peer,
			    const struct wire_open_ask *ask, uint32_t *writer)
{
	struct store_checkpoint tail =
		entries_head(&node->entries, node->entries.last);
	bool unknown;

	*writer = node->config.raft.id;
	if (!node_leads(node) || raft_transferring(node->raft))
		return -EAGAIN;
	if (ask->epoch && (tail.standing.writer != peer->id ||
			   tail.standing.epoch != ask->epoch)) {
		*writer = tail.standing.writer;
		return -EBUSY;
	}
	if (node->device.open || (node->device.epoch && !node->device.fenced))
		return -EBUSY;
	if (member_role(node, peer->id) != RAFT_MEMBER_VOTER)
		return -EPERM;
	if (peer->status.flags &
	    (WIRE_NODE_INCOMPLETE | WIRE_NODE_DAMAGED | WIRE_NODE_DISK_FAILED))
		return -EAGAIN;
	*writer = device_other_writer(node, peer->id, &unknown);
	if (*writer)
		return -EBUSY;
	return unknown ? -EAGAIN : 0;
}

void device_open_asked(struct node *node, struct peer *peer,
		       const struct wire_open_ask *ask)
{
	struct raft_event event = { .type = RAFT_EV_TRANSFER,
				    .peer = peer->id };
	struct wire_msg msg = { .type = WIRE_OPEN_REPLY };

	msg.open_reply.serial = ask->serial;
	msg.open_reply.error =
		device_judge_ask(node, peer, ask, &msg.open_reply.writer);
	if (!msg.open_reply.error) {
		device_revoke(node, "handing leadership over");
		if (node_step(node, &event, NULL)->flags & RAFT_UP_REFUSED)
			msg.open_reply.error = -EAGAIN;
	}
	node->ops->send(node->context, peer->id, &msg);
}

void device_open_replied(struct node *node, struct peer *peer,
			 const struct wire_open_reply *reply)
{
	struct device *device = &node->device;

	if (reply->serial != device->ask_serial || node_leads(node))
		return;
	if (!device->open) {
		/* Made a learner while it was away: it can't go on. */
		if (reply->error == -EPERM && device->epoch && !device->fenced)
			device_fence(node, "this node is no voter");
		return;
	}
	if (reply->error != -EBUSY && reply->error != -EPERM)
		return; /* on its way, or asked again later */
	if (reply->error == -EBUSY)
		node_say(node, BASE_LOG_NOTICE,
			 "event=open-refused writer=#%u by=#%u reason=\"#%u has "
			 "the device open\" remedy=\"close it there first\"",
			 reply->writer, peer->id, reply->writer);
	else
		node_say(node, BASE_LOG_WARNING,
			 "event=open-refused by=#%u reason=\"this node is no "
			 "voter, so it can't lead\" remedy=\"promote it\"",
			 peer->id);
	device_end_open(node, 0, reply->error);
}

static const char *device_no_lease(const struct node *node)
{
	if (node->stopping)
		return "agent stops";
	if (node->disk_failed)
		return "disk failed";
	if (!raft_leader(node->raft))
		return "no quorum";
	if (!node_leads(node))
		return "another node leads";
	if (node->incomplete)
		return "replica is being filled";
	if (raft_transferring(node->raft))
		return "handing leadership over";
	if (!node_ready(node))
		return "catching up";
	return "no answer from a majority";
}

void device_pump_lease(struct node *node)
{
	struct device *device = &node->device;
	uint64_t until = 0;
	uint64_t step = node->config.raft.heartbeat_us / 2;
	bool ready = node_ready(node) && !node->stopping;

	if (!device->bound)
		return;
	/* None is longer than that, and node_step() sees to one that falls. */
	if (ready && device->lease_us > node->now_us &&
	    node->now_us + node->config.raft.election_timeout_us <
		    device->lease_us + step)
		return;
	if (ready)
		until = raft_lease_until(node->raft);
	if (until <= node->now_us) {
		if (device->lease_us ||
		    device->no_lease != device_no_lease(node))
			device_revoke(node, device_no_lease(node));
		return;
	}
	if (device->lease_us > node->now_us && until < device->lease_us + step)
		return;
	device->lease_us = until;
	device->no_lease = NULL;
	node->ops->lease(node->context, until, "");
}

/* The volume goes on without this node: nothing it waits for would come. */
static void device_outside(struct node *node)
{
	struct device *device = &node->device;

	if (device->open) {
		node_say(node, BASE_LOG_WARNING,
			 "event=open-refused reason=\"this node is no member of "
			 "the volume\" remedy=\"add it on the leader\"");
		device_end_open(node, 0, -EPERM);
	}
	if (device->epoch && !device->fenced)
		device_fence(node, "this node is no member");
}

void device_pump(struct node *node)
{
	if (!node->device.bound)
		return;
	if (members_outside(node))
		device_outside(node);
	device_pump_open(node);
	device_ask(node);
	while (node->device.unproposed && device_may_propose(node)) {
		struct request *before = node->device.unproposed;

		device_propose(node);
		if (node->device.unproposed == before)
			break;
	}
	device_credit(node);
}

void device_commit(struct node *node, uint64_t commit)
{
	struct device *device = &node->device;
	struct request *request = device_first(device);
	struct request *next;

	for (; request && request != device->unproposed && request->index &&
	       request->index <= commit;
	     request = next) {
		next = device_next(device, request);
		node->ops->done(node->context, request->body.tag,
				request->body.epoch, 0);
		device_drop(node, request);
	}
}

/* Reads over what is applied may go on. */
void device_applied(struct node *node)
{
	struct device *device = &node->device;
	struct store_checkpoint head;
	uint64_t tag = device->applied_tag;

	if (!device->bound)
		return;
	head = entries_head(&node->entries, node->image.applied);
	if (device->epoch && head.standing.writer == node->config.raft.id &&
	    head.standing.epoch == device->epoch && head.standing.tag > tag)
		tag = head.standing.tag;
	if (device->close_tag > tag &&
	    node->image.applied >= device->close_index)
		tag = device->close_tag;
	if (tag == device->applied_tag)
		return;
	device->applied_tag = tag;
	node->ops->device_applied(node->context, tag);
}
