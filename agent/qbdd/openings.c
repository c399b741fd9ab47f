// SPDX-License-Identifier: GPL-2.0
/* See openings.h. */
#include "qbdd/openings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* A mount shows itself when it is done, which a journal's recovery may delay. */
static const uint64_t looks_us[OPENINGS_LOOKS] = { OPENINGS_HOLDER_US, 2000000,
						   6000000, 20000000 };

static void say(struct openings *openings, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct openings *openings, int level, const char *format, ...)
{
	char text[BASE_LOG_LINE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	openings->say(openings->context, level, text);
}

static const char *kind_text(enum opening_kind kind)
{
	return kind == OPENING_WRITE ? "writing" : "reading";
}

static const char *by_text(const struct openings *openings)
{
	if (openings->by[0])
		return openings->by;
	return openings->opener[0] ? openings->opener : "not known";
}

static void tell_holder(struct openings *openings, const char *clean)
{
	say(openings, BASE_LOG_NOTICE,
	    "event=device-holder for=%s by=\"%s\" epoch=%lu",
	    kind_text(openings->kind), clean, (unsigned long)openings->epoch);
}

static void tell_opened(struct openings *openings)
{
	char clean[512];

	base_log_clean(by_text(openings), clean, sizeof(clean));
	openings->told = true;
	if (openings->found)
		tell_holder(openings, clean);
	else
		say(openings, BASE_LOG_NOTICE,
		    "event=device-opened for=%s by=\"%s\" epoch=%lu",
		    kind_text(openings->kind), clean,
		    (unsigned long)openings->epoch);
}

static void opening_end(struct openings *openings, uint64_t now_us)
{
	char clean[512];

	/* A reader of a moment does not matter. */
	if (!openings->told && openings->kind == OPENING_WRITE)
		tell_opened(openings);
	if (openings->told)
		say(openings, BASE_LOG_NOTICE,
		    "event=device-closed for=%s by=\"%s\" epoch=%lu "
		    "open_s=%.1f",
		    kind_text(openings->kind),
		    base_log_clean(by_text(openings), clean, sizeof(clean)),
		    (unsigned long)openings->epoch,
		    (double)(now_us - openings->since_us) / 1000000);
	openings->kind = OPENING_NONE;
}

static void note_opener(struct openings *openings,
			const struct nl_device *device)
{
	if (device->opener_pid && openings->kind == OPENING_WRITE)
		snprintf(openings->opener, sizeof(openings->opener),
			 "%.31s (pid %u)", device->opener_comm,
			 device->opener_pid);
}

static void opening_begin(struct openings *openings, enum opening_kind kind,
			  const struct nl_device *device, uint64_t now_us)
{
	openings->kind = kind;
	openings->epoch = device->epoch;
	openings->since_us = now_us;
	openings->looks = 0;
	openings->told = false;
	openings->found = !openings->looked;
	openings->opener[0] = '\0';
	openings->by[0] = '\0';
}

static void look_for_holder(struct openings *openings,
			    const struct nl_device *device, uint64_t now_us)
{
	char by[HOLDER_TEXT_MAX] = "", clean[512];

	if (openings->looks == OPENINGS_LOOKS ||
	    now_us - openings->since_us < looks_us[openings->looks])
		return;
	while (openings->looks < OPENINGS_LOOKS &&
	       now_us - openings->since_us >= looks_us[openings->looks])
		openings->looks++;
	openings->holder(openings->context, device->minor, by, sizeof(by));
	if (!openings->told) {
		strcpy(openings->by, by);
		tell_opened(openings);
	} else if (by[0] && strcmp(by, openings->by) != 0) {
		strcpy(openings->by, by);
		tell_holder(openings, base_log_clean(by, clean, sizeof(clean)));
	}
}

static void look_at_opening(struct openings *openings,
			    const struct nl_device *device, uint64_t now_us)
{
	enum opening_kind kind = OPENING_NONE;
	uint64_t epoch = 0;

	if (device && (device->epoch || device->writers))
		kind = OPENING_WRITE;
	else if (device && device->openers)
		kind = OPENING_READ;
	if (device)
		epoch = device->epoch;
	/* A writer is counted a moment after, or before, its epoch. */
	if (kind == OPENING_WRITE && openings->kind == kind &&
	    (!epoch || !openings->epoch))
		openings->epoch = epoch ? epoch : openings->epoch;
	else if (kind != openings->kind ||
		 (kind == OPENING_WRITE && epoch != openings->epoch)) {
		if (openings->kind)
			opening_end(openings, now_us);
		if (kind)
			opening_begin(openings, kind, device, now_us);
	}
	if (!kind)
		return;
	note_opener(openings, device);
	look_for_holder(openings, device, now_us);
}

static void tell_failed(struct openings *openings, uint64_t now_us)
{
	char clean[sizeof(openings->failed_why)];

	if (!openings->failed_more ||
	    (openings->failed_us &&
	     now_us - openings->failed_us < OPENINGS_MINUTE_US))
		return;
	say(openings, BASE_LOG_ERROR,
	    "event=io-failed requests=%lu timeouts=%lu reason=\"%s\" by=\"%s\" "
	    "remedy=\"what has the device open must close it (unmount), and open "
	    "it again once qbd status says ok\"",
	    (unsigned long)openings->failed_more,
	    (unsigned long)openings->timeouts_more,
	    base_log_clean(openings->failed_why, clean, sizeof(clean)),
	    openings->kind ? by_text(openings) : "nobody any more");
	openings->failed_more = 0;
	openings->timeouts_more = 0;
	openings->failed_us = now_us;
}

static void look_at_failed(struct openings *openings,
			   const struct nl_device *device, uint64_t now_us)
{
	const struct qbd_stats *stats = &device->stats;
	const char *why = "aborted, or fenced and closed since";

	/* The device outlives its agents, and may be made anew. */
	if (!openings->counted || stats->failed < openings->failed) {
		openings->failed = openings->counted ? 0 : stats->failed;
		openings->timeouts = openings->counted ? 0 : stats->timeouts;
		openings->counted = true;
	}
	if (stats->failed > openings->failed) {
		if (device->gate == QBD_GATE_FENCED)
			why = device->gate_reason;
		else if (stats->timeouts > openings->timeouts)
			why = "io-timeout";
		snprintf(openings->failed_why, sizeof(openings->failed_why),
			 "%s", why);
		openings->failed_more += stats->failed - openings->failed;
		openings->timeouts_more += stats->timeouts - openings->timeouts;
		openings->failed = stats->failed;
		openings->timeouts = stats->timeouts;
	}
	tell_failed(openings, now_us);
}

void openings_look(struct openings *openings, const struct nl_device *device,
		   uint64_t now_us)
{
	if (device)
		look_at_failed(openings, device, now_us);
	else
		openings->counted = false;
	look_at_opening(openings, device, now_us);
	openings->looked = true;
}

uint64_t openings_next_us(const struct openings *openings)
{
	if (!openings->kind || openings->looks == OPENINGS_LOOKS)
		return 0;
	return openings->since_us + looks_us[openings->looks];
}

enum qbd_gate gate_told_set(struct gate_told *told, enum qbd_gate gate)
{
	uint64_t word = __atomic_load_n(&told->word, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(&told->word, &word,
					    ((word >> 8) + 1) << 8 | gate,
					    false, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED))
		;
	return (enum qbd_gate)(word & 0xff);
}

uint64_t gate_told_look(const struct gate_told *told)
{
	return __atomic_load_n(&told->word, __ATOMIC_ACQUIRE);
}

bool gate_told_differs(struct gate_told *told, uint64_t seen,
		       enum qbd_gate gate, enum qbd_gate *old)
{
	*old = (enum qbd_gate)(seen & 0xff);
	return gate != *old &&
	       __atomic_compare_exchange_n(&told->word, &seen,
					   ((seen >> 8) + 1) << 8 | gate, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}
