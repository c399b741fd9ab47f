/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The values of a configuration, from text.  Pure: nothing is looked up.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * conf_parse_size() - "64M": bytes, with a binary suffix K M G T or none
 * Return: 0; -EINVAL not of this form; -ERANGE beyond 63 bits.
 */
int conf_parse_size(const char *text, uint64_t *bytes);

/**
 * conf_parse_duration() - "30s": with a suffix ms s m h, or "0"
 * Return: 0; -EINVAL not of this form; -ERANGE beyond 32 bits.
 */
int conf_parse_duration(const char *text, uint32_t *duration_ms);

/**
 * conf_address_problem() - is it host:port or [v6]:port?
 * Return: NULL, or what is wrong and how to mend it.
 */
const char *conf_address_problem(const char *address);

/** conf_address_is_local() - does it name this machine, wherever it is read? */
bool conf_address_is_local(const char *address);

/** conf_same_host() - do two good addresses have the same host's text? */
bool conf_same_host(const char *address, const char *other);

/**
 * conf_nearest() - the word that was probably meant
 * @words: ends with NULL
 * Return: one of @words, at most two letters away from @word; or NULL.
 */
const char *conf_nearest(const char *word, const char *const *words);

#endif
