// SPDX-License-Identifier: GPL-2.0
/* A volume's configuration: what is taken, and that every mistake is told. */
#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"

#define HEAD                                               \
	"volume = \"vol0\";\n"                             \
	"id = \"0b6f3c2e-6a57-4c0e-9d43-0c1f1a4a7e55\";\n" \
	"size = \"64M\";\n"
#define NODE(name, id, address, disk)                              \
	"{ name = \"" name "\"; id = " id "; address = \"" address \
	"\"; disk = \"" disk "\"; }"
#define N1 NODE("n1", "1", "10.77.0.1:7700", "/dev/vdb")
#define N2 NODE("n2", "2", "10.77.0.2:7700", "/dev/vdb")

/* libconfig's own: its parser forgets the text at which it stops. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static char folder[] = "/tmp/qbd-conf-XXXXXX";
static char report[8192];

/* Load @text as vol0; what was reported is in `report`. */
static int load(const char *text, struct conf *conf)
{
	char path[64], *told = NULL;
	size_t size = 0;
	FILE *file;
	int ret;

	snprintf(path, sizeof(path), "%s/vol0.conf", folder);
	file = fopen(path, "w");
	if (!file)
		return -1000;
	fputs(text, file);
	fclose(file);
	file = open_memstream(&told, &size);
	ret = conf_load("vol0", NULL, file, conf);
	fclose(file);
	snprintf(report, sizeof(report), "%s", told);
	free(told);
	return ret;
}

/* Loading @text must fail, saying that @line has @words. */
static void refuses(const char *text, unsigned int line, const char *words)
{
	struct conf conf = { .size_bytes = 4711 };
	const char *at;
	char place[64];
	bool found = false;

	tap_check(load(text, &conf) == -EINVAL);
	tap_check_eq(conf.size_bytes, 4711);
	snprintf(place, sizeof(place), "%s/vol0.conf:%u: ", folder, line);
	for (at = report; (at = strstr(at, place)); at++)
		found |= strstr(at, words) &&
			 strstr(at, words) < at + strcspn(at, "\n");
	if (!tap_check(found))
		printf("# wanted %u: %s; told:\n%s", line, words, report);
}

static void full_file_is_taken(void)
{
	struct conf conf;
	char path[64];
	int ret;

	ret = load(HEAD "log-size = \"32M\"; block-size = 4096;\n"
			"io-timeout = \"0\"; election-timeout = \"500ms\";\n"
			"nodes = ( " N2 ", { name = \"n1\"; id = 1; "
			"address = \"[fd00::1]:7700\"; disk = \"/dev/vdc\"; "
			"minor = 3; } );\n",
		   &conf);
	tap_check_eq(ret, 0);
	tap_check_str(report, "");
	tap_need(!ret);
	snprintf(path, sizeof(path), "%s/vol0.conf", folder);
	tap_check_str(conf.path, path);
	tap_check_str(conf.volume, "vol0");
	tap_check_eq(conf.volume_id[0], 0x0b);
	tap_check_eq(conf.volume_id[15], 0x55);
	tap_check_eq(conf.size_bytes, 64 << 20);
	tap_check_eq(conf.log_bytes, 32 << 20);
	tap_check_eq(conf.block_size, 4096);
	tap_check_eq(conf.io_timeout_ms, 0);
	tap_check_eq(conf.election_timeout_ms, 500);
	tap_check_eq(conf.node_count, 2);
	tap_check_str(conf.nodes[0].name, "n1");
	tap_check_str(conf.nodes[0].address, "[fd00::1]:7700");
	tap_check_str(conf.nodes[0].disk, "/dev/vdc");
	tap_check_eq(conf.nodes[0].minor, 3);
	tap_check_eq(conf.nodes[1].id, 2);
	tap_check(conf.nodes[1].minor == -1);
}

static void defaults_are_filled_in(void)
{
	struct conf conf;

	tap_need(!load(HEAD "nodes = ( " N1 " );\n", &conf));
	tap_check_eq(conf.log_bytes, 64 << 20);
	tap_check_eq(conf.block_size, 512);
	tap_check_eq(conf.io_timeout_ms, 30000);
	tap_check_eq(conf.election_timeout_ms, 1000);
}

static void missing_file_is_told(void)
{
	struct conf conf;
	char *told = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&told, &size);

	tap_check(conf_load("other", NULL, file, &conf) == -ENOENT);
	tap_check(conf_load("../vol0", NULL, file, &conf) == -EINVAL);
	tap_check(conf_load("vol0", "/", file, &conf) == -EISDIR);
	fclose(file);
	tap_check(strstr(told, "/other.conf: No such file") != NULL);
	tap_check(strstr(told, "\"../vol0\": the name must begin") != NULL);
	tap_check(strstr(told, "/: can't be read: Is a directory") != NULL);
	free(told);
}

/* With line 4's first node. */
#define LIST(first) HEAD "nodes = (\n" first ",\n" N2 "\n);\n"

static void slips_of_syntax_are_told_where_they_are(void)
{
	refuses("volume = vol0;\n", 1, "stands without quotes; write \"vol0\"");
	refuses("volume = \"vol0;\nsize = \"64M\";\n", 1,
		"has no closing quote; write \"vol0\"");
	refuses("volume = vol0\";\nsize = \"64M\";\n", 1,
		"has no opening quote; write \"vol0\"");
	refuses("volume = 'vol0';\n", 1, "in quotes of another kind");
	refuses("\nvolume = \xe2\x80\x9cvol0\xe2\x80\x9d;\n", 2,
		"in quotes of another kind; write \"vol0\"");
	refuses("#\n/* { */ volume \"vol0\";\n", 2,
		"a '=' is missing behind volume");
	refuses("volume == \"vol0\";\n", 1, "a '=' is out of place");
	refuses("volume = ;\n", 1, "volume has no value");
	refuses("volume\nsize = \"64M\";\n", 1, "volume has no '=' and no");
	refuses(HEAD "size = \"1G\";\n", 4, "size stands in line 3 already");
	refuses(LIST("{ name = \"n1; id = 1; address = \"a:1\"; }"), 5,
		"the text \"n1 has no closing quote; write \"n1\"");
	refuses(LIST("{ address = [fd00::1]:7700; }"), 5,
		"write \"[fd00::1]:7700\"");
	refuses(LIST("{ address = n1:7700; disk = /dev/vdb; }"), 5,
		"write \"/dev/vdb\"");
	refuses(HEAD "\n  @include \"/\"\n", 5, "@include is not possible");
}

static void slips_of_brackets_are_told_where_they_are(void)
{
	refuses(HEAD "nodes = (\n" N1 "\n" N2 ");\n", 5, "a ',' is missing");
	refuses(HEAD "nodes = (\n" N1 ";\n" N2 ");\n", 5, "not a ';'");
	refuses(LIST(N1 ",\n"), 6, "a ',' stands only between two parts");
	refuses(HEAD "nodes = (\n" N1 ",\n);\n", 5, "remove this one");
	refuses(HEAD "nodes = ( " N1 "\n", 4,
		"the '(' here is never closed; put a ')'");
	refuses(HEAD "nodes = ( " N1 ";\n", 4,
		"the '(' here is not closed before the ';' of line 4");
	refuses(LIST("{ name = \"n1\"; id = 1;"), 5,
		"the '{' here is not closed before the next '{' of line 6");
	refuses(HEAD "nodes = (\n{ name = \"n1\"; id = 1;\n);\n", 5,
		"the '{' here is not closed before the ')' of line 6");
	refuses(LIST("name = \"n1\"; id = 1; }"), 5,
		"a '{' is missing before name");
	refuses(HEAD "nodes =\n" N1 ",\n" N2 ";\n", 4,
		"the groups of nodes are a list");
	refuses(HEAD "nodes = ( " N1 " ));\n", 4, "a ')' is out of place");
	refuses(LIST(N1) "};\n", 8, "a '}' is out of place");
}

static unsigned int lines_told(void)
{
	unsigned int lines = 0;
	const char *at;

	for (at = report; (at = strchr(at, '\n')); at++)
		lines++;
	return lines;
}

static void behind_slips_of_syntax_the_rest_is_told(void)
{
	static const char text[] = "volume = vol0;\n" /* quotes */
				   "id = \"x\";\n" /* no UUID */
				   "size = \"5000\";\n" /* no multiple */
				   "nodes = (\n" N1 "\n" /* no comma */
				   "{ name = \"n2\"; id = 2;\n" /* no end */
				   "{ name = \"n2\"; id = 0;\n"
				   "  address = \"a:1\"; disk = d; }\n);\n";

	refuses(text, 1, "without quotes");
	tap_check(!strstr(report, "a volume has no"));
	refuses(text, 2, "is no UUID");
	refuses(text, 3, "\"8192\" would be");
	refuses(text, 5, "a ',' is missing");
	refuses(text, 6, "is not closed before the next '{' of line 7");
	refuses(text, 6, "a node has no address");
	refuses(text, 6, "a node has no disk");
	refuses(text, 7, "name \"n2\" is that of the node of line 6");
	refuses(text, 7, "id 0 is out of bounds");
	refuses(text, 8, "without quotes; write \"d\"");
	refuses(text, 8, "disk \"d\" is no absolute path");
	tap_check_eq(lines_told(), 11);
}

/* What libconfig takes is never said to be wrong, however it looks. */
static void odd_but_good_files_are_taken(void)
{
	struct conf conf;

	tap_check(!load("volume : \"vo\" \"l0\"\nid=\"0b6f3c2e-6a57-4c0e-9d43-"
			"0c1f1a4a7e55\", // c\nsize /* = */ =\"64M\"\n"
			"nodes=(" N1 ",{name=\"n2\" id=0x2L,\nminor=0,"
			"address:\"a:1\"\ndisk=\"/dev/a;b = c\"})",
			&conf));
	tap_check_str(report, "");
	tap_check(!load("\xef\xbb\xbf" LIST(N1), &conf));
	tap_check_str(report, "");
}

/*
 * A good file less any one letter: what is told begins where libconfig stopped or
 * before, and some of it is there.
 */
static void any_missing_letter_is_told(void)
{
	static const char good[] = LIST(N1);
	unsigned int line = 1, told_line, refused = 0;
	char text[sizeof(good)], place[64];
	struct conf conf;
	const char *at;
	size_t i;

	snprintf(place, sizeof(place), "%s/vol0.conf:", folder);
	for (i = 0; good[i]; i++) {
		memcpy(text, good, i);
		strcpy(text + i, good + i + 1);
		line += good[i] == '\n';
		if (!load(text, &conf)) {
			tap_check_str(report, "");
			continue;
		}
		refused++;
		tap_need(*report);
		for (at = report; (at = strstr(at, place)); at++) {
			told_line = (unsigned int)atoi(at + strlen(place));
			if (told_line <= line)
				break;
		}
		/* The key that is missing at all has no line. */
		if (!tap_check(at || strstr(report, "vol0.conf: a volume")))
			printf("# less '%c' of line %u: %s", good[i], line,
			       report);
	}
	tap_check(refused > 100);
}

static void unknown_keys_are_told_with_a_guess(void)
{
	refuses(HEAD "log_size = \"32M\";\nnodes = ( " N1 " );\n", 4,
		"unknown key log_size of a volume; did you mean log-size?");
	refuses(HEAD "colour = 1;\nnodes = ( " N1 " );\n", 4,
		"it may have: volume, id, size,");
	refuses(HEAD "nodes = (\n{ name = \"n1\"; id = 1; disc = \"/d\"; "
		     "address = \"a:1\"; }\n);\n",
		5, "did you mean disk?");
}

static void missing_keys_are_told(void)
{
	struct conf conf;

	tap_check(load("size = \"1G\";\n", &conf) == -EINVAL);
	tap_check(
		strstr(report, "/vol0.conf: a volume has no id; add the key"));
	tap_check(!strstr(report, "vol0.conf:1"));
	refuses(HEAD "nodes = (\n{ name = \"n1\"; }\n);\n", 5,
		"a node has no disk");
}

static void wrong_types_are_told(void)
{
	refuses("volume = 7;\n", 1, "volume is a number; write a text");
	refuses(HEAD "block-size = \"512\";\n", 4, "block-size is a text");
	refuses(HEAD "nodes = { };\n", 4, "nodes is no list");
	refuses(HEAD "nodes = ( 7 );\n", 4, "node 1 of the list is no group");
	refuses(HEAD "nodes = ( );\n", 4, "nodes has 0 of them");
	refuses("volume = \"a\\x07b\";\n", 1, "volume has a control character");
}

static void wrong_values_are_told(void)
{
	refuses("volume = \"vol1\";\n", 1,
		"volume is \"vol1\", but \"vol0\" was asked for");
	refuses("id = \"0b6f\";\n", 1, "id \"0b6f\" is no UUID");
	refuses("id = \"00000000-0000-0000-0000-000000000000\";\n", 1,
		"is no UUID");
	refuses("size = \"big\";\n", 1, "size \"big\" is no size");
	refuses("size = \"0\";\n", 1, "size \"0\" is out of bounds");
	refuses("size = \"5000\";\n", 1, "\"8192\" would be");
	refuses("log-size = \"8M\";\n", 1, "goes from 16M to 1T");
	refuses("block-size = 1024;\n", 1, "it is 512 or 4096");
	refuses("block-size = 8589935104L;\n", 1,
		"block-size 8589935104 is "
		"out of bounds");
	refuses("io-timeout = \"30\";\n", 1, "is no duration");
	refuses("io-timeout = \"25h\";\n", 1, "100ms to 24h, or \"0\"");
	refuses("election-timeout = \"0\";\n", 1, "goes from 100ms to 60s");
	refuses("nodes = ( " NODE("n/1", "1", "a:1", "/d") " );\n", 1,
		"name \"n/1\": a name has only letters");
	refuses("nodes = ( " NODE("n1", "0", "a:1", "/d") " );\n", 1,
		"id 0 is out of bounds");
	refuses("nodes = ( " NODE("n1", "1", "a", "/d") " );\n", 1,
		"address \"a\" is not of the form");
	refuses("nodes = ( " NODE("n1", "1", "0.0.0.0:1", "/d") " );\n", 1,
		"address \"0.0.0.0:1\" means all addresses of a machine");
	refuses("nodes = ( " NODE("n1", "1", "a:1", "d") " );\n", 1,
		"disk \"d\" is no absolute path");
}

#define DISKS(name, id, address, disk, meta)                       \
	"{ name = \"" name "\"; id = " id "; address = \"" address \
	"\"; disk = \"" disk "\"; meta-disk = \"" meta "\"; }"

static void meta_disk_is_one_nodes_own_choice(void)
{
	struct conf conf;
	char text[64];

	tap_need(!load(HEAD "nodes = ( " DISKS("n1", "1", "a:1", "/dev/vdb",
					       "/dev/vdc") ", " N2 " );\n",
		       &conf));
	tap_check_str(conf.nodes[0].disk, "/dev/vdb");
	tap_check_str(conf.nodes[0].meta_disk, "/dev/vdc");
	tap_check_str(conf.nodes[1].meta_disk, "");
	tap_check_str(conf_disks_text(conf.nodes[0].disk,
				      conf.nodes[0].meta_disk, text,
				      sizeof(text)),
		      "disk /dev/vdb, meta-disk /dev/vdc");
	tap_check_str(conf_disks_text(conf.nodes[1].disk,
				      conf.nodes[1].meta_disk, text,
				      sizeof(text)),
		      "disk /dev/vdb");
	/* Another host's may be called the same. */
	tap_check(!load(HEAD "nodes = ( " DISKS(
				"n1", "1", "a:1", "/dev/vdb",
				"/dev/vdc") ", " DISKS("n2", "2", "b:1",
						       "/dev/vdc",
						       "/dev/vdb") " );\n",
			&conf));
}

static void wrong_meta_disks_are_told(void)
{
	refuses("nodes = ( " DISKS("n1", "1", "a:1", "/dev/b", "c") " );\n", 1,
		"meta-disk \"c\" is no absolute path");
	refuses("nodes = ( " DISKS("n1", "1", "a:1", "/dev/b",
				   "/dev/b") " );\n",
		1, "meta-disk \"/dev/b\" is this node's disk too");
	refuses("nodes = ( " DISKS("n1", "1", "a:1", "/dev/b",
				   "/dev/c") ",\n" DISKS("n2", "2", "a:2",
							 "/dev/c",
							 "/dev/d") " );\n",
		2,
		"disk \"/dev/c\" of this host is that of the node of line 1");
	refuses("nodes = ( " DISKS("n1", "1", "a:1", "/dev/b",
				   "/dev/c") ",\n" DISKS("n2", "2", "a:2",
							 "/dev/d",
							 "/dev/c") " );\n",
		2, "meta-disk \"/dev/c\" of this host is that of the node");
	refuses("nodes = ( " DISKS("n1", "1", "a:1", "/dev/b",
				   "/dev/c") ",\n" DISKS("n2", "2", "a:2",
							 "/dev/d",
							 "/dev/b") " );\n",
		2, "meta-disk \"/dev/b\" of this host is that of the node");
	refuses("nodes = ( { meta_disk = \"/dev/c\"; } );\n", 1,
		"did you mean meta-disk?");
}

static void doubled_nodes_are_told(void)
{
	refuses(HEAD "nodes = (\n" N1
		     ",\n" NODE("n1", "2", "10.77.0.2:7700", "/dev/vdb") ");\n",
		6, "name \"n1\" is that of the node of line 5 too");
	refuses(HEAD "nodes = (\n" N1
		     ",\n" NODE("n2", "1", "10.77.0.2:7700", "/dev/vdb") ");\n",
		6, "id 1 is that of the node of line 5 too");
	refuses(HEAD "nodes = (\n" N1
		     ",\n" NODE("n2", "2", "10.77.0.1:7700", "/dev/vdc") ");\n",
		6, "address \"10.77.0.1:7700\" is that");
	refuses(HEAD "nodes = (\n" N1
		     ",\n" NODE("n2", "2", "10.77.0.1:7701", "/dev/vdb") ");\n",
		6, "disk \"/dev/vdb\" of this host");
}

static void all_mistakes_are_told_at_once(void)
{
	struct conf conf;

	tap_check(load("volume = 1;\nid = \"x\";\nsize = \"y\";\n"
		       "nodes = ( { name = \"n1\"; id = 0; } );\n",
		       &conf) == -EINVAL);
	if (!tap_check_eq(lines_told(),
			  6)) /* volume id size, node: id, 2 missing */
		printf("# %s\n", report);
}

static void this_node_is_found(void)
{
	struct base_error error = { 0 };
	struct conf conf;
	const struct conf_node *node;
	char host[256] = "", text[1024];

	tap_need(!load(HEAD "nodes = ( " N1 ", " N2 " );\n", &conf));
	unsetenv("QBD_NODE");
	tap_check(conf_this_node(&conf, "n2", &error) == &conf.nodes[1]);
	tap_check(!conf_this_node(&conf, "n3", &error));
	tap_check(strstr(error.text, "no node \"n3\"; its nodes are: n1, n2"));
	setenv("QBD_NODE", "n1", 1);
	tap_check(conf_this_node(&conf, NULL, &error) == &conf.nodes[0]);
	tap_check(conf_this_node(&conf, "n2", &error) == &conf.nodes[1]);
	unsetenv("QBD_NODE");
	tap_check(!conf_this_node(&conf, NULL, &error));
	tap_check(strstr(error.text, "give --node NODE") != NULL);

	gethostname(host, sizeof(host) - 1);
	host[strcspn(host, ".")] = '\0';
	snprintf(text, sizeof(text),
		 HEAD "nodes = ( { name = \"%s\"; id = 9; address = \"a:1\"; "
		      "disk = \"/d\"; } );\n",
		 host);
	tap_need(!load(text, &conf));
	node = conf_this_node(&conf, NULL, &error);
	tap_check(node && node->id == 9);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(full_file_is_taken),
		TAP_TEST(defaults_are_filled_in),
		TAP_TEST(missing_file_is_told),
		TAP_TEST(slips_of_syntax_are_told_where_they_are),
		TAP_TEST(slips_of_brackets_are_told_where_they_are),
		TAP_TEST(behind_slips_of_syntax_the_rest_is_told),
		TAP_TEST(odd_but_good_files_are_taken),
		TAP_TEST(any_missing_letter_is_told),
		TAP_TEST(unknown_keys_are_told_with_a_guess),
		TAP_TEST(missing_keys_are_told),
		TAP_TEST(wrong_types_are_told),
		TAP_TEST(wrong_values_are_told),
		TAP_TEST(meta_disk_is_one_nodes_own_choice),
		TAP_TEST(wrong_meta_disks_are_told),
		TAP_TEST(doubled_nodes_are_told),
		TAP_TEST(all_mistakes_are_told_at_once),
		TAP_TEST(this_node_is_found),
	};
	char path[64];
	int ret;

	if (!mkdtemp(folder)) {
		printf("Bail out! no folder: %s\n", strerror(errno));
		return 1;
	}
	setenv("QBD_CONF_DIR", folder, 1);
	ret = tap_main(tests, TAP_COUNT(tests), argc, argv);
	snprintf(path, sizeof(path), "%s/vol0.conf", folder);
	unlink(path);
	rmdir(folder);
	return ret;
}
