// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's hold on a device: binding it, and answers.  An answer is the
 * same message on both channels.  /dev/qbd-control is preferred, since no slow
 * command of another family can hold it up.
 */
#include "nl/session.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#define ANSWER_MS 5000
/* Heads, the longest list of completions, and the few other attributes. */
#define ANSWER_BYTES (QBD_MSG_DONES_MAX * sizeof(struct qbd_done) + 1024)

int session_end(struct nl_session *session, int code)
{
	if (!session->over)
		session->over = code;
	return code;
}

int session_refused(struct nl_session *session, int code)
{
	/* Some tag was not open any more (timeout, abort); the rest is done. */
	if (code == -ENOENT) {
		session->dones_refused++;
		return 0;
	}
	return session_end(session, code);
}

/* The socket's buffer, as large as asked or as we may; what it really is. */
static int set_rcvbuf(int fd, uint32_t wanted_bytes, uint32_t *bytes,
		      struct base_error *error)
{
	int value = (int)wanted_bytes, on = 1;
	socklen_t size = sizeof(value);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &value, size))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, size);
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &size))
		return base_error_set(error, -errno, "netlink socket: %s",
				      strerror(errno));
	if (value < (int)QBD_RCVBUF_MIN)
		return base_error_set(error, -EPERM,
				      "netlink socket: its buffer has %d bytes, "
				      "%u are needed; this needs root",
				      value, QBD_RCVBUF_MIN);
	if (setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)))
		return base_error_set(error, -errno, "netlink socket: %s",
				      strerror(errno));
	*bytes = (uint32_t)value;
	return 0;
}

/* The first message behind our BIND: its answer, or why not. */
static int read_bound(struct nl_session *session, const char *what,
		      struct parse_bound *bound, struct base_error *error)
{
	union {
		struct nlmsghdr head;
		uint8_t bytes[PARSE_HEAD_MAX];
	} answer;
	struct pollfd fd = { .fd = session->fd, .events = POLLIN };
	ssize_t size;
	int ret;

	do {
		ret = poll(&fd, 1, ANSWER_MS);
	} while (ret < 0 && errno == EINTR);
	if (ret <= 0)
		return base_error_set(error, -ETIMEDOUT,
				      "%s: the kernel does not answer", what);
	size = recv(fd.fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC);
	if (size < 0)
		return base_error_set(error, -errno, "%s: %s", what,
				      strerror(errno));
	if ((size_t)size > sizeof(answer) || !nlmsg_ok(&answer.head, (int)size))
		return base_error_set(error, -EPROTO, "%s: a malformed answer",
				      what);
	if (answer.head.nlmsg_type == NLMSG_ERROR)
		return channel_refusal(&answer.head, what, error) ?:
			       base_error_set(error, -EPROTO,
					      "%s: an empty answer", what);
	if (answer.head.nlmsg_type != session->channel.family)
		return base_error_set(error, -EPROTO,
				      "%s: an answer of another kind", what);
	return parse_bound(&answer.head, bound, error);
}

/*
 * No acknowledgement is asked for: it would come behind the first requests,
 * and the answer itself is one.
 */
static int bind_queue(struct nl_session *session, struct parse_bound *bound,
		      struct base_error *error)
{
	struct nl_sock *sock = session->channel.sock;
	char what[QBD_NAME_MAX + 64];
	struct nl_msg *msg;
	int ret;

	snprintf(what, sizeof(what), "volume %s: taking over /dev/qbd%u",
		 session->name, session->minor);
	msg = channel_message(&session->channel, QBD_CMD_BIND, NLM_F_REQUEST);
	if (!msg || nla_put_u32(msg, QBD_A_MINOR, session->minor) ||
	    nla_put_string(msg, QBD_A_NAME, session->name) ||
	    nla_put_u32(msg, QBD_A_RCVBUF, session->rcvbuf_bytes)) {
		nlmsg_free(msg);
		return base_error_set(error, -ENOMEM, "%s: out of memory",
				      what);
	}
	nl_socket_disable_auto_ack(sock);
	ret = nl_send_auto(sock, msg);
	nlmsg_free(msg);
	if (ret < 0)
		return base_error_set(error, -EIO, "%s: %s", what,
				      nl_geterror(ret));
	return read_bound(session, what, bound, error);
}

/* Where the device is; who has it, behind a refusal. */
static int look_up(const char *name, struct nl_device *device,
		   struct base_error *error)
{
	struct nl_admin *admin;
	int ret;

	ret = nl_admin_open(&admin, error);
	if (ret)
		return ret;
	ret = nl_device_get(admin, name, device, error);
	nl_admin_close(admin);
	return ret;
}

static void add_owner(const char *name, struct base_error *error)
{
	struct nl_device device;
	size_t used;

	if (!error || look_up(name, &device, NULL))
		return;
	used = strlen(error->text);
	snprintf(error->text + used, sizeof(error->text) - used,
		 "; another agent has it (netlink port %u): stop that first, "
		 "with qbd down %s",
		 device.agent_portid, name);
}

struct nl_session *session_alloc(const struct nl_session_ops *ops,
				 void *context)
{
	struct nl_session *session = calloc(1, sizeof(*session));
	unsigned int i;

	if (!session)
		return NULL;
	session->fd = -1;
	session->control = -1;
	session->ops = ops;
	session->context = context;
	session->slots = calloc(SESSION_SLOTS, sizeof(*session->slots));
	session->msg = nlmsg_alloc_size(ANSWER_BYTES);
	if (!session->slots || !session->msg)
		goto free;
	for (i = 0; i < SESSION_SLOTS; i++) {
		session->slots[i].buf = base_buf_new(QBD_MSG_BYTES_MAX);
		if (!session->slots[i].buf)
			goto free;
	}
	/* Until a message tells better: minor, generation, one request. */
	session->head_bytes =
		(uint32_t)(NLMSG_HDRLEN + GENL_HDRLEN + 2 * nla_total_size(4) +
			   nla_total_size(sizeof(struct qbd_req)));
	return session;
free:
	nl_session_close(session);
	return NULL;
}

int nl_session_open(const char *device, uint32_t rcvbuf_bytes,
		    const struct nl_session_ops *ops, void *context,
		    struct nl_session **session, struct nl_bound *bound,
		    struct base_error *error)
{
	struct nl_session *made = session_alloc(ops, context);
	struct nl_device found = { .minor = 0 };
	struct parse_bound told = { .cookie = 0 };
	int ret;

	if (!made)
		return base_error_set(error, -ENOMEM, "out of memory");
	ret = look_up(device, &found, error);
	if (ret)
		goto free;
	made->minor = found.minor;
	strcpy(made->name, found.name);
	ret = channel_open(&made->channel, error);
	if (ret)
		goto free;
	made->fd = nl_socket_get_fd(made->channel.sock);
	made->port = nl_socket_get_local_port(made->channel.sock);
	ret = set_rcvbuf(made->fd, rcvbuf_bytes, &made->rcvbuf_bytes, error);
	if (ret)
		goto free;
	made->control = open("/dev/" QBD_CONTROL_NAME, O_WRONLY | O_CLOEXEC);
	ret = bind_queue(made, &told, error);
	if (ret) {
		if (ret == -EBUSY)
			add_owner(device, error);
		goto free;
	}
	made->cookie = told.cookie;
	made->generation = told.generation;
	bound->minor = made->minor;
	bound->next_tag = told.next_tag;
	bound->epoch = told.epoch;
	bound->openers = told.openers;
	bound->writers = told.writers;
	*session = made;
	return 0;
free:
	nl_session_close(made);
	return ret;
}

void nl_session_close(struct nl_session *session)
{
	unsigned int i;

	if (!session)
		return;
	if (session->control >= 0)
		close(session->control);
	if (session->channel.sock)
		channel_close(&session->channel);
	for (i = 0; session->slots && i < SESSION_SLOTS; i++)
		base_buf_put(session->slots[i].buf);
	free(session->slots);
	nlmsg_free(session->msg);
	free(session);
}

int nl_session_fd(const struct nl_session *session)
{
	return session->fd;
}

/*
 * Begin an answer in the one message that is kept for them.  Putting
 * attributes into it can't fail: ANSWER_BYTES has room for all.
 */
static void begin(struct nl_session *session, uint8_t command)
{
	struct nlmsghdr *head = nlmsg_hdr(session->msg);
	struct genlmsghdr *genl = (void *)(head + 1);
	int ret;

	memset(head, 0, NLMSG_HDRLEN + GENL_HDRLEN);
	head->nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN;
	head->nlmsg_type = session->channel.family;
	head->nlmsg_flags = NLM_F_REQUEST;
	head->nlmsg_pid = session->port;
	genl->cmd = command;
	genl->version = QBD_GENL_VERSION;
	ret = nla_put_u32(session->msg, QBD_A_MINOR, session->minor) |
	      nla_put_u64(session->msg, QBD_A_COOKIE, session->cookie);
	assert(!ret);
}

/* Through the preferred channel; 0 or the kernel's negative errno. */
static int send_answer(struct nl_session *session)
{
	const struct nlmsghdr *head = nlmsg_hdr(session->msg);
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t sent;

	do {
		if (session->control >= 0)
			sent = write(session->control, head, head->nlmsg_len);
		else
			sent = sendto(session->fd, head, head->nlmsg_len, 0,
				      (const void *)&kernel, sizeof(kernel));
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return sent == (ssize_t)head->nlmsg_len ? 0 : -EPROTO;
}

static int flush_now(struct nl_session *session)
{
	int ret = 0;

	if (session->over)
		return session->over;
	begin(session, QBD_CMD_IO_DONE);
	if (session->done_count)
		ret |= nla_put(session->msg, QBD_A_DONES,
			       (int)(session->done_count *
				     sizeof(session->dones[0])),
			       session->dones);
	if (session->received)
		ret |= nla_put_u64(session->msg, QBD_A_RECEIVED,
				   session->received);
	if (session->applied)
		ret |= nla_put_u64(session->msg, QBD_A_APPLIED,
				   session->applied);
	assert(!ret);
	if (session->received) {
		session->charge_bytes = 0;
		session->charge_messages = 0;
	}
	session->done_count = 0;
	session->received = 0;
	session->applied = 0;
	ret = send_answer(session);
	return ret ? session_refused(session, ret) : 0;
}

void nl_session_done(struct nl_session *session, uint64_t tag, uint64_t epoch,
		     int error)
{
	struct qbd_done *done = &session->dones[session->done_count++];

	done->tag = tag;
	done->epoch = epoch;
	done->error = error;
	done->reserved = 0;
	/* What went wrong is told by the next nl_session_flush(). */
	if (session->done_count == QBD_MSG_DONES_MAX)
		flush_now(session);
	if (session->over)
		session->done_count = 0;
}

void nl_session_applied(struct nl_session *session, uint64_t tag)
{
	if (tag > session->applied)
		session->applied = tag;
}

void nl_session_received(struct nl_session *session, uint64_t tag)
{
	if (tag > session->received)
		session->received = tag;
}

int nl_session_flush(struct nl_session *session, bool dones_due)
{
	if (session->over)
		return session->over;
	if (session->done_count || (session->applied && !dones_due))
		return flush_now(session);
	/* Credits alone are worth a message only when they get short. */
	if (session->received &&
	    (session->charge_bytes > session->rcvbuf_bytes / 2 ||
	     session->charge_messages >= SESSION_CHARGES))
		return flush_now(session);
	return 0;
}

static int send_reason(struct nl_session *session, const char *reason)
{
	char text[QBD_REASON_MAX + 1];
	int ret;

	if (reason && *reason) {
		snprintf(text, sizeof(text), "%s", reason);
		ret = nla_put_string(session->msg, QBD_A_REASON, text);
		assert(!ret);
	}
	ret = send_answer(session);
	return ret ? session_end(session, ret) : 0;
}

int nl_session_lease(struct nl_session *session, uint64_t until_ns,
		     const char *reason)
{
	int ret;

	if (session->over)
		return session->over;
	begin(session, QBD_CMD_LEASE);
	ret = nla_put_u64(session->msg, QBD_A_LEASE_NS, until_ns);
	assert(!ret);
	return send_reason(session, reason);
}

int nl_session_fence(struct nl_session *session, const char *reason)
{
	if (session->over)
		return session->over;
	begin(session, QBD_CMD_FENCE);
	return send_reason(session, reason);
}
