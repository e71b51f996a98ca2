// Other options of getsockopt are none of our business: every answer is what it is without us.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { APP_UID, PROXY_UID, TPNET, World } from "../support/world.ts";
import { IPTABLES_WAYS, SK_LOOKUP, WAYS, type Way } from "./ways.ts";

const RULES = 3000;

/** What `tpnet serve --roomy` has room for. */
const ROOM = 128;

// eBPF says how long its answer is, as getsockopt(2) has it. The kernel's own, for iptables, says what it was told.
test.each(WAYS)("SO_ORIGINAL_DST answers who has more room than it takes: $way", async (way) => {
  const length = (address: number) => (way.engine === "ebpf" ? address : ROOM);
  await using world = await World.create();
  await world.startProxy({ flags: ["--roomy"] });
  await world.startProxy({ listen: ["[::]:25001"], flags: ["--dual", "--roomy"] });
  await world.install(...way.flags);
  const v4 = await world.connect("10.66.0.2:80");
  expect(v4.server).toMatchObject({ origdst: "10.66.0.2:80", errno: 0, optlen: length(16) });
  const v6 = await world.connect("[fd66::2]:80");
  expect(v6.server).toMatchObject({ origdst: "[fd66::2]:80", errno: 0, optlen: length(28) });
  // A mapped connection is IPv4, also when it is asked on an AF_INET6 socket.
  await world.install(...way.flags, "--redirect-outbound-port", "25001");
  const mapped = await world.connect("10.66.0.2:80", { flags: ["--mapped"] });
  expect(mapped.server).toMatchObject({
    listener: "[::]:25001",
    origdst: "10.66.0.2:80",
    errno: 0,
    optlen: length(16),
  });
});

describe("getsockopt answers as without the installation", () => {
  let world: World;

  beforeAll(async () => {
    world = await World.create();
    await world.serve(["0.0.0.0:80", "[::]:80"]);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  /** The same command with and without, in the cgroup. */
  async function compare(
    way: Way,
    command: readonly string[],
    uid?: number,
  ): Promise<readonly [string, string]> {
    const options = uid === undefined ? {} : { uid };
    const without = await world.run(command, options);
    await world.install(...way.flags);
    const within = await world.run(command, options);
    await world.uninstall();
    expect([without.stderr, without.exitCode, within.stderr, within.exitCode]).toEqual(["", 0, "", 0]);
    return [without.stdout, within.stdout];
  }

  const clients = [
    { who: "an application", uid: APP_UID },
    { who: "the proxy", uid: PROXY_UID },
    { who: "root", uid: 0 },
  ];
  // tc or not makes no difference here. iptables has no hook that could tell users apart.
  const cases = [
    ...clients.map((client) => ({ ...client, way: SK_LOOKUP })),
    ...IPTABLES_WAYS.map((way) => ({ who: "root", uid: 0, way })),
  ];
  test.each(cases)(
    "byte for byte, for all levels, options and sizes to 64 KiB: $way.way, $who",
    async ({ way, uid }) => {
      const command = [TPNET, "sockopts", "--accept-from", "--connected", "127.0.0.1:80"];
      const [without, within] = await compare(way, command, uid);
      expect(without.split("\n").length).toBeGreaterThan(50_000);
      const [expected, actual] =
        way.engine === "ebpf" ? [without, within] : [without, within].map(withoutTracked);
      expect(actual).toBe(expected);
      // An answer of 64 KiB is among them: root's socket whose peer is in 16 384 groups.
      if (uid === 0) expect(within).toMatch(/^groups 1 59 65536 -> 0 0 65536 /m);
    },
  );

  // They read the whole table by one getsockopt, some hundred KiB; a hook that sees a page of it must not matter. iptables has none.
  test.each(["iptables-legacy", "ip6tables-legacy"])("%s-save prints 3000 rules", async (iptables) => {
    const rules = Array.from(
      { length: RULES },
      (_, index) => `-A INPUT -p tcp -m tcp --dport ${index + 1} -j DROP`,
    );
    const input = ["*mangle", ...rules, "COMMIT", ""].join("\n");
    expect(await world.run([`${iptables}-restore`], { input })).toMatchObject({ stderr: "", exitCode: 0 });
    const [without, within] = await compare(SK_LOOKUP, [`${iptables}-save`]);
    expect(rulesOf(without)).toEqual(rules);
    expect(rulesOf(within)).toEqual(rules);
    await world.run([iptables, "-t", "mangle", "-F"]);
  });
});

/**
 * Without the answers for SO_ORIGINAL_DST of connections, where there is room for an address: ENOENT, and with iptables,
 * for which the kernel follows all connections, where they go: the same to whom nobody redirected.
 */
function withoutTracked(output: string): string {
  const answered = /^(connected|accepted\S+) (0|41) 80 \d+ -> (-1 ENOENT|0 0) .*\n/gm;
  // 7 of the sizes have room for an address of IPv4, 6 for one of IPv6.
  expect(output.match(answered)?.length).toBe(4 * 7 + 2 * 6);
  return output.replace(answered, "");
}

function rulesOf(output: string): readonly string[] {
  return output.split("\n").filter((line) => line.startsWith("-A"));
}
