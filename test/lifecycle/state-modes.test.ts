// What root makes is root's alone: whatever umask it was called with, and whoever was there before.

import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { APP_UID, TPROXYCTL, World } from "../support/world.ts";
import { EBPF, IPTABLES } from "./engines.ts";
import { PrivateMounts } from "./private-mounts.ts";
import { expectFailure, expectNotInstalled } from "./support.ts";

/** Everything below a directory, as "directory 700 0 name": type, mode, user. */
function modesBelow(top: string): string[] {
  return readdirSync(top, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const found = lstatSync(join(top, name));
      const type = found.isDirectory() ? "directory" : found.isFile() ? "file" : "other";
      return `${type} ${(found.mode & 0o7777).toString(8)} ${found.uid} ${name}`;
    });
}

/** The kernel gives the root of a bpffs the sticky bit as well, and two files to read. */
const ROOTS_ALONE = /^(directory 1?700 0|file 600 0|file 400 0 kuma\/bpf\/\w+\.debug$)/;

const withUmask = (umask: string, args: readonly string[]) => [
  "sh",
  "-c",
  `umask ${umask}; exec "$@"`,
  "sh",
  TPROXYCTL,
  ...args,
];

test.each(["000", "077", "777"])("directories and files are root's alone with umask %s", async (umask) => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  const look = { mountsOf: mounts.pid };
  const run = `/proc/${mounts.pid}/root/run`;
  const before = await kernelState(world, look);
  const files = modesBelow(run);
  const tproxyctl = async (...args: readonly string[]) => {
    const { exitCode, stderr } = await mounts.run(withUmask(umask, args));
    expect(exitCode, stderr).toBe(0);
  };
  for (const engine of [EBPF, IPTABLES.nft]) {
    await tproxyctl(...mounts.installArguments(...engine));
    const made = modesBelow(run).filter((line) => !files.includes(line));
    expect(made.filter((line) => line.startsWith("file")).length).toBeGreaterThan(engine === EBPF ? 20 : 0);
    for (const line of made) expect(line).toMatch(ROOTS_ALONE);
  }
  await tproxyctl("uninstall");
  await expectState(world, before, look);
});

test.each<[string, (home: string, world: World) => Promise<unknown>]>([
  ["another user's", (home, world) => world.run(["mkdir", home], { uid: APP_UID, cgroup: false })],
  ["everybody's", (home, world) => world.run(["mkdir", "--mode=777", home], { cgroup: false })],
  [
    "a link to another user's",
    (home, world) =>
      world.run(["sh", "-c", `mkdir ${home}s && ln -s ${home}s ${home}`], { uid: APP_UID, cgroup: false }),
  ],
])("a directory for the pins that is %s is nobody's installation", async (_whose, make) => {
  await using world = await World.create();
  const home = join(world.bpffs, "tproxyctl");
  await make(home, world);
  await world.run(["mkdir", `${home}/netns-1-1`], { uid: APP_UID, cgroup: false });
  const before = await kernelState(world);
  expectFailure(
    await world.tproxyctl(world.installArguments()),
    "BPFFS_UNUSABLE",
    /cannot use .*\/tproxyctl for the pins: others could change what is in it/,
    /look who made it/,
  );
  await expectNotInstalled(world);
  await world.uninstall();
  await expectState(world, before);
});

test("no file system is mounted where others could have it hide a directory", async () => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  await mounts.mustRun("install", "--directory", `--owner=${APP_UID}`, "/run/kuma");
  const look = { mountsOf: mounts.pid };
  const before = await kernelState(world, look);
  expectFailure(
    await mounts.install(),
    "BPFFS_UNUSABLE",
    /no BPF file system is mounted at \/run\/kuma\/bpf: \/run\/kuma belongs to user 1000/,
    /chown root/,
  );
  await expectState(world, before, look);
});
