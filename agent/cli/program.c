// SPDX-License-Identifier: GPL-2.0
/* See program.h. */
#include "cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

int program_run(char *const *argv, int output)
{
	pid_t pid = fork();
	int status, nothing;

	if (pid < 0)
		return 127;
	if (pid == 0) {
		nothing = open("/dev/null", O_RDWR);
		if (output < 0)
			output = nothing;
		if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
		    dup2(output, STDOUT_FILENO) < 0 ||
		    dup2(output, STDERR_FILENO) < 0)
			_exit(127);
		close_range(STDERR_FILENO + 1, UINT_MAX, 0);
		execvp(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int program_read(char *const *argv, char *text, size_t size)
{
	int output = memfd_create("output", MFD_CLOEXEC);
	int status = program_run(argv, output);
	off_t end = lseek(output, 0, SEEK_END), from = 0;
	ssize_t used;

	if (end > (off_t)size - 1)
		from = end - ((off_t)size - 1);
	used = pread(output, text, size - 1, from);
	if (output >= 0)
		close(output);
	if (used < 0)
		used = 0;
	if (used && text[used - 1] == '\n')
		used--;
	text[used] = '\0';
	return status;
}
