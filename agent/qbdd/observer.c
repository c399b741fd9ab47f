// SPDX-License-Identifier: GPL-2.0
/* See observer.h. */
#include "qbdd/observer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "qbdd/qbdd.h"
#include "qbdd/thread.h"

struct observer {
	const char *volume;
	struct gate_told *gate;
	struct nl_admin *admin;
	struct openings openings;
	pthread_t thread;
	int wake_fd;
	bool stopping; /* atomic */
};

/* What the loop has begun shows itself in the module a little later. */
static const int soon_ms[] = { 20, 100, 300 };
#define SOON_COUNT (sizeof(soon_ms) / sizeof(soon_ms[0]))

static void say(void *context, int level, const char *text)
{
	base_log((enum base_log_level)level, "%s", text);
}

static void find_holder(void *context, uint32_t minor, char *text, size_t size)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/qbd%u", minor);
	holder_text_of(path, text, size);
}

static void look_at_gate(struct observer *observer, uint64_t seen,
			 const struct nl_device *device)
{
	char clean[sizeof(device->gate_reason)];
	enum qbd_gate old;

	if (!device->agent_portid || device->gate == QBD_GATE_REMOVED ||
	    !gate_told_differs(observer->gate, seen, device->gate, &old))
		return;
	base_log(device->gate == QBD_GATE_FENCED ? BASE_LOG_ERROR :
						   BASE_LOG_NOTICE,
		 "event=gate old=%s new=%s reason=\"%s\"", nl_gate_text(old),
		 nl_gate_text(device->gate),
		 base_log_clean(device->gate_reason, clean, sizeof(clean)));
}

static void look(struct observer *observer)
{
	uint64_t seen = gate_told_look(observer->gate);
	struct nl_device device;
	int code;

	if (!observer->admin && nl_admin_open(&observer->admin, NULL))
		return;
	code = nl_device_get(observer->admin, observer->volume, &device, NULL);
	if (code && code != -ENODEV)
		return; /* that tells nothing */
	if (!code)
		look_at_gate(observer, seen, &device);
	openings_look(&observer->openings, code ? NULL : &device,
		      qbdd_now_us());
}

static int next_ms(const struct observer *observer, unsigned int soon)
{
	uint64_t now_us = qbdd_now_us();
	uint64_t at_us = openings_next_us(&observer->openings);
	int ms = soon < SOON_COUNT ? soon_ms[soon] : OBSERVER_MS;

	if (at_us && at_us <= now_us)
		return 1;
	if (at_us && (at_us - now_us) / 1000 + 1 < (uint64_t)ms)
		ms = (int)((at_us - now_us) / 1000) + 1;
	return ms;
}

static void *observer_thread(void *argument)
{
	struct observer *observer = argument;
	struct pollfd wake = { .fd = observer->wake_fd, .events = POLLIN };
	unsigned int soon = 0;
	uint64_t count;

	while (!__atomic_load_n(&observer->stopping, __ATOMIC_ACQUIRE)) {
		if (poll(&wake, 1, next_ms(observer, soon)) > 0 &&
		    read(observer->wake_fd, &count, sizeof(count)) > 0)
			soon = 0;
		else
			soon += soon < SOON_COUNT;
		look(observer);
	}
	return NULL;
}

static void observer_free(struct observer *observer)
{
	nl_admin_close(observer->admin);
	if (observer->wake_fd >= 0)
		close(observer->wake_fd);
	free(observer);
}

int observer_start(const char *volume, struct gate_told *gate,
		   struct observer **result, struct base_error *error)
{
	struct observer *observer = calloc(1, sizeof(*observer));
	int code = 0;

	if (!observer)
		return base_error_set(error, -ENOMEM, "out of memory");
	observer->volume = volume;
	observer->gate = gate;
	observer->openings.say = say;
	observer->openings.holder = find_holder;
	observer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (observer->wake_fd < 0)
		code = -errno;
	if (!code)
		code = -pthread_create(&observer->thread, NULL, observer_thread,
				       observer);
	if (code) {
		observer_free(observer);
		return base_error_set(error, code, "starting the observer: %s",
				      strerror(-code));
	}
	pthread_setname_np(observer->thread, "qbdd-observer");
	*result = observer;
	return 0;
}

void observer_wake(struct observer *observer)
{
	const uint64_t one = 1;

	/* It can only fail when the count is full: then it is readable. */
	if (observer && write(observer->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void observer_stop(struct observer *observer)
{
	if (!observer)
		return;
	__atomic_store_n(&observer->stopping, true, __ATOMIC_RELEASE);
	observer_wake(observer);
	if (qbdd_join(observer->thread, OBSERVER_STOP_MS))
		observer_free(observer);
}
