/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Errors for humans: a text beside the -errno, which names the object, what
 * happened and the remedy.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#define BASE_ERROR_TEXT_MAX 512

struct base_error {
	int code; /* negative errno, 0: none */
	char text[BASE_ERROR_TEXT_MAX];
};

/**
 * base_error_set() - fill @error (may be NULL) and return @code
 * @code: a negative errno
 * @format: printf's; no newline at the end
 */
int base_error_set(struct base_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
