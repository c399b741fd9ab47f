// SPDX-License-Identifier: GPL-2.0
/* The queue of what will happen, clocks, connections and mail. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"

struct sim_world sim;

uint64_t sim_random(void)
{
	return random_next(&sim.random);
}

uint64_t sim_below(uint64_t bound)
{
	return bound ? sim_random() % bound : 0;
}

bool sim_chance(uint64_t per_million)
{
	return sim_below(1000000) < per_million;
}

void sim_note(const char *format, ...)
{
	va_list args;

	if (!sim.trace)
		return;
	va_start(args, format);
	printf("%10.6f ", (double)sim.now_us / 1e6);
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

void sim_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("seed %llu at %.6f: ", (unsigned long long)sim.seed,
	       (double)sim.now_us / 1e6);
	vprintf(format, args);
	printf("\n");
	va_end(args);
	longjmp(sim_failed, 1);
}

/*
 * The slowest rate is the fastest less drift_ppm.  A drift is in force from its
 * change on; the clock never jumps while the machine is up.
 */
uint64_t sim_clock(const struct sim_node *node)
{
	int64_t passed = (int64_t)(sim.now_us - node->clock_real_us);

	return node->clock_own_us +
	       (uint64_t)(passed + passed * node->clock_ppm / 1000000);
}

/* When will its clock show @own_us, at its present rate? Never too early. */
uint64_t sim_clock_to_real(const struct sim_node *node, uint64_t own_us)
{
	uint64_t now = sim_clock(node);

	if (own_us <= now)
		return sim.now_us;
	return sim.now_us + 2 +
	       (own_us - now) * 1000000 / (uint64_t)(1000000 + node->clock_ppm);
}

void sim_clock_drift(struct sim_node *node)
{
	uint64_t most = sim.drift_ppm * 1000000 / (2000000 - sim.drift_ppm);

	node->clock_own_us = sim_clock(node);
	node->clock_real_us = sim.now_us;
	node->clock_ppm = (int64_t)sim_below(2 * most + 1) - (int64_t)most;
	/* The extremes are what breaks things. */
	if (sim_chance(500000))
		node->clock_ppm = sim_chance(500000) ? (int64_t)most :
						       -(int64_t)most;
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us :
				      a->number < b->number;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
	struct sim_event kept = *a;

	*a = *b;
	*b = kept;
}

/* The pointer is good until the next call. */
struct sim_event *sim_schedule(uint64_t in_us, enum sim_kind kind,
			       uint32_t node)
{
	struct sim_event event = {
		.at_us = sim.now_us + in_us,
		.number = sim.number++,
		.kind = kind,
		.node = node,
		.life = node ? sim.nodes[node].life : 0,
	};
	unsigned int i;

	if (sim.queue_count == sim.queue_room) {
		sim.queue_room = sim.queue_room ? 2 * sim.queue_room : 1024;
		sim.queue =
			realloc(sim.queue, sim.queue_room * sizeof(*sim.queue));
		if (!sim.queue)
			abort();
	}
	i = sim.queue_count++;
	sim.queue[i] = event;
	while (i && before(&sim.queue[i], &sim.queue[(i - 1) / 2])) {
		swap(&sim.queue[i], &sim.queue[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	return &sim.queue[i];
}

static struct sim_event next_event(void)
{
	struct sim_event event = sim.queue[0];
	unsigned int i = 0;

	sim.queue[0] = sim.queue[--sim.queue_count];
	for (;;) {
		unsigned int child = 2 * i + 1;

		if (child >= sim.queue_count)
			return event;
		if (child + 1 < sim.queue_count &&
		    before(&sim.queue[child + 1], &sim.queue[child]))
			child++;
		if (!before(&sim.queue[child], &sim.queue[i]))
			return event;
		swap(&sim.queue[i], &sim.queue[child]);
		i = child;
	}
}

static struct sim_mail *copy_of(const struct sim_mail *mail)
{
	uint32_t count = mail->is_copy ? 1 :
			 mail->msg.type == RAFT_MSG_APPEND ?
					 mail->msg.append.count :
					 0;
	size_t size = sizeof(*mail) + count * sizeof(mail->entries[0]);
	struct sim_mail *copy = malloc(size);

	if (!copy)
		abort();
	memcpy(copy, mail, size);
	return copy;
}

static void deliver_later(struct sim_mail *mail)
{
	uint64_t latency =
		sim.weather.latency_us / 4 + sim_below(sim.weather.latency_us);

	if (sim_chance(sim.weather.slow_mail))
		latency = sim_below(3 * sim.timeout_us);
	sim_schedule(latency, SIM_MAIL, mail->msg.to)->mail = mail;
}

/* Takes @mail over. */
void sim_post(struct sim_mail *mail)
{
	uint32_t from = mail->msg.from, to = mail->msg.to;

	mail->connection = sim.nodes[from].connection[to];
	if (!mail->connection || sim.cut[from][to] ||
	    sim_chance(sim.weather.drop)) {
		sim.mails_lost++;
		free(mail);
		return;
	}
	if (sim_chance(sim.weather.twice))
		deliver_later(copy_of(mail));
	deliver_later(mail);
}

void sim_connect_later(uint32_t a, uint32_t b)
{
	struct sim_event *event =
		sim_schedule(200 + sim_below(30000), SIM_CONNECT, 0);

	event->a = a;
	event->b = b;
}

/*
 * Both ends hear of it; each goes on believing in the old connection until
 * then, and takes what had come over it before.
 */
static void connect_now(uint32_t a, uint32_t b)
{
	struct sim_event *event;

	if (!sim.nodes[a].up || !sim.nodes[b].up)
		return; /* a node that starts connects to all */
	if (sim.cut[a][b] || sim.cut[b][a]) {
		sim_connect_later(a, b);
		return;
	}
	sim.connections++;
	event = sim_schedule(0, SIM_LINKED, a);
	event->peer = b;
	event->a = sim.connections;
	event = sim_schedule(0, SIM_LINKED, b);
	event->peer = a;
	event->a = sim.connections;
}

static void happen(struct sim_event *event)
{
	struct sim_node *node = &sim.nodes[event->node];
	uint32_t i, j;

	switch (event->kind) {
	case SIM_CLIENT:
		faults_client();
		break;
	case SIM_FAULT:
		faults_strike();
		break;
	case SIM_CONNECT:
		connect_now((uint32_t)event->a, (uint32_t)event->b);
		break;
	case SIM_HEAL_CUTS:
		for (i = 1; i <= sim.count; i++)
			for (j = 1; j <= sim.count; j++)
				sim.cut[i][j] = false;
		break;
	case SIM_CRASH:
		if (node->up && node->life == event->life)
			faults_crash(node);
		break;
	case SIM_FORGET:
		if (node->up && node->life == event->life)
			faults_forget(node);
		break;
	case SIM_USURP:
		if (node->up && node->life == event->life)
			faults_usurp(node, (uint32_t)event->a);
		break;
	case SIM_RESTART:
		if (!node->up && node->life == event->life)
			node_start(node);
		break;
	case SIM_RESUME:
		if (node->up && node->paused && node->life == event->life)
			node_resume(node);
		break;
	default:
		node_handle(node, event);
		break;
	}
}

/* Half of the volumes are born with all nodes and never change. */
static void members_begin(void)
{
	uint32_t voters = sim.count, id;

	if (sim_chance(500000)) {
		voters = 1 + (uint32_t)sim_below(sim.count);
		sim.weather.changes = 100000 + sim_below(500000);
	}
	for (id = 1; id <= voters; id++)
		raft_members_set(&sim.born, id, RAFT_MEMBER_VOTER);
	if (voters > 1 && voters < sim.count && sim_chance(300000))
		raft_members_set(&sim.born, voters + 1, RAFT_MEMBER_WITNESS);
}

void sim_world_begin(uint64_t seed)
{
	bool trace = sim.trace;
	struct sim_event *queue = sim.queue;
	unsigned int room = sim.queue_room;
	uint32_t id;

	memset(&sim, 0, sizeof(sim));
	sim.trace = trace;
	sim.queue = queue;
	sim.queue_room = room;
	sim.seed = seed;
	sim.random = seed * 0x2545f4914f6cdd1dULL + 1;
	sim.now_us = 1;
	sim.count = 1 + (uint32_t)sim_below(SIM_NODES_MAX);
	/* Three is what people run. */
	if (sim_chance(400000))
		sim.count = 3;
	members_begin();
	sim.timeout_us = 100000 + sim_below(400000);
	sim.unlike = sim_chance(500000);
	sim.drift_ppm = sim_chance(300000) ? 200000 : sim_below(50000);
	oracle_begin();
	faults_begin();
	for (id = 1; id <= sim.count; id++) {
		struct sim_node *node = &sim.nodes[id];

		node->id = id;
		node->config.id = id;
		node->config.members = sim.born;
		node->config.drift_ppm = (uint32_t)sim.drift_ppm;
		node->jobs_tail = &node->jobs;
		node->saves_tail = &node->saves;
		node_start(node);
	}
}

void sim_world_run(void)
{
	uint64_t rest_us =
		60 * sim.timeout_us * (sim.unlike ? SIM_TIMEOUTS : 1) + 1000000;

	while (sim.queue_count) {
		struct sim_event event = next_event();

		sim.now_us = event.at_us;
		if (!sim.healed && sim.now_us >= sim.weather.end_us)
			faults_heal();
		if (sim.now_us >= sim.weather.end_us + rest_us / 2)
			sim.client_stopped = true;
		if (sim.now_us < sim.weather.end_us + 3 * rest_us / 4)
			sim.leaders_at_calm = sim.leaders;
		if (sim.now_us >= sim.weather.end_us + rest_us) {
			free(event.mail);
			break;
		}
		happen(&event);
	}
	oracle_end();
}

/* Also after a run that failed half-way. */
void sim_world_end(void)
{
	uint32_t id;
	unsigned int i;

	for (id = 1; id <= sim.count; id++)
		node_free(&sim.nodes[id]);
	for (i = 0; i < sim.queue_count; i++)
		free(sim.queue[i].mail);
	sim.queue_count = 0;
}
