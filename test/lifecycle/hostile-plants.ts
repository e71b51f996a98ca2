// What somebody who controls the environment of a call by root could plant: each leaves a mark where it is run.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Names of programs that a script, tproxyctl or iptables could look for on the PATH. */
const PROGRAMS = [
  ...[
    "node",
    "readlink",
    "find",
    "id",
    "stat",
    "ls",
    "cat",
    "env",
    "sh",
    "ip",
    "nft",
    "modprobe",
    "unshare",
    "getent",
  ],
  ...["iptables", "ip6tables"].flatMap((base) =>
    ["", "-nft", "-legacy"].flatMap((mode) => ["", "-save", "-restore"].map((end) => `${base}${mode}${end}`)),
  ),
];

/** What bash takes from the environment in the place of a command: those that the start script uses. */
const FUNCTIONS = [
  "[",
  "command",
  "echo",
  "exec",
  "fail",
  "find",
  "is_root",
  "node",
  "read",
  "readlink",
  "unset",
];

/** Marks that it was loaded, by the name of its file, and into which program. */
const LIBRARY = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
__attribute__((constructor)) static void mark(void)
{
	char program[256] = "", line[600];
	Dl_info info;
	int fd = open(MARKS, O_WRONLY | O_APPEND | O_CLOEXEC);

	dladdr((void *)mark, &info);
	readlink("/proc/self/exe", program, sizeof(program) - 1);
	snprintf(line, sizeof(line), "%s in %s\\n", strrchr(info.dli_fname, '/') + 1, strrchr(program, '/') + 1);
	if (write(fd, line, strlen(line)) < 0)
		_exit(99);
	close(fd);
}
unsigned int la_version(unsigned int version) { return version; }
int gconv_init(void *step) { return 1; }
int gconv(void) { return 1; }
`;

export class Plants implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "tproxyctl-plants-"));
  readonly #marks = this.path("marks");

  constructor() {
    chmodSync(this.#directory, 0o755);
    writeFileSync(this.#marks, "");
    chmodSync(this.#marks, 0o666);
    for (const name of ["bin", "home", "tmp", "cwd"]) mkdirSync(this.path(name));
    for (const name of PROGRAMS) this.#script(`bin/${name}`, `PATH ${name}`);
    this.#script("shell", "ENV");
    this.#library(
      "preload.so",
      "audit.so",
      "libraries/libbpf.so.1",
      "gconv/EVIL.so",
      "xtables/libxt_tcp.so",
      "openssl.so",
    );
    writeFileSync(
      this.path("gconv/gconv-modules"),
      "module EVIL// INTERNAL EVIL 1\nmodule INTERNAL EVIL// EVIL 1\n",
    );
    writeFileSync(
      this.path("openssl.cnf"),
      `nodejs_conf = init\nopenssl_conf = init\n[init]\nengines = all\n[all]\nevil = one\n[one]\ndynamic_path = ${this.path("openssl.so")}\n`,
    );
    writeFileSync(this.path("require.cjs"), this.#javascript("NODE_OPTIONS"));
    for (const [place, mark] of [
      ["node-path/koffi", "NODE_PATH"],
      ["home/.node_modules/koffi", "HOME"],
      ["cwd/node_modules/koffi", "cwd"],
    ] as const) {
      mkdirSync(this.path(place), { recursive: true });
      writeFileSync(this.path(place, "index.js"), this.#javascript(mark));
    }
    writeFileSync(this.path("cwd/package.json"), '{"type":"module","imports":{"#x":"./x.js"}}');
  }

  path(...names: readonly string[]): string {
    return join(this.#directory, ...names);
  }

  #script(name: string, mark: string): void {
    writeFileSync(this.path(name), `#!/bin/sh\necho '${mark}' >>${this.#marks}\n`, { mode: 0o755 });
  }

  #javascript(mark: string): string {
    return `require("node:fs").appendFileSync(${JSON.stringify(this.#marks)}, "${mark}\\n"); module.exports = {};`;
  }

  #library(...names: readonly string[]): void {
    const [source, built] = [this.path("library.c"), this.path("library.so")];
    writeFileSync(source, LIBRARY);
    execFileSync("cc", ["-shared", "-fPIC", "-O1", "-w", `-DMARKS="${this.#marks}"`, "-o", built, source]);
    for (const name of names) {
      mkdirSync(join(this.path(name), ".."), { recursive: true });
      copyFileSync(built, this.path(name));
    }
  }

  /** Variables that the dynamic linker of any program goes by. */
  get ofLinker(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.path("preload.so"),
      LD_AUDIT: this.path("audit.so"),
      LD_LIBRARY_PATH: this.path("libraries"),
      LD_DEBUG: "libs",
      LD_DEBUG_OUTPUT: this.path("tmp/ld"),
      LD_BIND_NOW: "1",
    };
  }

  /** All others: of the shell, Node.js, the C library, iptables, and what programs commonly listen to. */
  get others(): Readonly<Record<string, string>> {
    const mark = (text: string) => `echo ${text} >>${this.#marks}`;
    return {
      PATH: `${this.path("bin")}::.`,
      ENV: this.path("shell"),
      BASH_ENV: this.path("shell"),
      ...Object.fromEntries(
        FUNCTIONS.map((name) => [`BASH_FUNC_${name}%%`, `() { ${mark(`function-${name}`)}; }`]),
      ),
      SHELLOPTS: "xtrace",
      PS4: `$(${mark("PS4")})`,
      PROMPT_COMMAND: mark("PROMPT_COMMAND"),
      IFS: "/n",
      CDPATH: this.path("cwd"),
      HOME: this.path("home"),
      TMPDIR: this.path("tmp"),
      TMP: this.path("tmp"),
      TEMP: this.path("tmp"),
      NODE_OPTIONS: `--require ${this.path("require.cjs")}`,
      NODE_PATH: this.path("node-path"),
      NODE_COMPILE_CACHE: this.path("tmp/cache"),
      NODE_V8_COVERAGE: this.path("tmp/coverage"),
      NODE_REDIRECT_WARNINGS: this.path("tmp/warnings"),
      NODE_ICU_DATA: this.path("tmp"),
      NODE_REPL_EXTERNAL_MODULE: this.path("require.cjs"),
      NODE_CHANNEL_FD: "1",
      NODE_UNIQUE_ID: "1",
      NODE_PRESERVE_SYMLINKS: "1",
      OPENSSL_CONF: this.path("openssl.cnf"),
      OPENSSL_MODULES: this.path("libraries"),
      OPENSSL_ENGINES: this.path("libraries"),
      SSL_CERT_DIR: this.path("tmp"),
      GCONV_PATH: this.path("gconv"),
      LOCPATH: this.path("tmp"),
      NLSPATH: this.path("tmp/%N"),
      LC_ALL: "C.EVIL",
      LANG: "C.EVIL",
      LANGUAGE: "../../..",
      MALLOC_TRACE: this.path("tmp/malloc"),
      GLIBC_TUNABLES: "glibc.malloc.check=3",
      TZDIR: this.path("tmp"),
      RES_OPTIONS: "debug",
      HOSTALIASES: this.path("require.cjs"),
      XTABLES_LIBDIR: this.path("xtables"),
      IPTABLES_LIB_DIR: this.path("xtables"),
      IP6TABLES_LIB_DIR: this.path("xtables"),
      LIBBPF_LOG_LEVEL: "debug",
      KOFFI_PATH: this.path("node-path"),
      DEBUG: "*",
      npm_config_prefix: this.path("home"),
      npm_config_node_options: `--require ${this.path("require.cjs")}`,
      HUGE: "x".repeat(100_000),
    };
  }

  /** The marks since they were last taken, each once; what was written besides is a mark as well. */
  takeMarks(): string[] {
    const marks = readFileSync(this.#marks, "utf8").split("\n");
    writeFileSync(this.#marks, "");
    return [...new Set(marks.filter((mark) => mark !== ""))].sort();
  }

  /** Shows that each plant works, on a program that knows no better. Returns the marks. */
  tryAll(): string[] {
    const all = { ...this.others, ...this.ofLinker };
    const attempt = (names: readonly (keyof typeof all)[], file: string, ...args: readonly string[]) => {
      const env = Object.fromEntries(names.map((name) => [name, all[name] ?? ""]));
      execFileSync("/usr/bin/env", [file, ...args], {
        env: { PATH: "/usr/sbin:/usr/bin:/bin", ...env },
        cwd: this.path("cwd"),
        stdio: "ignore",
      });
    };
    const tolerant = (...args: Parameters<typeof attempt>) => {
      try {
        attempt(...args);
      } catch {
        // What was planted ends badly: that it was run is what counts.
      }
    };
    const node = process.execPath;
    const koffi = createRequire(import.meta.url).resolve("koffi");
    tolerant(["PATH"], "sh");
    tolerant(["BASH_ENV"], "/bin/bash", "-c", "true");
    tolerant(["BASH_FUNC_readlink%%"], "/bin/bash", "--posix", "-c", "readlink a");
    tolerant(["NODE_OPTIONS"], node, "--eval", "0");
    tolerant(["NODE_PATH"], node, "--eval", 'process.chdir("/"); module.paths.length = 0; require("koffi")');
    tolerant(["HOME"], node, "--eval", 'module.paths.length = 0; require("koffi")');
    tolerant([], node, "--eval", 'require("koffi")');
    tolerant(["LD_PRELOAD"], "/bin/true");
    tolerant(["LD_AUDIT"], "/bin/true");
    tolerant(["LD_LIBRARY_PATH"], node, "--eval", `require(${JSON.stringify(koffi)}).load("libbpf.so.1")`);
    tolerant(["GCONV_PATH"], "iconv", "-f", "EVIL", "-t", "UTF-8", "/dev/null");
    tolerant(["XTABLES_LIBDIR"], "iptables-nft", "-m", "tcp", "-h");
    return this.takeMarks();
  }

  /** What was written where the variables say that temporary files go. */
  written(): boolean {
    return existsSync(this.path("tmp/cache")) || execFileSync("ls", [this.path("tmp")]).length > 0;
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
  }
}
