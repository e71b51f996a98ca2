import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mountBpffs, unmountBpffs } from "../../src/host/bpffs.ts";
import { CAPABILITIES_NEEDED, type Capability, type CapabilityPurpose } from "../../src/host/capabilities.ts";
import { findCgroup2Root } from "../../src/host/mounts.ts";
import { unshare } from "../../src/native/namespaces.ts";
import { makeTrustedDirectory } from "../support/trusted-directory.ts";

const directory = makeTrustedDirectory("caps");
const bpffs = join(directory, "bpf");
const cgroup = mkdtempSync(join(findCgroup2Root() ?? "", "hst-"));

beforeAll(() => {
  unshare("NEWNET");
  mountBpffs(bpffs);
});
afterAll(() => {
  unmountBpffs(bpffs);
  rmSync(directory, { recursive: true });
  rmdirSync(cgroup);
});

const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
const object = fileURLToPath(new URL("../../dist/bpf/tproxy.bpf.o", import.meta.url));

/** What a root with these capabilities alone can do: the names of the steps that worked. */
function stepsWith(capabilities: readonly Capability[]): string[] {
  const program = `
    import { spawn } from "node:child_process";
    import { readdirSync, readlinkSync, unlinkSync } from "node:fs";
    import { BpfObject } from ${source("bpf/object.ts")};
    import { BpfLink } from ${source("bpf/link.ts")};
    import { effectiveCapabilities } from ${source("host/capabilities.ts")};
    import { mountBpffs, unmountBpffs } from ${source("host/bpffs.ts")};
    import { addLoopbackAddress, removeLoopbackAddress } from ${source("host/addresses.ts")};
    import { pidfd_getfd, pidfd_open } from ${source("native/processes.ts")};
    const done = [];
    const step = async (name, action) => { try { await action(); done.push(name); } catch (error) { console.error(name, error.message, error.cause?.message); } };
    const [cgroup, bpffs, object, victim] = process.argv.slice(1);
    const six = { family: 6, bytes: Uint8Array.of(...new Array(15).fill(0), 6) };
    const bpf = BpfObject.open(object);
    // Constants that switch everything on: what they switch off the verifier does not look at.
    bpf.setReadOnlyData(".rodata", (view) => view.fill(1));
    await step("load", () => bpf.load());
    await step("attach", () => {
      using a = BpfLink.attachCgroup(bpf.program("tp_connect4"), cgroup, "connect4");
      using b = BpfLink.attachCgroup(bpf.program("tp_sockops"), cgroup, "sock_ops");
      using c = BpfLink.attachNetns(bpf.program("tp_lookup"), "/proc/thread-self/ns/net");
      a.pin(bpffs + "/pin");
      unlinkSync(bpffs + "/pin");
    });
    await step("address", () => { addLoopbackAddress(six); removeLoopbackAddress(six); });
    await step("look", () => readdirSync("/proc/" + victim + "/fd").map((fd) => readlinkSync("/proc/" + victim + "/fd/" + fd)));
    await step("take", () => pidfd_getfd(pidfd_open(Number(victim)), 0));
    await step("mount", () => {
      mountBpffs(bpffs + "2");
      if (!unmountBpffs(bpffs + "2")) throw new Error("not unmounted");
    });
    console.log(JSON.stringify({ done, have: [...effectiveCapabilities()] }));`;
  const bounding = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
  const node = [process.execPath, "--input-type=module", "--eval", program, "--", cgroup, bpffs, object];
  const shell = 'setpriv --reuid 12345 --clear-groups sleep 20 & "$@" $!; kill $!';
  const inner = ["setpriv", `--bounding-set=${bounding}`, ...node];
  const { stdout, stderr } = spawnSync("/bin/sh", ["-c", shell, "sh", ...inner], { encoding: "utf8" });
  const { done, have } = JSON.parse(
    stdout || `{"done":["nothing ran: ${JSON.stringify(stderr).slice(1, -1)}"]}`,
  );
  expect([...have].sort(), stderr).toEqual([...capabilities].sort());
  return done;
}

describe("the capabilities needed", () => {
  const purposes: readonly CapabilityPurpose[] = ["ebpf", "ebpf-load", "running-proxy", "mount-bpffs"];
  const needed = CAPABILITIES_NEEDED.filter(({ purpose }) => purposes.includes(purpose));
  const all = [...new Set(needed.map(({ capability }) => capability))];

  test("suffice for everything", () => {
    expect(stepsWith(all)).toEqual(["load", "attach", "address", "look", "take", "mount"]);
  });

  test("for a proxy that does not run yet are three", () => {
    expect(stepsWith(["net_admin", "bpf", "perfmon"])).toEqual(["load", "attach", "address"]);
    expect(stepsWith(["net_admin", "bpf"])).toEqual(["address"]);
  });

  test.each([
    // CAP_SYS_ADMIN is good for loading and attaching as well.
    ["net_admin", ["load", "attach", "look", "take", "mount"]],
    ["sys_ptrace", ["load", "attach", "address", "mount"]],
    ["dac_read_search", ["load", "attach", "address", "take", "mount"]],
    ["sys_admin", ["load", "attach", "address", "look", "take"]],
  ] as const)("are not enough without %s", (missing, steps) => {
    expect(stepsWith(all.filter((name) => name !== missing))).toEqual(steps);
  });

  test("may have sys_admin in place of bpf and perfmon", () => {
    expect(stepsWith(["net_admin", "sys_admin"])).toEqual(["load", "attach", "address", "mount"]);
    expect(stepsWith(["net_admin"])).toEqual(["address"]);
    expect(stepsWith(["bpf"])).toEqual([]);
  });
});
