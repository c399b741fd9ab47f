// SPDX-License-Identifier: GPL-2.0
/* See notify.h. */
#include "qbdd/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "qbdd/journal.h"
#include "qbdd/logfile.h"
#include "qbdd/logger.h"

static int ready_fd = -1; /* the parent reads its other end */
static int complain_fd = -1; /* what was standard error, while we start */

/* The child says '0', or dies, having said why on standard error. */
static void parent_wait(int fd, pid_t child)
{
	char byte = 0;
	int status = 0;

	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
	if (byte == '0')
		_exit(0);
	waitpid(child, &status, 0);
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) :
							 1);
}

static void null_input(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int daemon_fork(void)
{
	int fds[2];
	pid_t child;
	int code;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	child = fork();
	if (child < 0) {
		code = -errno;
		close(fds[0]);
		close(fds[1]);
		return code;
	}
	if (child) {
		close(fds[1]);
		parent_wait(fds[0], child);
	}
	close(fds[0]);
	ready_fd = fds[1];
	setsid();
	if (chdir("/"))
		return -errno;
	null_input();
	return 0;
}

void daemon_log(const char *path)
{
	static struct logfile file = { .bytes_max = LOGFILE_BYTES_MAX,
				       .is_stderr = true };
	struct logger_output output;
	int nothing;

	if (ready_fd < 0)
		return;
	complain_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	file.path = path;
	if (logfile_open(&file) == 0) {
		output = logfile_output(&file);
		logger_redirect(&output);
		return;
	}
	nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (nothing < 0)
		return;
	dup2(nothing, STDERR_FILENO);
	close(nothing);
}

void daemon_complain(const char *text)
{
	char clean[BASE_LOG_LINE_MAX];

	if (complain_fd < 0 && !journal_is_stderr()) {
		dprintf(STDERR_FILENO, "qbdd: %s\n", text);
		return;
	}
	if (complain_fd >= 0)
		dprintf(complain_fd, "qbdd: %s\n", text);
	base_log(BASE_LOG_ERROR, "event=not-started error=\"%s\"",
		 base_log_clean(text, clean, sizeof(clean)));
}

void daemon_ready(void)
{
	if (ready_fd < 0)
		return;
	/* A reader may wait for its end. */
	if (complain_fd >= 0)
		close(complain_fd);
	complain_fd = -1;
	if (write(ready_fd, "0", 1) == 1)
		close(ready_fd);
	ready_fd = -1;
}
