/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How often the term rises.  A volume that is well keeps its term, except for
 * opens on other nodes, each of which may move leadership once.  One whose
 * leaders are lost again and again looks well whenever it is asked.
 */
#ifndef QBDD_TERMS_H
#define QBDD_TERMS_H

#include <stdint.h>

#define TERMS_SLOTS 6 /* the last minute */
#define TERMS_SLOT_US 10000000

struct terms {
	uint64_t term; /* 0: none seen yet */
	uint64_t epoch;
	uint64_t changed_us; /* 0: not since the start */
	uint64_t slot; /* the newest */
	uint32_t rises[TERMS_SLOTS];
	uint32_t opens[TERMS_SLOTS];
};

/** terms_note() - what they are now; @epoch: of the newest committed opening */
void terms_note(struct terms *terms, uint64_t now_us, uint64_t term,
		uint64_t epoch);
/** terms_rises() - of the last minute (50 to 60 s) */
uint32_t terms_rises(const struct terms *terms);
/** terms_lost() - of these, those that no opening explains */
uint32_t terms_lost(const struct terms *terms);

#endif
