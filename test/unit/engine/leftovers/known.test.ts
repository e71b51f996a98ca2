import { describe, expect, test } from "vitest";
import type { MapInfo } from "../../../../src/bpf/map.ts";
import type { MapType } from "../../../../src/bpf/map-types.ts";
import { isKnownMap, isKnownProgram, type Place } from "../../../../src/engine/leftovers/known.ts";

function map(name: string, type: MapType, keySize: number, valueSize: number, maxEntries = 65_535): MapInfo {
  return { id: 1, name, type, typeNumber: 0, keySize, valueSize, maxEntries, flags: 0 };
}

const COOKIE = map("cookie_orig_dst", "lru_hash", 8, 24);

describe("maps", () => {
  test.each([
    ["Kuma's", COOKIE],
    ["Kuma's", map("local_pod_ips", "hash", 16, 244, 1024)],
    ["Kuma's", map("sock_pair_map", "sockhash", 36, 4)],
    ["of merbridge, cut at 15 characters", map("pair_original_d", "lru_hash", 12, 12)],
  ])("%s", (_title, info) => expect(isKnownMap(info)).toBe(true));

  test.each([
    ["another name", map("cookie_orig_ds", "lru_hash", 8, 24)],
    ["another type", map("cookie_orig_dst", "hash", 8, 24)],
    ["another key", map("cookie_orig_dst", "lru_hash", 4, 24)],
    ["another value", map("process_ip", "lru_hash", 4, 8, 1024)],
    ["another size", map("process_ip", "lru_hash", 4, 4, 1000)],
  ])("somebody's own: %s", (_title, info) => expect(isKnownMap(info)).toBe(false));
});

describe("programs", () => {
  const SOCK_ADDR = 18;
  test.each<[string, number, Place | undefined, readonly MapInfo[], boolean]>([
    ["mb_sock_connect", SOCK_ADDR, "connect4", [COOKIE], true],
    ["mb_sock_connect", SOCK_ADDR, undefined, [COOKIE], true],
    ["mb_sendmsg4", SOCK_ADDR, "sendmsg4", [map("mine", "array", 4, 4), COOKIE], true],
    ["mb_tc_egress", 3, "tc_egress", [COOKIE], true],
    ["mb_sock_connect", SOCK_ADDR, "connect4", [], false],
    ["mb_sock_connect", SOCK_ADDR, "connect4", [map("mine", "array", 4, 4)], false],
    ["mb_sock_connect", SOCK_ADDR, "sendmsg4", [COOKIE], false],
    ["mb_sock_connect", 3, "connect4", [COOKIE], false],
    ["mb_sock_connecx", SOCK_ADDR, "connect4", [COOKIE], false],
    ["mb_tc_egress", 3, "tc_ingress", [COOKIE], false],
  ])("%s of type %i at %s", (name, type, place, maps, isTheirs) => {
    expect(isKnownProgram({ name, type }, place, maps)).toBe(isTheirs);
  });
});
