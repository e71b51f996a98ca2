// What is written down below /run goes with a reboot, but not where /run is kept (a container's layer, a disk). Power that
// failed, another boot, another namespace with the same number: none of it is taken for what is there.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { PROXY_UID } from "../support/world.ts";
import { Agent } from "./crash/agent.ts";
import { type Fingerprint, withoutNumbers } from "./crash/fingerprint.ts";

const OTHER_BOOT = "00000000-0000-0000-0000-000000000000";

/** Of a lock's holder, what it was about to do: here, to remove directories. */
const JOURNALS = [
  "",
  "1\n",
  `1\n2 /run/theirs/empty\n${OTHER_BOOT}\n`,
  "1\n2 /run/theirs/em",
  "\0\0\0\0",
  "garbage\n".repeat(1000),
];

/** Of rules that nobody made here. */
const RECORDS = [
  "",
  "\0".repeat(4096),
  JSON.stringify({
    format: 1,
    bootId: OTHER_BOOT,
    netns: { inode: 1 },
    applied: [],
    addedPassthroughAddress: true,
  }),
];

/** True in all but one: the boot, or the namespace of that inode. */
async function untrueRecords(agent: Agent, run: string): Promise<string[]> {
  const flags = ["--engine=iptables", ...FLAGS];
  expect(await agent.run(["install", ...flags])).toMatchObject({ exitCode: 0 });
  const { inode } = agent.netns;
  const path = join(run, "tproxyctl", `iptables-${inode}.json`);
  const record = { ...JSON.parse(readFileSync(path, "utf8")), addedPassthroughAddress: true };
  expect(record.netns).toEqual({ inode, cookie: expect.stringMatching(/^\d+$/) });
  expect(await agent.run(["uninstall"])).toMatchObject({ exitCode: 0 });
  return [
    { ...record, bootId: OTHER_BOOT },
    { ...record, netns: { inode, cookie: "1" } },
  ].map((each) => JSON.stringify(each));
}

const FLAGS = ["--kuma-dp-user", String(PROXY_UID)];

test.each(["ebpf", "iptables"])("%s", async (engine) => {
  await using agent = await Agent.create((world) => world.startProxy());
  const { world } = agent;
  const run = `/proc/${agent.mounts.pid}/root/run`;
  const install = ["install", `--engine=${engine}`, "--ebpf-cgroup-path", world.cgroup, ...FLAGS];
  mkdirSync(join(run, "theirs/empty"), { recursive: true });
  // Somebody's: the address that an installation may add.
  await world.ip("service", "address", "add", "::6/128", "dev", "lo", "nodad");
  const clean = await agent.look();
  expect((await agent.run(install)).exitCode).toBe(0);
  const whole = await agent.look();
  expect((await agent.run(["uninstall"])).exitCode).toBe(0);
  await expect.poll(() => agent.look()).toEqual(clean);

  const { inode } = agent.netns;
  const records = [...RECORDS, ...(await untrueRecords(agent, run))];
  await expect.poll(() => agent.look()).toEqual(clean);
  const stale = [
    ...JOURNALS.flatMap((text) => [`net-${inode}.lock`, "bpffs.lock"].map((name) => [name, text] as const)),
    ...records.flatMap((text) =>
      [`iptables-${inode}.json`, `iptables-${inode}.json.new`].map((name) => [name, text] as const),
    ),
    [`iptables-${inode}.json.new`, '{"format": 1, "app'] as const,
  ];
  for (const [name, text] of stale) {
    const about = `${name}: ${JSON.stringify(text.slice(0, 60))}`;
    const leave = () => {
      const path = join(run, "tproxyctl", name);
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(path, text);
    };
    leave();
    const { exitCode, stdout, stderr } = await agent.run(["status"]);
    expect({ exitCode, stderr }, `${about}: ${stdout}`).toEqual({ exitCode: 1, stderr: "" });
    expect(await agent.run(install), about).toMatchObject({ exitCode: 0 });
    expect((await agent.run(["status"])).exitCode, about).toBe(0);
    expect(effect(await agent.look()), about).toEqual(effect(whole));
    expect(await agent.run(["uninstall"]), about).toMatchObject({ exitCode: 0 });
    await expect.poll(() => agent.look(), { message: about }).toEqual(clean);
    leave();
    expect(await agent.run(["uninstall"]), about).toMatchObject({ exitCode: 0 });
    await expect.poll(() => agent.look(), { message: about }).toEqual(clean);
  }
});

/** What connections meet. What is stale may lie there until the next command that has to do with it. */
function effect(state: Fingerprint): unknown {
  const { hooks, rules, addresses } = withoutNumbers(state);
  return { hooks, rules, addresses };
}
