/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* Power cut at each write and sync of what must never be half done. */
#include "store_life.h"

/* Power goes at this step of what follows; then all is looked at. */
static bool cut_at(struct model *model, uint64_t step, enum disk_crash how,
		   bool (*call)(struct model *model))
{
	disk_stop_after(model->disk, step);
	if (!call(model))
		return false;
	shut(model);
	disk_crash(model->disk, how);
	if (!open_cut(model, 0) || !check_meta(model) || !check_log(model))
		return false;
	memset(&model->pending, 0, sizeof(model->pending));
	return check_image(model);
}

static bool fill_ring(struct model *model)
{
	uint64_t before;

	do {
		before = model->last;
		if (!do_append(model))
			return false;
	} while (model->last != before);
	if (!do_sync(model))
		return false;
	while (model->applied < model->durable)
		if (!do_apply(model))
			return false;
	return true;
}

/* Room that a cut checkpoint freed is used, and then the next one is cut. */
static void checkpoints_cut_in_a_row_keep_the_log(void)
{
	uint64_t seed, first, second;
	struct model *model;
	bool good = true;

	for (seed = 1; good && seed <= 6; seed++) {
		for (first = 1; good && first <= 6; first++) {
			for (second = 1; good && second <= 6; second++) {
				model = model_new(seed * 100 + first * 10 +
						  second);
				good = fill_ring(model) &&
				       cut_at(model, first, DISK_CRASH_PREFIX,
					      do_checkpoint) &&
				       fill_ring(model) &&
				       cut_at(model, second, DISK_CRASH_TEAR,
					      do_checkpoint);
				model_free(model);
			}
		}
	}
}

/* What a dead process left in the disk's cache was read but never synced. */
static void what_was_only_read_is_not_taken_for_durable(void)
{
	struct model *model;
	uint64_t seed;
	bool good = true;

	for (seed = 1; good && seed <= 300; seed++) {
		model = model_new(seed);
		good = do_append(model) && (seed % 2 || do_sync(model)) &&
		       do_append(model);
		shut(model);
		disk_crash(model->disk, DISK_CRASH_PROCESS);
		good = good && open_cut(model, 1 + seed % 7) &&
		       check_meta(model) && check_log(model);
		model_free(model);
	}
}

/* Cut at each step, then cut again while new entries go where old ones were. */
static void truncations_cut_anywhere_leave_no_phantom(void)
{
	struct model *model;
	uint64_t seed;
	bool good = true;

	for (seed = 1; good && seed <= 300; seed++) {
		model = model_new(seed);
		good = do_append(model) && do_append(model) &&
		       (seed % 2 || do_sync(model)) &&
		       (seed % 3 || do_idle(model)) && do_append(model) &&
		       cut_at(model, 1 + seed % 6, DISK_CRASH_ANY,
			      do_truncate) &&
		       cut_at(model, 1 + seed % 3, DISK_CRASH_ANY, do_append) &&
		       do_append(model) && do_sync(model) &&
		       cut_at(model, 1 + seed % 5, DISK_CRASH_ANY, do_truncate);
		model_free(model);
	}
}

/* Both slots of a pair must never be under way at once. */
static void saves_torn_anywhere_keep_one_slot(void)
{
	struct model *model;
	uint64_t seed;
	bool good = true;

	for (seed = 1; good && seed <= 300; seed++) {
		model = model_new(seed);
		good = do_append(model) && do_sync(model) && do_apply(model) &&
		       cut_at(model, 1 + seed % 5, DISK_CRASH_TEAR,
			      seed % 2 ? do_state : do_checkpoint);
		model_free(model);
	}
}

/* Somewhere in the life of a replica with entries that are not applied yet. */
static bool grown_and_shut(struct model *model)
{
	bool good = do_append(model) && do_sync(model) && do_apply(model) &&
		    do_checkpoint(model) && do_append(model) &&
		    do_append(model) && do_sync(model);

	shut(model);
	return good;
}

static bool moved_it_goes_on(struct model *model)
{
	if (!open_cut(model, 0) || !check_meta(model) || !check_log(model) ||
	    !check_image(model) || !grown_and_shut(model))
		return false;
	return open_cut(model, 0) && check_meta(model) && check_log(model) &&
	       check_image(model);
}

/* At each write and sync, in each way; then again where the first was cut. */
static void moves_cut_anywhere_leave_one_whole_replica(void)
{
	unsigned int first, second, how;
	struct model *model;
	bool good = true;

	total_moves = 0;
	for (how = 0; good && how < DISK_CRASH_ANY; how++) {
		for (first = 1; good && first <= 8; first++) {
			for (second = 1; good && second <= 10; second++) {
				model = model_new(how * 1000 + first * 100 +
						  second);
				good = model->store && grown_and_shut(model);
				disk_stop_after(model->disk, first);
				good = good && do_move(model);
				disk_crash(model->disk, how);
				disk_stop_after(model->disk, second);
				good = good && do_move(model);
				disk_crash(model->disk, how);
				good = good && moved_it_goes_on(model);
				model_free(model);
			}
		}
	}
	printf("# %" PRIu64 " moves were not cut\n", total_moves);
	tap_check(total_moves > 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(saves_torn_anywhere_keep_one_slot),
		TAP_TEST(moves_cut_anywhere_leave_one_whole_replica),
		TAP_TEST(checkpoints_cut_in_a_row_keep_the_log),
		TAP_TEST(what_was_only_read_is_not_taken_for_durable),
		TAP_TEST(truncations_cut_anywhere_leave_no_phantom),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
