/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a scenario plays with: up to nine real cores, each with a clock, a disk
 * and a source of randomness of its own, and one network.  Nothing happens that
 * the script doesn't ask for: time moves when told, messages lie in the network
 * until delivered, and what is held back at a disk waits for the script.
 *
 *	out.c		the trace: updates, messages, views, as lines
 *	args.c		a command's words
 *	members.c	who belongs to the volume, by each entry
 *	disk.c		what is durable, what is still pending
 *	mail.c		the network
 *	node.c		one core: steps, boot, crash
 *	safety.c	Raft's properties (thesis figure 3.2), after each step
 *	command.c	the commands, and those that drive a node
 *	setup.c		those that begin a script
 *	mail_commands.c	those that decide what becomes of messages
 *	message.c	the one that makes messages up
 *	views.c		those that look
 */
#ifndef SCENARIO_SCENE_H
#define SCENARIO_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raft/raft.h"

#define SCENE_NODES_MAX 9
#define SCENE_LOG_MAX 16384 /* highest index + 1 */
#define SCENE_MAIL_MAX 4096
#define SCENE_OPS_MAX 512
#define SCENE_WORDS_MAX 24

/* What a disk has in hand. */
struct scene_op {
	enum { SCENE_TRUNCATE, SCENE_APPEND, SCENE_RESET } kind;
	uint64_t index; /* the first that goes, the first that comes, the base*/
	uint32_t count;
	uint64_t log_seq;
	uint64_t term; /* of all of them, when not 0 */
	uint64_t terms[RAFT_APPEND_MAX];
	struct raft_members own; /* when the term is one, the members are */
	struct raft_members members[RAFT_APPEND_MAX];
};

struct scene_disk {
	struct raft_hard_state state;
	uint64_t base_index;
	uint64_t base_term;
	uint64_t last_index;
	uint64_t terms[SCENE_LOG_MAX];
	struct raft_members members[SCENE_LOG_MAX]; /* or not said */
	/* Not yet durable; in order. */
	bool state_pending;
	struct raft_hard_state next_state;
	uint64_t next_state_seq;
	struct scene_op ops[SCENE_OPS_MAX];
	unsigned int op_count;
};

struct scene_mail {
	struct raft_msg msg;
	uint64_t terms[RAFT_APPEND_MAX];
	struct raft_members members[RAFT_APPEND_MAX];
	uint64_t state_seq; /* sent when this is saved */
	bool waiting; /* for that */
};

struct scene_node {
	struct raft *raft; /* NULL: down */
	struct raft_config config;
	uint64_t clock_us;
	uint64_t random;
	bool hold_disk; /* the script says when entries are durable */
	bool hold_state; /* likewise term and vote */
	bool hold_send; /* the script says when entries are sent */
	struct raft_members members[SCENE_LOG_MAX]; /* of entries; or not said */
	struct scene_disk disk;
};

enum scene_detail {
	SCENE_SILENT,
	SCENE_ROLES, /* who becomes what */
	SCENE_ALL,
};

struct scene {
	unsigned int count;
	struct scene_node nodes[SCENE_NODES_MAX + 1]; /* by id */
	bool cut[SCENE_NODES_MAX + 1][SCENE_NODES_MAX + 1]; /* from, to */
	struct scene_mail mail[SCENE_MAIL_MAX];
	unsigned int mail_count;
	enum scene_detail detail;
	char *out; /* what the block in hand has printed */
	size_t out_bytes;
	size_t out_size;
	unsigned int broken; /* promises seen to be broken */
};

extern struct scene scene;

/* out.c */
void scene_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Indented, within a step; and only when everything is told. */
void scene_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *scene_time(uint64_t us); /* 1500 -> "1.5"; valid for 4 calls */
const char *scene_msg_name(const struct raft_msg *msg);
void scene_say_msg(const char *head, const struct scene_mail *mail);
void scene_say_update(const struct scene_node *node,
		      const struct raft_update *update, const uint64_t *terms);
void scene_say_role(const struct scene_node *node);
void scene_say_runs(const char *head, uint64_t base, uint64_t base_term,
		    uint64_t last, uint64_t (*term)(const void *, uint64_t),
		    const void *of);

struct scene_args;
struct scene_command {
	const char *name;
	void (*run)(struct scene_args *args);
};

/* args.c */
struct scene_args {
	unsigned int count;
	char *words[SCENE_WORDS_MAX];
	char text[1024];
	const char *error; /* the first mistake, NULL: none */
};
void scene_args_parse(struct scene_args *args, const char *line);
/* "name=value": its value, or NULL; a bare word counts as itself. */
const char *scene_arg(const struct scene_args *args, const char *name);
bool scene_flag(const struct scene_args *args, const char *name);
uint64_t scene_number(struct scene_args *args, const char *name,
		      uint64_t otherwise);
uint64_t scene_us(struct scene_args *args, const char *text);
void scene_place(struct scene_args *args, const char *text, uint64_t *index,
		 uint64_t *term);
unsigned int scene_terms(struct scene_args *args, const char *text,
			 uint64_t *terms, unsigned int most);
uint32_t scene_id(struct scene_args *args, const char *text);
/* The node that word @at names, which must be up unless @down; else NULL. */
struct scene_node *scene_node(struct scene_args *args, unsigned int at,
			      bool down);

/* members.c */
/* As of an entry; not said: those of the configuration. */
struct raft_members scene_members_at(const struct scene_node *node,
				     uint64_t index);
struct raft_members scene_members_on_disk(const struct scene_node *node,
					  uint64_t index);
void scene_members_note(struct scene_node *node, const struct raft_event *event,
			const struct raft_update *update);
/* "n1,n2,n3:learner,n4:witness", or how many voters */
void scene_members_parse(struct scene_args *args, const char *text,
			 struct raft_members *members);
const char *scene_members_text(const struct raft_members *members);
extern const struct scene_command scene_member_commands[];

/* disk.c */
void scene_disk_note(struct scene_node *node, const struct raft_event *event,
		     const struct raft_update *update);
/* The first @count operations reach the disk, and the core is told if @tell. */
void scene_disk_persist(struct scene_node *node, unsigned int count, bool tell);
void scene_disk_save(struct scene_node *node, bool tell);
void scene_disk_lose(struct scene_node *node);
void scene_disk_say(const struct scene_node *node);

/* mail.c */
struct scene_filter {
	uint32_t from; /* 0: any */
	uint32_t to;
	const char *type; /* NULL: any */
	unsigned int count;
};
void scene_mail_post(struct scene_node *node, const struct raft_msg *msg,
		     uint64_t state_seq);
void scene_mail_release(struct scene_node *node, uint64_t saved);
void scene_mail_forget(uint32_t a, uint32_t b, bool waiting);
unsigned int scene_mail_deliver(const struct scene_filter *filter);
unsigned int scene_mail_drop(const struct scene_filter *filter);
unsigned int scene_mail_double(const struct scene_filter *filter);
unsigned int scene_mail_reverse(const struct scene_filter *filter);
void scene_settle(void);

/* node.c */
uint32_t scene_node_id(const struct scene_node *node);
void scene_step(struct scene_node *node, struct raft_event *event);
void scene_boot(struct scene_node *node);
void scene_crash(struct scene_node *node);
void scene_link(struct scene_node *node, uint32_t peer);
void scene_send_due(struct scene_node *node, uint32_t peer, uint32_t count);
void scene_clear(void);

/* safety.c */
void scene_safety_clear(void);
void scene_safety_check(void);

/* command.c, setup.c, mail_commands.c, message.c, views.c */
void scene_run(const char *line);
void scene_cluster(struct scene_args *args);
void scene_replica(struct scene_args *args);
void scene_timeout(struct scene_args *args, uint32_t id);
void scene_lead(struct scene_args *args);
void scene_receive(struct scene_args *args);
extern const struct scene_command scene_mail_commands[]; /* end with NULL */
extern const struct scene_command scene_views[];

/*
 * script.c: play a script, in a process of its own, since it may make the core
 * assert.  @rewriting: the traces in it become what is seen.
 * Return: was nothing seen but what the script says?
 */
bool scene_script(const char *path, bool rewriting);

#endif
