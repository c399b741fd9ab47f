/* SPDX-License-Identifier: GPL-2.0 */
/* Sizes in readable form, as a configuration writes them. */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdint.h>

#define BASE_SIZE_TEXT_MAX 24

/**
 * base_size_text() - "64M", exactly: with K, M, G, T or nothing behind it
 * @text: BASE_SIZE_TEXT_MAX bytes
 * Return: @text
 */
const char *base_size_text(uint64_t bytes, char *text);

#endif
