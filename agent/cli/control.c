// SPDX-License-Identifier: GPL-2.0
/* See control.h. */
#include "cli/control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

const struct control_command control_status = { .type = CONTROL_STATUS };

static int connect_failed(const char *volume, int code,
			  struct base_error *error)
{
	switch (code) {
	case -ENOENT:
	case -ECONNREFUSED:
		return base_error_set(error, code,
				      "volume %s: its agent is not "
				      "running; start it with: qbd up %s",
				      volume, volume);
	case -EAGAIN:
		return base_error_set(error, code,
				      "volume %s: its agent does not "
				      "answer; it is stopped or hangs",
				      volume);
	case -EACCES:
		return base_error_set(error, code, "volume %s: %s", volume,
				      CONTROL_DENIED);
	default:
		return base_error_set(error, code,
				      "volume %s: control socket in %s: %s",
				      volume, conf_run_dir(), strerror(-code));
	}
}

int control_open(const char *volume, struct control *control,
		 struct base_error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer = { .pid = 0 };
	socklen_t size = sizeof(peer);
	int fd, used, code;

	used = snprintf(address.sun_path, sizeof(address.sun_path),
			"%s/%s.sock", conf_run_dir(), volume);
	if ((size_t)used >= sizeof(address.sun_path))
		return base_error_set(error, -ENAMETOOLONG,
				      "%s: the path of the control socket of "
				      "%s is longer than %zu letters; choose "
				      "another QBD_RUN_DIR",
				      conf_run_dir(), volume,
				      sizeof(address.sun_path) - 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return connect_failed(volume, -errno, error);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		code = -errno;
		close(fd);
		return connect_failed(volume, code, error);
	}
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	control->fd = fd;
	control->pid = peer.pid;
	return 0;
}

void control_close(struct control *control)
{
	if (control->fd >= 0)
		close(control->fd);
	control->fd = -1;
}

int control_send(struct control *control, const struct control_command *command)
{
	json_t *request = control_command_json(command);
	char *text = json_dumps(request, JSON_COMPACT);
	int code = 0;

	json_decref(request);
	if (!text)
		return -ENOMEM;
	if (send(control->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		code = -errno;
	free(text);
	return code;
}

json_t *control_receive(struct control *control, uint64_t until_ms,
			struct base_error *error)
{
	struct pollfd ready = { .fd = control->fd, .events = POLLIN };
	char *packet = NULL;
	json_t *reply = NULL;
	uint64_t now_ms;
	ssize_t size;

	for (;;) {
		now_ms = cli_now_ms();
		if (poll(&ready, 1,
			 now_ms < until_ms ? (int)(until_ms - now_ms) : 0) > 0)
			break;
		if (cli_now_ms() >= until_ms) {
			base_error_set(error, -ETIMEDOUT,
				       "the agent (pid %d) does not "
				       "answer; it is stopped or hangs",
				       (int)control->pid);
			return NULL;
		}
	}
	packet = malloc(CONTROL_REPLY_MAX);
	size = packet ? recv(control->fd, packet, CONTROL_REPLY_MAX, 0) : -1;
	if (size > 0)
		reply = json_loadb(packet, (size_t)size, 0, NULL);
	free(packet);
	if (size <= 0)
		base_error_set(error, -ECONNRESET,
			       "the agent (pid %d) ended or is busy; try "
			       "again",
			       (int)control->pid);
	else if (!json_is_object(reply))
		base_error_set(error, -EPROTO,
			       "the agent (pid %d) answers nonsense; are "
			       "qbd and qbdd of the same version?",
			       (int)control->pid);
	if (size <= 0 || json_is_object(reply))
		return reply;
	json_decref(reply);
	return NULL;
}

void control_within(struct control_command *command, unsigned int wait_ms)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	command->timed = true;
	command->until_ms = (uint64_t)now.tv_sec * 1000 +
			    (uint64_t)now.tv_nsec / 1000000 + wait_ms;
}

int control_refused(const json_t *reply, struct base_error *error)
{
	const char *text;

	if (json_is_true(json_object_get(reply, "ok")))
		return 0;
	text = json_string_value(json_object_get(reply, "error"));
	return base_error_set(error, -EREMOTEIO, "%s",
			      text ? text :
				     "the agent refuses, not saying why");
}

json_t *control_ask(const char *volume, const struct control_command *command,
		    unsigned int wait_ms, struct base_error *error)
{
	struct control control;
	json_t *reply = NULL;
	int ret;

	ret = control_open(volume, &control, error);
	if (ret)
		return NULL;
	ret = control_send(&control, command);
	if (ret)
		connect_failed(volume, ret, error);
	else
		reply = control_receive(&control, cli_now_ms() + wait_ms,
					error);
	control_close(&control);
	if (reply && control_refused(reply, error)) {
		json_decref(reply);
		return NULL;
	}
	return reply;
}
