// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { TproxyError } from "../../core/errors.ts";
import type { Endpoint } from "../../host/tcp-sockets.ts";
import type { Query } from "./ask.ts";
import type { Attempt } from "./attempt.ts";
import type { Answered, Arrival } from "./check.ts";
import type { Probe } from "./probe.ts";
import type { ProbeMethod, ProbeReply, ProbeRequest, Role } from "./probe-messages.ts";
import type { PortHolder, WantedPorts } from "./stand-in.ts";

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

  /** @throws TproxyError COMMAND_FAILED where it cannot be that user, or be in that cgroup */
  static async start(role: Role): Promise<ProbeProcess> {
    const probe = new ProbeProcess(role.uid);
    try {
      await probe.#ask({ role });
      return probe;
    } catch (error) {
      await probe.close();
      throw error;
    }
  }

  private constructor(uid: number) {
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

  /** Resolves when the process has ended. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exit;
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
