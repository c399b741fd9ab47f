// SPDX-License-Identifier: GPL-2.0
/*
 * Short queries and commands about devices.  None of them waits for I/O: the
 * kernel answers at once, or channel_ask() gives up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>

#include "nl/channel.h"
#include "nl/nl.h"
#include "nl/parse.h"

#define DUMP_TRIES 5

struct nl_admin {
	struct channel channel;
};

int nl_admin_open(struct nl_admin **admin, struct base_error *error)
{
	struct nl_admin *made = calloc(1, sizeof(*made));
	int ret;

	if (!made)
		return base_error_set(error, -ENOMEM, "out of memory");
	ret = channel_open(&made->channel, error);
	if (ret) {
		free(made);
		return ret;
	}
	*admin = made;
	return 0;
}

void nl_admin_close(struct nl_admin *admin)
{
	if (!admin)
		return;
	channel_close(&admin->channel);
	free(admin);
}

/* What an answer is put into, by the functions that follow. */
struct answer {
	struct base_error *error;
	bool found;
	uint32_t minor;
	struct nl_device device;
	struct nl_device *devices;
	unsigned int count;
	unsigned int room;
};

static int take_minor(const struct nlmsghdr *head, void *context)
{
	struct answer *answer = context;

	answer->found = true;
	return parse_minor(head, &answer->minor, answer->error);
}

static int take_device(const struct nlmsghdr *head, void *context)
{
	struct answer *answer = context;

	answer->found = true;
	return parse_device(head, &answer->device, answer->error);
}

static int take_devices(const struct nlmsghdr *head, void *context)
{
	struct answer *answer = context;
	struct nl_device *grown;
	unsigned int room;

	if (answer->count == answer->room) {
		room = answer->room ? 2 * answer->room : 8;
		grown = room <= 2 * QBD_MINORS_MAX ?
				realloc(answer->devices,
					room * sizeof(*grown)) :
				NULL;
		if (!grown)
			return base_error_set(answer->error, -ENOMEM,
					      "out of memory");
		answer->devices = grown;
		answer->room = room;
	}
	return parse_device(head, &answer->devices[answer->count++],
			    answer->error);
}

/* A message about one device; NULL when memory is short. */
static struct nl_msg *about(struct nl_admin *admin, uint8_t command,
			    const char *name)
{
	struct nl_msg *msg = channel_message(&admin->channel, command, 0);

	if (msg && nla_put_string(msg, QBD_A_NAME, name)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int order(struct nl_admin *admin, struct nl_msg *msg, const char *name,
		 const char *what, struct base_error *error)
{
	char text[QBD_NAME_MAX + 64];

	snprintf(text, sizeof(text), "volume %s: %s", name, what);
	return channel_ask(&admin->channel, msg, NULL, NULL, text, error);
}

int nl_device_new(struct nl_admin *admin, const struct nl_device_new *what,
		  uint32_t *minor, struct base_error *error)
{
	struct answer answer = { .error = error };
	char text[QBD_NAME_MAX + QBD_PATH_MAX + 64];
	struct nl_msg *msg = about(admin, QBD_CMD_DEVICE_NEW, what->name);
	int ret;

	if (msg &&
	    (nla_put_u64(msg, QBD_A_SIZE, what->size_bytes) ||
	     nla_put_string(msg, QBD_A_REPLICA, what->replica) ||
	     nla_put_u64(msg, QBD_A_DATA_OFFSET, what->data_offset) ||
	     nla_put_u32(msg, QBD_A_BLOCK_SIZE, what->block_size) ||
	     nla_put_u32(msg, QBD_A_IO_TIMEOUT_MS, what->io_timeout_ms) ||
	     (what->minor >= 0 &&
	      nla_put_u32(msg, QBD_A_MINOR, (uint32_t)what->minor)))) {
		nlmsg_free(msg);
		msg = NULL;
	}
	snprintf(text, sizeof(text),
		 "volume %s: making its device on the replica %s", what->name,
		 what->replica);
	ret = channel_ask(&admin->channel, msg, take_minor, &answer, text,
			  error);
	if (ret)
		return ret;
	if (!answer.found)
		return base_error_set(error, -EPROTO, "%s: no answer to it",
				      text);
	*minor = answer.minor;
	return 0;
}

/* The kernel only says that it is in use. */
static void tell_holder(struct nl_admin *admin, const char *name,
			struct base_error *error)
{
	struct nl_device device = { .minor = 0 };
	char text[384];

	if (!error || nl_device_get(admin, name, &device, NULL))
		return;
	nl_device_holder(&device, text, sizeof(text));
	if (*text)
		base_error_set(error, -EBUSY, "volume %s stays up: %s", name,
			       text);
}

int nl_device_del(struct nl_admin *admin, const char *name, bool force,
		  struct base_error *error)
{
	struct nl_msg *msg = about(admin, QBD_CMD_DEVICE_DEL, name);
	int ret;

	if (msg && force && nla_put_u32(msg, QBD_A_FLAGS, QBD_F_FORCE)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	ret = order(admin, msg, name, "removing its device", error);
	/* By force: that is the agent's loop, which looks at no process. */
	if (ret == -EBUSY && !force)
		tell_holder(admin, name, error);
	return ret;
}

int nl_device_abort(struct nl_admin *admin, const char *name,
		    struct base_error *error)
{
	return order(admin, about(admin, QBD_CMD_DEVICE_ABORT, name), name,
		     "aborting its I/O", error);
}

int nl_device_set_timeout(struct nl_admin *admin, const char *name,
			  uint32_t io_timeout_ms, struct base_error *error)
{
	struct nl_msg *msg = about(admin, QBD_CMD_DEVICE_SET, name);

	if (msg && nla_put_u32(msg, QBD_A_IO_TIMEOUT_MS, io_timeout_ms)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return order(admin, msg, name, "setting its io-timeout", error);
}

int nl_device_get(struct nl_admin *admin, const char *name,
		  struct nl_device *device, struct base_error *error)
{
	struct answer answer = { .error = error };
	char text[QBD_NAME_MAX + 64];
	int ret;

	snprintf(text, sizeof(text), "volume %s: asking for its device", name);
	ret = channel_ask(&admin->channel,
			  about(admin, QBD_CMD_DEVICE_GET, name), take_device,
			  &answer, text, error);
	if (ret)
		return ret;
	if (!answer.found)
		return base_error_set(error, -EPROTO, "%s: no answer to it",
				      text);
	*device = answer.device;
	return 0;
}

int nl_device_list(struct nl_admin *admin, struct nl_device **devices,
		   unsigned int *count, struct base_error *error)
{
	struct answer answer = { .error = error };
	unsigned int tries = DUMP_TRIES;
	int ret;

	do {
		answer.count = 0;
		ret = channel_ask(&admin->channel,
				  channel_message(&admin->channel,
						  QBD_CMD_DEVICE_GET,
						  NLM_F_DUMP),
				  take_devices, &answer,
				  "asking for all devices", error);
	} while (ret == -EAGAIN && --tries);
	/* Devices that come and go all the time: the last look will do. */
	if (ret && ret != -EAGAIN) {
		free(answer.devices);
		return ret;
	}
	*devices = answer.devices;
	*count = answer.count;
	return 0;
}
