/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interval tree's four functions over a plain list: slow, and obviously
 * right, so that what the tests find is in the code that uses it.
 */
#ifndef KSHIM_INTERVAL_TREE_GENERIC_H
#define KSHIM_INTERVAL_TREE_GENERIC_H

#include <linux/rbtree.h>

#define INTERVAL_TREE_DEFINE(type, rb, number, subtree, FIRST, LAST, attr, \
			     prefix)                                       \
	attr void prefix##_insert(type *it, struct rb_root_cached *root)   \
	{                                                                  \
		kshim_rb_insert(&it->rb, root);                            \
	}                                                                  \
	attr void prefix##_remove(type *it, struct rb_root_cached *root)   \
	{                                                                  \
		kshim_rb_remove(&it->rb, root);                            \
	}                                                                  \
	attr type *prefix##_search(struct rb_node *at, number first,       \
				   number last)                            \
	{                                                                  \
		for (; at; at = at->next) {                                \
			type *it = container_of(at, type, rb);             \
                                                                           \
			if (FIRST(it) <= last && LAST(it) >= first)        \
				return it;                                 \
		}                                                          \
		return NULL;                                               \
	}                                                                  \
	attr type *prefix##_iter_first(struct rb_root_cached *root,        \
				       number first, number last)          \
	{                                                                  \
		return prefix##_search(root->first, first, last);          \
	}                                                                  \
	attr type *prefix##_iter_next(type *it, number first, number last) \
	{                                                                  \
		return prefix##_search(it->rb.next, first, last);          \
	}

#endif
