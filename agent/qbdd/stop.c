// SPDX-License-Identifier: GPL-2.0
/*
 * Orders of people, and the way out.  Loop thread.
 *
 * A daemon that stops hands leadership over and leaves a checkpoint behind, as
 * far as both are done within STOP_US: a kill at any moment is as safe, it only
 * makes others wait for an election, and the next start read more of the log.
 */
#include <errno.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "qbdd/qbdd.h"
#include "qbdd/watch.h"

static const char *node_name(const struct qbdd *daemon, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < daemon->conf.node_count; i++)
		if (daemon->conf.nodes[i].id == id)
			return daemon->conf.nodes[i].name;
	return "nobody known";
}

static void transfer(struct qbdd *daemon, struct order *order)
{
	struct base_error *error = &order->error;
	const char *peer = node_name(daemon, order->peer);
	const char *self = daemon->self->name;
	struct node_view view;

	node_view(daemon->node, daemon->now_us, &view);
	order->leader = view.leader;
	switch (node_transfer(daemon->node, order->peer)) {
	case 0:
		return;
	case -ENOTCONN:
		if (view.leader)
			base_error_set(error, -ENOTCONN,
				       "%s does not lead; the leader is %s, "
				       "and only there it can be ordered",
				       self, node_name(daemon, view.leader));
		else
			base_error_set(error, -ENOTCONN,
				       "%s does not lead, and no leader is "
				       "known; qbd status tells who is missing",
				       self);
		return;
	case -EBUSY:
		base_error_set(error, -EBUSY,
			       "the device is open on %s, and leadership "
			       "belongs where it is open; close it first",
			       self);
		return;
	case -EHOSTDOWN:
		base_error_set(error, -EHOSTDOWN,
			       "%s is not reachable or its replica is not "
			       "complete; see qbd status",
			       peer);
		return;
	default:
		base_error_set(error, -EINVAL, "%s is no other node of %s",
			       peer, daemon->conf.volume);
		return;
	}
}

/* Also of an agent that stops already, on a signal: its device would stay. */
static void stop(struct qbdd *daemon, struct order *order)
{
	if (daemon->stop_order) {
		base_error_set(&order->error, -EALREADY,
			       "the device of %s is being removed already; see "
			       "qbd status %s",
			       daemon->conf.volume, daemon->conf.volume);
		order_done(daemon->control, order);
		return;
	}
	daemon->stop_order = order;
	qbdd_device_remove(daemon);
}

void qbdd_stop_removed(struct qbdd *daemon, int code,
		       const struct base_error *error)
{
	struct order *order = daemon->stop_order;

	daemon->stop_order = NULL;
	order->error = *error;
	order->error.code = code;
	if (code == -EBUSY)
		base_error_set(&order->error, -EBUSY,
			       "the device of %s is open here; close or unmount "
			       "it first (qbd status tells by whom)",
			       daemon->conf.volume);
	if (!code)
		qbdd_stop_begin(daemon, "ordered to");
	order_done(daemon->control, order);
}

void qbdd_order_back(void *context, struct errand *errand)
{
	struct order *order = base_container_of(errand, struct order, errand);
	struct qbdd *daemon = context;

	if (!order_take(daemon->control, order))
		return;
	if (daemon->ended) {
		base_error_set(&order->error, -ESHUTDOWN,
			       "the agent of %s is ending",
			       daemon->conf.volume);
		order_done(daemon->control, order);
	} else if (order->type == ORDER_TRANSFER) {
		transfer(daemon, order);
		order_done(daemon->control, order);
	} else {
		stop(daemon, order);
	}
}

void qbdd_stop_begin(struct qbdd *daemon, const char *why)
{
	if (daemon->stopping)
		return;
	base_log(BASE_LOG_NOTICE, "event=stops reason=\"%s\"", why);
	watch_stopping(daemon->watch);
	daemon->stop_why = why;
	daemon->stopping = true;
	daemon->stop_us = daemon->now_us + STOP_US;
	node_step_down(daemon->node);
}

void qbdd_stop_check(struct qbdd *daemon)
{
	struct node_view view;

	if (!daemon->stopping)
		return;
	node_view(daemon->node, daemon->now_us, &view);
	if ((view.role != RAFT_LEADER && !daemon->log.pending &&
	     !daemon->image.pending && !daemon->stop_order) ||
	    daemon->now_us >= daemon->stop_us)
		daemon->ended = true;
}
