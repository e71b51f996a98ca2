// SPDX-License-Identifier: Apache-2.0
import { lstatSync, mkdirSync, readFileSync, readlinkSync, realpathSync, symlinkSync } from "node:fs";
import { dirname } from "node:path";
import { toYaml } from "../../config/configuration-file.ts";
import { fileKeyOf } from "../../config/setting.ts";
import { SETTINGS } from "../../config/settings.ts";
import { STORED_CONFIGURATION } from "../../config/stored-configuration.ts";
import type { WrittenConfig } from "../../config/written-config.ts";
import { describeError, systemErrorCode, TproxyError } from "../../core/errors.ts";
import type { NetnsFact } from "../../core/facts.ts";
import type { Undo } from "../../core/undo.ts";
import { isInitialNetns } from "../../host/initial-netns.ts";
import { removeFile, replaceFile } from "../../host/replace-file.ts";
import { removeIfEmpty } from "../../host/run-directory.ts";
import { isSystemdRunning, reloadUnits, stopUnit, UNIT_DIRECTORY } from "../../host/systemd.ts";
import { findDistrust, ROOT_ALONE } from "../../host/trusted-path.ts";
import { type Program, renderUnit, UNIT_MARK } from "./unit.ts";

const UNIT = "tproxyctl.service";
const UNIT_FILE = `${UNIT_DIRECTORY}/${UNIT}`;
/** What enables it: `systemctl enable` makes the same link. */
const LINK = `${UNIT_DIRECTORY}/multi-user.target.wants/${UNIT}`;

const CONFIGURATION_MARK = "# Written by tproxyctl install --store-systemd, for the next start of this host.";

/** What will be installed when the host starts. */
export interface StoredInstallation {
  /** The text of the configuration; undefined: it is gone. */
  readonly configuration: string | undefined;
  /** The unit is there, and is started with the host. */
  readonly enabled: boolean;
}

/** Undefined where nothing is stored, also where another network namespace than the host's is meant. */
export function readStoredInstallation(netns: NetnsFact): StoredInstallation | undefined {
  if (!isInitialNetns(netns)) return undefined;
  const configuration = readIfThere(STORED_CONFIGURATION);
  const unit = isOurUnit();
  if (configuration === undefined && !unit) return undefined;
  return { configuration, enabled: unit && isLink() };
}

/** Whether a configuration that was kept is the one that is stored. */
export function isWhatIsStored(config: WrittenConfig, { configuration }: StoredInstallation): boolean {
  return configuration === renderConfiguration(config);
}

/**
 * Stores a configuration, to be installed again when the host starts. Where all of it is as it should be nothing is
 * changed.
 *
 * @returns what the user should know, one sentence each
 * @throws TproxyError STORE_FAILED; OPTION_UNSUPPORTED where a host's start is not about this network namespace
 */
export async function storeInstallation(
  netns: NetnsFact,
  config: WrittenConfig,
  undo: Undo,
): Promise<string[]> {
  requireHost(netns);
  const configuration = renderConfiguration(config);
  const program = currentProgram();
  const unit = renderUnit(program, STORED_CONFIGURATION);
  const isRunning = isSystemdRunning();
  const isKnown = readIfThere(UNIT_FILE) === unit && isLink();
  if (isKnown && readIfThere(STORED_CONFIGURATION) === configuration) return noteDistrust(program);
  if (isRunning && !isKnown) undo.add("making systemd read its units again", reloadUnits);
  makeDirectory(dirname(STORED_CONFIGURATION), 0o700, undo);
  putFile(STORED_CONFIGURATION, configuration, 0o600, undo);
  putFile(UNIT_FILE, unit, 0o644, undo);
  makeDirectory(dirname(LINK), 0o755, undo);
  enable(undo);
  if (isRunning && !isKnown) await reloadUnits();
  return [
    ...noteDistrust(program),
    ...(isRunning
      ? []
      : [`systemd does not run here: it finds ${UNIT_FILE}, which is enabled, when it starts`]),
  ];
}

/** It runs as root at each start of the host, long after whoever installed has looked at what runs. */
function noteDistrust({ node, main }: Program): string[] {
  return [node, main].flatMap((path) => {
    const distrust = findDistrust(path, ROOT_ALONE);
    if (distrust === undefined) return [];
    return [
      `root runs ${path} at each start of this host, and others than root could change it: ${distrust}; put tproxyctl ` +
        "where only root can write, as below /opt, and install again from there",
    ];
  });
}

/** @returns what was removed, one sentence each */
export async function removeStoredInstallation(netns: NetnsFact): Promise<string[]> {
  if (readStoredInstallation(netns) === undefined) return [];
  const unit = isOurUnit();
  try {
    if (unit && isLink()) removeFile(LINK);
    if (unit) removeFile(UNIT_FILE);
    removeIfEmpty(dirname(LINK));
    removeFile(STORED_CONFIGURATION);
    removeIfEmpty(dirname(STORED_CONFIGURATION));
  } catch (cause) {
    throw failure(`cannot remove what is stored for systemd: ${describeError(cause)}`, cause);
  }
  if (unit && isSystemdRunning()) {
    await stopUnit(UNIT); // it takes nothing away, and would be shown as active for ever
    await reloadUnits();
  }
  return [
    `nothing will be installed when this host starts: ${UNIT_FILE} and ${STORED_CONFIGURATION} are gone`,
  ];
}

function requireHost(netns: NetnsFact): void {
  const what = "the installation cannot be stored with systemd";
  if (!isInitialNetns(netns))
    throw new TproxyError(
      "OPTION_UNSUPPORTED",
      `${what}: its units start in the host's own network namespace, and this is another`,
    );
  if (lstatSync(UNIT_DIRECTORY, { throwIfNoEntry: false }) === undefined)
    throw new TproxyError("OPTION_UNSUPPORTED", `${what}: there is none here (no ${UNIT_DIRECTORY})`);
  const unit = lstatSync(UNIT_FILE, { throwIfNoEntry: false });
  if (unit === undefined || isOurUnit()) return;
  throw new TproxyError("STORE_FAILED", `${UNIT_FILE} is there, and not from tproxyctl`, {
    hint: unit.isSymbolicLink()
      ? `systemctl unmask ${UNIT}, or remove the link.`
      : "Remove it, or give it another name.",
  });
}

function isOurUnit(): boolean {
  if (lstatSync(UNIT_FILE, { throwIfNoEntry: false })?.isFile() !== true) return false;
  return readIfThere(UNIT_FILE)?.startsWith(UNIT_MARK) === true;
}

function isLink(): boolean {
  const found = lstatSync(LINK, { throwIfNoEntry: false });
  return found?.isSymbolicLink() === true && readlinkSync(LINK) === UNIT_FILE;
}

function enable(undo: Undo): void {
  if (isLink()) return;
  undo.add(`removing ${LINK}`, () => void removeFile(LINK));
  try {
    symlinkSync(UNIT_FILE, LINK);
  } catch (cause) {
    throw failure(`cannot enable ${UNIT} by the link ${LINK}: ${describeError(cause)}`, cause);
  }
}

function putFile(path: string, text: string, mode: number, undo: Undo): void {
  const before = readIfThere(path);
  undo.add(`putting back ${path}`, () => {
    if (before === undefined) removeFile(path);
    else replaceFile(path, before, mode);
  });
  try {
    replaceFile(path, text, mode);
  } catch (cause) {
    throw failure(`cannot write ${path}: ${describeError(cause)}`, cause);
  }
}

function makeDirectory(path: string, mode: number, undo: Undo): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  try {
    mkdirSync(path, { mode });
  } catch (cause) {
    throw failure(`cannot make ${path}: ${describeError(cause)}`, cause);
  }
  undo.add(`removing ${path}`, () => removeIfEmpty(path));
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return undefined;
    throw failure(`cannot read ${path}: ${describeError(cause)}`, cause);
  }
}

/** A file that `--config` reads, of all settings. */
function renderConfiguration(config: WrittenConfig): string {
  const entries = SETTINGS.flatMap((setting) => {
    const value = config[setting.key];
    return value === undefined ? [] : [{ path: fileKeyOf(setting), value }];
  });
  return `${[CONFIGURATION_MARK, ...toYaml(entries)].join("\n")}\n`;
}

/** The one that runs now. */
function currentProgram(): Program {
  return { node: realpathSync(process.execPath), main: realpathSync(process.argv[1] ?? "") };
}

function failure(message: string, cause: unknown): TproxyError {
  return new TproxyError("STORE_FAILED", message, { cause });
}
