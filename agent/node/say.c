// SPDX-License-Identifier: GPL-2.0
/*
 * Texts for humans: events for the log, and what is wrong with the replica.
 * Calls nothing else in this folder.
 */
#include <stdarg.h>
#include <stdio.h>

#include "node/state.h"

void node_say(struct node *node, int level, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	node->ops->event(node->context, level, text);
}

void node_set_damage(struct node *node, const char *what)
{
	snprintf(node->damage, sizeof(node->damage), "%.150s", what);
}
