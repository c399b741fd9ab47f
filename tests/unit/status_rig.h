/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node whose status is asked for, as its loop would publish it: node 1 of
 * three.  Include it in one source of a program only.
 */
#ifndef STATUS_RIG_H
#define STATUS_RIG_H

#include <stdio.h>
#include <string.h>

#include "qbdd/published_status.h"

#define NOW_US 100000000

static struct conf conf;
static struct status_identity identity;
static struct published_status published;

/* Node 1 of three leads; 2 and 3 are well. */
static inline void status_setup(void)
{
	struct node_view *view = &published.view;
	unsigned int i;

	memset(&conf, 0, sizeof(conf));
	memset(&published, 0, sizeof(published));
	strcpy(conf.volume, "vol0");
	conf.size_bytes = 1000;
	conf.node_count = 3;
	for (i = 0; i < 3; i++) {
		snprintf(conf.nodes[i].name, sizeof(conf.nodes[i].name), "n%u",
			 i + 1);
		conf.nodes[i].id = i + 1;
	}
	identity.conf = &conf;
	identity.self = &conf.nodes[0];
	identity.pid = 4711;
	identity.started_us = 1;
	published.taken_us = NOW_US - 1000;
	view->id = 1;
	view->role = RAFT_LEADER;
	view->term = 5;
	view->leader = 1;
	view->last = 110;
	view->durable = 105;
	view->commit = 100;
	view->applied = 99;
	view->peer_count = 2;
	view->peers[0].id = 2;
	view->peers[0].up = true;
	view->peers[0].known = true;
	view->peers[0].heard_us = NOW_US - 20000;
	view->peers[0].match = 90;
	view->peers[0].status.term = 5;
	view->peers[0].status.last = 90;
	view->peers[1] = view->peers[0];
	view->peers[1].id = 3;
	published.links[1].state = NET_UP;
	published.links[2].state = NET_UP;
}

/* The same, but node 3 does not answer. */
static inline void status_setup_missing(void)
{
	struct node_peer_view *peer = &published.view.peers[1];

	status_setup();
	memset(peer, 0, sizeof(*peer));
	peer->id = 3;
	peer->match = 60;
	published.links[2].state = NET_DOWN;
	strcpy(published.links[2].problem, "connection refused");
}

#endif
