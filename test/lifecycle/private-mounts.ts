import { PROXY_UID, type Result, type RunOptions, TPROXYCTL, type World } from "../support/world.ts";

/**
 * A mount namespace with an empty /run of its own, so that a test can have the default paths (/run/kuma/bpf,
 * /run/tproxyctl) without touching those of the machine.
 */
export class PrivateMounts {
  readonly #world: World;
  /** A process in it. */
  readonly pid: number;

  private constructor(world: World, pid: number) {
    this.#world = world;
    this.pid = pid;
  }

  static async create(world: World): Promise<PrivateMounts> {
    const script = "mount -t tmpfs -o mode=0755 run /run && echo ready && exec cat";
    const unshare = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script];
    const { pid } = await world.start(unshare, { cgroup: false });
    return new PrivateMounts(world, pid);
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    const inside = ["nsenter", `--mount=/proc/${this.pid}/ns/mnt`, "--", ...args];
    return this.#world.run(inside, { cgroup: false, ...options });
  }

  async mustRun(...args: readonly string[]): Promise<void> {
    const { exitCode, stderr } = await this.run(args);
    if (exitCode !== 0) throw new Error(`${args.join(" ")} failed: ${stderr}`);
  }

  tproxyctl(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return this.run([TPROXYCTL, ...args], options);
  }

  /** With the default path for the pins. */
  installArguments(...flags: readonly string[]): string[] {
    const where = ["--ebpf-cgroup-path", this.#world.cgroup];
    return ["install", "--engine=ebpf", "--kuma-dp-user", String(PROXY_UID), ...where, ...flags];
  }

  install(options: RunOptions = {}, ...flags: readonly string[]): Promise<Result> {
    return this.tproxyctl(this.installArguments(...flags), options);
  }
}
