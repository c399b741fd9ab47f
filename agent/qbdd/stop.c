// SPDX-License-Identifier: GPL-2.0
/*
 * Shutdown.  Loop thread.
 *
 * A daemon that stops hands leadership over and writes a checkpoint, as far as
 * both are done within STOP_US.  A kill at any moment is as safe; it only makes
 * others wait for an election, and the next start read more of the log.
 */
#include "base/log.h"
#include "qbdd/qbdd.h"
#include "qbdd/watch.h"

void qbdd_stop_begin(struct qbdd *daemon, const char *why)
{
	if (daemon->stopping)
		return;
	base_log(BASE_LOG_NOTICE, "event=stops reason=\"%s\"", why);
	watch_stopping(daemon->watch);
	daemon->stop_why = why;
	daemon->stopping = true;
	daemon->stop_us = daemon->now_us + STOP_US;
	node_step_down(daemon->node);
}

void qbdd_stop_check(struct qbdd *daemon)
{
	struct node_view view;

	if (!daemon->stopping)
		return;
	node_view(daemon->node, daemon->now_us, &view);
	if ((view.role != RAFT_LEADER && !daemon->log.pending &&
	     !daemon->image.pending && !daemon->stop_command) ||
	    daemon->now_us >= daemon->stop_us)
		daemon->ended = true;
}
