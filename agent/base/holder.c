// SPDX-License-Identifier: GPL-2.0
/*
 * See holder.h.  Only files of /proc and /sys are opened: opening a device to
 * ask about it would make us its holder.  What cannot be read is skipped, since
 * half an answer in a message is better than none.
 */
#include "base/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NAMES_MAX 6 /* that are told of one kind; of the rest the number */
#define NAME_MAX_BYTES 160
#define DEPTH_MAX 4 /* of devices on devices */
#define NAMESPACES_MAX 64
#define NAMESPACE_BYTES 32

struct text {
	char *at;
	size_t size;
	size_t used;
};

struct names {
	unsigned int count;
	char name[NAMES_MAX][NAME_MAX_BYTES];
};

static void __attribute__((format(printf, 2, 3)))
text_add(struct text *text, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text->at + text->used, text->size - text->used,
			   format, args);
	va_end(args);
	if (length > 0)
		text->used += (size_t)length;
	if (text->used >= text->size) {
		text->used = text->size - 1;
		if (text->size > 3)
			strcpy(text->at + text->size - 4, "...");
	}
}

/* A mount point may be listed twice, by two namespaces or by two mounts. */
static void names_add(struct names *names, const char *name)
{
	char kept[NAME_MAX_BYTES];
	unsigned int i;

	snprintf(kept, sizeof(kept), "%s", name);
	for (i = 0; i < names->count && i < NAMES_MAX; i++)
		if (strcmp(names->name[i], kept) == 0)
			return;
	if (names->count < NAMES_MAX)
		strcpy(names->name[names->count], kept);
	names->count++;
}

static void names_tell(const struct names *names, const char *what,
		       struct text *text)
{
	unsigned int i;

	if (!names->count)
		return;
	text_add(text, "%s%s ", text->used ? "; " : "", what);
	for (i = 0; i < names->count && i < NAMES_MAX; i++)
		text_add(text, "%s%s", i ? ", " : "", names->name[i]);
	if (names->count > NAMES_MAX)
		text_add(text, " and %u more", names->count - NAMES_MAX);
}

/* The first line of a small file, without its end; false: none. */
static bool read_line(char *line, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	ssize_t got;
	int fd;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, line, size - 1);
	close(fd);
	if (got <= 0)
		return false;
	line[got] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static bool parse_number(const char *text, dev_t *device)
{
	unsigned int major_number, minor_number;

	if (sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
		return false;
	*device = makedev(major_number, minor_number);
	return true;
}

/* "\040" and the like, as the kernel writes blanks in paths; in place. */
static void unescape(char *text)
{
	char *to = text;
	unsigned int i, byte;

	for (; *text; *to++ = *text++) {
		if (*text != '\\')
			continue;
		for (i = 1, byte = 0; i <= 3; i++) {
			if (text[i] < '0' || text[i] > '7')
				break;
			byte = byte * 8 + (unsigned int)(text[i] - '0');
		}
		if (i > 3) {
			text[3] = (char)byte;
			text += 3;
		}
	}
	*to = '\0';
}

static dev_t device_named(const struct holder_world *world, const char *path)
{
	/* Only such: a path on a dead server would be waited for. */
	return strncmp(path, "/dev/", 5) == 0 ? world->device_at(path) : 0;
}

/*
 * "36 35 98:0 /root /mnt rw,noatime master:1 - ext4 /dev/sdb rw": some file systems
 * (btrfs, bcachefs) have a number of their own, their device is in the source.
 */
static bool mount_is_of(const struct holder_world *world, char *line,
			dev_t device, char **point)
{
	char *fields[5], *rest = line, *source;
	dev_t number;
	unsigned int i;

	for (i = 0; i < 5; i++) {
		fields[i] = strsep(&rest, " ");
		if (!rest)
			return false;
	}
	if (!parse_number(fields[2], &number))
		return false;
	*point = fields[4];
	unescape(*point);
	if (major(number))
		return number == device;
	rest = strstr(rest, " - ");
	if (!rest)
		return false;
	rest += strlen(" - ");
	strsep(&rest, " ");
	source = strsep(&rest, " ");
	if (!source)
		return false;
	unescape(source);
	return device_named(world, source) == device;
}

/* @process: whose mounts, as /proc names it */
static void add_mounts(const struct holder_world *world, const char *process,
		       dev_t device, struct names *names)
{
	char path[PATH_MAX], *line = NULL, *point;
	size_t room = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/mountinfo", world->proc, process);
	file = fopen(path, "re");
	if (!file)
		return;
	while (getline(&line, &room, file) > 0)
		if (mount_is_of(world, line, device, &point))
			names_add(names, point);
	free(line);
	fclose(file);
}

/* Of our namespace, and of the first process: a service may have its own. */
static unsigned int look_for_mounts(const struct holder_world *world,
				    dev_t device, struct text *text)
{
	struct names names = { 0 };

	add_mounts(world, "self", device, &names);
	add_mounts(world, "1", device, &names);
	names_tell(&names, "mounted on", text);
	return names.count;
}

static unsigned int look_for_swap(const struct holder_world *world,
				  dev_t device, struct text *text)
{
	char path[PATH_MAX], *line = NULL;
	unsigned int found = 0;
	size_t room = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/swaps", world->proc);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (!found && getline(&line, &room, file) > 0) {
		line[strcspn(line, " \t\n")] = '\0';
		unescape(line);
		found = device_named(world, line) == device;
	}
	free(line);
	fclose(file);
	if (found)
		text_add(text, "%sused as swap space", text->used ? "; " : "");
	return found;
}

static unsigned int look_at(const struct holder_world *world, dev_t device,
			    unsigned int depth, struct text *text);

/* @folder: the holder's in /sys, @name: the kernel's */
static void describe_holder(const struct holder_world *world,
			    const char *folder, const char *name,
			    unsigned int depth, struct names *names)
{
	char told[NAME_MAX_BYTES], known[128], uuid[128] = "", number[32];
	char above_text[NAME_MAX_BYTES] = "";
	struct text above = { above_text, sizeof(above_text), 0 };
	dev_t device;

	if (!read_line(known, sizeof(known), "%s/dm/name", folder))
		snprintf(told, sizeof(told), "/dev/%s", name);
	else if (!read_line(uuid, sizeof(uuid), "%s/dm/uuid", folder))
		snprintf(told, sizeof(told), "/dev/mapper/%s", known);
	else
		snprintf(told, sizeof(told), "%s%s",
			 strncmp(uuid, "LVM-", 4) == 0	 ? "LVM volume " :
			 strncmp(uuid, "CRYPT-", 6) == 0 ? "encrypted volume " :
			 strncmp(uuid, "mpath-", 6) == 0 ? "multipath device " :
							   "/dev/mapper/",
			 known);
	if (strncmp(name, "md", 2) == 0 && isdigit((unsigned char)name[2]))
		snprintf(told, sizeof(told), "array /dev/%s", name);
	if (depth < DEPTH_MAX &&
	    read_line(number, sizeof(number), "%s/dev", folder) &&
	    parse_number(number, &device) &&
	    look_at(world, device, depth + 1, &above)) {
		char with_above[2 * NAME_MAX_BYTES + 4];

		snprintf(with_above, sizeof(with_above), "%s (%s)", told,
			 above_text);
		names_add(names, with_above);
		return;
	}
	names_add(names, told);
}

/* Those that the kernel knows of as stacked on it, then loop devices. */
static unsigned int look_for_holders(const struct holder_world *world,
				     dev_t device, unsigned int depth,
				     struct text *text)
{
	char path[PATH_MAX], folder[PATH_MAX + NAME_MAX + 2];
	char backing[PATH_MAX];
	struct names names = { 0 };
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/dev/block/%u:%u/holders", world->sys,
		 major(device), minor(device));
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(folder, sizeof(folder), "%s/%s", path, entry->d_name);
		describe_holder(world, folder, entry->d_name, depth, &names);
	}
	if (dir)
		closedir(dir);
	snprintf(path, sizeof(path), "%s/block", world->sys);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "loop", 4) != 0)
			continue;
		snprintf(folder, sizeof(folder), "%s/%s", path, entry->d_name);
		if (read_line(backing, sizeof(backing), "%s/loop/backing_file",
			      folder) &&
		    device_named(world, backing) == device)
			describe_holder(world, folder, entry->d_name, depth,
					&names);
	}
	if (dir)
		closedir(dir);
	names_tell(&names, "used by", text);
	return names.count;
}

static unsigned int look_at(const struct holder_world *world, dev_t device,
			    unsigned int depth, struct text *text)
{
	unsigned int found = look_for_mounts(world, device, text);

	found += look_for_swap(world, device, text);
	return found + look_for_holders(world, device, depth, text);
}

/* A partition of the disk, or the disk of the partition: claimed with it. */
static unsigned int look_at_relative(const struct holder_world *world,
				     dev_t device, const char *what,
				     const char *name, struct text *text)
{
	char there_text[HOLDER_TEXT_MAX] = "";
	struct text there = { there_text, sizeof(there_text), 0 };
	unsigned int found = look_at(world, device, 0, &there);

	if (found)
		text_add(text, "%sin use as its %s %s is %s",
			 text->used ? "; " : "", what, name, there_text);
	return found;
}

static unsigned int look_at_relatives(const struct holder_world *world,
				      dev_t device, struct text *text)
{
	char path[PATH_MAX], line[64], target[PATH_MAX], *name;
	unsigned int found = 0;
	struct dirent *entry;
	dev_t relative;
	ssize_t length;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/dev/block/%u:%u", world->sys,
		 major(device), minor(device));
	if (read_line(line, sizeof(line), "%s/partition", path)) {
		/* ".../block/sdb/sdb1" */
		length = readlink(path, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		name = strrchr(target, '/');
		if (!name ||
		    !read_line(line, sizeof(line), "%s/../dev", path) ||
		    !parse_number(line, &relative))
			return 0;
		*name = '\0';
		name = strrchr(target, '/');
		return look_at_relative(world, relative, "disk",
					name ? name + 1 : target, text);
	}
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    !read_line(line, sizeof(line), "%s/%s/partition", path,
			       entry->d_name) ||
		    !read_line(line, sizeof(line), "%s/%s/dev", path,
			       entry->d_name) ||
		    !parse_number(line, &relative))
			continue;
		found += look_at_relative(world, relative, "partition",
					  entry->d_name, text);
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool process_has(const struct holder_world *world, const char *folder,
			dev_t device)
{
	char path[PATH_MAX + NAME_MAX + 2], target[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	ssize_t length;
	DIR *dir = opendir(folder);

	while (dir && !found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		/* The link is asked, not the name: that may be gone. */
		found = strncmp(target, "/dev/", 5) == 0 &&
			world->device_at(path) == device;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* "postgres (pid 77)" */
static void process_text(const struct holder_world *world, const char *pid,
			 char *text)
{
	char comm[64];

	if (!read_line(comm, sizeof(comm), "%s/%s/comm", world->proc, pid))
		strcpy(comm, "a process");
	snprintf(text, NAME_MAX_BYTES, "%s (pid %s)", comm, pid);
}

static unsigned int look_for_processes(const struct holder_world *world,
				       dev_t device, struct text *text)
{
	char folder[PATH_MAX], told[NAME_MAX_BYTES];
	struct names names = { 0 };
	struct dirent *entry;
	DIR *dir = opendir(world->proc);
	long pid;

	while (dir && (entry = readdir(dir))) {
		pid = strtol(entry->d_name, NULL, 10);
		if (pid <= 0 || pid == getpid())
			continue;
		snprintf(folder, sizeof(folder), "%s/%ld/fd", world->proc, pid);
		if (!process_has(world, folder, device))
			continue;
		process_text(world, entry->d_name, told);
		names_add(&names, told);
	}
	if (dir)
		closedir(dir);
	names_tell(&names, "open in", text);
	return names.count;
}

struct namespaces {
	unsigned int count;
	char seen[NAMESPACES_MAX][NAMESPACE_BYTES]; /* "mnt:[4026531841]" */
};

/* The mount namespace of a process: is it a new one?  Of too many, each is. */
static bool namespaces_add(struct namespaces *spaces,
			   const struct holder_world *world,
			   const char *process)
{
	char path[PATH_MAX], name[NAMESPACE_BYTES];
	ssize_t length;
	unsigned int i;

	snprintf(path, sizeof(path), "%s/%s/ns/mnt", world->proc, process);
	length = readlink(path, name, sizeof(name) - 1);
	if (length <= 0)
		return false;
	name[length] = '\0';
	for (i = 0; i < spaces->count; i++)
		if (strcmp(spaces->seen[i], name) == 0)
			return false;
	if (spaces->count < NAMESPACES_MAX)
		strcpy(spaces->seen[spaces->count++], name);
	return true;
}

/*
 * What was unmounted here may be mounted still where a container or a service has
 * copied the mounts; each such namespace is looked at once.
 */
static unsigned int look_into_namespaces(const struct holder_world *world,
					 dev_t device, struct text *text)
{
	struct namespaces spaces = { .count = 0 };
	struct names names = { 0 };
	char who[NAME_MAX_BYTES];
	DIR *dir = opendir(world->proc);
	struct dirent *entry;

	namespaces_add(&spaces, world, "self");
	namespaces_add(&spaces, world, "1");
	while (dir && !names.count && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !namespaces_add(&spaces, world, entry->d_name))
			continue;
		add_mounts(world, entry->d_name, device, &names);
		if (!names.count)
			continue;
		process_text(world, entry->d_name, who);
		names_tell(&names, "mounted on", text);
		text_add(text, " in the mount namespace of %s", who);
	}
	if (dir)
		closedir(dir);
	return names.count;
}

unsigned int holder_text_in(const struct holder_world *world, dev_t device,
			    char *text, size_t size)
{
	struct text told = { text, size, 0 };
	unsigned int found;

	*text = '\0';
	if (!device)
		return 0;
	found = look_at(world, device, 0, &told);
	found += look_at_relatives(world, device, &told);
	if (!found)
		found = look_into_namespaces(world, device, &told);
	return found ? found : look_for_processes(world, device, &told);
}

/* No server of a network's file system is asked. */
static dev_t device_at(const char *path)
{
	struct statx found;

	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_TYPE, &found) ||
	    !S_ISBLK(found.stx_mode))
		return 0;
	return makedev(found.stx_rdev_major, found.stx_rdev_minor);
}

static const struct holder_world this_world = {
	.proc = "/proc",
	.sys = "/sys",
	.device_at = device_at,
};

unsigned int holder_text(dev_t device, char *text, size_t size)
{
	return holder_text_in(&this_world, device, text, size);
}

unsigned int holder_text_of(const char *path, char *text, size_t size)
{
	dev_t device = device_at(path);

	*text = '\0';
	return device ? holder_text(device, text, size) : 0;
}
