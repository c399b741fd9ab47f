/* build: -Itests/fuzz/kshim -Itests/unit/kshim -Ikmod */
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kmod/stall.h: a queue that moves has not stalled, however long it is.
 */
#include "stall.h"
#include "tap.h"

#define TIMEOUT 1000UL
#define NEVER 0UL

static void oldest_counts_in_any_order(void)
{
	static const unsigned long arrived[] = { 5200, 5100, 5300 };
	struct qbd_stall stall = {};
	unsigned int i;

	for (i = 0; i < TAP_COUNT(arrived); i++)
		qbd_stall_note(&stall, arrived[i]);
	tap_check(stall.any);
	tap_check_eq(stall.arrived, 5100);
}

static void time_is_up_when_nothing_has_gone_on(void)
{
	const struct qbd_stall stall = { true, 5000 };

	tap_check_eq(qbd_stall_left(&stall, NEVER, 5000, TIMEOUT), TIMEOUT);
	tap_check_eq(qbd_stall_left(&stall, NEVER, 5999, TIMEOUT), 1);
	tap_check_eq(qbd_stall_left(&stall, NEVER, 6000, TIMEOUT), 0);
	tap_check_eq(qbd_stall_left(&stall, NEVER, 60000, TIMEOUT), 0);
	/* What went on before it came is no progress for it. */
	tap_check_eq(qbd_stall_left(&stall, 4999, 6000, TIMEOUT), 0);
}

static void queue_that_moves_has_the_time_anew(void)
{
	const struct qbd_stall stall = { true, 5000 };

	tap_check_eq(qbd_stall_left(&stall, 5999, 6000, TIMEOUT), TIMEOUT - 1);
	/* It is a hundred timeouts old. */
	tap_check_eq(qbd_stall_left(&stall, 104500, 105000, TIMEOUT),
		     TIMEOUT - 500);
	tap_check_eq(qbd_stall_left(&stall, 104500, 105500, TIMEOUT), 0);
}

static void times_may_wrap(void)
{
	const unsigned long arrived = 0UL - 100;
	const struct qbd_stall stall = { true, arrived };

	tap_check_eq(qbd_stall_left(&stall, arrived - 7, 100, TIMEOUT),
		     TIMEOUT - 200);
	tap_check_eq(qbd_stall_left(&stall, 50, 100, TIMEOUT), TIMEOUT - 50);
	tap_check_eq(qbd_stall_left(&stall, arrived - 7, 900, TIMEOUT), 0);
	/* Half of all times ago: in the future, as it seems. */
	tap_check_eq(qbd_stall_left(&stall, 101, 100, TIMEOUT), TIMEOUT - 200);
	tap_check_eq(qbd_stall_left(&stall, 901, 900, TIMEOUT), 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(oldest_counts_in_any_order),
		TAP_TEST(time_is_up_when_nothing_has_gone_on),
		TAP_TEST(queue_that_moves_has_the_time_anew),
		TAP_TEST(times_may_wrap),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
