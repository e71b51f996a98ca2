// SPDX-License-Identifier: Apache-2.0
import { libbpfVersion } from "../../bpf/probes.ts";
import type { Config } from "../../config/config.ts";
import { kernelRelease } from "../../host/kernel.ts";
import { findListeners } from "../../host/listeners.ts";
import { isBpffs } from "../../host/mounts.ts";
import type { Plan } from "../../plan/plan.ts";
import { checkCapabilities } from "../check-capabilities.ts";
import { type CodedCheck, runCheck } from "../run-check.ts";
import { redirectsDns } from "./encode-dns.ts";
import { checkFeatures } from "./feature-requirements.ts";
import { openPrograms } from "./object-file.ts";
import {
  checkCgroup,
  checkCookie,
  checkOtherInstallation,
  checkPins,
  checkRoom,
} from "./place-requirements.ts";
import { requireKernel } from "./require.ts";
import { checkLoading } from "./trial-load.ts";

/**
 * All that the eBPF engine needs for this configuration, and what it can do without, in an order that explains: what
 * fails first is the reason why later things fail. Changes nothing: programs and maps are made, and let go.
 *
 * @param plan undefined where the configuration does not fit this host
 */
export function checkEbpf(config: Pick<Config, "ebpf" | "redirect">, plan: Plan | undefined): CodedCheck[] {
  const { ebpf } = config;
  const dns = plan === undefined ? config.redirect.dns.enabled : redirectsDns(plan);
  const libbpf = checkLibbpf();
  const permission = checkCapabilities({
    name: "capabilities",
    what: "capabilities to load and attach",
    purposes: ["ebpf", "ebpf-load"],
  });
  const basis = { libbpf: libbpf.state === "ok", permitted: permission.state === "ok" };
  const cgroup = checkCgroup(ebpf);
  const programs = basis.libbpf ? checkPrograms(ebpf.programsSourcePath) : notAsked("programs", PROGRAMS);
  return [
    checkKernel(),
    checkCookie(),
    libbpf,
    permission,
    checkRunningProxy(config),
    ...(isMounted(ebpf.bpffsPath) ? [] : [checkMounting()]),
    cgroup,
    ...(basis.libbpf && basis.permitted && cgroup.state === "ok" ? [checkRoom(cgroup.found, dns)] : []),
    checkPins(ebpf.bpffsPath),
    checkOtherInstallation(ebpf.bpffsPath),
    programs,
    ...checkFeatures(config, dns, basis),
    ...(programs.state === "ok" ? [checkLoading(config, dns, basis)] : []),
  ];
}

const PROGRAMS = "the prebuilt eBPF programs";

function checkKernel(): CodedCheck {
  const look = () => {
    requireKernel();
    return kernelRelease();
  };
  return runCheck({ name: "kernel", what: "a kernel that is new enough", look });
}

function checkLibbpf(): CodedCheck {
  return runCheck({ name: "libbpf", what: "libbpf 1.0 or newer", look: libbpfVersion });
}

/** Reads the file and compares what it was built for with what this side knows. */
function checkPrograms(directory: string): CodedCheck {
  return runCheck({
    name: "programs",
    what: PROGRAMS,
    look: () => {
      using object = openPrograms(directory);
      return object.file;
    },
  });
}

function notAsked(name: string, what: string): CodedCheck {
  return { name, what, state: "unknown", found: "not to be read without libbpf", remedy: undefined };
}

/** A proxy that is started later makes itself known. */
function checkRunningProxy({ redirect }: Pick<Config, "redirect">): CodedCheck {
  const check = checkCapabilities({
    name: "capabilities-running-proxy",
    what: "capabilities to take over a proxy that runs already",
    purposes: ["running-proxy"],
  });
  const ports = new Set([redirect.outbound.port, redirect.inbound.port]);
  if (check.state !== "missing" || findListeners(ports).length > 0) return check;
  return {
    ...check,
    state: "limited",
    found: `${check.found}; none runs now, so an installation works, and the proxy must be started after it`,
  };
}

function checkMounting(): CodedCheck {
  const what = "capabilities to mount a BPF file system";
  return checkCapabilities({ name: "capabilities-mount", what, purposes: ["mount-bpffs"] });
}

function isMounted(bpffs: string): boolean {
  try {
    return isBpffs(bpffs);
  } catch {
    // Below a directory that may not be looked into: the check of the place itself says so.
    return false;
  }
}
