// A host to start and to start anew: Debian's systemd as the first process, in namespaces of its own, over this machine's
// root directory. What is written to its disk outlives a start, as on a host; what is in the kernel does not.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { projectRoot } from "./project-files.ts";
import {
  APP_UID,
  type Connection,
  cgroup2Root,
  PROXY_UID,
  type Result,
  type RunOptions,
  TPNET,
  TPROXYCTL,
} from "./world.ts";

const BOOT = fileURLToPath(new URL("boot-container.sh", import.meta.url));
const WANTS = "etc/systemd/system/multi-user.target.wants";

/** Nothing of this machine's own is started in it. */
const EMPTY = ["etc/systemd/system", "etc/init.d"];

/** The network, before network.target as a real host's: a remote host behind eth0, as in `World`. */
const NETWORK = `[Unit]
DefaultDependencies=no
Before=network.target
Wants=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -euc 'mkdir -p /run/netns; ip netns add remote; ip -n remote link set lo up; \\
  ip link add eth0 type veth peer name eth0 netns remote; \\
  for a in 10.66.0.1/24 fd66::1/64; do ip address add $a dev eth0 nodad 2>/dev/null || ip address add $a dev eth0; done; \\
  for a in 10.66.0.2/24 fd66::2/64; do ip -n remote address add $a dev eth0 nodad 2>/dev/null || ip -n remote address add $a dev eth0; done; \\
  ip link set eth0 up; ip -n remote link set eth0 up'
`;

function tpnetService(name: string, uid: number, listen: readonly string[], inside = ""): [string, string] {
  const flags = listen.map((address) => `--listen ${address}`).join(" ");
  const run = `${inside}setpriv --reuid ${uid} --regid ${uid} --clear-groups ${TPNET} serve ${flags}`;
  return [name, `[Unit]\nAfter=network.target\n[Service]\nExecStart=${run}\n`];
}

const UNITS = new Map([
  ["net.service", NETWORK],
  tpnetService(
    "proxy.service",
    PROXY_UID,
    [15001, 15006].flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]),
  ),
  tpnetService(
    "remote.service",
    APP_UID,
    ["10.66.0.2:8080", "[fd66::2]:8080"],
    "/usr/bin/nsenter --net=/run/netns/remote ",
  ),
]);

let containers = 0;

export class Container implements AsyncDisposable {
  readonly #disk: string;
  readonly #cgroup: string;
  readonly #undo: (() => Promise<unknown>)[] = [];
  #boot: ChildProcess | undefined;
  /** Its first process, as numbered outside. */
  #pid = 0;

  private constructor(disk: string, cgroup: string) {
    this.#disk = disk;
    this.#cgroup = cgroup;
  }

  /**
   * @param layers directories with what is on its disk besides, as of unpacked packages
   * @param units of its own, by name; all are started
   */
  static async start(layers: readonly string[], units: ReadonlyMap<string, string>): Promise<Container> {
    const disk = mkdtempSync(join(tmpdir(), "tproxyctl-container-"));
    const cgroup = join(cgroup2Root(), `tptc${process.pid}x${++containers}`);
    const container = new Container(disk, cgroup);
    try {
      await container.#makeDisk(layers, units);
      mkdirSync(cgroup);
      await container.boot();
      return container;
    } catch (error) {
      await container[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #makeDisk(layers: readonly string[], units: ReadonlyMap<string, string>): Promise<void> {
    await execa("mount", ["-t", "tmpfs", "-o", "mode=755", "tmpfs", this.#disk]);
    for (const name of ["upper", "work", "root"]) mkdirSync(join(this.#disk, name));
    for (const layer of layers)
      cpSync(layer, join(this.#disk, "upper"), { recursive: true, verbatimSymlinks: true });
    for (const name of EMPTY) mkdirSync(this.path(name), { recursive: true });
    const opaque =
      "import os, sys\nfor path in sys.argv[1:]: os.setxattr(path, 'trusted.overlay.opaque', b'y')";
    execFileSync("python3", ["-c", opaque, ...EMPTY.map((name) => this.path(name))]);
    for (const [name, text] of [...UNITS, ...units]) this.addUnit(name, text);
    chmodSync(this.path("etc"), 0o755);
  }

  /** Where a file that was written to the disk is found outside. */
  path(name: string): string {
    return join(this.#disk, "upper", name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  /** Started with the host from the next start on. */
  addUnit(name: string, text: string): void {
    const path = join("etc/systemd/system", name);
    mkdirSync(this.path(WANTS), { recursive: true });
    if (text !== "") writeFileSync(this.path(path), text);
    symlinkSync(text === "" ? `/lib/systemd/system/${name}` : `/${path}`, join(this.path(WANTS), name));
  }

  /** Waits until all that is started with it has been. */
  async boot(): Promise<void> {
    this.#boot = spawn(BOOT, [this.#disk, this.#cgroup], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let said = "";
    for (const stream of [this.#boot.stdout, this.#boot.stderr])
      stream?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
    await this.#until(`it did not start: ${said}`, async () => {
      if (this.#boot?.exitCode !== null) throw new Error(`the container ended: ${said}`);
      this.#pid = firstChildOf(this.#boot.pid ?? 0);
      if (this.#pid === 0) return false;
      const { stdout } = await this.run(["systemctl", "is-system-running"]);
      return /running|degraded/.test(stdout);
    });
  }

  /** As by a loss of power. */
  async kill(): Promise<void> {
    const boot = this.#boot;
    if (boot === undefined || boot.exitCode !== null || boot.signalCode !== null) return;
    const ended = once(boot, "exit");
    if (this.#pid > 0) process.kill(this.#pid, "SIGKILL");
    else boot.kill("SIGKILL");
    await ended;
    this.#pid = 0;
  }

  async reboot(): Promise<void> {
    await this.kill();
    await this.boot();
  }

  /** The command line that runs something in its namespaces and its cgroup, as root unless `uid` is given. */
  command(args: readonly string[], { uid, env = {} }: RunOptions = {}): string[] {
    const join = 'mkdir -p /sys/fs/cgroup/test && echo 0 >/sys/fs/cgroup/test/cgroup.procs && exec "$@"';
    const user = String(uid);
    const as = uid === undefined ? [] : ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"];
    const namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"];
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const clean = ["env", "-i", "--chdir=/", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", ...variables];
    const inside = ["nsenter", "--target", String(this.#pid), ...namespaces, "--root"];
    return [...inside, ...clean, "sh", "-c", join, "sh", ...as, ...args];
  }

  async run(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    const [file = "", ...rest] = this.command(args, options);
    const { input = "", timeoutMs = 110_000 } = options;
    const result = await execa(file, rest, { reject: false, timeout: timeoutMs, input });
    if (result.timedOut) throw new Error(`${args.join(" ")} did not end`);
    if (this.#boot?.exitCode !== null || this.#boot.signalCode !== null)
      throw new Error(`the container ended while ${args.join(" ")} ran in it`);
    return { stdout: result.stdout, stderr: result.stderr, exitCode: result.exitCode ?? -1 };
  }

  /** Runs at the end, the last one first. */
  defer(action: () => Promise<unknown>): void {
    this.#undo.push(action);
  }

  /** What it says on stdout. */
  async mustRun(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(args);
    if (exitCode !== 0) throw new Error(`${args.join(" ")} failed: ${stderr}${stdout}`);
    return stdout;
  }

  tproxyctl(...args: readonly string[]): Promise<Result> {
    return this.run([TPROXYCTL, ...args]);
  }

  /** An application's, to the remote host. */
  async connect(to: string): Promise<Connection> {
    const { stdout, stderr } = await this.run([TPNET, "connect", "--to", to], { uid: APP_UID });
    if (stdout === "") throw new Error(`tpnet connect --to ${to} failed: ${stderr}`);
    return JSON.parse(stdout);
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + 90_000; Date.now() < deadline; ) {
      if (await isSo()) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(what);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const action of this.#undo.splice(0).reverse()) await action();
    await this.kill();
    await this.#until(`processes are left in ${this.#cgroup}`, async () => removeCgroups(this.#cgroup));
    await execa("umount", ["--lazy", this.#disk], { reject: false });
    rmdirSync(this.#disk);
  }
}

function firstChildOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0] ?? 0);
  } catch {
    return 0; // it has ended, as the caller finds out
  }
}

/** From the bottom up. False while a process that was killed still counts. */
function removeCgroups(path: string): boolean {
  try {
    for (const each of readdirSync(path, { withFileTypes: true }))
      if (each.isDirectory() && !removeCgroups(join(path, each.name))) return false;
    rmdirSync(path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error) {
      if (error.code === "ENOENT") return true;
      if (error.code === "EBUSY") return false;
    }
    throw error;
  }
}

/** Debian's firewalld, unpacked. */
export function fetchFirewalld(): string {
  return execFileSync(join(projectRoot, "scripts/fetch-firewalld"), { encoding: "utf8" }).trim();
}
