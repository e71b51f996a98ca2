// SPDX-License-Identifier: Apache-2.0
import { defaultOf } from "../config/settings.ts";
import { describeError, TproxyError } from "../core/errors.ts";
import { transform } from "../dataplane/transform.ts";
import type { TransformOptions } from "../dataplane/transform-options.ts";
import { isLinux } from "../host/kernel.ts";
import { replaceFile } from "../host/replace-file.ts";
import { readDataplaneFile, STDIN } from "./dataplane/read-file.ts";
import { planOfInstallation } from "./explain/basis.ts";
import type { CommandIo } from "./io.ts";
import type { DataplaneTransformOptions } from "./options.ts";
import { isRoot } from "./require-root.ts";

/** Where the text comes from that is no file, and where it goes to, as it is. */
export interface TextStreams {
  readonly stdin: () => AsyncIterable<Uint8Array | string>;
  readonly write: (text: string) => unknown;
}

/** Turns Dataplanes into their transparent form. What was done goes to stderr. Exit status: 0, also where nothing was to do. */
export async function runDataplaneTransform(
  options: DataplaneTransformOptions,
  io: CommandIo,
  streams: TextStreams,
): Promise<number> {
  const { file, inPlace } = options;
  if (inPlace && file === STDIN)
    throw new TproxyError("USAGE", "--in-place needs a file: what comes from stdin goes to stdout");
  const source = await readDataplaneFile(file, streams.stdin);
  const { text, notes } = transform(source, await wanted(options, io));
  for (const note of notes) io.note(note);
  if (!inPlace) streams.write(text);
  else if (text !== source.text) replace(file, text);
  return 0;
}

function replace(path: string, text: string): void {
  try {
    replaceFile(path, text, 0o644);
  } catch (cause) {
    throw new TproxyError("SYSCALL_FAILED", `cannot write ${path}: ${describeError(cause)}`, {
      cause,
      hint: "The file is as it was. Without --in-place the result goes to stdout.",
    });
  }
}

async function wanted(options: DataplaneTransformOptions, io: CommandIo): Promise<TransformOptions> {
  const { inboundPort, outboundPort, ipFamilyMode, reachableServices } = options;
  const isAsked = inboundPort !== undefined && outboundPort !== undefined;
  const installed = isAsked ? undefined : await readInstalled(options, io);
  const port = (asked: number | undefined, here: number | undefined, key: PortKey) => ({
    port: asked ?? here ?? Number(defaultOf(key)),
    correct: asked !== undefined,
  });
  return {
    inbound: port(inboundPort, installed?.inbound.port, "redirect.inbound.port"),
    outbound: port(outboundPort, installed?.outbound.port, "redirect.outbound.port"),
    family: {
      ipv4Only: ipFamilyMode === undefined ? installed?.ipv6 === false : ipFamilyMode === "ipv4",
      correct: ipFamilyMode !== undefined,
    },
    reachableServices,
  };
}

type PortKey = "redirect.inbound.port" | "redirect.outbound.port";

/** Undefined where nothing is, or only root could tell: the defaults are meant then. */
async function readInstalled({ bpffsPath }: DataplaneTransformOptions, io: CommandIo) {
  if (!isLinux() || !isRoot()) return undefined;
  try {
    const basis = await planOfInstallation(bpffsPath, io, "dataplane transform");
    if (basis !== undefined)
      io.note(`note: the ports are those installed here, by the ${basis.engine} engine`);
    return basis?.plan;
  } catch (error) {
    io.note(
      `note: what is installed here cannot be read, so the ports are the defaults: ${describeError(error)}`,
    );
    return undefined;
  }
}
