/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the loop publishes for the control thread: an immutable view of the node
 * behind an RCU pointer, and its JSON (control/status.h says what the fields
 * mean).  Reading it never waits; its age shows whether the loop still runs.
 */
#ifndef QBDD_PUBLISHED_STATUS_H
#define QBDD_PUBLISHED_STATUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "net/net.h"
#include "node/node.h"
#include "qbdd/health.h"
#include "qbdd/notice.h"
#include "qbdd/pulse.h"

/* What never changes while the daemon runs. */
struct status_identity {
	const struct conf *conf;
	const struct conf_node *self;
	int pid;
	uint64_t started_us;
	const struct pulse *pulse; /* of the loop */
};

struct published_link {
	enum net_link_state state;
	uint64_t since_us; /* in this state */
	bool refused; /* and the next fields: see struct net_peer_view */
	uint32_t differs;
	uint64_t volume_bytes;
	uint32_t unacked_bytes;
	uint32_t stuck_ms;
	uint32_t acked_ms;
	char problem[160];
};

struct published_status {
	uint64_t taken_us;
	struct node_view view;
	struct published_link links[CONF_NODES_MAX]; /* as conf->nodes */
	uint64_t log_waiting_us; /* a job of the thread waits since; 0: none */
	uint64_t image_waiting_us;
	bool device_held; /* its queue is ours */
	char log_notice[NOTICE_TEXT_MAX]; /* "" as a rule */
	char address_notice[NOTICE_TEXT_MAX];
	char device_problem[256]; /* why not, "" if not known */
	char listen_problem[256]; /* why peers may not reach us; "" */
	/* terms.h */
	uint64_t term_changed_us; /* 0: not since the start */
	uint32_t term_rises;
	uint32_t terms_lost;
	enum health_state state;
	uint64_t state_since_us;
};

/* The published one, NULL before the first: for rcu_dereference(). */
struct status_cell;
struct status_cell *status_cell_new(void);

/** status_publish() - copy @published and show it; a registered RCU thread */
void status_publish(struct status_cell *cell,
		    const struct published_status *published);
/** status_read() - false: none yet; a registered RCU thread */
bool status_read(struct status_cell *cell, struct published_status *published);

/**
 * status_json() - the status object
 * @published: NULL: none yet, the daemon starts
 * Return: one reference, the caller's
 */
json_t *status_json(const struct status_identity *identity,
		    const struct published_status *published, uint64_t now_us);

/** status_node_name() - of a node, for JSON; null: no such node */
json_t *status_node_name(const struct status_identity *identity, uint32_t id);

#endif
