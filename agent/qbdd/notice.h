/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings that cannot be right, or will not have the intended effect, although
 * the volume works: reported in the log, and in the status for as long as it is
 * so.  Loop thread.
 */
#ifndef QBDD_NOTICE_H
#define QBDD_NOTICE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "store/store.h"

#define NOTICE_TEXT_MAX 512

/**
 * notice_log_size() - the configured size of the log against the replica's
 * @text: NOTICE_TEXT_MAX bytes; "" when they are the same
 */
void notice_log_size(const struct conf *conf,
		     const struct store_identity *found, char *text);

/**
 * notice_local_address() - no other machine can reach us where we listen
 * @listens_locally: our address leads to this machine alone
 * @text: NOTICE_TEXT_MAX bytes; "" when all is well
 */
void notice_local_address(const struct conf *conf, const struct conf_node *self,
			  bool listens_locally, char *text);

#endif
