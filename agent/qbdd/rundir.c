// SPDX-License-Identifier: GPL-2.0
/* See rundir.h. */
#include "qbdd/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"

static int make_folder(const char *path, struct base_error *error)
{
	/* Others find the sockets in it, whatever our umask is. */
	if ((mkdir(path, 0755) == 0 && chmod(path, 0755) == 0) ||
	    errno == EEXIST)
		return 0;
	return base_error_set(error, -errno, "%s: can't make this folder: %s",
			      path, strerror(errno));
}

/* The file stays when the daemon ends: removing it would let two take it. */
static int take_lock(struct rundir *run, const char *volume,
		     struct base_error *error)
{
	char pid[32] = "";
	ssize_t size;

	run->lock_fd = open(run->pid_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (run->lock_fd < 0)
		return base_error_set(error, -errno, "%s: %s", run->pid_path,
				      strerror(errno));
	if (flock(run->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	size = pread(run->lock_fd, pid, sizeof(pid) - 1, 0);
	pid[size > 0 ? size : 0] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	close(run->lock_fd);
	run->lock_fd = -1;
	return base_error_set(error, -EBUSY,
			      "volume %s: an agent runs already (pid %s); see "
			      "qbd status %s",
			      volume, pid[0] ? pid : "not known", volume);
}

int rundir_open(struct rundir *run, const char *volume,
		struct base_error *error)
{
	const char *folder = conf_run_dir();
	char text[32];
	int code, size;

	run->lock_fd = -1;
	code = make_folder(folder, error);
	if (code)
		return code;
	snprintf(run->pid_path, sizeof(run->pid_path), "%s/%s.pid", folder,
		 volume);
	snprintf(run->socket_path, sizeof(run->socket_path), "%s/%s.sock",
		 folder, volume);
	snprintf(run->log_path, sizeof(run->log_path), "%s/%s.log", folder,
		 volume);
	code = take_lock(run, volume, error);
	if (code)
		return code;
	size = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	errno = 0;
	if (ftruncate(run->lock_fd, 0) ||
	    pwrite(run->lock_fd, text, (size_t)size, 0) != size) {
		code = errno ? -errno : -EIO;
		rundir_close(run);
		return base_error_set(error, code, "%s: can't be written: %s",
				      run->pid_path, strerror(-code));
	}
	return 0;
}

void rundir_close(struct rundir *run)
{
	if (run->lock_fd < 0)
		return;
	if (ftruncate(run->lock_fd, 0))
		errno = 0; /* an old pid does no harm without the lock */
	close(run->lock_fd);
	run->lock_fd = -1;
}
