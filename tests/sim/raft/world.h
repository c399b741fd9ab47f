/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The simulated world of the consensus core: up to 7 cores, their disks, clocks
 * and network, all a function of one seed.
 *
 *	world.c		the queue of what will happen, clocks, connections, mail
 *	node.c		what a member does around its core: see raft.h's duties
 *	disk.c		its disk, and what a crash leaves there
 *	faults.c	what goes wrong, and the client's load
 *	oracle.c	what must hold; knows nothing of the core's insides
 *
 * Single-threaded; a failed check ends the run of that seed by longjmp.
 */
#ifndef SIM_RAFT_WORLD_H
#define SIM_RAFT_WORLD_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

#define SIM_NODES_MAX RAFT_MEMBERS_MAX
#define SIM_INDEX_MAX 8192 /* entries in one run */
#define SIM_TERMS_MAX 16384
#define SIM_NEVER UINT64_MAX
#define SIM_TIMEOUTS 4 /* the longest election timeout, in the shortest */

/* chain sums up everything up to this entry: equal chains, equal logs. */
struct sim_entry {
	uint64_t term;
	uint64_t value;
	uint64_t chain;
	struct raft_members members;
};

enum sim_kind {
	SIM_MAIL, /* a message arrives */
	SIM_LINKED, /* a connection has come about: one end hears of it */
	SIM_TIMER, /* a node's deadline */
	SIM_LOG_DONE, /* the disk has written some of the log's jobs */
	SIM_LOG_TOLD, /* and the loop hears of it */
	SIM_STATE_DONE,
	SIM_STATE_TOLD,
	SIM_HOUSEKEEPING, /* applies, checkpoints, compacts, offers copies */
	SIM_CLIENT,
	SIM_FAULT,
	SIM_RESTART,
	SIM_RESUME,
	SIM_HEAL_CUTS,
	SIM_CONNECT,
	SIM_CRASH,
	SIM_USURP,
	SIM_FORGET,
};

/* A message between nodes: the core's, or the offer of a copy. */
struct sim_mail {
	struct raft_msg msg;
	bool is_copy;
	uint64_t copy_index;
	uint64_t connection;
	struct sim_entry entries[]; /* of an append; one of a copy */
};

struct sim_event {
	uint64_t at_us;
	uint64_t number; /* order among equals */
	enum sim_kind kind;
	uint32_t node;
	uint32_t peer;
	uint64_t life; /* of the node: events of an earlier life are void */
	uint64_t a, b, c;
	struct sim_mail *mail; /* owned */
};

enum sim_job_kind {
	SIM_JOB_TRUNCATE,
	SIM_JOB_APPEND,
	SIM_JOB_RESET,
};

struct sim_job {
	enum sim_job_kind kind;
	uint64_t first; /* truncate from, first entry, reset to */
	uint64_t log_seq;
	uint32_t count;
	struct sim_job *next;
	struct sim_entry entries[];
};

struct sim_save {
	struct raft_hard_state state;
	uint64_t seq;
	struct sim_save *next;
};

/* What survives a crash. */
struct sim_disk {
	struct raft_hard_state state;
	uint64_t base;
	uint64_t last;
	uint64_t checkpoint;
	struct sim_entry entries[SIM_INDEX_MAX];
};

struct sim_node {
	uint32_t id;
	uint64_t life;
	bool up;
	bool paused;
	/*
	 * Its disk was lost or damaged, and it has not told a peer since then
	 * that it is whole: at most as many at once as the promises allow.
	 */
	bool lost;
	struct raft *raft;
	struct raft_config config;
	struct raft_update update;

	int64_t clock_ppm;
	uint64_t clock_real_us; /* the clock showed clock_own_us then */
	uint64_t clock_own_us;
	uint64_t timer_us; /* when the newest SIM_TIMER comes; real time */

	/* The kernel's gate: outlives the agent, not the machine. */
	uint64_t gate_until_us; /* own clock */
	uint64_t gate_term;

	struct sim_disk disk;
	struct sim_job *jobs, **jobs_tail;
	struct sim_save *saves, **saves_tail;
	bool log_busy, state_busy;
	uint64_t saved_seq;

	struct sim_entry entries[SIM_INDEX_MAX]; /* in memory */
	uint64_t applied;
	uint64_t commit_seen;
	uint64_t led_term; /* the newest term it was seen to lead, this life */
	uint64_t copy_offered_us[SIM_NODES_MAX + 1];
	uint64_t connection[SIM_NODES_MAX + 1]; /* to each peer, 0: none */

	struct sim_mail **held; /* wait for the state to be saved */
	uint64_t *held_seq;
	unsigned int held_count, held_room;
	struct sim_event *waiting; /* came while it was paused */
	unsigned int waiting_count, waiting_room;
};

/* How bad this seed's world is; rates are per million. */
struct sim_weather {
	uint64_t latency_us;
	uint64_t slow_mail, drop, twice;
	uint64_t disk_us;
	uint64_t slow_disk;
	uint64_t fault_every_us;
	uint64_t client_every_us;
	uint64_t end_us; /* faults stop */
	bool loses_disks;
	uint64_t hunts_leaders;
	uint64_t changes; /* of members, per fault */
	uint64_t batch; /* entries in one message at most */
};

struct sim_world {
	uint64_t seed;
	uint64_t random;
	uint64_t now_us;
	uint64_t number;
	uint64_t trace_hash;
	bool trace;
	bool healed;
	bool client_stopped;
	bool hunts_copiers; /* the next to fill a peer will crash */
	unsigned int count;
	struct raft_members born; /* the members at first */
	uint64_t timeout_us; /* the shortest election timeout */
	bool unlike; /* each node has its own, and another after a start */
	uint64_t drift_ppm;
	struct sim_weather weather;
	struct sim_node nodes[SIM_NODES_MAX + 1]; /* by id, from 1 */
	bool cut[SIM_NODES_MAX + 1][SIM_NODES_MAX + 1]; /* from, to */
	uint64_t connections;
	struct sim_event *queue; /* a heap */
	unsigned int queue_count, queue_room;
	uint64_t value;
	uint64_t commits_at_heal;
	uint64_t leaders_at_calm;

	/* For the summary. */
	uint64_t steps, crashes, pauses, cuts, disk_losses, transfers, leaders,
		copies, mails_lost, changes;
};

extern struct sim_world sim;
extern jmp_buf sim_failed;

/* world.c */
uint64_t sim_random(void);
uint64_t sim_below(uint64_t bound);
bool sim_chance(uint64_t per_million);
void sim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sim_fail(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));
uint64_t sim_clock(const struct sim_node *node);
uint64_t sim_clock_to_real(const struct sim_node *node, uint64_t own_us);
void sim_clock_drift(struct sim_node *node);
struct sim_event *sim_schedule(uint64_t in_us, enum sim_kind kind,
			       uint32_t node);
void sim_post(struct sim_mail *mail);
void sim_connect_later(uint32_t a, uint32_t b);
void sim_world_begin(uint64_t seed);
void sim_world_run(void);
void sim_world_end(void);

/* node.c */
void node_start(struct sim_node *node);
void node_free(struct sim_node *node);
void node_crash(struct sim_node *node, bool machine);
void node_resume(struct sim_node *node);
void node_handle(struct sim_node *node, struct sim_event *event);
void node_step(struct sim_node *node, struct raft_event *event,
	       const struct sim_mail *mail);

/* disk.c */
void disk_queue_truncate(struct sim_node *node, uint64_t from);
void disk_queue_append(struct sim_node *node, uint64_t first, uint32_t count);
void disk_queue_reset(struct sim_node *node, uint64_t index);
void disk_queue_state(struct sim_node *node);
void disk_log_done(struct sim_node *node);
void disk_log_next(struct sim_node *node);
void disk_state_done(struct sim_node *node);
void disk_crash(struct sim_node *node);
void disk_lose(struct sim_node *node);
void disk_boot(const struct sim_node *node, struct raft_boot *boot,
	       struct raft_run *runs, struct raft_member_run *members);

/* faults.c */
void faults_begin(void);
void faults_strike(void);
void faults_client(void);
void faults_crash(struct sim_node *node);
void faults_leads(struct sim_node *node);
void faults_usurp(struct sim_node *node, uint32_t old_leader);
void faults_forget(struct sim_node *node);
void faults_copied(uint32_t from);
void faults_heal(void);

/* oracle.c */
void oracle_begin(void);
uint64_t oracle_chain(uint64_t before, uint64_t index, uint64_t term,
		      uint64_t value);
void oracle_step(struct sim_node *node);
void oracle_change(const struct sim_node *node, uint64_t index);
/* Of the newest committed entry. */
const struct raft_members *oracle_members(void);
unsigned int oracle_majority(void);
void oracle_gate(const struct sim_node *node);
void oracle_message(const struct sim_node *node, const struct raft_msg *msg);
uint64_t oracle_committed(void);
void oracle_end(void);

#endif
