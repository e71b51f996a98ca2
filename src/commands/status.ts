// SPDX-License-Identifier: Apache-2.0
import { describeHook } from "../engine/ebpf/hooks.ts";
import { type InstanceStatus, isIntact } from "../engine/ebpf/status.ts";
import { statusOfEbpf } from "../engine/ebpf/uninstall.ts";
import { readNetns } from "../host/netns.ts";
import type { CommandIo } from "./io.ts";
import type { StatusOptions } from "./options.ts";
import { requireRoot } from "./require-root.ts";

/** Exit status: 0 installed and intact, 1 not installed, 2 installed but not all of it works. */
export async function runStatus(options: StatusOptions, io: CommandIo): Promise<number> {
  requireRoot("status");
  const [status, ...others] = statusOfEbpf(readNetns().cookie, options.bpffsPath);
  if (options.json)
    io.out(JSON.stringify(status === undefined ? { installed: false } : { installed: true, ...status }));
  else if (status === undefined) io.out("not installed in this network namespace");
  else for (const line of describeStatus(status)) io.out(line);
  for (const { pins } of others) io.note(`warning: there is a second installation in ${pins}`);
  if (status === undefined) return 1;
  return isIntact(status) && others.length === 0 ? 0 : 2;
}

function describeStatus(status: InstanceStatus): string[] {
  const { record, memory } = status;
  const { name, uid } = record.proxyUser;
  return [
    `engine: ${status.engine} (tproxyctl ${record.version}, installed ${record.installedAt})`,
    `proxy user: ${name === undefined ? uid : `${name} (${uid})`}`,
    `outbound: ${describeDirection(record.outbound, status.listening.outbound)}`,
    `inbound: ${describeDirection(record.inbound, status.listening.inbound)}`,
    `IPv6: ${record.ipv6 ? "intercepted" : "left alone"}`,
    `inbound addresses: ${record.instance === "all" ? "all" : record.instance.join(", ")}`,
    "hooks:",
    ...status.hooks.map(
      ({ hook, state, programId }) =>
        `  ${hook.program}: ${describeHook(hook, record.cgroupPath)}: ${state}${programId === undefined ? "" : ` (program ${programId})`}`,
    ),
    `pins: ${status.pins}`,
    `memory: ${memory.maps} bytes of maps, ${memory.programs} bytes of programs`,
    "connections so far:",
    ...Object.entries(status.connections).map(([reason, count]) => `  ${reason}: ${count}`),
  ];
}

function describeDirection(
  direction: InstanceStatus["record"]["outbound"],
  listening: readonly string[],
): string {
  if (!direction.redirect) return "not intercepted";
  const excluded =
    direction.excludedPorts.length === 0 ? "" : `, but for the ports ${direction.excludedPorts.join(", ")}`;
  const proxy =
    listening.length === 0 ? "the proxy does not listen" : `the proxy listens on ${listening.join(", ")}`;
  return `to port ${direction.port}${excluded}; ${proxy}`;
}
