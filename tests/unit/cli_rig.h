/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Runs the `qbd` command inside a child of the test, in a folder of its own,
 * and plays daemons for it.  Include it in one source of a program only.
 */
#ifndef CLI_RIG_H
#define CLI_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "tap.h"

#define RIG_WORDS_MAX 10

static char rig_folder[] = "/tmp/qbd-cli-XXXXXX";
static char rig_output[32768]; /* of the last rig_run(), both streams */
static uint64_t rig_took_ms;

/* One volume of one node. @disks: its settings of these; @more: the volume's */
static inline void rig_configure_disks(const char *volume, const char *disks,
				       const char *more)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.conf", rig_folder, volume);
	file = fopen(path, "w");
	fprintf(file,
		"volume = \"%s\";\n"
		"id = \"0b6f3c2e-6a57-4c0e-9d43-0c1f1a4a7e55\";\n"
		"size = \"1M\";\nlog-size = \"16M\";\n"
		"nodes = ( { name = \"n1\"; id = 1; address = \"127.0.0.1:7700\""
		"; %s } );\n%s",
		volume, disks, more);
	fclose(file);
}

/* The same, whose disk is the file `disk` in the folder. */
static inline void rig_configure(const char *volume, const char *more)
{
	char disks[128];

	snprintf(disks, sizeof(disks), "disk = \"%s/disk\";", rig_folder);
	rig_configure_disks(volume, disks, more);
}

static inline bool rig_setup(void)
{
	strcpy(rig_folder + strlen(rig_folder) - 6, "XXXXXX");
	if (!tap_check(mkdtemp(rig_folder) != NULL))
		return false;
	setenv("QBD_CONF_DIR", rig_folder, 1);
	setenv("QBD_RUN_DIR", rig_folder, 1);
	setenv("QBD_NODE", "n1", 1);
	rig_configure("vol0", "");
	return true;
}

static inline void rig_teardown(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", rig_folder);
	tap_check(system(command) == 0);
}

/*
 * Run `qbd WORD...` (ending with NULL); its exit status, 1000 + the signal when
 * it died.  A leak that ASan finds in it is a failure too.
 */
static inline int rig_run(const char *word, ...)
{
	char *argv[RIG_WORDS_MAX + 2] = { "qbd" };
	int output = memfd_create("output", MFD_CLOEXEC), argc = 1, status;
	uint64_t start_ms = cli_now_ms();
	ssize_t size;
	va_list words;
	pid_t pid;

	va_start(words, word);
	for (; word && argc <= RIG_WORDS_MAX; word = va_arg(words, char *))
		argv[argc++] = (char *)(uintptr_t)word;
	va_end(words);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(output, STDOUT_FILENO);
		dup2(output, STDERR_FILENO);
		exit(cli_main(argc, argv));
	}
	waitpid(pid, &status, 0);
	rig_took_ms = cli_now_ms() - start_ms;
	size = pread(output, rig_output, sizeof(rig_output) - 1, 0);
	rig_output[size > 0 ? size : 0] = '\0';
	close(output);
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   1000 + WTERMSIG(status);
}

/* Did the last run say so? */
static inline void rig_said_at(const char *words, const char *file, int line)
{
	if (!tap_check_at(strstr(rig_output, words) != NULL, words, file, line))
		printf("# said: %s\n", rig_output);
}
#define rig_said(words) rig_said_at((words), __FILE__, __LINE__)

/* A daemon of vol0, played by a child. */
enum rig_daemon {
	RIG_HANGS, /* accepts nothing */
	RIG_ANSWERS, /* with @status to status, with @other to the rest */
	RIG_ENDS, /* so too, and ends after another request than status */
};

static inline void rig_serve(int listener, enum rig_daemon how,
			     const char *status, const char *other)
{
	char request[4096];
	const char *reply;
	ssize_t size;
	int fd;

	while (how == RIG_HANGS)
		pause();
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		while ((size = recv(fd, request, sizeof(request) - 1, 0)) > 0) {
			request[size] = '\0';
			reply = strstr(request, "\"status\"") ? status : other;
			send(fd, reply, strlen(reply), MSG_NOSIGNAL);
			if (reply == other && how == RIG_ENDS)
				_exit(0);
		}
		close(fd);
	}
	_exit(1);
}

/* Return: its pid, for rig_daemon_end(). */
static inline pid_t rig_daemon_start(enum rig_daemon how, const char *status,
				     const char *other)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int ready[2], listener;
	char byte;
	pid_t pid;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/vol0.sock",
		 rig_folder);
	if (!tap_check(pipe(ready) == 0))
		return -1;
	unlink(address.sun_path); /* the one before it left it */
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		/* Who listens is who the caller takes for the daemon. */
		listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		if (bind(listener, (struct sockaddr *)&address,
			 sizeof(address)) ||
		    listen(listener, 2) || write(ready[1], "r", 1) != 1)
			_exit(1);
		close(ready[1]);
		rig_serve(listener, how, status, other);
	}
	close(ready[1]);
	tap_check(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	return pid;
}

static inline void rig_daemon_end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Is the module there?  Then other things are said than without. */
static inline bool rig_module_loaded(void)
{
	return access("/sys/module/qbd", F_OK) == 0;
}

#endif
