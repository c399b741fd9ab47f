/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Netlink as the module sees it: attributes and policies, by the rules of the
 * kernel's lib/nlattr.c under strict validation, messages, sockets, and the
 * way of a message through a generic netlink family.
 */
#ifndef KSHIM_GENL_H
#define KSHIM_GENL_H

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/types.h>
#include <string.h>

struct net;
struct genl_info;

enum {
	NLA_UNSPEC,
	NLA_U32,
	NLA_U64,
	NLA_NUL_STRING,
	NLA_BINARY,
};

enum {
	NLA_VALIDATE_NONE,
	NLA_VALIDATE_RANGE,
	NLA_VALIDATE_MASK,
	NLA_VALIDATE_MAX,
	NLA_VALIDATE_RANGE_PTR,
};

struct netlink_range_validation {
	u64 min, max;
};

struct nla_policy {
	u8 type;
	u8 validation_type;
	u16 len;
	union {
		u32 mask;
		const struct netlink_range_validation *range;
		struct {
			int16_t min, max;
		};
	};
};

#define NLA_POLICY_MAX(kind, most)                   \
	{                                            \
		.type = (kind), .max = (most),       \
		.validation_type = NLA_VALIDATE_MAX, \
	}
#define NLA_POLICY_RANGE(kind, least, most)                    \
	{                                                      \
		.type = (kind), .min = (least), .max = (most), \
		.validation_type = NLA_VALIDATE_RANGE,         \
	}
#define NLA_POLICY_FULL_RANGE(kind, bounds)                \
	{                                                  \
		.type = (kind), .range = (bounds),         \
		.validation_type = NLA_VALIDATE_RANGE_PTR, \
	}
#define NLA_POLICY_MASK(kind, bits)                   \
	{                                             \
		.type = (kind), .mask = (bits),       \
		.validation_type = NLA_VALIDATE_MASK, \
	}

struct netlink_ext_ack {
	const char *_msg;
	const struct nlattr *bad_attr;
};

#define NL_SET_ERR_MSG(ack, text)                          \
	do {                                               \
		struct netlink_ext_ack *kshim_ack = (ack); \
		if (kshim_ack)                             \
			kshim_ack->_msg = (text);          \
	} while (0)
#define NL_SET_ERR_MSG_ATTR(ack, attr, text)                \
	do {                                                \
		struct netlink_ext_ack *kshim_attr = (ack); \
		if (kshim_attr) {                           \
			kshim_attr->bad_attr = (attr);      \
			kshim_attr->_msg = (text);          \
		}                                           \
	} while (0)
#define GENL_SET_ERR_MSG(info, text) NL_SET_ERR_MSG((info)->extack, text)

/* Attributes */
static inline void *nla_data(const struct nlattr *attr)
{
	return (char *)(uintptr_t)attr + NLA_HDRLEN;
}

static inline int nla_len(const struct nlattr *attr)
{
	return attr->nla_len - NLA_HDRLEN;
}

static inline u32 nla_get_u32(const struct nlattr *attr)
{
	u32 value;

	memcpy(&value, nla_data(attr), sizeof(value));
	return value;
}

static inline u64 nla_get_u64(const struct nlattr *attr)
{
	u64 value;

	memcpy(&value, nla_data(attr), sizeof(value));
	return value;
}

void nla_strscpy(char *to, const struct nlattr *attr, size_t size);
int nla_parse(struct nlattr **attrs, int maxtype, const struct nlattr *head,
	      int len, const struct nla_policy *policy,
	      struct netlink_ext_ack *extack);

/* Messages */
struct sock {
	int refs;
	bool dead;
	int sk_rcvbuf;
	int full; /* so many messages are refused */
};

struct netlink_skb_parms {
	struct sock *sk;
	u32 portid;
};

struct sk_buff {
	struct sock *sk;
	struct netlink_skb_parms cb;
	int len;
	int room;
	char *data;
};

#define NETLINK_CB(skb) ((skb)->cb)
#define GENLMSG_DEFAULT_SIZE 3776
#define SOCK_DEAD 0
#define sock_flag(socket, flag) ((socket)->dead)
#define sock_hold(socket) ((socket)->refs++)
#define sock_put(socket) ((socket)->refs--)
#define nlmsg_hdr(skb) ((struct nlmsghdr *)(skb)->data)
#define nlmsg_data(header) ((void *)((char *)(header) + NLMSG_HDRLEN))
#define netlink_capable(skb, capability) true

struct sk_buff *genlmsg_new(size_t bytes, unsigned int gfp);
void nlmsg_free(struct sk_buff *skb);
void nlmsg_end(struct sk_buff *skb, struct nlmsghdr *header);
int nla_put(struct sk_buff *skb, int type, int len, const void *data);
int __sock_queue_rcv_skb(struct sock *sk, struct sk_buff *skb);
struct net *sock_net(const struct sock *sk);

static inline int nla_put_u32(struct sk_buff *skb, int type, u32 value)
{
	return nla_put(skb, type, sizeof(value), &value);
}

static inline int nla_put_u64_64bit(struct sk_buff *skb, int type, u64 value,
				    int pad)
{
	return nla_put(skb, type, sizeof(value), &value);
}

static inline int nla_put_string(struct sk_buff *skb, int type,
				 const char *text)
{
	return nla_put(skb, type, (int)strlen(text) + 1, text);
}

/* Generic netlink */
struct genl_info {
	u32 snd_seq;
	u32 snd_portid;
	struct nlmsghdr *nlhdr;
	struct genlmsghdr *genlhdr;
	struct nlattr **attrs;
	struct net *net;
	struct netlink_ext_ack *extack;
};

struct netlink_callback {
	struct sk_buff *skb;
	const struct nlmsghdr *nlh;
	struct netlink_ext_ack *extack;
	unsigned long args[6];
};

struct genl_split_ops;

struct genl_ops {
	int (*doit)(struct sk_buff *skb, struct genl_info *info);
	int (*start)(struct netlink_callback *cb);
	int (*dumpit)(struct sk_buff *skb, struct netlink_callback *cb);
	const struct nla_policy *policy;
	unsigned int maxattr;
	u8 cmd;
	u8 flags;
};

struct genl_family {
	unsigned int id;
	const char *name;
	unsigned int version;
	unsigned int maxattr;
	bool netnsok;
	bool parallel_ops;
	u8 resv_start_op;
	int (*pre_doit)(const struct genl_split_ops *ops, struct sk_buff *skb,
			struct genl_info *info);
	const struct genl_ops *ops;
	unsigned int n_ops;
	void *module;
};

#define genl_info_net(info) ((info)->net)
void *genlmsg_put(struct sk_buff *skb, u32 portid, u32 seq,
		  const struct genl_family *family, int flags, u8 cmd);
#define genlmsg_put_reply(skb, info, family, flags, cmd)                     \
	genlmsg_put(skb, (info)->snd_portid, (info)->snd_seq, family, flags, \
		    cmd)
void genlmsg_end(struct sk_buff *skb, void *header);
void genlmsg_cancel(struct sk_buff *skb, void *header);
int genlmsg_reply(struct sk_buff *skb, struct genl_info *info);
#define genl_register_family kshim_register_family
int genl_register_family(struct genl_family *family);
#define genl_unregister_family(family) ((void)(family))

struct notifier_block {
	int (*notifier_call)(struct notifier_block *block, unsigned long event,
			     void *data);
};

struct netlink_notify {
	int protocol;
};

#define NETLINK_URELEASE 1
#define NOTIFY_DONE 0
int netlink_register_notifier(struct notifier_block *block);
#define netlink_unregister_notifier(block) ((void)(block))

/* What the fuzzer does: a message of @len bytes comes in on @sk. */
int kshim_deliver(struct sock *sk, struct nlmsghdr *message, size_t len);
void kshim_socket_gone(void);

#endif
