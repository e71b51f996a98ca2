// SPDX-License-Identifier: Apache-2.0
/*
 * tpnet run: a command in a network namespace, a cgroup, as a user, without
 * capabilities. Unlike "ip netns exec" it leaves /sys as it is, so that
 * cgroup2 and bpffs stay visible.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tpnet.h"

/* The index is the capability's number. */
static const char *const capability_names[] = {
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill",
	"setgid", "setuid", "setpcap", "linux_immutable", "net_bind_service",
	"net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
	"sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct",
	"sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time",
	"sys_tty_config", "mknod", "lease", "audit_write", "audit_control",
	"setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm",
	"block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
};

#define CAPABILITIES (sizeof(capability_names) / sizeof(capability_names[0]))

struct setting {
	const char *netns;
	const char *cgroup;
	long uid;
	long gid;
	uint64_t drop;
	bool umount_cgroup2;
	const char *without;
};

static uint64_t capability_bit(const char *name)
{
	for (size_t i = 0; i < CAPABILITIES; i++)
		if (strcmp(name, capability_names[i]) == 0)
			return 1ULL << i;
	usage("no such capability: '%s'", name);
}

static void join_cgroup(const char *directory)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die("open %s", path);
	if (write(fd, "0", 1) != 1)
		die("join the cgroup %s", directory);
	close(fd);
}

static void enter_netns(const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s%s",
		 strchr(name, '/') ? "" : "/run/netns/", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("open the network namespace %s", path);
	if (setns(fd, CLONE_NEWNET) < 0)
		die("enter the network namespace %s", path);
	close(fd);
}

/* mountinfo writes blanks and backslashes as \ooo */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] && text[2] && text[3]) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				       (text[3] - '0'));
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* Finds the mount point of the last cgroup2 mount; false when none is left. */
static bool find_cgroup2(char *point, size_t room)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	if (!mounts)
		die("open /proc/self/mountinfo");
	while (getline(&line, &size, mounts) > 0) {
		char *type = strstr(line, " - ");
		char *mount = line;

		if (!type || strncmp(type, " - cgroup2 ", 11) != 0)
			continue;
		for (int field = 0; field < 4 && mount; field++)
			mount = strchr(mount + 1, ' ');
		if (!mount)
			continue;
		mount++;
		snprintf(point, room, "%.*s", (int)strcspn(mount, " "), mount);
		found = true;
	}
	if (ferror(mounts))
		die("read /proc/self/mountinfo");
	free(line);
	fclose(mounts);
	if (found)
		unescape(point);
	return found;
}

static void unmount_cgroup2(void)
{
	char point[4096];

	if (unshare(CLONE_NEWNS) < 0)
		die("make a mount namespace");
	/* else the unmounting would reach the whole machine */
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("make the mounts private");
	/* mountinfo lists a mount that lies on another after it: last first */
	while (find_cgroup2(point, sizeof(point)))
		if (umount2(point, MNT_DETACH) < 0)
			die("unmount %s", point);
}

/* Takes the capabilities in the mask from the three sets of this thread. */
static void clear_capabilities(uint64_t mask)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		die("read the capabilities");
	for (int i = 0; i < 2; i++) {
		uint32_t keep = ~(uint32_t)(mask >> (32 * i));

		data[i].effective &= keep;
		data[i].permitted &= keep;
		data[i].inheritable &= keep;
	}
	if (syscall(SYS_capset, &header, data) < 0)
		die("drop capabilities");
}

static void drop_capabilities(uint64_t mask)
{
	/* The bounding set first: that takes setpcap, which may be dropped too. */
	for (size_t i = 0; i < CAPABILITIES; i++) {
		if (!(mask >> i & 1))
			continue;
		/* EINVAL: the kernel does not know it, so nobody has it */
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0 && errno != EINVAL)
			die("drop %s from the bounding set", capability_names[i]);
	}
	clear_capabilities(mask);
}

static void become(const struct setting *setting)
{
	gid_t gid = (gid_t)setting->gid;
	uid_t uid = (uid_t)setting->uid;

	if (setting->uid < 0 && setting->gid < 0)
		return;
	if (setgroups(0, NULL) < 0)
		die("leave the supplementary groups");
	if (setting->gid >= 0 && setresgid(gid, gid, gid) < 0)
		die("become group %u", gid);
	if (setting->uid < 0)
		return;
	if (setresuid(uid, uid, uid) < 0)
		die("become user %u", uid);
	/* The kernel does this too, unless inherited securebits forbid it. */
	if (uid != 0)
		clear_capabilities(UINT64_MAX);
}

static const struct option options[] = {
	{ "netns", required_argument, NULL, 'n' },
	{ "cgroup", required_argument, NULL, 'c' },
	{ "uid", required_argument, NULL, 'u' },
	{ "gid", required_argument, NULL, 'g' },
	{ "drop-cap", required_argument, NULL, 'd' },
	{ "umount-cgroup2", no_argument, NULL, 'm' },
	{ "without", required_argument, NULL, 'w' },
	{ 0 },
};

static struct setting read_arguments(int argc, char **argv)
{
	struct setting setting = { .uid = -1, .gid = -1 };
	int option;

	/* "+": what follows the command belongs to the command */
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case 'n': setting.netns = optarg; break;
		case 'c': setting.cgroup = optarg; break;
		case 'u': setting.uid = parse_number(optarg, 0, UINT32_MAX - 1L, "--uid"); break;
		case 'g': setting.gid = parse_number(optarg, 0, UINT32_MAX - 1L, "--gid"); break;
		case 'd': setting.drop |= capability_bit(optarg); break;
		case 'm': setting.umount_cgroup2 = true; break;
		case 'w': setting.without = optarg; break;
		default: exit(1);
		}
	}
	if (optind >= argc)
		usage("run: no command was given");
	return setting;
}

int run_command(int argc, char **argv)
{
	struct setting setting = read_arguments(argc, argv);

	/* Each step may need the privileges that the later ones give up. */
	if (setting.cgroup)
		join_cgroup(setting.cgroup);
	if (setting.netns)
		enter_netns(setting.netns);
	if (setting.umount_cgroup2)
		unmount_cgroup2();
	if (setting.drop)
		drop_capabilities(setting.drop);
	become(&setting);
	if (setting.without)
		do_without(setting.without);
	execvp(argv[optind], argv + optind);
	die("execute %s", argv[optind]);
}
