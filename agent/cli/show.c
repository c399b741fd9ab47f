// SPDX-License-Identifier: GPL-2.0
/* See show.h. */
#include "cli/show.h"

#include <ctype.h>
#include <string.h>

#include "cli/cli.h"

#define CELL_MAX 64

enum column {
	COLUMN_NODE,
	COLUMN_ROLE,
	COLUMN_LINK,
	COLUMN_TERM,
	COLUMN_LAST,
	COLUMN_DURABLE,
	COLUMN_COMMIT,
	COLUMN_APPLIED,
	COLUMN_LACKS,
	COLUMNS
};

/* A node's line, and the titles. */
struct row {
	char cells[COLUMNS][CELL_MAX];
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static uint64_t number_of(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* Indexes that nobody knows are a dash. */
static void number_cell(char *cell, const json_t *node, const char *key)
{
	const json_t *value = json_object_get(node, key);

	if (json_is_integer(value))
		snprintf(cell, CELL_MAX, "%llu",
			 (unsigned long long)json_integer_value(value));
	else
		strcpy(cell, "-");
}

static void fill_row(struct row *row, const json_t *node, const char *writer)
{
	const char *name = text_of(node, "name"), *role = text_of(node, "role");
	const json_t *percent = json_object_get(node, "copy_percent");

	snprintf(row->cells[COLUMN_NODE], CELL_MAX, "%s%s", name,
		 is_true(node, "self") ? " *" : "");
	snprintf(row->cells[COLUMN_ROLE], CELL_MAX, "%s%s",
		 strcmp(role, "unknown") == 0 ? "-" : role,
		 *name && strcmp(name, writer) == 0 ? ", writer" : "");
	snprintf(row->cells[COLUMN_LINK], CELL_MAX, "%s",
		 is_true(node, "self") ? "-" : text_of(node, "link"));
	number_cell(row->cells[COLUMN_TERM], node, "term");
	number_cell(row->cells[COLUMN_LAST], node, "last");
	number_cell(row->cells[COLUMN_DURABLE], node, "durable");
	number_cell(row->cells[COLUMN_COMMIT], node, "commit");
	number_cell(row->cells[COLUMN_APPLIED], node, "applied");
	if (json_is_integer(percent))
		snprintf(row->cells[COLUMN_LACKS], CELL_MAX, "copying, %llu %%",
			 (unsigned long long)json_integer_value(percent));
	else
		number_cell(row->cells[COLUMN_LACKS], node, "lacks");
}

static void print_rows(const struct row *rows, unsigned int count, FILE *out)
{
	int widths[COLUMNS] = { 0 }, width;
	unsigned int i, column;

	for (i = 0; i < count; i++)
		for (column = 0; column < COLUMNS; column++) {
			width = (int)strlen(rows[i].cells[column]);
			if (width > widths[column])
				widths[column] = width;
		}
	for (i = 0; i < count; i++) {
		fputc(' ', out);
		for (column = 0; column < COLUMNS - 1; column++)
			fprintf(out, " %*s",
				column < COLUMN_TERM ? -widths[column] - 1 :
						       widths[column] + 1,
				rows[i].cells[column]);
		fprintf(out, "  %s\n", rows[i].cells[COLUMN_LACKS]);
	}
}

static void print_nodes(const json_t *status, FILE *out)
{
	struct row rows[CONF_NODES_MAX + 1] = {
		{ { "node", "role", "link", "term", "last", "durable", "commit",
		    "applied", "lacks" } },
	};
	const json_t *nodes = json_object_get(status, "nodes"), *node;
	const char *problem;
	unsigned int i, count = (unsigned int)json_array_size(nodes);

	if (count > CONF_NODES_MAX)
		count = CONF_NODES_MAX;
	for (i = 0; i < count; i++)
		fill_row(&rows[i + 1], json_array_get(nodes, i),
			 text_of(status, "writer"));
	if (count)
		print_rows(rows, count + 1, out);
	/* The problems that are listed name their nodes. */
	for (i = 0; i < count && !json_object_get(status, "problems"); i++) {
		node = json_array_get(nodes, i);
		problem = text_of(node, "problem");
		if (*problem)
			fprintf(out, "  %s: %s\n", text_of(node, "name"),
				problem);
	}
}

static void print_opener(const json_t *device, FILE *out)
{
	const json_t *opener = json_object_get(device, "opener");
	const char *comm = text_of(opener, "comm");
	uint64_t openers = number_of(device, "openers");

	if (number_of(device, "writers")) {
		fprintf(out, ", open for writing by ");
		for (; *comm; comm++) /* it may be made to fool a terminal */
			fputc(isprint((unsigned char)*comm) ? *comm : '?', out);
		fprintf(out, " (pid %llu)",
			(unsigned long long)number_of(opener, "pid"));
	} else {
		fprintf(out, ", %s", openers ? "open for reading" : "not open");
	}
}

/* Without the right to ask the kernel: that it is there. */
static void print_device_path(const json_t *device, const char *problem,
			      FILE *out)
{
	char size[32];

	fprintf(out, "  device  %s, %s; more is not known: %s\n",
		text_of(device, "path"),
		cli_human_bytes(number_of(device, "size_bytes"), size),
		problem);
}

static void print_device(const json_t *device, FILE *out)
{
	const char *gate = text_of(device, "gate");
	const char *reason = text_of(device, "gate_reason");
	char size[32], written[32], read[32];

	fprintf(out, "  device  %s, %s, %s", text_of(device, "path"),
		cli_human_bytes(number_of(device, "size_bytes"), size), gate);
	if (strcmp(gate, "active") == 0)
		fprintf(out, " (lease %llu ms)",
			(unsigned long long)number_of(device, "lease_ms"));
	else if (*reason)
		fprintf(out, " (%s)", reason);
	print_opener(device, out);
	fprintf(out, "\n  i/o     %llu in flight",
		(unsigned long long)number_of(device, "inflight"));
	if (number_of(device, "waiting"))
		fprintf(out, ", %llu of them waiting",
			(unsigned long long)number_of(device, "waiting"));
	fprintf(out, "; %s written in %llu, %s read in %llu",
		cli_human_bytes(number_of(device, "write_bytes"), written),
		(unsigned long long)number_of(device, "writes"),
		cli_human_bytes(number_of(device, "read_bytes"), read),
		(unsigned long long)number_of(device, "reads"));
	if (number_of(device, "failed"))
		fprintf(out, "; %llu failed",
			(unsigned long long)number_of(device, "failed"));
	if (number_of(device, "replica_errors"))
		fprintf(out, "; %llu errors of the disk",
			(unsigned long long)number_of(device,
						      "replica_errors"));
	fputc('\n', out);
}

static void print_log(const json_t *status, FILE *out)
{
	const json_t *log = json_object_get(status, "log");
	char used[32], capacity[32];

	if (!log)
		return;
	fprintf(out, "  log     entries %llu to %llu, %s of %s used\n",
		(unsigned long long)number_of(log, "base") + 1,
		(unsigned long long)number_of(log, "last"),
		cli_human_bytes(number_of(log, "used_bytes"), used),
		cli_human_bytes(number_of(log, "capacity_bytes"), capacity));
}

/* A line each; an agent of before has but one text. */
static void print_problems(const json_t *status, FILE *out)
{
	const json_t *problems = json_object_get(status, "problems"), *problem;
	const json_t *device = json_object_get(status, "device");
	bool fenced = strcmp(text_of(device, "gate"), "fenced") == 0;
	size_t i;

	json_array_foreach(problems, i, problem)
	{
		fprintf(out, "  ! %s\n", text_of(problem, "text"));
		if (strcmp(text_of(problem, "what"), "fenced") == 0)
			fenced = false;
	}
	if (!problems && *text_of(status, "problem"))
		fprintf(out, "  ! %s\n", text_of(status, "problem"));
	if (fenced)
		fprintf(out,
			"  ! this opening of %s has lost its right to it: "
			"unmount or close it, then open it again\n",
			text_of(device, "path"));
}

/* "3 h 5 min" */
static void print_age(uint64_t ms, FILE *out)
{
	unsigned long long s = ms / 1000;

	if (s >= 86400)
		fprintf(out, "%llu d %llu h", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		fprintf(out, "%llu h %llu min", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		fprintf(out, "%llu min %llu s", s / 60, s % 60);
	else
		fprintf(out, "%llu s", s);
}

static void print_history(const json_t *status, FILE *out)
{
	const json_t *changed = json_object_get(status, "term_changed_ms");

	if (!json_object_get(status, "since_ms"))
		return;
	fprintf(out, "  since   ");
	print_age(number_of(status, "since_ms"), out);
	fprintf(out, "; term ");
	if (json_is_integer(changed)) {
		fprintf(out, "for ");
		print_age(number_of(status, "term_changed_ms"), out);
		fprintf(out, ", risen %llu times within the last minute\n",
			(unsigned long long)number_of(status, "term_changes"));
	} else {
		fprintf(out, "has not changed since the agent's start\n");
	}
}

void show_status(const json_t *status, FILE *out)
{
	const char *node = text_of(status, "node");
	const char *writer = text_of(status, "writer");
	const char *leader = text_of(status, "leader");
	const char *device_problem = text_of(status, "device_problem");
	const json_t *device = json_object_get(status, "device");

	fprintf(out, "%s%s%s: %s", text_of(status, "volume"),
		*node ? " on " : "", node, text_of(status, "state"));
	if (json_object_get(status, "leader"))
		fprintf(out, "; leader %s, term %llu, %s%s",
			*leader ? leader : "none",
			(unsigned long long)number_of(status, "term"),
			*writer ? "writer " : "no writer", writer);
	fputc('\n', out);
	print_history(status, out);
	if (json_object_get(device, "gate"))
		print_device(device, out);
	else if (json_is_object(device))
		print_device_path(device, device_problem, out);
	else if (*device_problem)
		fprintf(out, "  device  %s\n", device_problem);
	print_log(status, out);
	print_nodes(status, out);
	print_problems(status, out);
}
