// SPDX-License-Identifier: Apache-2.0
import { libbpfVersion } from "../../bpf/probes.ts";
import type { Config } from "../../config/config.ts";
import {
  CAPABILITIES_NEEDED,
  type CapabilityPurpose,
  missingCapabilities,
  nameOfCapability,
  requireCapabilities,
} from "../../host/capabilities.ts";
import { kernelRelease } from "../../host/kernel.ts";
import { findListeners } from "../../host/listeners.ts";
import { isBpffs } from "../../host/mounts.ts";
import { readNetns } from "../../host/netns.ts";
import type { Plan } from "../../plan/plan.ts";
import { ASK_AS_ROOT, type CodedCheck, runCheck } from "../run-check.ts";
import { redirectsDns } from "./encode-dns.ts";
import { checkFeatures } from "./feature-requirements.ts";
import { openPrograms } from "./object-file.ts";
import { checkCgroup, checkOtherInstallation, checkPins, checkRoom } from "./place-requirements.ts";
import { requireCookie, requireKernel } from "./require.ts";
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
  const permission = checkCapabilities(
    ["ebpf", "ebpf-load"],
    "capabilities",
    "capabilities to load and attach",
  );
  const basis = { libbpf: libbpf.state === "ok", permitted: permission.state === "ok" };
  const programs = basis.libbpf ? checkPrograms(ebpf.programsSourcePath) : notAsked("programs", PROGRAMS);
  return [
    checkKernel(),
    checkCookie(),
    libbpf,
    permission,
    checkRunningProxy(config),
    ...(isMounted(ebpf.bpffsPath) ? [] : [checkMounting()]),
    checkCgroup(ebpf),
    ...(basis.libbpf && basis.permitted ? [checkRoom(ebpf, plan)] : []),
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

/** How everything of an installation is told from that of other network namespaces. */
function checkCookie(): CodedCheck {
  const look = () => String(requireCookie(readNetns()));
  return runCheck({ name: "netns-cookie", what: "the network namespace's cookie", look });
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

/** @param purposes for which all of them are needed */
function checkCapabilities(purposes: readonly CapabilityPurpose[], name: string, what: string): CodedCheck {
  return runCheck({
    name,
    what,
    look: () => {
      const needed = CAPABILITIES_NEEDED.filter(({ purpose }) => purposes.includes(purpose));
      if (missingCapabilities(purposes).length === 0)
        return needed.map(({ capability }) => nameOfCapability(capability)).join(", ");
      if (process.geteuid?.() !== 0) {
        return { state: "unknown", found: "this process is not root", remedy: ASK_AS_ROOT };
      }
      requireCapabilities("this process", purposes);
      return "";
    },
  });
}

/** A proxy that is started later makes itself known. */
function checkRunningProxy({ redirect }: Pick<Config, "redirect">): CodedCheck {
  const check = checkCapabilities(
    ["running-proxy"],
    "capabilities-running-proxy",
    "capabilities to take over a proxy that runs already",
  );
  const ports = new Set([redirect.outbound.port, redirect.inbound.port]);
  if (check.state !== "missing" || findListeners(ports).length > 0) return check;
  return {
    ...check,
    state: "limited",
    found: `${check.found}; none runs now, so an installation works, and the proxy must be started after it`,
  };
}

function checkMounting(): CodedCheck {
  return checkCapabilities(["mount-bpffs"], "capabilities-mount", "capabilities to mount a BPF file system");
}

function isMounted(bpffs: string): boolean {
  try {
    return isBpffs(bpffs);
  } catch {
    // Below a directory that may not be looked into: the check of the place itself says so.
    return false;
  }
}
