/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Doubly linked lists whose links live in the objects, as the kernel has them.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct base_list {
	struct base_list *next;
	struct base_list *prev;
};

#define base_container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void base_list_init(struct base_list *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool base_list_empty(const struct base_list *list)
{
	return list->next == list;
}

/* Put @item before @place: at the tail when @place is the head. */
static inline void base_list_add_before(struct base_list *place,
					struct base_list *item)
{
	item->prev = place->prev;
	item->next = place;
	place->prev->next = item;
	place->prev = item;
}

static inline void base_list_add_tail(struct base_list *head,
				      struct base_list *item)
{
	base_list_add_before(head, item);
}

/* Take @item out; it may be added again or deleted again. */
static inline void base_list_del(struct base_list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	base_list_init(item);
}

#endif
