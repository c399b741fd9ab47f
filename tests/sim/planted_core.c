// SPDX-License-Identifier: GPL-2.0
/*
 * What planted_bugs is for the agent, for the core alone: with one bug of
 * agent/base/planted.h alive raft_sim's clusters must find it within the seeds
 * that the table states, and without any they must pass the same seeds.
 *
 *	planted_core		all of it
 *	planted_core N		the same, looking at N seeds
 */
#include "base/planted.h"
#include "raft/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum planted_bug planted_bug;
jmp_buf sim_failed;

static const struct {
	enum planted_bug bug;
	const char *name;
	unsigned int seeds; /* it is found within these */
} bugs[] = {
	{ PLANTED_REJOINED_UNDURABLE, "rejoined_before_it_is_durable", 4000 },
	{ PLANTED_REJOINED_BY_OLD_ROUNDS, "rejoined_by_old_rounds", 4000 },
	{ PLANTED_LED_ON_AFTER_TRANSFER, "led_on_after_a_transfer", 4000 },
	{ PLANTED_NONE, "without_any_the_same_seeds_pass", 4000 },
};

#define BUG_COUNT (sizeof(bugs) / sizeof(bugs[0]))

static void run_all(unsigned int seeds, uint64_t *seed)
{
	if (!freopen("/dev/null", "w", stdout))
		_exit(2);
	for (*seed = 1; *seed <= seeds; ++*seed) {
		sim_world_begin(*seed);
		if (setjmp(sim_failed))
			_exit(1);
		sim_world_run();
		sim_world_end();
	}
	_exit(0);
}

/*
 * In a child: an assertion of the core's is a finding, too.
 * Return: the first seed that finds something, 0: none does.
 */
static uint64_t look(unsigned int seeds)
{
	static uint64_t *seed;
	int status;
	pid_t pid;

	if (!seed)
		seed = mmap(NULL, sizeof(*seed), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seed == MAP_FAILED)
		abort();
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0)
		run_all(seeds, seed);
	if (waitpid(pid, &status, 0) != pid)
		abort();
	return status ? *seed : 0;
}

int main(int argc, char **argv)
{
	bool right = true, good;
	unsigned int i, seeds;
	uint64_t seed;

	printf("1..%zu\n", BUG_COUNT);
	for (i = 0; i < BUG_COUNT; i++) {
		planted_bug = bugs[i].bug;
		seeds = argc > 1 ? (unsigned int)atoi(argv[1]) : bugs[i].seeds;
		seed = look(seeds);
		good = planted_bug == PLANTED_NONE ? seed == 0 : seed != 0;
		if (seed)
			printf("# seed %" PRIu64 "\n", seed);
		printf("%sok %u - %s\n", good ? "" : "not ", i + 1,
		       bugs[i].name);
		right &= good;
	}
	return !right;
}
