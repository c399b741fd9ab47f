// SPDX-License-Identifier: GPL-2.0
/* See events.h: quorum, elections, the replica, opens.  For links: links.c. */
#include "qbdd/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "qbdd/events_internal.h"

#define HEARD_US 1000000 /* peers say how they are twice a second */

void events_say(struct events *events, int level, const char *format, ...)
{
	char text[BASE_LOG_LINE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	events->say(events->context, level, text);
}

void events_init(struct events *events, const struct status_identity *identity,
		 void (*say)(void *context, int level, const char *text),
		 void *context)
{
	memset(events, 0, sizeof(*events));
	events->identity = identity;
	events->say = say;
	events->context = context;
}

const char *events_name(const struct conf *conf, uint32_t id, char *text,
			size_t size)
{
	unsigned int i;

	if (!id)
		return "none";
	for (i = 0; i < conf->node_count; i++)
		if (conf->nodes[i].id == id)
			return conf->nodes[i].name;
	snprintf(text, size, "#%u", id);
	return text;
}

void events_put_names(const struct conf *conf, const char *text, char *out,
		      size_t size)
{
	size_t used = 0;
	char number[16];

	while (*text && used + 1 < size) {
		const char *name;
		char *end;
		uint32_t id;

		if (*text != '#' || text[1] < '0' || text[1] > '9') {
			out[used++] = *text++;
			continue;
		}
		id = (uint32_t)strtoul(text + 1, &end, 10);
		name = events_name(conf, id, number, sizeof(number));
		snprintf(out + used, size - used, "%s", name);
		used += strlen(out + used);
		text = end;
	}
	out[used] = '\0';
}

static const struct node_peer_view *
peer_view(const struct published_status *published, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < published->view.peer_count; i++)
		if (published->view.peers[i].id == id)
			return &published->view.peers[i];
	return NULL;
}

static bool votes(enum raft_member_role role)
{
	return role == RAFT_MEMBER_VOTER || role == RAFT_MEMBER_WITNESS;
}

/* Which of the voting nodes can be reached? */
struct quorum {
	unsigned int voters;
	unsigned int reached;
	unsigned int needed;
	char missing[256]; /* names */
	char why[512];
};

static void add_text(char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void add_text(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

static void quorum_miss(struct quorum *quorum, const char *name,
			const struct node_peer_view *peer,
			const struct published_link *link, uint64_t now_us)
{
	char clean[160];

	add_text(quorum->missing, sizeof(quorum->missing), "%s%s",
		 quorum->missing[0] ? "," : "", name);
	add_text(quorum->why, sizeof(quorum->why),
		 "%s%s: ", quorum->why[0] ? "; " : "", name);
	if (peer->heard_us)
		add_text(quorum->why, sizeof(quorum->why), "silent for %.1f s",
			 (double)(now_us - peer->heard_us) / 1000000);
	else
		add_text(quorum->why, sizeof(quorum->why), "never heard");
	if (link->state != NET_UP && link->problem[0])
		add_text(quorum->why, sizeof(quorum->why), ", %s",
			 base_log_clean(link->problem, clean, sizeof(clean)));
}

static void quorum_count(const struct events *events,
			 const struct published_status *published,
			 struct quorum *quorum)
{
	const struct conf *conf = events->identity->conf;
	uint64_t heard_us = (uint64_t)conf->election_timeout_ms * 1000;
	unsigned int i;

	memset(quorum, 0, sizeof(*quorum));
	if (heard_us < HEARD_US)
		heard_us = HEARD_US;
	quorum->voters = votes(published->view.member);
	quorum->reached = quorum->voters;
	for (i = 0; i < conf->node_count; i++) {
		const struct published_link *link = &published->links[i];
		const struct node_peer_view *peer =
			peer_view(published, conf->nodes[i].id);

		if (!peer || !votes(peer->member))
			continue;
		quorum->voters++;
		if (link->state == NET_UP && peer->up && peer->known &&
		    published->taken_us - peer->heard_us <= heard_us)
			quorum->reached++;
		else
			quorum_miss(quorum, conf->nodes[i].name, peer, link,
				    published->taken_us);
	}
	quorum->needed = quorum->voters / 2 + 1;
	if (published->view.blank) /* a volume is born by all of them */
		quorum->needed = quorum->voters;
}

static void say_missing(struct events *events, const char *event,
			const struct quorum *quorum)
{
	const struct conf *conf = events->identity->conf;
	char waits[64];

	if (conf->io_timeout_ms)
		snprintf(waits, sizeof(waits), "I/O waits %g s, then fails",
			 conf->io_timeout_ms / 1000.0);
	else
		snprintf(waits, sizeof(waits), "I/O waits");
	events_say(events, BASE_LOG_ERROR,
		   "%s missing=%s reached=%u needed=%u of=%u why=\"%s\" "
		   "remedy=\"start the agent there, or fix the network; %s\"",
		   event, quorum->missing[0] ? quorum->missing : "nobody",
		   quorum->reached, quorum->needed, quorum->voters, quorum->why,
		   waits);
}

static double seconds(uint64_t from_us, uint64_t to_us)
{
	return (double)(to_us - from_us) / 1000000;
}

static void leader_is_there(struct events *events,
			    const struct published_status *published)
{
	uint64_t now_us = published->taken_us;
	char text[16];
	const char *name = events_name(events->identity->conf,
				       published->view.leader, text,
				       sizeof(text));

	if (events->lost_us)
		events_say(events, BASE_LOG_NOTICE,
			   "event=quorum-regained after_s=%.1f leader=%s "
			   "term=%lu",
			   seconds(events->lost_us, now_us), name,
			   (unsigned long)published->view.term);
	else if (events->awaited)
		events_say(events, BASE_LOG_NOTICE,
			   "event=quorum-reached after_s=%.1f leader=%s "
			   "term=%lu",
			   seconds(events->began_us, now_us), name,
			   (unsigned long)published->view.term);
	events->led = true;
	events->lost_us = 0;
	events->awaited = false;
	events->leaderless_us = 0;
	events->leaderless_told = false;
}

static void look_at_quorum(struct events *events,
			   const struct published_status *published)
{
	uint64_t now_us = published->taken_us;
	struct quorum quorum;

	if (published->view.leader) {
		leader_is_there(events, published);
		return;
	}
	if (!events->leaderless_us)
		events->leaderless_us = now_us;
	if (events->lost_us || published->view.outside ||
	    published->view.disk_failed)
		return;
	quorum_count(events, published, &quorum);
	if (quorum.reached < quorum.needed) {
		if (events->led) {
			events->lost_us = events->leaderless_us;
			say_missing(events, "event=quorum-lost", &quorum);
		} else if (!events->awaited &&
			   now_us - events->began_us >= EVENTS_START_US) {
			events->awaited = true;
			say_missing(events, "event=quorum-awaited", &quorum);
		}
	} else if (!events->leaderless_told &&
		   now_us - events->leaderless_us >= EVENTS_LEADERLESS_US) {
		events->leaderless_told = true;
		events_say(events, BASE_LOG_ERROR,
			   "event=elections-unsettled leaderless_s=%.1f "
			   "reached=%u needed=%u term=%lu remedy=\"look at the "
			   "logs of the others; slow disks and lossy networks "
			   "do that: a longer election-timeout helps\"",
			   seconds(events->leaderless_us, now_us),
			   quorum.reached, quorum.needed,
			   (unsigned long)published->view.term);
	}
}

/* One election more or less is no news; one after the other is. */
static void look_at_terms(struct events *events,
			  const struct published_status *published)
{
	const struct node_view *view = &published->view;
	uint64_t now_us = published->taken_us;
	char text[16];

	if (now_us - events->terms_us >= EVENTS_MINUTE_US) {
		events->terms_us = now_us;
		events->terms_from = view->term;
		events->terms_told = false;
	}
	if (events->terms_told ||
	    view->term <= events->terms_from + EVENTS_TERMS_MAX)
		return;
	events->terms_told = true;
	events_say(events, BASE_LOG_WARNING,
		   "event=elections-unsettled terms=%lu seconds=%.0f term=%lu "
		   "leader=%s remedy=\"leaders come and go: look at the disks "
		   "and the network (large packets too); a longer "
		   "election-timeout helps\"",
		   (unsigned long)(view->term - events->terms_from),
		   seconds(events->terms_us, now_us), (unsigned long)view->term,
		   view->leader ?
			   events_name(events->identity->conf, view->leader,
				       text, sizeof(text)) :
			   "none");
}

static unsigned int percent(uint64_t done, uint64_t all)
{
	return all ? (unsigned int)(done * 100 / all) : 0;
}

static void look_at_replica(struct events *events,
			    const struct published_status *published)
{
	const struct node_view *view = &published->view;
	const struct conf *conf = events->identity->conf;
	char text[16], clean[160];

	if (view->damaged && !events->damaged)
		events_say(events, BASE_LOG_ERROR,
			   "event=replica-damaged what=\"%s\" remedy=\"a leader "
			   "fills it anew by itself\"",
			   base_log_clean(view->problem, clean, sizeof(clean)));
	if (!view->damaged && events->damaged)
		events_say(events, BASE_LOG_NOTICE, "event=replica-repaired");
	events->damaged = view->damaged;
	if (!view->incomplete || !view->copy_received || !view->leader) {
		events->copy_us = 0;
		return;
	}
	if (!events->copy_us)
		events->copy_us = published->taken_us;
	if (published->taken_us - events->copy_us < EVENTS_COPY_US)
		return;
	events->copy_us = published->taken_us;
	events_say(events, BASE_LOG_INFO,
		   "event=copy-progress from=%s percent=%u bytes=%lu",
		   events_name(conf, view->leader, text, sizeof(text)),
		   percent(view->copy_received, conf->size_bytes),
		   (unsigned long)view->copy_received);
}

static void look_at_opening(struct events *events,
			    const struct published_status *published)
{
	const struct node_view *view = &published->view;
	uint64_t now_us = published->taken_us;
	char text[16], reason[256], clean[256];

	if (!view->open_pending) {
		events->open_us = 0;
		events->open_told = false;
		return;
	}
	if (!events->open_us)
		events->open_us = now_us;
	if (events->open_told || now_us - events->open_us < EVENTS_OPEN_US)
		return;
	events->open_told = true;
	if (view->problem[0])
		snprintf(reason, sizeof(reason), "%s", view->problem);
	else if (view->leader != view->id)
		snprintf(reason, sizeof(reason),
			 "%s leads and has not handed over yet",
			 events_name(events->identity->conf, view->leader, text,
				     sizeof(text)));
	else
		snprintf(reason, sizeof(reason),
			 "it is not known yet whether the last writer lives");
	events_say(
		events, BASE_LOG_WARNING,
		"event=open-waits seconds=%.1f reason=\"%s\" remedy=\"it goes "
		"on by itself when that ends; see qbd status %s\"",
		seconds(events->open_us, now_us),
		base_log_clean(reason, clean, sizeof(clean)),
		events->identity->conf->volume);
}

void events_look(struct events *events,
		 const struct published_status *published)
{
	const struct conf *conf = events->identity->conf;
	unsigned int i;

	if (!events->began_us) {
		events->began_us = published->taken_us;
		events->terms_us = published->taken_us;
		events->terms_from = published->view.term;
		events->damaged =
			published->view.damaged; /* told by the start */
	}
	look_at_quorum(events, published);
	look_at_terms(events, published);
	look_at_replica(events, published);
	look_at_opening(events, published);
	for (i = 0; i < conf->node_count; i++)
		if (&conf->nodes[i] != events->identity->self)
			events_look_at_link(events, i, published,
					    peer_view(published,
						      conf->nodes[i].id));
}
