// The iptables engine, nft and legacy.

import { deepEqual, equal, match } from "node:assert/strict";
import { LEGACY, NFT } from "../conformance/ways.ts";
import type { Check, Found, Guest } from "./check.ts";
import { app, connection, everyDirection, outcome, remote, serveBoth } from "./steps.ts";

const EXCLUDED = ["--exclude-inbound-ports", "81", "--exclude-outbound-ports", "81"];

/** @param mode also the column */
export function iptablesChecks(mode: "nft" | "legacy"): readonly Check[] {
  const column = mode;
  return [
    {
      name: "a proxy and servers start",
      essential: true,
      run: async (guest) => {
        await serveBoth(guest.world, [80, 81]);
        guest.proxy = await guest.world.startProxy();
        return undefined;
      },
    },
    {
      name: `the kernel has iptables-${mode}`,
      essential: true,
      column,
      run: (guest) => tableOf(guest, mode),
    },
    {
      name: "install",
      essential: true,
      column,
      run: async ({ world, flags }) => {
        await world.install(...flags, ...EXCLUDED);
        const { exitCode, status } = await world.status();
        const modes = (status.rules as readonly { readonly mode: string }[]).map((rules) => rules.mode);
        deepEqual({ exitCode, engine: status.engine }, { exitCode: 0, engine: "iptables" });
        deepEqual(modes, [mode, mode]);
        return undefined;
      },
    },
    connection("app → remote (v4)", app, "10.66.0.2:80", { listener: 15001 }, { column }),
    connection("app → remote (v6)", app, "[fd66::2]:80", { listener: 15001 }, { column }),
    connection("app → own address (v4)", app, "10.66.0.1:80", { listener: 80 }, { column }),
    connection("app → remote, excluded port (v4)", app, "10.66.0.2:81", { listener: 81 }, { column }),
    connection("remote → local (v4)", remote, "10.66.0.1:80", { listener: 15006 }, { column }),
    connection("remote → local (v6)", remote, "[fd66::1]:80", { listener: 15006 }, { column }),
    connection("remote → local, excluded port (v6)", remote, "[fd66::1]:81", { listener: 81 }, { column }),
    {
      name: "install again, with other options",
      column,
      run: async ({ world, flags }) => {
        const { stdout } = await world.install(...flags);
        match(stdout, /changed in place/);
        await everyDirection(world);
        equal(outcome(await world.connect("10.66.0.2:81")).listener, 15001);
        return undefined;
      },
    },
    {
      name: "uninstall",
      column,
      run: async ({ world }) => {
        await world.uninstall();
        await everyDirection(world, 80);
        equal((await world.status()).exitCode, 1);
        return undefined;
      },
    },
  ];
}

/** Where there is none, nothing else in the group is tried. Legacy makes its table by being asked: it stays, empty. */
async function tableOf({ world }: Guest, mode: "nft" | "legacy"): Promise<Found | undefined> {
  const { exitCode, stderr } = await world.run([`iptables-${mode}`, "-t", "nat", "-S"], { cgroup: false });
  if (exitCode === 0) return undefined;
  // nft is in all of them; legacy went with 6.17, where it is an option.
  if (mode === "legacy" && /Table does not exist|can't initialize/.test(stderr))
    return { state: "-", detail: stderr };
  throw new Error(stderr);
}

export const IPTABLES_FLAGS = { nft: NFT.flags, legacy: LEGACY.flags } as const;
