/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tests that speak TAP (testanything.org), for one-file test programs:
 *
 *	static void queue_keeps_order(void)
 *	{
 *		tap_check(first == 1);
 *		tap_check_eq(second, 2);
 *	}
 *
 *	int main(int argc, char **argv)
 *	{
 *		static const struct tap_test tests[] = {
 *			TAP_TEST(queue_keeps_order),
 *		};
 *
 *		return tap_main(tests, TAP_COUNT(tests), argc, argv);
 *	}
 *
 * A failed check says where and lets the test go on; tap_need() ends it.  With
 * an argument, only tests whose name contains it are run.  Include it in one
 * source of a program only: what is counted is static.
 *
 * With TAP_KSELFTEST defined the kernel's kselftest.h does the talking, for
 * what is run by the kernel's runner (scripts/guest/selftest).
 */
#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef TAP_KSELFTEST
#include <kselftest.h>
#endif

struct tap_test {
	const char *name;
	void (*run)(void);
};

#define TAP_TEST(function)          \
	{                           \
#function, function \
	}
#define TAP_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned int tap_failed_checks;
static const char *tap_skip_reason;

static inline bool tap_check_at(bool holds, const char *text, const char *file,
				int line)
{
	if (!holds) {
		tap_failed_checks++;
		printf("# %s:%d: failed: %s\n", file, line, text);
	}
	return holds;
}

static inline bool tap_check_eq_at(uint64_t got, uint64_t want,
				   const char *text, const char *file, int line)
{
	if (got == want)
		return true;
	tap_failed_checks++;
	printf("# %s:%d: %s is %" PRIu64 ", not %" PRIu64 "\n", file, line,
	       text, got, want);
	return false;
}

static inline bool tap_check_str_at(const char *got, const char *want,
				    const char *text, const char *file,
				    int line)
{
	if (got && want && strcmp(got, want) == 0)
		return true;
	tap_failed_checks++;
	printf("# %s:%d: %s is \"%s\", not \"%s\"\n", file, line, text,
	       got ? got : "(null)", want ? want : "(null)");
	return false;
}

/* Each of them is true where it holds. */
#define tap_check(condition) \
	tap_check_at((condition), #condition, __FILE__, __LINE__)
#define tap_check_eq(got, want) \
	tap_check_eq_at((got), (want), #got, __FILE__, __LINE__)
#define tap_check_str(got, want) \
	tap_check_str_at((got), (want), #got, __FILE__, __LINE__)

/* Without it the rest of the test makes no sense: leave the (void) function. */
#define tap_need(condition)                \
	do {                               \
		if (!tap_check(condition)) \
			return;            \
	} while (0)

/* A prerequisite is missing: name it, then return from the test. */
static inline void tap_skip(const char *reason)
{
	tap_skip_reason = reason;
}

#ifdef TAP_KSELFTEST

static inline void tap_begin(unsigned int planned)
{
	ksft_print_header();
	ksft_set_plan(planned);
}

static inline void tap_result(const struct tap_test *test)
{
	if (tap_skip_reason && !tap_failed_checks)
		ksft_test_result_skip("%s: %s\n", test->name, tap_skip_reason);
	else
		ksft_test_result(!tap_failed_checks, "%s\n", test->name);
}

static inline int tap_end(bool good)
{
	ksft_print_cnts();
	return good ? KSFT_PASS : KSFT_FAIL;
}

#else

static unsigned int tap_number;

static inline void tap_begin(unsigned int planned)
{
	printf("TAP version 13\n1..%u\n", planned);
}

static inline void tap_result(const struct tap_test *test)
{
	printf("%sok %u - %s%s%s\n", tap_failed_checks ? "not " : "",
	       ++tap_number, test->name, tap_skip_reason ? " # SKIP " : "",
	       tap_skip_reason ? tap_skip_reason : "");
}

static inline int tap_end(bool good)
{
	return good ? 0 : 1;
}

#endif

/* Run them all; return what main() returns. */
static inline int tap_main(const struct tap_test *tests, size_t count, int argc,
			   char **argv)
{
	const char *filter = argc > 1 ? argv[1] : "";
	unsigned int failed = 0, planned = 0;
	size_t i;

	for (i = 0; i < count; i++)
		planned += strstr(tests[i].name, filter) != NULL;
	setvbuf(stdout, NULL, _IOLBF, 0);
	tap_begin(planned);
	for (i = 0; i < count; i++) {
		if (!strstr(tests[i].name, filter))
			continue;
		tap_failed_checks = 0;
		tap_skip_reason = NULL;
		tests[i].run();
		failed += tap_failed_checks != 0;
		tap_result(&tests[i]);
	}
	return tap_end(!failed && planned);
}

#endif
