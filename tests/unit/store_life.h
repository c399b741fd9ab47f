/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A replica's life with power cuts, and a model beside it that knows what was
 * promised and what may have happened.
 */
#ifndef STORE_LIFE_H
#define STORE_LIFE_H

#include <errno.h>
#include <stdlib.h>

#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "tests/lib/split.h"
#include "store/store.h"
#include "tap.h"

#define INDEX_MAX 8192
#define TERM_MAX 512
#define ROOM_BYTES (RIG_LOG_BYTES + 24ULL * FORMAT_BLOCK) /* to move */

/* What a call under way at the crash may or may not have done. */
struct pending {
	bool state;
	bool checkpoint;
	bool reset;
	uint64_t truncate; /* index, 0: none */
	struct raft_hard_state new_state;
	struct store_checkpoint new_checkpoint;
};

struct model {
	uint64_t seed;
	const char *doing;
	struct disk *disk;
	struct split split;
	struct store_io *io; /* of the disk, or of two that it is made of */
	struct store_identity identity;
	struct store *store;
	struct store_boot boot;

	uint64_t base; /* log: (base, last] */
	uint64_t last;
	uint64_t durable;
	uint64_t used; /* bytes of the ring */
	uint16_t terms[INDEX_MAX]; /* of the log's entries, and of its base */
	uint64_t term; /* newest used */
	struct raft_hard_state state;
	struct store_checkpoint checkpoint;
	uint64_t applied;
	uint64_t proven; /* noted as durable: its loss must be seen */
	bool fails; /* a write or sync will fail, */
	bool failed; /* has failed */
	bool rot; /* the disk has rotten, or lied: damage may be seen */
	uint8_t image[RIG_VOLUME_BYTES]; /* at `applied` */
	struct pending pending;
};

static uint64_t total_steps, total_lost, total_laps, total_moves, total_damages;

#define need(condition)                                                \
	do {                                                           \
		if (!tap_check(condition)) {                           \
			printf("# STORE_SEED=%" PRIu64 " while: %s\n", \
			       model->seed, model->doing);             \
			return false;                                  \
		}                                                      \
	} while (0)

static inline uint64_t draw(struct model *model, uint64_t below)
{
	return disk_random(model->disk, below);
}

static inline struct raft_entry *entry_at(struct model *model, uint64_t index)
{
	return rig_entry(&model->identity, index, model->terms[index]);
}

static inline uint64_t entry_bytes(struct model *model, uint64_t index)
{
	struct raft_entry *entry = entry_at(model, index);
	uint64_t bytes = store_record_bytes(entry, model->io->align);

	raft_entry_put(entry);
	return bytes;
}

static inline void recount(struct model *model)
{
	uint64_t i;

	model->used = 0;
	for (i = model->base + 1; i <= model->last; i++)
		model->used += entry_bytes(model, i);
}

static inline bool over(const struct model *model)
{
	return model->failed || disk_is_off(model->disk);
}

/* The result of a call: true to go on; the life may be over. */
static inline bool done(struct model *model, int error)
{
	if (error == 0 && !disk_is_off(model->disk)) {
		memset(&model->pending, 0, sizeof(model->pending));
		return true;
	}
	need(error == -EIO);
	if (disk_is_off(model->disk))
		return true;
	/* A disk that failed once is not used again. */
	need(model->fails);
	model->failed = true;
	disk_steps_reset(model->disk);
	need(store_log_append(model->store, NULL, 0) == -EIO);
	need(store_log_sync(model->store) == -EIO);
	need(store_log_note(model->store) == -EIO);
	need(store_log_truncate(model->store, model->last) == -EIO);
	need(store_state_save(model->store, &model->state) == -EIO);
	need(store_apply(model->store, NULL, 0) == -EIO);
	need(store_image_write(model->store, 0, NULL, 4096) == -EIO);
	need(store_checkpoint(model->store, &model->checkpoint,
			      &(uint64_t){ 0 }) == -EIO);
	need(store_log_reset(model->store, &model->checkpoint) == -EIO);
	need(disk_steps(model->disk) == 0);
	need(store_failure(model->store)[0]);
	return true;
}

static inline bool do_append(struct model *model)
{
	struct raft_entry *entries[12] = { NULL };
	unsigned int count = 0, want = 1 + (unsigned int)draw(model, 12), i;
	uint64_t bytes;
	int error;

	model->doing = "append";
	if (draw(model, 5) == 0 && model->term < TERM_MAX - 1)
		model->term++;
	while (count < want && model->last + count + 1 < INDEX_MAX) {
		uint64_t index = model->last + count + 1;

		entries[count] =
			rig_entry(&model->identity, index, model->term);
		bytes = store_record_bytes(entries[count], model->io->align);
		if (model->used + bytes > model->boot.log_capacity) {
			raft_entry_put(entries[count]);
			break;
		}
		model->used += bytes;
		model->terms[index] = (uint16_t)model->term;
		count++;
	}
	error = store_log_append(model->store, entries, count);
	for (i = 0; i < count; i++)
		raft_entry_put(entries[i]);
	model->last += count;
	return done(model, error);
}

static inline bool do_sync(struct model *model)
{
	int error;

	model->doing = "sync";
	error = store_log_sync(model->store);
	if (!error)
		model->durable = model->last;
	return done(model, error);
}

static inline bool do_idle(struct model *model)
{
	int error;

	model->doing = "idle";
	error = store_log_note(model->store);
	if (!error)
		model->proven = model->durable;
	return done(model, error);
}

static inline bool do_truncate(struct model *model)
{
	uint64_t index;
	int error;

	model->doing = "truncate";
	if (model->last <= model->applied || model->last <= model->base ||
	    model->term >= TERM_MAX - 1)
		return true;
	index = model->applied + 1 + draw(model, model->last - model->applied);
	if (index <= model->base)
		return true;
	model->term++;
	model->pending.truncate = index;
	error = store_log_truncate(model->store, index);
	if (!error) {
		model->last = index - 1;
		if (model->durable > model->last)
			model->durable = model->last;
		model->proven = model->durable;
		recount(model);
	}
	return done(model, error);
}

static inline bool do_state(struct model *model)
{
	struct raft_hard_state state = {
		.term = model->state.term + draw(model, 3),
		.vote = (uint32_t)draw(model, 4),
		.joined = true,
		.promise_us = (uint32_t)draw(model, 1000),
		.past = {
			.number = 1 + (uint32_t)draw(model, 100),
			.nonces = { [3] = 7 },
			.known = { [6] = { .id = 5,
					   .life = { 9, (uint32_t)draw(model, 9) },
					   .term = draw(model, 10),
					   .index = draw(model, 1000) } },
		},
	};
	int error;

	model->doing = "state save";
	model->pending.state = true;
	model->pending.new_state = state;
	error = store_state_save(model->store, &state);
	if (!error) {
		model->state = state;
		model->proven = model->durable;
	}
	return done(model, error);
}

static inline bool do_apply(struct model *model)
{
	struct raft_entry *entries[64] = { NULL };
	unsigned int count = 0, i;
	int error;

	model->doing = "apply";
	while (count < 64 && model->applied < model->durable &&
	       draw(model, 24)) {
		entries[count] = entry_at(model, ++model->applied);
		rig_apply(model->image, entries[count]);
		if (draw(model, 3) == 0) {
			/* as after a restart: the head alone */
			base_buf_put(entries[count]->buf);
			entries[count]->buf = NULL;
			entries[count]->data = NULL;
		}
		count++;
	}
	error = store_apply(model->store, entries, count);
	for (i = 0; i < count; i++)
		raft_entry_put(entries[i]);
	return done(model, error);
}

static inline bool do_checkpoint(struct model *model)
{
	struct store_checkpoint checkpoint = {
		.applied = model->applied,
		.applied_term = model->terms[model->applied],
		.standing.writer = (uint32_t)draw(model, 5),
		.standing.epoch = draw(model, 1000),
		.standing.tag = draw(model, 1000),
	};
	uint64_t base;
	int error;

	model->doing = "checkpoint";
	model->pending.checkpoint = true;
	model->pending.new_checkpoint = checkpoint;
	error = store_checkpoint(model->store, &checkpoint, &base);
	if (!error) {
		need(base >= model->base && base <= model->applied &&
		     base <= model->last);
		total_laps += base != model->base;
		model->checkpoint = checkpoint;
		model->base = base;
		model->proven = model->durable;
		recount(model);
		need(model->used <= model->boot.log_capacity / 2 ||
		     base == model->applied);
	}
	return done(model, error);
}

static inline void model_reset(struct model *model,
			       const struct store_checkpoint *base)
{
	model->checkpoint = *base;
	model->base = base->applied;
	model->last = base->applied;
	model->durable = base->applied;
	model->proven = base->applied;
	model->applied = base->applied;
	model->terms[base->applied] = (uint16_t)base->applied_term;
	model->used = 0;
}

/* The copy from a leader, whole. */
static inline bool fill(struct model *model)
{
	uint64_t at, step;
	int error = 0;

	model->doing = "image write";
	rig_fill(model->image, RIG_VOLUME_BYTES, draw(model, 1000));
	memset(model->image + 8192, 0, 16384);
	for (at = 0; at < RIG_VOLUME_BYTES && !error; at += step) {
		step = 8192;
		error = store_image_write(model->store, at,
					  at == 8192 || at == 16384 ?
						  NULL :
						  model->image + at,
					  step);
	}
	if (!done(model, error))
		return false;
	return error ? true : do_checkpoint(model);
}

static inline bool do_reset(struct model *model)
{
	struct store_checkpoint base = {
		.applied = draw(model, 2) ? model->last + draw(model, 20) :
					    draw(model, model->last + 1),
		.standing = { .writer = 2, .epoch = 3, .tag = 4 },
		.incomplete = true,
	};
	int error;

	model->doing = "reset";
	if (base.applied >= INDEX_MAX || model->term >= TERM_MAX - 1)
		return true;
	base.applied_term = ++model->term;
	model->pending.reset = true;
	model->pending.new_checkpoint = base;
	error = store_log_reset(model->store, &base);
	if (!error)
		model_reset(model, &base);
	if (!done(model, error))
		return false;
	return error ? true : fill(model);
}

static inline bool same_checkpoint(const struct store_checkpoint *a,
				   const struct store_checkpoint *b)
{
	return a->applied == b->applied && a->applied_term == b->applied_term &&
	       raft_standing_equal(&a->standing, &b->standing) &&
	       a->incomplete == b->incomplete;
}

static inline bool same_state(const struct raft_hard_state *a,
			      const struct raft_hard_state *b)
{
	return a->term == b->term && a->vote == b->vote &&
	       a->joined == b->joined && a->damaged == b->damaged &&
	       a->promise_us == b->promise_us &&
	       !memcmp(&a->past, &b->past, sizeof(a->past));
}

static inline bool check_meta(struct model *model)
{
	const struct store_boot *boot = &model->boot;
	const struct pending *pending = &model->pending;

	if (pending->state && same_state(&boot->state, &pending->new_state))
		model->state = pending->new_state;
	need(same_state(&boot->state, &model->state));
	if (pending->reset &&
	    same_checkpoint(&boot->checkpoint, &pending->new_checkpoint))
		model_reset(model, &pending->new_checkpoint);
	if (pending->checkpoint &&
	    same_checkpoint(&boot->checkpoint, &pending->new_checkpoint))
		model->checkpoint = pending->new_checkpoint;
	need(same_checkpoint(&boot->checkpoint, &model->checkpoint));
	return true;
}

static inline bool check_log(struct model *model)
{
	const struct store_boot *boot = &model->boot;
	uint64_t i, must = model->durable, may = model->last;
	struct raft_entry *entry;
	int error;

	if (model->rot)
		must = model->proven;
	if (boot->state.damaged)
		must = boot->base_index;

	if (model->pending.truncate && must >= model->pending.truncate)
		must = model->pending.truncate - 1;
	need(boot->base_index >= model->base);
	need(boot->base_index <= boot->checkpoint.applied);
	need(boot->checkpoint.applied <= boot->last_index);
	need(boot->last_index >= must);
	need(boot->last_index <= may);
	need(boot->base_term == model->terms[boot->base_index]);
	for (i = boot->base_index + 1; i <= boot->last_index; i++) {
		need(boot->entries[i - boot->base_index - 1]->index == i);
		need(boot->entries[i - boot->base_index - 1]->term ==
		     model->terms[i]);
		error = store_log_read(model->store, i, &entry);
		need(error == 0);
		need(rig_is(&model->identity, entry, true));
		raft_entry_put(entry);
	}
	total_lost += model->last - boot->last_index;
	model->base = boot->base_index;
	model->last = boot->last_index;
	model->durable = model->last;
	model->proven = model->last;
	recount(model);
	return true;
}

/* Carry out what the checkpoint doesn't have; then the image is the model's. */
static inline bool check_image(struct model *model)
{
	uint8_t *got;
	bool same;
	uint64_t i;

	for (i = model->checkpoint.applied + 1; i <= model->applied; i++) {
		struct raft_entry **head =
			&model->boot.entries[i - model->base - 1];
		int error = store_apply(model->store, head, 1);

		if (error && disk_is_off(model->disk))
			return true;
		need(error == 0);
	}
	got = aligned_alloc(4096, RIG_VOLUME_BYTES);
	need(store_image_read(model->store, 0, got, RIG_VOLUME_BYTES) == 0 ||
	     disk_is_off(model->disk));
	same = memcmp(got, model->image, RIG_VOLUME_BYTES) == 0;
	free(got);
	need(same || disk_is_off(model->disk));
	return true;
}

/* Open; power goes while it does at that step (0: never), or a drawn one. */
static inline bool open_cut(struct model *model, uint64_t step)
{
	struct base_error error = { 0 };
	int code, tries = 0;

	model->doing = "open";
	for (;;) {
		disk_stop_after(model->disk, step);
		step = 0;
		if (tries < 3 && draw(model, 3) == 0)
			step = 1 + draw(model, 8);
		code = store_open(model->io, &model->identity, false,
				  &model->store, &model->boot, &error);
		if (!disk_is_off(model->disk))
			break;
		need(code);
		disk_crash(model->disk, DISK_CRASH_ANY);
		tries++;
	}
	disk_stop_after(model->disk, 0);
	if (code)
		printf("# %s\n", error.text);
	need(code == 0);
	if (model->boot.damage[0] && !model->rot)
		printf("# %s\n", model->boot.damage);
	need(!model->boot.state.damaged == !model->boot.damage[0]);
	need(!model->boot.state.damaged || model->rot);
	return true;
}

static inline bool open_again(struct model *model)
{
	return open_cut(model, draw(model, 3) ? 0 : 1 + draw(model, 8));
}

static inline void shut(struct model *model)
{
	if (!model->store)
		return;
	store_close(model->store);
	store_boot_free(&model->boot);
	model->store = NULL;
}

/*
 * Log or metadata to some other place, with the store shut.  Power may go; then
 * the caller decides what is left of it.
 */
static inline bool do_move(struct model *model)
{
	uint64_t size = model->io->size, offset;
	struct base_error error;
	unsigned int tries;
	bool second;
	int code = -EINVAL;

	model->doing = "move";
	for (tries = 0; tries < 40 && code == -EINVAL; tries++) {
		second = model->io->second_size && draw(model, 2);
		if (second)
			size = model->io->second_size;
		offset = draw(model, size / FORMAT_BLOCK) * FORMAT_BLOCK;
		code = store_region_move(model->io, &model->identity,
					 draw(model, 2) ? STORE_REGION_META :
							  STORE_REGION_LOG,
					 second, offset, &error);
	}
	total_moves += code == 0;
	if (disk_is_off(model->disk))
		need(code == -EIO);
	else
		need(code == 0 || code == -EINVAL);
	return true;
}

/* What the disk says, from the superblock that counts. */
static inline void layout_now(struct model *model, struct format_layout *layout)
{
	uint64_t at[2] = { format_super_first(&model->identity),
			   format_super_last(model->io->size) };
	struct format_super super, newest = { .generation = 0 };
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (format_super_decode(disk_bytes(model->disk) + at[i], at[i],
					&super) == FORMAT_GOOD &&
		    super.generation > newest.generation)
			newest = super;
	if (!newest.generation ||
	    !format_layout(&newest, model->io->size, model->io->second_size,
			   layout))
		abort();
}

/* Where a second disk's bytes are. */
static inline uint64_t disk_offset(const struct model *model, uint64_t offset)
{
	if (offset & STORE_IO_SECOND)
		return (offset & ~STORE_IO_SECOND) + model->io->size;
	return offset;
}

static inline bool refill(struct model *model)
{
	struct raft_hard_state state = { .term = 1, .joined = true };
	struct store_checkpoint base = {
		.applied = 1 + draw(model, 500),
		.applied_term = ++model->term,
		.incomplete = true,
	};

	model->doing = "refill";
	need(store_log_reset(model->store, &base) == 0);
	model_reset(model, &base);
	need(store_state_save(model->store, &state) == 0);
	model->state = state;
	return fill(model);
}

/* Damage was seen: what is told is true; then a leader fills the replica. */
static inline bool mend(struct model *model)
{
	struct store_checkpoint checkpoint = model->boot.checkpoint;

	total_damages++;
	if (!same_checkpoint(&checkpoint, &model->checkpoint) &&
	    !(model->pending.checkpoint &&
	      same_checkpoint(&checkpoint, &model->pending.new_checkpoint)) &&
	    !(model->pending.reset &&
	      same_checkpoint(&checkpoint, &model->pending.new_checkpoint)))
		need(checkpoint.incomplete && checkpoint.applied == 0);
	else if (!model->pending.reset && !check_log(model))
		return false;
	/* It stays so, whatever is opened how often. */
	shut(model);
	if (!open_again(model))
		return false;
	need(model->boot.state.damaged);
	memset(&model->pending, 0, sizeof(model->pending));
	return refill(model);
}

static inline struct model *model_new(uint64_t seed)
{
	struct model *model = calloc(1, sizeof(*model));
	uint32_t align = seed % 3 ? 512 : 4096;
	uint64_t second = seed % 5 ? 0 : ROOM_BYTES;
	uint64_t bytes;

	model->seed = seed;
	model->doing = "format";
	model->identity = rig_identity(align);
	model->identity.data_offset = seed / 3 % 2 ? 16 * FORMAT_BLOCK : 0;
	model->identity.serial = seed;
	bytes = store_bytes_needed(&model->identity) + ROOM_BYTES;
	model->disk = disk_new(bytes + second, align, seed);
	model->io = second ? split_init(&model->split, disk_io(model->disk),
					second) :
			     disk_io(model->disk);
	model->term = 1;
	if (tap_check_eq(store_format(model->io, &model->identity, false, NULL,
				      NULL, NULL),
			 0))
		open_again(model);
	return model;
}

static inline void model_free(struct model *model)
{
	shut(model);
	total_steps += disk_steps(model->disk);
	disk_free(model->disk);
	free(model);
}

#endif
