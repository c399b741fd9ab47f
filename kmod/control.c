// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: /dev/qbd-control, the preferred channel for the agent's commands
 *
 * Generic netlink takes a lock for reading, which a slow command of any family
 * together with the registration of another can hold up, and it allocates
 * memory.  A completion must not wait for either, since only this completion
 * may free the memory that they wait for.  So the same message can be written
 * here, one per write(2), into a buffer that was allocated by open().
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/genetlink.h>

#include "control.h"
#include "netlink.h"
#include "session.h"

#define CONTROL_BYTES_MAX                   \
	(NLMSG_HDRLEN + GENL_HDRLEN + 256 + \
	 QBD_MSG_DONES_MAX * (int)sizeof(struct qbd_done))

/**
 * struct control - an open control device
 * @mutex: protects the others; held for one message
 * @attrs: of the message
 * @bytes: the message
 */
struct control {
	struct mutex mutex;
	struct nlattr *attrs[QBD_A_MAX + 1];
	u8 bytes[CONTROL_BYTES_MAX] __aligned(8);
};

/* Both the opener and the writer need the capabilities. */
static bool may_control(const struct file *file)
{
	return capable(CAP_NET_ADMIN) && capable(CAP_SYS_ADMIN) &&
	       file_ns_capable(file, &init_user_ns, CAP_NET_ADMIN) &&
	       file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN);
}

/*
 * Asking the security modules costs more than all the rest of a completion, so
 * it is done once per credentials: those in use never change (a process that
 * gets others gets a new object), and the file holds a reference on those of
 * its open.
 */
static bool may_write(const struct file *file)
{
	return current_cred() == file->f_cred || may_control(file);
}

static int control_open(struct inode *inode, struct file *file)
{
	struct control *control;

	if (!may_control(file))
		return -EPERM;
	control = kvzalloc(sizeof(*control), GFP_KERNEL);
	if (!control)
		return -ENOMEM;
	mutex_init(&control->mutex);
	file->private_data = control;
	return stream_open(inode, file);
}

static int control_release(struct inode *inode, struct file *file)
{
	kvfree(file->private_data);
	return 0;
}

static const struct nla_policy *policy_of(u8 cmd)
{
	switch (cmd) {
	case QBD_CMD_IO_DONE:
		return qbd_done_policy;
	case QBD_CMD_LEASE:
		return qbd_lease_policy;
	case QBD_CMD_FENCE:
		return qbd_fence_policy;
	default:
		return NULL;
	}
}

static int control_message(struct control *control, size_t count)
{
	const struct nlmsghdr *header = (void *)control->bytes;
	const struct nla_policy *policy;
	const struct genlmsghdr *genl;
	int err;

	if (header->nlmsg_len != count || header->nlmsg_type != qbd_family.id ||
	    header->nlmsg_flags & ~(NLM_F_REQUEST | NLM_F_ACK))
		return -EINVAL;
	genl = nlmsg_data(header);
	if (genl->version != QBD_GENL_VERSION || genl->reserved)
		return -EINVAL;
	policy = policy_of(genl->cmd);
	if (!policy)
		return -EOPNOTSUPP;
	err = nla_parse(control->attrs, QBD_A_MAX, (void *)genl + GENL_HDRLEN,
			count - NLMSG_HDRLEN - GENL_HDRLEN, policy, NULL);
	if (err)
		return err;
	return qbd_session_command(current->nsproxy->net_ns, genl->cmd,
				   control->attrs, NULL, NULL);
}

static ssize_t control_write(struct file *file, const char __user *from,
			     size_t count, loff_t *pos)
{
	struct control *control = file->private_data;
	int err;

	if (!may_write(file))
		return -EPERM;
	if (count < NLMSG_HDRLEN + GENL_HDRLEN)
		return -EINVAL;
	if (count > sizeof(control->bytes))
		return -EMSGSIZE;
	err = mutex_lock_killable(&control->mutex);
	if (err)
		return err;
	if (copy_from_user(control->bytes, from, count))
		err = -EFAULT;
	else
		err = control_message(control, count);
	mutex_unlock(&control->mutex);
	return err ? err : count;
}

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.open = control_open,
	.release = control_release,
	.write = control_write,
};

static struct miscdevice control_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = QBD_CONTROL_NAME,
	.fops = &control_fops,
	.mode = 0600,
};

/**
 * qbd_control_init() - open the channel
 *
 * Return: 0 or a negative errno.
 */
int __init qbd_control_init(void)
{
	return misc_register(&control_device);
}

/**
 * qbd_control_exit() - close the channel
 */
void qbd_control_exit(void)
{
	misc_deregister(&control_device);
}
