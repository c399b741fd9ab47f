// SPDX-License-Identifier: GPL-2.0
/* See logfile.h. */
#include "qbdd/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *level_text(enum base_log_level level)
{
	switch (level) {
	case BASE_LOG_ERROR:
		return "error";
	case BASE_LOG_WARNING:
		return "warning";
	case BASE_LOG_NOTICE:
		return "notice";
	case BASE_LOG_INFO:
		return "info";
	case BASE_LOG_DEBUG:
		return "debug";
	}
	return "?";
}

/* PATH.1 to PATH.2, PATH to PATH.1. */
static void move_aside(const struct logfile *file)
{
	char from[1100], to[1100];
	int number;

	for (number = LOGFILE_OLD_MAX; number > 0; number--) {
		snprintf(to, sizeof(to), "%s.%d", file->path, number);
		if (number > 1)
			snprintf(from, sizeof(from), "%s.%d", file->path,
				 number - 1);
		else
			snprintf(from, sizeof(from), "%s", file->path);
		if (rename(from, to) && number == 1)
			unlink(from); /* the bound holds all the same */
	}
}

static int open_file(struct logfile *file)
{
	struct stat stat;
	int fd = open(file->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		      0640);

	if (fd < 0)
		return -errno;
	file->bytes = fstat(fd, &stat) == 0 ? (uint64_t)stat.st_size : 0;
	if (file->is_stderr) {
		dup2(fd, STDERR_FILENO);
		close(fd);
		fd = STDERR_FILENO;
	} else if (file->fd >= 0) {
		close(file->fd);
	}
	file->fd = fd;
	return 0;
}

int logfile_open(struct logfile *file)
{
	struct stat stat_buf;

	file->fd = -1;
	if (stat(file->path, &stat_buf) == 0 &&
	    (uint64_t)stat_buf.st_size >= file->bytes_max)
		move_aside(file);
	return open_file(file);
}

void logfile_close(struct logfile *file)
{
	if (file->fd >= 0 && !file->is_stderr)
		close(file->fd);
	file->fd = -1;
}

static int write_line(void *context, const struct logger_line *line)
{
	char text[BASE_LOG_LINE_MAX + BASE_LOG_STAMP_MAX + 16];
	char stamp[BASE_LOG_STAMP_MAX];
	struct logfile *file = context;
	int size;

	base_log_stamp(&line->time, stamp, sizeof(stamp));
	size = snprintf(text, sizeof(text), "%s %s %s\n", stamp,
			level_text(line->level), line->text);
	if (file->bytes && file->bytes + (uint64_t)size > file->bytes_max) {
		move_aside(file);
		open_file(file); /* else on with the old one */
	}
	if (write(file->fd, text, (size_t)size) != size)
		return -EIO;
	file->bytes += (uint64_t)size;
	return 0;
}

struct logger_output logfile_output(struct logfile *file)
{
	return (struct logger_output){ .write = write_line, .context = file };
}
