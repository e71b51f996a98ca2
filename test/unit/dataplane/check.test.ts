import { describe, expect, test } from "vitest";
import { type ResolvedConfig, resolveConfig } from "../../../src/config/resolve-config.ts";
import { check } from "../../../src/dataplane/check.ts";
import { interceptionOfConfig } from "../../../src/dataplane/interception.ts";
import { address } from "../../support/plan-samples.ts";

type Values = Readonly<Record<string, string>>;

/** A finding a line, without what to do. */
function found(text: string, values: Values = {}, { config }: ResolvedConfig = resolveConfig([])): string[] {
  const interception = interceptionOfConfig(config, "these options");
  const host = [address("10.0.0.1"), address("127.0.0.1"), address("fd00::1")];
  const findings = check({ name: "dp.yaml", text }, new Map(Object.entries(values)), interception, host);
  for (const { remedy } of findings) expect(remedy).not.toBe("");
  return findings.map(
    ({ line, column, severity, path, message }) => `${line}:${column} ${severity} ${path}: ${message}`,
  );
}

/** Options by their keys, as if from flags. */
function options(values: Record<string, string>): ResolvedConfig {
  const layer = new Map(Object.entries(values).map(([key, value]) => [key, { value, source: "test" }]));
  return resolveConfig([layer as never]);
}

const GOOD = {
  type: "Dataplane",
  networking: {
    address: "10.0.0.1",
    inbound: [{ port: 8080, tags: { "kuma.io/service": "web" } }],
    transparentProxying: { redirectPortInbound: 15006, redirectPortOutbound: 15001 },
  },
};

type Changes = Readonly<Record<string, unknown>>;

function networking(changes: Changes): string {
  return JSON.stringify({ ...GOOD, networking: { ...GOOD.networking, ...changes } });
}

function section(changes: Changes): string {
  return networking({ transparentProxying: { ...GOOD.networking.transparentProxying, ...changes } });
}

/** Without places, which are looked at elsewhere. */
const what = (lines: readonly string[]) =>
  lines.map((line) => line.replace(/^[\d:]+ /, "").replace("networking.", ""));

test("what fits has no findings", () => {
  expect(found(JSON.stringify(GOOD))).toEqual([]);
  expect(
    found(
      section({
        redirect_port_inbound: undefined,
        reachableServices: ["a.b-c_d:1"],
        ipFamilyMode: "DualStack",
      }),
    ),
  ).toEqual([]);
  expect(found(networking({ address: "host.example" }))).toEqual([]);
  expect(
    found(networking({ gateway: {}, inbound: [] }), {}, options({ "redirect.inbound.enabled": "false" })),
  ).toEqual([]);
});

describe("the redirect ports", () => {
  test.each([
    [
      section({ redirectPortInbound: 7 }),
      [
        "error transparentProxying.redirectPortInbound: is 7, and inbound connections are redirected to 15006",
      ],
    ],
    [
      section({ redirectPortOutbound: "7" }),
      [
        "error transparentProxying.redirectPortOutbound: is 7, and outbound connections are redirected to 15001",
      ],
    ],
    [
      section({ redirectPortOutbound: null }),
      [
        "error transparentProxying: redirectPortOutbound is missing: without it Kuma takes the Dataplane for one that is not transparent",
      ],
    ],
    [
      section({ redirectPortInbound: 0 }),
      ["error transparentProxying.redirectPortInbound: must be a port: a whole number from 1 to 65535"],
    ],
    [
      section({ redirectPortInbound: 70_000 }),
      ["error transparentProxying.redirectPortInbound: must be a port: a whole number from 1 to 65535"],
    ],
    [
      section({ redirectInboundPort: 1 }),
      ["warning transparentProxying.redirectInboundPort: Kuma does not know this key"],
    ],
    [
      networking({ transparentProxying: null }),
      ["error networking: has no transparentProxying: it is not transparent"],
    ],
    [
      networking({ outbound: [{ port: 1 }] }),
      ["error outbound: Kuma does not use it beside transparentProxying"],
    ],
    [networking({ outbound: [] }), []],
    [
      section({ ipFamilyMode: "IPv4" }),
      [
        "error transparentProxying.ipFamilyMode: the proxy serves IPv4 only, and IPv6 is redirected to it as well, where it is refused",
      ],
    ],
    [
      section({ ipFamilyMode: "IPv6" }),
      ["error transparentProxying.ipFamilyMode: Kuma does not support IPv6 alone"],
    ],
    [
      section({ ipFamilyMode: "both" }),
      ['error transparentProxying.ipFamilyMode: Kuma does not know "both"'],
    ],
  ])("%s", (text, expected) => {
    expect(what(found(text))).toEqual(expected);
  });
  test("those of other options", () => {
    const given = options({ "redirect.inbound.port": "7", "redirect.outbound.port": "8" });
    expect(found(section({ redirectPortInbound: 7, redirectPortOutbound: 8 }), {}, given)).toEqual([]);
    expect(found(JSON.stringify(GOOD), {}, given)).toHaveLength(2);
  });
  test("where one way is not redirected", () => {
    expect(
      what(found(section({ redirectPortInbound: 7 }), {}, options({ "redirect.inbound.enabled": "false" }))),
    ).toEqual([
      "error inbound: inbound connections are not redirected: they reach the service past the proxy",
    ]);
    expect(what(found(JSON.stringify(GOOD), {}, options({ "redirect.outbound.enabled": "false" })))).toEqual([
      "error transparentProxying.redirectPortOutbound: outbound connections are not redirected at all",
    ]);
  });
  test("where only IPv4 is redirected", () => {
    const ipv4 = options({ ipFamilyMode: "ipv4" });
    expect(found(section({ ipFamilyMode: "ipv4" }), {}, ipv4)).toEqual([]);
    expect(found(JSON.stringify(GOOD), {}, ipv4)).toEqual([
      expect.stringContaining("warning networking.transparentProxying: the proxy serves IPv6 too"),
    ]);
  });
});

describe("reachableServices", () => {
  const at = "transparentProxying.reachableServices";
  test.each([
    [
      section({ reachableServices: [] }),
      [`warning ${at}: is empty, which Kuma takes for no list: every service of the mesh is reachable`],
    ],
    [section({ reachableServices: ["_noservice_"] }), []],
    [
      section({ reachableServices: ["a", "b", "a"] }),
      [`warning ${at}.2: "a" is there twice, as number 1 too`],
    ],
    [section({ reachableServices: ["a,b"] }), [`error ${at}.0: "a,b" is no name of a service`]],
    [
      section({ reachableServices: ["*", ""] }),
      [`error ${at}.0: "*" is no name of a service`, `error ${at}.1: "" is no name of a service`],
    ],
    [section({ directAccessServices: ["*"] }), []],
    [section({ reachableServices: "a,b" }), [`error ${at}: must be a list of names`]],
    [section({ reachableServices: [7] }), [`error ${at}.0: must be the name of a service`]],
    [
      section({ reachableBackends: { refs: [{ kind: "Mesh", name: "a" }] } }),
      ['error transparentProxying.reachableBackends.refs.0: "Mesh" is no kind of backend'],
    ],
    [
      section({ reachableBackends: { refs: [{ kind: "MeshService" }] } }),
      ["error transparentProxying.reachableBackends.refs.0: names nothing"],
    ],
    [
      section({ reachableBackends: { refs: [{ kind: "MeshService", namespace: "n" }] } }),
      ["error transparentProxying.reachableBackends.refs.0: has a namespace and no name"],
    ],
    [
      section({ reachableBackends: { refs: [{ kind: "MeshService", name: "a", labels: { a: "b" } }] } }),
      ["error transparentProxying.reachableBackends.refs.0: has a name and labels"],
    ],
    [section({ reachableBackends: { refs: [{ kind: "MeshService", labels: { a: "b" } }] } }), []],
  ])("%s", (text, expected) => {
    expect(what(found(text))).toEqual(expected);
  });
  test("what the outbound section calls has to be in it", () => {
    const outbound = [
      { port: 1, tags: { "kuma.io/service": "a" } },
      { port: 2, service: "b" },
      { port: 3, backendRef: { kind: "MeshService", name: "c" } },
    ];
    const transparentProxying = { ...GOOD.networking.transparentProxying, reachableServices: ["a"] };
    expect(what(found(networking({ transparentProxying, outbound })))).toEqual([
      "error outbound: Kuma does not use it beside transparentProxying",
      'error outbound.1: "b" is not in reachableServices, so it cannot be reached',
      "error outbound.2: with reachableServices alone no MeshService can be reached",
    ]);
  });
  test("the annotation of pods", () => {
    const annotations = { "kuma.io/transparent-proxying-reachable-services": "a" };
    expect(found(JSON.stringify({ ...GOOD, metadata: { annotations } }))).toEqual([
      expect.stringContaining(
        "warning metadata.annotations.kuma.io/transparent-proxying-reachable-services: this is read from pods",
      ),
    ]);
  });
});

describe("where connections come in", () => {
  test.each([
    [networking({ address: "10.0.0.2" }), ["warning address: 10.0.0.2 is no address of this host"]],
    [networking({ address: "::ffff:10.0.0.1" }), []],
    [
      networking({ address: "127.0.0.1" }),
      ["warning address: 127.0.0.1 is the same on every host: no other one gets here by it"],
    ],
    [
      networking({ address: "0.0.0.0" }),
      ["error address: 0.0.0.0 is no address of one host: Kuma refuses it"],
    ],
    [networking({ address: "::" }), ["error address: :: is no address of one host: Kuma refuses it"]],
    [
      networking({ address: "10.0.0.1/8" }),
      ['error address: "10.0.0.1/8" is neither an IP address nor a name'],
    ],
    [networking({ address: undefined }), ["error networking: has no address: Kuma refuses this"]],
    [networking({ inbound: [] }), ["error networking: has neither inbound nor gateway: Kuma refuses this"]],
    [networking({ inbound: [{}] }), ["error inbound.0: has no port: Kuma refuses this"]],
    [
      networking({ inbound: [{ port: 15006 }] }),
      [
        "error inbound.0.port: 15006 is the proxy's port for inbound connections: connections to it never reach the service",
      ],
    ],
    [
      networking({ inbound: [{ port: 80, servicePort: 15001 }] }),
      [
        "error inbound.0.servicePort: 15001 is the proxy's port for outbound connections: the proxy would call itself, without end",
      ],
    ],
    [
      networking({ inbound: [{ port: 80, tags: { a: 1 } }] }),
      ["error inbound.0.tags.a: must be a text, in quotes where it looks like a number"],
    ],
    [
      networking({ admin: { port: 15001 } }),
      ["error admin.port: 15001 is the proxy's port for outbound connections"],
    ],
    [
      networking({ gateway: {}, inbound: undefined }),
      ["error gateway: inbound connections of a gateway go past the proxy, and are redirected to it"],
    ],
  ])("%s", (text, expected) => {
    expect(what(found(text))).toEqual(expected);
  });
  test.each([
    [{ "redirect.inbound.excludePorts": "22,8080" }, 1],
    [{ "redirect.inbound.includePorts": "22" }, 1],
    [{ "redirect.inbound.includePorts": "8080" }, 0],
    [{ "redirect.inbound.excludePorts": "22" }, 0],
  ])("a port that is left alone: %j", (given, count) => {
    const lines = what(found(JSON.stringify(GOOD), {}, options(given)));
    expect(lines).toEqual(
      Array(count).fill(
        "error inbound.0.port: 8080 is left alone: connections to it reach the service past the proxy",
      ),
    );
  });
  test("the DNS proxy's port, where queries are redirected", () => {
    const text = networking({ inbound: [{ port: 15053 }] });
    expect(found(text)).toEqual([]);
    expect(found(text, {}, options({ "redirect.dns.enabled": "true" }))).toHaveLength(1);
  });
});

describe("a template", () => {
  const TEMPLATE = `type: Dataplane
networking:
  address: {{ node.address }}
  inbound:
    - port: {{ port }}
      tags: {kuma.io/service: "{{ name }}"}
  {{#ports}}
  transparentProxying: {redirectPortInbound: {{ in }}, redirectPortOutbound: {{ out }}}
  {{/ports}}
`;
  test("is not judged where nobody says what it becomes", () => {
    expect(found(TEMPLATE)).toEqual([]);
  });
  test("is judged as it will be, at the places where it is written", () => {
    const values = { "node.address": "10.0.0.2", port: "15001", name: "a", in: "15006", out: "1", ports: "" };
    expect(found(TEMPLATE, values)).toEqual([
      "3:3 warning networking.address: 10.0.0.2 is no address of this host",
      "5:7 error networking.inbound.0.port: 15001 is the proxy's port for outbound connections: connections to it never reach the service",
      "8:56 error networking.transparentProxying.redirectPortOutbound: is 1, and outbound connections are redirected to 15001",
    ]);
  });
  test("what has no value, and what nobody asks for, is told", () => {
    const values = { "node.address": "10.0.0.1", name: "a", in: "15006", ports: "x", other: "" };
    expect(found(TEMPLATE, values)).toEqual([
      "1:1 warning : no placeholder asks for other",
      "5:13 warning : port has no value: kuma-dp would put nothing here",
      "8:78 warning : out has no value: kuma-dp would put nothing here",
    ]);
  });
  test("sections and escapes are those of Mustache", () => {
    const text = `${TEMPLATE}{{^ports}}\n  nothing: {\n{{/ports}}\nlabels: {a: "{{x}}", b: '{{{x}}}', c: {{! nothing }} "{{& x}}"}\n`;
    const values = {
      "node.address": "10.0.0.1",
      port: "80",
      name: "a",
      in: "15006",
      out: "15001",
      ports: "",
      x: "<",
    };
    expect(found(text, values)).toEqual([]);
  });
  test("a value goes in with HTML's escapes, unless the placeholder says no", () => {
    const text = (placeholder: string) => networking({ address: placeholder });
    const message = (placeholder: string) => found(text(placeholder), { a: "<&'" }).join();
    expect(message("{{ a }}")).toContain(`"&lt;&amp;&#39;" is neither`);
    expect(message("{{{ a }}}")).toContain(`"<&'" is neither`);
    expect(message("{{& a }}")).toContain(`"<&'" is neither`);
  });
  test("what is broken only when it is filled in is named where it is written", () => {
    const values = { "node.address": "[", port: "1", name: "a", in: "1", out: "1", ports: "" };
    expect(() => found(TEMPLATE, values)).toThrow(/^dp\.yaml:[34]:\d+: is not valid YAML/);
  });
});

test("the form of Kubernetes, and several documents", () => {
  const { networking: inside } = GOOD;
  const spec = { networking: { ...inside, address: "0.0.0.0" } };
  const text = `${JSON.stringify({ kind: "Dataplane", spec })}\n---\n${JSON.stringify(GOOD)}\n---\ntype: Mesh\n`;
  expect(found(text)).toEqual([expect.stringContaining("1:43 error networking.address")]);
});
