/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The watch: a thread that looks at the loop's pulse every fraction of the
 * election timeout.  It logs when the loop is late, what it was doing, and when
 * that is over; it tells that apart from a process that was not run at all.
 *
 * It also speaks to systemd, which may not read from its socket: READY, STATUS,
 * STOPPING, and WATCHDOG only while the loop runs.
 */
#ifndef QBDD_WATCH_H
#define QBDD_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "qbdd/pulse.h"
#include "qbdd/published_status.h"

/* What is judged; watch_look() is all there is to it. */
struct watch_eye {
	const struct pulse *pulse;
	uint64_t bound_us; /* later than that is worth a line */
	uint64_t excused_us; /* until then the process was not run */
	bool late; /* and told */
	uint64_t turn; /* that is late */
	uint64_t since_us;
	const char *doing;
};

struct watch_news {
	uint64_t not_run_us; /* the whole process, 0: it was */
	const char *late; /* what the loop is doing, NULL: no news */
	uint64_t late_us;
	const char *over; /* what it did, NULL: no news */
	uint64_t over_us;
};

/**
 * watch_look() - one look
 * @planned_us: when it was to be
 */
void watch_look(struct watch_eye *eye, uint64_t planned_us, uint64_t now_us,
		struct watch_news *news);

struct watch;

struct watch_config {
	const struct status_identity *identity; /* with the pulse */
	struct status_cell *cell;
	/* While we start: systemd is asked for more time as long as it grows. */
	uint64_t (*progress)(void);
	uint64_t extend_every_us;
};

/** watch_blocks_read() - a progress: by this process, from disks */
uint64_t watch_blocks_read(void);
/** watch_start() - 0 or a negative errno; what is pointed to outlives it */
int watch_start(const struct watch_config *config, struct watch **watch);
/** watch_ready() - the loop turns from now on */
void watch_ready(struct watch *watch);
/** watch_stopping() - it will end */
void watch_stopping(struct watch *watch);
/**
 * watch_end() - NULL is allowed
 * Return: false: systemd does not read; nothing that it uses may be freed.
 */
bool watch_end(struct watch *watch);

/** watch_failed() - tell systemd why there was no start; may wait for it */
void watch_failed(const char *text);

#endif
