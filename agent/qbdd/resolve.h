/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looks up the names in nodes' addresses, outside the loop.  Each name has its
 * own helper, so that one whose server is silent delays no other.  A node whose
 * address is a number has none.
 */
#ifndef QBDD_RESOLVE_H
#define QBDD_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "qbdd/queue.h"

struct net_addresses;
struct resolver;

struct resolver_ops {
	/* net_resolve(); in a helper */
	int (*look_up)(const char *text, struct net_addresses *addresses,
		       struct base_error *error);
	/* In errands_take(), whose context this is. */
	void (*resolved)(void *context, uint32_t id,
			 const struct net_addresses *addresses,
			 const char *problem);
};

/** resolver_new() - @loop: outlives it; NULL: no memory */
struct resolver *resolver_new(const struct resolver_ops *ops,
			      struct qbdd_queue *loop);
/**
 * resolver_ask() - look up node @id's address; the loop's
 * The helper is made by the first one of each name, which is at the start.
 * Not again for this node until resolved().
 */
void resolver_ask(struct resolver *resolver, uint32_t id, const char *address);
/**
 * resolver_stop() - NULL is allowed
 * Return: false: a lookup hangs; nothing is freed, nor may @loop be.
 * What is in @loop's queue goes to errands_take() before resolver_free().
 */
bool resolver_stop(struct resolver *resolver, unsigned int timeout_ms);
void resolver_free(struct resolver *resolver);

#endif
