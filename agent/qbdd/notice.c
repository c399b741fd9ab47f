// SPDX-License-Identifier: GPL-2.0
/* See notice.h. */
#include "qbdd/notice.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "conf/value.h"

void notice_log_size(const struct conf *conf,
		     const struct store_identity *found, char *text)
{
	char wanted[BASE_SIZE_TEXT_MAX], there[BASE_SIZE_TEXT_MAX];

	*text = '\0';
	if (conf->log_bytes == found->log_bytes)
		return;
	base_size_text(conf->log_bytes, wanted);
	base_size_text(found->log_bytes, there);
	snprintf(text, NOTICE_TEXT_MAX,
		 "log-size is %s in the configuration, but the replica was "
		 "formatted with %s, which stays; write log-size = \"%s\"; or "
		 "stop this node, format its replica anew (qbd format %s "
		 "--force) and let the others fill it",
		 wanted, there, there, conf->volume);
}

void notice_local_address(const struct conf *conf, const struct conf_node *self,
			  bool listens_locally, char *text)
{
	const struct conf_node *other = NULL;
	unsigned int i;

	*text = '\0';
	for (i = 0; i < conf->node_count && !other; i++)
		if (&conf->nodes[i] != self &&
		    !conf_address_is_local(conf->nodes[i].address))
			other = &conf->nodes[i];
	if (!listens_locally || !other)
		return;
	snprintf(text, NOTICE_TEXT_MAX,
		 "the address %s of %s leads to this machine alone (Debian's "
		 "/etc/hosts has the host's own name as 127.0.1.1), so %s "
		 "can't reach it; write the address of an interface",
		 self->address, self->name, other->name);
}
