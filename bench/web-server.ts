// nginx, where `traffic` would say too little: something that others wrote, for others' measuring tools.

import { execFileSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../test/support/project-files.ts";
import type { RunOptions, World } from "../test/support/world.ts";
import { untilListening } from "./listening.ts";

/** Starts one that answers every request on these ports, IPv4, with two bytes. */
export async function startWebServer(
  world: World,
  ports: readonly number[],
  options: RunOptions,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "tproxyctl-bench-"));
  world.defer(async () => rmSync(directory, { recursive: true }));
  const file = join(directory, "nginx.conf");
  writeFileSync(file, configuration(directory, ports));
  if (options.uid !== undefined) chownSync(directory, options.uid, options.uid);
  await untilListening(world.begin([program(), "-c", file, "-p", directory, "-e", "stderr"], options), ports);
}

/** Where `./scripts/bench` has put it; fetches it where that was not run. */
function program(): string {
  return execFileSync(join(projectRoot, "scripts/fetch-nginx"), { encoding: "utf8" }).trim();
}

function configuration(directory: string, ports: readonly number[]): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  );
  return [
    "daemon off; master_process off; worker_processes 1;",
    `pid ${directory}/nginx.pid; error_log stderr;`,
    "events { worker_connections 4096; }",
    "http {",
    ...temporary,
    "access_log off; keepalive_requests 1000000000; default_type text/plain;",
    `server { ${ports.map((port) => `listen ${port} backlog=4096;`).join(" ")} location / { return 200 "ok"; } }`,
    "}",
    "",
  ].join("\n");
}
