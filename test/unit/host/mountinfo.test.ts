import { describe, expect, test } from "vitest";
import { cgroup2MountPoints, mountOf, parseMountinfo } from "../../../src/host/mountinfo.ts";

const HYBRID = `\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 27 0:28 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs rw,mode=755
33 31 0:30 / /sys/fs/cgroup/cpuacct rw shared:10 master:3 propagate_from:2 - cgroup cgroup rw,cpuacct
40 27 0:38 /kubepods/pod1 /part rw - cgroup2 cgroup2 rw
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
42 27 0:39 / /tmp/a\\040b\\134c\\011d rw - bpf - rw
43 27 0:40 / /tmp/a\\040b\\134c\\011d rw - tmpfs none rw
`;

describe("mountinfo", () => {
  const mounts = parseMountinfo(HYBRID);

  test("is read whatever the number of optional fields", () => {
    expect(mounts.map(({ type }) => type)).toEqual([
      "ext4",
      "tmpfs",
      "cgroup",
      "cgroup2",
      "cgroup2",
      "bpf",
      "tmpfs",
    ]);
    expect(mounts[3]).toEqual({
      id: 40,
      parent: 27,
      root: "/kubepods/pod1",
      mountPoint: "/part",
      type: "cgroup2",
      source: "cgroup2",
    });
  });

  test("has escaped names", () => {
    expect(mounts[5]?.mountPoint).toBe("/tmp/a b\\c\td");
  });

  test("shows cgroup2 on a hybrid, the whole hierarchy before a part", () => {
    expect(cgroup2MountPoints(mounts)).toEqual(["/sys/fs/cgroup/unified", "/part"]);
  });

  test.each([
    ["/sys/fs/cgroup/unified/x", 41],
    ["/sys/fs/cgroup/unifiedx", 31],
    ["/etc", 27],
    ["/", 27],
    ["/tmp/a b\\c\td", 43],
  ])("says which mount %j is on", (path, id) => {
    expect(mountOf(path, mounts)?.id).toBe(id);
  });

  test("that is not understood is an error", () => {
    expect(() => parseMountinfo("1 2 3\n")).toThrow(/cannot read a line of \/proc\/self\/mountinfo/);
  });
});
