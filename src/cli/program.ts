// SPDX-License-Identifier: Apache-2.0
import { type Command, CommanderError } from "commander";
import type { CommandIo } from "../commands/io.ts";
import type { Flag, GivenFlag } from "../config/flag.ts";
import { TproxyError } from "../core/errors.ts";
import { addFlags } from "./add-flags.ts";
import { askOnTerminal } from "./ask-on-terminal.ts";
import {
  ALL_FLAGS,
  CONFIG_SHOW_FLAGS,
  CONFIRM_FLAGS,
  DOCTOR_FLAGS,
  INSTALL_COMMAND_FLAGS,
  INSTALL_FLAGS,
  PROXY_FLAGS,
  PUT_BACK_FLAGS,
  STATUS_FLAGS,
  UNINSTALL_FLAGS,
  VALIDATOR_FLAGS,
  VERIFY_FLAGS,
} from "./command-flags.ts";
import {
  configShowOptions,
  doctorOptions,
  installOptions,
  proxyOptions,
  putBackOptions,
  statusOptions,
  uninstallOptions,
} from "./command-options.ts";
import type { Commands } from "./commands.ts";
import { addDataplaneCommands } from "./dataplane-commands.ts";
import { DATAPLANE_CHECK_FLAGS, DATAPLANE_TRANSFORM_FLAGS } from "./dataplane-flags.ts";
import type { CliEnvironment } from "./environment.ts";
import { EXPLAIN_QUESTIONS, type ExplainKind } from "./explain-flags.ts";
import { describesConfiguration, explainOptions } from "./explain-options.ts";
import { nameSources } from "./name-sources.ts";
import { readGiven, readStoredGiven } from "./read-given.ts";
import { newRoot } from "./root-command.ts";
import { dropGlobalConfigFile, writeOutSwitches } from "./switches.ts";
import { SEE_HELP, usageError } from "./usage-error.ts";
import { joinValidator, VALIDATOR } from "./validator.ts";
import { validatorFlags, validatorOptions, verifyOptions } from "./verify-options.ts";

/**
 * Parses the command line and runs the command that it names.
 *
 * @returns the exit status
 * @throws TproxyError USAGE, ConfigError, and what the command throws
 */
export async function runProgram(
  argv: readonly string[],
  environment: CliEnvironment,
  commands: Commands,
): Promise<number> {
  let status = 0;
  const program = buildProgram(environment, commands, (result) => {
    status = result;
  });
  try {
    const words = joinValidator(writeOutSwitches(dropGlobalConfigFile(argv, EVERY_FLAG), EVERY_FLAG));
    await program.parseAsync([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // The text that was asked for (--help) or that stands for a missing command has been written.
    if (error.message === "(outputHelp)" || error.code === "commander.version") return error.exitCode;
    throw usageError(error, argv);
  }
  return status;
}

const EVERY_FLAG = [...ALL_FLAGS, ...DATAPLANE_TRANSFORM_FLAGS, ...DATAPLANE_CHECK_FLAGS];

/** Makes a command: its flags, and what it does with those that were given, and with the words after its name. */
export type AddCommand = (
  name: string,
  summary: string,
  flags: readonly Flag[],
  act: (given: GivenFlag[], words: readonly unknown[]) => Promise<number>,
  parent?: Command,
) => Command;

function buildProgram(
  environment: CliEnvironment,
  commands: Commands,
  done: (status: number) => void,
): Command {
  const io: CommandIo = {
    out: (line) => environment.stdout.write(`${line}\n`),
    note: (line) => environment.stderr.write(`${line}\n`),
  };
  const program = newRoot(environment);

  const configOf = (given: readonly GivenFlag[]) => readGiven(given, environment, io);

  const add: AddCommand = (name, summary, flags, act, parent = program) => {
    const given: GivenFlag[] = [];
    const command = parent.command(name, { hidden: HIDDEN.has(name) }).description(summary);
    addFlags(command, flags, given);
    return command.action(async (...words: unknown[]) => {
      if (name.endsWith(OBJECT)) requireTransparentProxy(command.name(), words[0]);
      noteDeprecated(given, io);
      done(await act(given, words));
    });
  };

  const install = async (given: GivenFlag[]) => {
    const options = installOptions(given);
    const resolved = options.stored ? await readStoredGiven(given, environment, io) : await configOf(given);
    const { runInstall } = await commands.install();
    return nameSources(resolved, () => runInstall(resolved.config, options, io, environment.untilTerminated));
  };
  const installFlags = [...INSTALL_FLAGS, ...INSTALL_COMMAND_FLAGS];
  add(`install ${OBJECT}`, "Put this network namespace behind the proxy", installFlags, install);
  add(`uninstall ${OBJECT}`, "Undo what install did, all of it", UNINSTALL_FLAGS, async (given) => {
    const options = uninstallOptions(given);
    if (options.leftovers) {
      const { runUninstallLeftovers } = await commands.uninstallLeftovers();
      return runUninstallLeftovers(options, io, (question) => askOnTerminal(question, environment));
    }
    const { runUninstall } = await commands.uninstall();
    return runUninstall(options, io, environment.untilTerminated);
  });
  const confirm = async () => (await commands.confirm()).runConfirm(io);
  add("confirm", "Keep what `install --confirm-within` changed", CONFIRM_FLAGS, confirm);
  add(PUT_BACK, "A part of install --confirm-within", PUT_BACK_FLAGS, async (given) => {
    const options = putBackOptions(given);
    const { runPutBack } = await commands.putBack();
    return runPutBack(options, io);
  });
  add("status", "Show what is installed and what it does", STATUS_FLAGS, async (given) => {
    const options = statusOptions(given);
    const { runStatus } = await commands.status();
    return runStatus(options, io);
  });
  add(
    `doctor ${OBJECT}`,
    "Show which engine can work here, and what is missing",
    DOCTOR_FLAGS,
    async (given) => {
      const options = doctorOptions(given);
      const resolved = await configOf(given);
      const { runDoctor } = await commands.doctor();
      return nameSources(resolved, () => runDoctor(resolved.config, options, io));
    },
  );
  const explain = program
    .command("explain")
    .description("Say what becomes of a connection, and why: installed, or with the options given");
  for (const [kind, summary] of EXPLAIN_SUMMARIES) {
    const flags = [...EXPLAIN_QUESTIONS[kind], ...INSTALL_FLAGS];
    const act = async (given: GivenFlag[]) => {
      const options = explainOptions(kind, given);
      const resolved = describesConfiguration(given) ? await configOf(given) : undefined;
      const { runExplain } = await commands.explain();
      const answer = () => runExplain(resolved, options, io);
      return resolved === undefined ? answer() : nameSources(resolved, answer);
    };
    add(kind, summary, flags, act, explain);
  }
  const config = program.command("config").description("Show the configuration, and what can be in it");
  const showSummary = "Show the configuration that install would use, and where each value came from";
  const show = async (given: GivenFlag[]) => {
    const options = configShowOptions(given);
    const resolved = await configOf(given);
    const { runConfigShow } = await commands.configShow();
    return runConfigShow(resolved, options, io);
  };
  add("show", showSummary, CONFIG_SHOW_FLAGS, show, config);
  const schema = async () => (await commands.configSchema()).runConfigSchema(io);
  add("schema", "Print the JSON schema of configuration files", [], schema, config);
  add(
    "verify",
    "Prove by real connections that what is installed intercepts",
    VERIFY_FLAGS,
    async (given) => {
      const options = verifyOptions(given);
      const resolved = await configOf(given);
      const { runVerify } = await commands.verify();
      return nameSources(resolved, () => runVerify(resolved, options, io));
    },
  );
  add(VALIDATOR, "As `verify`, for scripts that call kumactl's validator", VALIDATOR_FLAGS, async (given) => {
    const options = validatorOptions(given);
    const resolved = await configOf(validatorFlags(given));
    const { runVerify } = await commands.verify();
    return nameSources(resolved, () => runVerify(resolved, options, io));
  });
  add(VERIFY_PROBE, "A part of verify", [], async () => (await commands.verifyProbe()).serveProbe());
  addDataplaneCommands(program, add, commands, environment, io, configOf);
  add("proxy", "Run a pass-through proxy where no kuma-dp is at hand", PROXY_FLAGS, async (given) => {
    const options = proxyOptions(given);
    const { runProxy } = await commands.proxy();
    return runProxy(options, io, environment.untilTerminated());
  });
  return program;
}

const EXPLAIN_SUMMARIES = [
  ["outbound", "A TCP connection that a user of this host opens"],
  ["inbound", "A TCP connection that arrives from another host"],
  ["dns", "A DNS query, over UDP, of a user of this host"],
] as const satisfies readonly (readonly [ExplainKind, string])[];

/** verify starts it itself. */
const VERIFY_PROBE = "verify-probe";
/** So does the timer of install. */
const PUT_BACK = "put-back";
const HIDDEN: ReadonlySet<string> = new Set([VALIDATOR, VERIFY_PROBE, PUT_BACK]);

/** What install and uninstall are about; there is only this one, so it may be left out. */
const OBJECT = "[transparent-proxy]";

function requireTransparentProxy(command: string, word: unknown): void {
  if (typeof word !== "string" || word === "transparent-proxy") return;
  throw new TproxyError("USAGE", `${command}: unknown object '${word}'`, {
    hint: `Did you mean \`tproxyctl ${command} transparent-proxy\`? ${SEE_HELP}`,
  });
}

function noteDeprecated(given: readonly GivenFlag[], io: CommandIo): void {
  const notes = new Set(given.map(({ flag }) => flag.deprecated));
  for (const note of notes) if (note !== undefined) io.note(`note: ${note}`);
}
