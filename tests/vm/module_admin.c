/* build: -Itests/vm/rig tests/vm/rig/rig.c tests/vm/rig/io.c */
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making and removing devices, and all that must be refused: what is wrong,
 * malformed, not allowed, or from elsewhere, on both channels.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/major.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"
#include "tap.h"

static void lowest_free_minor_is_given(void)
{
	struct rig_device first, second, again;

	tap_need(rig_new(&first, 0, 1000) == 0);
	tap_need(rig_new(&second, 1, 1000) == 0);
	tap_check_eq(first.minor, 0);
	tap_check_eq(second.minor, 1);
	tap_check_eq(rig_del(&first, false), 0);
	tap_need(rig_new(&again, 2, 1000) == 0);
	tap_check_eq(again.minor, 0);
	tap_check_eq(rig_del(&again, false), 0);
	tap_check_eq(rig_del(&second, false), 0);
	tap_check_eq(rig_del(&second, false), (uint64_t)-ENODEV);
}

/* Else LVM says that the device's type is unknown. */
static void device_number_is_of_a_major_that_lvm_knows(void)
{
	struct rig_device dev;
	struct stat of;

	tap_need(rig_new(&dev, 0, 1000) == 0);
	tap_need(stat(dev.path, &of) == 0);
	tap_check_eq(major(of.st_rdev), BLOCK_EXT_MAJOR);
	tap_check_eq(rig_del(&dev, false), 0);
}

static int new_with(uint16_t type, const void *data, uint16_t bytes)
{
	struct rig_msg msg;

	/* the last of a kind counts */
	rig_put_new(&msg, "fresh", "/dev/ram3");
	rig_put(&msg, type, data, bytes);
	return rig_talk_once(&msg, NULL);
}

static int new_with_str(uint16_t type, const char *text)
{
	return new_with(type, text, (uint16_t)(strlen(text) + 1));
}

static void wrong_devices_are_refused_with_a_text(void)
{
	struct rig_device dev;
	uint64_t size;
	uint32_t value;

	tap_need(rig_new(&dev, 0, 1000) == 0);
	tap_check_eq(new_with_str(QBD_A_NAME, "test0"), (uint64_t)-EEXIST);
	tap_check(*rig_extack());
	value = dev.minor;
	tap_check_eq(new_with(QBD_A_MINOR, &value, 4), (uint64_t)-EEXIST);
	tap_check(*rig_extack());
	value = QBD_MINORS_MAX;
	tap_check_eq(new_with(QBD_A_MINOR, &value, 4), (uint64_t)-ERANGE);
	tap_check_eq(new_with_str(QBD_A_REPLICA, "/dev/ram0"),
		     (uint64_t)-EBUSY);
	tap_check(*rig_extack());
	tap_check_eq(new_with_str(QBD_A_REPLICA, "/dev/nothing"),
		     (uint64_t)-ENOENT);
	tap_check_eq(new_with_str(QBD_A_REPLICA, "/dev/null"),
		     (uint64_t)-ENOTBLK);
	size = 0;
	tap_check_eq(new_with(QBD_A_SIZE, &size, 8), (uint64_t)-EINVAL);
	size = 4097;
	tap_check_eq(new_with(QBD_A_SIZE, &size, 8), (uint64_t)-EINVAL);
	size = 129ULL << 20;
	tap_check_eq(new_with(QBD_A_SIZE, &size, 8), (uint64_t)-EINVAL);
	tap_check(*rig_extack());
	size = 1ULL << 63;
	tap_check_eq(new_with(QBD_A_SIZE, &size, 8), (uint64_t)-EINVAL);
	size = 512;
	tap_check_eq(new_with(QBD_A_DATA_OFFSET, &size, 8), (uint64_t)-EINVAL);
	tap_check(*rig_extack());
	size = RIG_SPARE + QBD_DATA_ALIGN;
	tap_check_eq(new_with(QBD_A_DATA_OFFSET, &size, 8), (uint64_t)-EINVAL);
	tap_check(*rig_extack());
	size = UINT64_MAX - QBD_DATA_ALIGN + 1; /* their sum is small */
	tap_check_eq(new_with(QBD_A_DATA_OFFSET, &size, 8), (uint64_t)-EINVAL);
	value = 1024;
	tap_check_eq(new_with(QBD_A_BLOCK_SIZE, &value, 4), (uint64_t)-EINVAL);
	tap_check_eq(new_with_str(QBD_A_NAME, ""), (uint64_t)-EINVAL);
	tap_check_eq(new_with_str(QBD_A_NAME, "../etc"), (uint64_t)-EINVAL);
	tap_check_eq(new_with_str(QBD_A_NAME, "a/b"), (uint64_t)-EINVAL);
	tap_check(*rig_extack());
	tap_check_eq(rig_del(&dev, false), 0);
}

static void name_and_minor_must_both_match(void)
{
	struct rig_device dev;
	struct rig_msg msg;

	tap_need(rig_new(&dev, 0, 1000) == 0);
	rig_begin(&msg, QBD_CMD_DEVICE_GET);
	rig_put_str(&msg, QBD_A_NAME, "test0");
	tap_check_eq(rig_talk_once(&msg, &msg), 0);
	tap_check_eq(rig_get_u32(&msg, QBD_A_MINOR), dev.minor);
	rig_begin(&msg, QBD_CMD_DEVICE_GET);
	rig_put_str(&msg, QBD_A_NAME, "other");
	rig_put_u32(&msg, QBD_A_MINOR, dev.minor);
	tap_check_eq(rig_talk_once(&msg, NULL), (uint64_t)-ENODEV);
	rig_begin(&msg, QBD_CMD_DEVICE_GET);
	tap_check_eq(rig_talk_once(&msg, NULL), (uint64_t)-EINVAL);
	tap_check_eq(rig_del(&dev, false), 0);
}

static void what_is_in_use_is_not_removed(void)
{
	struct rig_agent agent;
	struct rig_device dev;
	int fd;

	tap_need(rig_new(&dev, 0, 10000) == 0);
	tap_check(system("rmmod qbd 2>/dev/null") != 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	rig_lease_ms(&agent, 600000);
	tap_check_eq(rig_del(&dev, false), (uint64_t)-EBUSY);
	fd = rig_open_granted(&agent, &dev, 1);
	tap_need(fd >= 0);
	tap_check_eq(rig_del(&dev, true), (uint64_t)-EBUSY);
	tap_check(*rig_extack());
	tap_check_eq(rig_close_taken(&agent, fd), 0);
	tap_check_eq(rig_del(&dev, true), 0);
	/* the agent's session went with the device */
	tap_check_eq(rig_lease_ms(&agent, 1000), (uint64_t)-ENODEV);
	rig_unbind(&agent);
	tap_check_eq(access(dev.path, F_OK), (uint64_t)-1);
}

static void module_unloads_and_loads_again(void)
{
	int i;

	for (i = 0; i < 5; i++) {
		struct rig_device dev;

		tap_need(rig_new(&dev, 0, 1000) == 0);
		tap_check_eq(rig_del(&dev, false), 0);
		rig_unload();
		rig_setup();
	}
}

static int dump(uint32_t *devices)
{
	struct rig_msg msg, reply;
	struct nlmsghdr *header = (struct nlmsghdr *)msg.data;
	int fd = rig_socket(0, 0), err = 0;
	bool done = false;

	*devices = 0;
	rig_begin(&msg, QBD_CMD_DEVICE_GET);
	header->nlmsg_flags |= NLM_F_DUMP;
	send(fd, msg.data, msg.bytes, 0);
	while (!done) {
		ssize_t bytes = recv(fd, reply.data, sizeof(reply.data), 0);
		struct nlmsghdr *at = (struct nlmsghdr *)reply.data;

		for (; NLMSG_OK(at, bytes); at = NLMSG_NEXT(at, bytes)) {
			done = at->nlmsg_type == NLMSG_DONE ||
			       at->nlmsg_type == NLMSG_ERROR;
			if (at->nlmsg_type == NLMSG_ERROR)
				err = ((struct nlmsgerr *)NLMSG_DATA(at))->error;
			*devices += !done;
		}
	}
	close(fd);
	return err;
}

static void dump_lists_all(void)
{
	struct rig_device dev[3];
	uint32_t count;
	int i;

	tap_check_eq(dump(&count), 0);
	tap_check_eq(count, 0);
	for (i = 0; i < 3; i++)
		tap_need(rig_new(&dev[i], (uint32_t)i, 1000) == 0);
	tap_check_eq(dump(&count), 0);
	tap_check_eq(count, 3);
	for (i = 0; i < 3; i++)
		tap_check_eq(rig_del(&dev[i], false), 0);
}

/* Run it in a process of its own; true when it says so */
static bool in_child(bool (*run)(const struct rig_device *dev),
		     const struct rig_device *dev)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(run(dev) ? 0 : 1);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int control_open_error(void)
{
	int fd = open("/dev/" QBD_CONTROL_NAME, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* Every command is refused to the process that runs this. */
static bool all_refused(const struct rig_device *dev)
{
	struct rig_msg msg;
	uint32_t count;
	uint8_t cmd;

	for (cmd = QBD_CMD_DEVICE_NEW; cmd <= QBD_CMD_IO_DONE; cmd++) {
		rig_begin(&msg, cmd);
		rig_put_u32(&msg, QBD_A_MINOR, dev->minor);
		if (!tap_check_eq(rig_talk_once(&msg, NULL), (uint64_t)-EPERM))
			printf("# command %u\n", cmd);
	}
	tap_check_eq(dump(&count), (uint64_t)-EPERM);
	tap_check_eq(count, 0);
	return !tap_failed_checks;
}

static bool as_nobody(const struct rig_device *dev)
{
	if (setgid(65534) != 0 || setuid(65534) != 0)
		return false;
	tap_check_eq(control_open_error(), (uint64_t)-EACCES);
	return all_refused(dev);
}

static bool as_admin_of_a_user_namespace(const struct rig_device *dev)
{
	if (unshare(CLONE_NEWUSER) != 0)
		return false;
	tap_check(control_open_error() < 0);
	return all_refused(dev);
}

static bool as_admin_of_its_own_network(const struct rig_device *dev)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	return all_refused(dev);
}

static void unprivileged_callers_are_refused(void)
{
	struct rig_device dev;

	tap_need(rig_new(&dev, 0, 1000) == 0);
	tap_check(in_child(as_nobody, &dev));
	tap_check(in_child(as_admin_of_a_user_namespace, &dev));
	tap_check(in_child(as_admin_of_its_own_network, &dev));
	tap_check_eq(rig_del(&dev, false), 0);
}

/* An open control device is worth nothing to a process without rights */
static bool write_as_nobody(const struct rig_device *dev)
{
	int fd = open("/dev/" QBD_CONTROL_NAME, O_WRONLY | O_CLOEXEC);
	struct rig_msg msg;

	rig_begin(&msg, QBD_CMD_LEASE);
	rig_put_u32(&msg, QBD_A_MINOR, dev->minor);
	rig_put_u64(&msg, QBD_A_COOKIE, 1);
	rig_put_u64(&msg, QBD_A_LEASE_NS, 1);
	if (setgid(65534) != 0 || setuid(65534) != 0)
		return false;
	tap_check_eq(write(fd, msg.data, msg.bytes), (uint64_t)-1);
	tap_check_eq(errno, EPERM);
	return !tap_failed_checks;
}

static void control_device_checks_the_writer_too(void)
{
	struct rig_device dev;

	tap_need(rig_new(&dev, 0, 1000) == 0);
	tap_check(in_child(write_as_nobody, &dev));
	tap_check_eq(rig_del(&dev, false), 0);
}

static bool sees_nothing(const struct rig_device *dev)
{
	struct rig_device mine;
	uint32_t count;

	if (unshare(CLONE_NEWNET) != 0)
		return false;
	tap_check_eq(dump(&count), 0);
	tap_check_eq(count, 0);
	tap_check_eq(rig_del(dev, true), (uint64_t)-ENODEV);
	/* the same name is free here, the minor is not */
	tap_check_eq(rig_new_on(&mine, "test0", "/dev/ram1", 1000), 0);
	tap_check(mine.minor != dev->minor);
	tap_check_eq(dump(&count), 0);
	tap_check_eq(count, 1);
	/* left to the end of the namespace */
	return !tap_failed_checks;
}

static void other_namespaces_devices_are_invisible(void)
{
	uint64_t end = rig_now_ms() + RIG_WAIT_MS;
	struct rig_device dev;
	uint32_t count;

	tap_need(rig_new(&dev, 0, 1000) == 0);
	tap_check(in_child(sees_nothing, &dev));
	tap_check_eq(dump(&count), 0);
	tap_check_eq(count, 1);
	while (access("/sys/block/qbd1", F_OK) == 0 && rig_now_ms() < end)
		rig_sleep_ms(20);
	tap_check(access("/sys/block/qbd1", F_OK) != 0);
	tap_check_eq(rig_del(&dev, false), 0);
}

static int left_open[2];

static bool leaves_it_open(const struct rig_device *unused)
{
	struct rig_agent agent;
	struct rig_device dev;
	int fd;

	if (unshare(CLONE_NEWNET) != 0 || rig_new(&dev, 0, 10000) != 0 ||
	    rig_bind(&agent, &dev, 0) != 0)
		return false;
	rig_lease_ms(&agent, 600000);
	fd = rig_open_granted(&agent, &dev, 1);
	/* a process outside keeps it open: the namespace goes all the same */
	return fd >= 0 && write(left_open[1], &dev.minor, 4) == 4 &&
	       (rig_sleep_ms(300), true);
}

static void namespace_goes_with_its_device_open(void)
{
	char path[64];
	uint64_t end = rig_now_ms() + RIG_WAIT_MS;
	uint32_t minor;
	pid_t pid;
	int fd;

	tap_need(pipe(left_open) == 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(leaves_it_open(NULL) ? 0 : 1);
	close(left_open[1]);
	tap_need(read(left_open[0], &minor, 4) == 4);
	snprintf(path, sizeof(path), "/dev/qbd%u", minor);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	tap_check(fd >= 0);
	waitpid(pid, NULL, 0);
	/* it fails now, and goes with the last close */
	void *data = NULL;

	tap_need(posix_memalign(&data, 4096, 4096) == 0);
	while (pread(fd, data, 4096, 0) >= 0 && rig_now_ms() < end)
		rig_sleep_ms(20);
	tap_check_eq(errno, EIO);
	free(data);
	close(fd);
	snprintf(path, sizeof(path), "/sys/block/qbd%u", minor);
	while (access(path, F_OK) == 0 && rig_now_ms() < end)
		rig_sleep_ms(20);
	tap_check(access(path, F_OK) != 0);
	/* the replica is let go last */
	struct rig_device dev;
	int err;

	do {
		err = rig_new(&dev, 0, 1000);
	} while (err == -EBUSY && rig_now_ms() < end);
	tap_check_eq(err, 0);
	tap_check_eq(rig_del(&dev, false), 0);
	close(left_open[0]);
}

/* Both channels refuse a session's message. */
static void refused(struct rig_agent *agent, struct rig_msg *msg, int err,
		    const char *what)
{
	struct rig_msg copy = *msg;
	ssize_t bytes;
	int got;

	got = rig_talk(agent->fd, &copy, NULL);
	if (!tap_check_eq(got, (uint64_t)err))
		printf("# netlink: %s: %s\n", what, strerror(-got));
	bytes = write(agent->control, msg->data, msg->bytes);
	got = bytes < 0 ? -errno : 0;
	if (!tap_check_eq(got, (uint64_t)err))
		printf("# control: %s: %s\n", what, strerror(-got));
}

static void say(struct rig_agent *agent, struct rig_msg *msg, uint8_t cmd)
{
	rig_begin(msg, cmd);
	rig_put_u32(msg, QBD_A_MINOR, agent->minor);
	rig_put_u64(msg, QBD_A_COOKIE, agent->cookie);
}

static void malformed_messages_are_refused_on_both_doors(void)
{
	static uint8_t zeroes[65536];
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_msg msg;

	tap_need(rig_new(&dev, 0, 1000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);

	say(&agent, &msg, QBD_CMD_IO_DONE);
	rig_put_u32(&msg, 77, 1);
	refused(&agent, &msg, -EINVAL, "unknown attribute");
	say(&agent, &msg, QBD_CMD_IO_DONE);
	rig_put_u64(&msg, QBD_A_LEASE_NS, 1);
	refused(&agent, &msg, -EINVAL, "another command's attribute");
	say(&agent, &msg, QBD_CMD_IO_DONE);
	rig_put(&msg, QBD_A_DONES, zeroes, 23);
	refused(&agent, &msg, -EINVAL, "half a completion");
	say(&agent, &msg, QBD_CMD_IO_DONE);
	rig_put(&msg, QBD_A_DONES, zeroes,
		(QBD_MSG_DONES_MAX + 1) * sizeof(struct qbd_done));
	tap_check(rig_talk(agent.fd, &msg, NULL) < 0);
	tap_check(write(agent.control, msg.data, msg.bytes) < 0);
	say(&agent, &msg, QBD_CMD_IO_DONE);
	rig_put(&msg, QBD_A_RECEIVED, zeroes, 4);
	refused(&agent, &msg, -EINVAL, "a short number");
	say(&agent, &msg, QBD_CMD_IO_DONE);
	rig_put(&msg, QBD_A_RECEIVED, zeroes, 12);
	refused(&agent, &msg, -EINVAL, "a long number");
	say(&agent, &msg, QBD_CMD_LEASE);
	refused(&agent, &msg, -EINVAL, "a lease without its end");
	rig_begin(&msg, QBD_CMD_LEASE);
	rig_put_u64(&msg, QBD_A_COOKIE, agent.cookie);
	rig_put_u64(&msg, QBD_A_LEASE_NS, 0);
	refused(&agent, &msg, -EINVAL, "no device");
	say(&agent, &msg, QBD_CMD_LEASE);
	rig_put_u64(&msg, QBD_A_LEASE_NS, 0);
	rig_put(&msg, QBD_A_REASON, zeroes + 1, 0);
	refused(&agent, &msg, -EINVAL, "a text without an end");
	say(&agent, &msg, QBD_CMD_LEASE);
	rig_put_u64(&msg, QBD_A_LEASE_NS, 0);
	memset(zeroes, 'x', 200);
	rig_put(&msg, QBD_A_REASON, zeroes, 200);
	memset(zeroes, 0, 200);
	tap_check(rig_talk(agent.fd, &msg, NULL) < 0);
	tap_check(write(agent.control, msg.data, msg.bytes) < 0);
	say(&agent, &msg, QBD_CMD_IO_REQ);
	refused(&agent, &msg, -EOPNOTSUPP, "the kernel's own command");
	say(&agent, &msg, 200);
	refused(&agent, &msg, -EOPNOTSUPP, "an unknown command");
	say(&agent, &msg, QBD_CMD_FENCE);
	((struct genlmsghdr *)(msg.data + NLMSG_HDRLEN))->reserved = 1;
	refused(&agent, &msg, -EINVAL, "reserved bits");
	say(&agent, &msg, QBD_CMD_FENCE);
	msg.data[msg.bytes - 12] = 3;
	msg.data[msg.bytes - 11] = 0;
	refused(&agent, &msg, -EINVAL, "an attribute shorter than its header");
	say(&agent, &msg, QBD_CMD_FENCE);
	msg.data[msg.bytes - 12] = 0xff;
	refused(&agent, &msg, -EINVAL, "an attribute beyond the end");
	/* still in good health */
	tap_check_eq(rig_lease_ms(&agent, 1000), 0);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, false), 0);
}

static void control_device_refuses_what_is_no_message(void)
{
	static uint8_t big[1 << 20];
	struct rig_agent agent;
	struct rig_device dev;
	struct rig_msg msg;
	struct nlmsghdr *header = (struct nlmsghdr *)msg.data;
	uint32_t bytes;

	tap_need(rig_new(&dev, 0, 1000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	for (bytes = 0; bytes < NLMSG_HDRLEN + GENL_HDRLEN; bytes++)
		tap_check(write(agent.control, big, bytes) <= 0);
	tap_check_eq(write(agent.control, big, sizeof(big)), (uint64_t)-1);
	tap_check_eq(errno, EMSGSIZE);
	say(&agent, &msg, QBD_CMD_FENCE);
	tap_check_eq(write(agent.control, msg.data, msg.bytes), msg.bytes);
	/* truncated at every byte */
	for (bytes = 0; bytes < msg.bytes; bytes++)
		tap_check(write(agent.control, msg.data, bytes) <= 0);
	/* two messages, a wrong family, flags of another kind */
	tap_check(write(agent.control, msg.data, msg.bytes + 16) < 0);
	header->nlmsg_type++;
	tap_check(write(agent.control, msg.data, msg.bytes) < 0);
	header->nlmsg_type--;
	header->nlmsg_flags |= NLM_F_DUMP;
	tap_check(write(agent.control, msg.data, msg.bytes) < 0);
	header->nlmsg_flags = NLM_F_REQUEST;
	/* a length that is not what is written */
	header->nlmsg_len -= 4;
	tap_check(write(agent.control, msg.data, msg.bytes) < 0);
	header->nlmsg_len += 8;
	tap_check(write(agent.control, msg.data, msg.bytes) < 0);
	header->nlmsg_len -= 4;
	tap_check(write(agent.control, (void *)8, msg.bytes) < 0);
	tap_check_eq(errno, EFAULT);
	tap_check_eq(write(agent.control, msg.data, msg.bytes), msg.bytes);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, false), 0);
}

/* A good message with a few bytes changed, thousands of times */
static void mangled_messages_do_no_harm(void)
{
	struct rig_agent agent, door;
	struct rig_device dev;
	struct rig_msg msg, copy;
	uint8_t cmd;
	int i, j;

	tap_need(rig_new(&dev, 0, 1000) == 0);
	tap_need(rig_bind(&agent, &dev, 0) == 0);
	door = agent;
	door.fd = rig_socket(0, 0);
	srandom(3);
	for (i = 0; i < 20000; i++) {
		cmd = (uint8_t)(QBD_CMD_DEVICE_GET +
				random() % (QBD_CMD_MAX - 2));
		/* not those that would make, or take, what is tested */
		if (cmd == QBD_CMD_BIND)
			cmd = QBD_CMD_IO_DONE;
		say(&agent, &msg, cmd);
		rig_put_u64(&msg, QBD_A_RECEIVED, (uint64_t)random() % 3);
		rig_put_u64(&msg, QBD_A_APPLIED, (uint64_t)random() % 3);
		rig_put(&msg, QBD_A_DONES, &msg, 48);
		copy = msg;
		for (j = (int)(random() % 4); j >= 0; j--)
			copy.data[16 + (uint32_t)random() % (copy.bytes - 16)] =
				(uint8_t)random();
		((struct genlmsghdr *)(copy.data + NLMSG_HDRLEN))->cmd = cmd;
		if (i % 2)
			send(door.fd, copy.data, copy.bytes, MSG_DONTWAIT);
		else if (write(agent.control, copy.data, copy.bytes) < 0 &&
			 errno == EFAULT)
			tap_check(false);
		while (recv(door.fd, copy.data, sizeof(copy.data),
			    MSG_DONTWAIT) > 0)
			;
	}
	close(door.fd);
	tap_check_eq(rig_lease_ms(&agent, 1000), 0);
	rig_unbind(&agent);
	tap_check_eq(rig_del(&dev, true), 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(lowest_free_minor_is_given),
		TAP_TEST(device_number_is_of_a_major_that_lvm_knows),
		TAP_TEST(wrong_devices_are_refused_with_a_text),
		TAP_TEST(name_and_minor_must_both_match),
		TAP_TEST(what_is_in_use_is_not_removed),
		TAP_TEST(module_unloads_and_loads_again),
		TAP_TEST(dump_lists_all),
		TAP_TEST(unprivileged_callers_are_refused),
		TAP_TEST(control_device_checks_the_writer_too),
		TAP_TEST(other_namespaces_devices_are_invisible),
		TAP_TEST(namespace_goes_with_its_device_open),
		TAP_TEST(malformed_messages_are_refused_on_both_doors),
		TAP_TEST(control_device_refuses_what_is_no_message),
		TAP_TEST(mangled_messages_do_no_harm),
	};

	rig_setup();
	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
