/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A rig for tests of the module alone: administration, a scripted agent that
 * does what a test tells it step by step, and an agent that serves by itself,
 * as the only node of its volume would.  Speaks raw netlink, so that tests can
 * say things no library would.
 *
 * Runs as root in a guest that has brd; the replicas are /dev/ramN.  What a
 * helper cannot do (no module, no memory) ends the program with a message; what
 * a test asks about comes back as 0 or a negative errno.
 */
#ifndef RIG_H
#define RIG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/qbd.h>

#define RIG_SIZE (96U << 20) /* of a device, unless said */
#define RIG_SPARE (32U << 20) /* by which a replica is larger */
#define RIG_WAIT_MS 10000 /* emulation is slow */

/* Monotonic and CLOCK_BOOTTIME time */
uint64_t rig_now_ms(void);
uint64_t rig_boottime_ns(void);
void rig_sleep_ms(unsigned int ms);

/* Nothing can go on: say what failed, with errno's text, and end the program. */
void rig_die(const char *what);

/* Load brd and the module for this kernel; end the program when that fails. */
void rig_setup(void);
void rig_unload(void);

/* MESSAGES */

struct rig_msg {
	uint32_t bytes;
	uint8_t data[64 << 10] __attribute__((aligned(8)));
};

uint16_t rig_family(void);
void rig_begin(struct rig_msg *msg, uint8_t cmd);
void rig_put(struct rig_msg *msg, uint16_t type, const void *data,
	     uint16_t bytes);
void rig_put_u32(struct rig_msg *msg, uint16_t type, uint32_t value);
void rig_put_u64(struct rig_msg *msg, uint16_t type, uint64_t value);
void rig_put_str(struct rig_msg *msg, uint16_t type, const char *text);
/* The attributes of a reply; NULL when it is not there */
const void *rig_get(const struct rig_msg *msg, uint16_t type, uint16_t *bytes);
uint32_t rig_get_u32(const struct rig_msg *msg, uint16_t type);
uint64_t rig_get_u64(const struct rig_msg *msg, uint16_t type);

/* A socket of the family's; rcvbuf 0 leaves the default */
int rig_socket(uint32_t portid, uint32_t rcvbuf);
uint32_t rig_rcvbuf(int fd);
/*
 * Send with an ACK asked for, and wait for it; requests that come meanwhile are
 * dropped.  reply, when given, gets the command's reply.  Return: its errno.
 */
int rig_talk(int fd, struct rig_msg *msg, struct rig_msg *reply);
/* The text of the last error, "" when there was none */
const char *rig_extack(void);

/* ADMINISTRATION */

struct rig_device {
	uint32_t minor;
	char path[32]; /* /dev/qbdN */
	char replica[32];
	uint64_t data_offset; /* of the replica, bytes */
};

int rig_new(struct rig_device *dev, uint32_t ram, uint32_t io_timeout_ms);
int rig_new_on(struct rig_device *dev, const char *name, const char *replica,
	       uint32_t io_timeout_ms);
/* Its data begin at this byte of the replica; the others' at the first */
int rig_new_at(struct rig_device *dev, uint32_t ram, uint32_t io_timeout_ms,
	       uint64_t data_offset);
/* The message for the same, to be changed and talked by the test */
void rig_put_new(struct rig_msg *msg, const char *name, const char *replica);
/* Talk on a socket of its own */
int rig_talk_once(struct rig_msg *msg, struct rig_msg *reply);
int rig_del(const struct rig_device *dev, bool force);
int rig_abort(const struct rig_device *dev);
int rig_set_timeout(const struct rig_device *dev, uint32_t ms);
int rig_get_device(const struct rig_device *dev, struct rig_msg *reply);
uint32_t rig_gate(const struct rig_device *dev);
struct qbd_stats rig_stats(const struct rig_device *dev);
/* Wait until the gate is this; false when it is not in time */
bool rig_gate_becomes(const struct rig_device *dev, uint32_t gate);
/* Wait until a counter of the statistics has reached this */
bool rig_stat_becomes(const struct rig_device *dev, size_t offset,
		      uint64_t value);
#define RIG_STAT_BECOMES(dev, field, value) \
	rig_stat_becomes(dev, offsetof(struct qbd_stats, field), value)

/* THE SCRIPTED AGENT */

struct rig_agent {
	int fd;
	int control; /* the second channel */
	bool use_netlink; /* send through the first channel */
	uint32_t minor;
	uint32_t portid;
	uint32_t generation;
	uint64_t cookie;
	uint64_t next_tag;
	uint64_t epoch; /* as BIND told */
	int replica;
	uint64_t data_offset;
	/* the message read last, and where its next request is */
	uint8_t *message;
	uint32_t bytes;
	uint32_t index, count;
	const uint8_t *payload;
	uint64_t received;
};

struct rig_request {
	struct qbd_req wire;
	const uint8_t *data; /* until the next is read */
	bool first; /* of its message */
};

int rig_bind(struct rig_agent *agent, const struct rig_device *dev,
	     uint32_t rcvbuf);
void rig_unbind(struct rig_agent *agent);
/* The next request: 0, -ETIMEDOUT, or another negative errno */
int rig_next(struct rig_agent *agent, struct rig_request *req, int wait_ms);
/* Nothing comes for a while */
bool rig_silent(struct rig_agent *agent, int wait_ms);
int rig_lease(struct rig_agent *agent, uint64_t until_ns);
int rig_lease_ms(struct rig_agent *agent, uint32_t ms);
int rig_fence(struct rig_agent *agent);
int rig_dones(struct rig_agent *agent, const struct qbd_done *dones,
	      uint32_t count, uint64_t received, uint64_t applied);
/* Complete one; applied as well when asked */
int rig_done(struct rig_agent *agent, const struct rig_request *req, int error,
	     bool applied);
int rig_applied(struct rig_agent *agent, uint64_t tag);
/* Do what the request says to the replica */
void rig_apply(struct rig_agent *agent, const struct rig_request *req);

/* I/O IN THREADS, since it waits for what the test does next */

struct rig_io {
	pthread_t thread;
	int fd;
	char op; /* 'o'pen, 'r'ead, 'w'rite, 'z'ero, 'd'iscard */
	int flags; /* of open */
	const char *path;
	uint8_t *data; /* aligned; the rig's */
	uint64_t offset;
	uint32_t bytes;
	int result; /* 0 (open: the fd) or a negative errno */
	int done;
};

void rig_io_start(struct rig_io *io, char op, int fd, uint64_t offset,
		  uint32_t bytes, uint8_t fill);
void rig_open_start(struct rig_io *io, const struct rig_device *dev, int flags);
bool rig_io_waits(struct rig_io *io, int ms);
/* Its result; -ETIMEDOUT when it has none in time (the thread is left) */
int rig_io_end(struct rig_io *io);

/* Open for writing while the agent grants it; the fd or a negative errno */
int rig_open_granted(struct rig_agent *agent, const struct rig_device *dev,
		     uint64_t epoch);
/* Close while the agent takes the close; 0 or a negative errno */
int rig_close_taken(struct rig_agent *agent, int fd);

/* THE AGENT THAT SERVES, a process of its own */

pid_t rig_serve(const struct rig_device *dev, uint32_t rcvbuf);
void rig_serve_stop(pid_t pid, int signal);

#endif /* RIG_H */
