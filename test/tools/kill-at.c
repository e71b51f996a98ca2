// SPDX-License-Identifier: Apache-2.0
/*
 * tpnet kill-at: runs a command, and kills it immediately before the nth system
 * call that changes something, its own or of a program that it started; that
 * one, too, if wanted. Without --nth it only lists these calls, a line of JSON each.
 *
 * A seccomp filter stops the command at calls that may change something, and
 * nowhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "changes.h"
#include "tpnet.h"

struct setting {
	long nth;		/* 0: never */
	int signal;
	bool with_children;
	const char *report;
};

struct tracer {
	struct setting setting;
	pid_t command;
	FILE *report;
	long changes;
	bool reached;
	bool all_die;
	int status;		/* of the command, as waitpid has it */
};

static const struct option options[] = {
	{ "nth", required_argument, NULL, 'n' },
	{ "report", required_argument, NULL, 'r' },
	{ "signal", required_argument, NULL, 's' },
	{ "with-children", no_argument, NULL, 'c' },
	{ 0 },
};

static int parse_signal(const char *name)
{
	for (int number = 1; number < NSIG; number++)
		if (sigabbrev_np(number) && strcmp(sigabbrev_np(number), name) == 0)
			return number;
	usage("no such signal: '%s'", name);
}

static struct setting read_arguments(int argc, char **argv)
{
	struct setting setting = { .signal = SIGKILL };
	int option;

	/* "+": what follows the command belongs to the command */
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case 'n': setting.nth = parse_number(optarg, 1, INT32_MAX, "--nth"); break;
		case 'r': setting.report = optarg; break;
		case 's': setting.signal = parse_signal(optarg); break;
		case 'c': setting.with_children = true; break;
		default: exit(1);
		}
	}
	if (optind >= argc)
		usage("kill-at: no command was given");
	return setting;
}

/* Starts the command; it waits until it is traced. */
static pid_t start(char **argv)
{
	long events = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE |
		      PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
	int gate[2];
	pid_t pid;
	char go;

	if (pipe2(gate, O_CLOEXEC) < 0)
		die("make a pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(gate[1]);
		if (read(gate[0], &go, 1) != 1)
			_exit(1);
		stop_at_changes();
		execvp(argv[0], argv);
		die("execute %s", argv[0]);
	}
	close(gate[0]);
	if (ptrace(PTRACE_SEIZE, pid, NULL, events) < 0)
		die("trace %s", argv[0]);
	if (write(gate[1], "", 1) != 1)
		die("start %s", argv[0]);
	close(gate[1]);
	return pid;
}

/* The process that a thread is of; 0 where it is gone. */
static pid_t process_of(pid_t thread)
{
	char path[64], line[128];
	int process = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", thread);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Tgid: %d", &process) == 1)
			break;
	if (file)
		fclose(file);
	return process;
}

static void write_change(const struct tracer *tracer, const struct call *call,
			 const struct change *change)
{
	if (!tracer->report)
		return;
	fprintf(tracer->report, "{\"nth\": %ld, \"lasting\": %s, \"child\": %s, \"what\": ",
		tracer->changes, change->lasting ? "true" : "false",
		call->of_command ? "false" : "true");
	json_string(tracer->report, change->what);
	fputs("}\n", tracer->report);
}

/* The thread is stopped before a call that may change something. */
static void meet_call(struct tracer *tracer, pid_t thread)
{
	struct __ptrace_syscall_info info;
	struct change change;
	struct call call;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return;
	call = (struct call){
		.thread = thread,
		.process = process_of(thread),
		.number = info.seccomp.nr,
	};
	call.of_command = call.process == tracer->command;
	memcpy(call.args, info.seccomp.args, sizeof(call.args));
	if (!is_change(&call, &change))
		return;
	tracer->changes++;
	write_change(tracer, &call, &change);
	if (tracer->changes != tracer->setting.nth)
		return;
	tracer->reached = true;
	/* a call before which SIGKILL came is not made any more */
	kill(tracer->command, tracer->setting.signal);
	if (!tracer->setting.with_children)
		return;
	tracer->all_die = tracer->setting.signal == SIGKILL;
	kill(call.process, tracer->setting.signal);
}

/* What is stopped goes on. */
static void resume(struct tracer *tracer, pid_t thread, int status)
{
	int event = status >> 16;
	int signal = WSTOPSIG(status);

	if (tracer->all_die)
		kill(process_of(thread), SIGKILL);
	else if (event == PTRACE_EVENT_SECCOMP && !tracer->reached)
		meet_call(tracer, thread);
	if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
		ptrace(PTRACE_LISTEN, thread, NULL, NULL);
		return;
	}
	/* it may have been killed meanwhile: then there is nothing to resume */
	ptrace(PTRACE_CONT, thread, NULL, (void *)(intptr_t)(event ? 0 : signal));
}

/* Until the command and all that it started has ended. */
static void follow(struct tracer *tracer)
{
	int status;
	pid_t thread;

	while ((thread = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (thread < 0)
			continue;
		if (WIFSTOPPED(status))
			resume(tracer, thread, status);
		else if (thread == tracer->command)
			tracer->status = status;
	}
	if (errno != ECHILD)
		die("wait for the command");
}

int kill_at_command(int argc, char **argv)
{
	struct tracer tracer = { .setting = read_arguments(argc, argv) };
	int status;

	if (tracer.setting.report) {
		tracer.report = fopen(tracer.setting.report, "we");
		if (!tracer.report)
			die("open %s", tracer.setting.report);
	}
	remember_what_is_there();
	tracer.command = start(argv + optind);
	follow(&tracer);
	status = WIFEXITED(tracer.status) ? WEXITSTATUS(tracer.status) :
					    128 + WTERMSIG(tracer.status);
	if (tracer.report) {
		fprintf(tracer.report, "{\"changes\": %ld, \"reached\": %s, \"status\": %d}\n",
			tracer.changes, tracer.reached ? "true" : "false", status);
		if (fclose(tracer.report) != 0)
			die("write %s", tracer.setting.report);
	}
	return status;
}
