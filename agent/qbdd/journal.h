/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Log lines for systemd's journal, with fields.  The logger's thread.
 *
 *	MESSAGE			the line as it is
 *	PRIORITY		its level
 *	SYSLOG_IDENTIFIER	qbdd
 *	MESSAGE_ID		what kind of event it is: journal_message_id()
 *	QBD_KEY			each key=value of the line: QBD_VOLUME, QBD_NODE,
 *				QBD_EVENT, QBD_PEER, QBD_REASON and so on
 *
 * scripts/systemd/qbd.catalog says of each MESSAGE_ID what it means and what to
 * do (journalctl --catalog).
 */
#ifndef QBDD_JOURNAL_H
#define QBDD_JOURNAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "qbdd/logger.h"

#define JOURNAL_FIELDS_MAX 32 /* what is beyond stands in MESSAGE only */

struct journal_fields {
	struct iovec iov[JOURNAL_FIELDS_MAX];
	int count;
	size_t used;
	/* Each key=value twice: in MESSAGE, and with QBD_ in front. */
	char bytes[2 * BASE_LOG_LINE_MAX + JOURNAL_FIELDS_MAX * 16 + 256];
};

/** journal_build() - the fields of a line; a second value of a key is left out */
void journal_build(const struct logger_line *line,
		   struct journal_fields *fields);

/** journal_message_id() - 32 hex digits, NULL: no event that we know */
const char *journal_message_id(const char *event, size_t length);

/** journal_is() - is the file that @stream ($JOURNAL_STREAM, or NULL) names this? */
bool journal_is(const char *stream, dev_t dev, ino_t inode);
/** journal_is_stderr() - does standard error go to the journal? */
bool journal_is_stderr(void);

extern const struct logger_output journal_output;

/* The table of events, for a test. */
struct journal_event {
	const char *name;
	const char *id;
};
extern const struct journal_event journal_events[];
extern const unsigned int journal_event_count;

#endif
