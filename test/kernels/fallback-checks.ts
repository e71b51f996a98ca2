// Where eBPF cannot work: iptables takes over, and says so.

import { deepEqual, equal, match } from "node:assert/strict";
import { PROXY_UID } from "../support/world.ts";
import type { Check } from "./check.ts";
import { everyDirection, expectError, serveBoth, tproxyctl } from "./steps.ts";

export interface Lack {
  readonly code: string;
  readonly reason: RegExp;
}

/** With the default cgroup: where there is none, none can be named. */
const INSTALL = ["install", "transparent-proxy", "--kuma-dp-user", String(PROXY_UID)];

export function fallbackChecks({ code, reason }: Lack): readonly Check[] {
  return [
    {
      name: "a proxy and servers start",
      essential: true,
      run: async (guest) => {
        await serveBoth(guest.world, [80]);
        guest.proxy = await guest.world.startProxy();
        return undefined;
      },
    },
    {
      name: "--ebpf-enabled: iptables takes over, says why in one line, and intercepts",
      column: "fallback",
      run: async (guest) => {
        let warning = "";
        const { exitCode, stdout, stderr } = await tproxyctl(guest, ...INSTALL, "--ebpf-enabled");
        equal(exitCode, 0, stderr);
        match(stdout, /engine: iptables/);
        const warnings = stderr.split("\n").filter((line) => line.startsWith("warning: "));
        equal(warnings.length, 1, stderr);
        warning = warnings[0] ?? "";
        match(warning, reason);
        match(warning, /iptables takes over/);
        const status = await tproxyctl(guest, "status", "--json");
        const { engine } = JSON.parse(status.stdout) as { readonly engine: string };
        deepEqual({ exitCode: status.exitCode, engine }, { exitCode: 0, engine: "iptables" });
        await everyDirection(guest.world);
        const removed = await tproxyctl(guest, "uninstall", "transparent-proxy");
        equal(removed.exitCode, 0, removed.stderr);
        await everyDirection(guest.world, 80);
        return warning;
      },
    },
    {
      name: "--engine=ebpf is an error, and changes nothing",
      whole: true,
      column: "fallback",
      run: async (guest) => {
        expectError(await tproxyctl(guest, ...INSTALL, "--engine=ebpf"), code, reason);
        return undefined;
      },
    },
  ];
}
