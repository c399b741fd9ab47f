/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Talking to qbd.ko, over libnl and /dev/qbd-control.  The protocol is in
 * uapi/linux/qbd.h; the words here mean the same.
 *
 * struct nl_admin is for short queries and commands (the command line, the
 * daemon at its start); struct nl_session is the daemon's hold on a device and
 * lives in its loop thread.  Every error's text has the kernel's extack text in
 * it, and the remedy where we know one (module not loaded: modprobe qbd).
 */
#ifndef NL_NL_H
#define NL_NL_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/qbd.h>

#include "base/buf.h"
#include "base/error.h"

struct nl_admin;

struct nl_device {
	char name[QBD_NAME_MAX + 1];
	uint32_t minor;
	uint64_t size_bytes;
	uint32_t block_size;
	char replica[QBD_PATH_MAX + 1];
	uint64_t data_offset; /* byte of it where the data area begins */
	enum qbd_gate gate;
	char gate_reason[QBD_REASON_MAX + 1];
	uint64_t lease_ns;
	uint64_t epoch;
	uint32_t openers;
	uint32_t writers;
	uint32_t opener_pid;
	char opener_comm[32];
	uint32_t agent_portid;
	uint32_t io_timeout_ms;
	struct qbd_stats stats;
};

/** nl_gate_text() - a gate in a word, "unknown" for a newer module's */
const char *nl_gate_text(enum qbd_gate gate);

/**
 * nl_admin_open() - -ENOENT: module not loaded
 * Without root, each of the functions below returns -EPERM.
 */
int nl_admin_open(struct nl_admin **admin, struct base_error *error);
void nl_admin_close(struct nl_admin *admin);

struct nl_device_new {
	const char *name;
	const char *replica;
	uint64_t data_offset; /* byte of the replica, of QBD_DATA_ALIGN */
	uint64_t size_bytes;
	uint32_t block_size;
	uint32_t io_timeout_ms;
	int32_t minor; /* -1: any */
};

/** nl_device_new() - @minor: where it is */
int nl_device_new(struct nl_admin *admin, const struct nl_device_new *what,
		  uint32_t *minor, struct base_error *error);
/** nl_device_del() - -EBUSY: the text says who has it */
int nl_device_del(struct nl_admin *admin, const char *name, bool force,
		  struct base_error *error);
int nl_device_abort(struct nl_admin *admin, const char *name,
		    struct base_error *error);
int nl_device_set_timeout(struct nl_admin *admin, const char *name,
			  uint32_t io_timeout_ms, struct base_error *error);
/** nl_device_get() - -ENODEV: no such device */
int nl_device_get(struct nl_admin *admin, const char *name,
		  struct nl_device *device, struct base_error *error);
/**
 * nl_device_holder() - who keeps the device from being removed, and the remedy
 * "" when nobody does.  Reads /proc: never from the loop thread.
 */
void nl_device_holder(const struct nl_device *device, char *text, size_t size);

/**
 * nl_replica_holder() - whose replica a disk is while its device is there, and
 * the remedy
 * "" when it is none's, or the module is not loaded.
 */
void nl_replica_holder(const char *path, char *text, size_t size);
/** nl_device_list() - @devices: malloced, the caller's */
int nl_device_list(struct nl_admin *admin, struct nl_device **devices,
		   unsigned int *count, struct base_error *error);

/* The daemon's hold on a device. */
struct nl_session;

struct nl_bound {
	uint32_t minor;
	uint64_t next_tag;
	uint64_t epoch; /* of an open session that continues, 0: none */
	uint32_t openers;
	uint32_t writers;
};

/* They may answer and flush, but not close the session. */
struct nl_session_ops {
	/*
	 * One request.  For a write, @data lies in @buf (data_bytes of it);
	 * take a reference to keep it.
	 */
	void (*request)(void *context, const struct qbd_req *req,
			struct base_buf *buf, const uint8_t *data);
	/* The local replica failed a read.  Its tag counts as received too. */
	void (*replica_error)(void *context, const struct qbd_req *req);
};

/**
 * nl_session_open() - bind the device's queue
 * @rcvbuf_bytes: socket buffer to ask for (SO_RCVBUFFORCE)
 * -EBUSY: another agent has it (the text says its port id)
 */
int nl_session_open(const char *device, uint32_t rcvbuf_bytes,
		    const struct nl_session_ops *ops, void *context,
		    struct nl_session **session, struct nl_bound *bound,
		    struct base_error *error);
void nl_session_close(struct nl_session *session);

/** nl_session_fd() - readable when requests wait */
int nl_session_fd(const struct nl_session *session);

/**
 * nl_session_receive() - read what waits, at most @max_messages (recvmmsg)
 * Calls ops->request in the order of tags.
 * Return: messages read, 0: nothing waits; a negative errno: the session is
 * over (the device is gone).
 */
int nl_session_receive(struct nl_session *session, unsigned int max_messages,
		       struct base_error *error);

/*
 * Answers are collected and go out in one message by nl_session_flush(), once
 * per iteration.
 */
void nl_session_done(struct nl_session *session, uint64_t tag, uint64_t epoch,
		     int error);
/* All up to this tag: applied; received (gives back credits). */
void nl_session_applied(struct nl_session *session, uint64_t tag);
void nl_session_received(struct nl_session *session, uint64_t tag);
/**
 * nl_session_flush() - 0, or the session is over (-ENODEV, -ESTALE)
 * @dones_due: a request will soon be answered, and that flushed
 * What is applied, alone, waits for the next answer when @dones_due: nobody but
 * a read over what was just written waits for it.  Credits alone are sent only
 * once half of the socket's buffer, or of the messages that the module lets out,
 * are to be given back.
 */
int nl_session_flush(struct nl_session *session, bool dones_due);

/*
 * At once, not collected.  @until_ns: CLOCK_BOOTTIME, 0: suspend.  When it
 * returns, the gate is so.
 */
int nl_session_lease(struct nl_session *session, uint64_t until_ns,
		     const char *reason);
int nl_session_fence(struct nl_session *session, const char *reason);

#endif
