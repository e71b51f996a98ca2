// `install --confirm-within` on a host that systemd runs: by a timer; and in another network namespace than the host's, by a
// process that the end of the session does not end.

import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Container } from "../support/container.ts";
import { PROXY_UID, TPROXYCTL } from "../support/world.ts";

const REMOTE = ["nsenter", "--net=/run/netns/remote"] as const;

class Host {
  readonly #container: Container;
  /** What a command is run by, in the network namespace that is meant. */
  readonly #where: readonly string[];

  constructor(container: Container, where: readonly string[] = []) {
    this.#container = container;
    this.#where = where;
  }

  /** In a session that ends with it: what is left in a scope is killed when that is stopped. */
  async install(...flags: readonly string[]): Promise<string> {
    const scope = ["systemd-run", "--quiet", "--scope", "--unit=session"];
    const install = [TPROXYCTL, "install", "--kuma-dp-user", String(PROXY_UID), ...flags];
    const said = await this.#container.mustRun(...scope, ...this.#where, ...install);
    await this.#container.run(["systemctl", "stop", "session.scope"]);
    return said;
  }

  async status(): Promise<string> {
    return (await this.#container.run([...this.#where, TPROXYCTL, "status"])).stdout;
  }

  async until(text: RegExp): Promise<void> {
    let last = "";
    for (const deadline = Date.now() + 40_000; Date.now() < deadline; ) {
      last = await this.status();
      if (text.test(last)) return;
      await setTimeout(200);
    }
    throw new Error(`it never came to that: ${last}`);
  }
}

let container: Container;

beforeAll(async () => {
  container = await Container.start([], new Map());
});

afterAll(async () => {
  await container?.[Symbol.asyncDispose]();
});

test("a timer of systemd puts back, and the journal tells; elsewhere a process does", async () => {
  const [host, remote] = [new Host(container), new Host(container, REMOTE)];
  const timers = async () =>
    (await container.mustRun("systemctl", "list-timers", "--all")).match(/tproxyctl\S+\.timer/g);

  await host.install("--engine=iptables", "--exclude-outbound-ports=7777");
  // The host's systemd starts nothing there.
  await remote.install("--engine=iptables", "--confirm-within=10s");
  expect(await remote.status()).toMatch(/^engine: iptables.*\nnot confirmed yet: at/s);
  expect(await timers()).toBeNull();
  const said = await host.install("--engine=ebpf", "--confirm-within=10s");
  const unit = /journalctl -u (tproxyctl-confirm-[0-9a-f]+)\)/.exec(said)?.[1] ?? "";
  expect(await timers()).toEqual([`${unit}.timer`]);
  expect(await host.status()).toMatch(/^engine: ebpf.*\nnot confirmed yet: at/s);

  await host.until(/^engine: iptables(?!.*not confirmed yet).*\bports 7777\b/s);
  await remote.until(/^not installed(?!.*not confirmed yet)/s);
  expect(await container.mustRun("journalctl", "-u", unit)).toMatch(/nobody confirmed the last change/);
  expect(await timers()).toBeNull();

  await host.install("--engine=ebpf", "--confirm-within=60s");
  expect(await timers()).toHaveLength(1);
  expect(await container.tproxyctl("confirm")).toMatchObject({ exitCode: 0 });
  expect(await timers()).toBeNull();
  expect(await host.status()).toMatch(/^engine: ebpf/);
});
