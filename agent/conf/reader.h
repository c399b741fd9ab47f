/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads a libconfig file by tables of keys and reports every mistake, with file
 * and line.
 */
#ifndef CONF_READER_H
#define CONF_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <libconfig.h>

struct reader;

/* What may stand in a group. @set complains by itself. */
struct reader_key {
	const char *name; /* NULL: end of the table */
	bool required;
	void (*set)(struct reader *reader, config_setting_t *setting,
		    void *into);
};

/**
 * reader_file() - read @path by @keys
 * @what: for humans, what the file describes ("a volume")
 * Return: 0; -EINVAL: there are mistakes; other errno: the file can't be read.
 * In both cases @report was told.
 */
int reader_file(const char *path, FILE *report, const struct reader_key *keys,
		const char *what, void *into);

/** reader_group() - the settings of one group, missing and unknown ones */
void reader_group(struct reader *reader, config_setting_t *group,
		  const struct reader_key *keys, const char *what, void *into);

/** reader_complain() - a mistake, told at the place of @setting */
void reader_complain(struct reader *reader, config_setting_t *setting,
		     const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * reader_text() - the setting's text, in which no control character is
 * @example: what it should have looked like
 * Return: NULL after a complaint.
 */
const char *reader_text(struct reader *reader, config_setting_t *setting,
			const char *example);

/** reader_number() - a whole number in [least, most]; false after a complaint */
bool reader_number(struct reader *reader, config_setting_t *setting,
		   int64_t least, int64_t most, int64_t *number);

#endif
