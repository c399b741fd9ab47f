// SPDX-License-Identifier: GPL-2.0
/*
 * What must be true of all hosts together; see world.h.
 *
 * Every entry that any host's log was ever given is a record, found by its index
 * and term (of one index and term there is one entry: log matching).  The first
 * host that calls an index committed puts its record into the ledger; from then
 * on everybody's must be the same.  The ledger carried out in order says what
 * an image must be at each index.
 */
#include "tests/sim/model/world.h"

#include <stdlib.h>
#include <string.h>

struct record {
	struct record *next; /* another term's, at this index */
	struct record *older; /* the one made before: to free them */
	struct raft_entry head; /* data: not used */
	uint64_t prev_term;
	uint64_t ids[]; /* of a WRITE, per sector */
};

/* An index that is committed. */
struct line {
	struct record *record;
	uint64_t term; /* of whom was first to say so */
	uint64_t digest; /* of the image once it is applied */
};

struct oracle {
	struct world *world;
	struct record *newest;
	struct record **records; /* by index, lists */
	uint64_t record_room;
	struct line *ledger; /* by index */
	uint64_t ledger_room;
	uint64_t last; /* committed */
	uint32_t *leaders; /* by term */
	uint64_t leader_room;
	uint64_t *image; /* ids per sector, at `last` */
};

/* Room for @index in a zeroed array. */
static void *grown(void *array, uint64_t *room, uint64_t index, size_t size)
{
	uint64_t old = *room;
	char *bytes = array;

	if (index < old)
		return array;
	while (*room <= index)
		*room = *room ? 2 * *room : 1024;
	bytes = realloc(bytes, *room * size);
	if (!bytes)
		abort();
	memset(bytes + old * size, 0, (*room - old) * size);
	return bytes;
}

struct oracle *oracle_new(struct world *world)
{
	struct oracle *oracle = calloc(1, sizeof(*oracle));

	if (!oracle)
		abort();
	oracle->world = world;
	oracle->image = calloc(world->volume_bytes / DISK_SECTOR,
			       sizeof(*oracle->image));
	oracle->ledger =
		grown(NULL, &oracle->ledger_room, 0, sizeof(*oracle->ledger));
	if (!oracle->image)
		abort();
	return oracle;
}

void oracle_free(struct oracle *oracle)
{
	struct record *record, *older;

	for (record = oracle->newest; record; record = older) {
		older = record->older;
		free(record);
	}
	free(oracle->records);
	free(oracle->ledger);
	free(oracle->leaders);
	free(oracle->image);
	free(oracle);
}

static struct record *record_find(struct oracle *oracle, uint64_t index,
				  uint64_t term)
{
	struct record *record = NULL;

	if (index < oracle->record_room)
		record = oracle->records[index];
	while (record && record->head.term != term)
		record = record->next;
	return record;
}

static void record_make(struct oracle *oracle, const struct raft_entry *entry,
			uint64_t prev_term)
{
	uint32_t sectors = raft_entry_data_bytes(entry) / DISK_SECTOR;
	struct record *record =
		calloc(1, sizeof(*record) + sectors * sizeof(record->ids[0]));
	uint32_t i;

	if (!record)
		abort();
	record->head = *entry;
	record->prev_term = prev_term;
	for (i = 0; i < sectors; i++)
		memcpy(&record->ids[i], entry->data + i * DISK_SECTOR,
		       sizeof(record->ids[i]));
	oracle->records = grown(oracle->records, &oracle->record_room,
				entry->index, sizeof(*oracle->records));
	record->next = oracle->records[entry->index];
	oracle->records[entry->index] = record;
	record->older = oracle->newest;
	oracle->newest = record;
}

static bool same_entry(const struct raft_entry *a, const struct raft_entry *b)
{
	return a->index == b->index && a->term == b->term && a->op == b->op &&
	       a->writer == b->writer && a->epoch == b->epoch &&
	       a->tag == b->tag && a->offset == b->offset &&
	       a->length == b->length && a->data_crc == b->data_crc;
}

/* The host's log goes on with @entry. */
static void log_push(struct host *host, const struct raft_entry *entry,
		     bool fresh)
{
	struct world *world = host->world;
	struct witness *witness = &host->witness;
	struct record *record =
		record_find(world->oracle, entry->index, entry->term);

	witness->terms = grown(witness->terms, &witness->room, entry->index,
			       sizeof(*witness->terms));
	if (entry->index != witness->last + 1)
		world_fail(world, "n%u: entry %lu comes after %lu", host->id,
			   (unsigned long)entry->index,
			   (unsigned long)witness->last);
	else if (!record && !fresh)
		world_fail(world, "n%u: recovered entry %lu was never written",
			   host->id, (unsigned long)entry->index);
	else if (!record)
		record_make(world->oracle, entry,
			    witness->terms[witness->last]);
	else if (!same_entry(&record->head, entry))
		world_fail(world, "n%u: two entries %lu of term %lu", host->id,
			   (unsigned long)entry->index,
			   (unsigned long)entry->term);
	else if (record->prev_term != witness->terms[witness->last])
		world_fail(world, "n%u: logs don't match before entry %lu",
			   host->id, (unsigned long)entry->index);
	if (world->problem[0])
		return;
	witness->last = entry->index;
	witness->terms[entry->index] = entry->term;
}

static void log_base(struct host *host, uint64_t index, uint64_t term)
{
	struct witness *witness = &host->witness;

	witness->terms = grown(witness->terms, &witness->room, index,
			       sizeof(*witness->terms));
	witness->base = index;
	witness->last = index;
	witness->terms[index] = term;
}

void oracle_started(struct host *host, const struct store_boot *boot)
{
	uint64_t i;

	log_base(host, boot->base_index, boot->base_term);
	for (i = boot->base_index; i < boot->last_index; i++)
		log_push(host, boot->entries[i - boot->base_index], false);
	host->witness.durable = host->witness.last;
	host->witness.committed = 0;
	host->witness.applying = false;
	host->witness.ahead = host->witness.reached;
}

void oracle_forget(struct host *host)
{
	log_base(host, 0, 0);
	host->witness.durable = 0;
	host->witness.reached = 0;
	host->witness.ahead = 0;
	host->witness.applying = false;
}

void oracle_append(struct host *host, struct raft_entry *const *entries,
		   unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count && !host->world->problem[0]; i++)
		log_push(host, entries[i], true);
}

void oracle_truncate(struct host *host, uint64_t index)
{
	struct witness *witness = &host->witness;

	if (index <= witness->committed)
		world_fail(host->world, "n%u: cuts entry %lu, committed is %lu",
			   host->id, (unsigned long)index,
			   (unsigned long)witness->committed);
	witness->last = index - 1;
	if (witness->durable > witness->last)
		witness->durable = witness->last;
}

void oracle_reset(struct host *host, const struct store_checkpoint *base)
{
	struct oracle *oracle = host->world->oracle;

	if (base->applied > oracle->last ||
	    (base->applied && oracle->ledger[base->applied].record->head.term !=
				      base->applied_term))
		world_fail(host->world,
			   "n%u: filled from entry %lu, not committed",
			   host->id, (unsigned long)base->applied);
	log_base(host, base->applied, base->applied_term);
	host->witness.durable = base->applied;
}

void oracle_durable(struct host *host, uint64_t index, uint64_t term)
{
	struct witness *witness = &host->witness;

	if (index <= witness->last && index > witness->durable &&
	    index > witness->base && witness->terms[index] == term)
		witness->durable = index;
}

/*
 * How many certainly hold it, or did before a fault that the promises allow took
 * it from them.
 */
static unsigned int holders(struct oracle *oracle, uint64_t index,
			    uint64_t term)
{
	struct world *world = oracle->world;
	unsigned int count = 0;
	unsigned int i;

	for (i = 0; i < world->count; i++) {
		const struct host *host = &world->hosts[i];
		const struct witness *witness = &host->witness;

		if (host->wounded || index < witness->base ||
		    (index <= witness->durable &&
		     witness->terms[index] == term))
			count++;
	}
	return count;
}

/* Within an epoch the tags rise and leave none out. */
static bool tags_follow(struct world *world, const struct raft_entry *head,
			const struct raft_entry *before)
{
	struct host *writer = &world->hosts[head->writer - 1];
	struct slot *slot;

	if (head->tag <= before->tag)
		return false;
	slot = device_oldest(&writer->device, before->tag);
	while (slot && slot->body.tag < head->tag) {
		if (slot->body.epoch == head->epoch &&
		    slot->body.op != NODE_REQ_FLUSH)
			return false;
		slot = device_oldest(&writer->device, slot->body.tag);
	}
	return true;
}

/* See raft/entry.h: writer, epoch and tag are cumulative. */
static const char *entry_follows(struct world *world,
				 const struct raft_entry *head,
				 const struct raft_entry *before)
{
	if (head->op == RAFT_OP_OPEN)
		return head->epoch == head->index && head->writer ?
			       NULL :
			       "an OPEN without its epoch";
	if (head->writer != before->writer || head->epoch != before->epoch)
		return "of another writer than has the device";
	if (head->op == RAFT_OP_NOOP)
		return head->tag == before->tag ? NULL : "a NOOP with a tag";
	return tags_follow(world, head, before) ?
		       NULL :
		       "a request twice, or one left out";
}

/* Carry it out on our image. */
static uint64_t ledger_apply(struct oracle *oracle, const struct record *record,
			     uint64_t digest)
{
	uint64_t first = record->head.offset / DISK_SECTOR;
	uint32_t count = record->head.length / DISK_SECTOR;
	uint32_t i;

	if (record->head.op != RAFT_OP_WRITE && record->head.op != RAFT_OP_ZERO)
		return digest;
	for (i = 0; i < count; i++) {
		uint64_t *id = &oracle->image[first + i];

		digest ^= disk_digest_of(first + i, *id);
		*id = record->head.op == RAFT_OP_WRITE ? record->ids[i] : 0;
		digest ^= disk_digest_of(first + i, *id);
	}
	return digest;
}

static void ledger_push(struct host *host, struct record *record, uint64_t term)
{
	static const struct raft_entry nothing;
	struct world *world = host->world;
	struct oracle *oracle = world->oracle;
	uint64_t index = oracle->last + 1;
	struct line *line;
	const char *wrong;

	oracle->ledger = grown(oracle->ledger, &oracle->ledger_room, index,
			       sizeof(*oracle->ledger));
	line = &oracle->ledger[index];
	wrong = entry_follows(world, &record->head,
			      index > 1 ? &line[-1].record->head : &nothing);
	if (wrong)
		world_fail(world, "n%u: entry %lu is %s", host->id,
			   (unsigned long)index, wrong);
	if (holders(oracle, index, record->head.term) <= world->count / 2)
		world_fail(world, "n%u: entry %lu is committed by a minority",
			   host->id, (unsigned long)index);
	line->record = record;
	line->term = term;
	line->digest = ledger_apply(oracle, record, line[-1].digest);
	oracle->last = index;
}

/* The host calls this index committed. */
static void commit_check(struct host *host, uint64_t index, uint64_t term)
{
	struct world *world = host->world;
	struct oracle *oracle = world->oracle;
	const struct witness *witness = &host->witness;
	struct record *record = NULL;

	if (index < witness->base && index <= oracle->last)
		return; /* before its log begins */
	if (index >= witness->base && index <= witness->last)
		record = record_find(oracle, index, witness->terms[index]);
	if (!record || index > oracle->last + 1)
		world_fail(world, "n%u: commits %lu, which nobody has",
			   host->id, (unsigned long)index);
	else if (index == oracle->last + 1)
		ledger_push(host, record, term);
	else if (oracle->ledger[index].record != record)
		world_fail(world, "n%u: commits another entry %lu", host->id,
			   (unsigned long)index);
}

/* It leads: nobody else does in this term, and it has all that is committed. */
static void leader_check(struct host *host, uint64_t term)
{
	struct world *world = host->world;
	struct oracle *oracle = world->oracle;
	const struct witness *witness = &host->witness;
	uint64_t i;

	oracle->leaders = grown(oracle->leaders, &oracle->leader_room, term,
				sizeof(*oracle->leaders));
	if (oracle->leaders[term] && oracle->leaders[term] != host->id)
		world_fail(world, "n%u and n%u lead in term %lu", host->id,
			   oracle->leaders[term], (unsigned long)term);
	oracle->leaders[term] = host->id;
	for (i = witness->base + 1; i <= oracle->last; i++)
		if (oracle->ledger[i].term < term &&
		    (i > witness->last ||
		     witness->terms[i] != oracle->ledger[i].record->head.term))
			world_fail(world,
				   "n%u: leads term %lu without entry %lu",
				   host->id, (unsigned long)term,
				   (unsigned long)i);
}

/* The image is just what the log up to its applied index makes of it. */
static void image_check(struct host *host, const struct node_view *view)
{
	struct world *world = host->world;
	const struct witness *witness = &host->witness;

	if (view->incomplete || view->disk_failed || witness->applying ||
	    view->applied < witness->reached)
		return;
	if (view->applied > world->oracle->last ||
	    disk_digest(host->disk) !=
		    world->oracle->ledger[view->applied].digest)
		world_fail(world, "n%u: image is not that of entry %lu",
			   host->id, (unsigned long)view->applied);
}

void oracle_step(struct host *host)
{
	struct witness *witness = &host->witness;
	struct node_view view;

	if (!host->node || host->world->problem[0])
		return;
	node_view(host->node, host_now(host), &view);
	while (witness->committed < view.commit && !host->world->problem[0])
		commit_check(host, ++witness->committed, view.term);
	if (view.role == RAFT_LEADER && witness->led != view.term) {
		witness->led = view.term;
		leader_check(host, view.term);
	}
	image_check(host, &view);
}

/* Whoever knows of a later opening has fenced its own. */
void oracle_pumped(struct host *host)
{
	const struct oracle *oracle = host->world->oracle;
	const struct device *device = &host->device;
	uint64_t commit = host->witness.committed;

	if (device->open && !device->fenced && commit &&
	    commit <= oracle->last &&
	    oracle->ledger[commit].record->head.epoch > device->epoch)
		world_fail(host->world, "n%u: epoch %lu is not fenced by %lu",
			   host->id, (unsigned long)device->epoch,
			   (unsigned long)oracle->ledger[commit]
				   .record->head.epoch);
}

void oracle_apply(struct host *host, struct raft_entry *const *entries,
		  unsigned int count)
{
	struct oracle *oracle = host->world->oracle;
	uint64_t last = entries[count - 1]->index;
	unsigned int i;

	oracle_step(host);
	for (i = 0; i < count; i++)
		if (entries[i]->index > oracle->last ||
		    !same_entry(&oracle->ledger[entries[i]->index].record->head,
				entries[i]))
			world_fail(host->world,
				   "n%u: applies entry %lu, not committed",
				   host->id, (unsigned long)last);
}

void oracle_image_begins(struct host *host, uint64_t index)
{
	host->witness.applying = true;
	if (index > host->witness.reached)
		host->witness.reached = index;
}

void oracle_image_ends(struct host *host)
{
	host->witness.applying = false;
}

void oracle_copied(struct host *host, const struct host *from)
{
	if (host->witness.reached < from->witness.ahead)
		host->witness.reached = from->witness.ahead;
	if (host->witness.ahead < from->witness.ahead)
		host->witness.ahead = from->witness.ahead;
}

/* No two hosts may have a lease at once, whatever their clocks say. */
void oracle_lease(struct host *host)
{
	struct world *world = host->world;
	unsigned int i;

	if (!device_active(&host->device))
		return;
	for (i = 0; i < world->count; i++) {
		const struct host *other = &world->hosts[i];

		if (other != host && device_active(&other->device))
			world_fail(world, "n%u and n%u have a lease at once",
				   host->id, other->id);
	}
}

void oracle_opened(struct host *host, uint64_t epoch)
{
	struct world *world = host->world;
	const struct oracle *oracle = world->oracle;
	const struct raft_entry *head = NULL;
	unsigned int i;

	oracle_step(host);
	if (epoch && epoch <= oracle->last)
		head = &oracle->ledger[epoch].record->head;
	if (!head || head->op != RAFT_OP_OPEN || head->writer != host->id)
		world_fail(world, "n%u: opened as epoch %lu, which is none",
			   host->id, (unsigned long)epoch);
	for (i = 0; i < world->count; i++)
		if (&world->hosts[i] != host && world->hosts[i].device.open &&
		    world->hosts[i].device.epoch >= epoch)
			world_fail(world, "epoch %lu given twice",
				   (unsigned long)epoch);
}

/* A write is answered: it is in the ledger, under this very tag. */
void oracle_acknowledged(struct host *host, uint64_t epoch, uint64_t tag)
{
	const struct oracle *oracle = host->world->oracle;
	uint64_t i;

	oracle_step(host);
	for (i = oracle->last; i > epoch; i--) {
		const struct raft_entry *head = &oracle->ledger[i].record->head;

		if (head->epoch == epoch && head->tag == tag &&
		    head->op != RAFT_OP_NOOP)
			return;
		if (head->epoch == epoch && head->tag < tag)
			break;
	}
	world_fail(host->world,
		   "n%u: tag %lu of epoch %lu answered, not committed",
		   host->id, (unsigned long)tag, (unsigned long)epoch);
}
