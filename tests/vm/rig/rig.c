// SPDX-License-Identifier: GPL-2.0
/*
 * The rig: see rig.h.  The thread that talks to the module; io.c has the others.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

static uint16_t family; /* its number, 0: not asked yet */

#define MESSAGE_MAX (QBD_MSG_BYTES_MAX + 4096)

void rig_die(const char *what)
{
	printf("Bail out! rig: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t rig_now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

uint64_t rig_boottime_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

void rig_sleep_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

void rig_setup(void)
{
	char command[4200];
	struct utsname kernel;
	const char *top = getenv("QBD_TOP");
	int major, minor;

	uname(&kernel);
	if (sscanf(kernel.release, "%d.%d", &major, &minor) != 2)
		rig_die(kernel.release);
	if (access("/dev/ram0", F_OK) != 0 &&
	    system("modprobe brd rd_nr=4 rd_size=131072") != 0)
		rig_die("modprobe brd");
	if (!top)
		rig_die("QBD_TOP is not set; run it by scripts/check");
	snprintf(command, sizeof(command), "insmod %s/build/%d.%d/qbd.ko", top,
		 major, minor);
	if (access("/sys/module/qbd", F_OK) != 0 && system(command) != 0)
		rig_die(command);
}

void rig_unload(void)
{
	family = 0; /* the next load is given another */
	if (system("rmmod qbd") != 0)
		rig_die("rmmod qbd");
}

/* MESSAGES */

static __thread char extack[256];

const char *rig_extack(void)
{
	return extack;
}

static struct nlmsghdr *header_of(struct rig_msg *msg)
{
	return (struct nlmsghdr *)msg->data;
}

static void begin(struct rig_msg *msg, uint16_t type, uint8_t cmd)
{
	struct nlmsghdr *header = header_of(msg);
	struct genlmsghdr *genl = NLMSG_DATA(header);

	memset(msg, 0,
	       NLMSG_HDRLEN + GENL_HDRLEN + sizeof(*msg) - sizeof(msg->data));
	msg->bytes = NLMSG_HDRLEN + GENL_HDRLEN;
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_len = msg->bytes;
	genl->cmd = cmd;
	genl->version = 1;
}

void rig_put(struct rig_msg *msg, uint16_t type, const void *data,
	     uint16_t bytes)
{
	struct nlattr *attr = (struct nlattr *)(msg->data + msg->bytes);

	attr->nla_type = type;
	attr->nla_len = (uint16_t)(NLA_HDRLEN + bytes);
	memcpy((uint8_t *)attr + NLA_HDRLEN, data, bytes);
	memset((uint8_t *)attr + attr->nla_len, 0,
	       NLA_ALIGN(attr->nla_len) - attr->nla_len);
	msg->bytes += NLA_ALIGN(attr->nla_len);
	header_of(msg)->nlmsg_len = msg->bytes;
}

void rig_put_u32(struct rig_msg *msg, uint16_t type, uint32_t value)
{
	rig_put(msg, type, &value, sizeof(value));
}

void rig_put_u64(struct rig_msg *msg, uint16_t type, uint64_t value)
{
	rig_put(msg, type, &value, sizeof(value));
}

void rig_put_str(struct rig_msg *msg, uint16_t type, const char *text)
{
	rig_put(msg, type, text, (uint16_t)(strlen(text) + 1));
}

static const void *find(const uint8_t *data, uint32_t at, uint32_t end,
			uint16_t type, uint16_t *bytes)
{
	while (at + NLA_HDRLEN <= end) {
		const struct nlattr *attr = (const struct nlattr *)(data + at);

		if (attr->nla_len < NLA_HDRLEN || at + attr->nla_len > end)
			break;
		if ((attr->nla_type & NLA_TYPE_MASK) == type) {
			if (bytes)
				*bytes = (uint16_t)(attr->nla_len - NLA_HDRLEN);
			return data + at + NLA_HDRLEN;
		}
		at += NLA_ALIGN(attr->nla_len);
	}
	return NULL;
}

const void *rig_get(const struct rig_msg *msg, uint16_t type, uint16_t *bytes)
{
	return find(msg->data, NLMSG_HDRLEN + GENL_HDRLEN, msg->bytes, type,
		    bytes);
}

uint32_t rig_get_u32(const struct rig_msg *msg, uint16_t type)
{
	const void *data = rig_get(msg, type, NULL);
	uint32_t value = UINT32_MAX;

	if (data)
		memcpy(&value, data, sizeof(value));
	return value;
}

uint64_t rig_get_u64(const struct rig_msg *msg, uint16_t type)
{
	const void *data = rig_get(msg, type, NULL);
	uint64_t value = UINT64_MAX;

	if (data)
		memcpy(&value, data, sizeof(value));
	return value;
}

int rig_socket(uint32_t portid, uint32_t rcvbuf)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_pid = portid };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	int on = 1, half = (int)(rcvbuf / 2);

	if (fd < 0)
		rig_die("socket");
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
	/* the kernel doubles it */
	if (rcvbuf && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &half,
				 sizeof(half)) != 0)
		rig_die("SO_RCVBUFFORCE");
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

uint32_t rig_rcvbuf(int fd)
{
	socklen_t size = sizeof(int);
	int value = 0;

	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &size);
	return (uint32_t)value;
}

static uint32_t portid_of(int fd)
{
	struct sockaddr_nl addr;
	socklen_t size = sizeof(addr);

	getsockname(fd, (struct sockaddr *)&addr, &size);
	return addr.nl_pid;
}

static void note_extack(const uint8_t *data, uint32_t bytes)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)data;
	uint32_t at = NLMSG_HDRLEN + sizeof(struct nlmsgerr);
	const char *text = NULL;

	extack[0] = '\0';
	if (header->nlmsg_flags & NLM_F_ACK_TLVS)
		text = find(data, at, bytes, NLMSGERR_ATTR_MSG, NULL);
	if (text)
		snprintf(extack, sizeof(extack), "%s", text);
}

static int wait_in(int fd, int ms)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	int ready = poll(&poller, 1, ms);

	return ready > 0 ? 0 : ready ? -errno : -ETIMEDOUT;
}

int rig_talk(int fd, struct rig_msg *msg, struct rig_msg *reply)
{
	static uint32_t seq;
	uint8_t *data = malloc(MESSAGE_MAX);
	struct nlmsghdr *header = header_of(msg);
	int err;

	header->nlmsg_flags |= NLM_F_ACK;
	header->nlmsg_seq = __atomic_add_fetch(&seq, 1, __ATOMIC_RELAXED);
	if (send(fd, msg->data, msg->bytes, 0) < 0) {
		free(data);
		return -errno;
	}
	for (;;) {
		const struct nlmsghdr *got = (struct nlmsghdr *)data;
		ssize_t bytes;

		err = wait_in(fd, RIG_WAIT_MS);
		if (err)
			break;
		bytes = recv(fd, data, MESSAGE_MAX, 0);
		if (bytes < (ssize_t)NLMSG_HDRLEN ||
		    got->nlmsg_seq != header->nlmsg_seq)
			continue;
		if (got->nlmsg_type == NLMSG_ERROR) {
			err = ((struct nlmsgerr *)NLMSG_DATA(got))->error;
			note_extack(data, (uint32_t)bytes);
			break;
		}
		if (reply && (size_t)bytes <= sizeof(reply->data)) {
			memcpy(reply->data, data, (size_t)bytes);
			reply->bytes = (uint32_t)bytes;
		}
	}
	free(data);
	return err;
}

uint16_t rig_family(void)
{
	struct rig_msg *msg = malloc(sizeof(*msg));
	const uint16_t *id;
	int fd;

	if (!family) {
		fd = rig_socket(0, 0);
		begin(msg, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
		rig_put_str(msg, CTRL_ATTR_FAMILY_NAME, QBD_GENL_NAME);
		errno = -rig_talk(fd, msg, msg);
		if (errno)
			rig_die("the family qbd");
		id = rig_get(msg, CTRL_ATTR_FAMILY_ID, NULL);
		memcpy(&family, id, sizeof(family));
		close(fd);
	}
	free(msg);
	return family;
}

void rig_begin(struct rig_msg *msg, uint8_t cmd)
{
	begin(msg, rig_family(), cmd);
}

/* ADMINISTRATION */

int rig_talk_once(struct rig_msg *msg, struct rig_msg *reply)
{
	int fd = rig_socket(0, 0);
	int err = rig_talk(fd, msg, reply);

	close(fd);
	return err;
}

void rig_put_new(struct rig_msg *msg, const char *name, const char *replica)
{
	rig_begin(msg, QBD_CMD_DEVICE_NEW);
	rig_put_str(msg, QBD_A_NAME, name);
	rig_put_u64(msg, QBD_A_SIZE, RIG_SIZE);
	rig_put_str(msg, QBD_A_REPLICA, replica);
}

/* @msg: of rig_put_new() */
static int make_device(struct rig_device *dev, struct rig_msg *msg,
		       const char *replica, uint32_t io_timeout_ms)
{
	int err;

	memset(dev, 0, sizeof(*dev));
	snprintf(dev->replica, sizeof(dev->replica), "%s", replica);
	rig_put_u32(msg, QBD_A_IO_TIMEOUT_MS, io_timeout_ms);
	err = rig_talk_once(msg, msg);
	if (err)
		return err;
	dev->minor = rig_get_u32(msg, QBD_A_MINOR);
	snprintf(dev->path, sizeof(dev->path), "/dev/qbd%u", dev->minor);
	return 0;
}

int rig_new_on(struct rig_device *dev, const char *name, const char *replica,
	       uint32_t io_timeout_ms)
{
	struct rig_msg msg;

	rig_put_new(&msg, name, replica);
	return make_device(dev, &msg, replica, io_timeout_ms);
}

int rig_new_at(struct rig_device *dev, uint32_t ram, uint32_t io_timeout_ms,
	       uint64_t data_offset)
{
	char replica[32], name[32];
	struct rig_msg msg;
	int err;

	snprintf(replica, sizeof(replica), "/dev/ram%u", ram);
	snprintf(name, sizeof(name), "test%u", ram);
	rig_put_new(&msg, name, replica);
	rig_put_u64(&msg, QBD_A_DATA_OFFSET, data_offset);
	err = make_device(dev, &msg, replica, io_timeout_ms);
	dev->data_offset = data_offset;
	return err;
}

int rig_new(struct rig_device *dev, uint32_t ram, uint32_t io_timeout_ms)
{
	char replica[32], name[32];

	snprintf(replica, sizeof(replica), "/dev/ram%u", ram);
	snprintf(name, sizeof(name), "test%u", ram);
	return rig_new_on(dev, name, replica, io_timeout_ms);
}

int rig_del(const struct rig_device *dev, bool force)
{
	struct rig_msg msg;

	rig_begin(&msg, QBD_CMD_DEVICE_DEL);
	rig_put_u32(&msg, QBD_A_MINOR, dev->minor);
	if (force)
		rig_put_u32(&msg, QBD_A_FLAGS, QBD_F_FORCE);
	return rig_talk_once(&msg, NULL);
}

int rig_abort(const struct rig_device *dev)
{
	struct rig_msg msg;

	rig_begin(&msg, QBD_CMD_DEVICE_ABORT);
	rig_put_u32(&msg, QBD_A_MINOR, dev->minor);
	return rig_talk_once(&msg, NULL);
}

int rig_set_timeout(const struct rig_device *dev, uint32_t ms)
{
	struct rig_msg msg;

	rig_begin(&msg, QBD_CMD_DEVICE_SET);
	rig_put_u32(&msg, QBD_A_MINOR, dev->minor);
	rig_put_u32(&msg, QBD_A_IO_TIMEOUT_MS, ms);
	return rig_talk_once(&msg, NULL);
}

int rig_get_device(const struct rig_device *dev, struct rig_msg *reply)
{
	rig_begin(reply, QBD_CMD_DEVICE_GET);
	rig_put_u32(reply, QBD_A_MINOR, dev->minor);
	return rig_talk_once(reply, reply);
}

uint32_t rig_gate(const struct rig_device *dev)
{
	struct rig_msg msg;

	return rig_get_device(dev, &msg) ? UINT32_MAX :
					   rig_get_u32(&msg, QBD_A_GATE);
}

struct qbd_stats rig_stats(const struct rig_device *dev)
{
	struct qbd_stats stats;
	struct rig_msg msg;
	const void *data;

	memset(&stats, 0xff, sizeof(stats));
	if (rig_get_device(dev, &msg))
		return stats;
	data = rig_get(&msg, QBD_A_STATS, NULL);
	if (data)
		memcpy(&stats, data, sizeof(stats));
	return stats;
}

bool rig_gate_becomes(const struct rig_device *dev, uint32_t gate)
{
	uint64_t end = rig_now_ms() + RIG_WAIT_MS;

	while (rig_now_ms() < end) {
		if (rig_gate(dev) == gate)
			return true;
		rig_sleep_ms(5);
	}
	return false;
}

bool rig_stat_becomes(const struct rig_device *dev, size_t offset,
		      uint64_t value)
{
	uint64_t end = rig_now_ms() + RIG_WAIT_MS;

	while (rig_now_ms() < end) {
		struct qbd_stats stats = rig_stats(dev);
		uint64_t now;

		memcpy(&now, (uint8_t *)&stats + offset, sizeof(now));
		if (now == value)
			return true;
		rig_sleep_ms(5);
	}
	return false;
}

/* THE SCRIPTED AGENT */

int rig_bind(struct rig_agent *agent, const struct rig_device *dev,
	     uint32_t rcvbuf)
{
	struct rig_msg msg, reply;
	int err;

	memset(agent, 0, sizeof(*agent));
	agent->minor = dev->minor;
	agent->data_offset = dev->data_offset;
	agent->message = malloc(MESSAGE_MAX);
	agent->fd = rig_socket(0, rcvbuf ? rcvbuf : 4 << 20);
	agent->portid = portid_of(agent->fd);
	agent->control = open("/dev/" QBD_CONTROL_NAME, O_WRONLY | O_CLOEXEC);
	agent->replica = open(dev->replica, O_RDWR | O_CLOEXEC | O_DIRECT);
	if (agent->control < 0 || agent->replica < 0)
		rig_die("the control device or the replica");
	rig_begin(&msg, QBD_CMD_BIND);
	rig_put_u32(&msg, QBD_A_MINOR, dev->minor);
	rig_put_u32(&msg, QBD_A_RCVBUF, rig_rcvbuf(agent->fd));
	/* no ACK is asked for: it would come between the first requests */
	if (send(agent->fd, msg.data, msg.bytes, 0) < 0)
		rig_die("send");
	err = wait_in(agent->fd, RIG_WAIT_MS);
	if (!err) {
		ssize_t bytes =
			recv(agent->fd, reply.data, sizeof(reply.data), 0);
		struct nlmsghdr *header = header_of(&reply);

		reply.bytes = bytes > 0 ? (uint32_t)bytes : 0;
		if (bytes <= 0)
			err = -errno;
		else if (header->nlmsg_type == NLMSG_ERROR)
			err = ((struct nlmsgerr *)NLMSG_DATA(header))->error;
	}
	if (err) {
		rig_unbind(agent);
		return err;
	}
	agent->generation = rig_get_u32(&reply, QBD_A_GENERATION);
	agent->cookie = rig_get_u64(&reply, QBD_A_COOKIE);
	agent->next_tag = rig_get_u64(&reply, QBD_A_NEXT_TAG);
	agent->epoch = rig_get_u64(&reply, QBD_A_EPOCH);
	return 0;
}

void rig_unbind(struct rig_agent *agent)
{
	close(agent->fd);
	close(agent->control);
	close(agent->replica);
	free(agent->message);
	agent->fd = -1;
	agent->message = NULL;
}

static int read_message(struct rig_agent *agent, int wait_ms)
{
	const struct nlmsghdr *header = (struct nlmsghdr *)agent->message;
	const struct nlattr *attr;
	ssize_t bytes;
	int err;

	do {
		err = wait_in(agent->fd, wait_ms);
		if (err)
			return err;
		bytes = recv(agent->fd, agent->message, MESSAGE_MAX, MSG_TRUNC);
		if (bytes < 0)
			return -errno;
		if (bytes > MESSAGE_MAX || bytes != header->nlmsg_len)
			return -EMSGSIZE;
	} while (header->nlmsg_type != rig_family());
	agent->bytes = (uint32_t)bytes;
	/* QBD_A_REQS is the last attribute, the payload follows it */
	attr = (struct nlattr *)(agent->message + NLMSG_HDRLEN + GENL_HDRLEN);
	while ((attr->nla_type & NLA_TYPE_MASK) != QBD_A_REQS)
		attr = (struct nlattr *)((uint8_t *)attr +
					 NLA_ALIGN(attr->nla_len));
	agent->index = 0;
	agent->count = (attr->nla_len - NLA_HDRLEN) / sizeof(struct qbd_req);
	agent->payload = (uint8_t *)attr + NLA_ALIGN(attr->nla_len);
	return 0;
}

int rig_next(struct rig_agent *agent, struct rig_request *req, int wait_ms)
{
	const uint8_t *reqs;
	int err;

	if (agent->index == agent->count) {
		err = read_message(agent, wait_ms);
		if (err)
			return err;
	}
	req->first = agent->index == 0;
	reqs = find(agent->message, NLMSG_HDRLEN + GENL_HDRLEN, agent->bytes,
		    QBD_A_REQS, NULL);
	memcpy(&req->wire, reqs + agent->index++ * sizeof(req->wire),
	       sizeof(req->wire));
	req->data = agent->payload;
	agent->payload += req->wire.data_bytes;
	if (agent->payload > agent->message + agent->bytes)
		return -EBADMSG;
	if (agent->index == agent->count &&
	    agent->payload != agent->message + agent->bytes)
		return -EBADMSG;
	agent->received = req->wire.tag;
	return 0;
}

bool rig_silent(struct rig_agent *agent, int wait_ms)
{
	return agent->index == agent->count &&
	       wait_in(agent->fd, wait_ms) == -ETIMEDOUT;
}

static int say(struct rig_agent *agent, struct rig_msg *msg)
{
	ssize_t bytes;

	if (agent->use_netlink)
		return rig_talk(agent->fd, msg, NULL);
	bytes = write(agent->control, msg->data, msg->bytes);
	if (bytes < 0)
		return -errno;
	return bytes == (ssize_t)msg->bytes ? 0 : -EIO;
}

static void say_begin(struct rig_agent *agent, struct rig_msg *msg, uint8_t cmd)
{
	rig_begin(msg, cmd);
	rig_put_u32(msg, QBD_A_MINOR, agent->minor);
	rig_put_u64(msg, QBD_A_COOKIE, agent->cookie);
}

int rig_lease(struct rig_agent *agent, uint64_t until_ns)
{
	struct rig_msg msg;

	say_begin(agent, &msg, QBD_CMD_LEASE);
	rig_put_u64(&msg, QBD_A_LEASE_NS, until_ns);
	return say(agent, &msg);
}

int rig_lease_ms(struct rig_agent *agent, uint32_t ms)
{
	return rig_lease(agent, rig_boottime_ns() + ms * 1000000ULL);
}

int rig_fence(struct rig_agent *agent)
{
	struct rig_msg msg;

	say_begin(agent, &msg, QBD_CMD_FENCE);
	rig_put_str(&msg, QBD_A_REASON, "a test");
	return say(agent, &msg);
}

int rig_dones(struct rig_agent *agent, const struct qbd_done *dones,
	      uint32_t count, uint64_t received, uint64_t applied)
{
	struct rig_msg msg;

	say_begin(agent, &msg, QBD_CMD_IO_DONE);
	if (count)
		rig_put(&msg, QBD_A_DONES, dones,
			(uint16_t)(count * sizeof(*dones)));
	if (received)
		rig_put_u64(&msg, QBD_A_RECEIVED, received);
	if (applied)
		rig_put_u64(&msg, QBD_A_APPLIED, applied);
	return say(agent, &msg);
}

int rig_done(struct rig_agent *agent, const struct rig_request *req, int error,
	     bool applied)
{
	struct qbd_done done = {
		.tag = req->wire.tag,
		.epoch = req->wire.epoch,
		.error = error,
	};

	return rig_dones(agent, &done, 1, agent->received,
			 applied ? req->wire.tag : 0);
}

int rig_applied(struct rig_agent *agent, uint64_t tag)
{
	return rig_dones(agent, NULL, 0, 0, tag);
}

static void write_replica(struct rig_agent *agent, const uint8_t *data,
			  uint32_t bytes, uint64_t offset)
{
	static uint8_t *aligned;

	if (!aligned &&
	    posix_memalign((void **)&aligned, 4096, QBD_REQ_DATA_MAX))
		rig_die("memory");
	if (data)
		memcpy(aligned, data, bytes);
	else
		memset(aligned, 0, bytes);
	if (pwrite(agent->replica, aligned, bytes,
		   (off_t)(agent->data_offset + offset)) != (ssize_t)bytes)
		rig_die("write to the replica");
}

void rig_apply(struct rig_agent *agent, const struct rig_request *req)
{
	uint32_t at, bytes;

	switch (req->wire.op) {
	case QBD_OP_WRITE:
		write_replica(agent, req->data, req->wire.length,
			      req->wire.offset);
		break;
	case QBD_OP_WRITE_ZEROES:
	case QBD_OP_DISCARD:
		for (at = 0; at < req->wire.length; at += bytes) {
			bytes = req->wire.length - at;
			if (bytes > QBD_REQ_DATA_MAX)
				bytes = QBD_REQ_DATA_MAX;
			write_replica(agent, NULL, bytes,
				      req->wire.offset + at);
		}
		break;
	}
}

/* THE AGENT THAT SERVES */

/* Everything that is there, then one completion for all of it */
static int serve_some(struct rig_agent *agent, uint64_t *epoch)
{
	struct qbd_done dones[QBD_MSG_DONES_MAX];
	struct rig_request req;
	uint32_t count = 0;

	while (count < 64 && rig_next(agent, &req, count ? 0 : 100) == 0) {
		if (req.wire.op == QBD_OP_READ_ERROR)
			continue;
		if (req.wire.op == QBD_OP_OPEN)
			req.wire.epoch = ++*epoch;
		rig_apply(agent, &req);
		dones[count++] = (struct qbd_done){
			.tag = req.wire.tag,
			.epoch = req.wire.epoch,
		};
	}
	if (!count)
		return 0;
	return rig_dones(agent, dones, count, agent->received, agent->received);
}

static void serve(const struct rig_device *dev, uint32_t rcvbuf)
{
	uint64_t renew = 0, epoch;
	struct rig_agent agent;
	int err;

	do {
		err = rig_bind(&agent, dev, rcvbuf);
	} while (err == -EBUSY);
	if (err) {
		fprintf(stderr, "# agent: bind: %s\n", strerror(-err));
		_exit(1);
	}
	/* a real one has it in its log */
	epoch = agent.generation * 1000ULL + agent.epoch;
	/* all that the dead one was told is in the replica, or comes again */
	for (;;) {
		if (rig_now_ms() >= renew) {
			rig_lease_ms(&agent, 3000);
			renew = rig_now_ms() + 500;
		}
		err = serve_some(&agent, &epoch);
		if (err)
			fprintf(stderr, "# agent: done: %s\n", strerror(-err));
	}
}

pid_t rig_serve(const struct rig_device *dev, uint32_t rcvbuf)
{
	pid_t pid = fork();

	if (pid < 0)
		rig_die("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	serve(dev, rcvbuf);
	_exit(0);
}

void rig_serve_stop(pid_t pid, int signal)
{
	kill(pid, signal);
	waitpid(pid, NULL, 0);
}
