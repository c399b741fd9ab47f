// SPDX-License-Identifier: GPL-2.0
/*
 * What a resync means to the rest of the node, and how it ends early.
 *
 * Its two sides are in resync_send.c, the leader's, and resync_recv.c, the
 * follower's.  These only begin and continue it.  What other files need to know
 * of it, or do to it, is here, below the step: a step may end a resync when
 * leadership changes.
 */
#include <errno.h>
#include <string.h>

#include "base/planted.h"
#include "node/state.h"

void resync_forget(struct peer *peer)
{
	memset(&peer->resync, 0, sizeof(peer->resync));
}

void resync_unwanted(struct node *node, uint32_t peer, uint64_t serial)
{
	struct wire_msg reply = { .type = WIRE_COPY_ACK };

	reply.copy_ack.serial = serial;
	reply.copy_ack.error = -ESTALE;
	node->ops->send(node->context, peer, &reply);
}

/*
 * The leader is told, since it may be the one that we hear again next: it would
 * wait for us to apply what we threw away.
 */
void resync_abort(struct node *node)
{
	if (node->resync.from && node->resync.phase != RESYNC_FINISHING)
		resync_unwanted(node, node->resync.from,
				node->resync.begin.serial);
	/* A reset under way must end first: resync_recv_pump() finds it orphaned. */
	if (node->resync.phase == RESYNC_PREPARING ||
	    node->resync.phase == RESYNC_FINISHING)
		node->resync.from = 0;
	else
		memset(&node->resync, 0, sizeof(node->resync));
}

void resync_link(struct node *node, struct peer *peer)
{
	resync_forget(peer);
	if (!peer->up && node->resync.from == peer->id)
		resync_abort(node);
}

bool resync_blocks_log(const struct node *node)
{
	return node->resync.begin.reset && node->resync.phase == RESYNC_WAIT;
}

uint64_t resync_apply_limit(const struct node *node, uint64_t limit)
{
	const struct resync_recv *recv = &node->resync;

	if (resync_blocks_log(node))
		return 0;
	if (!node->incomplete)
		return recv->phase == RESYNC_NONE ? limit : 0;
	if (recv->phase == RESYNC_FINISHING || recv->ended)
		return limit;
	if (recv->phase != RESYNC_RUNNING)
		return 0;
	if (planted(PLANTED_COPY_OUTRUN))
		return limit;
	return limit < recv->version ? limit : recv->version;
}
