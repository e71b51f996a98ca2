// Every file that an installation and its removal name to the kernel: none in a place that others could have prepared.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TPROXYCTL, World } from "../support/world.ts";
import { EBPF, IPTABLES } from "./engines.ts";
import { PrivateMounts } from "./private-mounts.ts";

let world: World;
let mounts: PrivateMounts;
let directory: string;

beforeAll(async () => {
  world = await World.create();
  mounts = await PrivateMounts.create(world);
  // Pins are looked for on every bpffs: other tests have some below /tmp.
  await mounts.mustRun("umount", "--all", "--types", "bpf");
  directory = mkdtempSync(join(tmpdir(), "tproxyctl-trace-"));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await world[Symbol.asyncDispose]();
});

/** Each call that names a file, of the program and of all that it runs. */
async function trace(args: readonly string[]): Promise<string[]> {
  const log = join(directory, "log");
  const variables = ["TMPDIR", "HOME"].map((name) => `${name}=${directory}/${name.toLowerCase()}`);
  const strace = ["strace", "-f", "-qq", "-s", "400", "-o", log, "-e", "trace=%file", "-e", "signal=none"];
  const command = ["env", `--chdir=${directory}`, ...variables, ...strace, TPROXYCTL, ...args];
  const { exitCode, stderr } = await mounts.run(command);
  expect(exitCode, stderr).toBe(0);
  return readFileSync(log, "utf8")
    .split("\n")
    .map((line) => line.replace(/^\d+ +/, ""))
    .filter((line) => line.includes('"'));
}

/** Where the project is shown to the world, below /tmp: reading its own program is no offence. */
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

test.each([
  ["eBPF", [...EBPF], /^\/run\/(kuma|tproxyctl)/],
  ["iptables (nft)", [...IPTABLES.nft], /^\/run\/tproxyctl/],
  ["iptables (legacy)", [...IPTABLES.legacy], /^\/run\/(tproxyctl|xtables\.lock$)/],
])("%s", async (_engine, flags, home) => {
  const calls = [
    ...(await trace(mounts.installArguments(...flags, "--redirect-dns"))),
    ...(await trace(["status"])),
    ...(await trace(["uninstall"])),
  ];
  expect(calls.length).toBeGreaterThan(1000);
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
});
