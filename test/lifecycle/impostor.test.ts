// Who is taken for the proxy, and who is not: SECURITY.md.

import { describe, expect, test } from "vitest";
import { APP_UID, type Connection, PROXY_UID, TPNET, World } from "../support/world.ts";
import { EBPF, IPTABLES } from "./engines.ts";

const REMOTE = "10.66.0.2:8080";

describe.each([
  ["eBPF", EBPF],
  ["iptables", IPTABLES.nft],
])("%s", (_engine, flags) => {
  test("a user namespace makes nobody the proxy's user", async () => {
    await using world = await World.create((made) => made.startProxy());
    await world.install(...flags);
    const connect = [TPNET, "connect", "--to", REMOTE];
    const asUser = async (uid: number, ...before: readonly string[]): Promise<Connection> => {
      const { stdout, stderr } = await world.run([...before, ...connect], { uid });
      expect(stderr).toBe("");
      return JSON.parse(stdout) as Connection;
    };
    const inside = ["unshare", "--user", `--map-user=${PROXY_UID}`];
    const identity = await world.run([...inside, "id", "-u"], { uid: APP_UID });
    expect(identity.stdout).toBe(String(PROXY_UID));
    expect((await asUser(APP_UID, ...inside)).server?.listener).toMatch(/:15001$/);
    await using _remote = await world.serve([REMOTE], { host: "remote", cgroup: false }).then((server) => ({
      [Symbol.asyncDispose]: () => server.stop(),
    }));
    expect((await asUser(PROXY_UID)).server?.listener).toBe(REMOTE);
  });

  test("who listens on its port first gets its connections, and is named", async () => {
    await using world = await World.create();
    const other = await world.serve(["0.0.0.0:15001"], { uid: APP_UID });
    const { stderr } = await world.install(...flags);
    expect(stderr).toMatch(/warning: .*15001 .*user 1000, not .*5678/);
    expect((await world.connect(REMOTE)).server?.listener).toMatch(/:15001$/);
    await other.stop();
  });
});
