// SPDX-License-Identifier: GPL-2.0
/* What the log is told of what the module knows: openings, the gate, failed I/O. */
#include "base/log.h"
#include "qbdd/openings.h"
#include "tap.h"

#define SECOND 1000000ULL

static struct openings openings;
static struct nl_device device;
static char said[4096];
static unsigned int lines, asked;
static const char *holder;
static uint64_t now;

static void say(void *context, int level, const char *text)
{
	size_t used = strlen(said);

	lines++;
	snprintf(said + used, sizeof(said) - used, "<%d>%s\n", level, text);
}

static void find(void *context, uint32_t minor, char *text, size_t size)
{
	tap_check_eq(minor, 7);
	asked++;
	snprintf(text, size, "%s", holder);
}

static void setup(void)
{
	memset(&openings, 0, sizeof(openings));
	memset(&device, 0, sizeof(device));
	openings.say = say;
	openings.holder = find;
	device.minor = 7;
	device.gate = QBD_GATE_ACTIVE;
	device.stats.failed = 100;
	device.stats.timeouts = 3;
	holder = "";
	asked = 0;
	now = 1000 * SECOND;
}

static void look(uint64_t later_us)
{
	now += later_us;
	said[0] = '\0';
	lines = 0;
	openings_look(&openings, &device, now);
}

static void open_to_write(uint64_t epoch)
{
	device.epoch = epoch;
	device.openers = 1;
	device.writers = 1;
	device.opener_pid = 17;
	strcpy(device.opener_comm, "mount");
}

static void close_it(void)
{
	device.epoch = 0;
	device.openers = 0;
	device.writers = 0;
	device.opener_pid = 0;
	device.opener_comm[0] = '\0';
}

static void is_said(const char *text)
{
	if (!tap_check(strstr(said, text) != NULL))
		printf("# \"%s\" is not in:\n# %s", text, said);
}

static void a_mount_is_told_by_where_it_is(void)
{
	setup();
	look(0);
	open_to_write(12);
	look(0);
	tap_check_eq(lines, 0); /* it does not show itself yet */
	tap_check_eq(openings_next_us(&openings), now + OPENINGS_HOLDER_US);
	holder = "mounted on /srv";
	look(OPENINGS_HOLDER_US);
	tap_check_eq(lines, 1);
	is_said("<5>event=device-opened for=writing by=\"mounted on /srv\" "
		"epoch=12\n");
	look(SECOND);
	look(SECOND);
	tap_check_eq(lines, 0);
	close_it();
	look(SECOND);
	tap_check_eq(lines, 1);
	is_said("<5>event=device-closed for=writing by=\"mounted on /srv\" "
		"epoch=12 open_s=3.5\n");
	look(SECOND);
	tap_check_eq(lines, 0);
	tap_check_eq(openings_next_us(&openings), 0);
}

static void a_holder_that_shows_itself_late_is_told_then(void)
{
	unsigned int i;

	setup();
	look(0);
	open_to_write(12);
	look(0);
	look(SECOND);
	is_said("event=device-opened for=writing by=\"mount (pid 17)\"");
	holder = "mounted on /srv";
	look(SECOND);
	is_said("<5>event=device-holder for=writing by=\"mounted on /srv\"");
	for (i = 0; i < 60; i++)
		look(SECOND);
	tap_check_eq(lines, 0);
	tap_check_eq(asked, OPENINGS_LOOKS); /* and is then let alone */
}

static void who_had_it_open_before_the_agent_came_did_not_open_it_now(void)
{
	setup();
	open_to_write(12);
	holder = "mounted on /srv";
	look(0);
	look(SECOND);
	tap_check_eq(lines, 1);
	is_said("<5>event=device-holder for=writing by=\"mounted on /srv\" "
		"epoch=12\n");
	close_it();
	look(SECOND);
	is_said("event=device-closed");
	open_to_write(13);
	look(0);
	look(SECOND);
	is_said("event=device-opened");
}

static void an_opening_for_a_moment_is_told_whole(void)
{
	setup();
	look(0);
	open_to_write(12);
	look(SECOND / 10);
	close_it();
	look(SECOND / 10);
	tap_check_eq(lines, 2);
	is_said("event=device-opened for=writing by=\"mount (pid 17)\" "
		"epoch=12\n<5>event=device-closed for=writing by=\"mount (pid "
		"17)\" epoch=12 open_s=0.1\n");
	/* Closed and opened anew between two looks. */
	open_to_write(13);
	look(SECOND);
	open_to_write(14);
	look(SECOND);
	is_said("epoch=13 open_s=1.0\n");
	tap_check_eq(lines, 2);
}

static void a_grant_that_is_seen_before_its_writer_is_one_opening(void)
{
	setup();
	look(0);
	device.openers = 1; /* the module counts before it knows the epoch */
	device.writers = 1;
	look(0);
	open_to_write(12);
	look(SECOND);
	tap_check_eq(lines, 1);
	is_said("epoch=12");
}

static void only_a_reader_that_stays_is_told(void)
{
	setup();
	look(0);
	device.openers = 1;
	look(0);
	close_it();
	look(SECOND / 10);
	tap_check_eq(lines, 0); /* udev */
	device.openers = 1;
	look(SECOND);
	holder = "open by dd (pid 4)";
	look(SECOND);
	is_said("event=device-opened for=reading by=\"open by dd (pid 4)\"");
	close_it();
	look(SECOND);
	is_said("event=device-closed for=reading");
}

static void a_device_that_is_gone_is_closed(void)
{
	setup();
	look(0);
	open_to_write(12);
	look(0);
	look(SECOND);
	said[0] = '\0';
	openings_look(&openings, NULL, now);
	is_said("event=device-closed");
}

static void failed_io_is_told_with_its_reason_once_a_minute(void)
{
	unsigned int i, told = 0;

	setup();
	holder = "mounted on /srv";
	look(0);
	tap_check_eq(lines, 0); /* what an earlier agent has seen */
	open_to_write(12);
	look(0);
	look(SECOND);
	device.gate = QBD_GATE_FENCED;
	strcpy(device.gate_reason, "io-timeout");
	device.stats.failed += 5;
	device.stats.timeouts++;
	look(SECOND);
	tap_check_eq(lines, 1);
	is_said("<3>event=io-failed requests=5 timeouts=1 "
		"reason=\"io-timeout\" by=\"mounted on /srv\" remedy=");
	for (i = 0; i < 119; i++) {
		device.stats.failed += 2;
		look(SECOND);
		told += lines;
	}
	tap_check_eq(told, 1);
	look(SECOND);
	is_said("requests=118 timeouts=0 reason=\"io-timeout\"");
}

static void a_device_that_was_made_anew_counts_from_zero(void)
{
	setup();
	look(0);
	device.stats.failed = 2;
	device.stats.timeouts = 0;
	look(SECOND);
	is_said("event=io-failed requests=2 timeouts=0 reason=\"aborted");
	openings_look(&openings, NULL, now);
	device.stats.failed = 50;
	look(100 * SECOND);
	tap_check_eq(lines, 0); /* of the one that is there now */
}

static void the_gate_is_told_by_whoever_changes_it(void)
{
	struct gate_told told = { 0 };
	enum qbd_gate old;
	uint64_t seen;

	tap_check_eq(gate_told_set(&told, QBD_GATE_SUSPENDED),
		     QBD_GATE_DETACHED);
	tap_check_eq(gate_told_set(&told, QBD_GATE_ACTIVE), QBD_GATE_SUSPENDED);
	seen = gate_told_look(&told);
	tap_check(!gate_told_differs(&told, seen, QBD_GATE_ACTIVE, &old));
	tap_check(gate_told_differs(&told, seen, QBD_GATE_FENCED, &old));
	tap_check_eq(old, QBD_GATE_ACTIVE);
	/* Once. */
	seen = gate_told_look(&told);
	tap_check(!gate_told_differs(&told, seen, QBD_GATE_FENCED, &old));
	/* What was seen before the loop told something else is old. */
	seen = gate_told_look(&told);
	tap_check_eq(gate_told_set(&told, QBD_GATE_SUSPENDED), QBD_GATE_FENCED);
	gate_told_set(&told, QBD_GATE_FENCED);
	tap_check(!gate_told_differs(&told, seen, QBD_GATE_ACTIVE, &old));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(a_mount_is_told_by_where_it_is),
		TAP_TEST(a_holder_that_shows_itself_late_is_told_then),
		TAP_TEST(
			who_had_it_open_before_the_agent_came_did_not_open_it_now),
		TAP_TEST(an_opening_for_a_moment_is_told_whole),
		TAP_TEST(a_grant_that_is_seen_before_its_writer_is_one_opening),
		TAP_TEST(only_a_reader_that_stays_is_told),
		TAP_TEST(a_device_that_is_gone_is_closed),
		TAP_TEST(failed_io_is_told_with_its_reason_once_a_minute),
		TAP_TEST(a_device_that_was_made_anew_counts_from_zero),
		TAP_TEST(the_gate_is_told_by_whoever_changes_it),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
