// SPDX-License-Identifier: GPL-2.0
/*
 * See control.h.  Everything here but order_take() and order_done() runs in the
 * control thread, which must never touch the node, the store or the net.
 */
#include "qbdd/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <urcu/urcu-memb.h>

#include "cli/status.h"
#include "qbdd/qbdd.h"

enum { POLL_STOP, POLL_LISTEN, POLL_CLIENTS };

struct control {
	struct snapshot_identity identity;
	struct snapshot_cell *cell;
	struct qbdd_queue *orders;
	struct sockaddr_un address;
	pthread_t thread;
	int listen_fd;
	int stop_fd;
	int done_fd; /* the loop has answered an order */
	struct pollfd polls[POLL_CLIENTS + CONTROL_CLIENTS_MAX];
	unsigned int poll_count;
};

bool order_take(struct order *order)
{
	uint32_t put = ORDER_PUT;

	if (__atomic_compare_exchange_n(&order->state, &put, ORDER_TAKEN, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return true;
	free(order);
	return false;
}

void order_done(struct control *control, struct order *order)
{
	const uint64_t one = 1;

	__atomic_store_n(&order->state, ORDER_DONE, __ATOMIC_RELEASE);
	if (write(control->done_fd, &one, sizeof(one)) < 0)
		return; /* it looks by itself when its time is over */
}

static json_t *refusal(const char *text)
{
	return json_pack("{s:b, s:s}", "ok", 0, "error", text);
}

static json_t *answer_status(struct control *control)
{
	struct snapshot snapshot;
	bool any = snapshot_read(control->cell, &snapshot);

	return json_pack("{s:b, s:o}", "ok", 1, "status",
			 snapshot_status(&control->identity,
					 any ? &snapshot : NULL,
					 qbdd_now_us()));
}

/* Return: false when the loop has not taken it in time; it is freed then. */
static bool order_wait(struct control *control, struct order *order)
{
	struct pollfd ready = { .fd = control->done_fd, .events = POLLIN };
	uint64_t until = qbdd_now_us() + ORDER_WAIT_MS * 1000;
	uint32_t put = ORDER_PUT;
	uint64_t count, now;

	while (__atomic_load_n(&order->state, __ATOMIC_ACQUIRE) != ORDER_DONE) {
		now = qbdd_now_us();
		if (now >= until &&
		    __atomic_compare_exchange_n(&order->state, &put,
						ORDER_GIVEN_UP, false,
						__ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return false;
		/* Taken: it is being answered right now. */
		poll(&ready, 1,
		     now < until ? (int)((until - now) / 1000) + 1 : 10);
		if (read(control->done_fd, &count, sizeof(count)) < 0)
			continue;
	}
	return true;
}

static json_t *answer_order(struct control *control, enum order_type type,
			    uint32_t peer)
{
	struct order *order = calloc(1, sizeof(*order));
	json_t *answer;

	if (!order)
		return refusal("out of memory");
	order->type = type;
	order->peer = peer;
	qbdd_queue_put(control->orders, &order->item);
	qbdd_queue_wake(control->orders);
	if (!order_wait(control, order))
		return refusal("the daemon does not get to it; see its "
			       "status, and try again");
	answer = order->error.code ? refusal(order->error.text) :
				     json_pack("{s:b}", "ok", 1);
	if (order->error.code == -ENOTCONN)
		json_object_set_new(answer, "leader",
				    snapshot_name(&control->identity,
						  order->leader));
	free(order);
	return answer;
}

static json_t *answer_transfer(struct control *control, const json_t *request)
{
	const struct conf *conf = control->identity.conf;
	const char *name = json_string_value(json_object_get(request, "node"));
	unsigned int i;

	for (i = 0; name && i < conf->node_count; i++)
		if (strcmp(conf->nodes[i].name, name) == 0)
			return answer_order(control, ORDER_TRANSFER,
					    conf->nodes[i].id);
	return refusal("transfer: no such node; see qbd status for the names");
}

static json_t *answer(struct control *control, const json_t *request)
{
	const char *command =
		json_string_value(json_object_get(request, "command"));

	if (!command)
		return refusal("a request is {\"command\":...}");
	if (strcmp(command, "status") == 0)
		return answer_status(control);
	if (strcmp(command, "transfer") == 0)
		return answer_transfer(control, request);
	if (strcmp(command, "stop") == 0)
		return answer_order(control, ORDER_STOP, 0);
	return refusal("unknown command; known are status, transfer, stop");
}

/* Return: false when the client is to be dropped. */
static bool serve(struct control *control, int fd)
{
	char packet[4096];
	ssize_t size = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
	json_t *request, *reply;
	char *text = NULL;
	bool sent = false;

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (size <= 0)
		return false;
	request = json_loadb(packet, (size_t)size, 0, NULL);
	reply = answer(control, request);
	json_decref(request);
	if (reply)
		text = json_dumps(reply, JSON_COMPACT);
	if (text && strlen(text) <= CONTROL_PACKET_MAX)
		sent = send(fd, text, strlen(text),
			    MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
	free(text);
	json_decref(reply);
	return sent;
}

static void control_accept(struct control *control)
{
	int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (control->poll_count == POLL_CLIENTS + CONTROL_CLIENTS_MAX) {
		close(fd); /* it asks again */
		return;
	}
	control->polls[control->poll_count].fd = fd;
	control->polls[control->poll_count].events = POLLIN;
	control->polls[control->poll_count++].revents = 0;
}

static void control_serve(struct control *control)
{
	struct pollfd *polls = control->polls;
	unsigned int i = POLL_CLIENTS;

	while (i < control->poll_count) {
		if (!polls[i].revents || serve(control, polls[i].fd)) {
			i++;
			continue;
		}
		close(polls[i].fd);
		polls[i] = polls[--control->poll_count];
	}
}

static void *control_thread(void *argument)
{
	struct control *control = argument;
	struct pollfd *polls = control->polls;

	urcu_memb_register_thread();
	while (!(polls[POLL_STOP].revents & POLLIN)) {
		if (poll(polls, control->poll_count, -1) < 0)
			continue;
		control_serve(control);
		if (polls[POLL_LISTEN].revents)
			control_accept(control);
	}
	while (control->poll_count > POLL_CLIENTS)
		close(polls[--control->poll_count].fd);
	urcu_memb_unregister_thread();
	return NULL;
}

/* The lock of the run directory says that nobody listens there any more. */
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
	control->poll_count = POLL_CLIENTS;
	return control_listen(control);
}

int control_start(const char *path, const struct snapshot_identity *identity,
		  struct snapshot_cell *cell, struct qbdd_queue *orders,
		  struct control **result, struct base_error *error)
{
	struct control *control = calloc(1, sizeof(*control));
	int code;

	if (!control)
		return base_error_set(error, -ENOMEM, "out of memory");
	control->identity = *identity;
	control->cell = cell;
	control->orders = orders;
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
