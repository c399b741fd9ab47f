// SPDX-License-Identifier: GPL-2.0
/*
 * A seed is worth something only if it tells the same story everywhere: the
 * traces of some seeds, byte for byte (by hash), of the simulator as gcc builds
 * it and as clang does.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OURS "build/tests/sim/cluster_sim"
#define OTHER "build/other/cluster_sim"
#define SEEDS " --hash 1 64"
#define LINE_BYTES 128

static int compare(FILE *ours, FILE *other)
{
	char one[LINE_BYTES], two[LINE_BYTES];
	unsigned int seeds = 0;
	int differ = 0;

	while (fgets(one, sizeof(one), ours)) {
		if (!fgets(two, sizeof(two), other) || strcmp(one, two) != 0) {
			printf("# differs: seed %s", one);
			differ = 1;
		}
		seeds++;
	}
	printf("# seeds compared: %u\n", seeds);
	return differ || !seeds;
}

int main(void)
{
	FILE *ours, *other;
	int failed;

	if (access(OTHER, X_OK)) {
		printf("1..0 # SKIP no second compiler: clang, and gcc\n");
		return 0;
	}
	printf("1..1\n");
	ours = popen(OURS SEEDS, "r");
	other = popen(OTHER SEEDS, "r");
	failed = !ours || !other || compare(ours, other);
	if (ours && pclose(ours))
		failed = 1;
	if (other && pclose(other))
		failed = 1;
	printf("%sok 1 - same_trace_from_gcc_and_clang\n",
	       failed ? "not " : "");
	return failed;
}
