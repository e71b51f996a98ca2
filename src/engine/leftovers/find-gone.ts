// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { BpfLink } from "../../bpf/link.ts";
import { findHomes } from "../ebpf/find-homes.ts";
import { linkPin, listAllPinDirectories, pinsOf } from "../ebpf/pin-directory.ts";
import type { GoneInstallation } from "./leftover.ts";

const LOOKUP = "netns_lookup";

/**
 * Installations of ours whose network namespace is gone. The link at the namespace says so itself: the kernel took it off
 * when the namespace ended. One without such a link (before Linux 5.9) may be anybody's who lives, and is left alone.
 */
export function findGone(): GoneInstallation[] {
  return findHomes().flatMap((bpffs) =>
    listAllPinDirectories(bpffs)
      .filter(({ path }) => isGone(path))
      .map(({ path }) => ({ kind: "gone-installation", bpffs, path })),
  );
}

function isGone(path: string): boolean {
  if (!pinsOf(path, "link").includes(LOOKUP)) return false;
  using link = BpfLink.open(join(path, linkPin(LOOKUP)));
  const { target, defunct } = link.info();
  return target.kind === "netns" && defunct;
}
