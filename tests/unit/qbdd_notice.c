// SPDX-License-Identifier: GPL-2.0
/* What is said of a configuration that will not do what was meant. */
#include <stdlib.h>

#include "base/size.h"
#include "conf/value.h"
#include "qbdd/notice.h"
#include "tap.h"

static struct conf conf;
static char text[NOTICE_TEXT_MAX];

static void setup(const char *first, const char *second)
{
	memset(&conf, 0, sizeof(conf));
	strcpy(conf.volume, "vol0");
	conf.log_bytes = 64 << 20;
	conf.node_count = 2;
	strcpy(conf.nodes[0].name, "alpha");
	strcpy(conf.nodes[0].address, first);
	strcpy(conf.nodes[1].name, "beta");
	strcpy(conf.nodes[1].address, second);
}

static void sizes_are_written_as_in_the_configuration(void)
{
	static const uint64_t sizes[] = { 0,	      1,	   512,
					  4096,	      64 << 20,	   1ULL << 40,
					  1ULL << 50, 4096 * 1001, 1536 << 20 };
	char size[BASE_SIZE_TEXT_MAX];
	uint64_t back;
	size_t i;

	for (i = 0; i < TAP_COUNT(sizes); i++) {
		tap_check(!conf_parse_size(base_size_text(sizes[i], size),
					   &back));
		tap_check_eq(back, sizes[i]);
	}
	tap_check_str(base_size_text(64 << 20, size), "64M");
	tap_check_str(base_size_text(1ULL << 50, size), "1024T");
}

static void edited_log_size_is_told(void)
{
	struct store_identity found = { .log_bytes = 64 << 20 };

	setup("10.0.0.1:7700", "10.0.0.2:7700");
	notice_log_size(&conf, &found, text);
	tap_check_str(text, "");
	conf.log_bytes = 128 << 20;
	notice_log_size(&conf, &found, text);
	tap_check(strstr(text, "log-size is 128M in the configuration, but the "
			       "replica was formatted with 64M, which stays; "
			       "write log-size = \"64M\";"));
}

static void address_that_nobody_else_reaches_is_told(void)
{
	setup("alpha:7700", "beta:7700");
	notice_local_address(&conf, &conf.nodes[0], true, text);
	tap_check(strstr(text, "alpha:7700 of alpha leads to this machine"));
	tap_check(strstr(text, "so beta can't reach it"));
	notice_local_address(&conf, &conf.nodes[0], false, text);
	tap_check_str(text, "");
	/* All on one machine, as in trials. */
	setup("127.0.0.1:7700", "127.0.0.1:7701");
	notice_local_address(&conf, &conf.nodes[0], true, text);
	tap_check_str(text, "");
	setup("127.0.0.1:7700", "[::1]:7701");
	notice_local_address(&conf, &conf.nodes[1], true, text);
	tap_check_str(text, "");
	setup("127.0.0.1:7700", "127.example:7701");
	notice_local_address(&conf, &conf.nodes[0], true, text);
	tap_check(*text);
	setup("127.0.0.1:7700", "10.0.0.2:7701");
	notice_local_address(&conf, &conf.nodes[0], true, text);
	tap_check(*text);
	conf.node_count = 1;
	notice_local_address(&conf, &conf.nodes[0], true, text);
	tap_check_str(text, "");
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(sizes_are_written_as_in_the_configuration),
		TAP_TEST(edited_log_size_is_told),
		TAP_TEST(address_that_nobody_else_reaches_is_told),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
