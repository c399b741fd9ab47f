/* build: tests/sim/raft/world.c tests/sim/raft/node.c tests/sim/raft/disk.c tests/sim/raft/faults.c tests/sim/raft/oracle.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * raft_sim [FROM [TO]]: the consensus core in simulated clusters, one for each
 * seed.  With TRACE=1 in the environment each step is told.  The same seed
 * gives the same run on every build; the last line's hash tells.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "raft/world.h"

jmp_buf sim_failed;

static const char *program;

/* An assertion of the core's is a finding, too: say whose. */
static void on_abort(int signal_number)
{
	char text[256];
	int length = snprintf(text, sizeof(text),
			      "seed %llu aborted; again: TRACE=1 %s %llu\n",
			      (unsigned long long)sim.seed, program,
			      (unsigned long long)sim.seed);
	ssize_t written;

	(void)signal_number;
	fflush(stdout);
	written = write(1, text, (size_t)length);
	_exit(written < 0 ? 3 : 2);
}

static bool run(uint64_t seed)
{
	sim_world_begin(seed);
	if (setjmp(sim_failed) == 0) {
		sim_world_run();
		return true;
	}
	printf("# again: TRACE=1 %s %llu\n", program,
	       (unsigned long long)sim.seed);
	return false;
}

int main(int argc, char **argv)
{
	static struct sim_world all; /* only its counters */
	uint64_t from = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t to = argc > 2 ? strtoull(argv[2], NULL, 10) :
		      argc > 1 ? from :
				 1000;
	unsigned int failed = 0;
	uint64_t seed;

	program = argv[0];
	signal(SIGABRT, on_abort);
	sim.trace = getenv("TRACE") && strcmp(getenv("TRACE"), "0") != 0;
	for (seed = from; seed <= to && failed < 10; seed++) {
		failed += !run(seed);
		all.now_us += sim.now_us;
		all.steps += sim.steps;
		all.leaders += sim.leaders;
		all.crashes += sim.crashes;
		all.pauses += sim.pauses;
		all.cuts += sim.cuts;
		all.transfers += sim.transfers;
		all.disk_losses += sim.disk_losses;
		all.copies += sim.copies;
		all.changes += sim.changes;
		all.mails_lost += sim.mails_lost;
		all.value += oracle_committed();
		all.trace_hash = all.trace_hash * 31 + sim.trace_hash;
		sim_world_end();
	}
	printf("# raft_sim: %llu seeds, %.1f virtual hours, %llu steps, "
	       "%llu commits, %llu elections; crashes %llu, pauses %llu, "
	       "cuts %llu, transfers %llu, member changes %llu, disks lost "
	       "%llu, copies %llu, "
	       "messages lost %llu; %u failed; hash %016llx\n",
	       (unsigned long long)(seed - from), (double)all.now_us / 3.6e9,
	       (unsigned long long)all.steps, (unsigned long long)all.value,
	       (unsigned long long)all.leaders, (unsigned long long)all.crashes,
	       (unsigned long long)all.pauses, (unsigned long long)all.cuts,
	       (unsigned long long)all.transfers,
	       (unsigned long long)all.changes,
	       (unsigned long long)all.disk_losses,
	       (unsigned long long)all.copies,
	       (unsigned long long)all.mails_lost, failed,
	       (unsigned long long)all.trace_hash);
	printf("1..1\n%sok 1 - the_core_from_seeds_%llu_to_%llu\n",
	       failed ? "not " : "", (unsigned long long)from,
	       (unsigned long long)to);
	fflush(stdout);
	/* A run that failed half-way leaves memory behind: no leak report. */
	if (failed)
		_exit(1);
	return 0;
}
