/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is wrong with the syntax of a configuration that libconfig refuses.
 * libconfig stops at the first slip and calls each a syntax error; this
 * continues after each and names it.  Only libconfig decides whether a file is
 * good.
 */
#ifndef CONF_SYNTAX_H
#define CONF_SYNTAX_H

#include <stdbool.h>

/* What came of it. */
struct syntax_found {
	unsigned int slips; /* that were told */
	unsigned int first_line; /* where the first of them is */
	bool dropped; /* mended lacks a setting that had no value, or two */
	/*
	 * The text with all slips mended as well as can be guessed, each thing on
	 * its line still, so that what else is wrong can be told too.  NULL: no
	 * idea.  The caller's, to be freed.
	 */
	char *mended;
};

/**
 * syntax_explain() - tell every slip
 * @text: of the file; no zero bytes but the last
 * @tell: called with the line and the text for humans, without a newline
 */
void syntax_explain(const char *text,
		    void (*tell)(void *context, unsigned int line,
				 const char *what),
		    void *context, struct syntax_found *found);

#endif
