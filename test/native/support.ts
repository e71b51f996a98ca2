// What the native tests work on: compiled fixtures, and a bpffs, a cgroup and network namespaces of their own.

import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mount, umount2 } from "../../src/native/mounts.ts";
import { setns, unshare } from "../../src/native/namespaces.ts";

const fixtures = fileURLToPath(new URL("fixtures", import.meta.url));

/** A temporary directory that goes with its owner. */
export class Scratch implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "tproxyctl-native-"));

  /** Compiles `fixtures/<name>.bpf.c`; the path of the object. */
  compile(name: string, defines: Readonly<Record<string, string>> = {}): string {
    const object = join(this.path, `${name}.bpf.o`);
    const flags = Object.entries(defines).map(([key, value]) => `-D${key}=${value}`);
    const source = join(fixtures, `${name}.bpf.c`);
    const options = ["-target", "bpf", "-O2", "-g", "-Wall", "-Werror", "-isystem", multiarchHeaders()];
    execFileSync("clang", [...options, ...flags, "-c", source, "-o", object]);
    return object;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** <linux/types.h> wants the headers of one architecture, whichever. */
function multiarchHeaders(): string {
  const directory = readdirSync("/usr/include").find((name) => name.endsWith("-linux-gnu"));
  return join("/usr/include", directory ?? ".");
}

/** A BPF file system of the test's own. */
export class ScratchBpffs implements Disposable {
  readonly #directory = new Scratch();
  readonly path = this.#directory.path;

  constructor() {
    mount({ source: "bpf", target: this.path, type: "bpf" });
  }

  pin(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    umount2(this.path, { lazy: true });
    this.#directory[Symbol.dispose]();
  }
}

/** A cgroup of the test's own, below the root of cgroup2. */
export class ScratchCgroup implements Disposable {
  readonly path = join(cgroup2Root(), `tproxyctl-native-${process.pid}-${counter++}`);

  constructor() {
    mkdirSync(this.path);
  }

  /** The stderr of bash connecting to a port of 127.0.0.1 from inside the cgroup. */
  connect(port: number): string {
    const script = `echo $$ > ${this.path}/cgroup.procs; exec 2>&1; exec 3<>/dev/tcp/127.0.0.1/${port}`;
    try {
      return execFileSync("bash", ["-c", script], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    } catch (error) {
      return error instanceof Error && "stdout" in error ? String(error.stdout) : String(error);
    }
  }

  [Symbol.dispose](): void {
    rmdirSync(this.path);
  }
}

let counter = 0;

function cgroup2Root(): string {
  const line = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .find((text) => / cgroup2 /.test(text));
  return line?.split(" ")[1] ?? "/sys/fs/cgroup";
}

const CURRENT = "/proc/thread-self/ns/net";

/** A network namespace of the test's own, entered until disposed. Nothing asynchronous may run in between. */
export class ScratchNetns implements Disposable {
  readonly path = CURRENT;
  readonly #home = openSync(CURRENT, "r");

  constructor() {
    unshare("NEWNET");
    this.run("ip", "link", "set", "lo", "up");
  }

  run(command: string, ...args: readonly string[]): string {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }

  [Symbol.dispose](): void {
    setns(this.#home, "NEWNET");
    closeSync(this.#home);
  }
}
