// SPDX-License-Identifier: GPL-2.0
/*
 * Scenarios: scripts that say what is done to a cluster of cores and what must
 * be seen then.  README.md has the language.
 *
 *	scenario [--rewrite] [WORD]
 *
 * One test for each script under tests/scenario whose name contains WORD.  With
 * --rewrite the expected traces become what is seen: read the difference, and
 * judge it by the thesis, before you keep it.
 */
#include "rig/scene.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

#define FOLDER "tests/scenario/"

/* "tests/scenario/lease/a_b.txt" -> "lease/a_b" */
static void test_name(const char *path, char *name, size_t size)
{
	size_t length = strlen(path) - strlen(FOLDER) - strlen(".txt");

	snprintf(name, size, "%.*s", (int)length, path + strlen(FOLDER));
}

int main(int argc, char **argv)
{
	bool rewriting = argc > 1 && !strcmp(argv[1], "--rewrite");
	const char *word = argc > 1 + rewriting ? argv[1 + rewriting] : "";
	unsigned int number = 0, planned = 0, failed = 0;
	glob_t found;
	size_t i;

	if (glob(FOLDER "*/*.txt", 0, NULL, &found)) {
		fprintf(stderr, "no scripts in " FOLDER "\n");
		return 2;
	}
	for (i = 0; i < found.gl_pathc; i++)
		planned += strstr(found.gl_pathv[i], word) != NULL;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%u\n", planned);
	for (i = 0; i < found.gl_pathc; i++) {
		char name[256];
		bool good;

		if (!strstr(found.gl_pathv[i], word))
			continue;
		test_name(found.gl_pathv[i], name, sizeof(name));
		good = scene_script(found.gl_pathv[i], rewriting);
		failed += !good;
		printf("%sok %u - %s\n", good ? "" : "not ", ++number, name);
	}
	globfree(&found);
	scene_clear();
	return failed || !planned;
}
