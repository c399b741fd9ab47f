// SPDX-License-Identifier: GPL-2.0
/*
 * Errands of the loop, and lookups of names: what hangs holds up nobody else,
 * and its answer is used whenever it comes.  The test plays the loop.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/list.h"
#include "net/net.h"
#include "qbdd/errand.h"
#include "qbdd/resolve.h"
#include "tap.h"

#define PATIENCE_MS 20000
#define NODES 4

static struct qbdd_queue loop;

struct work {
	struct errand errand;
	unsigned int number;
	pthread_t thread;
};

static unsigned int done;

static void work_run(struct errand *errand)
{
	struct work *work = base_container_of(errand, struct work, errand);

	work->thread = pthread_self();
}

static void work_back(void *context, struct errand *errand)
{
	struct work *work = base_container_of(errand, struct work, errand);

	tap_check(context == &loop);
	tap_check_eq(work->number, done++);
	tap_check(!pthread_equal(work->thread, pthread_self()));
}

static void errands_come_back_in_order_and_to_the_loop(void)
{
	static struct work works[64];
	struct helper *helper;
	unsigned int i;

	done = 0;
	tap_need(qbdd_queue_init(&loop) == 0);
	tap_need(helper_start("test", &loop, &helper) == 0);
	for (i = 0; i < TAP_COUNT(works); i++) {
		works[i].number = i;
		works[i].errand.run = work_run;
		works[i].errand.back = work_back;
		helper_put(helper, &works[i].errand);
	}
	while (done < TAP_COUNT(works)) {
		if (!tap_check(qbdd_queue_wait(&loop, PATIENCE_MS)))
			break;
		errands_take(&loop, &loop);
	}
	tap_check(helper_stop(helper, PATIENCE_MS));
	tap_check(helper_stop(NULL, 0));
	qbdd_queue_destroy(&loop);
}

/* A resolver whose server is silent about "silent...", until it is let go. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool silent;
static unsigned int waiting;

static int look_up(const char *text, struct net_addresses *addresses,
		   struct base_error *error)
{
	pthread_mutex_lock(&lock);
	waiting++;
	pthread_cond_broadcast(&changed);
	while (silent && strncmp(text, "silent", 6) == 0)
		pthread_cond_wait(&changed, &lock);
	waiting--;
	pthread_mutex_unlock(&lock);
	if (strncmp(text, "unknown", 7) == 0)
		return base_error_set(error, -EHOSTUNREACH, "%s: who?", text);
	addresses->count = 1;
	return 0;
}

static void set_silent(bool now)
{
	pthread_mutex_lock(&lock);
	silent = now;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void await_waiting(void)
{
	pthread_mutex_lock(&lock);
	while (!waiting)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static unsigned int answers[NODES + 1];
static unsigned int found[NODES + 1];
static char problems[NODES + 1][128];

static void resolved(void *context, uint32_t id,
		     const struct net_addresses *addresses, const char *problem)
{
	answers[id]++;
	found[id] = addresses ? addresses->count : 0;
	snprintf(problems[id], sizeof(problems[id]), "%s",
		 addresses ? "" : problem);
}

static const struct resolver_ops ops = {
	.look_up = look_up,
	.resolved = resolved,
};

static struct resolver *setup(void)
{
	memset(answers, 0, sizeof(answers));
	tap_check(qbdd_queue_init(&loop) == 0);
	return resolver_new(&ops, &loop);
}

static bool await_answer(uint32_t id, unsigned int count)
{
	while (answers[id] < count) {
		if (!qbdd_queue_wait(&loop, PATIENCE_MS))
			return false;
		errands_take(&loop, NULL);
	}
	return answers[id] == count;
}

static void a_silent_name_holds_up_no_other_and_is_answered_late(void)
{
	struct resolver *resolver = setup();

	set_silent(true);
	resolver_ask(resolver, 1, "silent.example:1");
	await_waiting();
	resolver_ask(resolver, 2, "two.example:1");
	resolver_ask(resolver, 3, "unknown.example:1");
	tap_check(await_answer(2, 1));
	tap_check_eq(found[2], 1);
	tap_check(await_answer(3, 1));
	tap_check_eq(found[3], 0);
	tap_check_str(problems[3], "unknown.example:1: who?");
	resolver_ask(resolver, 2, "two.example:1"); /* and again */
	tap_check(await_answer(2, 2));
	tap_check_eq(answers[1], 0);
	set_silent(false);
	tap_check(await_answer(1, 1));
	tap_check_eq(found[1], 1);
	tap_check(resolver_stop(resolver, PATIENCE_MS));
	resolver_free(resolver);
	qbdd_queue_destroy(&loop);
}

static void an_end_does_not_wait_for_a_silent_name(void)
{
	struct resolver *resolver = setup();

	set_silent(true);
	resolver_ask(resolver, 1, "silent.example:1");
	resolver_ask(resolver, 2, "two.example:1");
	await_waiting();
	tap_check(await_answer(2, 1));
	tap_check(!resolver_stop(resolver, PATIENCE_MS));
	/* It still may use everything: nothing is freed, see resolve.h. */
	set_silent(false);
	tap_check(await_answer(1, 1));
	tap_check(resolver_stop(resolver, PATIENCE_MS));
	resolver_free(resolver);
	qbdd_queue_destroy(&loop);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(errands_come_back_in_order_and_to_the_loop),
		TAP_TEST(a_silent_name_holds_up_no_other_and_is_answered_late),
		TAP_TEST(an_end_does_not_wait_for_a_silent_name),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
