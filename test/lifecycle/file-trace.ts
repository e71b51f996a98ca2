// What a program names to the kernel: by strace, each call that names a file.

import { expect } from "vitest";

/**
 * The command line of a program and of all that it runs, with variables that name places of anybody's.
 *
 * @param log where the calls are written
 * @param directory is what the program starts in
 */
export function traced(log: string, directory: string, args: readonly string[]): string[] {
  const variables = ["TMPDIR", "HOME"].map((name) => `${name}=${directory}/${name.toLowerCase()}`);
  const strace = ["strace", "-f", "-qq", "-s", "400", "-o", log, "-e", "trace=%file", "-e", "signal=none"];
  return ["env", `--chdir=${directory}`, ...variables, ...strace, ...args];
}

export function readCalls(log: string): string[] {
  return log
    .split("\n")
    .map((line) => line.replace(/^\d+ +/, ""))
    .filter((line) => line.includes('"'));
}

/** Where the project is shown to a world, below /tmp: reading its own program is no offence. */
const OWN = /"\/tmp\/tproxyctl-project-\w+(\/[^"]*)?"/g;
const ANYBODYS = /"(\/tmp|\/var\/tmp|\/dev\/shm)\/[^"]+"/;
/** An absolute path goes on; "" and the like stand for a descriptor or for what a link says. */
const RELATIVE =
  /^(open|creat|mkdir|rename|unlink|rmdir|link|symlink|mknod|chmod|chown|truncate)\w*\((AT_FDCWD, )?"[^/"]/;

/** Of what is made: the path and the mode. */
const CREATED = [
  /^openat\([^"]*"([^"]+)", [^,]*O_CREAT[^,]*, (0\d+)\)/,
  /^mkdir(?:at)?\((?:AT_FDCWD, )?"([^"]+)", (0\d+)\) = 0/,
];

/** No file is named in a place where others could have prepared one; what is made is in `home`, and for root alone. */
export function expectNoPreparedFile(calls: readonly string[], home: RegExp): void {
  expect(calls.length).toBeGreaterThan(500);
  const offences = calls.filter((call) => {
    if (call.startsWith("getcwd(")) return false;
    const rest = call.replaceAll(OWN, "");
    return ANYBODYS.test(rest) || RELATIVE.test(rest);
  });
  expect(offences).toEqual([]);
  const made = calls.flatMap((call) =>
    CREATED.map((pattern) => pattern.exec(call)).filter((match) => match !== null),
  );
  expect(made.length).toBeGreaterThan(1);
  for (const [call, path, mode] of made) {
    if (path?.startsWith("/dev/")) continue;
    expect(path, call).toMatch(home);
    expect(mode, call).toMatch(call.startsWith("mkdir") ? /^0700$/ : /^0600$/);
  }
}
