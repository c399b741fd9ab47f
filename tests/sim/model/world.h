/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world of the simulator: time, events, hosts, links, devices, faults.
 * Everything that happens follows from the seed: the same seed makes the same
 * trace, byte for byte, whatever compiler built it.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "lanes/lanes.h"
#include "node/node.h"
#include "store/store.h"
#include "tests/lib/disk.h"
#include "tests/sim/model/history.h"
#include "wire/wire.h"

#define WORLD_NODES_MAX 7
#define WORLD_BLOCK_BYTES 1024 /* a register: two sectors, so that tears show */
#define WORLD_VOLUME_STEP (64U << 10)
#define WORLD_VOLUME_STEPS 14 /* up to four chunks of a copy */
#define WORLD_LOG_STEP (64U << 10)
#define WORLD_LOG_MIN (256U << 10) /* wraps and copies often */
#define WORLD_ELECTION_US 300000 /* the shortest timeout */
#define WORLD_TIMEOUTS 4 /* the longest one, in the shortest */
#define WORLD_HEARTBEATS 5 /* in an election timeout */
#define WORLD_RATE_PPM 101000 /* a clock is at most so much off */
#define WORLD_DRIFT_PPM \
	(2000000ULL * WORLD_RATE_PPM / (1000000 + WORLD_RATE_PPM) + 1)
#define WORLD_EVENTS_MAX 4000000 /* of a run that has gone mad */

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

#define SLOTS 8 /* requests of a device under way */
#define SLOT_BLOCKS 32 /* blocks of one request */
#define HOLDS 2048

/* One request in the module's table. */
struct slot {
	bool used;
	struct node_request body;
	unsigned int writes[SLOT_BLOCKS]; /* handles in the history, per block */
	unsigned int blocks;
};

/* A write that is done but not applied: reads over it wait. */
struct hold {
	uint64_t tag;
	unsigned int block;
	unsigned int blocks;
};

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
	uint64_t sent_tag; /* to this agent; later ones wait for their turn */
	bool resending;
	bool overtaken; /* just fenced: opened on another node, as it is said */
	struct slot slots[SLOTS];
	unsigned int hold_count;
	struct hold holds[HOLDS]; /* the last member: cleared apart */
};

struct turns;

/* A disk, as the threads see it. */
struct turns_io {
	struct store_io io;
	struct store_io *disk;
};

/* The log thread or the image thread. */
struct worker {
	struct turns *turns; /* its stack */
	struct store_job *running;
	struct store_job *first, **last; /* that wait */
	bool broken; /* a write of its lane has failed */
};

/* What the oracles saw of a host; see oracle.c. */
struct sight {
	uint64_t base; /* of its log in memory */
	uint64_t last;
	uint64_t durable;
	struct raft_hard_state saved; /* durably */
	uint64_t room;
	uint64_t *terms; /* of entry i at i, base included */
	uint64_t committed; /* seen by us */
	uint64_t reached; /* applied at most, on this disk */
	/*
	 * `reached` when it started: the image may be ahead of what is called
	 * applied up to here, and so are copies of it.
	 */
	uint64_t ahead;
	unsigned int applying; /* pieces of a copy that are being written */
	uint64_t led; /* newest term it was seen to lead */
	bool bare; /* a witness, or one that was and is not filled yet */
	bool was_bare; /* ever, on this disk */
};

struct host {
	struct world *world;
	uint32_t id;
	uint64_t election_us; /* its timeout; an edit shows at the next start */
	uint64_t life; /* grows at each start and death: stale events differ */
	bool starting;
	uint64_t stop_at; /* told to stop: it is gone by then; 0: not */
	uint64_t stop_down_us; /* and for so long */
	uint64_t stop_applied; /* stopped as it should, having applied this */
	int64_t clock_offset_us;
	int32_t clock_ppm;
	uint64_t paused_until; /* the agent; the module goes on */
	bool late; /* a pump was due meanwhile */
	uint64_t pump_at; /* true time of the pump that is due */
	struct disk *disk;
	struct disk *meta; /* its log and metadata by themselves; NULL: on disk */
	struct turns_io disk_turns, meta_turns;
	struct store_io *io; /* of both, while they are in use */
	uint64_t slow_until; /* its disk is */
	struct store *store;
	struct node *node;
	bool stop_power; /* what a stop in the middle of I/O is */
	/*
	 * Its disk lost something that was acknowledged, or may have; until it
	 * has been repaired from the others.  Of a minority at a time.
	 */
	bool wounded;
	bool wound_fresh; /* it has not been started since */
	/* It is a bad sector of the log: nobody has to come for that. */
	bool wound_log;
	bool disk_out; /* has failed; to be replaced */
	/*
	 * A copy of its disks, to be put back later, and what the oracles saw of
	 * the host by then.
	 */
	struct disk *copy;
	struct disk *copy_meta;
	struct sight copy_sight;
	bool copied;
	bool set_back; /* it was put back, and the node does not know yet */
	bool io_failed; /* the same, but the node may not know yet */
	struct lanes *lanes;
	struct base_list writes; /* which the kernel was given */
	uint64_t write_id; /* the newest one's */
	struct worker log;
	struct worker image;
	unsigned int log_jobs; /* of the node, under way */
	unsigned int image_jobs; /* the same */
	struct store_job note;
	bool noting; /* it is under way */
	uint64_t note_us; /* when it is due; 0: not */
	bool user; /* the device is used here */
	struct device device;
	struct sight sight;
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
	uint64_t slow_until;
	struct way ways[2]; /* [0]: lower id to higher */
};

/* Kinds of faults; their names are in faults.c. */
enum fault {
	FAULT_KILL_AGENT,
	FAULT_STOP_AGENT,
	FAULT_KILL_IN_IO,
	FAULT_KILL_STORM,
	FAULT_POWER_ONE,
	FAULT_POWER_IN_IO,
	FAULT_POWER_ALL,
	FAULT_POWER_STORM,
	FAULT_COPIED,
	FAULT_PAUSE,
	FAULT_CUT_PAIR,
	FAULT_CUT_ONE_WAY,
	FAULT_CUT_NODE,
	FAULT_CUT_GROUPS,
	FAULT_LINK_FLAP,
	FAULT_LINK_SLOW,
	FAULT_TRANSFER,
	FAULT_MEMBER,
	FAULT_ABORT,
	FAULT_SLOW_DISK,
	FAULT_REPLACED,
	FAULT_ROT_LOG,
	FAULT_ROT_META,
	FAULT_UNREADABLE,
	FAULT_LOST_WRITE,
	FAULT_MISDIRECTED,
	FAULT_WRITE_EIO,
	FAULT_SYNC_EIO,
	FAULT_DATA_UNREADABLE,
	FAULT_SET_BACK,
	FAULT_SCHEDULED, /* those above come at their own pace */
	FAULT_CORRUPTED = FAULT_SCHEDULED, /* per frame */
	FAULT_QUEUE_FULL, /* per frame */
	FAULT_UNAPPLIED, /* per start: rot in the log before it is applied */
	FAULT_KINDS,
};

struct stats {
	uint64_t us; /* virtual */
	uint64_t events;
	uint64_t writes;
	uint64_t reads;
	uint64_t opens;
	uint64_t copies;
	uint64_t changes; /* of members, begun */
	uint64_t damages; /* found at a start */
	uint64_t faults[FAULT_KINDS];
};

struct oracle;

struct world {
	uint64_t seed;
	uint64_t random;
	uint64_t now_us;
	uint64_t seq;
	bool trace; /* print it */
	bool hashing; /* the trace into hash */
	uint64_t hash;
	bool calm;
	struct event *heap;
	unsigned int heap_count;
	unsigned int heap_room;
	unsigned int count;
	bool unlike; /* each host has an election timeout of its own */
	struct raft_members born; /* who the volume is born with */
	struct host hosts[WORLD_NODES_MAX];
	struct link links[WORLD_NODES_MAX][WORLD_NODES_MAX];
	struct history *history;
	struct oracle *oracle;
	uint64_t next_id;
	/* temper of this run */
	uint64_t volume_bytes; /* in memory */
	/* What the volume has besides, unused; blocks are counted without it. */
	uint64_t gap_from;
	uint64_t gap_bytes;
	uint64_t log_bytes;
	unsigned int blocks;
	uint64_t fault_until_us;
	uint64_t fault_mean_us[FAULT_KINDS]; /* 0: never */
	uint64_t fault_us; /* how long they last, about */
	uint32_t corrupt_one_in; /* frames; 0: never */
	uint32_t full_one_in;
	uint32_t unapplied_one_in; /* starts */
	uint32_t net_us;
	uint32_t disk_us;
	uint32_t client_us;
	unsigned int depth; /* requests under way at once */
	unsigned int hot; /* blocks that most writes go to */
	unsigned int close_one_in;
	unsigned int open_one_in;
	char problem[256];
	struct stats stats;
};

/* world.c */
struct world *world_new(uint64_t seed, bool trace, bool hashing);
void world_free(struct world *world);
/*
 * A number in [0, below).  Never two of these in one expression: who is asked
 * first would be the compiler's choice.
 */
uint64_t world_draw(struct world *world, uint64_t below);
/* One in @many times. */
bool world_chance(struct world *world, uint64_t many);
void world_at(struct world *world, uint64_t at_us, event_fn fn, void *object,
	      uint64_t a, uint64_t b);
/* The same with an event's own place (seq) among those of the same time. */
void world_again(struct world *world, uint64_t at_us, struct event event);
void world_run_until(struct world *world, uint64_t at_us);
void world_tell(struct world *world, uint32_t node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void world_fail(struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Between bytes of the volume and what is in memory */
static inline uint64_t world_offset(const struct world *world, uint64_t at)
{
	return at < world->gap_from ? at : at + world->gap_bytes;
}

static inline uint64_t world_at_offset(const struct world *world,
				       uint64_t offset)
{
	return offset < world->gap_from ? offset : offset - world->gap_bytes;
}

/* host.c: an agent's life */
void host_init(struct host *host);
void host_start_later(struct host *host, uint64_t after_us);
void host_kill(struct host *host, bool power);
/* It is told to stop, and starts again @down_us after it has. */
void host_stop(struct host *host, uint64_t down_us);
void host_reformat(struct host *host);
/* Its power is off: keep a copy of its disks. */
void host_copy(struct host *host);
/* Is the copy older than what all others remember of the host? */
bool host_copy_is_known_old(const struct host *host);
/* Its power is off: put the copy back. */
void host_put_back(struct host *host);
void host_pause(struct host *host, uint64_t us);
void host_transfer(struct host *host, uint32_t peer);
/* Order the leader to change a member. Return: who began it, or NULL. */
struct host *host_change_member(struct world *world);
uint64_t host_now(const struct host *host);
/* Something happened: pump, now or when it wakes. */
void host_pump(struct host *host);
bool host_paused(const struct host *host);
/* The disk that its log and metadata lie on */
struct disk *host_log_disk(const struct host *host);
/* The power of one of its disks has gone; of the other it will. */
bool host_is_off(const struct host *host);
/* What was just done with the disk gave @error. True: the agent is gone. */
bool host_disk_check(struct host *host, int error, const char *what);
/* May its disk lose something, so that only a minority's have? Then it does. */
bool host_wound(struct host *host);
/* Would it lose what it could never notice, if it stopped now? */
bool host_must_live(const struct host *host);
/* A disk from the shop, in @after_us. */
void host_replace_later(struct host *host, uint64_t after_us);
/* Some nodes' data begin behind the superblock, others' at the first byte. */
uint64_t host_data_offset(const struct host *host);
/* Bytes of the volume as its disk has them; NULL: can't be read */
const uint8_t *host_data(const struct host *host, uint64_t offset,
			 uint64_t size);
/* Where the store put its slots, and its log ring; end: of the ring */
void host_layout(const struct host *host, uint64_t *slots, uint64_t *ring,
		 uint64_t *end);

/* jobs.c: its lanes and threads */
extern const struct node_ops host_ops;
void jobs_start(struct host *host);
/* What is under way reaches the disk or does not. */
void jobs_stop(struct host *host);
/* Begin what the node has asked for. Return: when to call again, at the latest */
uint64_t jobs_run(struct host *host);

/* turns.c: their system calls, one at a time */
/* The same disk, whose calls take turns when a thread makes them */
struct store_io *turns_over(struct turns_io *turns, struct store_io *disk);
/* A thread that has nothing to do yet; the caller's, for free() */
struct turns *turns_new(struct host *host);
/* Carry @job out, or go on with it. Return: is it done? */
bool turns_go_on(struct turns *turns, struct store_job *job);
/* The agent dies: the job is over, the disks are off. */
void turns_cut(struct turns *turns);

/* device.c: the module */
void device_power_off(struct device *device);
void device_bind(struct device *device);
void device_done(struct device *device, uint64_t tag, uint64_t epoch,
		 int error);
void device_was_applied(struct device *device, uint64_t tag);
void device_lease(struct device *device, uint64_t until_us);
void device_fenced(struct device *device);
void device_abort(struct device *device);
bool device_active(const struct device *device);
void device_open(struct device *device);
void device_close(struct device *device);
/* Hand a new request to the agent; slot->body is filled but for tag, epoch. */
void device_submit(struct device *device, struct slot *slot);
struct slot *device_free_slot(struct device *device);
struct slot *device_oldest(struct device *device, uint64_t above);
void device_read(struct device *device, unsigned int block);

/* client.c: who uses it */
void client_start(struct host *host);
void client_read_all(struct host *host);

/* links.c */
int links_send(struct host *host, uint32_t peer, const struct wire_msg *msg);
uint32_t links_queued(struct host *host, uint32_t peer);
void links_host_up(struct host *host);
void links_host_down(struct host *host);
void links_cut(struct world *world, uint32_t a, uint32_t b, bool both,
	       uint64_t us);
void links_flap(struct world *world, uint32_t a, uint32_t b);
void links_slow(struct world *world, uint32_t a, uint32_t b, uint64_t us);
void links_heal(struct world *world);
/* Free what an event that will not happen any more holds. */
void links_forget(const struct event *event);

/* faults.c */
extern const char *const fault_names[FAULT_KINDS];
void faults_draw(struct world *world);
void faults_start(struct world *world);
/* Everything that is broken is replaced or switched on. */
void faults_end(struct world *world);
/* The host starts with entries of its log to be applied yet. */
void faults_unapplied(struct host *host);
/* What only people can do after that. */
void faults_mend(struct world *world);

/*
 * oracle.c: what must be true of all hosts together.  It believes nothing that
 * the code under test says of its own correctness: it sees what goes to the
 * disks, and the views.
 */
struct oracle *oracle_new(struct world *world);
void oracle_free(struct oracle *oracle);
void oracle_started(struct host *host, const struct store_boot *boot);
void oracle_append(struct host *host, struct raft_entry *const *entries,
		   unsigned int count);
void oracle_truncate(struct host *host, uint64_t index);
void oracle_reset(struct host *host, const struct store_checkpoint *base);
void oracle_apply(struct host *host, struct raft_entry *const *entries,
		  unsigned int count);
/* What writes up to @index begins; or a piece of a copy (0), which ends. */
void oracle_image_begins(struct host *host, uint64_t index);
void oracle_image_ends(struct host *host);
/* A piece of @from's image arrives. */
void oracle_copied(struct host *host, const struct host *from);
void oracle_durable(struct host *host, uint64_t index, uint64_t term);
void oracle_state_save(struct host *host, const struct raft_hard_state *state);
void oracle_state_saved(struct host *host, const struct raft_hard_state *state);
/* It says this to a peer: is what it promises durable? */
void oracle_sends(struct host *host, const struct wire_msg *msg);
/* After a pump, which fences and answers. */
void oracle_pumped(struct host *host);
void oracle_lease(struct host *host);
void oracle_acknowledged(struct host *host, uint64_t epoch, uint64_t tag);
void oracle_opened(struct host *host, uint64_t epoch);
/* Who the members are, as of the last index that is committed */
const struct raft_members *oracle_members(const struct world *world);
/* Who they are by the host's log */
const struct raft_members *oracle_members_of(const struct host *host);
typedef bool oracle_members_test(const struct world *world,
				 const struct raft_members *members);
/*
 * Does @test hold of the members as of the last index that is committed, and of
 * all that an entry behind it has made, even if no log has that entry any more?
 */
bool oracle_members_all(const struct world *world, oracle_members_test *test);
/* After each step of the host's node. */
void oracle_step(struct host *host);
/* The disk lost its contents. */
void oracle_forget(struct host *host);
/* @to becomes what @from is; its memory is its own. */
void oracle_sight_copy(struct sight *to, const struct sight *from);

/* ruin.c: after a run that ended well; breaks every replica */
void ruin(struct world *world);

/* run.c: a whole run */
/* The caller's, for world_free(); world->problem says what went wrong. */
struct world *run_seed(uint64_t seed, bool trace, bool hashing);

#endif
