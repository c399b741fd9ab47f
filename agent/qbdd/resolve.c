// SPDX-License-Identifier: GPL-2.0
/* See resolve.h.  All but lookup_run() is the loop's. */
#include "qbdd/resolve.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "conf/conf.h"
#include "net/net.h"
#include "qbdd/errand.h"

struct lookup {
	struct errand errand;
	struct resolver *resolver;
	struct helper *helper;
	uint32_t id; /* of the node */
	char address[sizeof(((struct net_peer_config *)NULL)->address)];
	bool asked;
	int code;
	struct net_addresses found;
	struct base_error error;
};

struct resolver {
	struct resolver_ops ops;
	struct qbdd_queue *loop;
	unsigned int count;
	struct lookup lookups[CONF_NODES_MAX];
};

static void lookup_run(struct errand *errand)
{
	struct lookup *lookup =
		base_container_of(errand, struct lookup, errand);

	lookup->code = lookup->resolver->ops.look_up(lookup->address,
						     &lookup->found,
						     &lookup->error);
}

static void lookup_back(void *context, struct errand *errand)
{
	struct lookup *lookup =
		base_container_of(errand, struct lookup, errand);

	lookup->asked = false;
	lookup->resolver->ops.resolved(context, lookup->id,
				       lookup->code ? NULL : &lookup->found,
				       lookup->error.text);
}

struct resolver *resolver_new(const struct resolver_ops *ops,
			      struct qbdd_queue *loop)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return NULL;
	resolver->ops = *ops;
	resolver->loop = loop;
	return resolver;
}

static struct lookup *lookup_of(struct resolver *resolver, uint32_t id)
{
	struct lookup *lookup = resolver->lookups;
	unsigned int i;

	for (i = 0; i < resolver->count; i++)
		if (lookup[i].id == id)
			return &lookup[i];
	assert(resolver->count < CONF_NODES_MAX);
	lookup += resolver->count++;
	lookup->id = id;
	lookup->resolver = resolver;
	lookup->errand.run = lookup_run;
	lookup->errand.back = lookup_back;
	return lookup;
}

void resolver_ask(struct resolver *resolver, uint32_t id, const char *address)
{
	struct lookup *lookup = lookup_of(resolver, id);
	int code = 0;

	assert(!lookup->asked);
	lookup->asked = true;
	snprintf(lookup->address, sizeof(lookup->address), "%s", address);
	if (!lookup->helper)
		code = helper_start("qbdd-resolve", resolver->loop,
				    &lookup->helper);
	if (!code) {
		helper_put(lookup->helper, &lookup->errand);
		return;
	}
	/* Told like any other lookup that failed, and tried again. */
	lookup->code = base_error_set(&lookup->error, code,
				      "no thread to look %s up: %s", address,
				      strerror(-code));
	qbdd_queue_put(resolver->loop, &lookup->errand.item);
	qbdd_queue_wake(resolver->loop);
}

bool resolver_stop(struct resolver *resolver, unsigned int timeout_ms)
{
	unsigned int i;
	bool all = true;

	for (i = 0; resolver && i < resolver->count; i++) {
		struct lookup *lookup = &resolver->lookups[i];

		/* Known to hang: it is not waited for as long. */
		if (helper_stop(lookup->helper, lookup->asked ? 0 : timeout_ms))
			lookup->helper = NULL;
		else
			all = false;
	}
	return all;
}

void resolver_free(struct resolver *resolver)
{
	free(resolver);
}
