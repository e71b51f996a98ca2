// A world for many configurations: what installs, and the clients, are started once.

import { join } from "node:path";
import type { Plan } from "../../../src/plan/plan.ts";
import { planFromJson } from "../../../src/plan/plan-from-json.ts";
import type { PlanJson } from "../../../src/plan/plan-json.ts";
import { projectRoot } from "../../support/project-files.ts";
import { type Connection, Running, TPNET, type World } from "../../support/world.ts";
import type { Settings } from "./configurations.ts";
import { type Attempt, CLIENTS, type ClientName, toArguments } from "./connections.ts";
import { startWorld } from "./places.ts";
import { type Answer, ASKERS, type AskerName, type Query } from "./queries.ts";

const [INSTALLER, UDP_CLIENT] = ["installer.ts", "udp-client.ts"].map((name) =>
  join(projectRoot, "test/conformance/random", name),
) as [string, string];

export class Scene implements AsyncDisposable {
  readonly #world: World;
  readonly #installer: Running;
  readonly #clients: ReadonlyMap<ClientName, Running>;
  readonly #askers: ReadonlyMap<AskerName, Running>;

  private constructor(
    world: World,
    installer: Running,
    clients: ReadonlyMap<ClientName, Running>,
    askers: ReadonlyMap<AskerName, Running>,
  ) {
    this.#world = world;
    this.#installer = installer;
    this.#clients = clients;
    this.#askers = askers;
  }

  static async open(): Promise<Scene> {
    const world = await startWorld();
    try {
      const installer = await world.start([process.execPath, INSTALLER], { cgroup: false });
      const clients = (Object.keys(CLIENTS) as ClientName[]).map(
        (name) => [name, startClient(world, name)] as const,
      );
      const askers = ASKERS.map(
        async (name) =>
          [name, await world.start([process.execPath, UDP_CLIENT], { uid: CLIENTS[name].uid })] as const,
      );
      return new Scene(world, installer, new Map(clients), new Map(await Promise.all(askers)));
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Over what is installed, in its place. */
  async install(settings: Settings): Promise<Plan> {
    const { cgroup: cgroupPath, bpffs: bpffsPath } = this.#world;
    const where = { "ebpf.cgroupPath": cgroupPath, "ebpf.bpffsPath": bpffsPath };
    const [line = ""] = await exchange(this.#installer, [JSON.stringify({ ...settings, ...where })]);
    const answer: { status?: number; plan?: PlanJson; error?: string } = JSON.parse(line);
    if (answer.status !== 0 || answer.plan === undefined) throw new Error(`install failed: ${line}`);
    return planFromJson(answer.plan);
  }

  /** Every client at once, its own attempts one after the other. In the order of the attempts. */
  try(attempts: readonly Attempt[]): Promise<Connection[]> {
    return askAll(this.#clients, attempts, toArguments);
  }

  ask(queries: readonly Query[]): Promise<Answer[]> {
    return askAll(this.#askers, queries, ({ to, port }) => `${to}#${port}`);
  }

  /** What `explain --json` says, of what is installed. */
  async explain(args: readonly string[]): Promise<{ readonly decision: Record<string, unknown> }> {
    const { stdout, stderr } = await this.#world.tproxyctl(["explain", ...args, "--json"]);
    if (stdout === "") throw new Error(`explain ${args.join(" ")} failed: ${stderr}`);
    return JSON.parse(stdout);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#world[Symbol.asyncDispose]();
  }
}

function startClient(world: World, name: ClientName): Running {
  const who = CLIENTS[name];
  const where = "uid" in who ? { uid: who.uid } : { host: who.host, cgroup: false as const };
  const client = new Running(world.command([TPNET, "connect", "--batch"], where));
  world.defer(() => client.stop());
  return client;
}

async function askAll<Name extends string, Question extends { readonly client: Name }, Reply>(
  clients: ReadonlyMap<Name, Running>,
  questions: readonly Question[],
  toLine: (question: Question) => string,
): Promise<Reply[]> {
  const replies = new Map<Question, Reply>();
  const each = [...clients].map(async ([name, client]) => {
    const own = questions.filter((question) => question.client === name);
    const lines = await exchange(client, own.map(toLine));
    for (const [index, question] of own.entries()) replies.set(question, JSON.parse(lines[index] ?? ""));
  });
  await Promise.all(each);
  return questions.map((question) => replies.get(question) ?? missing(question));
}

/** Writes lines, and waits for as many to come back. */
async function exchange(running: Running, lines: readonly string[]): Promise<readonly string[]> {
  if (lines.length === 0) return [];
  const before = running.lines.length;
  const wanted = before + lines.length;
  running.child.stdin?.write(`${lines.join("\n")}\n`);
  await running.waitFor(() => running.lines.length >= wanted, 60_000);
  return running.lines.slice(before, wanted);
}

function missing(question: unknown): never {
  throw new Error(`there is no client for ${JSON.stringify(question)}`);
}
