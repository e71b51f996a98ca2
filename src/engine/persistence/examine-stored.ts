// SPDX-License-Identifier: Apache-2.0
import { STORED_CONFIGURATION } from "../../config/stored-configuration.ts";
import type { NetnsFact } from "../../core/facts.ts";
import { DIRECT_FILE } from "../../host/firewalld.ts";
import { type Finding, finding } from "../finding.ts";
import { readStored } from "../iptables/firewalld/store.ts";
import type { StoredRules } from "../iptables/firewalld/stored-rules.ts";
import { type AppliedRules, tryReadRecord } from "../iptables/record.ts";
import type { InstallationStatus } from "../join-status.ts";
import { isWhatIsStored, readStoredInstallation, type StoredInstallation } from "./stored-installation.ts";

/** What will be there when the host has been started anew, by whom. */
export interface StoredStatus {
  readonly systemd?: {
    readonly enabled: boolean;
    readonly same: boolean;
    /** What the unit runs is there. */
    readonly startable: boolean;
  };
  readonly firewalld?: { readonly same: boolean };
}

export interface ExaminedStore {
  readonly status: StoredStatus;
  /** For people. */
  readonly lines: readonly string[];
  readonly findings: readonly Finding[];
}

/**
 * What is stored, and whether that is what is installed.
 *
 * @throws TproxyError STORE_FAILED where a file of it cannot be read
 */
export function examineStored(netns: NetnsFact, installed: InstallationStatus | undefined): ExaminedStore {
  const systemd = readStoredInstallation(netns);
  const recorded = tryReadRecord(netns).record?.applied ?? [];
  const firewalld = readStored(netns, recorded)?.rules;
  const parts = [
    ...(systemd === undefined ? [] : [examineSystemd(systemd, installed)]),
    ...(firewalld === undefined ? [] : [examineFirewalld(firewalld, installed, recorded)]),
  ];
  return {
    status: Object.assign({}, ...parts.map(({ status }) => status)),
    lines: parts.map(({ line }) => line),
    findings: installed === undefined ? [] : parts.flatMap(({ findings }) => findings),
  };
}

interface Part {
  readonly status: StoredStatus;
  readonly line: string;
  readonly findings: readonly Finding[];
}

function examineSystemd(stored: StoredInstallation, installed: InstallationStatus | undefined): Part {
  const { enabled, current, missing } = stored;
  const config = installed?.record?.config;
  const same = config !== undefined && isWhatIsStored(config, stored);
  const will = enabled && missing.length === 0;
  const when = will ? "installed when this host starts" : "not installed when this host starts";
  const findings = [
    ...(same ? [] : [OTHERWISE]),
    ...(enabled ? [] : [DISABLED]),
    ...(missing.length === 0 ? [] : [broken(missing)]),
    ...(current ? [] : [OUTDATED]),
  ];
  return {
    status: { systemd: { enabled, same, startable: missing.length === 0 } },
    line: `stored with systemd: ${STORED_CONFIGURATION}, ${when}`,
    findings,
  };
}

const STORE_AGAIN = "`tproxyctl install --store-systemd` writes it anew.";

const OTHERWISE = finding(
  "stored-otherwise",
  `another configuration is stored for the next start of this host, in ${STORED_CONFIGURATION}`,
  "`tproxyctl install --store-systemd` stores what it installs, `tproxyctl uninstall` removes both.",
);

const DISABLED = finding(
  "stored-disabled",
  "the unit tproxyctl.service, which installs what is stored, is not enabled",
  "`tproxyctl install --store-systemd` enables it.",
);

const OUTDATED = finding(
  "stored-outdated",
  "the unit tproxyctl.service is not as this version of tproxyctl writes it",
  STORE_AGAIN,
);

function broken(missing: readonly string[]): Finding {
  return finding(
    "stored-broken",
    `the unit tproxyctl.service cannot install what is stored: ${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} gone`,
    STORE_AGAIN,
  );
}

/** @param applied by iptables, as it is written down: an installation, or the rules beside programs */
function examineFirewalld(
  { keys }: StoredRules,
  installed: InstallationStatus | undefined,
  applied: readonly AppliedRules[],
): Part {
  const same =
    installed !== undefined &&
    applied.length > 0 &&
    ([4, 6] as const).every((family) => {
      const rules = applied.filter((each) => each.family === family).flatMap((each) => each.rules);
      return rules.join("\n") === keys[family].join("\n");
    });
  const other = finding(
    "firewalld-otherwise",
    `firewalld has other rules of the transparent proxy stored, in ${DIRECT_FILE}`,
    "`tproxyctl install --store-firewalld` stores what it installs, `tproxyctl uninstall` removes both.",
  );
  return {
    status: { firewalld: { same } },
    line: `stored with firewalld: ${keys[4].length + keys[6].length} rules in ${DIRECT_FILE}, applied when it starts`,
    findings: same ? [] : [other],
  };
}
