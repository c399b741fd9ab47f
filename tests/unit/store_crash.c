/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * Power cuts: a random life of a replica, cut at a random write or sync with a
 * random part of the cache surviving, opened again, going on.
 *
 * STORE_SEED=N runs that case only, STORE_CASES=N that many.
 */
#include "store_life.h"

#define ROUNDS 6

static uint64_t total_cuts;

static bool one_step(struct model *model)
{
	uint64_t dice = draw(model, 100);

	if (dice < 40)
		return do_append(model);
	if (dice < 58)
		return do_sync(model);
	if (dice < 65)
		return do_idle(model);
	if (dice < 70)
		return do_truncate(model);
	if (dice < 76)
		return do_state(model);
	if (dice < 90)
		return do_apply(model);
	if (dice < 99)
		return do_checkpoint(model);
	return do_reset(model);
}

/* Anywhere but in the data area, the log rather than the slots. */
static void rot(struct model *model)
{
	struct format_layout layout;
	uint64_t from, room;

	layout_now(model, &layout);
	from = layout.ring;
	room = layout.ring_bytes;
	if (draw(model, 4) == 0) {
		from = layout.state[0];
		room = (uint64_t)FORMAT_META_BLOCKS * FORMAT_BLOCK;
	} else if (draw(model, 8) == 0) {
		from = layout.super[draw(model, 2)];
		room = FORMAT_BLOCK;
	}
	disk_flip(model->disk, disk_offset(model, from) + draw(model, room),
		  (uint8_t)(1U << draw(model, 8)));
}

/* Twice at most: what one left half done, the other finds. */
static bool moves_cut(struct model *model)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		disk_stop_after(model->disk, 1 + draw(model, 12));
		if (!do_move(model))
			return false;
		disk_crash(model->disk, DISK_CRASH_ANY);
	}
	return true;
}

static bool one_life(struct model *model)
{
	memset(&model->pending, 0, sizeof(model->pending));
	model->failed = false;
	model->fails = draw(model, 4) == 0;
	if (model->fails)
		disk_fail(model->disk,
			  DISK_WRITE * (1 + (unsigned int)draw(model, 3)),
			  1 + draw(model, 80));
	else
		disk_stop_after(model->disk, 1 + draw(model, 120));
	while (!over(model))
		if (!one_step(model))
			return false;
	shut(model);
	disk_fail(model->disk, 0, 0);
	disk_crash(model->disk, DISK_CRASH_ANY);
	total_cuts++;
	if (draw(model, 3) == 0 && !moves_cut(model))
		return false;
	if (model->rot)
		rot(model);
	if (!open_again(model))
		return false;
	if (model->boot.state.damaged)
		return mend(model);
	if (!check_meta(model) || !check_log(model))
		return false;
	memset(&model->pending, 0, sizeof(model->pending));
	/* Rot of a tail that nothing had noted looks torn. */
	if (model->rot && model->applied > model->last)
		return refill(model);
	if (model->checkpoint.incomplete) {
		bool good = fill(model);

		model->applied = model->checkpoint.applied;
		return good;
	}
	return check_image(model);
}

static bool one_case(uint64_t seed, bool with_rot)
{
	struct model *model = model_new(seed);
	bool good = model->store;
	int round;

	model->rot = with_rot;
	for (round = 0; good && round < ROUNDS; round++)
		good = one_life(model);
	model_free(model);
	return good;
}

static void many_cases(bool with_rot)
{
	const char *seed = getenv("STORE_SEED"), *cases = getenv("STORE_CASES");
	uint64_t first = 1, count = 250, i;

	if (cases)
		count = strtoull(cases, NULL, 10);
	if (seed) {
		first = strtoull(seed, NULL, 10);
		count = 1;
	}
	total_steps = total_cuts = total_lost = total_laps = total_damages = 0;
	total_moves = 0;
	for (i = first; i < first + count; i++)
		if (!one_case(i, with_rot))
			break;
	printf("# %" PRIu64 " cases, %" PRIu64 " power cuts, %" PRIu64
	       " writes and syncs, %" PRIu64
	       " un-acknowledged entries lost, %" PRIu64
	       " times room freed, %" PRIu64 " damages seen, %" PRIu64
	       " regions moved\n",
	       i - first, total_cuts, total_steps, total_lost, total_laps,
	       total_damages, total_moves);
}

static void power_cuts_lose_nothing_promised(void)
{
	many_cases(false);
}

static void power_cuts_and_rot_are_never_silent(void)
{
	many_cases(true);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(power_cuts_lose_nothing_promised),
		TAP_TEST(power_cuts_and_rot_are_never_silent),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
