// An application's host and a remote one, joined by veth, with iptables' REDIRECT in the first: enough to try the
// proxy without eBPF. The names are this test's own, and everything is deleted at the end.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { projectRoot } from "../support/project-files.ts";

/**
 * The proxy's connections are told apart by its group: as another user it could not read a checkout in /root.
 * That the proxy refuses to be root is tested without namespaces.
 */
const PROXY_GROUP = "5678";
const MAIN = join(projectRoot, "dist/main.js");
const TPNET = join(projectRoot, "build/tpnet");
const PEER = fileURLToPath(new URL("fixtures/proxy-peer.ts", import.meta.url));

export const APP = { 4: "10.199.7.1", 6: "fd99:7::1" } as const;
export const REMOTE = { 4: "10.199.7.2", 6: "fd99:7::2" } as const;

export type Host = "app" | "remote";

/** A process in one of the namespaces, with the lines that it has printed so far. */
export interface Running {
  readonly process: ChildProcess;
  readonly lines: readonly string[];
  readonly errors: readonly string[];
  /** Resolves when `count` lines are there; rejects after ten seconds, or when there will be no more. */
  lineCount(count: number): Promise<readonly string[]>;
  /** The exit status. */
  readonly ended: Promise<number | null>;
}

export class ProxyWorld {
  readonly #id = `prx-${randomBytes(3).toString("hex")}`;
  readonly #running: Running[] = [];

  constructor() {
    try {
      this.#build();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #build(): void {
    const [app, remote] = [this.#namespace("app"), this.#namespace("remote")];
    run("ip", "netns", "add", app);
    run("ip", "netns", "add", remote);
    run("ip", "-n", app, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", remote);
    for (const [namespace, addresses] of [[app, APP] as const, [remote, REMOTE] as const]) {
      run("ip", "-n", namespace, "address", "add", `${addresses[4]}/24`, "dev", "eth0");
      run("ip", "-n", namespace, "address", "add", `${addresses[6]}/64`, "dev", "eth0", "nodad");
      run("ip", "-n", namespace, "link", "set", "lo", "up");
      run("ip", "-n", namespace, "link", "set", "eth0", "up");
    }
    this.passthroughAddress("add");
    for (const iptables of ["iptables", "ip6tables"]) this.#redirect(iptables);
  }

  #redirect(iptables: string): void {
    const rule = (chain: string, ...rest: string[]) =>
      run(
        "ip",
        "netns",
        "exec",
        this.#namespace("app"),
        iptables,
        "-w",
        "-t",
        "nat",
        "-A",
        chain,
        "-p",
        "tcp",
        ...rest,
      );
    rule("PREROUTING", "!", "--dport", "15006", "-j", "REDIRECT", "--to-ports", "15006");
    rule("OUTPUT", "-o", "lo", "-j", "RETURN");
    rule("OUTPUT", "-m", "owner", "--gid-owner", PROXY_GROUP, "-j", "RETURN");
    rule("OUTPUT", "-j", "REDIRECT", "--to-ports", "15001");
  }

  /** Adds or deletes ::6, which the proxy hands inbound IPv6 connections on from. */
  passthroughAddress(verb: "add" | "del"): void {
    run("ip", "-n", this.#namespace("app"), "address", verb, "::6/128", "dev", "lo");
  }

  proxy(...flags: readonly string[]): Running {
    const group = ["setpriv", "--regid", PROXY_GROUP, "--clear-groups"];
    return this.#start("app", [...group, process.execPath, MAIN, "proxy", "--allow-root", ...flags]);
  }

  async serve(host: Host, mode: string, address: string, port: number): Promise<Running> {
    const running = this.#start(host, [process.execPath, PEER, mode, address, String(port)]);
    await running.lineCount(1);
    return running;
  }

  /** What `transfer` or `pour` printed. */
  async transfer(host: Host, mode: string, address: string, port: number, bytes: number): Promise<unknown> {
    const running = this.#start(host, [process.execPath, PEER, mode, address, String(port), String(bytes)]);
    await running.ended;
    return JSON.parse(running.lines[0] ?? "null");
  }

  /** A server for {@link flood}, on all addresses. */
  async answerFloods(host: Host, port: number): Promise<void> {
    const listen = ["--listen", `0.0.0.0:${port}`, "--listen", `[::]:${port}`];
    const running = this.#start(host, [TPNET, "serve", ...listen]);
    await running.lineCount(1);
  }

  /** Makes `count` connections, 200 at a time, and says what became of them. */
  async flood(host: Host, address: string, port: number, count: number): Promise<unknown> {
    const to = ["--to", `${address}:${port}`, "--count", String(count), "--parallel", "200"];
    const running = this.#start(host, [TPNET, "flood", ...to]);
    await running.ended;
    return JSON.parse(running.lines[0] ?? "null");
  }

  #start(host: Host, command: readonly string[]): Running {
    const child = spawn("ip", ["netns", "exec", this.#namespace(host), ...command], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const running = watch(child);
    this.#running.push(running);
    return running;
  }

  #namespace(host: Host): string {
    return `${this.#id}-${host}`;
  }

  [Symbol.dispose](): void {
    for (const { process: child } of this.#running) child.kill("SIGKILL");
    for (const host of ["app", "remote"] as const) {
      try {
        run("ip", "netns", "delete", this.#namespace(host));
      } catch (error) {
        console.error(`cannot delete the namespace ${this.#namespace(host)}:`, error);
      }
    }
  }
}

function watch(child: ChildProcess): Running {
  const lines: string[] = [];
  const errors: string[] = [];
  if (child.stdout !== null) createInterface(child.stdout).on("line", (line) => lines.push(line));
  if (child.stderr !== null) createInterface(child.stderr).on("line", (line) => errors.push(line));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const lineCount = async (count: number) => {
    const deadline = performance.now() + 10_000;
    while (lines.length < count) {
      if (performance.now() > deadline || child.exitCode !== null) {
        throw new Error(`${lines.length} lines, not ${count}: ${[...lines, ...errors].join("\n")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return lines;
  };
  return { process: child, lines, errors, ended, lineCount };
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"] });
}
