// One configuration: installs it, makes connections and queries, and compares.

import { formatAddress } from "../../../src/core/address.ts";
import type { EngineName } from "../../../src/engine/engine.ts";
import { type Connection, decide } from "../../../src/plan/decide.ts";
import type { Decision } from "../../../src/plan/decide-result.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import type { Settings } from "./configurations.ts";
import { randomAttempt, toAsked } from "./connections.ts";
import { actual, expected } from "./outcomes.ts";
import { expectedAnswer, randomQuery } from "./queries.ts";
import type { Random } from "./random.ts";
import type { Scene } from "./scene.ts";

const CONNECTIONS = 40;
const QUERIES = 10;
/** `explain` is a program to be started: it answers in so many of 100 configurations. */
const EXPLAINED = 5;

export interface Compared {
  /** What was not as decide() says. */
  readonly wrong: readonly string[];
  /** The rules that decided, one for each connection and query. */
  readonly rules: readonly string[];
  /** The settings that made these rules. */
  readonly settings: readonly string[];
}

export async function tryConfiguration(scene: Scene, settings: Settings, random: Random): Promise<Compared> {
  const plan = await scene.install(settings);
  const engine = settings.engine === "iptables" ? "iptables" : "ebpf";
  const parts = [
    await tryConnections(scene, plan, random, engine),
    await tryQueries(scene, plan, random),
    ...(random.chance(EXPLAINED) ? [await tryExplain(scene, plan, random, engine)] : []),
  ];
  return {
    wrong: parts.flatMap(({ wrong }) => wrong),
    rules: parts.flatMap(({ rules }) => rules),
    settings: parts.flatMap(({ settings }) => settings),
  };
}

async function tryConnections(
  scene: Scene,
  plan: Plan,
  random: Random,
  engine: EngineName,
): Promise<Compared> {
  const attempts = Array.from({ length: CONNECTIONS }, () => randomAttempt(random, plan));
  const connections = await scene.try(attempts);
  return compareAll(attempts, (attempt, index) => {
    const { decision, outcome } = expected(plan, attempt, engine);
    const connection = connections[index];
    if (connection === undefined) throw new Error("a connection without a result");
    return { decision, wanted: outcome, happened: actual(connection, decision), details: connection };
  });
}

async function tryQueries(scene: Scene, plan: Plan, random: Random): Promise<Compared> {
  const queries = Array.from({ length: QUERIES }, () => randomQuery(random));
  const answers = await scene.ask(queries);
  return compareAll(queries, (query, index) => {
    const { decision, answer } = expectedAnswer(plan, query);
    return { decision, wanted: answer, happened: answers[index], details: undefined };
  });
}

/** What is kept with the installation says the same. */
async function tryExplain(scene: Scene, plan: Plan, random: Random, engine: EngineName): Promise<Compared> {
  const attempt = randomAttempt(random, plan);
  const asked = toAsked(attempt, engine);
  const decision = decide(plan, asked);
  const { result, port, rule, reason } = (await scene.explain(toWords(asked))).decision;
  const wanted = {
    result: decision.result,
    port: decision.port,
    rule: decision.rule,
    reason: decision.reason,
  };
  const happened = { result, port, rule, reason };
  return compareAll([attempt], () => ({ decision, wanted, happened, details: "explain" }));
}

function toWords(asked: Connection): string[] {
  const to = formatAddress(asked.to);
  const common = ["--to", `${to.includes(":") ? `[${to}]` : to}:${asked.port}`];
  if (asked.kind === "inbound")
    return ["inbound", ...common, "--from", formatAddress(asked.from), "--iface", asked.interface];
  const user = ["--uid", String(asked.uid)];
  if (asked.kind === "dns" || asked.from === undefined) return [asked.kind, ...common, ...user];
  return [asked.kind, ...common, ...user, "--from", formatAddress(asked.from)];
}

interface Comparison {
  readonly decision: Pick<Decision, "rule" | "reason" | "setting">;
  readonly wanted: unknown;
  readonly happened: unknown;
  readonly details: unknown;
}

function compareAll<T>(
  questions: readonly T[],
  compare: (question: T, index: number) => Comparison,
): Compared {
  const rules: string[] = [];
  const settings = new Set<string>();
  const wrong: string[] = [];
  for (const [index, question] of questions.entries()) {
    const { decision, wanted, happened, details } = compare(question, index);
    rules.push(decision.rule);
    if (decision.setting !== undefined) settings.add(decision.setting);
    const [said, seen] = [JSON.stringify(wanted), JSON.stringify(happened)];
    if (said === seen) continue;
    const lines = [`decide(): ${said} (${decision.rule}: ${decision.reason})`, `happened: ${seen}`];
    if (details !== undefined) lines.push(`in full:  ${JSON.stringify(details)}`);
    wrong.push([JSON.stringify(question), ...lines].join("\n    "));
  }
  return { wrong, rules, settings: [...settings] };
}
