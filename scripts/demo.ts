// The main job, to be seen: HTTP of an application that knows nothing of a proxy goes through one, in and out,
// IPv4 and IPv6; then everything is gone again. Called by ./scripts/demo. Exit status 0: every line is as it
// should be. `--engine=auto|ebpf|iptables` is for the installation, which is eBPF's without it. Other arguments are for the
// proxy: with `--outbound-port 16001` it listens elsewhere, and the demo fails.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changedSections, kernelState } from "../test/support/kernel-state.ts";
import { APP_UID, PROXY_UID, type Running, TPROXYCTL, World } from "../test/support/world.ts";

const PORT = 8080;
const GIVEN = process.argv.slice(2);
const ENGINE = GIVEN.filter((argument) => argument.startsWith("--engine="));
const OTHERS = GIVEN.filter((argument) => !ENGINE.includes(argument));
const PROXY_ARGUMENTS = ["proxy", "--json", "--user", String(PROXY_UID), ...OTHERS];
const COLUMN_WIDTHS = [8, 10, 18, 18, 18, 5];
const HELLO = "Hello from the";

/** Who asks whom. The service is the host that is put behind the proxy. */
const REQUESTS = [
  { direction: "outbound", client: "service", server: "remote", address: "10.66.0.2" },
  { direction: "outbound", client: "service", server: "remote", address: "fd66::2" },
  { direction: "inbound", client: "remote", server: "service", address: "10.66.0.1" },
  { direction: "inbound", client: "remote", server: "service", address: "fd66::1" },
] as const;

type Request = (typeof REQUESTS)[number];

interface Answer {
  readonly request: Request;
  readonly url: string;
  /** What came back, "" for nothing. */
  readonly body: string;
  /** What getpeername says in the client, as curl prints it. */
  readonly peer: string;
  /** The original destination that the proxy saw, if it saw the connection. */
  readonly proxySaw: string;
}

let failures = 0;

process.exitCode = await main();

async function main(): Promise<number> {
  say("Two hosts joined by a cable: namespaces, a cgroup and a bpffs of their own");
  await using world = await World.create();
  await startServers(world);
  const before = await kernelState(world);

  say("Without interception: straight from client to server");
  const direct = await askAll(world, undefined);

  say("The proxy, under its own user, and the interception");
  show("service#", `tproxyctl ${PROXY_ARGUMENTS.join(" ")} &`);
  const proxy = await startProxy(world);
  show("service#", `tproxyctl ${world.installArguments(...ENGINE).join(" ")}`);
  print((await world.install(...ENGINE)).stderr);

  say("The same requests again");
  const intercepted = await askAll(world, proxy);
  show("service#", "tproxyctl status");
  print((await world.tproxyctl(["status"])).stdout);

  say("Everything is taken away");
  show("service#", "tproxyctl uninstall transparent-proxy");
  print((await world.uninstall()).stdout);
  await proxy.stop();
  const left = changedSections(before, await kernelState(world));
  check(left.length === 0, `as before: ${Object.keys(before).join(", ")}`, `changed: ${left.join(", ")}`);
  const again = await askAll(world, undefined);

  say("What each client asked for, what the proxy saw, what the client's getpeername said");
  printTable("without", direct, false);
  printTable("with", intercepted, true);
  printTable("after", again, false);
  console.log(failures === 0 ? "\nEvery line is as it should be." : `\n${failures} lines are wrong.`);
  return failures === 0 ? 0 : 1;
}

async function startServers(world: World): Promise<void> {
  for (const host of ["service", "remote"]) {
    const directory = mkdtempSync(join(tmpdir(), "tproxyctl-demo-"));
    world.defer(async () => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, "index.html"), `${HELLO} ${host}\n`);
    show(`${host}$`, `python3 -m http.server ${PORT} &`);
    const args = [
      "python3",
      "-u",
      "-m",
      "http.server",
      String(PORT),
      "--bind",
      "::",
      "--directory",
      directory,
    ];
    await world.start(args, { host, isReady: (line) => line.startsWith("Serving HTTP") });
  }
}

function startProxy(world: World): Promise<Running> {
  return world.start([TPROXYCTL, ...PROXY_ARGUMENTS], {
    isReady: (line) => line.includes('"listening"'),
  });
}

async function askAll(world: World, proxy: Running | undefined): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const request of REQUESTS) answers.push(await ask(world, request, proxy));
  return answers;
}

async function ask(world: World, request: Request, proxy: Running | undefined): Promise<Answer> {
  const url = `http://${endpoint(request.address, String(PORT))}/`;
  const seen = proxy?.lines.length ?? 0;
  show(`${request.client}$`, `curl ${url}`);
  const format = "\n%{remote_ip} %{remote_port}";
  const curl = [
    "curl",
    "--silent",
    "--show-error",
    "--globoff",
    "--max-time",
    "5",
    "--write-out",
    format,
    url,
  ];
  const { stdout, stderr } = await world.run(curl, { host: request.client, uid: APP_UID });
  const end = stdout.lastIndexOf("\n");
  const body = stdout.slice(0, end).trim();
  print(body === "" ? stderr : body);
  const [ip = "", port = ""] = stdout.slice(end + 1).split(" ");
  const proxySaw = proxy === undefined || body === "" ? "" : await whatTheProxySaw(proxy, seen);
  return { request, url, body, peer: endpoint(ip, port), proxySaw };
}

/** The proxy prints a line when the connection has ended. */
async function whatTheProxySaw(proxy: Running, seen: number): Promise<string> {
  const line = await proxy.waitFor(
    (each) => proxy.lines.indexOf(each) >= seen && each.includes('"connection"'),
  );
  const { originalDestination } = JSON.parse(line) as { readonly originalDestination: string };
  return originalDestination;
}

function endpoint(ip: string, port: string): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function printTable(title: string, answers: readonly Answer[], throughProxy: boolean): void {
  const rows = answers.map(({ request, url, body, peer, proxySaw }) => {
    const asked = url.slice("http://".length, -1);
    const right =
      body === `${HELLO} ${request.server}` && peer === asked && proxySaw === (throughProxy ? asked : "");
    if (!right) failures++;
    return [title, request.direction, asked, proxySaw || "-", peer, right ? "ok" : "WRONG"];
  });
  const header = ["proxy", "direction", "client asked for", "proxy saw", "getpeername said", ""];
  console.log(formatRows(title === "without" ? [header, ...rows] : rows));
}

function formatRows(rows: readonly (readonly string[])[]): string {
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(COLUMN_WIDTHS[column] ?? 0)).join("  "))
    .join("\n");
}

function check(right: boolean, good: string, bad: string): void {
  if (!right) failures++;
  print(right ? `ok: ${good}` : `WRONG: ${bad}`);
}

function say(text: string): void {
  console.log(`\n== ${text}`);
}

function show(prompt: string, command: string): void {
  console.log(`${prompt} ${command}`);
}

function print(text: string): void {
  for (const line of text.trimEnd().split("\n")) console.log(`    ${line}`);
}
