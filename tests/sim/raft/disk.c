// SPDX-License-Identifier: GPL-2.0
/*
 * A node's disk: the log's jobs are done in their order, in groups; the state
 * is saved beside them.  A crash leaves any prefix of each behind, whether it
 * was told of or not.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

static uint64_t delay(void)
{
	if (sim_chance(sim.weather.slow_disk))
		return sim_below(4 * sim.timeout_us);
	return sim.weather.disk_us / 4 + sim_below(sim.weather.disk_us);
}

static void log_start(struct sim_node *node)
{
	if (node->log_busy || !node->jobs)
		return;
	node->log_busy = true;
	sim_schedule(delay(), SIM_LOG_DONE, node->id);
}

static struct sim_job *job_add(struct sim_node *node, enum sim_job_kind kind,
			       uint64_t first, uint32_t count)
{
	struct sim_job *job =
		calloc(1, sizeof(*job) + count * sizeof(job->entries[0]));

	if (!job)
		abort();
	job->kind = kind;
	job->first = first;
	job->count = count;
	job->log_seq = node->update.log_seq;
	*node->jobs_tail = job;
	node->jobs_tail = &job->next;
	log_start(node);
	return job;
}

void disk_queue_truncate(struct sim_node *node, uint64_t from)
{
	job_add(node, SIM_JOB_TRUNCATE, from, 0);
}

void disk_queue_append(struct sim_node *node, uint64_t first, uint32_t count)
{
	struct sim_job *job = job_add(node, SIM_JOB_APPEND, first, count);

	memcpy(job->entries, &node->entries[first],
	       count * sizeof(job->entries[0]));
}

void disk_queue_reset(struct sim_node *node, uint64_t index)
{
	struct sim_job *job = job_add(node, SIM_JOB_RESET, index, 1);

	job->entries[0] = node->entries[index];
}

void disk_queue_state(struct sim_node *node)
{
	struct sim_save *save = calloc(1, sizeof(*save));

	if (!save)
		abort();
	save->state = node->update.state;
	save->seq = node->update.state_seq;
	*node->saves_tail = save;
	node->saves_tail = &save->next;
	if (node->state_busy)
		return;
	node->state_busy = true;
	sim_schedule(delay(), SIM_STATE_DONE, node->id);
}

/* @count: how many of an append's entries get there. */
static void job_do(struct sim_disk *disk, const struct sim_job *job,
		   uint32_t count)
{
	switch (job->kind) {
	case SIM_JOB_TRUNCATE:
		if (disk->last >= job->first)
			disk->last = job->first - 1;
		break;
	case SIM_JOB_APPEND:
		if (disk->last + 1 != job->first)
			sim_fail("append at %llu behind a log's end at %llu",
				 (unsigned long long)job->first,
				 (unsigned long long)disk->last);
		memcpy(&disk->entries[job->first], job->entries,
		       count * sizeof(job->entries[0]));
		disk->last += count;
		break;
	case SIM_JOB_RESET:
		disk->base = job->first;
		disk->last = job->first;
		disk->checkpoint = job->first;
		disk->entries[job->first] = job->entries[0];
		break;
	}
}

static void job_pop(struct sim_node *node)
{
	struct sim_job *job = node->jobs;

	node->jobs = job->next;
	if (!node->jobs)
		node->jobs_tail = &node->jobs;
	free(job);
}

void disk_log_done(struct sim_node *node)
{
	uint64_t group = 1 + sim_below(8), seq = 0;
	struct sim_event *told;

	while (node->jobs && group--) {
		seq = node->jobs->log_seq;
		job_do(&node->disk, node->jobs, node->jobs->count);
		job_pop(node);
	}
	/* The loop may hear of it much later, but in order. */
	told = sim_schedule(sim_chance(sim.weather.slow_disk) ?
				    sim_below(sim.timeout_us) :
				    sim_below(200),
			    SIM_LOG_TOLD, node->id);
	told->a = node->disk.last;
	told->b = node->disk.entries[node->disk.last].term;
	told->c = seq;
}

static void save_pop(struct sim_node *node)
{
	struct sim_save *save = node->saves;

	node->saves = save->next;
	if (!node->saves)
		node->saves_tail = &node->saves;
	free(save);
}

static void state_do(struct sim_node *node, const struct raft_hard_state *state)
{
	node->disk.state = *state;
	if (state->joined && !state->damaged)
		node->lost = false;
}

void disk_state_done(struct sim_node *node)
{
	struct sim_event *told;

	state_do(node, &node->saves->state);
	told = sim_schedule(sim_below(200), SIM_STATE_TOLD, node->id);
	told->a = node->saves->seq;
	save_pop(node);
	if (node->saves)
		sim_schedule(delay(), SIM_STATE_DONE, node->id);
	else
		node->state_busy = false;
}

/* Only after the report: so reports stay in order, too. */
void disk_log_next(struct sim_node *node)
{
	node->log_busy = false;
	log_start(node);
}

void disk_crash(struct sim_node *node)
{
	bool more = sim_chance(700000);

	while (node->jobs) {
		if (more) {
			uint32_t count = node->jobs->count;

			more = sim_chance(700000);
			if (!more && node->jobs->kind == SIM_JOB_APPEND)
				count = (uint32_t)sim_below(count + 1);
			job_do(&node->disk, node->jobs, count);
		}
		job_pop(node);
	}
	more = sim_chance(500000);
	while (node->saves) {
		if (more)
			state_do(node, &node->saves->state);
		more = more && sim_chance(500000);
		save_pop(node);
	}
	node->log_busy = false;
	node->state_busy = false;
}

/*
 * Replaced by a blank one, or found damaged at the next start.  Before anything
 * is committed the damage would stop the bootstrap, until people replace it.
 */
void disk_lose(struct sim_node *node)
{
	struct sim_disk *disk = &node->disk;

	node->lost = true;
	if (sim_chance(500000) || !oracle_committed()) {
		memset(&disk->state, 0, sizeof(disk->state));
		disk->base = disk->last = disk->checkpoint = 0;
		disk->entries[0] = (struct sim_entry){ 0 };
		sim_note("n%u gets a blank disk", node->id);
		return;
	}
	disk->state.damaged = true;
	if (sim_chance(500000))
		disk->state = (struct raft_hard_state){ .damaged = true };
	disk->last = disk->base + sim_below(disk->last - disk->base + 1);
	if (disk->checkpoint > disk->last)
		disk->checkpoint = disk->last;
	sim_note("n%u's disk is damaged", node->id);
}

static void boot_members(const struct sim_disk *disk, struct raft_boot *boot,
			 struct raft_member_run *runs)
{
	uint64_t index;

	boot->member_runs = runs;
	for (index = disk->base; index <= disk->last; index++) {
		const struct raft_members *members =
			&disk->entries[index].members;
		unsigned int count = boot->member_run_count;

		if (!index ||
		    (count &&
		     raft_members_equal(&runs[count - 1].members, members)))
			continue;
		runs[count].first_index = index;
		runs[count].members = *members;
		boot->member_run_count++;
	}
}

void disk_boot(const struct sim_node *node, struct raft_boot *boot,
	       struct raft_run *runs, struct raft_member_run *members)
{
	const struct sim_disk *disk = &node->disk;
	uint64_t index;

	memset(boot, 0, sizeof(*boot));
	boot->state = disk->state;
	boot->base_index = disk->base;
	boot->base_term = disk->base ? disk->entries[disk->base].term : 0;
	boot->last_index = disk->last;
	boot->commit = disk->checkpoint;
	boot->runs = runs;
	boot_members(disk, boot, members);
	for (index = disk->base + 1; index <= disk->last; index++) {
		uint64_t term = disk->entries[index].term;

		if (boot->run_count && runs[boot->run_count - 1].term == term)
			continue;
		runs[boot->run_count].first_index = index;
		runs[boot->run_count++].term = term;
	}
}
