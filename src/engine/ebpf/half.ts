// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { join } from "node:path";
import { TproxyError } from "../../core/errors.ts";
import type { NetnsFact } from "../../core/facts.ts";
import { type Finding, finding, INSTALL_AGAIN } from "../finding.ts";
import { findHomesOf } from "./find-homes.ts";
import { Installed } from "./installed.ts";
import { currentOf, listPinDirectories, type PinDirectory, RECORD_PIN } from "./pin-directory.ts";
import { type InstanceStatus, readStatus } from "./status.ts";

/** What the pins of a network namespace say, also where they are no whole installation. */
export interface FoundPins {
  readonly instances: readonly InstanceStatus[];
  /** Of directories that are no installation: half of one, or one that nobody can read. */
  readonly findings: readonly Finding[];
}

/** Looks on every bpffs, or on the one given. Changes nothing. */
export function readPins({ cookie }: NetnsFact, bpffs: string | undefined): FoundPins {
  if (cookie === undefined) return { instances: [], findings: [] };
  const homes = bpffs === undefined ? findHomesOf(cookie) : [bpffs];
  const found = homes.map((home) => readHome(home, cookie));
  return {
    instances: found.flatMap(({ instances }) => instances),
    findings: found.flatMap(({ findings }) => findings),
  };
}

function readHome(home: string, cookie: bigint): FoundPins {
  const directories = listPinDirectories(home, cookie);
  const current = currentOf(directories);
  const findings = directories.filter((each) => each !== current).map(halfOf);
  try {
    using installed = Installed.find(home, cookie);
    return { instances: installed === undefined ? [] : [readStatus(installed)], findings };
  } catch (error) {
    if (!(error instanceof TproxyError) || error.code !== "STATE_DAMAGED") throw error;
    const remedy = error.hint ?? "`tproxyctl uninstall` removes it.";
    return { instances: [], findings: [...findings, finding("record-damaged", error.message, remedy)] };
  }
}

function halfOf({ path, state }: PinDirectory): Finding {
  if (state === "installed" && !existsSync(join(path, RECORD_PIN)))
    return finding("record-damaged", `the record of the installation in ${path} is gone`, INSTALL_AGAIN);
  return finding(
    "unfinished",
    `an installation or its removal was under way and has not ended (${path})`,
    INSTALL_AGAIN,
  );
}
