/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FUZZ_PEER_H
#define FUZZ_PEER_H

#include "rig/host.h"

/* What a good peer would say now; false: nothing. */
bool peer_behaves(const struct host *host, const struct node_view *view,
		  uint32_t peer, uint8_t bits, struct wire_msg *msg);

#endif
