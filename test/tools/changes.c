// SPDX-License-Identifier: Apache-2.0
/*
 * Which system calls change something: in the kernel, in files, in other
 * programs. One that is not known to only read counts as one that changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <linux/sock_diag.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "changes.h"
#include "tpnet.h"

/* include/uapi/linux/netfilter_ipv4/ip_tables.h, and the same for ip6 */
#define XT_SET_REPLACE 64
#define XT_SET_ADD_COUNTERS 65
#define XT_GET_INFO 64

typedef bool (*look_fn)(const struct call *call, struct change *change);

struct watched {
	long number;
	const char *name;
	look_fn look;
	/* the argument that is a path or a descriptor, by its place from 0 on */
	int argument;
};

static bool look_at_path(const struct call *call, struct change *change);
static bool look_at_open(const struct call *call, struct change *change);
static bool look_at_write(const struct call *call, struct change *change);
static bool look_at_bpf(const struct call *call, struct change *change);
static bool look_at_send(const struct call *call, struct change *change);
static bool look_at_setsockopt(const struct call *call, struct change *change);
static bool look_at_getsockopt(const struct call *call, struct change *change);
static bool look_at_exec(const struct call *call, struct change *change);
static bool look_at_own(const struct call *call, struct change *change);
static bool look_at_signal(const struct call *call, struct change *change);

#define PATH(name, argument) { SYS_##name, #name, look_at_path, argument }
#define WRITE(name) { SYS_##name, #name, look_at_write, 0 }
#define CALL(name, look, argument) { SYS_##name, #name, look, argument }

static const struct watched watched[] = {
#ifdef SYS_mkdir	/* not on newer architectures */
	PATH(mkdir, 0), PATH(rmdir, 0), PATH(unlink, 0), PATH(rename, 1),
	PATH(link, 1), PATH(symlink, 1), PATH(chmod, 0), PATH(chown, 0),
	PATH(lchown, 0), PATH(mknod, 0), PATH(creat, 0),
	CALL(open, look_at_open, 0),
#endif
#ifdef SYS_renameat
	PATH(renameat, 3),
#endif
	PATH(mkdirat, 1), PATH(unlinkat, 1), PATH(renameat2, 3), PATH(linkat, 3),
	PATH(symlinkat, 2), PATH(fchmodat, 1), PATH(fchownat, 1), PATH(mknodat, 1),
	PATH(truncate, 0), PATH(mount, 1), PATH(umount2, 0), PATH(move_mount, 3),
	CALL(openat, look_at_open, 1), CALL(openat2, look_at_open, 1),
	WRITE(write), WRITE(writev), WRITE(pwrite64), WRITE(pwritev), WRITE(pwritev2),
	WRITE(ftruncate), WRITE(fallocate), WRITE(fchmod), WRITE(fchown),
	CALL(copy_file_range, look_at_write, 2), WRITE(sendfile),
	CALL(bpf, look_at_bpf, 0),
	CALL(sendto, look_at_send, 0), CALL(sendmsg, look_at_send, 0),
	CALL(sendmmsg, look_at_send, 0),
	CALL(setsockopt, look_at_setsockopt, 0), CALL(getsockopt, look_at_getsockopt, 0),
	CALL(execve, look_at_exec, 0), CALL(execveat, look_at_exec, 1),
	CALL(kill, look_at_signal, 0), CALL(pidfd_send_signal, look_at_signal, 0),
	CALL(flock, look_at_own, 0), CALL(setns, look_at_own, 0), CALL(unshare, look_at_own, 0),
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

void stop_at_changes(void)
{
	struct sock_filter filter[1 + 2 * LENGTH(watched) + 3];
	size_t at = 0;

	filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						    offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < LENGTH(watched); i++) {
		filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							    (uint32_t)watched[i].number, 0, 1);
		filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	}
	/* What goes through a ring is seen by nobody: programs do without. */
	filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						    SYS_io_uring_setup, 0, 1);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	install_filter(filter, at);
}

/* -- reading the thread that makes the call -- */

static bool read_memory(const struct call *call, uint64_t at, void *to, size_t size)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", call->thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = pread(fd, to, size, (off_t)at);
	close(fd);
	return got == (ssize_t)size;
}

static const char *read_string(const struct call *call, uint64_t at, char text[256])
{
	size_t length = 0;

	while (length < 255 && read_memory(call, at + length, text + length, 1) && text[length])
		length++;
	text[length] = '\0';
	return text;
}

static const struct watched *find_watched(uint64_t number)
{
	for (size_t i = 0; i < LENGTH(watched); i++)
		if ((uint64_t)watched[i].number == number)
			return &watched[i];
	return NULL;
}

static uint64_t argument_of(const struct call *call)
{
	return call->args[find_watched(call->number)->argument];
}

/* Our own copy of a descriptor of the caller's, or -1. */
static int take_descriptor(const struct call *call, uint64_t fd)
{
	int process = (int)syscall(SYS_pidfd_open, call->process, 0);
	int copy;

	if (process < 0)
		return -1;
	copy = (int)syscall(SYS_pidfd_getfd, process, (int)fd, 0);
	close(process);
	return copy;
}

__attribute__((format(printf, 3, 4)))
static bool describe(struct change *change, bool lasting, const char *format, ...)
{
	va_list args;

	change->lasting = lasting;
	va_start(args, format);
	vsnprintf(change->what, sizeof(change->what), format, args);
	va_end(args);
	return true;
}

/* -- files -- */

static bool look_at_path(const struct call *call, struct change *change)
{
	const struct watched *found = find_watched(call->number);
	char path[256];

	return describe(change, true, "%s %s", found->name,
			read_string(call, argument_of(call), path));
}

/* Of a relative path nobody knows here: then it is not. */
static bool is_there(const struct call *call, const char *path)
{
	char from_here[512];

	snprintf(from_here, sizeof(from_here), "/proc/%d/root%s", call->process, path);
	return path[0] == '/' && access(from_here, F_OK) == 0;
}

static bool look_at_open(const struct call *call, struct change *change)
{
	char path[256];
	uint64_t flags;

	if (call->number == SYS_openat2) {
		if (!read_memory(call, call->args[2], &flags, sizeof(flags)))
			return false;
	} else {
		flags = call->args[call->number == SYS_openat ? 2 : 1];
	}
	if (!(flags & (O_CREAT | O_TRUNC)) || (flags & O_PATH))
		return false;
	read_string(call, argument_of(call), path);
	if (!(flags & O_TRUNC) && is_there(call, path))
		return false;
	return describe(change, true, "open for writing %s", path);
}

/* To a file: what goes to a pipe or a terminal is output, to an eventfd nobody else's. */
static bool look_at_write(const struct call *call, struct change *change)
{
	char path[64], target[256];
	struct stat found;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", call->process, (int)argument_of(call));
	if (stat(path, &found) < 0 || !S_ISREG(found.st_mode))
		return false;
	length = readlink(path, target, sizeof(target) - 1);
	target[length < 0 ? 0 : length] = '\0';
	return describe(change, true, "%s %s", find_watched(call->number)->name, target);
}

/* -- bpf(2) -- */

static const char *const bpf_names[] = {
	[BPF_MAP_CREATE] = "MAP_CREATE",
	[BPF_MAP_UPDATE_ELEM] = "MAP_UPDATE_ELEM",
	[BPF_MAP_DELETE_ELEM] = "MAP_DELETE_ELEM",
	[BPF_PROG_LOAD] = "PROG_LOAD",
	[BPF_OBJ_PIN] = "OBJ_PIN",
	[BPF_PROG_ATTACH] = "PROG_ATTACH",
	[BPF_PROG_DETACH] = "PROG_DETACH",
	[BPF_PROG_TEST_RUN] = "PROG_TEST_RUN",
	[BPF_RAW_TRACEPOINT_OPEN] = "RAW_TRACEPOINT_OPEN",
	[BPF_BTF_LOAD] = "BTF_LOAD",
	[BPF_MAP_LOOKUP_AND_DELETE_ELEM] = "MAP_LOOKUP_AND_DELETE_ELEM",
	[BPF_MAP_FREEZE] = "MAP_FREEZE",
	[BPF_MAP_LOOKUP_AND_DELETE_BATCH] = "MAP_LOOKUP_AND_DELETE_BATCH",
	[BPF_MAP_UPDATE_BATCH] = "MAP_UPDATE_BATCH",
	[BPF_MAP_DELETE_BATCH] = "MAP_DELETE_BATCH",
	[BPF_LINK_CREATE] = "LINK_CREATE",
	[BPF_LINK_UPDATE] = "LINK_UPDATE",
	[BPF_ENABLE_STATS] = "ENABLE_STATS",
	[BPF_ITER_CREATE] = "ITER_CREATE",
	[BPF_LINK_DETACH] = "LINK_DETACH",
	[BPF_PROG_BIND_MAP] = "PROG_BIND_MAP",
};

/* A map that is newer than this one is the command's. */
static uint32_t newest_map;
/* Something that the command made outlives it from now on: its maps may be held by that. */
static bool is_held;

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	union bpf_attr attr = {
		.info = {
			.bpf_fd = (uint32_t)fd,
			.info_len = sizeof(info),
			.info = (uint64_t)(uintptr_t)&info,
		},
	};

	return syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) < 0 ? 0 : info.id;
}

void remember_what_is_there(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 1,
	};
	int fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

	if (fd < 0)
		die("make a map");
	newest_map = map_id(fd);
	close(fd);
}

static bool is_of_command(const struct call *call, uint32_t map)
{
	int fd = take_descriptor(call, map);
	bool newer = fd >= 0 && map_id(fd) > newest_map;

	if (fd >= 0)
		close(fd);
	return newer;
}

static bool is_lasting(const struct call *call, const union bpf_attr *attr)
{
	switch (call->args[0]) {
	case BPF_MAP_CREATE:
	case BPF_PROG_LOAD:
	case BPF_PROG_TEST_RUN:
	case BPF_BTF_LOAD:
	case BPF_ITER_CREATE:
	case BPF_PROG_BIND_MAP:
	case BPF_ENABLE_STATS:
		return false;
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
	case BPF_MAP_FREEZE:
		return is_held || !is_of_command(call, attr->map_fd);
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_BATCH:
		return is_held || !is_of_command(call, attr->batch.map_fd);
	case BPF_OBJ_PIN:
	case BPF_LINK_UPDATE:
	case BPF_PROG_ATTACH:
		is_held = true;
		return true;
	default:
		return true;
	}
}

static bool look_at_bpf(const struct call *call, struct change *change)
{
	uint64_t command = call->args[0];
	const char *name = command < LENGTH(bpf_names) ? bpf_names[command] : NULL;
	union bpf_attr attr = { 0 };
	uint64_t size = call->args[2] < sizeof(attr) ? call->args[2] : sizeof(attr);
	char path[256] = "";

	/* the others read, or give a descriptor for what is there */
	if (!name || !read_memory(call, call->args[1], &attr, size))
		return false;
	if (command == BPF_OBJ_PIN)
		read_string(call, attr.pathname, path);
	return describe(change, is_lasting(call, &attr), "bpf %s%s%s", name, *path ? " " : "", path);
}

/* -- sockets -- */

static bool reads_netfilter(uint16_t type)
{
	switch (NFNL_SUBSYS_ID(type)) {
	case NFNL_SUBSYS_NFTABLES:
		switch (NFNL_MSG_TYPE(type)) {
		case NFT_MSG_GETTABLE:
		case NFT_MSG_GETCHAIN:
		case NFT_MSG_GETRULE:
		case NFT_MSG_GETSET:
		case NFT_MSG_GETSETELEM:
		case NFT_MSG_GETGEN:
		case NFT_MSG_GETOBJ:
		case NFT_MSG_GETFLOWTABLE:
			return true;
		}
		return false;
	case NFNL_SUBSYS_NFT_COMPAT:
		return true;
	case NFNL_SUBSYS_CTNETLINK:
		/* IPCTNL_MSG_CT_GET and those for statistics and lists; not GET_CTRZERO */
		return NFNL_MSG_TYPE(type) == 1 || NFNL_MSG_TYPE(type) >= 4;
	default:
		return false;
	}
}

static bool only_reads(int protocol, uint16_t type)
{
	switch (protocol) {
	case NETLINK_ROUTE:
		/* four messages a kind: new, del, get, set */
		return type >= RTM_BASE && ((type - RTM_BASE) & 3) == 2;
	case NETLINK_SOCK_DIAG:
		return type == SOCK_DIAG_BY_FAMILY;
	case NETLINK_NETFILTER:
		return reads_netfilter(type);
	default:
		return false;
	}
}

static int socket_fact(int fd, int fact)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, fact, &value, &size) < 0 ? -1 : value;
}

static int netlink_protocol(const struct call *call)
{
	int fd = take_descriptor(call, call->args[0]);
	int protocol = -1;

	if (fd < 0)
		return -1;
	if (socket_fact(fd, SO_DOMAIN) == AF_NETLINK)
		protocol = socket_fact(fd, SO_PROTOCOL);
	close(fd);
	return protocol;
}

/* The first message says what it is about: a batch begins with one of its own. */
static bool look_at_send(const struct call *call, struct change *change)
{
	int protocol = netlink_protocol(call);
	uint64_t at = call->args[1];
	struct nlmsghdr header;
	struct msghdr message;
	struct iovec part;

	if (protocol < 0)
		return false;
	if (call->number != SYS_sendto) {
		/* mmsghdr begins with a msghdr */
		if (!read_memory(call, at, &message, sizeof(message)) ||
		    !read_memory(call, (uintptr_t)message.msg_iov, &part, sizeof(part)))
			return false;
		at = (uintptr_t)part.iov_base;
	}
	if (!read_memory(call, at, &header, sizeof(header)) ||
	    only_reads(protocol, header.nlmsg_type))
		return false;
	is_held = true;
	return describe(change, true, "netlink %d, message 0x%x", protocol, header.nlmsg_type);
}

static bool is_about_tables(const struct call *call)
{
	return call->args[1] == SOL_IP || call->args[1] == SOL_IPV6;
}

static bool look_at_setsockopt(const struct call *call, struct change *change)
{
	uint64_t option = call->args[2];

	if (!is_about_tables(call) || (option != XT_SET_REPLACE && option != XT_SET_ADD_COUNTERS))
		return false;
	return describe(change, true, "setsockopt %s of %s",
			option == XT_SET_REPLACE ? "SET_REPLACE" : "SET_ADD_COUNTERS",
			call->args[1] == SOL_IP ? "iptables" : "ip6tables");
}

/* Asking for a table of iptables-legacy makes it, where it is not there. */
static bool look_at_getsockopt(const struct call *call, struct change *change)
{
	char path[64], table[33] = "", line[64];
	bool there = false;
	FILE *names;

	if (!is_about_tables(call) || call->args[2] != XT_GET_INFO ||
	    !read_memory(call, call->args[3], table, sizeof(table) - 1))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/net/%s", call->process,
		 call->args[1] == SOL_IP ? "ip_tables_names" : "ip6_tables_names");
	names = fopen(path, "re");
	while (names && fgets(line, sizeof(line), names)) {
		line[strcspn(line, "\n")] = '\0';
		there |= strcmp(line, table) == 0;
	}
	if (names)
		fclose(names);
	return !there && describe(change, true, "getsockopt GET_INFO makes table %s", table);
}

/* -- programs, and what a process does to itself -- */

static bool starts_to_read(const struct call *call, const char *path)
{
	const char *const readers[] = { "--version", "--help", "-V" };
	size_t length = strlen(path);
	uint64_t argument;
	char text[256];

	if (length >= 5 && strcmp(path + length - 5, "-save") == 0)
		return true;
	for (uint64_t at = call->args[1];
	     read_memory(call, at, &argument, sizeof(argument)) && argument; at += sizeof(argument)) {
		read_string(call, argument, text);
		for (size_t i = 0; i < LENGTH(readers); i++)
			if (strcmp(text, readers[i]) == 0)
				return true;
	}
	return false;
}

/* That the command becomes another program (a shell's exec) changes nothing. */
static bool look_at_exec(const struct call *call, struct change *change)
{
	char path[256];

	if (call->of_command)
		return false;
	read_string(call, argument_of(call), path);
	return !starts_to_read(call, path) && describe(change, true, "start %s", path);
}

static bool look_at_own(const struct call *call, struct change *change)
{
	return describe(change, false, "%s", find_watched(call->number)->name);
}

/* Signal 0 only asks whether somebody is there. */
static bool look_at_signal(const struct call *call, struct change *change)
{
	return call->args[1] != 0 &&
	       describe(change, true, "%s, signal %d", find_watched(call->number)->name,
			(int)call->args[1]);
}

bool is_change(const struct call *call, struct change *change)
{
	const struct watched *found = find_watched(call->number);

	return found && found->look(call, change);
}
