// SPDX-License-Identifier: GPL-2.0
/* See errand.h. */
#include "qbdd/errand.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "qbdd/thread.h"

struct helper {
	struct qbdd_queue in;
	struct qbdd_queue *loop;
	struct errand end; /* without run: ends the thread */
	bool ending; /* it was put */
	pthread_t thread;
};

/* Return: false when it was told to end. */
static bool helper_run(struct helper *helper, struct qbdd_list *list)
{
	struct qbdd_item *item;
	struct errand *errand;

	while ((item = qbdd_list_next(list))) {
		errand = base_container_of(item, struct errand, item);
		if (!errand->run)
			return false;
		errand->run(errand);
		qbdd_queue_put(helper->loop, &errand->item);
		qbdd_queue_wake(helper->loop);
	}
	return true;
}

static void *helper_thread(void *argument)
{
	struct helper *helper = argument;
	struct qbdd_list list;
	bool go_on = true;

	while (go_on) {
		qbdd_queue_wait(&helper->in, -1);
		if (qbdd_queue_take(&helper->in, &list))
			go_on = helper_run(helper, &list);
	}
	return NULL;
}

int helper_start(const char *name, struct qbdd_queue *loop,
		 struct helper **result)
{
	struct helper *helper = calloc(1, sizeof(*helper));
	int code;

	if (!helper)
		return -ENOMEM;
	helper->loop = loop;
	code = qbdd_queue_init(&helper->in);
	if (code)
		goto free;
	code = -pthread_create(&helper->thread, NULL, helper_thread, helper);
	if (code)
		goto destroy;
	pthread_setname_np(helper->thread, name);
	*result = helper;
	return 0;
destroy:
	qbdd_queue_destroy(&helper->in);
free:
	free(helper);
	return code;
}

void helper_put(struct helper *helper, struct errand *errand)
{
	qbdd_queue_put(&helper->in, &errand->item);
	qbdd_queue_wake(&helper->in);
}

bool helper_stop(struct helper *helper, unsigned int timeout_ms)
{
	if (!helper)
		return true;
	if (!helper->ending)
		helper_put(helper, &helper->end);
	helper->ending = true;
	if (!qbdd_join(helper->thread, timeout_ms))
		return false;
	qbdd_queue_destroy(&helper->in);
	free(helper);
	return true;
}

void errands_take(struct qbdd_queue *loop, void *context)
{
	struct qbdd_item *item;
	struct errand *errand;
	struct qbdd_list list;

	if (!qbdd_queue_take(loop, &list))
		return;
	while ((item = qbdd_list_next(&list))) {
		errand = base_container_of(item, struct errand, item);
		errand->back(context, errand);
	}
}
