// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync } from "node:fs";
import { TproxyError } from "../core/errors.ts";
import { Descriptor } from "../native/descriptor.ts";
import { ERRNO, syscallError } from "../native/errno.ts";
import { libbpf } from "../native/libbpf.ts";
import { bpf_link_update_opts } from "../native/libbpf-options.ts";
import { ATTACH_TYPE, type AttachType, attachTypeName } from "./attach-types.ts";
import { infoOf, openId, openPin, openPinIf, pin } from "./descriptor.ts";
import type { BpfProgram } from "./program.ts";

/** What a link attaches its program to. */
export type LinkTarget =
  | { readonly kind: "cgroup"; readonly cgroupId: bigint }
  | { readonly kind: "netns"; readonly inode: number }
  | { readonly kind: "tcx"; readonly ifindex: number }
  | { readonly kind: "other"; readonly type: number };

export interface LinkInfo {
  readonly id: number;
  readonly programId: number;
  /** Undefined where it is none that this project uses. */
  readonly attachType: AttachType | undefined;
  readonly target: LinkTarget;
  /** The link outlived what it was attached to (the cgroup, namespace or interface is gone), or was detached. */
  readonly defunct: boolean;
}

/** An attached program. It stays attached as long as the link is open or pinned somewhere. */
export class BpfLink implements Disposable {
  readonly #descriptor: Descriptor;

  /** Takes over `descriptor`. */
  constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor;
  }

  /**
   * Attaches to a cgroup, next to what others attached (always "multi"). Linux 5.7.
   *
   * @throws TproxyError CGROUP_UNUSABLE: the kernel takes no more programs there (64 of a type: kernel/bpf/cgroup.c)
   */
  static attachCgroup(program: BpfProgram, cgroup: string | number, type: AttachType): BpfLink {
    try {
      return withPath(cgroup, (fd) => create(program, fd, type, `cgroup ${cgroup}`));
    } catch (error) {
      if (error instanceof TproxyError && error.errno === ERRNO.E2BIG) throw fullError(error);
      throw error;
    }
  }

  /** Attaches an sk_lookup program to a network namespace, given by its path or a descriptor. Linux 5.9. */
  static attachNetns(program: BpfProgram, netns: string | number): BpfLink {
    return withPath(netns, (fd) => create(program, fd, "sk_lookup", `network namespace ${netns}`));
  }

  /** Attaches a sched_cls program behind those that are there. Linux 6.6. */
  static attachTcx(
    program: BpfProgram,
    ifindex: number,
    direction: "ingress" | "egress" = "ingress",
  ): BpfLink {
    return create(program, ifindex, `tcx_${direction}`, `interface ${ifindex}`);
  }

  /** Opens a pinned link. Throws STATE_DAMAGED where the pin is missing or is something else. */
  static open(path: string): BpfLink {
    return new BpfLink(openPin(path, "link"));
  }

  /** Opens a pin if it is a link's; undefined where it is something else's. */
  static openIf(path: string): BpfLink | undefined {
    const descriptor = openPinIf(path, "link");
    return descriptor && new BpfLink(descriptor);
  }

  /** Opens a link by the kernel's id; undefined where it has gone. */
  static byId(id: number): BpfLink | undefined {
    const descriptor = openId(id, "link");
    return descriptor === undefined ? undefined : new BpfLink(descriptor);
  }

  /** Every link that the kernel knows, anybody's. Each must be disposed of. */
  static *all(): Generator<BpfLink> {
    const next = new Uint32Array(1);
    for (let id = 0; libbpf().bpf_link_get_next_id(id, next) === 0; id = next[0] ?? 0) {
      const link = BpfLink.byId(next[0] ?? 0);
      if (link !== undefined) yield link;
    }
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  /** Replaces the program at once; with `expected`, only if the link still runs that one. */
  update(program: BpfProgram, expected?: BpfProgram): void {
    const options = expected === undefined ? null : bpf_link_update_opts({ oldProgramFd: expected.fd });
    const result = libbpf().bpf_link_update(this.fd, program.fd, options);
    if (result < 0) throw syscallError(`cannot replace the program of a link by ${program.name}`, -result);
  }

  /** Detaches at once, whoever else holds or pins the link. Does nothing where that was done before. */
  detach(): void {
    const result = libbpf().bpf_link_detach(this.fd);
    if (result < 0 && result !== -ERRNO.ENOLINK) throw syscallError("cannot detach a link", -result);
  }

  pin(path: string): void {
    pin(this.fd, path);
  }

  info(): LinkInfo {
    return readInfo(infoOf(this.fd, 48));
  }

  /** Lets go of the link: unless it is pinned, it is detached. */
  [Symbol.dispose](): void {
    this.#descriptor[Symbol.dispose]();
  }
}

function withPath<T>(target: string | number, action: (fd: number) => T): T {
  if (typeof target === "number") return action(target);
  const fd = openSync(target, "r");
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}

function create(program: BpfProgram, target: number, type: AttachType, where: string): BpfLink {
  const { value, kernel } = ATTACH_TYPE[type];
  const fd = libbpf().bpf_link_create(program.fd, target, value, null);
  if (fd >= 0) return new BpfLink(new Descriptor(fd));
  const details = fd === -ERRNO.EINVAL ? { hint: `Attaching as ${type} needs Linux ${kernel}.` } : {};
  throw syscallError(`cannot attach ${program.name} to ${where} as ${type}`, -fd, details);
}

/** So many instances share a cgroup: the default is the root, for all of them. */
function fullError(cause: TproxyError): TproxyError {
  const message = `${cause.message}, the kernel takes no more programs of a type there`;
  return new TproxyError("CGROUP_UNUSABLE", message, {
    cause,
    hint: "Give each instance a cgroup of its own by --ebpf-cgroup-path, that of its pod or service.",
  });
}

/** The kernel's `enum bpf_link_type`, as far as it is of use here. */
const LINK_TYPE = { cgroup: 3, netns: 5, tcx: 11 } as const;

/** `struct bpf_link_info`: type, id, prog_id, then what depends on the type. */
function readInfo(info: Buffer): LinkInfo {
  const type = info.readUInt32LE(0);
  const common = { id: info.readUInt32LE(4), programId: info.readUInt32LE(8) };
  if (type === LINK_TYPE.cgroup) {
    const cgroupId = info.readBigUInt64LE(16);
    const attachType = attachTypeName(info.readUInt32LE(24));
    return { ...common, attachType, target: { kind: "cgroup", cgroupId }, defunct: cgroupId === 0n };
  }
  const where = info.readUInt32LE(16);
  const attachType = attachTypeName(info.readUInt32LE(20));
  if (type === LINK_TYPE.netns) {
    return { ...common, attachType, target: { kind: "netns", inode: where }, defunct: where === 0 };
  }
  if (type === LINK_TYPE.tcx) {
    return { ...common, attachType, target: { kind: "tcx", ifindex: where }, defunct: where === 0 };
  }
  return { ...common, attachType: undefined, target: { kind: "other", type }, defunct: false };
}
