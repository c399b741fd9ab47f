/* build: -Itests/fuzz/kshim -Itests/unit/kshim -Ikmod -Wno-pointer-arith -Wno-sign-compare tests/fuzz/kshim/device.c tests/fuzz/kshim/genl.c kmod/netlink.c kmod/control.c kmod/session.c kmod/gate.c kmod/turn.c kmod/opening.c kmod/timeout.c kmod/write.c kmod/table.c kmod/range.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * The module's two channels: any attributes, by generic netlink or
 * /dev/qbd-control, through the very policies and handlers of kmod/, among
 * opens, writes, closes, dead sockets, full ones and time.  Whatever an agent
 * says, each I/O ends once, no lock is left, nothing is used after it is gone,
 * and removing a device leaves nothing behind.
 *
 * Input: actions, see act().
 */
#include "kernel.h"

#include "control.h"
#include "device.h"
#include "kshim/shim.h"
#include "netlink.h"
#include "rig/input.h"
#include "send.h"
#include "timeout.h"
#include "write.h"

#define ACTIONS_MAX 300
#define MESSAGE_MAX 16384
#define BIOS_MAX 3000
#define DEPTH_MAX 3 /* opens that wait for each other */
#define SOCKETS 2

static struct sock sockets[SOCKETS];
static struct file control;
static struct input *the_input;
static unsigned int depth, actions;
static _Alignas(8) char message[MESSAGE_MAX];
static size_t length;

static void act(struct input *input);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	FUZZ_NEED(!qbd_netlink_init() && !qbd_control_init());
	FUZZ_NEED(!kshim_control->fops->open(NULL, &control));
	return 0;
}

static struct qbd_device *some_device(struct input *input)
{
	return kshim_devices[input_u8(input) % KSHIM_DEVICES];
}

static void put(int type, const void *value, size_t size)
{
	struct nlattr attr = {
		.nla_len = (u16)(NLA_HDRLEN + size),
		.nla_type = (u16)type,
	};

	if (length + NLA_ALIGN(NLA_HDRLEN + size) > MESSAGE_MAX)
		return;
	memcpy(message + length, &attr, sizeof(attr));
	memcpy(message + length + NLA_HDRLEN, value, size);
	length += NLA_ALIGN(NLA_HDRLEN + size);
}

static void put_text(struct input *input, int type)
{
	static const char *const texts[] = { "vol0", "vol1", "", "a/b", "." };
	char text[256];
	u8 how = input_u8(input);

	if (how < 200) {
		put(type, texts[how % 5], strlen(texts[how % 5]) + 1);
		return;
	}
	memset(text, input_u8(input), sizeof(text));
	put(type, text, how);
}

static void put_dones(struct input *input, const struct qbd_device *dev)
{
	struct qbd_done dones[32];
	unsigned int count = input_u8(input) % 32, i;
	size_t size;
	u64 tag = dev ? input_near(input, dev->table.next_tag) : 0;

	for (i = 0; i < count; i++) {
		dones[i].tag = tag - i;
		dones[i].epoch =
			input_near(input, dev ? dev->opening.epoch : 1);
		dones[i].error = (s32)input_near(input, 0);
		dones[i].reserved = 0;
	}
	size = count * sizeof(dones[0]);
	if (size && input_u8(input) > 240)
		size -= input_u8(input) % sizeof(dones[0]);
	put(QBD_A_DONES, dones, size);
}

static void put_value(struct input *input, int type,
		      const struct qbd_device *dev)
{
	u64 base = type == QBD_A_COOKIE && dev ? dev->session.cookie :
		   type == QBD_A_LEASE_NS      ? kshim_now_ns + 1000000000 :
		   type == QBD_A_SIZE	       ? 1ULL << 20 :
		   type == QBD_A_DATA_OFFSET   ? 1ULL << 20 :
		   type == QBD_A_BLOCK_SIZE    ? 512 :
		   type == QBD_A_RCVBUF	       ? QBD_RCVBUF_MIN :
		   (type == QBD_A_RECEIVED || type == QBD_A_APPLIED) && dev ?
					  dev->table.next_tag - 1 :
					  0;
	u8 how = input_u8(input);
	u64 value = how < 200 ? base : input_near(input, base);
	bool small = type == QBD_A_MINOR || type == QBD_A_BLOCK_SIZE ||
		     type == QBD_A_IO_TIMEOUT_MS || type == QBD_A_FLAGS ||
		     type == QBD_A_RCVBUF;

	if (type == QBD_A_MINOR && dev)
		value += dev->minor;
	put(type, &value, small ? 4 : 8);
}

static void put_attr(struct input *input, const struct qbd_device *dev)
{
	int type = input_u8(input);
	u8 raw[64];

	if (type >= 192) { /* anything at all */
		size_t size = input_u8(input) % sizeof(raw);

		input_take(input, raw, size);
		put(input_u16(input), raw, size);
		return;
	}
	type %= QBD_A_MAX + 2;
	if (type == QBD_A_NAME || type == QBD_A_REPLICA || type == QBD_A_REASON)
		put_text(input, type);
	else if (type == QBD_A_DONES)
		put_dones(input, dev);
	else
		put_value(input, type, dev);
}

/* What the command needs, as it should be; the input spoils it at will. */
static void put_needed(u8 cmd, const struct qbd_device *dev)
{
	u32 minor = dev ? dev->minor : 0, rcvbuf = QBD_RCVBUF_MIN;
	u64 cookie = dev ? dev->session.cookie : 0, size = 1 << 20;
	u64 lease = kshim_now_ns + 1000000000;

	if (cmd == QBD_CMD_DEVICE_NEW) {
		put(QBD_A_NAME, minor ? "vol1" : "vol0", 5);
		put(QBD_A_SIZE, &size, 8);
		put(QBD_A_REPLICA, "/dev/loop0", 11);
		return;
	}
	put(QBD_A_MINOR, &minor, 4);
	if (cmd == QBD_CMD_BIND)
		put(QBD_A_RCVBUF, &rcvbuf, 4);
	if (cmd == QBD_CMD_LEASE || cmd == QBD_CMD_FENCE ||
	    cmd == QBD_CMD_IO_DONE)
		put(QBD_A_COOKIE, &cookie, 8);
	if (cmd == QBD_CMD_LEASE)
		put(QBD_A_LEASE_NS, &lease, 8);
}

static void begin_message(u8 cmd)
{
	struct nlmsghdr *header = (void *)message;
	struct genlmsghdr *genl = nlmsg_data(header);

	memset(message, 0, NLMSG_HDRLEN + GENL_HDRLEN);
	genl->cmd = cmd;
	genl->version = QBD_GENL_VERSION;
	header->nlmsg_type = (u16)qbd_family.id;
	length = NLMSG_HDRLEN + GENL_HDRLEN;
}

static void compose(struct input *input)
{
	struct nlmsghdr *header = (void *)message;
	struct genlmsghdr *genl = nlmsg_data(header);
	const struct qbd_device *dev = some_device(input);
	u8 how = input_u8(input);
	unsigned int count = how >> 4 & 7;

	begin_message(input_u8(input) % (QBD_CMD_MAX + 2));
	if (!(how & 0x80))
		put_needed(genl->cmd, dev);
	while (count--)
		put_attr(input, dev);
	if (how & 4)
		header->nlmsg_flags |= NLM_F_DUMP;
	header->nlmsg_len = (u32)length;
	if ((how & 3) == 3) /* cut short, or a header that lies */
		length -= input_u8(input) % 8;
}

/* From memory that is just as large, so that reading on is seen. */
static void say(struct input *input, bool by_control)
{
	struct sock *sk = &sockets[input_u8(input) % SOCKETS];
	char *exact;

	compose(input);
	exact = malloc(length);
	memcpy(exact, message, length);
	if (by_control)
		kshim_control->fops->write(&control, exact, length, NULL);
	else if (!sk->dead)
		kshim_deliver(sk, (void *)exact, length);
	free(exact);
}

/* Completions of the first requests that are open, as an agent gives them. */
static void put_answers(struct input *input, struct qbd_device *dev)
{
	struct qbd_done dones[16];
	u8 most = input_u8(input) % 16;
	struct qbd_request *req;
	unsigned int count = 0;
	u64 applied = 0;

	list_for_each_entry(req, &dev->table.outstanding, link) {
		bool opens = req->wire.op == QBD_OP_OPEN;

		if (count > most)
			break;
		memset(&dones[count], 0, sizeof(dones[count]));
		dones[count].tag = req->wire.tag;
		dones[count].epoch = opens ? 7 : req->wire.epoch;
		if (input_u8(input) > 240)
			dones[count].error = -EIO;
		applied = dones[count++].tag;
		if (count == ARRAY_SIZE(dones))
			break;
	}
	put(QBD_A_DONES, dones, count * sizeof(dones[0]));
	if (applied && input_u8(input) & 1)
		put(QBD_A_APPLIED, &applied, 8);
	if (applied && input_u8(input) & 1)
		put(QBD_A_RECEIVED, &applied, 8);
}

/* What a good agent would say now: most states are behind that. */
static void behave(struct input *input)
{
	struct qbd_device *dev = some_device(input);
	u8 cmd = !dev				      ? QBD_CMD_DEVICE_NEW :
		 !dev->session.sk		      ? QBD_CMD_BIND :
		 dev->lease_ns <= kshim_now_ns + 1000 ? QBD_CMD_LEASE :
							QBD_CMD_IO_DONE;
	struct sock *sk = &sockets[0];

	begin_message(cmd);
	put_needed(cmd, dev);
	if (cmd == QBD_CMD_IO_DONE)
		put_answers(input, dev);
	((struct nlmsghdr *)(void *)message)->nlmsg_len = (u32)length;
	if (dev && dev->session.sk)
		sk = dev->session.sk;
	if (cmd >= QBD_CMD_LEASE && input_u8(input) & 1)
		kshim_control->fops->write(&control, message, length, NULL);
	else
		kshim_deliver(sk, (void *)message, length);
}

static void submit(struct input *input)
{
	struct qbd_device *dev = some_device(input);
	u8 how = input_u8(input);
	struct bio *bio;

	if (!dev || !dev->opening.openers || kshim_bios >= BIOS_MAX)
		return;
	bio = calloc(1, sizeof(*bio));
	atomic_set(&bio->__bi_remaining, 1);
	bio->bi_opf = how % 2 ? REQ_OP_WRITE :
		      how & 2 ? REQ_OP_FLUSH :
		      how & 4 ? REQ_OP_DISCARD :
				REQ_OP_WRITE_ZEROES;
	bio->bi_opf |= (how & 8 ? REQ_FUA : 0) | (how & 16 ? REQ_PREFLUSH : 0);
	bio->bi_iter.bi_sector = input_u8(input);
	if (bio_op(bio) != REQ_OP_FLUSH)
		bio->bi_iter.bi_size = 512U * (1U + input_u8(input) * 3U);
	kshim_bios++;
	qbd_write_submit(dev, bio);
}

/* An opener waits: the world goes on, for a while. */
long kshim_wait(void)
{
	unsigned int rounds = input_u8(the_input) % 8;

	depth++;
	while (rounds-- && input_left(the_input))
		act(the_input);
	depth--;
	return input_u8(the_input) % 4 ? 1 : -ERESTART;
}

static void open_device(struct input *input)
{
	struct qbd_device *dev = some_device(input);
	u8 how = input_u8(input);

	if (!dev || depth == DEPTH_MAX)
		return;
	dev->kref.refs++;
	qbd_opening_open(dev->disk, how & 1, how & 2);
	qbd_device_put(dev);
}

static void close_device(struct qbd_device *dev)
{
	if (dev && dev->opening.openers)
		qbd_opening_release(dev->disk);
}

static void time_passes(struct input *input)
{
	struct qbd_device *dev = some_device(input);
	u8 what = input_u8(input);

	kshim_now_ns += 1000000ULL * input_u16(input);
	if (!dev)
		return;
	if (what & 1)
		dev->lease_timer.function(&dev->lease_timer);
	if (what & 2) {
		dev->timeout_work.work.pending = false;
		qbd_timeout_work(&dev->timeout_work.work);
	}
	if (what & 4)
		qbd_send_work(&dev->send_work.work);
}

static void harm_socket(struct input *input)
{
	u8 what = input_u8(input);
	struct sock *sk = &sockets[what % SOCKETS];

	if (what & 2) {
		sk->full = what >> 4;
		return;
	}
	sk->dead = true;
	kshim_socket_gone();
	FUZZ_NEED(sk->refs == 1);
	sk->dead = false; /* another socket's now */
}

static void check(void)
{
	unsigned int i;

	for (i = 0; i < KSHIM_DEVICES; i++) {
		const struct qbd_device *dev = kshim_devices[i];

		if (!dev)
			continue;
		FUZZ_NEED(!dev->lock.held);
		FUZZ_NEED(dev->table.n_outstanding <= QBD_SENT_REQS_MAX);
		FUZZ_NEED(!dev->opening.writers || dev->opening.openers);
		FUZZ_NEED(!dev->opening.writers || dev->opening.epoch ||
			  dev->fenced || dev->removed);
		FUZZ_NEED(dev->session.charged <= dev->session.rcvbuf ||
			  dev->session.last - dev->session.first == 1);
		FUZZ_NEED(strlen(dev->reason) <= QBD_REASON_MAX);
	}
}

static void act(struct input *input)
{
	if (actions++ >= ACTIONS_MAX)
		return;
	switch (input_u8(input) % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		say(input, false);
		break;
	case 4:
	case 5:
		say(input, true);
		break;
	case 6:
	case 7:
		submit(input);
		break;
	case 8:
		open_device(input);
		break;
	case 9:
		close_device(some_device(input));
		break;
	case 10:
		time_passes(input);
		break;
	case 11:
		harm_socket(input);
		break;
	default:
		behave(input);
		break;
	}
	check();
}

/* All is closed and removed: nothing may be left. */
static void end(void)
{
	unsigned int i;

	for (i = 0; i < KSHIM_DEVICES; i++) {
		struct qbd_device *dev = kshim_devices[i];

		if (!dev)
			continue;
		while (dev->opening.openers)
			close_device(dev);
		FUZZ_NEED(!dev->opening.writers && !dev->opening.waiting);
		FUZZ_NEED(!qbd_device_del(dev, true, NULL));
	}
	FUZZ_NEED(kshim_bios == 0);
	for (i = 0; i < SOCKETS; i++)
		FUZZ_NEED(sockets[i].refs == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, bytes + size };
	unsigned int i;

	the_input = &input;
	actions = 0;
	kshim_now_ns = 5000000000;
	for (i = 0; i < SOCKETS; i++) {
		memset(&sockets[i], 0, sizeof(sockets[i]));
		sockets[i].refs = 1;
		sockets[i].sk_rcvbuf = 1 << 20;
	}
	while (input_left(&input) && actions < ACTIONS_MAX)
		act(&input);
	end();
	return 0;
}
