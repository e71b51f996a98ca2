// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { systemErrorCode, TproxyError } from "../../core/errors.ts";
import type { Endpoint } from "../../host/tcp-sockets.ts";
import type { Query } from "./ask.ts";
import type { Attempt } from "./attempt.ts";
import type { Answered, Arrival } from "./check.ts";
import type { Probe } from "./probe.ts";
import type { ProbeMethod, ProbeReply, ProbeRequest, Role } from "./probe-messages.ts";
import type { PortHolder, WantedPorts } from "./stand-in.ts";

/** How long a killed process is waited for, in milliseconds. */
const END_MS = 2000;

/**
 * A process of this program that is another user. The kernel's rules go by the user that opens a socket, and a process
 * that has given up root cannot become yet another one. Not by `run()`: this one is talked with.
 */
export class ProbeProcess implements Probe {
  readonly #child: ChildProcess;
  readonly #uid: number;
  readonly #waiting = new Map<number, (reply: ProbeReply) => void>();
  #requests = 0;
  #ended: string | undefined;

  /** Starts it. Of no use before `assume` has resolved, but has to be closed from now on. */
  constructor(uid: number) {
    this.#uid = uid;
    this.#child = fork(process.argv[1] ?? "", ["verify-probe"], {
      execArgv: [],
      env: {},
      cwd: "/",
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#child.on("message", (reply: ProbeReply) => this.#settle(reply));
    this.#child.on("error", (error) => this.#end(error.message));
    this.#child.on("exit", (code, signal) => this.#end(signal ?? `exit status ${code}`));
  }

  /**
   * @throws TproxyError COMMAND_FAILED where it cannot be that user, CGROUP_UNUSABLE where it cannot be in that cgroup
   */
  async assume(role: Role): Promise<void> {
    await this.#ask({ role });
  }

  listen(wanted: WantedPorts): Promise<readonly PortHolder[]> {
    return this.#call("listen", wanted);
  }

  attempt(wanted: Attempt): Promise<Arrival> {
    return this.#call("attempt", wanted);
  }

  ask(query: Query): Promise<Answered> {
    return this.#call("ask", query);
  }

  originalOf(client: Endpoint): Promise<Endpoint | undefined> {
    return this.#call("originalOf", client);
  }

  /**
   * Resolves when the process has ended, or after a time: what stands still in the kernel, or in a frozen cgroup of v1,
   * dies of the signal as soon as it goes on, and nobody has to wait for that.
   */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), END_MS);
    const exit = once(this.#child, "exit", { signal: patience.signal });
    this.#stop();
    try {
      await exit;
    } catch (error) {
      if (!patience.signal.aborted) throw error;
      this.#end("it does not, although it was killed");
      this.#child.unref();
      if (this.#child.connected) this.#child.disconnect();
    } finally {
      clearTimeout(timer);
    }
  }

  /** It is another user by now: without CAP_KILL it has to be let go, and ends by itself. */
  #stop(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(this.#child.pid, "SIGKILL");
    } catch (error) {
      const code = systemErrorCode(error);
      if (code !== "EPERM" && code !== "ESRCH") throw error;
      if (this.#child.connected) this.#child.disconnect();
    }
  }

  async #call<T>(method: ProbeMethod, argument: unknown): Promise<T> {
    return (await this.#ask({ method, argument })) as T;
  }

  async #ask(
    request: Omit<ProbeRequest & { role: Role }, "id"> | { method: ProbeMethod; argument: unknown },
  ) {
    const id = ++this.#requests;
    const reply = await new Promise<ProbeReply>((resolve) => {
      this.#waiting.set(id, resolve);
      if (this.#ended === undefined) this.#child.send({ ...request, id });
      else this.#settle({ id, problem: this.#ended });
    });
    if ("value" in reply) return reply.value;
    if (reply.code === "CGROUP_UNUSABLE") throw new TproxyError(reply.code, reply.problem);
    throw new TproxyError(
      "COMMAND_FAILED",
      `making connections as user ${this.#uid} failed: ${reply.problem}`,
      {
        hint: "It needs CAP_SETUID and CAP_SETGID; or run verify as the proxy's user.",
      },
    );
  }

  #settle(reply: ProbeReply): void {
    this.#waiting.get(reply.id)?.(reply);
    this.#waiting.delete(reply.id);
  }

  #end(how: string): void {
    this.#ended ??= `the process ended (${how})`;
    for (const id of [...this.#waiting.keys()]) this.#settle({ id, problem: this.#ended });
  }
}
