// SPDX-License-Identifier: GPL-2.0
/* See genl.h. */
#include "kernel.h"

static struct genl_family *the_family;
static struct notifier_block *the_notifier;
extern struct net kshim_net;

void nla_strscpy(char *to, const struct nlattr *attr, size_t size)
{
	size_t length = strnlen(nla_data(attr), (size_t)nla_len(attr));

	if (length >= size)
		length = size - 1;
	memcpy(to, nla_data(attr), length);
	memset(to + length, 0, size - length);
}

static int refuse(struct netlink_ext_ack *extack, const struct nlattr *attr,
		  const char *text, int error)
{
	NL_SET_ERR_MSG_ATTR(extack, attr, text);
	return error;
}

static int check_string(const struct nla_policy *policy,
			const struct nlattr *attr)
{
	const char *text = nla_data(attr);
	int len = nla_len(attr);
	int most = policy->len && len > policy->len + 1 ? policy->len + 1 : len;

	if (!most || !memchr(text, 0, (size_t)most))
		return -EINVAL;
	if (text[len - 1] == '\0')
		len--;
	return policy->len && len > policy->len ? -ERANGE : 0;
}

static int check_value(const struct nla_policy *policy,
		       const struct nlattr *attr)
{
	u64 value = policy->type == NLA_U32 ? nla_get_u32(attr) :
					      nla_get_u64(attr);

	switch (policy->validation_type) {
	case NLA_VALIDATE_MAX:
		return value > (u64)policy->max ? -ERANGE : 0;
	case NLA_VALIDATE_RANGE:
		return value < (u64)policy->min || value > (u64)policy->max ?
			       -ERANGE :
			       0;
	case NLA_VALIDATE_RANGE_PTR:
		return value < policy->range->min ||
				       value > policy->range->max ?
			       -ERANGE :
			       0;
	case NLA_VALIDATE_MASK:
		return value & ~(u64)policy->mask ? -EINVAL : 0;
	default:
		return 0;
	}
}

static int check(const struct nla_policy *policy, const struct nlattr *attr)
{
	static const int exactly[] = { [NLA_U32] = 4, [NLA_U64] = 8, [4] = 0 };
	int wanted = exactly[policy->type];

	if (wanted && nla_len(attr) != wanted)
		return -EINVAL;
	if (policy->type != NLA_UNSPEC && attr->nla_type & NLA_F_NESTED)
		return -EINVAL;
	switch (policy->type) {
	case NLA_UNSPEC:
		return -EINVAL;
	case NLA_NUL_STRING:
		return check_string(policy, attr);
	case NLA_BINARY:
		return policy->len && nla_len(attr) > policy->len ? -ERANGE : 0;
	default:
		return check_value(policy, attr);
	}
}

int nla_parse(struct nlattr **attrs, int maxtype, const struct nlattr *head,
	      int len, const struct nla_policy *policy,
	      struct netlink_ext_ack *extack)
{
	const struct nlattr *attr = head;
	int err;

	memset(attrs, 0, ((size_t)maxtype + 1) * sizeof(*attrs));
	while (len >= (int)sizeof(*attr) && attr->nla_len >= sizeof(*attr) &&
	       attr->nla_len <= len) {
		int type = attr->nla_type & NLA_TYPE_MASK;
		int step = NLA_ALIGN(attr->nla_len);

		if (type == 0 || type > maxtype)
			return refuse(extack, attr, "unknown type", -EINVAL);
		err = check(&policy[type], attr);
		if (err)
			return refuse(extack, attr, "policy", err);
		attrs[type] = (struct nlattr *)(uintptr_t)attr;
		len -= step;
		attr = (const void *)((const char *)attr + step);
	}
	return len > 0 ? refuse(extack, NULL, "bytes leftover", -EINVAL) : 0;
}

struct sk_buff *genlmsg_new(size_t bytes, unsigned int gfp)
{
	struct sk_buff *skb = calloc(1, sizeof(*skb));

	skb->room = (int)bytes + NLMSG_HDRLEN + GENL_HDRLEN;
	skb->data = calloc(1, (size_t)skb->room);
	return skb;
}

void nlmsg_free(struct sk_buff *skb)
{
	free(skb->data);
	free(skb);
}

void nlmsg_end(struct sk_buff *skb, struct nlmsghdr *header)
{
	header->nlmsg_len = (u32)(skb->data + skb->len - (char *)header);
}

int nla_put(struct sk_buff *skb, int type, int len, const void *data)
{
	struct nlattr *attr = (void *)(skb->data + skb->len);
	int bytes = NLA_ALIGN(NLA_HDRLEN + len);

	if (bytes > skb->room - skb->len)
		return -EMSGSIZE;
	attr->nla_type = (u16)type;
	attr->nla_len = (u16)(NLA_HDRLEN + len);
	memcpy(nla_data(attr), data, (size_t)len);
	skb->len += bytes;
	return 0;
}

void *genlmsg_put(struct sk_buff *skb, u32 portid, u32 seq,
		  const struct genl_family *family, int flags, u8 cmd)
{
	struct nlmsghdr *header = (void *)(skb->data + skb->len);
	struct genlmsghdr *genl = nlmsg_data(header);

	if (skb->room - skb->len < NLMSG_HDRLEN + GENL_HDRLEN)
		return NULL;
	header->nlmsg_type = (u16)family->id;
	genl->cmd = cmd;
	genl->version = (u8)family->version;
	skb->len += NLMSG_HDRLEN + GENL_HDRLEN;
	return (char *)genl + GENL_HDRLEN;
}

void genlmsg_end(struct sk_buff *skb, void *header)
{
	nlmsg_end(skb, (void *)((char *)header - GENL_HDRLEN - NLMSG_HDRLEN));
}

void genlmsg_cancel(struct sk_buff *skb, void *header)
{
	skb->len =
		(int)((char *)header - GENL_HDRLEN - NLMSG_HDRLEN - skb->data);
}

/* Whatever is told must be whole. */
static void check_message(const struct sk_buff *skb)
{
	const struct nlmsghdr *header = nlmsg_hdr(skb);

	WARN_ON_ONCE((int)header->nlmsg_len != skb->len);
	WARN_ON_ONCE(header->nlmsg_type != the_family->id);
}

int genlmsg_reply(struct sk_buff *skb, struct genl_info *info)
{
	check_message(skb);
	nlmsg_free(skb);
	return 0;
}

int __sock_queue_rcv_skb(struct sock *sk, struct sk_buff *skb)
{
	WARN_ON_ONCE(sk->refs <= 0);
	if (sk->full) {
		sk->full--;
		return -ENOBUFS;
	}
	check_message(skb);
	nlmsg_free(skb);
	return 0;
}

struct net *sock_net(const struct sock *sk)
{
	return &kshim_net;
}

int genl_register_family(struct genl_family *family)
{
	family->id = 0x20;
	the_family = family;
	return 0;
}

int netlink_register_notifier(struct notifier_block *block)
{
	the_notifier = block;
	return 0;
}

void kshim_socket_gone(void)
{
	struct netlink_notify notify = { .protocol = NETLINK_GENERIC };

	the_notifier->notifier_call(the_notifier, NETLINK_URELEASE, &notify);
}

static int dump(const struct genl_ops *op, struct sk_buff *from,
		struct netlink_ext_ack *extack)
{
	struct netlink_callback cb = {
		.skb = from,
		.nlh = nlmsg_hdr(from),
		.extack = extack,
	};
	unsigned int rounds = 0;
	struct sk_buff *skb;
	int len, err;

	err = op->start(&cb);
	do {
		skb = genlmsg_new(1500, 0);
		skb->sk = from->sk;
		len = err ? err : op->dumpit(skb, &cb);
		nlmsg_free(skb);
	} while (len > 0 && ++rounds < 100);
	WARN_ON_ONCE(rounds >= 100);
	return len;
}

/* As genl_rcv_msg() does for an operation that is checked strictly. */
int kshim_deliver(struct sock *sk, struct nlmsghdr *message, size_t len)
{
	struct netlink_ext_ack extack = { ._msg = NULL };
	struct nlattr *attrs[64];
	struct sk_buff skb = { .sk = sk, .cb = { sk, 7 }, .len = (int)len };
	struct genl_info info = {
		.nlhdr = message,
		.genlhdr = nlmsg_data(message),
		.attrs = attrs,
		.net = &kshim_net,
		.extack = &extack,
		.snd_portid = 7,
	};
	const struct genl_ops *op = NULL;
	unsigned int i;
	int err;

	if (len < NLMSG_HDRLEN + GENL_HDRLEN)
		return -EINVAL;
	skb.data = (char *)message;
	for (i = 0; i < the_family->n_ops; i++)
		if (the_family->ops[i].cmd == info.genlhdr->cmd)
			op = &the_family->ops[i];
	if (!op)
		return -EOPNOTSUPP;
	err = nla_parse(attrs, (int)op->maxattr,
			(void *)((char *)info.genlhdr + GENL_HDRLEN),
			(int)len - NLMSG_HDRLEN - GENL_HDRLEN, op->policy,
			&extack);
	if (err)
		return err;
	if (message->nlmsg_flags & NLM_F_DUMP && op->dumpit)
		return dump(op, &skb, &extack);
	err = the_family->pre_doit(NULL, &skb, &info);
	return err ? err : op->doit(&skb, &info);
}
