/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's lists by name and meaning, for tests in userspace */
#ifndef KSHIM_LIST_H
#define KSHIM_LIST_H

#include <linux/types.h>

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool list_empty(const struct list_head *list)
{
	return list->next == list;
}

static inline void list_add(struct list_head *item, struct list_head *at)
{
	item->prev = at;
	item->next = at->next;
	at->next->prev = item;
	at->next = item;
}

static inline void list_add_tail(struct list_head *item, struct list_head *list)
{
	list_add(item, list->prev);
}

static inline void list_del(struct list_head *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	item->next = NULL;
	item->prev = NULL;
}

static inline void list_del_init(struct list_head *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	INIT_LIST_HEAD(item);
}

static inline void list_move_tail(struct list_head *item,
				  struct list_head *list)
{
	list_del_init(item);
	list_add_tail(item, list);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry_or_null(list, type, member) \
	(list_empty(list) ? NULL : list_entry((list)->next, type, member))
#define list_for_each_entry(at, list, member)                          \
	for (at = container_of((list)->next, __typeof__(*at), member); \
	     &at->member != (list);                                    \
	     at = container_of(at->member.next, __typeof__(*at), member))
#define list_for_each_entry_safe(at, after, list, member)                   \
	for (at = container_of((list)->next, __typeof__(*at), member),      \
	    after = container_of(at->member.next, __typeof__(*at), member); \
	     &at->member != (list); at = after,                             \
	    after = container_of(at->member.next, __typeof__(*at), member))

static inline void INIT_HLIST_NODE(struct hlist_node *node)
{
	node->next = NULL;
	node->pprev = NULL;
}

#define INIT_HLIST_HEAD(list) ((list)->first = NULL)

static inline void hlist_add_head(struct hlist_node *node,
				  struct hlist_head *list)
{
	node->next = list->first;
	if (node->next)
		node->next->pprev = &node->next;
	list->first = node;
	node->pprev = &list->first;
}

static inline void hlist_del_init(struct hlist_node *node)
{
	if (!node->pprev)
		return;
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
	INIT_HLIST_NODE(node);
}

#define KSHIM_HLIST_ENTRY(ptr, type, member) \
	((ptr) ? container_of(ptr, type, member) : NULL)
#define hlist_for_each_entry(at, list, member)                               \
	for (at = KSHIM_HLIST_ENTRY((list)->first, __typeof__(*at), member); \
	     at;                                                             \
	     at = KSHIM_HLIST_ENTRY(at->member.next, __typeof__(*at), member))

#endif
