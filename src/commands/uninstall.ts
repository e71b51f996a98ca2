// SPDX-License-Identifier: Apache-2.0
import { statusOfEbpf, uninstallEbpf } from "../engine/ebpf/uninstall.ts";
import { lockNamespace } from "../host/lock.ts";
import { readNetns } from "../host/netns.ts";
import type { CommandIo } from "./io.ts";
import type { UninstallOptions } from "./options.ts";
import { requireRoot } from "./require-root.ts";

/** Undoes what install did, all of it. Exit status 0: nothing of it is there, also where nothing was. */
export async function runUninstall(options: UninstallOptions, io: CommandIo): Promise<number> {
  requireRoot("uninstall");
  const { inode, cookie } = readNetns();
  if (options.dryRun) {
    const found = statusOfEbpf(cookie, options.bpffsPath);
    io.out("# dry run: this is what would be removed, nothing was changed");
    for (const { pins, hooks } of found)
      io.out(`${pins}: ${hooks.length} programs and where they are attached`);
    if (found.length === 0) io.out("# nothing is installed in this network namespace");
    return 0;
  }
  using _lock = await lockNamespace(inode);
  const removed = await uninstallEbpf(cookie, options.bpffsPath);
  if (options.verbose) for (const path of removed) io.note(`# removed the pins in ${path}`);
  io.out("# transparent proxy cleanup completed successfully");
  return 0;
}
