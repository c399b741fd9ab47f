// SPDX-License-Identifier: GPL-2.0
/* See terms.h. */
#include "qbdd/terms.h"

static void terms_advance(struct terms *terms, uint64_t slot)
{
	if (slot - terms->slot > TERMS_SLOTS)
		terms->slot = slot - TERMS_SLOTS;
	while (terms->slot < slot) {
		terms->slot++;
		terms->rises[terms->slot % TERMS_SLOTS] = 0;
		terms->opens[terms->slot % TERMS_SLOTS] = 0;
	}
}

void terms_note(struct terms *terms, uint64_t now_us, uint64_t term,
		uint64_t epoch)
{
	terms_advance(terms, now_us / TERMS_SLOT_US);
	if (terms->term && term > terms->term) {
		terms->changed_us = now_us;
		terms->rises[terms->slot % TERMS_SLOTS] +=
			(uint32_t)(term - terms->term);
	}
	if (terms->term && epoch > terms->epoch)
		terms->opens[terms->slot % TERMS_SLOTS]++;
	terms->term = term;
	terms->epoch = epoch;
}

static uint32_t sum(const uint32_t *slots)
{
	uint32_t all = 0;
	unsigned int i;

	for (i = 0; i < TERMS_SLOTS; i++)
		all += slots[i];
	return all;
}

uint32_t terms_rises(const struct terms *terms)
{
	return sum(terms->rises);
}

uint32_t terms_lost(const struct terms *terms)
{
	uint32_t rises = sum(terms->rises), opens = sum(terms->opens);

	return rises > opens ? rises - opens : 0;
}
