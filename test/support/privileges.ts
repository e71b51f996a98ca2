// What this machine lacks of what the privileged suites need.

import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { projectRoot } from "./project-files.ts";

/** The capabilities that the suites use, by their number in linux/capability.h, each with its reason. */
const CAPABILITIES = [
  { name: "CAP_SYS_ADMIN", bit: 21, reason: "makes namespaces and mounts" },
  { name: "CAP_NET_ADMIN", bit: 12, reason: "makes interfaces, attaches to tc, writes rules" },
  { name: "CAP_NET_RAW", bit: 13, reason: "runs iptables" },
  { name: "CAP_BPF", bit: 39, reason: "loads BPF objects" },
] as const;

const COMMANDS = [
  "ip",
  "tc",
  "nsenter",
  "setpriv",
  "setarch",
  "iptables",
  "ip6tables",
  "iptables-legacy",
  "nft",
  "bpftool",
  "strace",
] as const;

const BUILT = ["dist/main.js", "dist/bpf/SHA256SUMS", "build/tpnet"] as const;

/** What the machine lacks, each with what to do about it; nothing when the tests can run. */
export function missingForPrivilegedTests(): readonly string[] {
  if (process.geteuid?.() !== 0) {
    return ["they need root (run ./scripts/test as root)"];
  }
  return [
    ...missingCapabilities(readFileSync("/proc/self/status", "utf8")),
    ...missingFilesystems(readFileSync("/proc/filesystems", "utf8")),
    ...COMMANDS.filter((command) => !isOnPath(command)).map(
      (command) => `there is no ${command} on the PATH (run ./scripts/setup)`,
    ),
    ...BUILT.filter((file) => !isAccessible(join(projectRoot, file), constants.R_OK)).map(
      (file) => `${file} is not built (run ./scripts/setup)`,
    ),
  ];
}

export function missingCapabilities(procStatus: string): readonly string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(procStatus)?.[1] ?? "0"}`);
  return CAPABILITIES.filter(({ bit }) => ((effective >> BigInt(bit)) & 1n) === 0n).map(
    ({ name, reason }) => `${name} is missing (it ${reason}; a container needs --privileged)`,
  );
}

export function missingFilesystems(procFilesystems: string): readonly string[] {
  const known = new Set(procFilesystems.split("\n").map((line) => line.split("\t")[1]));
  return ["cgroup2", "bpf"]
    .filter((type) => !known.has(type))
    .map((type) => `the kernel has no ${type} filesystem (use another kernel)`);
}

function isOnPath(command: string): boolean {
  const directories = (process.env.PATH ?? "").split(delimiter);
  return [...directories, "/usr/sbin", "/sbin"].some((directory) =>
    isAccessible(join(directory, command), constants.X_OK),
  );
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
