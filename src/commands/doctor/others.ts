// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";
import { TproxyError } from "../../core/errors.ts";
import { findCgroup } from "../../engine/ebpf/check.ts";
import { findLeftovers } from "../../engine/leftovers/find.ts";
import { findOtherPrograms } from "../../engine/leftovers/others.ts";
import { readNetwork } from "../../host/interfaces.ts";
import type { Others } from "./examination.ts";

/** Undefined where the kernel or libbpf cannot be asked: the checks say why. */
export function lookForOthers(config: Config["ebpf"]): Others | undefined {
  try {
    const leftovers = findLeftovers();
    return { leftovers, programs: findOtherPrograms(cgroupOf(config), readNetwork().interfaces, leftovers) };
  } catch (error) {
    if (!(error instanceof TproxyError) || error.code === "INTERNAL") throw error;
    return undefined;
  }
}

function cgroupOf({ cgroupPath }: Config["ebpf"]): string | undefined {
  try {
    return findCgroup(cgroupPath);
  } catch (error) {
    if (!(error instanceof TproxyError)) throw error;
    return undefined;
  }
}
