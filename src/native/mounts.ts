// SPDX-License-Identifier: Apache-2.0
import { check } from "./errno.ts";
import { libc } from "./libc.ts";

export const MS = { NOSUID: 2, NODEV: 4, NOEXEC: 8, REMOUNT: 32, BIND: 4096, PRIVATE: 1 << 18 } as const;

export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly flags?: number;
  readonly data?: string;
}

export function mount({ source, target, type, flags = 0, data }: Mount): void {
  check(libc().mount(source, target, type, flags, data ?? null), `mount(${type} on ${target})`);
}

const MNT_DETACH = 2;

/** With `lazy` the mount goes now and what still uses it keeps it alive. */
export function umount2(target: string, { lazy = false } = {}): void {
  check(libc().umount2(target, lazy ? MNT_DETACH : 0), `umount(${target})`);
}
