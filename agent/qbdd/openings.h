/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module knows of the device, for the log: what opened and closed it,
 * why its gate changed by itself, which I/O failed.  Found by comparing one
 * look at the device with the one before.  It reads no clock and does not log;
 * one thread, which is not the loop: holder() reads /proc and /sys.
 *
 *	device-opened	for=writing|reading by="mounted on /srv"
 *	device-holder	a mount shows itself late; or it was open when we came
 *	device-closed	with the same and how long it was open
 *	gate		changed by the module: fenced, or no more
 *	io-failed	how many requests, and why
 *
 * Readers are logged only if they are still there at a second look: udev reads
 * all the time.
 */
#ifndef QBDD_OPENINGS_H
#define QBDD_OPENINGS_H

#include "base/holder.h"
#include "nl/nl.h"

#define OPENINGS_HOLDER_US 500000 /* before the first look for the holder */
#define OPENINGS_LOOKS 4 /* how often, later and later: see openings.c */
#define OPENINGS_MINUTE_US 60000000 /* failed I/O is told once in it */

enum opening_kind { OPENING_NONE, OPENING_READ, OPENING_WRITE };

struct openings {
	void (*say)(void *context, int level, const char *text);
	/* What has /dev/qbd@minor open?  May take long. */
	void (*holder)(void *context, uint32_t minor, char *text, size_t size);
	void *context;

	enum opening_kind kind;
	uint64_t epoch;
	uint64_t since_us;
	unsigned int looks;
	bool told;
	bool found; /* it was open before we ever looked */
	bool looked;
	char opener[64]; /* as the module noted: "mkfs.ext4 (pid 17)" */
	char by[HOLDER_TEXT_MAX];

	bool counted; /* the counters below are of this device */
	uint64_t failed; /* as seen last */
	uint64_t timeouts;
	uint64_t failed_more; /* and not told yet */
	uint64_t timeouts_more;
	uint64_t failed_us; /* told last; 0: never */
	char failed_why[QBD_REASON_MAX + 1];
};

/**
 * openings_look() - what has changed since the last look?
 * @device: NULL: there is none
 */
void openings_look(struct openings *openings, const struct nl_device *device,
		   uint64_t now_us);
/** openings_next_us() - when the next look is due for its own sake; 0: never */
uint64_t openings_next_us(const struct openings *openings);

/*
 * The gate, as it was told last.  The loop tells what it does itself, the
 * moment it does; the observer what the module has done without it: fence the
 * opening after io-timeout, say, and forget that at the last close.
 */
struct gate_told {
	uint64_t word; /* atomic: a count of changes, and enum qbd_gate */
};

/** gate_told_set() - the loop: it is so now; the gate before, for the log */
enum qbd_gate gate_told_set(struct gate_told *told, enum qbd_gate gate);
/** gate_told_look() - the observer, before it asks the module */
uint64_t gate_told_look(const struct gate_told *told);
/**
 * gate_told_differs() - the module says @gate: is that news?
 * @seen: of gate_told_look().  If the loop has told something meanwhile it is none.
 * @old: the gate before
 */
bool gate_told_differs(struct gate_told *told, uint64_t seen,
		       enum qbd_gate gate, enum qbd_gate *old);

#endif
