// SPDX-License-Identifier: GPL-2.0
/* See show.h. */
#include "cli/show.h"

#include <ctype.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/fields.h"

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

/* Unknown indexes are a dash. */
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
	const char *name = field_text(node, "name"),
		   *role = field_text(node, "role");
	const json_t *percent = json_object_get(node, "copy_percent");

	snprintf(row->cells[COLUMN_NODE], CELL_MAX, "%s%s", name,
		 field_true(node, "self") ? " *" : "");
	snprintf(row->cells[COLUMN_ROLE], CELL_MAX, "%s%s",
		 strcmp(role, "unknown") == 0 ? "-" : role,
		 *name && strcmp(name, writer) == 0 ? ", writer" : "");
	snprintf(row->cells[COLUMN_LINK], CELL_MAX, "%s",
		 field_true(node, "self") ? "-" : field_text(node, "link"));
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
			 field_text(status, "writer"));
	if (count)
		print_rows(rows, count + 1, out);
	/* The problems that are listed name their nodes. */
	for (i = 0; i < count && !json_object_get(status, "problems"); i++) {
		node = json_array_get(nodes, i);
		problem = field_text(node, "problem");
		if (*problem)
			fprintf(out, "  %s: %s\n", field_text(node, "name"),
				problem);
	}
}

static void print_opener(const json_t *device, FILE *out)
{
	const json_t *opener = json_object_get(device, "opener");
	const char *comm = field_text(opener, "comm");
	uint64_t openers = field_number(device, "openers");

	if (field_number(device, "writers")) {
		fprintf(out, ", open for writing by ");
		for (; *comm; comm++) /* it may be made to fool a terminal */
			fputc(isprint((unsigned char)*comm) ? *comm : '?', out);
		fprintf(out, " (pid %llu)",
			(unsigned long long)field_number(opener, "pid"));
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
		field_text(device, "path"),
		cli_human_bytes(field_number(device, "size_bytes"), size),
		problem);
}

static void print_device(const json_t *device, FILE *out)
{
	const char *gate = field_text(device, "gate");
	const char *reason = field_text(device, "gate_reason");
	char size[32], written[32], read[32];

	fprintf(out, "  device  %s, %s, %s", field_text(device, "path"),
		cli_human_bytes(field_number(device, "size_bytes"), size),
		gate);
	if (strcmp(gate, "active") == 0)
		fprintf(out, " (lease %llu ms)",
			(unsigned long long)field_number(device, "lease_ms"));
	else if (*reason)
		fprintf(out, " (%s)", reason);
	print_opener(device, out);
	fprintf(out, "\n  i/o     %llu in flight",
		(unsigned long long)field_number(device, "inflight"));
	if (field_number(device, "waiting"))
		fprintf(out, ", %llu of them waiting",
			(unsigned long long)field_number(device, "waiting"));
	fprintf(out, "; %s written in %llu, %s read in %llu",
		cli_human_bytes(field_number(device, "write_bytes"), written),
		(unsigned long long)field_number(device, "writes"),
		cli_human_bytes(field_number(device, "read_bytes"), read),
		(unsigned long long)field_number(device, "reads"));
	if (field_number(device, "failed"))
		fprintf(out, "; %llu failed",
			(unsigned long long)field_number(device, "failed"));
	if (field_number(device, "replica_errors"))
		fprintf(out, "; %llu errors of the disk",
			(unsigned long long)field_number(device,
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
		(unsigned long long)field_number(log, "base") + 1,
		(unsigned long long)field_number(log, "last"),
		cli_human_bytes(field_number(log, "used_bytes"), used),
		cli_human_bytes(field_number(log, "capacity_bytes"), capacity));
}

static void print_disks(const json_t *status, FILE *out)
{
	const char *meta_disk = field_text(status, "meta_disk");

	if (*meta_disk)
		fprintf(out, "  disks   data on %s, log and metadata on %s\n",
			field_text(status, "disk"), meta_disk);
}

/* A line each; an agent of before has but one text. */
static void print_problems(const json_t *status, FILE *out)
{
	const json_t *problems = json_object_get(status, "problems"), *problem;
	const json_t *device = json_object_get(status, "device");
	bool fenced = strcmp(field_text(device, "gate"), "fenced") == 0;
	size_t i;

	json_array_foreach(problems, i, problem)
	{
		fprintf(out, "  ! %s\n", field_text(problem, "text"));
		if (strcmp(field_text(problem, "what"), "fenced") == 0)
			fenced = false;
	}
	if (!problems && *field_text(status, "problem"))
		fprintf(out, "  ! %s\n", field_text(status, "problem"));
	if (fenced)
		fprintf(out,
			"  ! %s is fenced, because its writer has lost its "
			"right: unmount or close it, then open it again\n",
			field_text(device, "path"));
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
	print_age(field_number(status, "since_ms"), out);
	fprintf(out, "; term ");
	if (json_is_integer(changed)) {
		fprintf(out, "for ");
		print_age(field_number(status, "term_changed_ms"), out);
		fprintf(out, ", risen %llu times within the last minute\n",
			(unsigned long long)field_number(status,
							 "term_changes"));
	} else {
		fprintf(out, "has not changed since the agent's start\n");
	}
}

void show_status(const json_t *status, FILE *out)
{
	const char *node = field_text(status, "node");
	const char *writer = field_text(status, "writer");
	const char *leader = field_text(status, "leader");
	const char *device_problem = field_text(status, "device_problem");
	const json_t *device = json_object_get(status, "device");

	fprintf(out, "%s%s%s: %s", field_text(status, "volume"),
		*node ? " on " : "", node, field_text(status, "state"));
	if (json_object_get(status, "leader"))
		fprintf(out, "; leader %s, term %llu, %s%s",
			*leader ? leader : "none",
			(unsigned long long)field_number(status, "term"),
			*writer ? "writer " : "no writer", writer);
	fputc('\n', out);
	print_history(status, out);
	if (json_object_get(device, "gate"))
		print_device(device, out);
	else if (json_is_object(device))
		print_device_path(device, device_problem, out);
	else if (*device_problem)
		fprintf(out, "  device  %s\n", device_problem);
	print_disks(status, out);
	print_log(status, out);
	print_nodes(status, out);
	print_problems(status, out);
}
