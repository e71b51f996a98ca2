// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";

/** A line of /proc/self/mountinfo, as far as it is of use here. */
export interface MountEntry {
  readonly id: number;
  readonly parent: number;
  /** The directory inside the file system that is mounted: "/" for all of it. */
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
  /** What was given as the source, a device or, for a file system without one, any text. */
  readonly source: string;
}

/** Reads /proc/self/mountinfo (proc(5)). Throws INTERNAL at a line that is not understood. */
export function parseMountinfo(text: string): MountEntry[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map(parseLine);
}

function parseLine(line: string): MountEntry {
  // The number of optional fields before the " - " differs from line to line.
  const end = line.indexOf(" - ");
  const [left, right] = [line.slice(0, end), line.slice(end + 3)];
  const [id, parent, , root, mountPoint] = left.split(" ");
  const [type, source] = right.split(" ");
  if (root === undefined || mountPoint === undefined || !type || source === undefined) {
    throw new TproxyError("INTERNAL", `cannot read a line of /proc/self/mountinfo: ${JSON.stringify(line)}`);
  }
  return {
    id: Number(id),
    parent: Number(parent),
    root: decodeOctal(root),
    mountPoint: decodeOctal(mountPoint),
    type,
    source: decodeOctal(source),
  };
}

/** The kernel writes a byte that would break the format (space, tab, newline, backslash) as `\040`. */
function decodeOctal(text: string): string {
  return text.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** The mount that a path without symbolic links is on: of several on the same directory the last one counts. */
export function mountOf(path: string, mounts: readonly MountEntry[]): MountEntry | undefined {
  const holding = mounts.filter(({ mountPoint }) => isBelow(path, mountPoint));
  const longest = Math.max(...holding.map(({ mountPoint }) => mountPoint.length));
  return holding.findLast(({ mountPoint }) => mountPoint.length === longest);
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith("/") ? directory : `${directory}/`);
}

/** Where cgroup2 is mounted: mounts of the whole hierarchy first, which a container may see beside parts of it. */
export function cgroup2MountPoints(mounts: readonly MountEntry[]): string[] {
  const cgroup2 = mounts.filter(({ type }) => type === "cgroup2");
  const [whole, parts] = [
    cgroup2.filter(({ root }) => root === "/"),
    cgroup2.filter(({ root }) => root !== "/"),
  ];
  return [...whole, ...parts].map(({ mountPoint }) => mountPoint);
}
