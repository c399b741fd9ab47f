/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a fuzzer's bytes are read as: numbers, and numbers near one that means
 * something to the code under test.  Reading beyond the end gives zeroes.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

struct input {
	const uint8_t *at;
	const uint8_t *end;
};

static inline size_t input_left(const struct input *input)
{
	return (size_t)(input->end - input->at);
}

static inline void input_take(struct input *input, void *bytes, size_t size)
{
	size_t there = input_left(input) < size ? input_left(input) : size;

	memset(bytes, 0, size);
	if (there)
		memcpy(bytes, input->at, there);
	input->at += there;
}

static inline uint8_t input_u8(struct input *input)
{
	uint8_t value;

	input_take(input, &value, sizeof(value));
	return value;
}

static inline uint16_t input_u16(struct input *input)
{
	uint16_t value;

	input_take(input, &value, sizeof(value));
	return value;
}

static inline uint32_t input_u32(struct input *input)
{
	uint32_t value;

	input_take(input, &value, sizeof(value));
	return value;
}

static inline uint64_t input_u64(struct input *input)
{
	uint64_t value;

	input_take(input, &value, sizeof(value));
	return value;
}

/* Mostly @base or a little beside it; now and then anything. */
static inline uint64_t input_near(struct input *input, uint64_t base)
{
	uint8_t how = input_u8(input);

	if (how < 248)
		return base + how / 8 - 15;
	if (how < 252)
		return (uint64_t)(how - 248);
	if (how < 254)
		return UINT64_MAX - (how - 252U);
	return input_u64(input);
}

/* What must hold: say so and die, which is a finding. */
#define FUZZ_NEED(condition)                                             \
	do {                                                             \
		if (!(condition)) {                                      \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, \
				__LINE__, #condition);                   \
			abort();                                         \
		}                                                        \
	} while (0)

#endif
