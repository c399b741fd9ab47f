// SPDX-License-Identifier: GPL-2.0
/*
 * The queue between threads: nothing lost, the order of each producer kept, no
 * sleep missed.  Also right under ThreadSanitizer.
 */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/list.h"
#include "qbdd/queue.h"
#include "tap.h"

#define PRODUCERS 3
#define ITEMS 20000

struct item {
	struct qbdd_item item;
	unsigned int producer;
	unsigned int number;
};

static struct qbdd_queue queue;
static struct item items[PRODUCERS][ITEMS];

static void *produce(void *argument)
{
	struct item *mine = argument;
	unsigned int i;

	for (i = 0; i < ITEMS; i++) {
		mine[i].producer =
			(unsigned int)((struct item(*)[ITEMS])mine - items);
		mine[i].number = i;
		qbdd_queue_put(&queue, &mine[i].item);
		if (i % 7 == 0 || i == ITEMS - 1)
			qbdd_queue_wake(&queue);
		if (i % 512 == 0)
			usleep(50); /* so that the consumer sleeps now and then */
	}
	return NULL;
}

static unsigned int take(unsigned int *next, bool *in_order)
{
	struct qbdd_list list;
	struct qbdd_item *taken;
	unsigned int count = 0;

	if (!qbdd_queue_take(&queue, &list))
		return 0;
	while ((taken = qbdd_list_next(&list))) {
		struct item *item = base_container_of(taken, struct item, item);

		if (item->number != next[item->producer]++)
			*in_order = false;
		count++;
	}
	return count;
}

static void many_producers_lose_nothing_and_keep_order(void)
{
	unsigned int next[PRODUCERS] = { 0 };
	pthread_t threads[PRODUCERS];
	unsigned int count = 0, i;
	bool in_order = true;

	tap_need(qbdd_queue_init(&queue) == 0);
	for (i = 0; i < PRODUCERS; i++)
		pthread_create(&threads[i], NULL, produce, items[i]);
	/* A missed wake-up shows as a wait that is over with nothing there. */
	while (count < PRODUCERS * ITEMS && qbdd_queue_wait(&queue, 10000))
		count += take(next, &in_order);
	for (i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	tap_check_eq(count, PRODUCERS * ITEMS);
	tap_check(in_order);
	qbdd_queue_destroy(&queue);
}

static bool event_is_set(void)
{
	struct pollfd poll_fd = { .fd = queue.event_fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

static void an_awake_consumer_costs_no_system_call(void)
{
	struct item item = { .number = 0 };

	tap_need(qbdd_queue_init(&queue) == 0);
	qbdd_queue_put(&queue, &item.item);
	qbdd_queue_wake(&queue);
	tap_check(!event_is_set());
	tap_check(!qbdd_queue_doze(&queue));
	qbdd_queue_destroy(&queue);
}

static void a_dozing_consumer_is_woken_once(void)
{
	struct item one = { .number = 0 }, two = { .number = 1 };
	uint64_t count = 0;

	tap_need(qbdd_queue_init(&queue) == 0);
	tap_check(qbdd_queue_doze(&queue));
	qbdd_queue_put(&queue, &one.item);
	qbdd_queue_wake(&queue);
	qbdd_queue_put(&queue, &two.item);
	qbdd_queue_wake(&queue);
	tap_check(read(queue.event_fd, &count, sizeof(count)) == sizeof(count));
	tap_check_eq(count, 1);
	qbdd_queue_destroy(&queue);
}

static void a_wait_ends_with_its_time(void)
{
	tap_need(qbdd_queue_init(&queue) == 0);
	tap_check(!qbdd_queue_wait(&queue, 1));
	qbdd_queue_destroy(&queue);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(many_producers_lose_nothing_and_keep_order),
		TAP_TEST(an_awake_consumer_costs_no_system_call),
		TAP_TEST(a_dozing_consumer_is_woken_once),
		TAP_TEST(a_wait_ends_with_its_time),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
