// A small world to test in: namespaces of our own, joined by veth, a cgroup and a bpffs of our own. All of it
// goes away with `await using`, whatever the test did.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { RUN_DIRECTORY, removeIfEmpty } from "../../src/host/run-directory.ts";
import { projectRoot } from "./project-files.ts";

export const TPNET = join(projectRoot, "build/tpnet");
export const TPROXYCTL = join(projectRoot, "bin/tproxyctl");

/** The proxy's user, and that of an application. Numbers: no test touches /etc/passwd. */
export const PROXY_UID = 5678;
export const APP_UID = 1000;

export interface RunOptions {
  /** "service" (the default) is the namespace that is put behind the proxy; others are hosts beside it. */
  readonly host?: string;
  readonly uid?: number;
  /** In the world's cgroup (the default), outside of it, or in another one. */
  readonly cgroup?: string | false;
  readonly dropCapabilities?: readonly string[];
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface Result {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** What `tpnet connect` says of a connection. */
export interface Connection {
  readonly ok: boolean;
  readonly stage: string;
  readonly error: string;
  readonly ms: number;
  readonly peer: string | null;
  readonly local: string | null;
  /** What the server at the other end saw. */
  readonly server: Accepted | null;
}

export interface Accepted {
  readonly listener: string;
  readonly origdst: string | null;
  readonly errno: number;
  readonly local: string;
  readonly peer: string;
}

let worlds = 0;

/**
 * The service's namespace with one interface `eth0` (10.66.0.1/24, fd66::1/64), joined to a remote host
 * (10.66.0.2, fd66::2). `addHost` joins more, each over an interface of its own.
 */
export class World implements AsyncDisposable {
  readonly name = `tpt${process.pid}x${++worlds}`;
  /** "" where the world has none: what it starts stays where this process is. */
  readonly cgroup: string;
  /** A bpffs of its own; the installation under test goes there. */
  readonly bpffs: string;
  readonly #project = mkdtempSync(join(tmpdir(), "tproxyctl-project-"));
  readonly #undo: (() => Promise<unknown>)[] = [];

  private constructor(cgroupRoot: string | undefined, bpffs: string) {
    this.cgroup = cgroupRoot === undefined ? "" : join(cgroupRoot, this.name);
    this.bpffs = bpffs;
  }

  /**
   * @param setUp what the world begins with; where it fails, nothing of the world is left
   * @param withCgroup false on a machine without cgroup2
   */
  static async create(
    setUp?: (world: World) => Promise<unknown>,
    { withCgroup = true }: { readonly withCgroup?: boolean } = {},
  ): Promise<World> {
    const world = new World(
      withCgroup ? cgroup2Root() : undefined,
      mkdtempSync(join(tmpdir(), "tproxyctl-test-")),
    );
    try {
      await world.#build();
      await setUp?.(world);
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #build(): Promise<void> {
    await this.#showProject();
    this.defer(async () => rmSync(this.bpffs, { recursive: true }));
    await execa("mount", ["-t", "bpf", "bpf", this.bpffs]);
    this.defer(() => unmount(this.bpffs));
    if (this.cgroup !== "") {
      mkdirSync(this.cgroup);
      this.defer(() => this.#removeCgroup());
    }
    await this.addNamespace("service");
    await this.addHost("remote", "eth0", 0);
  }

  /**
   * Binds the project to where every user can read it: a clone below /root can be read by root alone. Nobody can write there:
   * where a killed run leaves the mount, who cleans up /tmp must not clean up the project.
   */
  async #showProject(): Promise<void> {
    chmodSync(this.#project, 0o755);
    this.defer(async () => rmdirSync(this.#project));
    await execa("mount", ["--bind", "-o", "ro", projectRoot, this.#project]);
    this.defer(() => unmount(this.#project));
  }

  /** Runs at the end, the last one first. */
  defer(action: () => Promise<unknown>): void {
    this.#undo.push(action);
  }

  /** Where every user can read the project. */
  get project(): string {
    return this.#project;
  }

  /** The name of a host's network namespace, as in /run/netns. */
  netns(host: string): string {
    return `${this.name}-${host}`;
  }

  async addNamespace(host: string): Promise<void> {
    await execa("ip", ["netns", "add", this.netns(host)]);
    this.defer(() => execa("ip", ["netns", "del", this.netns(host)]));
    const { ino } = statSync(join("/run/netns", this.netns(host)));
    this.defer(async () => removeRecord(ino));
    await this.ip(host, "link", "set", "lo", "up");
  }

  /** A host at the other end of the service's interface `device`, in the networks 10.66.<net>.0/24, fd66:<net>::/64. */
  async addHost(host: string, device: string, net: number, service = "service"): Promise<void> {
    await this.addNamespace(host);
    const [here, there] = [this.netns(service), this.netns(host)];
    await execa("ip", [
      "link",
      "add",
      device,
      "netns",
      here,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      there,
    ]);
    for (const [where, link, last] of [[service, device, 1] as const, [host, "eth0", 2] as const]) {
      await this.ip(where, "address", "add", `10.66.${net}.${last}/24`, "dev", link);
      await this.ip(where, "address", "add", `fd66:${net}::${last}/64`, "dev", link, "nodad");
      await this.ip(where, "link", "set", link, "up");
    }
    // Without DAD, too, an IPv6 address is there some time before it works.
    await this.#untilLocal(service, `fd66:${net}::1`);
    await this.#untilLocal(host, `fd66:${net}::2`);
    await this.ip(host, "route", "add", "default", "via", `10.66.${net}.1`);
    await this.ip(host, "-6", "route", "add", "default", "via", `fd66:${net}::1`);
  }

  async #untilLocal(host: string, address: string): Promise<void> {
    const wanted = address.replace(":0:", ":");
    for (let attempt = 0; attempt < 250; attempt++) {
      const routes = await this.ip(host, "-6", "route", "show", "table", "local");
      if (routes.includes(`local ${wanted} `)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`${host} does not take ${address} for its own`);
  }

  async ip(host: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await execa("ip", ["-n", this.netns(host), ...args]);
    return stdout;
  }

  /** The command line that runs something where and as whom `options` says. */
  command(args: readonly string[], options: RunOptions = {}): string[] {
    const { host = "service", uid, cgroup = this.cgroup, dropCapabilities = [] } = options;
    return [
      TPNET,
      "run",
      "--netns",
      this.netns(host),
      ...(cgroup === false || cgroup === "" ? [] : ["--cgroup", cgroup]),
      ...dropCapabilities.flatMap((name) => ["--drop-cap", name]),
      ...(uid === undefined ? [] : ["--uid", String(uid), "--gid", String(uid)]),
      "--",
      ...args.map((argument) => this.#reachable(argument)),
    ];
  }

  #reachable(argument: string): string {
    if (!argument.startsWith(projectRoot)) return argument;
    return join(this.#project, argument.slice(projectRoot.length));
  }

  async run(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    const [file = "", ...rest] = this.command(args, options);
    const { input, env, timeoutMs = 180_000 } = options;
    const result = await execa(file, rest, {
      reject: false,
      timeout: timeoutMs,
      maxBuffer: 1 << 28,
      ...(input === undefined ? {} : { input }),
      ...(env === undefined ? {} : { env }),
    });
    if (result.timedOut) throw new Error(`${args.join(" ")} did not end within ${timeoutMs} ms`);
    return { stdout: result.stdout, stderr: result.stderr, exitCode: result.exitCode ?? -1 };
  }

  /** Starts a server and waits, `timeoutMs` at most, for its line `ready`, or for one that `isReady` takes for that. */
  async start(
    args: readonly string[],
    options: RunOptions & { readonly isReady?: (line: string) => boolean } = {},
  ): Promise<Running> {
    const { isReady = (line: string) => line === "ready" } = options;
    const running = this.begin(args, options);
    await running.waitFor(isReady, options.timeoutMs);
    return running;
  }

  /** Starts something and does not wait for it. It is stopped at the end, if it has not ended by then. */
  begin(args: readonly string[], options: RunOptions = {}): Running {
    const running = new Running(this.command(args, options));
    this.defer(() => running.stop());
    return running;
  }

  /** `tpnet serve` on these addresses ("0.0.0.0:80"): tells each client what it saw of it, then echoes. */
  serve(
    listen: readonly string[],
    options: RunOptions & { readonly flags?: readonly string[] } = {},
  ): Promise<Running> {
    const addresses = listen.flatMap((address) => ["--listen", address]);
    return this.start([TPNET, "serve", ...addresses, ...(options.flags ?? [])], options);
  }

  /** The stand-in for the proxy: listens on 15001 and 15006, IPv4 and IPv6, as the proxy's user. */
  startProxy(
    options: RunOptions & { readonly flags?: readonly string[]; readonly listen?: readonly string[] } = {},
  ) {
    const everywhere = [15001, 15006].flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]);
    return this.serve(options.listen ?? everywhere, { uid: PROXY_UID, ...options });
  }

  /** `tpnet connect`, as an application on the service's host unless `options` says otherwise. */
  async connect(
    to: string,
    options: RunOptions & { readonly flags?: readonly string[] } = {},
  ): Promise<Connection> {
    const args = [TPNET, "connect", "--to", to, ...(options.flags ?? [])];
    const { stdout, stderr, exitCode } = await this.run(args, { uid: APP_UID, ...options });
    if (exitCode !== 0) throw new Error(`tpnet connect --to ${to} failed: ${stderr}`);
    return JSON.parse(stdout) as Connection;
  }

  /** `tproxyctl …` as root in the service's namespace, with this world's bpffs. */
  tproxyctl(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return this.run([TPROXYCTL, ...args], { cgroup: false, ...options });
  }

  /** Installs into this world, and fails the test where that fails. */
  install(...flags: readonly string[]): Promise<Result> {
    return this.installIn({}, ...flags);
  }

  /** With these environment variables, too. */
  async installIn(env: NonNullable<RunOptions["env"]>, ...flags: readonly string[]): Promise<Result> {
    const result = await this.tproxyctl(this.installArguments(...flags), { env });
    if (result.exitCode !== 0) throw new Error(`install ${flags.join(" ")} failed:\n${result.stderr}`);
    return result;
  }

  /** eBPF, unless `flags` name another engine: the last one counts. */
  installArguments(...flags: readonly string[]): string[] {
    const where = ["--ebpf-cgroup-path", this.cgroup, "--ebpf-bpffs-path", this.bpffs];
    return [
      "install",
      "transparent-proxy",
      "--engine=ebpf",
      "--kuma-dp-user",
      String(PROXY_UID),
      ...where,
      ...flags,
    ];
  }

  async uninstall(): Promise<Result> {
    const result = await this.tproxyctl(["uninstall", "transparent-proxy"]);
    if (result.exitCode !== 0) throw new Error(`uninstall failed:\n${result.stderr}`);
    return result;
  }

  /** What `status --json` says, and its exit status. */
  async status(): Promise<{ readonly exitCode: number; readonly status: Record<string, unknown> }> {
    const { stdout, stderr, exitCode } = await this.tproxyctl(["status", "--json"]);
    if (stdout === "") throw new Error(`status failed:\n${stderr}`);
    return { exitCode, status: JSON.parse(stdout) as Record<string, unknown> };
  }

  /** How many connections were treated in some way so far (`status`: connections). */
  async counter(name: string): Promise<number> {
    const { status } = await this.status();
    const connections = status.connections as Record<string, number>;
    const value = connections[name];
    if (value === undefined)
      throw new Error(`there is no counter ${name}; there is ${Object.keys(connections)}`);
    return value;
  }

  /** As if the installation had been made by kumactl, or in a container whose /run is gone. */
  async forgetRecords(): Promise<void> {
    removeRecord(statSync(join("/run/netns", this.netns("service"))).ino);
  }

  async #removeCgroup(): Promise<void> {
    // A process that just ended may still count for some milliseconds.
    for (let attempt = 0; ; attempt++) {
      try {
        rmdirSync(this.cgroup);
        return;
      } catch (error) {
        const left = readFileSync(join(this.cgroup, "cgroup.procs"), "utf8").trim();
        if (left !== "" && attempt > 100)
          throw new Error(`processes are left in ${this.cgroup}: ${left}`, { cause: error });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (const action of this.#undo.splice(0).reverse())
      await action().catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw new AggregateError(errors, `${this.name} could not be removed entirely`);
  }
}

/** What a process was running is let go of a moment after it has ended; into a bpffs, other tests' commands look. */
export async function unmount(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { failed, stderr } = await execa("umount", [path], { reject: false });
    if (!failed) return;
    if (attempt > 100 || !stderr.includes("busy")) throw new Error(`unmounting ${path} failed: ${stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A process that was started and goes on. Its output is kept. */
export class Running {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  stderr = "";
  #waiting: (() => void)[] = [];
  #closed = false;

  constructor(command: readonly string[]) {
    const [file = "", ...args] = command;
    this.child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    if (this.child.stdout !== null) {
      createInterface({ input: this.child.stdout }).on("line", (line) => {
        this.lines.push(line);
        for (const wake of this.#waiting.splice(0)) wake();
      });
    }
    // Not "exit": its last lines may not have been read by then.
    this.child.on("close", () => {
      this.#closed = true;
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get #ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** The first line that `matches`, also of those that came before. */
  async waitFor(matches: (line: string) => boolean, timeoutMs = 60_000): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.lines.find(matches);
      if (found !== undefined) return found;
      if (this.#closed || Date.now() > deadline) {
        const why = this.#closed ? "ended" : `did not say what it should for ${timeoutMs} ms`;
        const said = this.lines.slice(-20).join("\n");
        throw new Error(`${this.child.spawnargs.join(" ")} ${why}: ${this.stderr}${said}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(timeoutMs, 1000));
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Ends the process and waits for that. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.#ended) return;
    const ended = once(this.child, "exit");
    this.child.kill(signal);
    const patience = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(patience);
  }
}

/** What the iptables engine remembers of a namespace: rules go with it, this does not. */
function removeRecord(inode: number): void {
  const path = join(RUN_DIRECTORY, `iptables-${inode}.json`);
  for (const each of [path, `${path}.new`]) rmSync(each, { force: true });
  removeIfEmpty(RUN_DIRECTORY);
}

/** Where cgroup2 is mounted, also beside cgroup v1. */
export function cgroup2Root(): string {
  const line = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .find((mount) => mount.split(" ")[2] === "cgroup2");
  const path = line?.split(" ")[1];
  if (path === undefined) throw new Error("cgroup2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup");
  return path;
}
