// What the lifecycle tests share: worlds, checks of traffic, programs of somebody else.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { BpfLink } from "../../src/bpf/link.ts";
import { BpfObject } from "../../src/bpf/object.ts";
import { Scratch } from "../native/support.ts";
import {
  APP_UID,
  type Connection,
  type Result,
  type Running,
  type RunOptions,
  TPNET,
  World,
} from "../support/world.ts";

/** What `status --json` says, as far as these tests read it. */
export interface Status {
  readonly installed: boolean;
  readonly engine: string;
  readonly pins: string;
  readonly record: {
    readonly outbound: { readonly port: number; readonly excludedPorts: readonly number[] };
    readonly inbound: { readonly port: number; readonly redirect: boolean };
    readonly ipv6: boolean;
    readonly cgroupPath: string;
    readonly addedPassthroughAddress: boolean;
  };
  readonly hooks: readonly {
    readonly hook: { readonly kind: string; readonly program: string; readonly hook?: string };
    readonly state: string;
    readonly linkId?: number;
    readonly programId?: number;
  }[];
  readonly listening: { readonly outbound: readonly string[]; readonly inbound: readonly string[] };
  readonly memory: { readonly maps: number; readonly programs: number };
  readonly connections: Readonly<Record<string, number>>;
  readonly findings: readonly { readonly code: string; readonly degrades: boolean }[];
}

/** The status of an installation that is there and whole. */
export async function intactStatus(world: World): Promise<Status> {
  const { exitCode, status } = await world.status();
  expect(exitCode, JSON.stringify(status)).toBe(0);
  return status as unknown as Status;
}

export async function expectNotInstalled(world: World): Promise<void> {
  expect(await world.status()).toEqual({ exitCode: 1, status: { installed: false } });
}

/** A failure that is explained: exit status 1, what is wrong, and a code. */
export function expectFailure(result: Result, code: string, ...words: readonly RegExp[]): void {
  expect(result.exitCode, result.stderr || result.stdout).toBe(1);
  expect(result.stdout).toBe("");
  expect(result.stderr).toMatch(new RegExp(`^ code: ${code}$`, "m"));
  expect(result.stderr).not.toMatch(/a bug in tproxyctl|undefined|\[object/);
  for (const word of words) expect(result.stderr).toMatch(word);
}

const OUTBOUND = { v4: "10.66.0.2:8080", v6: "[fd66::2]:8080" } as const;
const INBOUND = { v4: "10.66.0.1:8080", v6: "[fd66::1]:8080" } as const;

export type Family = "v4" | "v6";

/** A connection out of the service's namespace reaches the proxy, which is told where it was going. */
export async function expectOutbound(world: World, family: Family, port = 15001): Promise<Connection> {
  const connection = await world.connect(OUTBOUND[family]);
  expect(connection).toMatchObject({ ok: true, server: { origdst: OUTBOUND[family] } });
  expect(connection.server?.listener).toMatch(new RegExp(`:${port}$`));
  return connection;
}

/** The same for a connection from the remote host. */
export async function expectInbound(world: World, family: Family, port = 15006): Promise<Connection> {
  const connection = await world.connect(INBOUND[family], { host: "remote", cgroup: false });
  expect(connection).toMatchObject({ ok: true, peer: INBOUND[family], server: { origdst: INBOUND[family] } });
  expect(connection.server?.listener).toMatch(new RegExp(`:${port}$`));
  return connection;
}

/** Both directions, both families. */
export async function expectInterception(world: World): Promise<void> {
  for (const family of ["v4", "v6"] as const) {
    expect(await expectOutbound(world, family)).toMatchObject({ peer: OUTBOUND[family] });
    await expectInbound(world, family);
  }
}

/** Nothing is intercepted: the connections reach servers at the other end itself. */
export async function expectNoInterception(world: World): Promise<void> {
  const servers = [
    await world.serve(["10.66.0.2:8080", "[fd66::2]:8080"], { host: "remote", cgroup: false }),
    await world.serve(["10.66.0.1:8080", "[fd66::1]:8080"], { cgroup: false }),
  ];
  for (const family of ["v4", "v6"] as const) {
    const out = await world.connect(OUTBOUND[family]);
    expect(out.server?.listener, JSON.stringify(out)).toBe(OUTBOUND[family]);
    const into = await world.connect(INBOUND[family], { host: "remote", cgroup: false });
    expect(into.server?.listener, JSON.stringify(into)).toBe(INBOUND[family]);
  }
  for (const server of servers) await server.stop();
}

/** Programs that are somebody else's: they let everything pass. */
export class ForeignPrograms implements Disposable {
  readonly #scratch = new Scratch();
  readonly #object = BpfObject.open(this.#scratch.compile("basic"));
  readonly #links: BpfLink[] = [];

  constructor() {
    this.#object.load();
  }

  fillConnect4(cgroup: string, count: number): void {
    const program = this.#object.program("allow");
    for (let n = 0; n < count; n++) this.#links.push(BpfLink.attachCgroup(program, cgroup, "connect4"));
  }

  fillLookup(netns: string, count: number): void {
    const program = this.#object.program("lookup");
    for (let n = 0; n < count; n++) this.#links.push(BpfLink.attachNetns(program, netns));
  }

  /** Adds a filter to a clsact qdisc, which must be there. It lets everything go on. */
  async addFilter(world: World, direction: string, device = "eth0"): Promise<void> {
    const pin = join(world.bpffs, `theirs-${direction}`);
    this.#object.program("go_on").pin(pin);
    const where = ["filter", "add", "dev", device, direction, "prio", "7"];
    const what = ["bpf", "direct-action", "object-pinned", pin];
    const { exitCode, stderr } = await world.run(["tc", ...where, ...what], { cgroup: false });
    if (exitCode !== 0) throw new Error(`adding a filter failed: ${stderr}`);
  }

  /** How often `allow` ran, on all cgroups together. */
  runsOfConnect4(): number {
    return Buffer.from(this.#object.map("counters").lookup(Buffer.alloc(4)) ?? Buffer.alloc(8)).readUInt32LE(
      0,
    );
  }

  detachAll(): void {
    for (const link of this.#links.splice(0)) link[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.detachAll();
    this.#object[Symbol.dispose]();
    this.#scratch[Symbol.dispose]();
  }
}

/** Writes a file into a directory and returns the directory: for `--ebpf-programs-source-path`. */
export function withProgramFile(directory: string, bytes: Uint8Array): string {
  writeFileSync(join(directory, "tproxy.bpf.o"), bytes);
  return directory;
}

/** A world whose proxy listens on 15001 and 15006. */
export function worldWithProxy(): Promise<World> {
  return World.create((world) => world.startProxy());
}

/** Connections that stay open: what is sent comes back, as `release` finds out. */
export class HeldConnections {
  readonly #client: Running;
  readonly #count: number;

  private constructor(client: Running, count: number) {
    this.#client = client;
    this.#count = count;
  }

  static async open(world: World, to: string, options: RunOptions = {}, count = 5): Promise<HeldConnections> {
    const number = String(count);
    const flags = ["flood", "--to", to, "--count", number, "--parallel", number, "--hold"];
    const isReady = (line: string) => line.startsWith("{");
    const client = await world.start([TPNET, ...flags], { uid: APP_UID, ...options, isReady });
    return new HeldConnections(client, count);
  }

  /** All of them reached the proxy, and all are alive. Closes them. */
  async expectAlive(): Promise<void> {
    expect(await this.#release()).toMatchObject({
      alive: this.#count,
      right: this.#count,
      wrong: 0,
      failed: 0,
    });
  }

  /** All are alive, and none of them reached the proxy. Closes them. */
  async expectUntouched(): Promise<void> {
    expect(await this.#release()).toMatchObject({ alive: this.#count, right: 0, failed: 0 });
  }

  async #release(): Promise<unknown> {
    this.#client.child.stdin?.end();
    return JSON.parse(await this.#client.waitFor((text) => text.includes('"alive"')));
  }
}
