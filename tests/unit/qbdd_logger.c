// SPDX-License-Identifier: GPL-2.0
/*
 * The way of a log line: nobody who logs waits, the order is kept, what is lost
 * is told, and what was said comes out at the end and after a crash.  Also right
 * under ThreadSanitizer.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "qbdd/logfile.h"
#include "qbdd/logger.h"
#include "tap.h"

#define THREADS 3
#define LINES 300 /* of each; all of them fit into the queue */
#define CLOSE_MS 30000

/* Keeps what it is given, if it may. */
static struct {
	pthread_mutex_t stuck; /* held: writing waits */
	char text[THREADS * LINES + LOGGER_LINES_MAX + 8][64];
	unsigned int count;
	unsigned int failures; /* still to come */
} kept = { .stuck = PTHREAD_MUTEX_INITIALIZER };

static int keep(void *context, const struct logger_line *line)
{
	pthread_mutex_lock(&kept.stuck);
	pthread_mutex_unlock(&kept.stuck);
	if (__atomic_load_n(&kept.failures, __ATOMIC_RELAXED)) {
		__atomic_sub_fetch(&kept.failures, 1, __ATOMIC_RELEASE);
		return -ENOSPC;
	}
	if (kept.count == TAP_COUNT(kept.text))
		return 0;
	snprintf(kept.text[kept.count], sizeof(kept.text[0]), "%.63s",
		 line->text);
	__atomic_add_fetch(&kept.count, 1, __ATOMIC_RELEASE);
	return 0;
}

static const struct logger_output keeper = { .write = keep };

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void setup(void)
{
	base_log_setup("node=n1 volume=v", BASE_LOG_INFO);
	kept.count = 0;
	kept.failures = 0;
}

static void what_is_said_before_the_start_and_at_the_end_comes_out(void)
{
	setup();
	tap_need(logger_open(&keeper) == 0);
	base_log(BASE_LOG_NOTICE, "event=one");
	tap_check_eq(kept.count, 0);
	tap_need(logger_start() == 0);
	base_log(BASE_LOG_NOTICE, "event=two a=%d", 2);
	base_log(BASE_LOG_DEBUG, "event=not-asked-for");
	logger_close(CLOSE_MS);
	tap_check_eq(kept.count, 2);
	tap_check_str(kept.text[0], "node=n1 volume=v event=one");
	tap_check_str(kept.text[1], "node=n1 volume=v event=two a=2");
}

static void a_start_that_never_came_loses_nothing(void)
{
	setup();
	tap_need(logger_open(&keeper) == 0);
	base_log(BASE_LOG_ERROR, "event=not-started");
	logger_close(CLOSE_MS);
	tap_check_eq(kept.count, 1);
}

static void *say_many(void *argument)
{
	unsigned int i;

	for (i = 0; i < LINES; i++)
		base_log(BASE_LOG_INFO, "event=t%u number=%u",
			 *(unsigned int *)argument, i);
	return NULL;
}

static void many_threads_lose_nothing_and_keep_their_order(void)
{
	unsigned int next[THREADS] = { 0 }, ids[THREADS], i, id, number;
	pthread_t threads[THREADS];

	setup();
	tap_need(logger_open(&keeper) == 0);
	tap_need(logger_start() == 0);
	for (i = 0; i < THREADS; i++) {
		ids[i] = i;
		pthread_create(&threads[i], NULL, say_many, &ids[i]);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	logger_close(CLOSE_MS);
	tap_check_eq(kept.count, THREADS * LINES);
	for (i = 0; i < kept.count; i++) {
		tap_need(sscanf(kept.text[i],
				"node=n1 volume=v event=t%u number=%u", &id,
				&number) == 2);
		tap_need(id < THREADS);
		tap_check_eq(number, next[id]++);
	}
}

/* Until the first line gets through again. */
static bool poll_empty(void)
{
	uint64_t until = now_ms() + CLOSE_MS;

	while (__atomic_load_n(&kept.count, __ATOMIC_ACQUIRE) <
	       LOGGER_LINES_MAX) {
		if (now_ms() > until)
			return false;
		usleep(1000);
	}
	return true;
}

static void a_stuck_output_stops_nobody_and_what_is_lost_is_told(void)
{
	const unsigned int extra = 50;
	uint64_t began;
	unsigned int i;

	setup();
	pthread_mutex_lock(&kept.stuck);
	tap_need(logger_open(&keeper) == 0);
	tap_need(logger_start() == 0);
	began = now_ms();
	for (i = 0; i < LOGGER_LINES_MAX + extra; i++)
		base_log(BASE_LOG_INFO, "event=x number=%u", i);
	tap_check(now_ms() - began < 5000); /* it would be for ever */
	pthread_mutex_unlock(&kept.stuck);
	tap_need(poll_empty());
	base_log(BASE_LOG_INFO, "event=y");
	logger_close(CLOSE_MS);
	tap_check_eq(kept.count, LOGGER_LINES_MAX + 2);
	tap_check_str(kept.text[LOGGER_LINES_MAX + 1],
		      "node=n1 volume=v event=y");
	tap_check_str(kept.text[LOGGER_LINES_MAX - 1],
		      "node=n1 volume=v event=x number=1023");
	tap_check(strncmp(kept.text[LOGGER_LINES_MAX],
			  "node=n1 volume=v event=log-lost lines=50 ",
			  41) == 0);
}

static void an_end_does_not_wait_for_a_stuck_output_for_ever(void)
{
	uint64_t began;
	int status;
	pid_t pid;

	setup();
	began = now_ms();
	pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(&kept.stuck);
		if (logger_open(&keeper) || logger_start())
			_exit(1);
		base_log(BASE_LOG_INFO, "event=x");
		logger_close(100);
		_exit(0);
	}
	tap_need(waitpid(pid, &status, 0) == pid);
	tap_check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	tap_check(now_ms() - began < 20000);
}

static void lines_that_could_not_be_written_are_told_once_one_can(void)
{
	uint64_t until = now_ms() + CLOSE_MS;

	setup();
	kept.failures = 3; /* two lines, and the line that tells of them */
	tap_need(logger_open(&keeper) == 0);
	base_log(BASE_LOG_INFO, "event=x");
	base_log(BASE_LOG_INFO, "event=y");
	tap_need(logger_start() == 0);
	while (__atomic_load_n(&kept.failures, __ATOMIC_ACQUIRE) &&
	       now_ms() < until)
		usleep(1000);
	base_log(BASE_LOG_INFO, "event=z");
	logger_close(CLOSE_MS);
	tap_need(kept.count == 2);
	/* Before or behind it: they may meet. */
	tap_check(strstr(kept.text[0], "event=log-lost lines=2 ") != NULL ||
		  strstr(kept.text[1], "event=log-lost lines=2 ") != NULL);
}

/* In a child with standard error in a pipe: what it says until it ends. */
static size_t child_says(void (*child)(void), char *said, size_t size,
			 int *status)
{
	size_t used = 0;
	ssize_t got;
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		return 0;
	pid = fork();
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		child();
		_exit(0);
	}
	close(fds[1]);
	while ((got = read(fds[0], said + used, size - used - 1)) > 0)
		used += (size_t)got;
	said[used] = '\0';
	close(fds[0]);
	waitpid(pid, status, 0);
	return used;
}

static void crash(void)
{
	unsigned int i;

	if (logger_open(&logger_stderr) || logger_start())
		_exit(1);
	logger_catch_crashes();
	for (i = 0; i < LINES; i++)
		base_log(BASE_LOG_INFO, "event=x number=%u", i);
	abort();
}

static void a_crash_lets_what_was_said_come_out(void)
{
	static char said[1 << 20];
	unsigned int lines = 0;
	char *at;
	int status;

	setup();
	tap_need(child_says(crash, said, sizeof(said), &status) > 0);
	for (at = said; (at = strstr(at, "event=x ")); at++)
		lines++;
	tap_check_eq(lines, LINES);
	tap_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void say_one(void)
{
	setenv("TZ", "UTC-01:30", 1); /* east of Greenwich */
	tzset();
	base_log(BASE_LOG_WARNING, "event=%s", "a\nb\tc\x7f");
}

static void without_a_logger_a_line_is_one_line_with_level_and_time(void)
{
	char said[512];
	int status;

	setup();
	tap_need(child_says(say_one, said, sizeof(said), &status) > 0);
	tap_check(strncmp(said, "<4>20", 5) == 0);
	tap_check(base_log_is_line(said) && base_log_is_line(said + 3));
	tap_check_str(said + 3 + 23, "+01:30 node=n1 volume=v event=a?b?c?\n");
}

static void what_is_for_people_is_no_line_of_the_log(void)
{
	tap_check(base_log_is_line("<3>node=n1"));
	tap_check(base_log_is_line("2026-11-27T06:30:00.123+01:00 error x"));
	tap_check(!base_log_is_line("qbdd: /dev/sdb: in use"));
	tap_check(!base_log_is_line("2026-11-27.conf:1: no volume"));
	tap_check(!base_log_is_line("2026-11-27T06:3"));
	tap_check(!base_log_is_line(""));
}

static void quotes_of_others_end_no_value(void)
{
	char clean[16];

	tap_check_str(base_log_clean("a \"b\"\nc", clean, sizeof(clean)),
		      "a 'b'?c");
}

static char folder[64];

static uint64_t size_of(const char *name, char *path, size_t size)
{
	struct stat stat_buf;

	snprintf(path, size, "%.40s/%s", folder, name);
	return stat(path, &stat_buf) ? 0 : (uint64_t)stat_buf.st_size;
}

static unsigned int count_files(void)
{
	DIR *dir = opendir(folder);
	unsigned int count = 0;

	while (dir && readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

static void the_file_is_rotated_and_two_old_ones_are_kept(void)
{
	const char *names[] = { "v.log", "v.log.1", "v.log.2" };
	char path[128], other[128], line[256];
	struct logfile file = { .path = path, .bytes_max = 10000, .fd = -1 };
	struct logger_output output;
	unsigned int i;
	FILE *stream;
	uint64_t size;

	setup();
	strcpy(folder, "/tmp/qbd-logger-XXXXXX");
	tap_need(mkdtemp(folder) != NULL);
	size_of("v.log", path, sizeof(path));
	tap_need(logfile_open(&file) == 0);
	output = logfile_output(&file);
	tap_need(logger_open(&output) == 0);
	for (i = 0; i < 900; i++)
		base_log(BASE_LOG_WARNING, "event=x number=%u", i);
	tap_need(logger_start() == 0);
	logger_close(CLOSE_MS);
	logfile_close(&file);
	tap_check_eq(count_files(), 3);
	for (i = 0; i < 3; i++) {
		size = size_of(names[i], other, sizeof(other));
		tap_check(size > 0 && size <= 10000);
		tap_check(i == 0 || size > 9900);
	}
	/* The last line is in the newest file, the first one is gone. */
	stream = fopen(path, "re");
	tap_need(stream != NULL);
	while (fgets(line, sizeof(line), stream))
		tap_check(base_log_is_line(line) && line[0] == '2');
	fclose(stream);
	tap_check(strstr(line, " warning node=n1 volume=v event=x "
			       "number=899\n") != NULL);
	/* One that is too large already is put aside at once. */
	file.bytes_max = size_of("v.log", other, sizeof(other));
	tap_need(logfile_open(&file) == 0);
	logfile_close(&file);
	tap_check_eq(size_of("v.log", other, sizeof(other)), 0);
	for (i = 0; i < 3; i++) {
		size_of(names[i], other, sizeof(other));
		unlink(other);
	}
	rmdir(folder);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(
			what_is_said_before_the_start_and_at_the_end_comes_out),
		TAP_TEST(a_start_that_never_came_loses_nothing),
		TAP_TEST(many_threads_lose_nothing_and_keep_their_order),
		TAP_TEST(a_stuck_output_stops_nobody_and_what_is_lost_is_told),
		TAP_TEST(an_end_does_not_wait_for_a_stuck_output_for_ever),
		TAP_TEST(lines_that_could_not_be_written_are_told_once_one_can),
		TAP_TEST(a_crash_lets_what_was_said_come_out),
		TAP_TEST(
			without_a_logger_a_line_is_one_line_with_level_and_time),
		TAP_TEST(what_is_for_people_is_no_line_of_the_log),
		TAP_TEST(quotes_of_others_end_no_value),
		TAP_TEST(the_file_is_rotated_and_two_old_ones_are_kept),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
