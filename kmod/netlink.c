// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: the generic netlink family - administration, and the agent's channel
 *
 * Commands run in parallel, so that a slow one of another family cannot stop
 * our I/O; therefore everything they touch has its own lock.  None waits for
 * I/O. DEVICE_NEW may sleep while the block layer opens the replica, without
 * holding anything.  Each command's policy lists what it may carry; the rest is
 * refused.
 */
#include <linux/ctype.h>
#include <linux/module.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "device.h"
#include "gate.h"
#include "netlink.h"
#include "registry.h"
#include "turn.h"

#define IO_TIMEOUT_MS 30000 /* when DEVICE_NEW does not say */

static struct netlink_range_validation rcvbuf_range = {
	.min = QBD_RCVBUF_MIN,
	.max = S32_MAX,
};

#define POLICY_MINOR NLA_POLICY_MAX(NLA_U32, QBD_MINORS_MAX - 1)
#define POLICY_NAME                                         \
	{                                                   \
		.type = NLA_NUL_STRING, .len = QBD_NAME_MAX \
	}
#define POLICY_PATH                                         \
	{                                                   \
		.type = NLA_NUL_STRING, .len = QBD_PATH_MAX \
	}
#define POLICY_REASON                                         \
	{                                                     \
		.type = NLA_NUL_STRING, .len = QBD_REASON_MAX \
	}
#define POLICY_U32              \
	{                       \
		.type = NLA_U32 \
	}
#define POLICY_U64              \
	{                       \
		.type = NLA_U64 \
	}

static const struct nla_policy new_policy[QBD_A_MAX + 1] = {
	[QBD_A_MINOR] = POLICY_MINOR,
	[QBD_A_NAME] = POLICY_NAME,
	[QBD_A_SIZE] = POLICY_U64,
	[QBD_A_BLOCK_SIZE] = NLA_POLICY_RANGE(NLA_U32, 512, 4096),
	[QBD_A_REPLICA] = POLICY_PATH,
	[QBD_A_IO_TIMEOUT_MS] = POLICY_U32,
	[QBD_A_DATA_OFFSET] = POLICY_U64,
};

static const struct nla_policy del_policy[QBD_A_MAX + 1] = {
	[QBD_A_MINOR] = POLICY_MINOR,
	[QBD_A_NAME] = POLICY_NAME,
	[QBD_A_FLAGS] = NLA_POLICY_MASK(NLA_U32, QBD_F_FORCE),
};

static const struct nla_policy device_policy[QBD_A_MAX + 1] = {
	[QBD_A_MINOR] = POLICY_MINOR,
	[QBD_A_NAME] = POLICY_NAME,
};

static const struct nla_policy set_policy[QBD_A_MAX + 1] = {
	[QBD_A_MINOR] = POLICY_MINOR,
	[QBD_A_NAME] = POLICY_NAME,
	[QBD_A_IO_TIMEOUT_MS] = POLICY_U32,
};

static const struct nla_policy bind_policy[QBD_A_MAX + 1] = {
	[QBD_A_MINOR] = POLICY_MINOR,
	[QBD_A_NAME] = POLICY_NAME,
	[QBD_A_RCVBUF] = NLA_POLICY_FULL_RANGE(NLA_U32, &rcvbuf_range),
};

/* What an agent says of its session; control.c uses these as well */
const struct nla_policy qbd_done_policy[QBD_A_MAX + 1] = {
	[QBD_A_MINOR] = POLICY_MINOR,
	[QBD_A_COOKIE] = POLICY_U64,
	[QBD_A_DONES] = {
		.type = NLA_BINARY,
		.len = QBD_MSG_DONES_MAX * sizeof(struct qbd_done),
	},
	[QBD_A_RECEIVED] = POLICY_U64,
	[QBD_A_APPLIED] = POLICY_U64,
};

const struct nla_policy qbd_lease_policy[QBD_A_MAX + 1] = {
	[QBD_A_MINOR] = POLICY_MINOR,
	[QBD_A_COOKIE] = POLICY_U64,
	[QBD_A_LEASE_NS] = POLICY_U64,
	[QBD_A_REASON] = POLICY_REASON,
};

const struct nla_policy qbd_fence_policy[QBD_A_MAX + 1] = {
	[QBD_A_MINOR] = POLICY_MINOR,
	[QBD_A_COOKIE] = POLICY_U64,
	[QBD_A_REASON] = POLICY_REASON,
};

/* The device that a command names, with a reference; or an ERR_PTR() */
static struct qbd_device *named_device(struct genl_info *info)
{
	struct nlattr *minor = info->attrs[QBD_A_MINOR];
	struct nlattr *name = info->attrs[QBD_A_NAME];
	struct qbd_device *dev;

	if (!minor && !name) {
		GENL_SET_ERR_MSG(info,
				 "name the device: give its minor or name");
		return ERR_PTR(-EINVAL);
	}
	dev = qbd_registry_find(genl_info_net(info),
				minor ? (s32)nla_get_u32(minor) : -1,
				name ? nla_data(name) : NULL);
	if (!dev) {
		GENL_SET_ERR_MSG(info,
				 "no such device in this network namespace");
		return ERR_PTR(-ENODEV);
	}
	return dev;
}

/* Names stand in paths and rules. */
static bool name_ok(const char *name)
{
	if (!isalnum(*name))
		return false;
	for (; *name; name++)
		if (!isascii(*name) ||
		    (!isalnum(*name) && !strchr("._-", *name)))
			return false;
	return true;
}

static int parse_new(struct genl_info *info, struct qbd_device_config *config)
{
	struct nlattr **attrs = info->attrs;

	if (!attrs[QBD_A_NAME] || !attrs[QBD_A_SIZE] || !attrs[QBD_A_REPLICA]) {
		GENL_SET_ERR_MSG(info, "name, size and replica are needed");
		return -EINVAL;
	}
	config->net = genl_info_net(info);
	config->name = nla_data(attrs[QBD_A_NAME]);
	config->replica = nla_data(attrs[QBD_A_REPLICA]);
	config->size = nla_get_u64(attrs[QBD_A_SIZE]);
	config->block_size = attrs[QBD_A_BLOCK_SIZE] ?
				     nla_get_u32(attrs[QBD_A_BLOCK_SIZE]) :
				     512;
	config->io_timeout_ms =
		attrs[QBD_A_IO_TIMEOUT_MS] ?
			nla_get_u32(attrs[QBD_A_IO_TIMEOUT_MS]) :
			IO_TIMEOUT_MS;
	config->data_offset = attrs[QBD_A_DATA_OFFSET] ?
				      nla_get_u64(attrs[QBD_A_DATA_OFFSET]) :
				      0;
	config->minor =
		attrs[QBD_A_MINOR] ? (s32)nla_get_u32(attrs[QBD_A_MINOR]) : -1;

	if (!name_ok(config->name)) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[QBD_A_NAME],
				    "a name is letters, digits and ._-");
		return -EINVAL;
	}
	if (config->block_size != 512 && config->block_size != 4096) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[QBD_A_BLOCK_SIZE],
				    "the block size is 512 or 4096");
		return -EINVAL;
	}
	if (!config->size || config->size % config->block_size ||
	    config->size > LLONG_MAX) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[QBD_A_SIZE],
				    "not a multiple of the block size");
		return -EINVAL;
	}
	if (config->data_offset % QBD_DATA_ALIGN) {
		NL_SET_ERR_MSG_ATTR(
			info->extack, attrs[QBD_A_DATA_OFFSET],
			"the data offset must be a multiple of 4096");
		return -EINVAL;
	}
	return 0;
}

static int fill_new(struct sk_buff *reply, struct genl_info *info,
		    const struct qbd_device *dev)
{
	void *header = genlmsg_put_reply(reply, info, &qbd_family, 0,
					 QBD_CMD_DEVICE_NEW);

	if (!header || nla_put_u32(reply, QBD_A_MINOR, dev->minor) ||
	    nla_put_string(reply, QBD_A_NAME, dev->name))
		return -EMSGSIZE;
	genlmsg_end(reply, header);
	return 0;
}

static int do_new(struct sk_buff *skb, struct genl_info *info)
{
	struct qbd_device_config config;
	struct qbd_device *dev;
	struct sk_buff *reply;
	int err;

	err = parse_new(info, &config);
	if (err)
		return err;
	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	dev = qbd_device_new(&config, info->extack);
	if (IS_ERR(dev)) {
		err = PTR_ERR(dev);
		goto out_free;
	}
	err = fill_new(reply, info, dev);
	qbd_device_put(dev);
	if (WARN_ON_ONCE(err))
		goto out_free;
	/* a lost reply is no reason to undo it: the caller can ask again */
	genlmsg_reply(reply, info);
	return 0;
out_free:
	nlmsg_free(reply);
	return err;
}

static int do_del(struct sk_buff *skb, struct genl_info *info)
{
	struct qbd_device *dev = named_device(info);
	struct nlattr *flags = info->attrs[QBD_A_FLAGS];
	int err;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	err = qbd_device_del(dev, flags && nla_get_u32(flags) & QBD_F_FORCE,
			     info->extack);
	qbd_device_put(dev);
	return err;
}

static int do_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *timeout = info->attrs[QBD_A_IO_TIMEOUT_MS];
	struct qbd_device *dev;
	struct qbd_turn turn;

	if (!timeout) {
		GENL_SET_ERR_MSG(info, "nothing to set: give the io-timeout");
		return -EINVAL;
	}
	dev = named_device(info);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	qbd_turn_begin(dev, &turn);
	dev->io_timeout_ms = nla_get_u32(timeout);
	if (!dev->removed) /* look again at what waits */
		mod_delayed_work(qbd_workqueue, &dev->timeout_work, 0);
	qbd_turn_end(dev, &turn);
	qbd_device_put(dev);
	return 0;
}

static int do_abort(struct sk_buff *skb, struct genl_info *info)
{
	struct qbd_device *dev = named_device(info);
	struct qbd_turn turn;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	qbd_turn_begin(dev, &turn);
	qbd_gate_abort(dev, &turn, "aborted");
	qbd_opening_give_up(dev, -EIO);
	qbd_turn_end(dev, &turn);
	qbd_device_put(dev);
	return 0;
}

/* The reply to BIND, filled in under the lock; its header is there already */
static int fill_bind(struct qbd_device *dev, struct sk_buff *reply)
{
	lockdep_assert_held(&dev->lock);
	if (nla_put_u32(reply, QBD_A_MINOR, dev->minor) ||
	    nla_put_u64_64bit(reply, QBD_A_COOKIE, dev->session.cookie,
			      QBD_A_PAD) ||
	    nla_put_u32(reply, QBD_A_GENERATION, dev->session.generation) ||
	    nla_put_u64_64bit(reply, QBD_A_NEXT_TAG, dev->table.next_tag,
			      QBD_A_PAD) ||
	    nla_put_u64_64bit(reply, QBD_A_EPOCH, dev->opening.epoch,
			      QBD_A_PAD) ||
	    nla_put_u32(reply, QBD_A_GATE, dev->gate) ||
	    nla_put_u32(reply, QBD_A_OPENERS, dev->opening.openers) ||
	    nla_put_u32(reply, QBD_A_WRITERS, dev->opening.writers))
		return -EMSGSIZE;
	nlmsg_end(reply, nlmsg_hdr(reply));
	return 0;
}

static int do_bind(struct sk_buff *skb, struct genl_info *info)
{
	struct qbd_device *dev;
	struct sk_buff *reply;
	int err;

	if (!info->attrs[QBD_A_RCVBUF]) {
		GENL_SET_ERR_MSG(info,
				 "the size of the receive buffer is needed");
		return -EINVAL;
	}
	dev = named_device(info);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	err = -ENOMEM;
	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		goto out;
	if (WARN_ON_ONCE(!genlmsg_put_reply(reply, info, &qbd_family, 0,
					    QBD_CMD_BIND)))
		goto out_free;
	err = qbd_session_bind(dev, NETLINK_CB(skb).sk, info->snd_portid,
			       nla_get_u32(info->attrs[QBD_A_RCVBUF]), reply,
			       fill_bind);
	if (!err)
		goto out;
	if (err == -EBUSY)
		GENL_SET_ERR_MSG(info, "another agent is bound: stop it first");
out_free:
	nlmsg_free(reply);
out:
	qbd_device_put(dev);
	return err;
}

static int do_session(struct sk_buff *skb, struct genl_info *info)
{
	return qbd_session_command(genl_info_net(info), info->genlhdr->cmd,
				   info->attrs, NETLINK_CB(skb).sk,
				   info->extack);
}

/* What DEVICE_GET reports, copied under the lock, so it is of one moment */
struct device_view {
	enum qbd_gate gate;
	u64 lease_ns;
	u64 epoch;
	u32 openers;
	u32 writers;
	u32 pid;
	u32 portid;
	u32 io_timeout_ms;
	char reason[QBD_REASON_MAX + 1];
	char comm[TASK_COMM_LEN];
	struct qbd_stats stats;
};

static void view_device(struct qbd_device *dev, struct device_view *view)
{
	struct qbd_turn turn;

	qbd_turn_begin(dev, &turn);
	view->gate = qbd_gate_now(dev, &turn);
	view->lease_ns = dev->lease_ns;
	view->epoch = dev->opening.epoch;
	view->openers = dev->opening.openers;
	view->writers = dev->opening.writers;
	view->pid = dev->opening.pid;
	view->portid = dev->session.portid;
	view->io_timeout_ms = dev->io_timeout_ms;
	strscpy(view->reason, dev->reason, sizeof(view->reason));
	strscpy(view->comm, dev->opening.comm, sizeof(view->comm));
	view->stats = dev->stats;
	view->stats.waiting = dev->table.n_waiting + dev->n_parked_writes +
			      dev->n_parked_reads;
	view->stats.reads_held = dev->n_reads_waiting + dev->n_parked_reads;
	view->stats.inflight = dev->table.n_waiting + dev->n_parked_writes +
			       dev->table.n_outstanding +
			       view->stats.reads_held;
	view->stats.holds = dev->table.n_holds;
	qbd_turn_end(dev, &turn);
}

static int fill_view(struct sk_buff *skb, const struct device_view *view)
{
	if (nla_put_u32(skb, QBD_A_GATE, view->gate) ||
	    nla_put_string(skb, QBD_A_GATE_REASON, view->reason) ||
	    nla_put_u64_64bit(skb, QBD_A_LEASE_NS, view->lease_ns, QBD_A_PAD) ||
	    nla_put_u64_64bit(skb, QBD_A_EPOCH, view->epoch, QBD_A_PAD) ||
	    nla_put_u32(skb, QBD_A_OPENERS, view->openers) ||
	    nla_put_u32(skb, QBD_A_WRITERS, view->writers) ||
	    nla_put_u32(skb, QBD_A_OPENER_PID, view->pid) ||
	    nla_put_string(skb, QBD_A_OPENER_COMM, view->comm) ||
	    nla_put_u32(skb, QBD_A_AGENT_PORTID, view->portid) ||
	    nla_put_u32(skb, QBD_A_IO_TIMEOUT_MS, view->io_timeout_ms) ||
	    nla_put(skb, QBD_A_STATS, sizeof(view->stats), &view->stats))
		return -EMSGSIZE;
	return 0;
}

static int fill_device(struct sk_buff *skb, struct qbd_device *dev, u32 portid,
		       u32 seq, int flags)
{
	struct device_view view;
	void *header;

	view_device(dev, &view);
	header = genlmsg_put(skb, portid, seq, &qbd_family, flags,
			     QBD_CMD_DEVICE_GET);
	if (!header)
		return -EMSGSIZE;
	if (nla_put_string(skb, QBD_A_NAME, dev->name) ||
	    nla_put_u32(skb, QBD_A_MINOR, dev->minor) ||
	    nla_put_u64_64bit(skb, QBD_A_SIZE, dev->size, QBD_A_PAD) ||
	    nla_put_u32(skb, QBD_A_BLOCK_SIZE, dev->block_size) ||
	    nla_put_string(skb, QBD_A_REPLICA, dev->replica_path) ||
	    nla_put_u64_64bit(skb, QBD_A_DATA_OFFSET, dev->data_offset,
			      QBD_A_PAD) ||
	    fill_view(skb, &view)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

static int do_get(struct sk_buff *skb, struct genl_info *info)
{
	struct qbd_device *dev = named_device(info);
	struct sk_buff *reply;
	int err = -ENOMEM;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		goto out;
	err = fill_device(reply, dev, info->snd_portid, info->snd_seq, 0);
	if (err)
		nlmsg_free(reply);
	else
		err = genlmsg_reply(reply, info);
out:
	qbd_device_put(dev);
	return err;
}

/* Both capabilities, against the initial user namespace, for every command */
static int check_caller(struct sk_buff *skb, struct netlink_ext_ack *extack)
{
	if (netlink_capable(skb, CAP_NET_ADMIN) &&
	    netlink_capable(skb, CAP_SYS_ADMIN))
		return 0;
	NL_SET_ERR_MSG(extack, "this is for the machine's root alone");
	return -EPERM;
}

static int dump_start(struct netlink_callback *cb)
{
	return check_caller(cb->skb, cb->extack);
}

static int dump_get(struct sk_buff *skb, struct netlink_callback *cb)
{
	unsigned long minor = cb->args[0];
	struct qbd_device *dev;
	int err;

	while ((dev = qbd_registry_next(sock_net(skb->sk), &minor))) {
		err = fill_device(skb, dev, NETLINK_CB(cb->skb).portid,
				  cb->nlh->nlmsg_seq, NLM_F_MULTI);
		qbd_device_put(dev);
		if (err)
			break;
		minor++;
	}
	cb->args[0] = minor;
	return skb->len;
}

static int pre_doit(QBD_COMPAT_GENL_OPS *ops, struct sk_buff *skb,
		    struct genl_info *info)
{
	return check_caller(skb, info->extack);
}

#define OP(command, rules, handler)                                        \
	{                                                                  \
		.cmd = (command), .policy = (rules), .maxattr = QBD_A_MAX, \
		.doit = (handler), .flags = GENL_ADMIN_PERM,               \
	}

static const struct genl_ops ops[] = {
	OP(QBD_CMD_DEVICE_NEW, new_policy, do_new),
	OP(QBD_CMD_DEVICE_DEL, del_policy, do_del),
	{
		.cmd = QBD_CMD_DEVICE_GET,
		.policy = device_policy,
		.maxattr = QBD_A_MAX,
		.doit = do_get,
		.start = dump_start,
		.dumpit = dump_get,
		.flags = GENL_ADMIN_PERM,
	},
	OP(QBD_CMD_DEVICE_SET, set_policy, do_set),
	OP(QBD_CMD_DEVICE_ABORT, device_policy, do_abort),
	OP(QBD_CMD_BIND, bind_policy, do_bind),
	OP(QBD_CMD_LEASE, qbd_lease_policy, do_session),
	OP(QBD_CMD_FENCE, qbd_fence_policy, do_session),
	OP(QBD_CMD_IO_DONE, qbd_done_policy, do_session),
};

struct genl_family qbd_family __ro_after_init = {
	.name = QBD_GENL_NAME,
	.version = QBD_GENL_VERSION,
	.maxattr = QBD_A_MAX,
	.netnsok = true,
	.parallel_ops = true,
	.resv_start_op = QBD_CMD_DEVICE_NEW, /* all are checked strictly */
	.pre_doit = pre_doit,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.module = THIS_MODULE,
};

static int socket_event(struct notifier_block *block, unsigned long event,
			void *data)
{
	const struct netlink_notify *notify = data;

	if (event == NETLINK_URELEASE && notify->protocol == NETLINK_GENERIC)
		qbd_session_socket_gone();
	return NOTIFY_DONE;
}

static struct notifier_block socket_notifier = {
	.notifier_call = socket_event,
};

/**
 * qbd_netlink_init() - open the channel
 *
 * Return: 0 or a negative errno.
 */
int __init qbd_netlink_init(void)
{
	int err;

	err = netlink_register_notifier(&socket_notifier);
	if (err)
		return err;
	err = genl_register_family(&qbd_family);
	if (err)
		netlink_unregister_notifier(&socket_notifier);
	return err;
}

/**
 * qbd_netlink_exit() - close it
 */
void qbd_netlink_exit(void)
{
	genl_unregister_family(&qbd_family);
	netlink_unregister_notifier(&socket_notifier);
}
