// SPDX-License-Identifier: GPL-2.0
/*
 * What the device asked for and has not been answered: writes, zeroes and
 * flushes, an open that waits, a close whose end is still to be applied.
 *
 * Requests wait here in the order of their tags, are proposed in that order
 * and so committed and answered in it.  A request that a new agent, or a new
 * leadership, finds unanswered is proposed again if and only if its tag is
 * above that of the log's last entry (see raft/standing.h).  The module sends
 * again as its socket takes it, so some come when this node leads already, and
 * behind what it has proposed: the rule is applied to each as it comes in, too.
 *
 * `list` has two parts: requests before `unproposed` have the index at whose
 * commit they are answered, the others have none.  A step corrects the parts,
 * so this file lies below it and proposes nothing itself.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "node/state.h"

static void request_free(struct request *request)
{
	base_buf_put(request->body.buf);
	free(request);
}

static void request_drop(struct node *node, struct request *request)
{
	struct requests *requests = &node->requests;

	base_list_del(&request->link);
	requests->count--;
	requests->bytes -= request->body.buf ? request->body.length : 0;
	request_free(request);
}

static struct request *request_first(const struct requests *requests)
{
	if (base_list_empty(&requests->list))
		return NULL;
	return base_container_of(requests->list.next, struct request, link);
}

static struct request *request_next(const struct requests *requests,
				    const struct request *request)
{
	if (request->link.next == &requests->list)
		return NULL;
	return base_container_of(request->link.next, struct request, link);
}

void requests_drop_all(struct node *node)
{
	struct request *request = request_first(&node->requests);
	struct request *next;

	for (; request; request = next) {
		next = request_next(&node->requests, request);
		request_drop(node, request);
	}
	node->requests.unproposed = NULL;
}

static void requests_drop_open(struct node *node)
{
	if (node->requests.open)
		request_free(node->requests.open);
	node->requests.open = NULL;
	node->requests.open_index = 0;
}

void requests_init(struct node *node)
{
	base_list_init(&node->requests.list);
}

void requests_clear(struct node *node)
{
	requests_drop_all(node);
	requests_drop_open(node);
	memset(&node->requests, 0, sizeof(node->requests));
	requests_init(node);
}

void requests_tell_applied(struct node *node, uint64_t tag)
{
	node->requests.applied_tag = tag;
	node->ops->device_applied(node->context, tag);
}

void requests_applied(struct node *node)
{
	struct requests *requests = &node->requests;
	struct store_checkpoint head;
	uint64_t tag = requests->applied_tag;

	if (!node->gate.bound)
		return;
	head = entries_head(&node->entries, node->image.applied);
	if (node->gate.epoch && head.standing.writer == node->config.raft.id &&
	    head.standing.epoch == node->gate.epoch && head.standing.tag > tag)
		tag = head.standing.tag;
	if (requests->close_tag > tag &&
	    node->image.applied >= requests->close_index)
		tag = requests->close_tag;
	if (tag == requests->applied_tag)
		return;
	requests_tell_applied(node, tag);
}

void requests_close_at(struct node *node, uint64_t tag)
{
	node->requests.close_tag = tag;
	node->requests.close_index = node->entries.last;
	if (node->image.applied >= node->requests.close_index)
		requests_applied(node);
}

void requests_close_cut(struct node *node, uint64_t index)
{
	if (node->requests.close_index <= index)
		return;
	node->requests.close_index = index;
	requests_applied(node);
}

void requests_received(struct node *node, uint64_t tag)
{
	node->requests.received_tag = tag;
}

void requests_credit(struct node *node)
{
	struct requests *requests = &node->requests;

	if (requests->bytes > NODE_REQUEST_BYTES ||
	    requests->received_tag == requests->credited_tag)
		return;
	requests->credited_tag = requests->received_tag;
	node->ops->device_received(node->context, requests->credited_tag);
}

/* Does the log hold this request of the open session? */
static bool requests_in_log(const struct node *node, uint64_t tag)
{
	struct store_checkpoint tail =
		entries_head(&node->entries, node->entries.last);

	return tail.standing.writer == node->config.raft.id &&
	       tail.standing.epoch == node->gate.epoch &&
	       tag <= tail.standing.tag;
}

void requests_add(struct node *node, const struct node_request *body)
{
	struct requests *requests = &node->requests;
	struct request *request = malloc(sizeof(*request));

	assert(request); /* a node that stops is safe; the module asks again */
	*request = (struct request){ .body = *body };
	base_buf_get(request->body.buf);
	if (body->op == NODE_REQ_OPEN) {
		requests_drop_open(node);
		requests->open = request;
		requests_ask_at(node, 0);
		return;
	}
	base_list_add_tail(&requests->list, &request->link);
	requests->written_us = node->now_us;
	requests->count++;
	requests->bytes += body->buf ? body->length : 0;
	if (node_leads(node) && requests_in_log(node, body->tag) &&
	    !planted(PLANTED_RESENT_LATE_TWICE)) {
		/* somewhere up to here, like all that came before it */
		assert(!requests->unproposed || planted(PLANTED_RESENT_TWICE));
		request->index = node->entries.last;
		return;
	}
	if (!requests->unproposed)
		requests->unproposed = request;
}

void requests_propose(struct node *node, uint64_t index)
{
	struct request *request = node->requests.unproposed;

	request->index = index;
	node->requests.unproposed = request_next(&node->requests, request);
}

void requests_retract(struct node *node, struct request *first)
{
	struct request *request;

	for (request = first; request != node->requests.unproposed;
	     request = request_next(&node->requests, request))
		request->index = 0;
	node->requests.unproposed = first;
}

void requests_became_leader(struct node *node)
{
	struct requests *requests = &node->requests;
	struct request *request;

	requests->unproposed = NULL;
	for (request = request_first(requests); request;
	     request = request_next(requests, request)) {
		if ((requests_in_log(node, request->body.tag) ||
		     planted(PLANTED_RESENT_LOST)) &&
		    !planted(PLANTED_RESENT_TWICE)) {
			/* done when the no-op behind it is committed */
			request->index = raft_term_start(node->raft);
			continue;
		}
		request->index = 0;
		if (!requests->unproposed)
			requests->unproposed = request;
	}
}

/* Proposals that another leader overruled; they will be made again. */
void requests_truncated(struct node *node, uint64_t from)
{
	struct requests *requests = &node->requests;
	struct request *request;

	if (requests->open_index >= from)
		requests->open_index = 0;
	requests_close_cut(node, from - 1);
	for (request = request_first(requests); request;
	     request = request_next(requests, request)) {
		if (request->index < from)
			continue;
		request->index = 0;
		if (!requests->unproposed ||
		    requests->unproposed->body.tag > request->body.tag)
			requests->unproposed = request;
	}
}

void requests_commit(struct node *node, uint64_t commit)
{
	struct requests *requests = &node->requests;
	struct request *request = request_first(requests);
	struct request *next;

	for (; request && request != requests->unproposed && request->index &&
	       request->index <= commit;
	     request = next) {
		next = request_next(requests, request);
		node->ops->done(node->context, request->body.tag,
				request->body.epoch, 0);
		request_drop(node, request);
	}
}

void requests_open_at(struct node *node, uint64_t index)
{
	node->requests.open_index = index;
}

void requests_end_open(struct node *node, uint64_t epoch, int error)
{
	const struct node_request *body = &node->requests.open->body;

	node->ops->done(node->context, body->tag, epoch, error);
	requests_drop_open(node);
}

void requests_ask_at(struct node *node, uint64_t at_us)
{
	node->requests.ask_next_us = at_us;
}
