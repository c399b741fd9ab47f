// SPDX-License-Identifier: GPL-2.0
/*
 * The links' part of events.h.
 *
 * Each end of a link is logged.  A link that ends more than a few times in a
 * minute flaps: from then on the number of its ends is logged once a minute,
 * until a minute passes without any.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "qbdd/events_internal.h"

static void tell_up(struct events *events, struct events_link *link,
		    const char *name, uint64_t down_us)
{
	link->told = true;
	link->told_up = true;
	link->changed = false;
	link->problem[0] = '\0';
	if (down_us)
		events_say(events, BASE_LOG_NOTICE,
			   "event=link-up peer=%s down_s=%.1f", name,
			   (double)down_us / 1000000);
	else
		events_say(events, BASE_LOG_NOTICE, "event=link-up peer=%s",
			   name);
}

static void tell_down(struct events *events, struct events_link *link,
		      const char *name, uint64_t up_us, uint64_t now_us)
{
	char clean[sizeof(link->why)];

	link->told = true;
	link->told_up = false;
	link->changed = false;
	memcpy(link->problem, link->why, sizeof(link->problem));
	link->problem_us = now_us;
	base_log_clean(link->why, clean, sizeof(clean));
	if (up_us)
		events_say(events, BASE_LOG_WARNING,
			   "event=link-down peer=%s up_s=%.1f reason=\"%s\"",
			   name, (double)up_us / 1000000, clean);
	else
		events_say(
			events, BASE_LOG_WARNING,
			"event=link-down peer=%s reason=\"%s\" remedy=\"start "
			"the agent there, or fix the network\"",
			name, clean);
}

static void tell_flaps(struct events *events, struct events_link *link,
		       const char *name, uint64_t now_us)
{
	char clean[sizeof(link->why)];

	events_say(events, BASE_LOG_WARNING,
		   "event=link-flaps peer=%s ended=%u seconds=%.0f up=%d "
		   "reason=\"%s\" remedy=\"look at the network and at the log "
		   "of %s\"",
		   name, link->ends,
		   (double)(now_us - link->minute_us) / 1000000, link->up,
		   base_log_clean(link->why, clean, sizeof(clean)), name);
	link->changed = false;
	link->told_up = link->up;
}

/* Is the minute over? */
static void minute_pass(struct events *events, struct events_link *link,
			const char *name, uint64_t now_us)
{
	if (!link->minute_us || now_us - link->minute_us < EVENTS_MINUTE_US)
		return;
	if (link->flaps && link->changed)
		tell_flaps(events, link, name, now_us);
	link->flaps = link->flaps && link->ends;
	link->minute_us = link->flaps ? now_us : 0;
	link->ends = 0;
}

void events_link(struct events *events, uint32_t peer, bool up, const char *why,
		 uint64_t now_us)
{
	const struct conf *conf = events->identity->conf;
	struct events_link *link;
	uint64_t lasted_us;
	unsigned int i;

	for (i = 0; i < conf->node_count; i++)
		if (conf->nodes[i].id == peer)
			break;
	if (i == conf->node_count)
		return;
	link = &events->links[i];
	minute_pass(events, link, conf->nodes[i].name, now_us);
	if (link->up == up)
		return;
	lasted_us = link->since_us ? now_us - link->since_us : 0;
	link->up = up;
	link->since_us = now_us;
	link->changed = true;
	if (!up) {
		snprintf(link->why, sizeof(link->why), "%.159s", why);
		if (!link->minute_us)
			link->minute_us = now_us;
		if (++link->ends > EVENTS_LINK_ENDS_MAX)
			link->flaps = true;
	}
	if (link->flaps)
		return;
	if (up)
		tell_up(events, link, conf->nodes[i].name, lasted_us);
	else
		tell_down(events, link, conf->nodes[i].name, lasted_us, now_us);
}

/* Never up, or down for another reason than was told: "refused" is no "no route". */
static void look_at_problem(struct events *events, struct events_link *link,
			    const char *name, const struct published_link *seen,
			    uint64_t now_us)
{
	char clean[sizeof(seen->problem)];

	if (link->up || link->flaps || !seen->problem[0] ||
	    seen->state != NET_DOWN)
		return;
	if (!link->told) {
		if (now_us - events->began_us < EVENTS_LINK_START_US)
			return;
		snprintf(link->why, sizeof(link->why), "%s", seen->problem);
		tell_down(events, link, name, 0, now_us);
		return;
	}
	if (strcmp(link->problem, seen->problem) == 0 ||
	    now_us - link->since_us < EVENTS_LINK_SETTLE_US ||
	    (link->problem_us > link->since_us &&
	     now_us - link->problem_us < EVENTS_MINUTE_US))
		return;
	snprintf(link->problem, sizeof(link->problem), "%s", seen->problem);
	link->problem_us = now_us;
	events_say(events, BASE_LOG_NOTICE,
		   "event=link-problem peer=%s down_s=%.1f reason=\"%s\"", name,
		   link->since_us ?
			   (double)(now_us - link->since_us) / 1000000 :
			   (double)(now_us - events->began_us) / 1000000,
		   base_log_clean(seen->problem, clean, sizeof(clean)));
}

static void look_at_flags(struct events *events, struct events_link *link,
			  const char *name, const struct node_peer_view *peer)
{
	const uint32_t bad = WIRE_NODE_DAMAGED | WIRE_NODE_DISK_FAILED;
	uint32_t now, fresh;

	if (!peer || !peer->known)
		return;
	now = peer->status.flags & bad;
	fresh = now & ~link->flags;
	if (fresh & WIRE_NODE_DISK_FAILED)
		events_say(events, BASE_LOG_ERROR,
			   "event=peer-disk-failed peer=%s remedy=\"replace the "
			   "disk, then qbd format and qbd up on %s\"",
			   name, name);
	if (fresh & WIRE_NODE_DAMAGED)
		events_say(events, BASE_LOG_WARNING,
			   "event=peer-damaged peer=%s remedy=\"the leader "
			   "fills it anew by itself\"",
			   name);
	if (link->flags && !now)
		events_say(events, BASE_LOG_NOTICE,
			   "event=peer-repaired peer=%s", name);
	link->flags = now;
}

static void look_at_copy(struct events *events, struct events_link *link,
			 const char *name, const struct node_peer_view *peer,
			 uint64_t now_us)
{
	uint64_t all = events->identity->conf->size_bytes;

	if (!peer || peer->copy != NODE_COPY_RUNNING) {
		link->copy_us = 0;
		return;
	}
	if (!link->copy_us) {
		link->copy_us = now_us;
		link->copy_offset = peer->copy_offset;
	}
	if (now_us - link->copy_us < EVENTS_COPY_US)
		return;
	events_say(events, BASE_LOG_INFO,
		   "event=copy-progress to=%s percent=%u bytes=%lu mib_s=%.1f",
		   name,
		   all ? (unsigned int)(peer->copy_offset * 100 / all) : 0,
		   (unsigned long)peer->copy_offset,
		   peer->copy_offset > link->copy_offset ?
			   (double)(peer->copy_offset - link->copy_offset) /
				   1.048576 / (double)(now_us - link->copy_us) :
			   0);
	link->copy_us = now_us;
	link->copy_offset = peer->copy_offset;
}

void events_look_at_link(struct events *events, unsigned int i,
			 const struct published_status *published,
			 const struct node_peer_view *peer)
{
	const char *name = events->identity->conf->nodes[i].name;
	struct events_link *link = &events->links[i];
	uint64_t now_us = published->taken_us;

	minute_pass(events, link, name, now_us);
	look_at_problem(events, link, name, &published->links[i], now_us);
	look_at_flags(events, link, name, peer);
	look_at_copy(events, link, name, peer, now_us);
}
