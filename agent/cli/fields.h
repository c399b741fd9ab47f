/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fields of a status (control/status.h), whether they are there or not: the
 * daemon may be of another version.
 */
#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/** field_text() - "" where there is none; lives as long as @object's field */
const char *field_text(const json_t *object, const char *key);
bool field_is(const json_t *object, const char *key, const char *text);
/** field_number() - 0 where there is none */
uint64_t field_number(const json_t *object, const char *key);
/** field_true() - false where there is none */
bool field_true(const json_t *object, const char *key);

#endif
