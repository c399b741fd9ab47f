// SPDX-License-Identifier: GPL-2.0
/*
 * What several kinds of message have in them.
 *
 * MEMBERS: seven ids of 2 bytes, rising, the free ones last and 0; their roles
 * (2), bits 2i and 2i + 1 for place i.  STANDING: epoch, tag (8 each), writer
 * (4), members (16), chain (8).
 */
#include "wire/codec.h"

void wire_members_put(struct wire_writer *writer,
		      const struct raft_members *members)
{
	unsigned int i;

	for (i = 0; i < RAFT_MEMBERS_MAX; i++)
		wire_put16(writer, members->ids[i]);
	wire_put16(writer, members->roles);
}

void wire_members_get(struct wire_reader *reader, struct raft_members *members)
{
	unsigned int i;

	for (i = 0; i < RAFT_MEMBERS_MAX; i++)
		members->ids[i] = wire_get16(reader);
	members->roles = wire_get16(reader);
}

void wire_standing_put(struct wire_writer *writer,
		       const struct raft_standing *standing)
{
	wire_put64(writer, standing->epoch);
	wire_put64(writer, standing->tag);
	wire_put32(writer, standing->writer);
	wire_members_put(writer, &standing->members);
	wire_put64(writer, standing->chain);
}

void wire_standing_get(struct wire_reader *reader,
		       struct raft_standing *standing)
{
	standing->epoch = wire_get64(reader);
	standing->tag = wire_get64(reader);
	standing->writer = wire_get32(reader);
	wire_members_get(reader, &standing->members);
	standing->chain = wire_get64(reader);
}
