// SPDX-License-Identifier: Apache-2.0
import { describeError, TproxyError } from "../core/errors.ts";
import { Descriptor } from "../native/descriptor.ts";
import { ERRNO, errnoName } from "../native/errno.ts";
import { connect, getsockopt, socket } from "../native/sockets.ts";
import { call, copy, give, loadMapValue, set64, skipUnlessSame, storeRegister64 } from "./instructions.ts";
import { BpfLink } from "./link.ts";
import { CAPABILITY_HINT } from "./load-error.ts";
import { BpfMap } from "./map.ts";
import { loadTiny } from "./probe-load.ts";
import { BpfProgram } from "./program.ts";

const [AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_COOKIE] = [2, 2, 1, 57] as const;

/** Numbers of helpers in `enum bpf_func_id`. */
const HELPER = { get_socket_cookie: 46, get_netns_cookie: 122 } as const;

/** `struct sockaddr_in` of 127.0.0.1:9 (discard): a UDP socket that is connected there sends nothing. */
const DISCARD = Uint8Array.of(AF_INET, 0, 0, 9, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);

/**
 * The cookie of this thread's network namespace, where only a program is told it (Linux 5.7; sockets are from 5.14 on,
 * by SO_NETNS_COOKIE). A program that knows one socket, ours, is attached to a cgroup for as long as this socket takes
 * to connect; of any other it sees that it is another, and lets it go its way. Not pinned, it ends with this process.
 *
 * @param cgroups where to ask, one after the other, until one knows this process' sockets
 * @throws TproxyError CAPABILITY_MISSING, PROGRAM_REJECTED, CGROUP_UNUSABLE
 */
export function askNetnsCookie(cgroups: readonly string[]): bigint {
  using asking = new Descriptor(socket(AF_INET, SOCK_DGRAM));
  using answer = makeAnswer();
  using program = loadQuestion(socketCookie(asking.fd), answer.fd);
  const complaints: string[] = [];
  for (const cgroup of cgroups) {
    complaints.push(ask(program, cgroup, asking.fd));
    const cookie = readAnswer(answer);
    if (cookie !== 0n) return cookie;
  }
  throw new TproxyError(
    "CGROUP_UNUSABLE",
    `the kernel does not tell the cookie of this network namespace: ${complaints.join("; ")}`,
    {
      hint:
        "Before Linux 5.14 a program attached to a cgroup asks for it: programs of others there must let it be attached " +
        "beside them, and this process must be in that cgroup. --engine=iptables needs none of that.",
    },
  );
}

/** Returns why there is no answer, for the case that there is none. */
function ask(program: BpfProgram, cgroup: string, fd: number): string {
  try {
    using _link = BpfLink.attachCgroup(program, cgroup, "connect4");
    // The program has run before anything can come of it: no route, or a program of others that forbids it.
    connect(fd, DISCARD);
    return `a program at ${cgroup} is not asked about sockets of this process`;
  } catch (error) {
    return describeError(error);
  }
}

function makeAnswer(): BpfMap {
  try {
    return BpfMap.create({ type: "array", name: "tp_netns_cookie", keySize: 4, valueSize: 8, maxEntries: 1 });
  } catch (cause) {
    if (cause instanceof TproxyError && cause.errno === ERRNO.EPERM) throw forbidden(cause);
    throw cause;
  }
}

function readAnswer(answer: BpfMap): bigint {
  return Buffer.from(answer.lookup(new Uint8Array(4)) ?? new Uint8Array(8)).readBigUInt64LE(0);
}

function socketCookie(fd: number): bigint {
  return Buffer.from(getsockopt(fd, SOL_SOCKET, SO_COOKIE, 8)).readBigUInt64LE(0);
}

/** `if (bpf_get_socket_cookie(ctx) == asking) *answer = bpf_get_netns_cookie(ctx); return 1;` */
function loadQuestion(asking: bigint, answer: number): BpfProgram {
  const ours = [
    copy(1, 6),
    call(HELPER.get_netns_cookie),
    loadMapValue(1, answer), // two instructions
    storeRegister64(1, 0, 0),
  ];
  const code = [
    copy(6, 1),
    call(HELPER.get_socket_cookie),
    set64(1, asking),
    skipUnlessSame(0, 1, ours.length + 1),
    ...ours,
    give(1),
  ];
  const tiny = { type: "cgroup_sock_addr", attachType: "connect4", code } as const;
  const { fd, complaint } = loadTiny("tp_netns_cookie", tiny);
  if (fd >= 0) return new BpfProgram(new Descriptor(fd), "tp_netns_cookie");
  if (fd === -ERRNO.EPERM) throw forbidden(undefined);
  throw new TproxyError(
    "PROGRAM_REJECTED",
    `the kernel does not tell a program the cookie of its network namespace: ${complaint ?? errnoName(-fd)}`,
    { errno: -fd, hint: "The eBPF engine needs Linux 5.7 or newer; --engine=iptables does not." },
  );
}

function forbidden(cause: unknown): TproxyError {
  const message = "no permission to load the program that asks for the cookie of the network namespace";
  return new TproxyError("CAPABILITY_MISSING", message, { cause, hint: CAPABILITY_HINT });
}
