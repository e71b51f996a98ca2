// Clients that connect a thousand times a second, without a pause, through a hundred reinstallations: other options, other
// versions, other engines. None is refused, reset, or passed by, and the proxy is told where each was going.

import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { howOften } from "../support/extent.ts";
import { FAR, NEXT, OtherVersion } from "../support/other-version.ts";
import { APP_UID, Running, TPNET, TPROXYCTL, World } from "../support/world.ts";
import { EBPF, EBPF_TC, IPTABLES, REMOTE } from "./engines.ts";

const REINSTALLS = howOften(100, 20);
/** Of a second, in each of four directions. */
const RATE = 250;

/** Of each direction. At that rate it takes two seconds; twenty reinstallations take longer on any machine. */
const LEAST = 500;

const PORTS = ["--redirect-outbound-port", "16001", "--redirect-inbound-port", "16006"];
/** One that is for the other direction by default. */
const TURNED = ["--redirect-outbound-port", "15006", "--redirect-inbound-port", "15001"];

const WAYS = [
  { name: "sk_lookup", flags: EBPF },
  { name: "tc", flags: EBPF_TC },
  { name: "nft", flags: IPTABLES.nft },
  { name: "legacy", flags: IPTABLES.legacy },
];
const OPTIONS: readonly (readonly string[])[] = [
  [],
  PORTS,
  ["--exclude-outbound-ports", "22", "--exclude-inbound-ports", "22"],
  TURNED,
  ["--redirect-dns", "--exclude-outbound-ips", "192.0.2.0/24"],
];

let near: OtherVersion;
let far: OtherVersion;

beforeAll(async () => {
  near = await OtherVersion.build(NEXT.version, NEXT.patches);
  far = await OtherVersion.build(FAR.version, FAR.patches);
}, 300_000);

afterAll(() => {
  near?.[Symbol.dispose]();
  far?.[Symbol.dispose]();
});

/** A generator that gives the same each time: a failure can be repeated. */
function* pseudoRandom(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    yield state >>> 16;
  }
}

class Flood {
  readonly #client: Running;

  constructor(world: World, net: string, options: object) {
    const where = ["--to-net", net, "--ports", "8000-8999", "--count", "10000000", "--parallel", "4096"];
    const pace = ["--rate", String(RATE), "--timeout", "8000"];
    this.#client = new Running(
      world.command([TPNET, "flood", ...where, ...pace], { uid: APP_UID, ...options }),
    );
    world.defer(() => this.#client.stop());
  }

  async end(): Promise<{ count: number; right: number; first_wrong: string | null; errors: object }> {
    this.#client.child.stdin?.end();
    return JSON.parse(await this.#client.waitFor((line) => line.startsWith("{"), 30_000));
  }
}

test(`a thousand connections a second through ${REINSTALLS} reinstallations`, async () => {
  await using world = await World.create();
  mkdirSync(join(world.bpffs, "moved"));
  world.defer(async () => rmdirSync(join(world.bpffs, "moved")));
  const choices = [...OPTIONS, ["--ebpf-bpffs-path", join(world.bpffs, "moved")]];
  const ports = [15001, 15006, 16001, 16006];
  await world.startProxy({ listen: ports.flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]) });
  await world.install();
  const floods = ["10.66.0.2/32", "fd66::2/128"].map((net) => new Flood(world, net, {}));
  floods.push(...["10.66.0.1/32", "fd66::1/128"].map((net) => new Flood(world, net, REMOTE)));
  const programs = [TPROXYCTL, near.program, TPROXYCTL, far.program];
  const began = performance.now();
  const random = pseudoRandom(Number(process.env.TPROXYCTL_SEED ?? 5));
  const pick = <T>(list: readonly T[]): T => list[random.next().value % list.length] as T;
  const steps: string[] = [];
  for (let step = 0; step < REINSTALLS; step++) {
    const [way, options, program] = [pick(WAYS), pick(choices), pick(programs)];
    const flags = [...way.flags, ...options];
    const { exitCode, stderr } = await world.run([program, ...world.installArguments(...flags)], {
      cgroup: false,
    });
    steps.push(`${step} ${new Date().toISOString()} ${program} ${flags.join(" ")}`);
    expect(exitCode, `${steps.at(-1)}\n${stderr}`).toBe(0);
  }
  const results = await Promise.all(floods.map((flood) => flood.end()));
  const total = results.reduce((sum, { count }) => sum + count, 0);
  const rate = Math.round((1000 * total) / (performance.now() - began));
  console.log(
    `${total} connections, ${rate} a second, ${REINSTALLS} reinstallations: ${JSON.stringify(results)}`,
  );
  for (const result of results) {
    expect(result.count, steps.join("\n")).toBeGreaterThanOrEqual(LEAST);
    expect(result, steps.join("\n")).toEqual({
      ...result,
      right: result.count,
      errors: {},
      first_wrong: null,
    });
  }
}, 900_000);
