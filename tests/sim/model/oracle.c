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
	return raft_standing_equal(&a->standing, &b->standing) &&
	       a->index == b->index && a->term == b->term && a->op == b->op &&
	       a->offset == b->offset && a->length == b->length &&
	       a->data_crc == b->data_crc;
}

/* The host's log goes on with @entry. */
static void log_push(struct host *host, const struct raft_entry *entry,
		     bool fresh)
{
	struct world *world = host->world;
	struct sight *sight = &host->sight;
	struct record *record =
		record_find(world->oracle, entry->index, entry->term);

	sight->terms = grown(sight->terms, &sight->room, entry->index,
			     sizeof(*sight->terms));
	if (entry->index != sight->last + 1)
		world_fail(world, "n%u: entry %lu comes after %lu", host->id,
			   (unsigned long)entry->index,
			   (unsigned long)sight->last);
	else if (!record && !fresh)
		world_fail(world, "n%u: recovered entry %lu was never written",
			   host->id, (unsigned long)entry->index);
	else if (!record)
		record_make(world->oracle, entry, sight->terms[sight->last]);
	else if (!same_entry(&record->head, entry))
		world_fail(world, "n%u: two entries %lu of term %lu", host->id,
			   (unsigned long)entry->index,
			   (unsigned long)entry->term);
	else if (record->prev_term != sight->terms[sight->last])
		world_fail(world, "n%u: logs don't match before entry %lu",
			   host->id, (unsigned long)entry->index);
	if (world->problem[0])
		return;
	sight->last = entry->index;
	sight->terms[entry->index] = entry->term;
}

static void log_base(struct host *host, uint64_t index, uint64_t term)
{
	struct sight *sight = &host->sight;

	sight->terms =
		grown(sight->terms, &sight->room, index, sizeof(*sight->terms));
	sight->base = index;
	sight->last = index;
	sight->terms[index] = term;
}

/* Damage is said; short of that nothing that was saved is ever forgotten. */
static void state_check(struct host *host, const struct store_boot *boot)
{
	struct raft_hard_state *saved = &host->sight.saved;
	const struct raft_hard_state *found = &boot->state;

	if (!found->damaged && (found->term < saved->term ||
				(found->term == saved->term && saved->vote &&
				 found->vote != saved->vote)))
		world_fail(host->world,
			   "n%u: term %lu vote %u is forgotten at a restart",
			   host->id, (unsigned long)saved->term, saved->vote);
	*saved = *found;
}

void oracle_started(struct host *host, const struct store_boot *boot)
{
	uint64_t i;

	state_check(host, boot);
	log_base(host, boot->base_index, boot->base_term);
	for (i = boot->base_index; i < boot->last_index; i++)
		log_push(host, boot->entries[i - boot->base_index], false);
	host->sight.durable = host->sight.last;
	host->sight.committed = 0;
	host->device.overtaken = false;
	host->sight.applying = 0;
	host->sight.ahead = host->sight.reached;
}

void oracle_forget(struct host *host)
{
	log_base(host, 0, 0);
	host->sight.durable = 0;
	memset(&host->sight.saved, 0, sizeof(host->sight.saved));
	host->sight.reached = 0;
	host->sight.bare = false;
	host->sight.was_bare = false;
	host->sight.ahead = 0;
	host->sight.applying = 0;
}

void oracle_sight_copy(struct sight *to, const struct sight *from)
{
	uint64_t *terms = realloc(to->terms, from->room * sizeof(*terms));

	if (!terms)
		abort();
	memcpy(terms, from->terms, from->room * sizeof(*terms));
	*to = *from;
	to->terms = terms;
}

/*
 * A leader changes members only once the change before is committed, and an
 * entry of its own term.
 */
static void change_check(struct host *host, const struct raft_entry *entry)
{
	const struct sight *sight = &host->sight;
	const struct record *record, *before;
	uint64_t i;

	oracle_step(host);
	for (i = sight->last; i > sight->committed && i > sight->base; i--) {
		record = record_find(host->world->oracle, i, sight->terms[i]);
		before = record_find(host->world->oracle, i - 1,
				     sight->terms[i - 1]);
		if (before && record &&
		    !raft_members_equal(&record->head.standing.members,
					&before->head.standing.members))
			world_fail(host->world,
				   "n%u: two changes of members at once",
				   host->id);
	}
	if (sight->committed < sight->base ||
	    sight->terms[sight->committed] != entry->term)
		world_fail(host->world,
			   "n%u: changes members before it commits anything",
			   host->id);
}

void oracle_append(struct host *host, struct raft_entry *const *entries,
		   unsigned int count)
{
	struct node_view view;
	unsigned int i;

	if (entries[0]->op == RAFT_OP_MEMBERS && host->node) {
		node_view(host->node, host_now(host), &view);
		if (view.role == RAFT_LEADER)
			change_check(host, entries[0]);
	}
	for (i = 0; i < count && !host->world->problem[0]; i++) {
		log_push(host, entries[i], true);
		host->sight.bare |= entries[i]->bare;
		host->sight.was_bare |= entries[i]->bare;
	}
}

void oracle_truncate(struct host *host, uint64_t index)
{
	struct sight *sight = &host->sight;

	if (index <= sight->committed)
		world_fail(host->world, "n%u: cuts entry %lu, committed is %lu",
			   host->id, (unsigned long)index,
			   (unsigned long)sight->committed);
	sight->last = index - 1;
	if (sight->durable > sight->last)
		sight->durable = sight->last;
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
	host->sight.durable = base->applied;
}

void oracle_durable(struct host *host, uint64_t index, uint64_t term)
{
	struct sight *sight = &host->sight;

	if (index <= sight->last && index > sight->durable &&
	    index > sight->base && sight->terms[index] == term)
		sight->durable = index;
}

void oracle_state_save(struct host *host, const struct raft_hard_state *state)
{
	const struct raft_hard_state *saved = &host->sight.saved;

	if (state->term < saved->term ||
	    (state->term == saved->term && saved->vote &&
	     state->vote != saved->vote))
		world_fail(host->world,
			   "n%u: votes twice in term %lu, for %u and %u",
			   host->id, (unsigned long)state->term, saved->vote,
			   state->vote);
}

void oracle_state_saved(struct host *host, const struct raft_hard_state *state)
{
	host->sight.saved = *state;
}

void oracle_sends(struct host *host, const struct wire_msg *msg)
{
	const struct raft_hard_state *saved = &host->sight.saved;
	const struct raft_msg *raft = &msg->raft.msg;
	bool vote;

	if (msg->type != WIRE_RAFT ||
	    (raft->type == RAFT_MSG_VOTE && raft->vote.prevote) ||
	    (raft->type == RAFT_MSG_VOTE_REPLY && raft->vote_reply.prevote))
		return;
	vote = raft->type == RAFT_MSG_VOTE_REPLY && raft->vote_reply.granted;
	if (raft->term > saved->term ||
	    (vote && raft->term == saved->term && saved->vote != raft->to))
		world_fail(host->world,
			   "n%u: speaks in term %lu before that is saved",
			   host->id, (unsigned long)raft->term);
	if (raft->type == RAFT_MSG_APPEND_REPLY && raft->append_reply.ok &&
	    raft->append_reply.match > host->sight.durable)
		world_fail(host->world,
			   "n%u: acknowledges entry %lu, not durable", host->id,
			   (unsigned long)raft->append_reply.match);
}

static bool holds(const struct host *host, uint64_t index, uint64_t term)
{
	const struct sight *sight = &host->sight;

	return index < sight->base ||
	       (index <= sight->durable && sight->terms[index] == term);
}

/*
 * A majority of these certainly hold it, or did before a fault that the promises
 * allow took it from them.
 */
static bool majority_holds(const struct world *world,
			   const struct raft_members *members, uint64_t index,
			   uint64_t term)
{
	unsigned int count = 0;
	unsigned int i;

	if (!raft_members_said(members))
		members = &world->born;
	for (i = 0; i < world->count; i++) {
		const struct host *host = &world->hosts[i];

		if (raft_role_votes(raft_members_role(members, host->id)) &&
		    (host->wounded || holds(host, index, term)))
			count++;
	}
	return count > raft_members_voting(members) / 2;
}

/* Within an epoch the tags rise and leave none out. */
static bool tags_follow(struct world *world, const struct raft_entry *head,
			const struct raft_entry *before)
{
	struct host *writer = &world->hosts[head->standing.writer - 1];
	struct slot *slot;

	if (head->standing.tag <= before->standing.tag)
		return false;
	slot = device_oldest(&writer->device, before->standing.tag);
	while (slot && slot->body.tag < head->standing.tag) {
		if (slot->body.epoch == head->standing.epoch &&
		    slot->body.op != NODE_REQ_FLUSH)
			return false;
		slot = device_oldest(&writer->device, slot->body.tag);
	}
	return true;
}

/* By one vote at most: so that old and new majorities meet. */
static bool one_changed(const struct raft_members *a,
			const struct raft_members *b)
{
	unsigned int changed = 0;
	uint32_t id;

	for (id = 1; id <= WORLD_NODES_MAX; id++)
		changed += raft_members_role(a, id) != raft_members_role(b, id);
	return changed == 1;
}

/* See raft/standing.h. */
static const char *entry_follows(struct world *world,
				 const struct raft_entry *head,
				 const struct raft_entry *before)
{
	if (head->index > 1 &&
	    (head->op == RAFT_OP_MEMBERS) ==
		    raft_members_equal(&head->standing.members,
				       &before->standing.members))
		return "of other members without saying so";
	if (head->op == RAFT_OP_MEMBERS &&
	    !one_changed(&head->standing.members, &before->standing.members))
		return "a change of more than one member";
	if (head->op == RAFT_OP_OPEN)
		return head->standing.epoch == head->index &&
				       head->standing.writer ?
			       NULL :
			       "an OPEN without its epoch";
	if (head->standing.writer != before->standing.writer ||
	    head->standing.epoch != before->standing.epoch)
		return "of another writer than has the device";
	if (head->op == RAFT_OP_NOOP || head->op == RAFT_OP_MEMBERS)
		return head->standing.tag == before->standing.tag ?
			       NULL :
			       "a NOOP with a tag";
	return tags_follow(world, head, before) ?
		       NULL :
		       "a request twice, or one left out";
}

/* Carry it out on our image. */
static uint64_t ledger_apply(struct oracle *oracle, const struct record *record,
			     uint64_t digest)
{
	uint64_t first = world_at_offset(oracle->world, record->head.offset) /
			 DISK_SECTOR;
	uint32_t count = record->head.length / DISK_SECTOR;
	uint32_t i;

	if (!raft_op_changes_data(record->head.op))
		return digest;
	for (i = 0; i < count; i++) {
		uint64_t *id = &oracle->image[first + i];

		digest ^= disk_digest_of(first + i, *id);
		*id = raft_op_has_data(record->head.op) ? record->ids[i] : 0;
		digest ^= disk_digest_of(first + i, *id);
	}
	return digest;
}

static void ledger_push(struct host *host, struct record *record, uint64_t term)
{
	static const struct raft_entry nothing;
	struct world *world = host->world;
	struct oracle *oracle = world->oracle;
	const struct sight *sight = &host->sight;
	uint64_t index = oracle->last + 1;
	const struct record *last;
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
	last = record_find(oracle, sight->last, sight->terms[sight->last]);
	if (!majority_holds(world, &last->head.standing.members, index,
			    record->head.term) &&
	    !majority_holds(world, &record->head.standing.members, index,
			    record->head.term))
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
	const struct sight *sight = &host->sight;
	struct record *record = NULL;

	if (index < sight->base && index <= oracle->last)
		return; /* before its log begins */
	if (index >= sight->base && index <= sight->last)
		record = record_find(oracle, index, sight->terms[index]);
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
	const struct sight *sight = &host->sight;
	uint64_t i;

	oracle->leaders = grown(oracle->leaders, &oracle->leader_room, term,
				sizeof(*oracle->leaders));
	if (oracle->leaders[term] && oracle->leaders[term] != host->id)
		world_fail(world, "n%u and n%u lead in term %lu", host->id,
			   oracle->leaders[term], (unsigned long)term);
	oracle->leaders[term] = host->id;
	for (i = sight->base + 1; i <= oracle->last; i++)
		if (oracle->ledger[i].term < term &&
		    (i > sight->last ||
		     sight->terms[i] != oracle->ledger[i].record->head.term))
			world_fail(world,
				   "n%u: leads term %lu without entry %lu",
				   host->id, (unsigned long)term,
				   (unsigned long)i);
}

/* The image is just what the log up to its applied index makes of it. */
static void image_check(struct host *host, const struct node_view *view)
{
	struct world *world = host->world;
	const struct sight *sight = &host->sight;

	if (view->incomplete || view->damaged || view->disk_failed ||
	    sight->bare || sight->applying || host->io_failed ||
	    view->applied < sight->reached)
		return;
	if (view->applied > world->oracle->last ||
	    disk_digest(host->disk) !=
		    world->oracle->ledger[view->applied].digest)
		world_fail(world, "n%u: image is not that of entry %lu",
			   host->id, (unsigned long)view->applied);
}

void oracle_step(struct host *host)
{
	struct sight *sight = &host->sight;
	struct node_view view;

	if (!host->node || host->world->problem[0])
		return;
	node_view(host->node, host_now(host), &view);
	/* Figure 8: what is counted is an entry of the leader's own term. */
	if (view.role == RAFT_LEADER && view.commit > sight->committed &&
	    sight->led == view.term && view.commit <= sight->last &&
	    sight->terms[view.commit] != view.term)
		world_fail(host->world,
			   "n%u: counts entry %lu of an older term", host->id,
			   (unsigned long)view.commit);
	while (sight->committed < view.commit && !host->world->problem[0])
		commit_check(host, ++sight->committed, view.term);
	if (view.role == RAFT_LEADER && sight->led != view.term) {
		sight->led = view.term;
		leader_check(host, view.term);
	}
	if (view.member == RAFT_MEMBER_WITNESS) {
		sight->bare = true;
		sight->was_bare = true;
	} else if (view.incomplete) {
		sight->bare = false;
	}
	if (view.role == RAFT_LEADER && view.member == RAFT_MEMBER_WITNESS)
		world_fail(host->world, "n%u: a witness leads", host->id);
	image_check(host, &view);
}

/* The members as of the end of its log; NULL: that says nothing of them. */
static const struct raft_members *members_said_by(const struct host *host)
{
	const struct sight *sight = &host->sight;
	const struct record *last = record_find(host->world->oracle,
						sight->last,
						sight->terms[sight->last]);

	if (!last || !raft_members_said(&last->head.standing.members))
		return NULL;
	return &last->head.standing.members;
}

/* It takes for members just those that its log says. */
static void members_check(struct host *host)
{
	const struct raft_members *members = members_said_by(host);
	struct node_view view;
	unsigned int i;

	if (!members)
		return;
	node_view(host->node, host_now(host), &view);
	for (i = 0; i < view.peer_count; i++)
		if (view.peers[i].member !=
		    raft_members_role(members, view.peers[i].id))
			world_fail(
				host->world,
				"n%u: takes n%u for another member than its log says",
				host->id, view.peers[i].id);
}

const struct raft_members *oracle_members(const struct world *world)
{
	const struct oracle *oracle = world->oracle;
	const struct raft_members *members;

	if (!oracle->last)
		return &world->born;
	members = &oracle->ledger[oracle->last].record->head.standing.members;
	return raft_members_said(members) ? members : &world->born;
}

bool oracle_members_all(const struct world *world, oracle_members_test *test)
{
	const struct oracle *oracle = world->oracle;
	const struct record *record;
	uint64_t i;

	if (!test(world, oracle_members(world)))
		return false;
	for (i = oracle->last + 1; i < oracle->record_room; i++)
		for (record = oracle->records[i]; record; record = record->next)
			if (raft_members_said(&record->head.standing.members) &&
			    !test(world, &record->head.standing.members))
				return false;
	return true;
}

const struct raft_members *oracle_members_of(const struct host *host)
{
	const struct raft_members *members = members_said_by(host);

	return members ? members : &host->world->born;
}

/* A node that knows of a later open session has fenced its own, and no other. */
static void fence_check(struct host *host, uint64_t epoch)
{
	struct device *device = &host->device;

	if (device->open && !device->fenced && epoch > device->epoch)
		world_fail(host->world, "n%u: epoch %lu is not fenced by %lu",
			   host->id, (unsigned long)device->epoch,
			   (unsigned long)epoch);
	if (device->open && device->overtaken && epoch <= device->epoch)
		world_fail(host->world, "n%u: epoch %lu is fenced by %lu",
			   host->id, (unsigned long)device->epoch,
			   (unsigned long)epoch);
	device->overtaken = false;
}

void oracle_pumped(struct host *host)
{
	const struct oracle *oracle = host->world->oracle;
	uint64_t commit = host->sight.committed;

	members_check(host);
	if (commit && commit <= oracle->last)
		fence_check(host,
			    oracle->ledger[commit].record->head.standing.epoch);
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
	host->sight.applying += !index;
	if (index > host->sight.reached)
		host->sight.reached = index;
}

void oracle_image_ends(struct host *host)
{
	host->sight.applying--;
}

void oracle_copied(struct host *host, const struct host *from)
{
	if (host->sight.reached < from->sight.ahead)
		host->sight.reached = from->sight.ahead;
	if (host->sight.ahead < from->sight.ahead)
		host->sight.ahead = from->sight.ahead;
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
	if (!head || head->op != RAFT_OP_OPEN ||
	    head->standing.writer != host->id)
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

		if (head->standing.epoch == epoch &&
		    head->standing.tag == tag && head->op != RAFT_OP_NOOP &&
		    head->op != RAFT_OP_MEMBERS)
			return;
		if (head->standing.epoch == epoch && head->standing.tag < tag)
			break;
	}
	world_fail(host->world,
		   "n%u: tag %lu of epoch %lu answered, not committed",
		   host->id, (unsigned long)tag, (unsigned long)epoch);
}
