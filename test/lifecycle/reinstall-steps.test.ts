// A change in place that stands still after each of its steps: each connection is decided by one of the two installations,
// and goes to the ports of that one.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Scratch } from "../native/support.ts";
import { TPROXYCTL, World } from "../support/world.ts";
import { REMOTE } from "./engines.ts";

const listenOn = (...ports: readonly number[]) =>
  ports.flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]);

/** One takes port 80 to its ports, and the other port 443 to others. */
const ONE = ["--exclude-outbound-ports", "443", "--exclude-inbound-ports", "443"];
const OTHER = [
  ...["--redirect-outbound-port", "16001", "--redirect-inbound-port", "16006"],
  ...["--exclude-outbound-ports", "80", "--exclude-inbound-ports", "80"],
];
const TC = ["--ebpf-tc-attach-iface", "eth0"];

/** Where a connection to port 80, and one to 443, ends: at a port of the proxy, or where it was going. */
const RIGHT = [/^80 → (15001|15006|80)$/, /^443 → (16001|16006|443)$/];

/** Of each address, what became of port 80 and of port 443. */
async function connectAll(world: World): Promise<(readonly [string, string])[]> {
  const ways = [
    ["10.66.0.2", {}],
    ["[fd66::2]", {}],
    ["10.66.0.1", REMOTE],
    ["[fd66::1]", REMOTE],
  ] as const;
  return Promise.all(
    ways.map(async ([address, options]) => {
      const end = async (port: number) => {
        const { ok, server } = await world.connect(`${address}:${port}`, options);
        expect({ address, port, ok }).toEqual({ address, port, ok: true });
        return `${port} → ${server?.listener.split(":").at(-1)}`;
      };
      return Promise.all([end(80), end(443)]);
    }),
  );
}

const links = (calls: readonly string[]) =>
  calls.flatMap((call, index) => (/^bpf\(BPF_LINK_(CREATE|UPDATE|DETACH)/.test(call) ? [index + 1] : []));

test.each([
  ["from sk_lookup to tc", ONE, [...OTHER, ...TC]],
  ["from tc to sk_lookup", [...ONE, ...TC], OTHER],
])("%s, with other ports and other exclusions", async (_title, one, other) => {
  await using world = await World.create();
  using scratch = new Scratch();
  await world.startProxy({ listen: listenOn(15001, 15006, 16001, 16006) });
  await world.serve(listenOn(80, 443), { cgroup: false });
  await world.serve(listenOn(80, 443), { host: "remote", cgroup: false });
  const logOf = (step: number) => join(scratch.path, `strace-${step}`);
  const traced = (step: number, ...inject: readonly string[]) => {
    const strace = ["strace", "-f", "-o", logOf(step), "-e", "trace=bpf", ...inject];
    return world.run([...strace, TPROXYCTL, ...world.installArguments(...other)], { cgroup: false });
  };
  // From the second time on, the listeners are known, and the calls are the same.
  for (const flags of [one, other, one]) await world.install(...flags);
  await traced(0);
  const calls = readFileSync(logOf(0), "utf8")
    .split("\n")
    .map((line) => line.replace(/^\d+ +/, ""));
  const steps = links(calls.filter((line) => line.startsWith("bpf(")));
  expect(steps.length).toBeGreaterThanOrEqual(8);
  const seen = new Set<string>();
  for (const step of steps) {
    await world.install(...one);
    const changed = traced(step, "-e", `inject=bpf:signal=STOP:when=${step}`);
    const stopped = () => {
      const text = existsSync(logOf(step)) ? readFileSync(logOf(step), "utf8") : "";
      return /^(\d+) +--- stopped by SIGSTOP ---$/m.exec(text)?.[1];
    };
    await expect.poll(stopped, { timeout: 20_000, interval: 20 }).toBeDefined();
    const ends = await connectAll(world).finally(() => process.kill(Number(stopped()), "SIGCONT"));
    for (const [http, https] of ends)
      expect([http, https], `neither of the two, after call ${step}`).not.toEqual(["80 → 80", "443 → 443"]);
    for (const end of ends.flat()) {
      expect(
        RIGHT.some((right) => right.test(end)),
        `after call ${step}: ${ends.join(", ")}`,
      ).toBe(true);
      seen.add(end);
    }
    expect((await changed).exitCode).toBe(0);
  }
  // Of both, some have been seen, and all in between.
  for (const end of ["80 → 15001", "80 → 15006", "443 → 16001", "443 → 16006"]) expect(seen).toContain(end);
});
