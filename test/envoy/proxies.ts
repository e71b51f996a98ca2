// The proxies that traffic is sent through. All of them tell what they saw of each connection.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseTcpSockets, TCP_STATE } from "../../src/host/tcp-sockets.ts";
import { projectRoot } from "../support/project-files.ts";
import { PROXY_UID, Running, TPROXYCTL, type World } from "../support/world.ts";
import { asUser } from "./as-user.ts";
import { type AccessLogLine, envoyBootstrap } from "./envoy-config.ts";
import { HTTP_PORT, TCP_PORT } from "./ports.ts";

/** What a proxy saw of a connection, or Envoy of a request. */
export interface Seen {
  readonly client: string;
  readonly destination: string;
  /** What went wrong, by its own account. */
  readonly error: string | undefined;
}

export interface ProxyKind {
  readonly name: string;
  /** Ports of the test's HTTP server that this proxy treats in different ways. */
  readonly httpPorts: readonly number[];
  readonly command: (files: string) => readonly string[];
  readonly read: (line: string) => Seen | undefined;
}

/** Of /proc/net/tcp. */
const LISTENING: ReadonlySet<number> = new Set([TCP_STATE.listen]);

const embedded: ProxyKind = {
  name: "the embedded proxy",
  httpPorts: [TCP_PORT],
  command: () => [TPROXYCTL, "proxy", "--json"],
  read: (line) => {
    const { event, client, originalDestination, error } = JSON.parse(line) as Record<string, string>;
    if (event !== "connection") return undefined;
    return { client: client ?? "", destination: originalDestination ?? "", error };
  },
};

function envoy(reusePort: boolean): ProxyKind {
  return {
    name: `Envoy with enable_reuse_port ${reusePort}`,
    httpPorts: [HTTP_PORT, TCP_PORT],
    command: (files) => {
      const config = join(files, "envoy.json");
      writeFileSync(config, JSON.stringify(envoyBootstrap({ reusePort })));
      const quiet = ["--log-level", "warn", "--file-flush-interval-msec", "20", "--disable-hot-restart"];
      return [envoyProgram(), "-c", config, "--concurrency", "2", ...quiet];
    },
    read: (line) => {
      const { client, destination, flags } = JSON.parse(line) as AccessLogLine;
      return { client, destination, error: flags === null || flags === "-" ? undefined : flags };
    },
  };
}

export const PROXIES = { embedded, envoyReusePort: envoy(true), envoyOneSocket: envoy(false) } as const;

/** Where set-up has put it; fetches it where set-up was not run. */
function envoyProgram(): string {
  return execFileSync(join(projectRoot, "scripts/fetch-envoy"), { encoding: "utf8" }).trim();
}

/** A proxy that runs in the service's namespace, as the proxy's user. */
export class RunningProxy {
  readonly #kind: ProxyKind;
  readonly #running: Running;
  #forgotten = 0;

  private constructor(kind: ProxyKind, running: Running) {
    this.#kind = kind;
    this.#running = running;
  }

  /** Resolves when it runs, which is before it listens. */
  static start(proxy: ProxyKind, world: World): RunningProxy {
    const files = mkdtempSync(join(tmpdir(), "tproxyctl-envoy-"));
    world.defer(async () => rmSync(files, { recursive: true }));
    const running = new Running(world.command(asUser(PROXY_UID, proxy.command(files))));
    world.defer(() => running.stop());
    return new RunningProxy(proxy, running);
  }

  static async listening(proxy: ProxyKind, world: World): Promise<RunningProxy> {
    const started = RunningProxy.start(proxy, world);
    await started.untilListening();
    return started;
  }

  /** On both ports, IPv4 and IPv6, by the kernel's account. */
  async untilListening(deadlineMs = 20_000): Promise<void> {
    for (const deadline = Date.now() + deadlineMs; ; await sleep(20)) {
      if ((await this.#listeners()).size === 4) return;
      const { exitCode, signalCode } = this.#running.child;
      if (exitCode !== null || signalCode !== null || Date.now() > deadline)
        throw new Error(`${this.#kind.name} does not listen: ${this.#running.stderr}`);
    }
  }

  async #listeners(): Promise<Set<string>> {
    const tables = ["tcp", "tcp6"].map((name) => readFile(`/proc/${this.#running.pid}/net/${name}`, "utf8"));
    const found = (await Promise.all(tables)).flatMap((table) => parseTcpSockets(table, LISTENING));
    const ours = found.filter(({ uid }) => uid === PROXY_UID).map(({ local }) => local);
    return new Set(
      ours
        .filter(({ port }) => port === 15001 || port === 15006)
        .map(({ address, port }) => `${address.family} ${port}`),
    );
  }

  /** Forgets what was seen so far: a client's port may be used again. */
  forget(): void {
    this.#forgotten = this.#running.lines.length;
  }

  /** Waits until it has seen `count` connections (or requests) of this client go to `destination`, all of them well. */
  async saw(client: string, destination: string, count: number): Promise<void> {
    for (const deadline = Date.now() + 10_000; ; await sleep(10)) {
      const lines = this.#running.lines.slice(this.#forgotten);
      const found = lines.map(this.#kind.read).filter((seen) => seen?.client === client);
      const failed = found.find((seen) => seen?.error !== undefined);
      if (failed !== undefined) throw new Error(`${this.#kind.name} says ${JSON.stringify(failed)}`);
      if (found.filter((seen) => seen?.destination === destination).length >= count) return;
      if (Date.now() > deadline) {
        const what = `${client} go ${count} times to ${destination}`;
        throw new Error(`${this.#kind.name} did not see ${what}; of it: ${JSON.stringify(found)}`);
      }
    }
  }

  stop(signal?: NodeJS.Signals): Promise<void> {
    return this.#running.stop(signal);
  }
}
