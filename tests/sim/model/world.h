/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world of the simulator: time, events, hosts, links, devices.  Everything
 * that happens follows from the seed.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "node/node.h"
#include "store/store.h"
#include "tests/sim/model/history.h"
#include "tests/sim/model/memdisk.h"
#include "wire/wire.h"

#define WORLD_NODES_MAX 5
#define WORLD_BLOCKS 384 /* several chunks of a copy */
#define WORLD_BLOCK_BYTES 4096
#define WORLD_BYTES ((uint64_t)WORLD_BLOCKS * WORLD_BLOCK_BYTES)
#define WORLD_LOG_BYTES (1ULL << 20) /* wraps and copies often */

struct world;
struct host;

typedef void (*event_fn)(struct world *world, void *object, uint64_t a,
			 uint64_t b);

struct event {
	uint64_t at_us;
	uint64_t seq; /* order among equal times */
	event_fn fn;
	void *object;
	uint64_t a;
	uint64_t b;
};

/* One request in the module's table. */
struct slot {
	bool used;
	struct node_request body;
	unsigned int writes[16]; /* handles in the history, per block */
	unsigned int blocks;
};

/* A write that is done but not applied: reads over it wait. */
struct hold {
	bool used;
	uint64_t tag;
	unsigned int block;
	unsigned int blocks;
};

#define SLOTS 8
#define HOLDS 8192

/* The module's side of a node: outlives the agent, not the power. */
struct device {
	struct host *host;
	uint64_t next_tag;
	uint64_t applied_tag;
	uint64_t lease_us; /* the host's clock */
	uint64_t epoch;
	bool open;
	bool opening;
	uint64_t opening_tag;
	bool closing; /* CLOSE is not answered */
	uint64_t closing_tag;
	uint64_t closing_epoch;
	bool fenced;
	bool finish; /* no new work */
	struct slot slots[SLOTS];
	struct hold holds[HOLDS];
};

enum job_type {
	JOB_APPEND,
	JOB_TRUNCATE,
	JOB_STATE,
	JOB_RESET,
	JOB_APPLY,
	JOB_CHECKPOINT,
	JOB_LOG_READ,
	JOB_COPY_READ,
	JOB_COPY_WRITE,
};

struct job {
	struct base_list link;
	enum job_type type;
	struct raft_entry **entries;
	unsigned int count;
	uint64_t index;
	uint64_t term;
	uint64_t seq;
	struct raft_hard_state state;
	struct store_checkpoint checkpoint;
	uint32_t peer;
	uint64_t offset;
	uint32_t length;
	struct base_buf *buf;
	const uint8_t *data;
	int error;
};

struct host {
	struct world *world;
	uint32_t id;
	uint64_t life; /* grows at each start and death: stale events differ */
	bool starting;
	int64_t clock_offset_us;
	int32_t clock_ppm;
	uint64_t paused_until; /* the agent; the module goes on */
	uint64_t pump_at; /* true time of the pump that is due */
	struct memdisk *disk;
	struct store *store;
	struct node *node;
	struct base_list log_jobs;
	struct base_list log_running;
	bool log_busy;
	struct base_list image_jobs;
	bool image_busy;
	struct device device;
};

struct way { /* from one node to another */
	bool blocked;
	uint64_t last_us; /* arrival of the newest frame */
	uint32_t queued;
};

struct link {
	bool up;
	uint64_t life;
	uint64_t cut_until;
	struct way ways[2]; /* [0]: lower id to higher */
};

struct world {
	uint64_t seed;
	uint64_t random;
	uint64_t now_us;
	uint64_t seq;
	bool trace;
	bool calm;
	struct event *heap;
	unsigned int heap_count;
	unsigned int heap_room;
	unsigned int count;
	struct host hosts[WORLD_NODES_MAX];
	struct link links[WORLD_NODES_MAX][WORLD_NODES_MAX];
	struct history *history;
	uint64_t next_id;
	/* temper of this run */
	uint64_t fault_every_us;
	uint32_t fault_mask;
	uint32_t net_us;
	uint32_t disk_us;
	uint32_t client_us;
	char problem[256];
	uint64_t writes;
	uint64_t reads;
	uint64_t opens;
	uint64_t copies;
};

/* world.c */
struct world *world_new(uint64_t seed);
void world_free(struct world *world);
/* A number in [0, below). */
uint64_t world_draw(struct world *world, uint64_t below);
void world_at(struct world *world, uint64_t at_us, event_fn fn, void *object,
	      uint64_t a, uint64_t b);
void world_run_until(struct world *world, uint64_t at_us);
void world_tell(struct world *world, uint32_t node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void world_fail(struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* host.c: an agent and its disk */
void host_init(struct host *host);
void host_start_later(struct host *host, uint64_t after_us);
void host_kill(struct host *host, bool power);
void host_reformat(struct host *host);
void host_pause(struct host *host, uint64_t us);
void host_transfer(struct host *host, uint32_t peer);
uint64_t host_now(const struct host *host);
/* Something happened: pump, now or when it wakes. */
void host_pump(struct host *host);
bool host_paused(const struct host *host);

/* device.c: the module */
void device_start(struct device *device);
void device_power_off(struct device *device);
void device_bind(struct device *device);
void device_done(struct device *device, uint64_t tag, uint64_t epoch,
		 int error);
void device_was_applied(struct device *device, uint64_t tag);
void device_lease(struct device *device, uint64_t until_us);
void device_fenced(struct device *device);
void device_abort(struct device *device);
void device_finish(struct device *device);
void device_read_all(struct device *device);

/* links.c */
int links_send(struct host *host, uint32_t peer, const struct wire_msg *msg);
uint32_t links_queued(struct host *host, uint32_t peer);
void links_host_up(struct host *host);
void links_host_down(struct host *host);
void links_cut(struct world *world, uint32_t a, uint32_t b, bool both,
	       uint64_t us);
void links_cut_node(struct world *world, uint32_t id, uint64_t us);
void links_heal(struct world *world);
/* Free what an event that will not happen any more holds. */
void links_forget(const struct event *event);

#endif
