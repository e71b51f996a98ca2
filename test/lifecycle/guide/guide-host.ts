import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GuideCommand } from "../../support/guide-blocks.ts";
import { projectRoot } from "../../support/project-files.ts";
import type { Running, World } from "../../support/world.ts";

/** What the host has before the guide begins. Nothing of the machine's own can be changed from there. */
const SET_UP = `
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 scene /media
mkdir /media/upper /media/work
mount -t overlay -o lowerdir=/etc,upperdir=/media/upper,workdir=/media/work overlay /etc
for directory in /var/log /run /srv /opt /home /usr/local/bin; do mount -t tmpfs -o mode=0755 scene $directory; done
cgroup=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
umount "$cgroup"
mount -t cgroup2 cgroup2 "$cgroup"
mkdir /opt/tproxyctl
mount --bind '${projectRoot}' /opt/tproxyctl
# What a reader has got from Kuma, as far as systemd-analyze looks at it.
for name in kuma-dp envoy coredns; do install -m 0755 /bin/false /usr/local/bin/$name; done
install -m 0755 /opt/tproxyctl/build/tpnet /media/sshd
/media/sshd serve --listen 0.0.0.0:22 --listen '[::]:22' >/dev/null 2>&1 &
until grep -q ":0016 " /proc/net/tcp; do sleep 0.1; done
echo ready
exec 2>&1
cd /root
exec bash --norc --noprofile
`;

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const END = "end-of-the-command";

/**
 * The host of the guide, 192.0.2.10, and another machine, 192.0.2.20, whose web server answers on port 8000. The host has a
 * shell of root that stays, with users, files, processes and a cgroup tree of its own, and an SSH server.
 */
export class GuideHost {
  readonly #world: World;
  readonly #shell: Running;

  private constructor(world: World, shell: Running) {
    this.#world = world;
    this.#shell = shell;
  }

  static async create(world: World): Promise<GuideHost> {
    await world.ip("service", "address", "add", "192.0.2.10/24", "dev", "eth0");
    await world.ip("remote", "address", "add", "192.0.2.20/24", "dev", "eth0");
    await startWebServer(world);
    const clean = ["env", "-i", "HOME=/root", "TERM=dumb", `PATH=${PATH}`];
    const own = ["--mount", "--cgroup", "--pid", "--fork", "--mount-proc", "--kill-child"];
    return new GuideHost(world, await world.start([...clean, "unshare", ...own, "bash", "-c", SET_UP]));
  }

  /** What it says, and its exit status. */
  async type({ prompt, text }: GuideCommand): Promise<{ readonly lines: string[]; readonly status: number }> {
    if (prompt === "client$") {
      const command = ["bash", "-c", `exec 2>&1\n${text}`];
      const { stdout, exitCode } = await this.#world.run(command, { host: "remote", cgroup: false });
      return { lines: stdout === "" ? [] : stdout.split("\n"), status: exitCode };
    }
    const { child, lines } = this.#shell;
    lines.length = 0;
    child.stdin?.write(`${text}\nprintf '\\n${END} %s\\n' $?\n`);
    const last = await this.#shell.waitFor((line) => line.startsWith(END), 60_000);
    // The newline before the mark is ours, where the command ended its last line itself.
    const said = lines.slice(0, lines.indexOf(last));
    return { lines: said.at(-1) === "" ? said.slice(0, -1) : said, status: Number(last.slice(END.length)) };
  }
}

async function startWebServer(world: World): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "tproxyctl-guide-"));
  world.defer(async () => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "index.html"), "from another machine\n");
  await world.start(["python3", "-u", "-m", "http.server", "8000", "--directory", directory], {
    host: "remote",
    cgroup: false,
    isReady: (line) => line.startsWith("Serving HTTP"),
  });
}
