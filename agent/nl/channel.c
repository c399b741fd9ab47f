// SPDX-License-Identifier: GPL-2.0
/* See channel.h. */
#include "nl/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/qbd.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>

#define ANSWER_MS 2000
#define BUFFER_BYTES 32768

struct exchange {
	bool ended;
	bool changed; /* a dump that is not of one moment */
	int error;
	const char *what;
	struct base_error *text;
	int (*answer)(const struct nlmsghdr *head, void *context);
	void *context;
};

/* libnl has its own numbers; those that may come out of a socket. */
static int from_libnl(int code)
{
	switch (-code) {
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_PROTO_MISMATCH:
	case NLE_AF_NOSUPPORT:
		return -EPROTONOSUPPORT;
	default:
		return -EIO;
	}
}

int channel_open(struct channel *channel, struct base_error *error)
{
	struct nl_sock *sock = nl_socket_alloc();
	int on = 1, ret;

	if (!sock)
		return base_error_set(error, -ENOMEM, "out of memory");
	ret = genl_connect(sock);
	if (ret < 0) {
		ret = base_error_set(error, from_libnl(ret),
				     "no generic netlink socket: %s",
				     nl_geterror(ret));
		goto free;
	}
	/* Texts are a nicety: a kernel without them still answers. */
	setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_EXT_ACK, &on,
		   sizeof(on));
	setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_CAP_ACK, &on,
		   sizeof(on));
	nl_socket_set_msg_buf_size(sock, BUFFER_BYTES);
	ret = genl_ctrl_resolve(sock, QBD_GENL_NAME);
	if (ret == -NLE_OBJ_NOTFOUND) {
		ret = base_error_set(error, -ENOENT,
				     "the kernel module qbd is not loaded; "
				     "load it with: modprobe qbd");
		goto free;
	}
	if (ret < 0) {
		ret = base_error_set(error, from_libnl(ret),
				     "asking the kernel for qbd: %s",
				     nl_geterror(ret));
		goto free;
	}
	nl_socket_set_nonblocking(sock);
	channel->sock = sock;
	channel->family = (uint16_t)ret;
	return 0;
free:
	nl_socket_free(sock);
	return ret;
}

void channel_close(struct channel *channel)
{
	nl_socket_free(channel->sock);
	channel->sock = NULL;
}

struct nl_msg *channel_message(const struct channel *channel, uint8_t command,
			       int flags)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg)
		return NULL;
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, channel->family, 0,
			 flags, command, QBD_GENL_VERSION)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* The attributes behind the error: linux/netlink.h, enum nlmsgerr_attrs. */
static const char *extack_text(const struct nlmsghdr *head)
{
	const struct nlmsgerr *refusal = nlmsg_data(head);
	struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1];
	size_t skip = sizeof(*refusal);
	const char *text;
	int left;

	if (!(head->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(head->nlmsg_flags & NLM_F_CAPPED)) {
		if (refusal->msg.nlmsg_len < NLMSG_HDRLEN ||
		    refusal->msg.nlmsg_len > head->nlmsg_len)
			return NULL;
		skip += NLMSG_ALIGN(refusal->msg.nlmsg_len) - NLMSG_HDRLEN;
	}
	left = nlmsg_datalen(head) - (int)skip;
	if (left <= 0 ||
	    nla_parse(attrs, NLMSGERR_ATTR_MAX,
		      (struct nlattr *)(void *)((char *)nlmsg_data(head) + skip),
		      left, NULL) < 0 ||
	    !attrs[NLMSGERR_ATTR_MSG])
		return NULL;
	text = nla_data(attrs[NLMSGERR_ATTR_MSG]);
	left = nla_len(attrs[NLMSGERR_ATTR_MSG]);
	return left > 0 && text[left - 1] == '\0' ? text : NULL;
}

static const char *remedy(int code)
{
	switch (code) {
	case -EPERM:
		return "; this needs root (CAP_NET_ADMIN and CAP_SYS_ADMIN)";
	case -EOPNOTSUPP:
		return "; module and program are of different versions: "
		       "install both anew and load the module again";
	default:
		return "";
	}
}

int channel_refusal(const struct nlmsghdr *head, const char *what,
		    struct base_error *error)
{
	const struct nlmsgerr *refusal = nlmsg_data(head);
	const char *text;
	int code;

	if (nlmsg_datalen(head) < (int)sizeof(*refusal))
		return base_error_set(error, -EPROTO,
				      "%s: the kernel's answer is cut off",
				      what);
	code = refusal->error;
	if (code >= 0)
		return 0;
	text = extack_text(head);
	return base_error_set(error, code, "%s: %s%s%s%s%s", what,
			      text ? text : strerror(-code), text ? " (" : "",
			      text ? strerror(-code) : "", text ? ")" : "",
			      remedy(code));
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct exchange *exchange = arg;

	if (exchange->answer && !exchange->error)
		exchange->error =
			exchange->answer(nlmsg_hdr(msg), exchange->context);
	return NL_OK;
}

static int on_end(struct nl_msg *msg, void *arg)
{
	struct exchange *exchange = arg;

	exchange->ended = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *refusal,
		    void *arg)
{
	/* libnl hands over the body; the texts need the head before it. */
	const struct nlmsghdr *head = (void *)((char *)refusal - NLMSG_HDRLEN);
	struct exchange *exchange = arg;

	exchange->error = channel_refusal(head, exchange->what, exchange->text);
	exchange->ended = true;
	return NL_STOP;
}

static int receive(struct channel *channel, struct nl_cb *cb,
		   struct exchange *exchange)
{
	struct pollfd fd = { .fd = nl_socket_get_fd(channel->sock),
			     .events = POLLIN };
	int ret;

	while (!exchange->ended) {
		ret = poll(&fd, 1, ANSWER_MS);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return base_error_set(exchange->text, -ETIMEDOUT,
					      "%s: the kernel does not answer",
					      exchange->what);
		ret = nl_recvmsgs(channel->sock, cb);
		if (ret == -NLE_DUMP_INTR)
			exchange->changed = true;
		else if (ret < 0 && ret != -NLE_AGAIN && !exchange->ended)
			return base_error_set(exchange->text, from_libnl(ret),
					      "%s: %s", exchange->what,
					      nl_geterror(ret));
	}
	return exchange->changed ? -EAGAIN : exchange->error;
}

int channel_ask(struct channel *channel, struct nl_msg *msg,
		int (*answer)(const struct nlmsghdr *head, void *context),
		void *context, const char *what, struct base_error *error)
{
	struct exchange exchange = { .what = what,
				     .text = error,
				     .answer = answer,
				     .context = context };
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int ret;

	if (!msg || !cb) {
		ret = base_error_set(error, -ENOMEM, "%s: out of memory", what);
		goto free;
	}
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &exchange);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, &exchange);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, &exchange);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, &exchange);
	ret = nl_send_auto(channel->sock, msg);
	if (ret < 0)
		ret = base_error_set(error, from_libnl(ret), "%s: %s", what,
				     nl_geterror(ret));
	else
		ret = receive(channel, cb, &exchange);
free:
	nl_cb_put(cb);
	nlmsg_free(msg);
	return ret;
}
