// SPDX-License-Identifier: GPL-2.0
/*
 * See control.h.  Everything here but command_take() and command_done() runs in
 * the control thread, which must never touch the node, the store or the net.
 *
 * A client that has a command under way is not read from until it is answered.
 */
#include "qbdd/control.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <urcu/urcu-memb.h>

#include "base/log.h"
#include "control/command.h"
#include "control/status.h"
#include "qbdd/qbdd.h"

enum { POLL_STOP, POLL_LISTEN, POLL_DONE, POLL_CLIENTS };

struct client {
	int fd;
	struct command *command; /* NULL: none under way */
	bool gone; /* has hung up; the command is being carried out */
};

struct control {
	struct status_identity identity;
	struct status_cell *cell;
	struct qbdd_queue *loop;
	struct sockaddr_un address;
	pthread_t thread;
	int listen_fd;
	int stop_fd;
	int done_fd; /* the loop has answered a command */
	unsigned int client_count;
	struct client clients[CONTROL_CLIENTS_MAX];
	struct pollfd polls[POLL_CLIENTS + CONTROL_CLIENTS_MAX];
};

static bool command_moves(struct command *command, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&command->state, &from, to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static bool hung_up(int fd)
{
	struct pollfd client = { .fd = fd };

	return poll(&client, 1, 0) > 0;
}

static int too_late(struct base_error *error)
{
	return base_error_set(error, -ETIMEDOUT,
			      "the agent did not get to it in time, and nothing "
			      "is done about it any more; see its status, and "
			      "try again");
}

/*
 * Both threads may have been stopped between the control thread's look at the
 * client and this one.
 */
bool command_take(struct control *control, struct command *command)
{
	if (!command_moves(command, COMMAND_PUT, COMMAND_TAKEN)) {
		free(command);
		return false;
	}
	if (qbdd_now_us() <= command->until_us && !hung_up(command->fd))
		return true;
	too_late(&command->error);
	command_done(control, command);
	return false;
}

void command_done(struct control *control, struct command *command)
{
	const uint64_t one = 1;

	__atomic_store_n(&command->state, COMMAND_DONE, __ATOMIC_RELEASE);
	/* It can only fail when the count is full: then it is readable. */
	if (write(control->done_fd, &one, sizeof(one)) < 0)
		return;
}

/* Of a text that may contain names from a client. */
static json_t *refusal(const char *text)
{
	return json_pack("{s:b, s:o}", "ok", 0, "error", control_text(text));
}

static json_t *answer_status(struct control *control)
{
	struct published_status published;
	bool any = status_read(control->cell, &published);

	return json_pack("{s:b, s:o}", "ok", 1, "status",
			 status_json(&control->identity,
				     any ? &published : NULL, qbdd_now_us()));
}

static uint64_t command_until(const struct control_command *asked)
{
	uint64_t now_us = qbdd_now_us();

	if (!asked->timed)
		return now_us + COMMAND_WAIT_MS * 1000;
	if (asked->until_ms > now_us / 1000 + COMMAND_WAIT_MAX_MS)
		return now_us + COMMAND_WAIT_MAX_MS * 1000;
	return asked->until_ms * 1000;
}

/* Return: NULL: the loop will answer it. */
static json_t *command_put(struct control *control, struct client *client,
			   const struct control_command *asked)
{
	struct base_error error;
	struct command *command;
	uint64_t until_us = command_until(asked);

	if (until_us <= qbdd_now_us() || hung_up(client->fd)) {
		too_late(&error);
		return refusal(error.text);
	}
	command = calloc(1, sizeof(*command));
	if (!command)
		return refusal("out of memory");
	command->errand.back = qbdd_command_back;
	command->asked = *asked;
	command->fd = client->fd;
	command->until_us = until_us;
	client->command = command;
	qbdd_queue_put(control->loop, &command->errand.item);
	qbdd_queue_wake(control->loop);
	return NULL;
}

static json_t *command_answer(struct control *control,
			      const struct command *command)
{
	json_t *answer = command->error.code ? refusal(command->error.text) :
					       json_pack("{s:b}", "ok", 1);

	if (command->error.code == -ENOTCONN)
		json_object_set_new(answer, "leader",
				    status_node_name(&control->identity,
						     command->leader));
	return answer;
}

/* Root, or the user that the agent runs as (in tests). */
static bool may_command(const struct client *client)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);

	return !getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

/* Return: NULL: it comes later. */
static json_t *answer(struct control *control, struct client *client,
		      const char *packet, size_t size)
{
	struct control_command asked;
	struct base_error error;

	if (control_command_parse(packet, size, &asked, &error))
		return refusal(error.text);
	if (asked.type == CONTROL_STATUS)
		return answer_status(control);
	if (!may_command(client))
		return refusal(
			"only root may order the agent about; others may "
			"ask for its status; run this as root");
	return command_put(control, client, &asked);
}

/* Takes @reply over.  Return: false when the client is to be dropped. */
static bool reply_send(int fd, json_t *reply)
{
	char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
	bool sent = false;

	if (text && strlen(text) <= CONTROL_REPLY_MAX)
		sent = send(fd, text, strlen(text),
			    MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
	free(text);
	json_decref(reply);
	return sent;
}

static bool client_read(struct control *control, struct client *client)
{
	char packet[CONTROL_REQUEST_MAX];
	ssize_t size = recv(client->fd, packet, sizeof(packet),
			    MSG_DONTWAIT | MSG_TRUNC);
	json_t *reply;

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (size <= 0)
		return false;
	reply = answer(control, client, packet, (size_t)size);
	return client->command || reply_send(client->fd, reply);
}

/* Its command is done, or it is too late for it.  False: drop the client. */
static bool client_commanded(struct control *control, struct client *client)
{
	struct command *command = client->command;
	uint32_t state = __atomic_load_n(&command->state, __ATOMIC_ACQUIRE);
	struct base_error error;
	json_t *reply;

	if (state == COMMAND_PUT &&
	    (client->gone || qbdd_now_us() > command->until_us) &&
	    command_moves(command, COMMAND_PUT, COMMAND_GIVEN_UP)) {
		client->command = NULL; /* the loop's */
		too_late(&error);
		return !client->gone &&
		       reply_send(client->fd, refusal(error.text));
	}
	if (state != COMMAND_DONE)
		return true;
	client->command = NULL;
	reply = command_answer(control, command);
	free(command);
	return reply_send(client->fd, reply) && !client->gone;
}

/* Return: false when it is to be dropped. */
static bool client_serve(struct control *control, struct client *client,
			 short revents)
{
	if (client->command && revents)
		client->gone = true; /* nothing but that is waited for */
	if (client->command)
		return client_commanded(control, client);
	return !revents || client_read(control, client);
}

static void control_serve(struct control *control)
{
	struct client *clients = control->clients;
	struct pollfd *polls = control->polls + POLL_CLIENTS;
	unsigned int i = 0;

	while (i < control->client_count) {
		if (client_serve(control, &clients[i], polls[i].revents)) {
			i++;
			continue;
		}
		close(clients[i].fd);
		clients[i] = clients[--control->client_count];
		polls[i].revents = polls[control->client_count].revents;
	}
}

static void control_accept(struct control *control)
{
	int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (control->client_count == CONTROL_CLIENTS_MAX) {
		close(fd); /* it asks again */
		return;
	}
	control->clients[control->client_count++] = (struct client){ .fd = fd };
}

/* Until a client sends something, or a command's deadline is over. */
static void control_wait(struct control *control)
{
	uint64_t now_us = qbdd_now_us(), wait_us = UINT64_MAX, count;
	struct pollfd *polls = control->polls;
	unsigned int i;

	for (i = 0; i < POLL_CLIENTS; i++)
		polls[i].revents = 0;
	for (i = 0; i < control->client_count; i++) {
		const struct client *client = &control->clients[i];
		const struct command *command = client->command;

		/* A client that has gone would be reported again and again. */
		polls[POLL_CLIENTS + i].fd = client->gone ? -1 : client->fd;
		polls[POLL_CLIENTS + i].events = command ? 0 : POLLIN;
		polls[POLL_CLIENTS + i].revents = 0;
		if (!command ||
		    __atomic_load_n(&command->state, __ATOMIC_ACQUIRE) !=
			    COMMAND_PUT)
			continue;
		if (command->until_us <= now_us)
			wait_us = 0;
		else if (command->until_us - now_us < wait_us)
			wait_us = command->until_us - now_us;
	}
	poll(polls, POLL_CLIENTS + control->client_count,
	     wait_us == UINT64_MAX ? -1 : (int)(wait_us / 1000) + 1);
	if (polls[POLL_DONE].revents &&
	    read(control->done_fd, &count, sizeof(count)) < 0)
		return;
}

static void *control_thread(void *argument)
{
	struct control *control = argument;
	struct pollfd *polls = control->polls;

	urcu_memb_register_thread();
	while (!(polls[POLL_STOP].revents & POLLIN)) {
		control_wait(control);
		control_serve(control);
		if (polls[POLL_LISTEN].revents)
			control_accept(control);
	}
	/* The loop has ended: what it has not taken it never will. */
	while (control->client_count) {
		struct client *client =
			&control->clients[--control->client_count];

		client->gone = true;
		if (client->command)
			client_commanded(control, client);
		close(client->fd);
	}
	urcu_memb_unregister_thread();
	return NULL;
}

/*
 * Monitors ask as members of CONTROL_GROUP.  Looked up in the file that system
 * groups are in: a directory server must not keep the agent from starting.
 */
static void control_share(const char *path)
{
	FILE *groups = fopen("/etc/group", "re");
	const struct group *group = NULL;

	if (!groups)
		return;
	do {
		group = fgetgrent(groups);
	} while (group && strcmp(group->gr_name, CONTROL_GROUP) != 0);
	if (group &&
	    (chown(path, (uid_t)-1, group->gr_gid) || chmod(path, 0660)))
		base_log(BASE_LOG_WARNING,
			 "event=socket-not-shared group=%s error=\"%s\" "
			 "remedy=\"give the agent CAP_CHOWN, or the group\"",
			 CONTROL_GROUP, strerror(errno));
	fclose(groups);
}

/* The lock of the run directory shows that no agent listens there. */
static int control_listen(struct control *control)
{
	const struct sockaddr *address =
		(const struct sockaddr *)&control->address;
	mode_t mask;
	int code;

	unlink(control->address.sun_path);
	mask = umask(0177);
	code = bind(control->listen_fd, address, sizeof(control->address));
	if (code)
		code = -errno;
	umask(mask);
	if (!code)
		control_share(control->address.sun_path);
	if (!code && listen(control->listen_fd, CONTROL_CLIENTS_MAX))
		code = -errno;
	return code;
}

static void control_free(struct control *control)
{
	if (control->done_fd >= 0)
		close(control->done_fd);
	if (control->stop_fd >= 0)
		close(control->stop_fd);
	if (control->listen_fd >= 0)
		close(control->listen_fd);
	free(control);
}

static int control_open(struct control *control)
{
	control->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	control->stop_fd = eventfd(0, EFD_CLOEXEC);
	control->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control->listen_fd < 0 || control->stop_fd < 0 ||
	    control->done_fd < 0)
		return -errno;
	control->polls[POLL_STOP].fd = control->stop_fd;
	control->polls[POLL_STOP].events = POLLIN;
	control->polls[POLL_LISTEN].fd = control->listen_fd;
	control->polls[POLL_LISTEN].events = POLLIN;
	control->polls[POLL_DONE].fd = control->done_fd;
	control->polls[POLL_DONE].events = POLLIN;
	return control_listen(control);
}

int control_start(const char *path, const struct status_identity *identity,
		  struct status_cell *cell, struct qbdd_queue *loop,
		  struct control **result, struct base_error *error)
{
	struct control *control = calloc(1, sizeof(*control));
	int code;

	if (!control)
		return base_error_set(error, -ENOMEM, "out of memory");
	control->identity = *identity;
	control->cell = cell;
	control->loop = loop;
	control->listen_fd = -1;
	control->stop_fd = -1;
	control->done_fd = -1;
	control->address.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(control->address.sun_path)) {
		control_free(control);
		return base_error_set(error, -ENAMETOOLONG,
				      "control socket %s: the path is longer "
				      "than %zu bytes; choose another "
				      "QBD_RUN_DIR",
				      path,
				      sizeof(control->address.sun_path) - 1);
	}
	strcpy(control->address.sun_path, path);
	code = control_open(control);
	if (!code)
		code = -pthread_create(&control->thread, NULL, control_thread,
				       control);
	if (code) {
		control_free(control);
		return base_error_set(error, code, "control socket %s: %s",
				      path, strerror(-code));
	}
	pthread_setname_np(control->thread, "qbdd-control");
	*result = control;
	return 0;
}

void control_stop(struct control *control)
{
	const uint64_t one = 1;

	if (!control)
		return;
	if (write(control->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(control->thread, NULL);
	unlink(control->address.sun_path);
	control_free(control);
}
