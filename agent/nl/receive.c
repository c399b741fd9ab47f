// SPDX-License-Identifier: GPL-2.0
/*
 * Requests from the kernel, many messages in one recvmmsg().
 *
 * A large payload stays where it was received and the slot gets a new buffer;
 * a small one is copied into a buffer of its size, so that 4 KiB that wait for
 * a slow replica do not pin 72.  Every message but one with a single request
 * is copied too: its payloads are small, and lie unaligned.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/msg.h>

#include "nl/session.h"

/* What the kernel charges for a message besides its bytes, about. */
#define MESSAGE_OVERHEAD_BYTES 4096

/*
 * A payload as a buffer of its own; NULL: no memory.
 * @position: in the message, of which the first head_bytes are in slot->head
 */
static struct base_buf *copy_payload(const struct session_slot *slot,
				     uint32_t head_bytes, size_t position,
				     size_t size)
{
	struct base_buf *buf = base_buf_new(size);
	size_t in_head = 0;

	if (!buf)
		return NULL;
	if (position < head_bytes) {
		in_head = head_bytes - position;
		if (in_head > size)
			in_head = size;
		memcpy(buf->data, slot->head + position, in_head);
	}
	if (size > in_head)
		memcpy(buf->data + in_head,
		       slot->buf->data + (position + in_head - head_bytes),
		       size - in_head);
	return buf;
}

/*
 * The slot's own buffer, when the payload fills enough of it; the caller's
 * reference.  The slot has a new one then.
 */
static struct base_buf *keep_payload(struct session_slot *slot,
				     uint32_t head_bytes, size_t position,
				     size_t size)
{
	struct base_buf *fresh, *kept = slot->buf;

	if (position != head_bytes || 2 * size <= kept->size)
		return NULL;
	fresh = base_buf_new(QBD_MSG_BYTES_MAX);
	if (!fresh)
		return NULL;
	slot->buf = fresh;
	return kept;
}

static int deliver(struct nl_session *session, struct session_slot *slot,
		   const struct parse_requests *requests, uint32_t head_bytes,
		   struct base_error *error)
{
	size_t position = requests->payload_offset;
	const struct qbd_req *req;
	struct base_buf *buf;
	unsigned int i;

	for (i = 0; i < requests->count; i++) {
		req = &requests->reqs[i];
		buf = NULL;
		if (req->data_bytes) {
			buf = keep_payload(slot, head_bytes, position, req->data_bytes) ?:
				      copy_payload(slot, head_bytes, position,
						   req->data_bytes);
			if (!buf)
				return base_error_set(error, -ENOMEM,
						      "volume %s: no memory "
						      "for a write of %u bytes",
						      session->name,
						      req->data_bytes);
			position += req->data_bytes;
		}
		session->last_tag = req->tag;
		session->ops->request(session->context, req, buf,
				      buf ? buf->data : NULL);
		base_buf_put(buf);
	}
	return 0;
}

/*
 * Heads are parsed in one piece: bring what lies in the payload's buffer
 * behind the first bytes.  Return: how many bytes are there then.
 */
static size_t gather_head(struct session_slot *slot, uint32_t head_bytes,
			  size_t size)
{
	size_t more;

	if (size <= head_bytes)
		return size;
	more = size - head_bytes;
	if (more > PARSE_HEAD_MAX - head_bytes)
		more = PARSE_HEAD_MAX - head_bytes;
	memcpy(slot->head + head_bytes, slot->buf->data, more);
	return head_bytes + more;
}

static int take_requests(struct nl_session *session, struct session_slot *slot,
			 uint32_t head_bytes, struct base_error *error)
{
	const struct nlmsghdr *head = (const void *)slot->head;
	struct parse_requests requests;
	unsigned int i;
	int ret;

	session->charge_messages++;
	session->charge_bytes += head->nlmsg_len + MESSAGE_OVERHEAD_BYTES;
	/* That of one request is there in one piece; most have one. */
	ret = parse_requests(head, head_bytes, &requests, NULL);
	if (ret)
		ret = parse_requests(head,
				     gather_head(slot, head_bytes,
						 head->nlmsg_len),
				     &requests, error);
	if (ret)
		return ret;
	if (requests.minor != session->minor ||
	    requests.generation != session->generation) {
		session->strays++;
		return 0;
	}
	if (requests.command == QBD_CMD_REPLICA_ERROR) {
		for (i = 0; i < requests.count; i++)
			session->ops->replica_error(session->context,
						    &requests.reqs[i]);
		return 0;
	}
	if (requests.reqs[0].tag <= session->last_tag)
		return base_error_set(error, -EPROTO,
				      "volume %s: request %llu came after %llu",
				      session->name,
				      (unsigned long long)requests.reqs[0].tag,
				      (unsigned long long)session->last_tag);
	if (requests.count == 1)
		session->head_bytes = (uint32_t)requests.payload_offset;
	return deliver(session, slot, &requests, head_bytes, error);
}

static int take_message(struct nl_session *session, struct session_slot *slot,
			const struct mmsghdr *received, uint32_t head_bytes,
			struct base_error *error)
{
	const struct sockaddr_nl *from = received->msg_hdr.msg_name;
	const struct nlmsghdr *head = (const void *)slot->head;
	const struct genlmsghdr *genl = (const void *)(head + 1);

	if (from->nl_pid != 0) { /* not the kernel */
		session->strays++;
		return 0;
	}
	if (received->msg_hdr.msg_flags & MSG_TRUNC)
		return base_error_set(error, -EMSGSIZE,
				      "volume %s: a message of the kernel "
				      "module is too long",
				      session->name);
	if (received->msg_len < NLMSG_HDRLEN + GENL_HDRLEN ||
	    head->nlmsg_len != received->msg_len)
		return base_error_set(error, -EPROTO,
				      "volume %s: a message of the kernel "
				      "module has a wrong length",
				      session->name);
	if (head->nlmsg_type == NLMSG_ERROR) {
		if (gather_head(slot, head_bytes, head->nlmsg_len) <
		    head->nlmsg_len)
			return 0; /* of no message that we sent */
		return session_refused(session,
				       channel_refusal(head, session->name,
						       error));
	}
	if (head->nlmsg_type != session->channel.family ||
	    (genl->cmd != QBD_CMD_IO_REQ &&
	     genl->cmd != QBD_CMD_REPLICA_ERROR)) {
		session->strays++;
		return 0;
	}
	return take_requests(session, slot, head_bytes, error);
}

static void slot_make_ready(struct nl_session *session, unsigned int i)
{
	struct session_slot *slot = &session->slots[i];

	slot->iov[0].iov_base = slot->head;
	slot->iov[0].iov_len = session->slots_head_bytes;
	slot->iov[1].iov_base = slot->buf->data;
	slot->iov[1].iov_len = slot->buf->size;
	slot->from = (struct sockaddr_nl){ 0 };
	session->messages[i] = (struct mmsghdr){
		.msg_hdr = {
			.msg_name = &slot->from,
			.msg_namelen = sizeof(slot->from),
			.msg_iov = slot->iov,
			.msg_iovlen = 2,
		},
	};
}

/* All, where messages have another head now: most turns use few of them. */
static void slots_make_ready(struct nl_session *session)
{
	unsigned int i;

	if (session->slots_head_bytes == session->head_bytes)
		return;
	session->slots_head_bytes = session->head_bytes;
	for (i = 0; i < SESSION_SLOTS; i++)
		slot_make_ready(session, i);
}

static int receive_some(struct nl_session *session, unsigned int count,
			struct base_error *error)
{
	int i, ret, got;

	slots_make_ready(session);
	do {
		got = recvmmsg(session->fd, session->messages, count,
			       MSG_DONTWAIT, NULL);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return 0;
	if (got < 0)
		return base_error_set(error, -errno,
				      "volume %s: netlink socket: %s",
				      session->name, strerror(errno));
	for (i = 0; i < got; i++) {
		ret = take_message(session, &session->slots[i],
				   &session->messages[i],
				   session->slots_head_bytes, error);
		if (ret)
			return ret;
		slot_make_ready(session, (unsigned int)i);
	}
	return got;
}

int nl_session_receive(struct nl_session *session, unsigned int max_messages,
		       struct base_error *error)
{
	unsigned int wanted, total = 0;
	int got;

	if (session->over)
		return base_error_set(error, session->over,
				      "volume %s: its session is over",
				      session->name);
	while (total < max_messages) {
		wanted = max_messages - total;
		if (wanted > SESSION_SLOTS)
			wanted = SESSION_SLOTS;
		got = receive_some(session, wanted, error);
		if (got < 0)
			return session_end(session, got);
		total += (unsigned int)got;
		if ((unsigned int)got < wanted)
			break;
	}
	return (int)total;
}
