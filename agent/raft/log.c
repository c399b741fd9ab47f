// SPDX-License-Identifier: GPL-2.0
/*
 * The term of each index of the log, as runs of equal term.
 *
 * Bounded: if there are more runs than fit, the oldest is dropped and the base
 * moves behind it, as after a compaction.  Only committed entries are dropped:
 * what may still be truncated must stay comparable.
 */
#include "raft/state.h"

#include <assert.h>
#include <string.h>

/* Position of the run that holds @index; it must be in the log. */
static unsigned int run_of(const struct raft_log *log, uint64_t index)
{
	unsigned int low = 0, high = log->run_count;

	assert(index > log->base_index && index <= log->last_index);
	while (high - low > 1) {
		unsigned int middle = low + (high - low) / 2;

		if (log->runs[middle].first_index <= index)
			low = middle;
		else
			high = middle;
	}
	assert(log->runs[low].first_index <= index);
	return low;
}

void raft_log_init(struct raft_log *log, const struct raft_boot *boot)
{
	unsigned int skip = 0, i;

	assert(boot->base_index <= boot->last_index);
	assert((boot->base_index == 0) == (boot->base_term == 0));
	memset(log, 0, sizeof(*log));
	log->base_index = boot->base_index;
	log->base_term = boot->base_term;
	log->last_index = boot->last_index;
	log->durable = boot->last_index;
	if (log->last_index == log->base_index)
		return;

	assert(boot->run_count > 0 && boot->runs);
	assert(boot->runs[0].first_index <= log->base_index + 1);
	if (boot->run_count > RAFT_RUNS_MAX)
		skip = boot->run_count - RAFT_RUNS_MAX;
	/* The store's first runs may lie before the base. */
	while (skip + 1 < boot->run_count &&
	       boot->runs[skip + 1].first_index <= log->base_index + 1)
		skip++;
	for (i = skip; i < boot->run_count; i++) {
		const struct raft_run *run = &boot->runs[i];

		assert(run->first_index <= log->last_index);
		assert(run->term >= log->base_term);
		assert(i == skip || (run->first_index > run[-1].first_index &&
				     run->term > run[-1].term));
		log->runs[log->run_count++] = *run;
	}
	if (log->runs[0].first_index > log->base_index + 1) {
		log->base_index = log->runs[0].first_index - 1;
		log->base_term = boot->runs[skip - 1].term;
	}
	log->runs[0].first_index = log->base_index + 1;
}

uint64_t raft_log_term(const struct raft_log *log, uint64_t index)
{
	if (index == log->base_index)
		return log->base_term;
	if (index < log->base_index || index > log->last_index)
		return 0;
	return log->runs[run_of(log, index)].term;
}

uint64_t raft_log_last_term(const struct raft_log *log)
{
	return log->run_count ? log->runs[log->run_count - 1].term :
				log->base_term;
}

uint64_t raft_log_run_first(const struct raft_log *log, uint64_t index)
{
	return log->runs[run_of(log, index)].first_index;
}

/* May the oldest run be forgotten? */
static bool oldest_is_committed(const struct raft_log *log, uint64_t commit)
{
	return log->run_count > 1 && log->runs[1].first_index - 1 <= commit;
}

bool raft_log_room(const struct raft_log *log, uint64_t term, uint64_t commit)
{
	return log->run_count < RAFT_RUNS_MAX ||
	       raft_log_last_term(log) == term ||
	       oldest_is_committed(log, commit);
}

void raft_log_append(struct raft_log *log, uint64_t term, uint64_t count,
		     uint64_t commit)
{
	assert(count > 0);
	assert(term > 0 && term >= raft_log_last_term(log));
	assert(raft_log_room(log, term, commit));
	if (!log->run_count || log->runs[log->run_count - 1].term != term) {
		if (log->run_count == RAFT_RUNS_MAX)
			raft_log_compact(log, log->runs[1].first_index - 1);
		log->runs[log->run_count].first_index = log->last_index + 1;
		log->runs[log->run_count].term = term;
		log->run_count++;
	}
	log->last_index += count;
}

void raft_log_truncate(struct raft_log *log, uint64_t from)
{
	assert(from > log->base_index && from <= log->last_index);
	log->last_index = from - 1;
	if (log->durable >= from)
		log->durable = from - 1;
	while (log->run_count &&
	       log->runs[log->run_count - 1].first_index >= from)
		log->run_count--;
}

void raft_log_compact(struct raft_log *log, uint64_t index)
{
	unsigned int gone;

	if (index <= log->base_index)
		return;
	gone = run_of(log, index);
	log->base_term = log->runs[gone].term;
	log->base_index = index;
	if (gone + 1 < log->run_count ?
		    log->runs[gone + 1].first_index == index + 1 :
		    log->last_index == index)
		gone++;
	log->run_count -= gone;
	memmove(log->runs, log->runs + gone,
		log->run_count * sizeof(log->runs[0]));
	if (log->run_count)
		log->runs[0].first_index = index + 1;
}

void raft_log_reset(struct raft_log *log, uint64_t index, uint64_t term)
{
	log->base_index = index;
	log->base_term = term;
	log->last_index = index;
	log->durable = 0;
	log->run_count = 0;
}
