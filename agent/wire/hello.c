// SPDX-License-Identifier: GPL-2.0
/*
 * HELLO and REFUSE: the handshake.  These two keep their layout in every
 * version of the protocol, since they are how versions find out.
 *
 * HELLO:
 *
 *	offset	bytes
 *	 0	2	version_min
 *	 2	2	version_max
 *	 4	4	from, node id
 *	 8	4	to, node id
 *	12	4	block_size
 *	16	8	volume_bytes
 *	24	16	volume_id
 *	40	4	members_crc
 *	44	2	election_timeout_ms
 *	46	2	flags
 *	48	8	incarnation
 *	56	64	volume_name, zeroes to the end
 *	120	64	node_name, zeroes to the end
 *
 * REFUSE: the text's length (2), the text (printable ASCII), zeroes up to a
 * multiple of 8.
 *
 * Texts come from strangers and end up in logs: only printable ASCII passes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "wire/codec.h"

#define VOLUME_ID_TEXT 37

void wire_hello_put(struct wire_writer *writer, const struct wire_hello *hello)
{
	char name[64];

	wire_put16(writer, hello->version_min);
	wire_put16(writer, hello->version_max);
	wire_put32(writer, hello->from);
	wire_put32(writer, hello->to);
	wire_put32(writer, hello->block_size);
	wire_put64(writer, hello->volume_bytes);
	wire_put(writer, hello->volume_id, sizeof(hello->volume_id));
	wire_put32(writer, hello->members_crc);
	wire_put16(writer, (uint16_t)hello->election_timeout_ms);
	wire_put16(writer, (uint16_t)hello->flags);
	wire_put64(writer, hello->incarnation);
	/* Bytes behind a name in memory must not leave the process. */
	memset(name, 0, sizeof(name));
	memcpy(name, hello->volume_name,
	       strnlen(hello->volume_name, sizeof(name) - 1));
	wire_put(writer, name, sizeof(name));
	memset(name, 0, sizeof(name));
	memcpy(name, hello->node_name,
	       strnlen(hello->node_name, sizeof(name) - 1));
	wire_put(writer, name, sizeof(name));
}

/* As the configuration allows them. */
static bool name_possible(const char name[64])
{
	size_t length = strnlen(name, 64), i;

	if (length == 0 || length == 64)
		return false;
	for (i = 0; i < length; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	for (; i < 64; i++)
		if (name[i])
			return false;
	return true;
}

int wire_hello_get(struct wire_decoder *decoder, struct wire_hello *hello)
{
	struct wire_reader *fixed = &decoder->fixed;

	hello->version_min = wire_get16(fixed);
	hello->version_max = wire_get16(fixed);
	hello->from = wire_get32(fixed);
	hello->to = wire_get32(fixed);
	hello->block_size = wire_get32(fixed);
	hello->volume_bytes = wire_get64(fixed);
	wire_get(fixed, hello->volume_id, sizeof(hello->volume_id));
	hello->members_crc = wire_get32(fixed);
	hello->election_timeout_ms = wire_get16(fixed);
	hello->flags = wire_get16(fixed);
	hello->incarnation = wire_get64(fixed);
	wire_get(fixed, hello->volume_name, sizeof(hello->volume_name));
	wire_get(fixed, hello->node_name, sizeof(hello->node_name));
	if (!name_possible(hello->volume_name) ||
	    !name_possible(hello->node_name))
		return base_error_set(decoder->error, -EBADMSG,
				      "HELLO: an impossible name");
	if (!hello->version_min || hello->version_min > hello->version_max ||
	    !hello->from || !hello->to || !hello->block_size ||
	    !hello->volume_bytes || hello->flags & ~WIRE_HELLO_URGENT)
		return base_error_set(decoder->error, -EBADMSG,
				      "HELLO: an impossible value");
	return 0;
}

size_t wire_refuse_bytes(const char *text)
{
	size_t length = strnlen(text, WIRE_TEXT_MAX);

	return (2 + (length ? length : 1) + 7) / 8 * 8;
}

void wire_refuse_put(struct wire_writer *writer, const char *text)
{
	size_t length, i;

	if (!*text)
		text = "?";
	length = strnlen(text, WIRE_TEXT_MAX);
	wire_put16(writer, (uint16_t)length);
	for (i = 0; i < length; i++)
		*writer->at++ = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
	memset(writer->at, 0, (size_t)(writer->end - writer->at));
	writer->at = writer->end;
}

int wire_refuse_get(struct wire_decoder *decoder, char *text)
{
	struct wire_reader *fixed = &decoder->fixed;
	uint16_t length = wire_get16(fixed);
	uint16_t i;

	if (!length || length > WIRE_TEXT_MAX || wire_left(fixed) < length ||
	    wire_left(fixed) - length >= 8)
		return base_error_set(decoder->error, -EBADMSG,
				      "REFUSE: an impossible length");
	wire_get(fixed, text, length);
	text[length] = '\0';
	for (i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			return base_error_set(decoder->error, -EBADMSG,
					      "REFUSE: not a text");
	while (wire_left(fixed)) {
		uint8_t byte;

		wire_get(fixed, &byte, 1);
		if (byte)
			return base_error_set(decoder->error, -EBADMSG,
					      "REFUSE: bytes after the text");
	}
	return 0;
}

static const char *volume_id_text(const uint8_t id[16], char *text)
{
	char *at = text;
	int i;

	for (i = 0; i < 16; i++)
		at += sprintf(at, "%s%02x",
			      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			      id[i]);
	return text;
}

/*
 * Texts are cut off at WIRE_TEXT_MAX when they are sent, and the remedy stands
 * at the end: so names in them have at most 24 letters.
 */

/* Do both mean the same pair of nodes? */
static int check_nodes(const struct wire_hello *ours,
		       const struct wire_hello *theirs,
		       struct base_error *error)
{
	if (theirs->from == ours->from ||
	    strcmp(theirs->node_name, ours->node_name) == 0)
		return base_error_set(
			error, -EPROTO,
			"two nodes say they are %.24s (id %" PRIu32
			"): give each its own name and id, and each machine "
			"the name of its own node",
			theirs->node_name, theirs->from);
	if (theirs->from != ours->to)
		return base_error_set(
			error, -EPROTO,
			"where node %" PRIu32 " should be, %.24s (id %" PRIu32
			") answers: correct the address of node %" PRIu32
			" in the configuration",
			ours->to, theirs->node_name, theirs->from, ours->to);
	if (theirs->to != ours->from)
		return base_error_set(error, -EPROTO,
				      "%.24s looks for node %" PRIu32
				      " and found %.24s (id %" PRIu32
				      "): correct the address of node %" PRIu32
				      " in its configuration",
				      theirs->node_name, theirs->to,
				      ours->node_name, ours->from, theirs->to);
	return 0;
}

/* Do both mean the same volume? */
static int check_volume(const struct wire_hello *ours,
			const struct wire_hello *theirs,
			struct base_error *error)
{
	char a[VOLUME_ID_TEXT], b[VOLUME_ID_TEXT];

	if (memcmp(theirs->volume_id, ours->volume_id, 16))
		return base_error_set(
			error, -EPROTO,
			"other volume ids (%s on %.24s, %s on %.24s): use the "
			"same one in the configuration",
			volume_id_text(theirs->volume_id, a), theirs->node_name,
			volume_id_text(ours->volume_id, b), ours->node_name);
	if (strcmp(theirs->volume_name, ours->volume_name))
		return base_error_set(
			error, -EPROTO,
			"the volume is called %.24s on one node, %.24s on the "
			"other: use one name (and an id of its own for each "
			"volume)",
			theirs->volume_name, ours->volume_name);
	if (theirs->block_size != ours->block_size)
		return base_error_set(
			error, -EPROTO,
			"the volume's block size is %" PRIu32
			" on %.24s, %" PRIu32
			" on %.24s: give the same one in both configurations",
			theirs->block_size, theirs->node_name, ours->block_size,
			ours->node_name);
	return 0;
}

static int check_version(const struct wire_hello *ours,
			 const struct wire_hello *theirs,
			 struct base_error *error)
{
	const struct wire_hello *older = ours, *newer = theirs;

	if (theirs->version_max >= ours->version_min &&
	    ours->version_max >= theirs->version_min)
		return 0;
	if (theirs->version_max < ours->version_min) {
		older = theirs;
		newer = ours;
	}
	return base_error_set(
		error, -EPROTO,
		"%.24s speaks protocol versions %u to %u, %.24s %u to %u: "
		"upgrade qbd on %.24s (upgrading may skip no version)",
		older->node_name, older->version_min, older->version_max,
		newer->node_name, newer->version_min, newer->version_max,
		older->node_name);
}

uint32_t wire_hello_differs(const struct wire_hello *ours,
			    const struct wire_hello *theirs)
{
	uint32_t differs = 0;

	if (theirs->members_crc != ours->members_crc)
		differs |= WIRE_DIFFERS_NODES;
	if (theirs->volume_bytes != ours->volume_bytes)
		differs |= WIRE_DIFFERS_SIZE;
	if (theirs->election_timeout_ms != ours->election_timeout_ms)
		differs |= WIRE_DIFFERS_TIMEOUT;
	return differs;
}

int wire_hello_check(const struct wire_hello *ours,
		     const struct wire_hello *theirs, uint16_t *version,
		     struct base_error *error)
{
	int err;

	/* A cause before what follows from it. */
	err = check_volume(ours, theirs, error);
	if (!err)
		err = check_version(ours, theirs, error);
	if (!err)
		err = check_nodes(ours, theirs, error);
	if (err)
		return err;
	*version = theirs->version_max < ours->version_max ?
			   theirs->version_max :
			   ours->version_max;
	return 0;
}
