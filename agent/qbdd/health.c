// SPDX-License-Identifier: GPL-2.0
/* See health.h. */
#include "qbdd/health.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/size.h"
#include "qbdd/published_status.h"

#define STARTING_US 5000000 /* so long no leader yet is no bad news */
#define STALE_US 2000000 /* older: the loop hangs */
#define WAITING_US 2000000 /* a disk that takes longer for one thing is slow */
#define STUCK_MS 2000 /* nothing acknowledged for so long */
#define BEHIND_ENTRIES (2 * RAFT_INFLIGHT_MAX)
#define TERMS_LOST_MAX 3 /* leaders lost in a minute, and still all is well */

struct judge {
	const struct status_identity *identity;
	const struct published_status *published;
	const struct node_view *view;
	uint64_t now_us;
	struct health *health;
};

const char *health_text(enum health_state state)
{
	static const char *const texts[] = {
		[HEALTH_OK] = "ok",
		[HEALTH_DEGRADED] = "degraded",
		[HEALTH_CATCHING_UP] = "catching-up",
		[HEALTH_STARTING] = "starting",
		[HEALTH_NO_QUORUM] = "no-quorum",
		[HEALTH_DAMAGED] = "damaged",
		[HEALTH_DISK_FAILED] = "disk-failed",
		[HEALTH_HUNG] = "hung",
	};

	return texts[state];
}

const struct node_peer_view *
health_peer(const struct published_status *published, uint32_t id)
{
	const struct node_view *view = &published->view;
	unsigned int i;

	for (i = 0; i < view->peer_count; i++)
		if (view->peers[i].id == id)
			return &view->peers[i];
	return NULL;
}

uint64_t health_commit(const struct published_status *published)
{
	const struct node_view *view = &published->view;
	uint64_t commit = view->commit;
	unsigned int i;

	for (i = 0; i < view->peer_count; i++)
		if (view->peers[i].known &&
		    view->peers[i].status.commit > commit)
			commit = view->peers[i].status.commit;
	return commit;
}

/* Since when a peer was not heard: at the latest since its link stands. */
static uint64_t mute_us(const struct status_identity *identity,
			const struct published_status *published,
			unsigned int i, uint64_t now_us)
{
	const struct node_peer_view *peer =
		health_peer(published, identity->conf->nodes[i].id);
	uint64_t heard_us = published->links[i].since_us;

	if (peer && peer->heard_us > heard_us)
		heard_us = peer->heard_us;
	return now_us > heard_us ? now_us - heard_us : 0;
}

bool health_silent(const struct status_identity *identity,
		   const struct published_status *published, unsigned int i,
		   uint64_t now_us)
{
	/* A loop that hangs hears no peer; that is not the peers' fault. */
	if (now_us - published->taken_us > STALE_US)
		now_us = published->taken_us;
	return published->links[i].state == NET_UP &&
	       mute_us(identity, published, i, now_us) > HEALTH_SILENT_US;
}

static void add(struct judge *judge, const char *what, uint32_t node,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

static void add(struct judge *judge, const char *what, uint32_t node,
		const char *format, ...)
{
	struct health *health = judge->health;
	struct health_problem *problem = &health->problems[health->count];
	va_list args;

	if (health->count == HEALTH_PROBLEMS_MAX)
		return;
	health->count++;
	problem->what = what;
	problem->node = node;
	va_start(args, format);
	vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
}

static void worse(struct judge *judge, enum health_state state)
{
	if (judge->health->state < state)
		judge->health->state = state;
}

static unsigned long seconds_since(const struct judge *judge, uint64_t us)
{
	return judge->now_us > us ?
		       (unsigned long)((judge->now_us - us) / 1000000) :
		       0;
}

static uint64_t lacks(uint64_t commit, uint64_t has)
{
	return commit > has ? commit - has : 0;
}

/* What the node says of itself decides the state; see node/view.c. */
static const char *own_state(struct judge *judge)
{
	const struct node_view *view = judge->view;

	if (view->diverged) {
		worse(judge, HEALTH_DAMAGED);
		return "diverged";
	}
	if (view->disk_failed) {
		worse(judge, HEALTH_DISK_FAILED);
		return "disk-failed";
	}
	if (view->damaged) {
		worse(judge, HEALTH_DAMAGED);
		return "damaged";
	}
	if (!view->leader)
		worse(judge, judge->now_us - judge->identity->started_us <
					     STARTING_US ?
				     HEALTH_STARTING :
				     HEALTH_NO_QUORUM);
	if (view->outside)
		return "no-member";
	if (!view->leader)
		return "no-quorum";
	if (view->incomplete) {
		worse(judge, HEALTH_CATCHING_UP);
		return "filled";
	}
	if (view->settling)
		worse(judge, HEALTH_CATCHING_UP);
	return "catching-up";
}

static void judge_self(struct judge *judge)
{
	const struct node_view *view = judge->view;
	const char *what = own_state(judge);
	uint64_t behind = lacks(health_commit(judge->published), view->durable);

	if (view->problem[0])
		add(judge, what, view->id, "%s", view->problem);
	if (view->leader && behind > BEHIND_ENTRIES) {
		worse(judge, HEALTH_CATCHING_UP);
		add(judge, "behind", view->id,
		    "this replica lacks %lu entries; the leader sends them",
		    (unsigned long)behind);
	}
}

static void judge_waiting(struct judge *judge, uint64_t since_us,
			  const char *what)
{
	if (since_us && judge->now_us > since_us + WAITING_US)
		add(judge, "disk-slow", judge->view->id,
		    "%s has waited for this node's disk for %lu s; is it "
		    "failing (dmesg), or overloaded?",
		    what, seconds_since(judge, since_us));
}

static void judge_agent(struct judge *judge)
{
	const struct published_status *published = judge->published;
	uint32_t self = judge->view->id;

	if (judge->now_us - published->taken_us > STALE_US) {
		worse(judge, HEALTH_HUNG);
		add(judge, "agent-hangs", self,
		    "the agent (pid %d) has not moved for %lu s: %s; it hangs, "
		    "or this machine is overloaded",
		    judge->identity->pid,
		    seconds_since(judge, published->taken_us),
		    pulse_what(judge->identity->pulse));
	}
	judge_waiting(judge, published->log_waiting_us, "the log");
	judge_waiting(judge, published->image_waiting_us, "the data area");
	if (published->device_problem[0])
		add(judge, "no-device", self, "no device: %s",
		    published->device_problem);
	if (judge->view->fenced)
		add(judge, "fenced", self,
		    "the device is fenced here, because its writer has lost "
		    "its right: unmount or close it, then open it again");
	if (published->listen_problem[0])
		add(judge, "not-reachable", self, "%s",
		    published->listen_problem);
	if (published->terms_lost > TERMS_LOST_MAX)
		add(judge, "terms-rise", self,
		    "%u leaders were lost within a minute (the last %lu s "
		    "ago); is the network or a disk too slow for "
		    "election-timeout?",
		    published->terms_lost,
		    seconds_since(judge, published->term_changed_us));
}

/* Is what we send stuck, although the peer would take it? */
static bool path_is_stuck(const struct judge *judge, unsigned int i)
{
	const struct published_link *link = &judge->published->links[i];
	bool mute = health_silent(judge->identity, judge->published, i,
				  judge->now_us);

	return link->state == NET_UP && link->unacked_bytes &&
	       link->stuck_ms > STUCK_MS &&
	       (!mute || link->acked_ms < STUCK_MS);
}

/* The link to a node.  Return: is what it told last still true? */
static bool judge_link(struct judge *judge, unsigned int i)
{
	const struct conf_node *node = &judge->identity->conf->nodes[i];
	const struct published_link *link = &judge->published->links[i];
	uint64_t silent_us =
		mute_us(judge->identity, judge->published, i, judge->now_us);

	if (path_is_stuck(judge, i)) {
		add(judge, "path-stuck", node->id,
		    "%s: %u bytes sent to it have not been acknowledged for "
		    "%u s: does the path carry large packets? check the MTU",
		    node->name, link->unacked_bytes, link->stuck_ms / 1000);
		return true;
	}
	if (health_silent(judge->identity, judge->published, i,
			  judge->now_us)) {
		add(judge, "node-silent", node->id,
		    "%s is silent: nothing heard for %lu s; is it off, hung, "
		    "or cut off?",
		    node->name, (unsigned long)(silent_us / 1000000));
		return false;
	}
	if (link->state == NET_UP)
		return true;
	if (link->refused)
		add(judge, "node-refused", node->id, "no link to %s: %s",
		    node->name, link->problem);
	else
		add(judge, "node-missing", node->id,
		    "%s is missing%s%s%s; start its agent, or fix the network",
		    node->name, link->problem[0] ? " (" : "", link->problem,
		    link->problem[0] ? ")" : "");
	return false;
}

/* Does a node that is heard have more than a blank replica? */
static bool has_volume(const struct node_view *view)
{
	return view->last || view->damaged ||
	       node_view_others_have_volume(view);
}

static void judge_replica(struct judge *judge, const struct conf_node *node,
			  const struct node_peer_view *peer)
{
	uint64_t behind = lacks(judge->view->commit, peer->match);

	if (!judge->view->leader && !wire_status_has_volume(&peer->status) &&
	    has_volume(judge->view))
		add(judge, "node-blank", node->id,
		    "%s: its replica is blank, so it elects no leader and "
		    "begins no new volume over the data of others; bring back "
		    "the disks that held the volume, or see \"When a majority "
		    "is lost\" in the README",
		    node->name);
	if (peer->status.flags & WIRE_NODE_DISK_FAILED)
		add(judge, "node-disk-failed", node->id,
		    "%s: its disk failed; replace it, then qbd format there",
		    node->name);
	else if (peer->status.flags & WIRE_NODE_DIVERGED)
		add(judge, "node-diverged", node->id,
		    "%s has stopped: its log contradicts the leader's; qbd "
		    "format and qbd up there, unless another replica was put "
		    "back from an older copy",
		    node->name);
	else if (peer->differs)
		add(judge, "node-diverged", node->id,
		    "%s has other contents in its log than this node; the one "
		    "that differs from the leader has to be formatted",
		    node->name);
	else if (peer->status.flags & WIRE_NODE_DAMAGED)
		add(judge, "node-damaged", node->id,
		    "%s: its replica is damaged; a leader fills it",
		    node->name);
	else if (peer->status.flags & WIRE_NODE_INCOMPLETE)
		add(judge, "node-filled", node->id,
		    "%s: its replica is being filled; wait", node->name);
	else if (judge->view->role == RAFT_LEADER && behind > BEHIND_ENTRIES)
		add(judge, "node-behind", node->id,
		    "%s is %lu entries behind; is its disk or the path to it "
		    "slow?",
		    node->name, (unsigned long)behind);
}

/* What its last HELLO said, whether there is a link now or not. */
static void judge_size(struct judge *judge, unsigned int i)
{
	const struct conf *conf = judge->identity->conf;
	const struct published_link *link = &judge->published->links[i];
	char there[BASE_SIZE_TEXT_MAX], here[BASE_SIZE_TEXT_MAX];

	if (link->differs & WIRE_DIFFERS_SIZE)
		add(judge, "size-differs", conf->nodes[i].id,
		    "the volume has a size of %s on %s and of %s on %s; set "
		    "the same in both configurations: until then neither fills "
		    "the other, and a new volume does not start",
		    base_size_text(link->volume_bytes, there),
		    conf->nodes[i].name, base_size_text(conf->size_bytes, here),
		    judge->identity->self->name);
}

/* What the nodes should be told alike, but need not be while it is changed. */
static void judge_lists(struct judge *judge)
{
	const struct conf *conf = judge->identity->conf;
	unsigned int i;

	for (i = 0; i < conf->node_count; i++) {
		uint32_t differs = judge->published->links[i].differs;

		if (differs & WIRE_DIFFERS_NODES)
			add(judge, "nodes-differ", conf->nodes[i].id,
			    "%s and %s have different lists of nodes; make the "
			    "list in the configuration the same on all: until "
			    "then a new volume does not start",
			    conf->nodes[i].name, judge->identity->self->name);
		if (differs & WIRE_DIFFERS_TIMEOUT)
			add(judge, "timeout-differs", conf->nodes[i].id,
			    "%s and %s have different values of "
			    "election-timeout; set the same on all: until then "
			    "a failover takes as long as the longest",
			    conf->nodes[i].name, judge->identity->self->name);
	}
}

static void judge_peers(struct judge *judge)
{
	const struct conf *conf = judge->identity->conf;
	const struct node_peer_view *peer;
	unsigned int i;

	for (i = 0; i < conf->node_count; i++) {
		if (&conf->nodes[i] == judge->identity->self)
			continue;
		judge_size(judge, i);
		if (!judge_link(judge, i))
			continue;
		peer = health_peer(judge->published, conf->nodes[i].id);
		if (peer && peer->known)
			judge_replica(judge, &conf->nodes[i], peer);
	}
}

/* Mistakes that do no harm: the state stays as it is. */
static void judge_configuration(struct judge *judge)
{
	const struct published_status *published = judge->published;

	judge_lists(judge);
	if (published->address_notice[0])
		add(judge, "configuration", judge->view->id, "%s",
		    published->address_notice);
	if (published->log_notice[0])
		add(judge, "configuration", judge->view->id, "%s",
		    published->log_notice);
}

void health_judge(const struct status_identity *identity,
		  const struct published_status *published, uint64_t now_us,
		  struct health *health)
{
	struct judge judge = {
		.identity = identity,
		.published = published,
		.view = published ? &published->view : NULL,
		.now_us = now_us,
		.health = health,
	};

	health->state = HEALTH_OK;
	health->count = 0;
	if (!published) {
		worse(&judge, HEALTH_STARTING);
		add(&judge, "starting", identity->self->id,
		    "reading the log, for %lu s",
		    seconds_since(&judge, identity->started_us));
		return;
	}
	judge_agent(&judge);
	judge_self(&judge);
	judge_peers(&judge);
	if (health->count)
		worse(&judge, HEALTH_DEGRADED);
	judge_configuration(&judge);
}
