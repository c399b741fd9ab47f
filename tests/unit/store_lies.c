/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * A disk that acknowledges a write and loses it, or writes it somewhere else, at
 * each write of what changes log or metadata.  Once two more batches of entries
 * are durable, so that something on the disk tells of it, the next start either
 * finds all that was promised or says that there is damage: the node then
 * doesn't vote and is filled by the others (promises P1 and P4).  Or it is
 * refused, when a second disk can't be told to be ours.  Nothing wrong is ever
 * read.
 *
 * No lie here touches the data area: it has no checksums yet, so a write that is
 * lost there, or strays there, is not noticed.
 *
 * STORE_SEED=N runs that shape of a replica only.
 */
#include "store_life.h"

/* For model_new(): small sectors; large ones and room before the data area;
 * that room and a second disk. */
static const uint64_t shapes[] = { 1, 3, 5 };

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

enum place {
	NOWHERE, /* the write is lost */
	STATE_0,
	STATE_1,
	CHECKPOINT_0,
	CHECKPOINT_1,
	NOTE_0,
	NOTE_1,
	SUPER_0,
	SUPER_1,
	RECORD, /* where one of the log's is */
	ANYWHERE, /* behind the data area */
	PLACES,
};

static const char *const place_names[PLACES] = {
	"nowhere",	     "state slot 0",	  "state slot 1",
	"checkpoint slot 0", "checkpoint slot 1", "note slot 0",
	"note slot 1",	     "superblock 0",	  "superblock 1",
	"a record",	     "anywhere",
};

static uint64_t total_lies, total_refused, total_cuts;

static bool do_batch(struct model *model)
{
	return do_append(model) && do_sync(model);
}

static bool do_note(struct model *model)
{
	return do_batch(model) && do_idle(model);
}

static bool do_overwrite(struct model *model)
{
	return do_truncate(model) && do_batch(model);
}

static bool do_reopen(struct model *model)
{
	struct base_error error = { 0 };

	shut(model);
	model->doing = "reopen";
	need(store_open(model->io, &model->identity, false, &model->store,
			&model->boot, &error) == 0);
	need(!model->boot.state.damaged);
	return true;
}

static bool do_move_and_open(struct model *model)
{
	shut(model);
	return do_move(model);
}

static const struct deed {
	const char *name;
	bool (*call)(struct model *model);
} deeds[] = {
	{ "append", do_batch },	      { "note", do_note },
	{ "state", do_state },	      { "checkpoint", do_checkpoint },
	{ "truncate", do_overwrite }, { "reset", do_reset },
	{ "open", do_reopen },	      { "move", do_move_and_open },
};

#define DEEDS (sizeof(deeds) / sizeof(deeds[0]))

/* With something in each slot, and entries that are not applied. */
static bool grow(struct model *model)
{
	return do_batch(model) && do_apply(model) && do_state(model) &&
	       do_checkpoint(model) && do_batch(model) && do_idle(model) &&
	       do_state(model) && do_checkpoint(model) && do_batch(model) &&
	       do_idle(model) && do_batch(model) && do_idle(model);
}

static void arm(struct model *model, enum place place, uint64_t nth)
{
	struct disk_lie lie = { .kind = DISK_LIE_MISDIRECTED, .nth = nth };
	uint64_t places[PLACES] = { 0 };
	struct format_layout layout;

	layout_now(model, &layout);
	places[STATE_0] = layout.state[0];
	places[STATE_1] = layout.state[1];
	places[CHECKPOINT_0] = layout.checkpoint[0];
	places[CHECKPOINT_1] = layout.checkpoint[1];
	places[NOTE_0] = layout.note[0];
	places[NOTE_1] = layout.note[1];
	places[SUPER_0] = layout.super[0];
	places[SUPER_1] = layout.super[1];
	lie.from = layout.data + RIG_VOLUME_BYTES;
	switch (place) {
	case NOWHERE:
		lie.kind = DISK_LIE_LOST;
		break;
	case ANYWHERE:
		break;
	case RECORD:
		lie.target = disk_offset(model, layout.ring) +
			     draw(model, model->used / 4096 + 1) * 4096;
		break;
	default:
		lie.target = disk_offset(model, places[place]);
		break;
	}
	/* Block 0 is nobody's target: there it means a drawn one. */
	disk_lie(model->disk, &lie);
}

/* What can be read is what was written. */
static bool reads_are_true(struct model *model)
{
	struct raft_entry *entry;
	uint64_t i;
	int error;

	for (i = model->base + 1; i <= model->last; i++) {
		error = store_log_read(model->store, i, &entry);
		need(error == 0 || error == -EBADMSG || error == -EIO);
		if (error)
			continue;
		need(rig_is(&model->identity, entry, true));
		raft_entry_put(entry);
	}
	return true;
}

/* Power goes in the middle of more of the same. */
static bool goes_on_until_cut(struct model *model)
{
	disk_stop_after(model->disk, 1 + draw(model, 20));
	while (!over(model))
		if (!do_batch(model) || (!over(model) && !do_state(model)) ||
		    (!over(model) && !do_checkpoint(model)))
			return false;
	total_cuts += disk_is_off(model->disk);
	return true;
}

/* A second disk has one superblock: without it, nobody takes it for ours. */
static bool is_refused(struct model *model)
{
	struct base_error error = { 0 };
	struct store_boot boot;
	struct store *store;

	if (!model->io->second_size)
		return false;
	if (store_open(model->io, &model->identity, true, &store, &boot,
		       &error)) {
		total_refused++;
		return strstr(error.text, "meta-disk");
	}
	store_close(store);
	store_boot_free(&boot);
	return false;
}

/* Whole, or known not to be. */
static bool judge(struct model *model)
{
	if (is_refused(model))
		return true;
	if (!open_cut(model, 0))
		return false;
	if (model->boot.state.damaged)
		return mend(model);
	return check_meta(model) && check_log(model) && check_image(model);
}

/* Two batches; but a start that finds damage has seen the lie already. */
static bool is_told(struct model *model)
{
	if (!model->store) {
		if (is_refused(model))
			return true;
		if (!open_cut(model, 0))
			return false;
		if (model->boot.state.damaged)
			return true;
		if (!check_meta(model) || !check_log(model))
			return false;
	}
	return do_batch(model) && do_idle(model) && do_batch(model) &&
	       do_idle(model) && reads_are_true(model);
}

static bool one_lie(struct model *model, const struct deed *deed,
		    enum place place, uint64_t nth, bool cut, bool *lied)
{
	if (!model->store || !grow(model))
		return false;
	arm(model, place, nth);
	if (!deed->call(model))
		return false;
	*lied = disk_has_lied(model->disk);
	total_lies += *lied;
	disk_disarm(model->disk);
	model->rot = *lied;
	if (!is_told(model))
		return false;
	if (cut && model->store && !model->boot.state.damaged &&
	    !goes_on_until_cut(model))
		return false;
	shut(model);
	disk_crash(model->disk, DISK_CRASH_ANY);
	return judge(model);
}

/* At each write of the deed, until it has no more. */
static bool each_write(uint64_t seed, const struct deed *deed, enum place place,
		       bool cut)
{
	bool good = true, lied = true;
	struct model *model;
	uint64_t nth;

	for (nth = 1; good && lied; nth++) {
		model = model_new(seed);
		good = one_lie(model, deed, place, nth, cut, &lied);
		if (!good)
			printf("# %s: write %" PRIu64 " went to: %s%s\n",
			       deed->name, nth, place_names[place],
			       cut ? ", then a power cut" : "");
		model_free(model);
	}
	return good;
}

static void each_lie(enum place first, enum place end, bool cut)
{
	const char *seed = getenv("STORE_SEED");
	enum place place;
	size_t deed, i;

	total_lies = total_damages = total_refused = total_cuts = 0;
	for (i = 0; i < SHAPES; i++) {
		if (seed && strtoull(seed, NULL, 10) != shapes[i])
			continue;
		for (deed = 0; deed < DEEDS; deed++)
			for (place = first; place < end; place++)
				each_write(shapes[i], &deeds[deed], place, cut);
	}
	printf("# %" PRIu64 " lies, %" PRIu64 " damages seen, %" PRIu64
	       " times refused, %" PRIu64 " power cuts\n",
	       total_lies, total_damages, total_refused, total_cuts);
	tap_check(total_lies > 0 && total_damages > 0);
	tap_check(cut == (total_cuts > 0));
}

static void lost_writes_are_never_silent(void)
{
	each_lie(NOWHERE, NOWHERE + 1, false);
}

static void misdirected_writes_are_never_silent(void)
{
	each_lie(NOWHERE + 1, PLACES, false);
}

static void lost_writes_before_a_power_cut_are_never_silent(void)
{
	each_lie(NOWHERE, NOWHERE + 1, true);
}

static void misdirected_writes_before_a_power_cut_are_never_silent(void)
{
	each_lie(NOWHERE + 1, PLACES, true);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(lost_writes_are_never_silent),
		TAP_TEST(misdirected_writes_are_never_silent),
		TAP_TEST(lost_writes_before_a_power_cut_are_never_silent),
		TAP_TEST(
			misdirected_writes_before_a_power_cut_are_never_silent),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
