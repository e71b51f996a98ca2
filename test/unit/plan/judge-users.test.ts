import { expect, test } from "vitest";
import { findServices, warnOfSharedUser } from "../../../src/plan/judge-users.ts";

const PROXY_PORTS = new Set([15001, 15006, 15053]);

function listening(command: string, pid: number, port: number) {
  return { command, pid, port };
}

test("what the proxy listens on is no service, whatever it is called", () => {
  const processes = [
    listening("my-proxy", 5, 15006),
    listening("my-proxy", 5, 9901),
    listening("envoy", 6, 9902),
    listening("kuma-dp", 7, 9903),
    listening("coredns", 8, 9153),
  ];
  const service = listening("python3", 9, 8080);
  expect(findServices([...processes, service], PROXY_PORTS)).toEqual([service]);
});

test("nobody shares a user of the proxy's own", () => {
  expect(warnOfSharedUser({ name: "kuma-dp", uid: 5678 }, [0, 1000], [])).toEqual([]);
});

test("who installs is named, and each service with its port", () => {
  const services = [8080, 8081, 8082, 8083, 8084, 8085].map((port) => listening("python3", 9, port));
  const [installer, service, ...others] = warnOfSharedUser({ name: "alice", uid: 1000 }, [0, 1000], services);
  expect(installer).toMatch(/^the proxy's user, alice \(UID 1000\), is also who installs: .*--kuma-dp-user/);
  expect(service).toMatch(/also runs python3 \(process 9\) on port 8080, .* and 1 more: .* any other user$/);
  expect(others).toEqual([]);
  expect(warnOfSharedUser({ name: undefined, uid: 7 }, [7], [])[0]).toMatch(/^the proxy's user, UID 7, /);
});
