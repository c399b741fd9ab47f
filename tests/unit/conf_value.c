// SPDX-License-Identifier: GPL-2.0
/* Sizes, durations, names and addresses of the configuration. */
#include "tap.h"

#include <errno.h>

#include "conf/conf.h"
#include "conf/value.h"

static void size_takes_binary_suffixes(void)
{
	uint64_t bytes = 0;

	tap_check(!conf_parse_size("64M", &bytes));
	tap_check_eq(bytes, 64ULL << 20);
	tap_check(!conf_parse_size("4096", &bytes));
	tap_check_eq(bytes, 4096);
	tap_check(!conf_parse_size("3T", &bytes));
	tap_check_eq(bytes, 3ULL << 40);
}

static void size_refuses_other_forms(void)
{
	static const char *const bad[] = { "",	  "M",	 "64MB", "64 M", "-1",
					   "+1M", " 64", "1.5G", "0x10", "64m" };
	uint64_t bytes = 7;
	size_t i;

	for (i = 0; i < TAP_COUNT(bad); i++)
		if (!tap_check(conf_parse_size(bad[i], &bytes) == -EINVAL))
			printf("# size \"%s\"\n", bad[i]);
	tap_check_eq(bytes, 7);
}

static void size_refuses_overflow(void)
{
	uint64_t bytes;

	tap_check(conf_parse_size("8388608T", &bytes) == -ERANGE);
	tap_check(conf_parse_size("99999999999999999999", &bytes) == -ERANGE);
	tap_check(!conf_parse_size("8388607T", &bytes));
}

static void duration_takes_suffixes(void)
{
	uint32_t ms = 7;

	tap_check(!conf_parse_duration("0", &ms));
	tap_check_eq(ms, 0);
	tap_check(!conf_parse_duration("250ms", &ms));
	tap_check_eq(ms, 250);
	tap_check(!conf_parse_duration("30s", &ms));
	tap_check_eq(ms, 30000);
	tap_check(!conf_parse_duration("2m", &ms));
	tap_check_eq(ms, 120000);
	tap_check(!conf_parse_duration("1h", &ms));
	tap_check_eq(ms, 3600000);
}

static void duration_refuses_other_forms(void)
{
	static const char *const bad[] = { "", "30", "s", "-1s", "1 s", "1d" };
	uint32_t ms = 7;
	size_t i;

	for (i = 0; i < TAP_COUNT(bad); i++)
		if (!tap_check(conf_parse_duration(bad[i], &ms) == -EINVAL))
			printf("# duration \"%s\"\n", bad[i]);
	tap_check(conf_parse_duration("1194h", &ms) == -ERANGE);
	tap_check_eq(ms, 7);
}

static void names_cannot_leave_their_folder(void)
{
	tap_check(!conf_name_problem("vol0"));
	tap_check(!conf_name_problem("a.b-c_d"));
	tap_check(conf_name_problem("") != NULL);
	tap_check(conf_name_problem("../etc") != NULL);
	tap_check(conf_name_problem("a/b") != NULL);
	tap_check(conf_name_problem(".hidden") != NULL);
	tap_check(conf_name_problem("--help") != NULL);
	tap_check(conf_name_problem("v\xc3\xb6l") != NULL);
	tap_check(conf_name_problem("1234567890123456789012345678901234567890"
				    "12345678901234567890123") == NULL);
	tap_check(conf_name_problem("1234567890123456789012345678901234567890"
				    "123456789012345678901234") != NULL);
}

static void addresses_are_host_and_port(void)
{
	static const char *const good[] = { "10.77.0.1:7700", "n1:1",
					    "node-1.example.org:65535",
					    "[fd00::1]:7700",
					    "[fe80::1%eth0]:7700" };
	static const char *const bad[] = { "10.77.0.1",	      ":7700",
					   "10.77.0.1:",      "10.77.0.1:0",
					   "10.77.0.1:65536", "10.77.0:7700",
					   "10.77.0.256:1",   "fd00::1:7700",
					   "[fd00::1]",	      "[n1]:7700",
					   "[]:7700",	      "n 1:7700",
					   "n1:77x" };
	size_t i;

	for (i = 0; i < TAP_COUNT(good); i++)
		tap_check_str(conf_address_problem(good[i]) ?: "none", "none");
	for (i = 0; i < TAP_COUNT(bad); i++)
		if (!tap_check(conf_address_problem(bad[i]) != NULL))
			printf("# address \"%s\"\n", bad[i]);
}

static void address_mistakes_are_named(void)
{
	tap_check(
		strstr(conf_address_problem("fd00::1:7700"), "without brack"));
	tap_check(strstr(conf_address_problem("n1:0"), "no good port"));
	tap_check(strstr(conf_address_problem("10.0.0.300:1"), "bad IPv4"));
	tap_check(strstr(conf_address_problem("0.0.0.0:1"), "all addresses"));
	tap_check(strstr(conf_address_problem("[::]:1"), "all addresses"));
	tap_check(strstr(conf_address_problem("224.0.0.1:1"), "many machines"));
	tap_check(strstr(conf_address_problem("[ff02::1]:1"), "many machines"));
	tap_check(strstr(conf_address_problem("[fe80::1]:7700"),
			 "\"[fe80::1%eth0]:7700\""));
	tap_check(strstr(conf_address_problem("[fe80::1%]:1"), "link-local"));
}

static void addresses_of_every_machine_itself_are_known(void)
{
	tap_check(conf_address_is_local("127.0.0.1:1"));
	tap_check(conf_address_is_local("127.0.1.1:1"));
	tap_check(conf_address_is_local("[::1]:1"));
	tap_check(conf_address_is_local("LocalHost:1"));
	tap_check(!conf_address_is_local("127.example:1"));
	tap_check(!conf_address_is_local("10.0.0.1:1"));
	tap_check(!conf_address_is_local("n1:1"));
}

static void same_host_sees_through_ports(void)
{
	tap_check(conf_same_host("n1:1", "N1:2"));
	tap_check(conf_same_host("[fd00::1]:1", "[fd00::1]:2"));
	tap_check(!conf_same_host("n1:1", "n2:1"));
}

static void nearest_finds_slips_only(void)
{
	static const char *const keys[] = { "size", "log-size", "id", NULL };

	tap_check_str(conf_nearest("log_size", keys), "log-size");
	tap_check_str(conf_nearest("siez", keys), "size");
	tap_check(!conf_nearest("colour", keys));
	tap_check(!conf_nearest("xy", keys));
	tap_check(!conf_nearest("a-very-long-word-that-is-no-key-at-all-ever",
				keys));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(size_takes_binary_suffixes),
		TAP_TEST(size_refuses_other_forms),
		TAP_TEST(size_refuses_overflow),
		TAP_TEST(duration_takes_suffixes),
		TAP_TEST(duration_refuses_other_forms),
		TAP_TEST(names_cannot_leave_their_folder),
		TAP_TEST(addresses_are_host_and_port),
		TAP_TEST(address_mistakes_are_named),
		TAP_TEST(addresses_of_every_machine_itself_are_known),
		TAP_TEST(same_host_sees_through_ports),
		TAP_TEST(nearest_finds_slips_only),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
