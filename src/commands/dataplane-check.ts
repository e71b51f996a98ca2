// SPDX-License-Identifier: Apache-2.0
import { type ResolvedConfig, resolveConfig } from "../config/resolve-config.ts";
import { TproxyError } from "../core/errors.ts";
import { check, type PlacedFinding } from "../dataplane/check.ts";
import {
  type HostAddresses,
  type Interception,
  interceptionOfConfig,
  interceptionOfPlan,
} from "../dataplane/interception.ts";
import { readNetwork } from "../host/interfaces.ts";
import { isLinux } from "../host/kernel.ts";
import { readDataplaneFile } from "./dataplane/read-file.ts";
import { planOfInstallation } from "./explain/basis.ts";
import type { CommandIo } from "./io.ts";
import type { DataplaneCheckOptions } from "./options.ts";
import { isRoot } from "./require-root.ts";

/**
 * Compares a Dataplane with what is redirected here, or with the options given. A line for each finding.
 *
 * @returns the exit status: 0 it fits, 1 it does not; warnings do not count
 */
export async function runDataplaneCheck(
  given: ResolvedConfig | undefined,
  options: DataplaneCheckOptions,
  io: CommandIo,
  stdin: () => AsyncIterable<Uint8Array | string>,
): Promise<number> {
  const source = await readDataplaneFile(options.file, stdin);
  const interception =
    given === undefined
      ? await interceptionHere(options, io)
      : interceptionOfConfig(given.config, "the options given");
  const findings = check(source, options.values, interception, hostAddresses());
  const fits = findings.every(({ severity }) => severity !== "error");
  const lines = options.json
    ? [JSON.stringify(toJson(source.name, interception, fits, findings))]
    : [
        `compared with ${describe(interception)}`,
        ...findings.map((each) => toLine(source.name, each)),
        sum(source.name, findings),
      ];
  for (const line of lines) io.out(line);
  return fits ? 0 : 1;
}

async function interceptionHere({ bpffsPath }: DataplaneCheckOptions, io: CommandIo): Promise<Interception> {
  if (!isRoot())
    throw new TproxyError("NOT_ROOT", "only root can read what is installed here", {
      hint: "Run it with sudo, or say what to compare with: --config FILE, or --redirect-inbound-port 15006.",
    });
  const basis = await planOfInstallation(bpffsPath, io, "dataplane check");
  if (basis !== undefined)
    return interceptionOfPlan(
      basis.plan,
      `what the ${basis.engine} engine does here, installed ${basis.installedAt}`,
    );
  io.note("note: nothing is installed in this network namespace");
  return interceptionOfConfig(resolveConfig([]).config, "the defaults of install");
}

function hostAddresses(): HostAddresses {
  return isLinux() ? readNetwork().interfaces.flatMap(({ addresses }) => addresses) : undefined;
}

function describe({ description, inbound, outbound, ipv6 }: Interception): string {
  const way = ({ redirect, port }: Interception["inbound"]) => (redirect ? `to port ${port}` : "left alone");
  return `${description}: inbound ${way(inbound)}, outbound ${way(outbound)}, ${ipv6 ? "IPv4 and IPv6" : "IPv4"}`;
}

function toLine(name: string, { line, column, severity, path, message, remedy }: PlacedFinding): string {
  return `${name}:${line}:${column}: ${severity}: ${path === "" ? "" : `${path}: `}${message}; ${remedy}`;
}

function sum(name: string, findings: readonly PlacedFinding[]): string {
  const count = (severity: PlacedFinding["severity"]) => {
    const number = findings.filter((each) => each.severity === severity).length;
    return `${number} ${severity}${number === 1 ? "" : "s"}`;
  };
  const fits = findings.every(({ severity }) => severity !== "error");
  return `${name} ${fits ? "fits" : "does not fit"}: ${count("error")}, ${count("warning")}`;
}

/** Names that do not change: programs read this. */
function toJson(
  file: string,
  interception: Interception,
  fits: boolean,
  findings: readonly PlacedFinding[],
): object {
  const { description, inbound, outbound, ipv6 } = interception;
  const way = ({ redirect, port }: Interception["inbound"]) => ({ redirect, port });
  return {
    file,
    fits,
    comparedWith: { description, inbound: way(inbound), outbound: way(outbound), ipv6 },
    findings,
  };
}
