// SPDX-License-Identifier: GPL-2.0
/*
 * A configuration file of any bytes: it is refused with every mistake told on a
 * line of its own and nothing changed, or what is taken is within its bounds.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/conf.h"
#include "rig/input.h"

/* libconfig's own: its scanner forgets a string that does not end. */
const char *__lsan_default_suppressions(void);

static char path[64];
static int file;

const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	file = memfd_create("vol0.conf", 0);
	FUZZ_NEED(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return 0;
}

/* Lines that begin with the file's name, and end. */
static void check_report(const char *told)
{
	FUZZ_NEED(*told);
	while (*told) {
		const char *end = strchr(told, '\n');

		FUZZ_NEED(end);
		FUZZ_NEED(strncmp(told, path, strlen(path)) == 0);
		told = end + 1;
	}
}

static void check_taken(const struct conf *conf)
{
	unsigned int i, j;

	FUZZ_NEED(strcmp(conf->volume, "vol0") == 0);
	FUZZ_NEED(conf->size_bytes && conf->size_bytes % 4096 == 0);
	FUZZ_NEED(conf->log_bytes >= 16U << 20 && conf->log_bytes % 4096 == 0);
	FUZZ_NEED(conf->block_size == 512 || conf->block_size == 4096);
	FUZZ_NEED(conf->election_timeout_ms >= 100);
	FUZZ_NEED(conf->node_count >= 1 && conf->node_count <= CONF_NODES_MAX);
	for (i = 0; i < conf->node_count; i++) {
		const struct conf_node *node = &conf->nodes[i];

		FUZZ_NEED(node->id >= 1 && node->id <= 65535);
		FUZZ_NEED(!conf_name_problem(node->name));
		FUZZ_NEED(node->address[0] && node->disk[0]);
		for (j = 0; j < i; j++) {
			FUZZ_NEED(conf->nodes[j].id < node->id);
			FUZZ_NEED(strcmp(conf->nodes[j].name, node->name));
		}
	}
}

static bool all_bytes_are(const void *memory, size_t size, uint8_t value)
{
	const uint8_t *bytes = memory;

	while (size--)
		if (bytes[size] != value)
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct conf conf;
	char *told = NULL;
	size_t told_bytes;
	FILE *report;
	int error;

	FUZZ_NEED(ftruncate(file, 0) == 0);
	FUZZ_NEED(pwrite(file, bytes, size, 0) == (ssize_t)size);
	report = open_memstream(&told, &told_bytes);
	FUZZ_NEED(report);
	memset(&conf, 0xa5, sizeof(conf));
	error = conf_load("vol0", path, report, &conf);
	fclose(report);
	if (error) {
		FUZZ_NEED(error == -EINVAL);
		FUZZ_NEED(all_bytes_are(&conf, sizeof(conf), 0xa5));
		check_report(told);
	} else {
		FUZZ_NEED(told_bytes == 0);
		check_taken(&conf);
	}
	free(told);
	return 0;
}
