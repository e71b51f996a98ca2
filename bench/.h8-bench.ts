import { World } from "/work/main/test/support/world.ts";
import { spawnSync } from "node:child_process";
const rounds = 31;
const world = await World.create();
try {
  const t: Record<string, number[]> = {};
  const time = (name: string, bin: string, args: string[]) => {
    const [cmd, ...rest] = world.command([bin, ...args], { cgroup: false });
    const s = performance.now();
    const r = spawnSync(cmd, rest, { encoding: "utf8" });
    (t[name] ??= []).push(performance.now() - s);
    if (r.status !== 0) throw new Error(`${name}: ${r.stderr}`);
  };
  for (let i = 0; i < rounds; i++)
    for (const v of i % 2 ? ["before", "after"] : ["after", "before"]) {
      const bin = `/tmp/h8-${v}/bin/tproxyctl`;
      time(`${v} ebpf install`, bin, world.installArguments());
      time(`${v} ebpf again`, bin, world.installArguments());
      time(`${v} ebpf uninstall`, bin, ["uninstall"]);
      const ipt = ["install", "--engine=iptables", "--kuma-dp-user", "5678"];
      time(`${v} iptables install`, bin, ipt);
      time(`${v} iptables uninstall`, bin, ["uninstall"]);
      time(`${v} enter`, "/bin/true", []);
    }
  for (const [name, values] of Object.entries(t).sort()) {
    values.sort((a, b) => a - b);
    console.log(name.padEnd(28), "median", values[values.length >> 1]?.toFixed(1), "min", values[0]?.toFixed(1));
  }
} finally { await world[Symbol.asyncDispose](); }
