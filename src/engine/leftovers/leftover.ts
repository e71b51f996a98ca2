// SPDX-License-Identifier: Apache-2.0
import type { AttachType } from "../../bpf/attach-types.ts";
import type { TcDirection } from "../../bpf/tc.ts";

/** One thing that somebody left in the kernel, and that can be taken away. */
export type Leftover = CgroupProgram | SocketMapProgram | FilterLeftover | PinLeftover | GoneInstallation;

interface NamedProgram {
  /** The kernel's id. */
  readonly programId: number;
  /** At most 15 characters. */
  readonly name: string;
}

export interface CgroupProgram extends NamedProgram {
  readonly kind: "cgroup-program";
  readonly cgroup: string;
  readonly type: AttachType;
  /** Nobody can attach there by a link, nor below: neither can we. */
  readonly exclusive: boolean;
}

/** It sees what the sockets in a map send. */
export interface SocketMapProgram extends NamedProgram {
  readonly kind: "socket-map-program";
  readonly mapId: number;
  readonly map: string;
}

export interface FilterLeftover extends NamedProgram {
  readonly kind: "filter";
  readonly interface: string;
  readonly index: number;
  readonly direction: TcDirection;
  readonly priority: number;
  readonly handle: number;
}

export interface PinLeftover {
  readonly kind: "pin";
  readonly path: string;
  readonly object: "map" | "program" | "link";
  /** The kernel's, of that map, program or link. */
  readonly id: number;
  /** Of the map or program; of a link, of the program that it runs. */
  readonly name: string;
}

/** Ours, of a network namespace that is gone: nothing but the pins holds its programs at their cgroup. */
export interface GoneInstallation {
  readonly kind: "gone-installation";
  /** The directory that may hold others of ours beside it. */
  readonly bpffs: string;
  readonly path: string;
}

/** Whether it is the same thing in the same place: the kernel's numbers count, which it does not give twice. */
export function isSameLeftover(a: Leftover, b: Leftover): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** For people, one line. */
export function describeLeftover(leftover: Leftover): string {
  switch (leftover.kind) {
    case "cgroup-program": {
      const alone = leftover.exclusive ? "; it lets no other program be attached there by a link" : "";
      return `${nameOf(leftover)}, ${leftover.type} on cgroup ${leftover.cgroup}${alone}`;
    }
    case "socket-map-program":
      return `${nameOf(leftover)}, on the sockets of the map ${leftover.map} (map ${leftover.mapId})`;
    case "filter":
      return `${nameOf(leftover)}, tc ${leftover.direction} on ${leftover.interface}, priority ${leftover.priority}`;
    case "pin":
      return `the pin ${leftover.path} (${leftover.object} ${leftover.name})`;
    case "gone-installation":
      return `${leftover.path}: tproxyctl's own, of a network namespace that is gone`;
  }
}

function nameOf({ name, programId }: NamedProgram): string {
  return `${name} (program ${programId})`;
}
