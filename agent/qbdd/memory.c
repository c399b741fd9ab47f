// SPDX-License-Identifier: GPL-2.0
/* See memory.h. */
#include "qbdd/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "node/node.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

#define STACK_BYTES (512U << 10) /* locked, so no more than needed */
#define RAM_SHARE 16 /* the pool takes at most this share */
#define POOL_BYTES (NODE_CACHE_BYTES + NODE_REQUEST_BYTES / 2)
#define HEAP_BYTES (4U << 20) /* entries, requests, connections */

static void refused(const char *what, int error)
{
	base_log(BASE_LOG_WARNING,
		 "event=privilege-missing what=%s error=\"%s\" remedy=\"run as "
		 "root; without it the node may stall when memory is short\"",
		 what, strerror(error));
}

/* What is freed stays ours, and nothing comes from short-lived mappings. */
static void keep_heap(void)
{
	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, INT32_MAX);
	mallopt(M_TOP_PAD, 1 << 20);
	mallopt(M_ARENA_MAX, 1); /* each other one would lock 64 MiB */
}

static size_t pool_bytes(void)
{
	long pages = sysconf(_SC_PHYS_PAGES);
	size_t share = (size_t)(pages > 0 ? pages : 0) / RAM_SHARE *
		       (size_t)sysconf(_SC_PAGESIZE);

	return share < POOL_BYTES ? share : POOL_BYTES;
}

/* With the pages locked, having the memory is having it touched. */
static void touch_heap(void)
{
	volatile char *memory = malloc(HEAP_BYTES);
	size_t i;

	if (!memory)
		return;
	for (i = 0; i < HEAP_BYTES; i += 4096)
		memory[i] = 0;
	free((void *)memory);
}

static void small_stacks(void)
{
	pthread_attr_t attr;

	if (pthread_attr_init(&attr))
		return;
	if (pthread_attr_setstacksize(&attr, STACK_BYTES) == 0)
		pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
}

static void spare_us(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "-1000", 5) != 5)
		refused("oom_score_adj", errno);
	if (fd >= 0)
		close(fd);
}

static void lock_pages(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	/* Locking beyond RLIMIT_MEMLOCK fails later, one malloc at a time. */
	if (setrlimit(RLIMIT_MEMLOCK, &unlimited) ||
	    mlockall(MCL_CURRENT | MCL_FUTURE))
		refused("mlockall", errno);
}

void memory_prepare(void)
{
	keep_heap();
	small_stacks();
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0))
		refused("io_flusher", errno);
	spare_us();
	lock_pages();
	touch_heap();
	/* If there is none, payloads come from the heap. */
	base_buf_pool(pool_bytes());
}
