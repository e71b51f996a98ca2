// SPDX-License-Identifier: Apache-2.0
/*
 * What a kernel does not have: a seccomp filter answers system calls as such a
 * kernel would, for the command and all that it starts.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "tpnet.h"

#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))

#define WITHOUT_NETLINK(protocol) { \
	LOAD(nr), \
	SKIP_UNLESS(SYS_socket, 5), \
	LOAD(args[0]), \
	SKIP_UNLESS(AF_NETLINK, 3), \
	LOAD(args[2]), \
	SKIP_UNLESS(protocol, 1), \
	ANSWER(SECCOMP_RET_ERRNO | EPROTONOSUPPORT), \
	ANSWER(SECCOMP_RET_ALLOW), \
}

static const struct sock_filter without_nf_tables[] = WITHOUT_NETLINK(NETLINK_NETFILTER);
static const struct sock_filter without_sock_diag[] = WITHOUT_NETLINK(NETLINK_SOCK_DIAG);

/* As the default profile of a container runtime: not lacking, but forbidden. */
static const struct sock_filter without_bpf[] = {
	LOAD(nr),
	SKIP_UNLESS(SYS_bpf, 1),
	ANSWER(SECCOMP_RET_ERRNO | EPERM),
	ANSWER(SECCOMP_RET_ALLOW),
};

void install_filter(const struct sock_filter *filter, size_t length)
{
	struct sock_fprog program = {
		.len = (unsigned short)length,
		.filter = (struct sock_filter *)filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("give up new privileges");
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		die("install a seccomp filter");
}

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

void do_without(const char *what)
{
	if (strcmp(what, "nf_tables") == 0)
		install_filter(without_nf_tables, LENGTH(without_nf_tables));
	else if (strcmp(what, "sock_diag") == 0)
		install_filter(without_sock_diag, LENGTH(without_sock_diag));
	else if (strcmp(what, "bpf") == 0)
		install_filter(without_bpf, LENGTH(without_bpf));
	else
		usage("--without knows nf_tables, sock_diag and bpf, not '%s'", what);
}
