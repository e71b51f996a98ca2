// A command is killed before each call of it that changes something. After each kill: what `status` says is true, and the
// next `install` or `uninstall` sets all of it right.

import { join } from "node:path";
import { expect } from "vitest";
import type { Features } from "../../../src/engine/ebpf/features.ts";
import { HOME } from "../../../src/engine/ebpf/pin-directory.ts";
import { someOf } from "../../support/extent.ts";
import { type Result, TPROXYCTL, type World } from "../../support/world.ts";
import type { Agent, Change } from "./agent.ts";
import { type Fingerprint, intercepting, withoutNumbers } from "./fingerprint.ts";
import type { LackingBundle } from "./lacking-bundle.ts";
import { type Ports, Probe, USUAL_PORTS } from "./probe.ts";

/** `install` or `uninstall`. */
export interface Command {
  readonly args: readonly string[];
  /** Of the kernel, for an installation. Such a scene needs the bundle. */
  readonly lacks?: Partial<Features>;
  /** The proxy's, where they are not the usual ones. */
  readonly ports?: Ports;
  /** What else holds where it is installed. */
  readonly besides?: (world: World) => Promise<unknown>;
  /** Of another version. */
  readonly program?: string;
}

export interface Scene {
  readonly title: string;
  /** The proxy, unless something else is there, too. */
  readonly setUp?: (world: World) => Promise<unknown>;
  readonly commands: (world: World) => Commands;
}

export interface Commands {
  /** What is installed before; undefined: nothing. */
  readonly first?: Command;
  readonly killed: Command;
}

export const UNINSTALL: Command = { args: ["uninstall"] };

/** A file or directory of which somebody else could know the name, in /tmp for example, or that stays there. */
const ELSEWHERE = /^(?!start |.*(?:\/run\/|\/tproxyctl-test-\w+\/)).* \/\w/;

/** SIGKILL, as the shell has it. */
const KILLED = 128 + 9;

/** Every so many of the places are tried in a run that is not the whole one. */
const PART = 16;

/** Every so many kills, what is to set it right is killed as well. */
const TWICE = 10;

/**
 * All calls with an effect that may outlive the process, but for some of those that differ in a number alone. What has no
 * effect leaves the same wherever between two of those the process ends. And of calls, one after the other, that pin or
 * unlink pins of one kind in one directory, each leaves one more, or less: nobody asks how many there are. Of each such
 * run the first and the last are tried.
 */
function isToBeTried(change: Change, index: number, changes: readonly Change[]): boolean {
  const kind = kindOf(change);
  const around = [changes[index - 1], changes[index + 1]];
  return kind === undefined || around.some((other) => other === undefined || kindOf(other) !== kind);
}

/** Undefined: a change of its own. Links intercept, and each of them is. */
function kindOf({ lasting, child, what }: Change): string | undefined {
  if (!lasting) return "nothing that lasts";
  const pin = /^(?:bpf OBJ_PIN|unlink) \S*\/(?:netns|staging)-\d+-\d+\/(?:map|m|program)-/.exec(what);
  return child ? undefined : pin?.[0];
}

/** A program that goes on leaves the same wherever in it tproxyctl is killed: its start and its last call are tried. */
function isEdgeOfProgram(index: number, changes: readonly Change[]): boolean {
  const next = changes[index + 1];
  return isStart(changes[index]) || !next?.child || isStart(next);
}

interface Kill {
  readonly change: Change;
  /** Of `tpnet kill-at`. */
  readonly options: readonly string[];
}

/** Where power fails, or all of a cgroup is killed, what tproxyctl runs ends with it; else it goes on to its end. */
function killsOf(changes: readonly Change[]): Kill[] {
  return changes.flatMap((change, index) => {
    if (!isToBeTried(change, index, changes)) return [];
    const alone = { change, options: [] };
    if (!change.child) return [alone];
    const withChildren = { change, options: ["--with-children"] };
    return isEdgeOfProgram(index, changes) ? [withChildren, alone] : [withChildren];
  });
}

function isStart(change: Change | undefined): boolean {
  return change?.what.startsWith("start ") === true;
}

export class Killer {
  readonly #agent: Agent;
  readonly #title: string;
  readonly #commands: Commands;
  readonly #lacking: LackingBundle | undefined;
  readonly #clean: Fingerprint;
  /** Of the installations that the scene begins and ends with. */
  readonly #whole = new Map<Command, Fingerprint>();
  readonly #probe: Probe;
  #kills = 0;

  private constructor(
    agent: Agent,
    { title, commands }: Scene,
    clean: Fingerprint,
    lacking: LackingBundle | undefined,
  ) {
    this.#agent = agent;
    this.#lacking = lacking;
    this.#title = title;
    this.#commands = commands(agent.world);
    this.#clean = clean;
    this.#probe = new Probe(agent.world);
  }

  static async create(agent: Agent, scene: Scene, lacking?: LackingBundle): Promise<Killer> {
    const killer = new Killer(agent, scene, await agent.look(), lacking);
    const { first, killed } = killer.#commands;
    for (const command of [first, killed]) {
      if (command === undefined || command === UNINSTALL) continue;
      await killer.#do(command);
      killer.#whole.set(command, withoutLocks(withoutNumbers(await agent.look())));
      await killer.#expectInterception(command, "before anything was killed");
      await killer.#expectUninstalls("before anything was killed");
    }
    return killer;
  }

  /** @returns how many places there are, of which `./scripts/test` without --whole tries a part */
  async killEverywhere(): Promise<number> {
    const { killed } = this.#commands;
    await this.#begin();
    const { exitCode, stderr, changes } = await this.#agent.kill([], this.#processOf(killed));
    expect(exitCode, stderr).toBe(0);
    for (const { what } of changes) expect(what).not.toMatch(ELSEWHERE);
    await this.#expectUninstalls("after nothing was killed");
    const kills = killsOf(changes);
    for (const { change, options } of someOf(kills, PART)) await this.#killAt(change, options);
    const lasting = changes.filter((change) => change.lasting).length;
    console.log(
      `${this.#title}: ${changes.length} calls change something, ${lasting} of them for good; ` +
        `killed at ${this.#kills} of ${kills.length} places`,
    );
    return kills.length;
  }

  async #begin(): Promise<void> {
    if (this.#commands.first !== undefined) await this.#do(this.#commands.first);
  }

  async #killAt({ nth, what }: Change, options: readonly string[]): Promise<void> {
    const about = `${this.#title}, killed before ${nth}: ${what} ${options.join(" ")}`;
    await this.#begin();
    await this.#kill(this.#commands.killed, nth, what, options);
    this.#kills++;
    await this.#expectTruth(about);
    await this.#expectNoGap(about);
    const repair = this.#kills % 2 === 0 ? UNINSTALL : this.#installation();
    if (this.#kills % TWICE < 2) {
      const again = 1 + ((this.#kills * 7) % 90);
      await this.#agent.kill(["--nth", String(again)], this.#processOf(repair));
      await this.#expectTruth(`${about}, and the repair before ${again}`);
    }
    if (repair !== UNINSTALL) await this.#expectHeals(repair, about);
    await this.#expectUninstalls(about);
  }

  async #kill(command: Command, nth: number, what: string, options: readonly string[]): Promise<void> {
    const { exitCode, stderr, changes } = await this.#agent.kill(
      ["--nth", String(nth), ...options],
      this.#processOf(command),
    );
    expect(exitCode, `${nth}: ${what}: ${stderr}`).toBe(KILLED);
    expect(anonymous(changes.at(-1)?.what ?? "")).toBe(anonymous(what));
  }

  #processOf({ args, lacks, program = TPROXYCTL }: Command): string[] {
    if (lacks === undefined) return [program, ...args];
    if (this.#lacking === undefined) throw new Error("there is no program for a kernel that lacks something");
    return [process.execPath, this.#lacking.program, JSON.stringify(lacks), ...args];
  }

  /** What the user wanted, or had: in turn. */
  #installation(): Command {
    const { first = UNINSTALL, killed } = this.#commands;
    const choices = [killed, first].filter((command) => command !== UNINSTALL);
    return choices[((this.#kills - 1) / 2) % choices.length] ?? UNINSTALL;
  }

  /** Exit status 0 and 1 are for what is all there, of one installation, and for nothing of it. */
  async #expectTruth(about: string): Promise<void> {
    const before = await this.#agent.look();
    const { exitCode, stdout, stderr } = await this.#agent.run(["status"]);
    const said = `${about}: status ${exitCode}: ${stdout}${stderr}`;
    expect([0, 1, 2], said).toContain(exitCode);
    expect(stderr, said).not.toMatch(/ code: /);
    if (exitCode === 0)
      expect([...this.#whole.values()].map(effect), said).toContainEqual(effect(withoutNumbers(before)));
    if (exitCode === 1) expect(intercepting(before), said).toEqual(intercepting(this.#clean));
    // Not the maps: the kernel frees in its own time what the killed process held.
    const after = { ...(await this.#agent.look()), maps: before.maps };
    const home = join(this.#agent.world.bpffs, HOME);
    expect(withoutEmptyHome(after, home), said).toEqual(withoutEmptyHome(before, home));
  }

  async #expectHeals(installation: Command, about: string): Promise<void> {
    await this.#do(installation, about);
    const expected = this.#whole.get(installation);
    const now = async () => withoutLocks(withoutNumbers(await this.#agent.look()));
    await expect.poll(now, { timeout: 10_000, interval: 40, message: about }).toEqual(expected);
    const { exitCode, stdout, stderr } = await this.#agent.run(["status"]);
    expect(exitCode, `${about}: ${stdout}${stderr}`).toBe(0);
    await this.#expectInterception(installation, about);
  }

  async #expectInterception({ args, ports = USUAL_PORTS, besides }: Command, about: string): Promise<void> {
    await this.#probe.expectIntercepted([ports], `${about}: then ${args.join(" ")}`);
    await besides?.(this.#agent.world);
  }

  /** Where one installation takes the place of another, one of the two does its work at any moment. */
  async #expectNoGap(about: string): Promise<void> {
    const { first, killed } = this.#commands;
    if (first === undefined || killed === UNINSTALL) return;
    await this.#probe.expectIntercepted(
      [first, killed].map(({ ports = USUAL_PORTS }) => ports),
      about,
    );
  }

  async #expectUninstalls(about: string): Promise<void> {
    await this.#do(UNINSTALL, about);
    await expect
      .poll(() => this.#agent.look(), { timeout: 10_000, interval: 40, message: about })
      .toEqual(this.#clean);
  }

  async #do(command: Command, about = "setting up"): Promise<Result> {
    const { args, lacks, program } = command;
    const result =
      program === undefined
        ? await this.#agent.run(args, lacks)
        : await this.#agent.mounts.run([program, ...args]);
    expect(result.exitCode, `${about}: ${command.args.join(" ")}: ${result.stderr}`).toBe(0);
    return result;
  }
}

/** A lock file that nobody holds is removed by the next one who takes that lock, which not each installation does. */
function withoutLocks(state: Fingerprint): Fingerprint {
  return { ...state, files: state.files.filter((path) => !/^\/run\/tproxyctl(\/\w+\.lock)?$/.test(path)) };
}

/** One that is empty, any command of another test removes. */
function withoutEmptyHome(state: Fingerprint, home: string): Fingerprint {
  if (state.files.some((path) => path.startsWith(`${home}/`))) return state;
  return { ...state, files: state.files.filter((path) => path !== home) };
}

/** What an installation consists of, as far as connections meet it. */
function effect(state: Fingerprint): unknown {
  return { ...intercepting(state), addresses: state.addresses };
}

function anonymous(text: string): string {
  return text.replace(/(?<=(netns|staging)-\d+-)\d+/g, "#");
}
