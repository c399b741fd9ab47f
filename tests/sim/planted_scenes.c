// SPDX-License-Identifier: GPL-2.0
/*
 * Bugs of agent/base/planted.h that it takes a rare order of events to see: a
 * scenario has that order.  With the bug alive it must see another trace, and
 * without any the one that it expects.
 */
#include "base/planted.h"
#include "tests/scenario/rig/scene.h"

#include <stdio.h>

enum planted_bug planted_bug;

static const struct {
	enum planted_bug bug;
	const char *name;
	const char *script;
} bugs[] = {
	{ PLANTED_PROMISE_FORGOTTEN, "promise_forgotten_at_a_restart",
	  "lease/is_kept_by_followers_that_restarted" },
	{ PLANTED_REJOINED_UNDURABLE, "rejoined_before_it_is_durable",
	  "replica/rejoins_when_its_log_is_durable" },
	{ PLANTED_REJOINED_BY_OLD_ROUNDS, "rejoined_by_old_rounds",
	  "replica/rejoin_needs_a_round_begun_after_the_loss" },
	{ PLANTED_LED_ON_AFTER_TRANSFER, "led_on_after_a_transfer",
	  "transfer/who_sent_timeout_now_leads_no_more" },
	{ PLANTED_GROWN_UNHEARD, "even_number_grown_unheard",
	  "member/even_number_knows_that_it_grows" },
};

#define BUG_COUNT (sizeof(bugs) / sizeof(bugs[0]))

int main(void)
{
	unsigned int i, number = 0, failed = 0;
	char path[256];

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", 2 * BUG_COUNT);
	for (i = 0; i < BUG_COUNT; i++) {
		bool seen, good;

		snprintf(path, sizeof(path), "tests/scenario/%s.txt",
			 bugs[i].script);
		planted_bug = bugs[i].bug;
		seen = !scene_script(path, false);
		planted_bug = PLANTED_NONE;
		good = scene_script(path, false);
		printf("%sok %u - %s\n", seen ? "" : "not ", ++number,
		       bugs[i].name);
		printf("%sok %u - without_%s\n", good ? "" : "not ", ++number,
		       bugs[i].name);
		failed += !seen + !good;
	}
	return failed != 0;
}
