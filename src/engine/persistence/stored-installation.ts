// SPDX-License-Identifier: Apache-2.0
import { existsSync, lstatSync, realpathSync, symlinkSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { toYaml } from "../../config/configuration-file.ts";
import { fileKeyOf } from "../../config/setting.ts";
import { SETTINGS } from "../../config/settings.ts";
import { STORED_CONFIGURATION } from "../../config/stored-configuration.ts";
import type { WrittenConfig } from "../../config/written-config.ts";
import { describeError, TproxyError } from "../../core/errors.ts";
import type { NetnsFact } from "../../core/facts.ts";
import type { Undo } from "../../core/undo.ts";
import { isInitialNetns } from "../../host/initial-netns.ts";
import { removeFile } from "../../host/replace-file.ts";
import { removeIfEmpty } from "../../host/run-directory.ts";
import { isSystemdRunning, reloadUnits, stopUnit, UNIT_DIRECTORY } from "../../host/systemd.ts";
import { findDistrust, ROOT_ALONE } from "../../host/trusted-path.ts";
import { failure, isThere, makeDirectory, putFile, readIfThere } from "./stored-files.ts";
import { type Program, readUnit, renderUnit, UNIT_MARK } from "./unit.ts";

const UNIT = "tproxyctl.service";
const UNIT_FILE = `${UNIT_DIRECTORY}/${UNIT}`;
/** What enables it: `systemctl enable` makes the same link, in other words. */
const LINK = `${UNIT_DIRECTORY}/multi-user.target.wants/${UNIT}`;
/** Of what is stored, apart from the unit. */
const DIRECTORIES = [dirname(STORED_CONFIGURATION), dirname(LINK)];

/** The first line of a configuration of ours. */
const CONFIGURATION_MARK = "# Written by tproxyctl install --store-systemd, for the next start of this host.";

/** What will be installed when the host starts. */
export interface StoredInstallation {
  /** The text of the configuration; undefined: it is gone, or another one's. */
  readonly configuration: string | undefined;
  /** The unit is started with the host. */
  readonly enabled: boolean;
  /** The unit is as this version writes it. */
  readonly current: boolean;
  /** Of what the unit starts: the paths where nothing is. */
  readonly missing: readonly string[];
  /** That were made for it. */
  readonly directories: readonly string[];
}

/**
 * Undefined where nothing is stored, also where another network namespace than the host's is meant. What is stored is known by
 * the unit: a configuration without it is somebody's, whatever its name.
 *
 * @throws TproxyError STORE_FAILED where a file of it cannot be read
 */
export function readStoredInstallation(netns: NetnsFact): StoredInstallation | undefined {
  if (!isInitialNetns(netns)) return undefined;
  const text = readOurUnit();
  if (text === undefined) return undefined;
  const unit = readUnit(text);
  const { program, directories = [] } = unit ?? {};
  return {
    configuration: readOurConfiguration(),
    enabled: isEnabled(),
    current: program !== undefined && renderUnit(program, STORED_CONFIGURATION, directories) === text,
    missing: program === undefined ? [] : [program.node, program.main].filter((path) => !existsSync(path)),
    directories: DIRECTORIES.filter((path) => directories.includes(path)),
  };
}

/** Whether a configuration that was kept is the one that is stored. */
export function isWhatIsStored(
  config: WrittenConfig,
  { configuration }: Pick<StoredInstallation, "configuration">,
): boolean {
  return configuration === renderConfiguration(config);
}

/** Whether a start of the host comes to install what is stored, and as this version would have it. */
export function isInOrder({ enabled, current, missing }: StoredInstallation): boolean {
  return enabled && current && missing.length === 0;
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
  const before = readStoredInstallation(netns);
  const directories = DIRECTORIES.filter(
    (path) => before?.directories.includes(path) === true || !isThere(path),
  );
  const unit = renderUnit(program, STORED_CONFIGURATION, directories);
  const isRunning = isSystemdRunning();
  const isKnown = readIfThere(UNIT_FILE) === unit && isEnabled();
  if (isKnown && before?.configuration === configuration) return noteDistrust(program);
  if (isRunning && !isKnown) undo.add("making systemd read its units again", reloadUnits);
  // The unit comes first: by it the rest is found, if this is killed.
  putFile(UNIT_FILE, unit, 0o644, undo);
  makeDirectory(dirname(STORED_CONFIGURATION), 0o700, undo);
  putFile(STORED_CONFIGURATION, configuration, 0o600, undo);
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
  const stored = readStoredInstallation(netns);
  if (stored === undefined) return [];
  try {
    if (stored.enabled) removeFile(LINK);
    if (stored.configuration !== undefined) removeFile(STORED_CONFIGURATION);
    for (const path of stored.directories) removeIfEmpty(path);
    removeFile(UNIT_FILE); // the last: by it the rest is found
  } catch (cause) {
    throw failure(`cannot remove what is stored for systemd: ${describeError(cause)}`, cause);
  }
  if (isSystemdRunning()) {
    await stopUnit(UNIT); // it takes nothing away, and would be shown as active for ever
    await reloadUnits();
  }
  const gone =
    stored.configuration === undefined ? `${UNIT_FILE} is` : `${UNIT_FILE} and ${STORED_CONFIGURATION} are`;
  return [`nothing will be installed when this host starts: ${gone} gone`];
}

/** @throws TproxyError OPTION_UNSUPPORTED, STORE_FAILED where nothing can be stored; what is there is another one's */
export function requireHost(netns: NetnsFact): void {
  const what = "the installation cannot be stored with systemd";
  if (!isInitialNetns(netns))
    throw new TproxyError(
      "OPTION_UNSUPPORTED",
      `${what}: its units start in the host's own network namespace, and this is another`,
    );
  if (!isThere(UNIT_DIRECTORY))
    throw new TproxyError("OPTION_UNSUPPORTED", `${what}: there is none here (no ${UNIT_DIRECTORY})`);
  const unit = lstatSync(UNIT_FILE, { throwIfNoEntry: false });
  const isOurs = readOurUnit() !== undefined;
  if (unit !== undefined && !isOurs)
    throw new TproxyError("STORE_FAILED", `${UNIT_FILE} is there, and not from tproxyctl`, {
      hint: unit.isSymbolicLink()
        ? `systemctl unmask ${UNIT}, or remove the link.`
        : "Remove it, or give it another name.",
    });
  if (isThere(STORED_CONFIGURATION) && !(isOurs && readOurConfiguration() !== undefined))
    throw new TproxyError(
      "STORE_FAILED",
      `${STORED_CONFIGURATION} is there, and was not stored by tproxyctl with a unit`,
      { hint: "Remove it, or give it another name." },
    );
}

function readOurUnit(): string | undefined {
  if (lstatSync(UNIT_FILE, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  const text = readIfThere(UNIT_FILE);
  return text?.startsWith(`${UNIT_MARK}\n`) === true ? text : undefined;
}

function readOurConfiguration(): string | undefined {
  const text = readIfThere(STORED_CONFIGURATION);
  return text?.startsWith(`${CONFIGURATION_MARK}\n`) === true ? text : undefined;
}

/** By whatever text the link leads to the unit. */
function isEnabled(): boolean {
  const found = lstatSync(LINK, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() !== true || !existsSync(LINK)) return false;
  return realpathSync(LINK) === realpathSync(UNIT_FILE);
}

function enable(undo: Undo): void {
  if (isEnabled()) return;
  try {
    symlinkSync(UNIT_FILE, LINK);
  } catch (cause) {
    throw failure(`cannot enable ${UNIT} by the link ${LINK}: ${describeError(cause)}`, cause);
  }
  undo.add(`removing ${LINK}`, () => void removeFile(LINK));
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
  const main = process.argv[1] ?? "";
  return { node: stablePath(process.argv0, process.execPath), main: stablePath(main, main) };
}

/** The name that a file was started by, which is still there after an upgrade, if it leads to that file. */
function stablePath(name: string, file: string): string {
  const path = resolve("/", name);
  const isSame = name.startsWith("/") && existsSync(path) && realpathSync(path) === realpathSync(file);
  return isSame ? path : realpathSync(file);
}
