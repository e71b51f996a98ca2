// A Dataplane written at random, with what its transparent form has to be, known from how it was put together.

export interface Sample {
  readonly text: string;
  readonly transparent: string;
  /** With the services of the outbound section as `reachableServices`. */
  readonly withServices: string;
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function randomSample(next: () => number): Sample {
  const pick = <T>(...choices: readonly [T, ...T[]]): T =>
    choices[Math.floor(next() * choices.length)] ?? choices[0];
  const maybe = (text: string, probability = 0.5) => (next() < probability ? text : "");
  const newline = pick("\n", "\r\n");
  const step = pick("  ", "    ", "   ");
  const inSpec = next() < 0.3;
  const indent = inSpec ? step + step : step;
  const dash = pick(indent, indent + step);
  const inside = `${dash}  `;
  const comment = () =>
    maybe(pick(" # a comment", " # with: a colon, {braces} and {{ placeholder }}", " {{! mine }}"), 0.3);
  const value = (plain: string) =>
    pick(plain, `"${plain}"`, `'${plain}'`, `{{ ${plain} }}`, `{{{${plain}}}}`, `a-{{${plain}}}-b`);
  const lines = (...parts: readonly string[]) =>
    parts
      .filter((part) => part !== "")
      .map((part) => part + newline)
      .join("");

  const services: string[] = [];
  const outboundItem = (): string => {
    const service = value(pick("redis", "db", "web", "kuma.io_x"));
    services.push(service);
    const open = maybe(`${pick(dash, inside)}{{#some}}`, 0.2);
    const item = pick(
      () => [
        `${dash}- port: {{ port }}${comment()}`,
        `${inside}tags:${comment()}`,
        `${inside}  kuma.io/service: ${service}${comment()}`,
      ],
      () => [`${dash}- {port: 6379, tags: { kuma.io/service: ${service} }}${comment()}`],
      () => [`${dash}-${comment()}`, `${inside}service: ${service}`, "", `${inside}  # further in`],
    )();
    return lines(open, ...item, open === "" ? "" : open.replace("#", "/"));
  };
  const outbound = (): string => {
    const above = maybe(`${indent}# whom we call${newline}`) + maybe(`${indent}{{! really }}${newline}`, 0.2);
    const items = Array.from({ length: Math.floor(next() * 4) }, outboundItem).join("");
    if (items === "") return `${above}${indent}outbound: []${comment()}${newline}`;
    const below = maybe(`${indent}${step}# - port: 1, no more${newline}`, 0.3);
    return `${above}${indent}outbound:${comment()}${newline}${items}${below}`;
  };
  const inbound = () =>
    lines(
      `${indent}inbound:${comment()}`,
      `${dash}- port: ${value("8080")}${comment()}`,
      maybe(`${inside}# of the service`),
      `${inside}tags: {kuma.io/service: ${value("web")}, other: "a: # b"}`,
    ) + maybe(`${newline}${indent}${step}# still of the inbound${newline}`, 0.3);
  const admin = () =>
    lines(`${indent}{{#admin}}`, `${indent}admin: {port: 9901}${comment()}`, `${indent}{{/admin}}`);
  const block = () =>
    lines(`${indent}text: |`, `${indent}${step}outbound:`, `${indent}${step}  - {{ x }}`) + maybe(newline);

  const before = [pick(inbound, () => "")(), pick(block, () => "")()].join(maybe(newline, 0.3));
  const gone = outbound();
  const after =
    maybe(newline) +
    maybe(`${indent}# what follows${newline}`) +
    pick(admin, () => "")() +
    pick(block, () => "")();
  const first = before === "" ? "" : maybe(`${newline}`, 0.5);
  const head =
    maybe("\ufeff", 0.2) +
    lines(
      maybe("# outbound: no"),
      maybe("---", 0.3),
      maybe("other: &a [1, {b: *c}]".replace("*c", "c"), 0.2),
    ) +
    (inSpec
      ? lines("apiVersion: kuma.io/v1alpha1", "kind: Dataplane", "spec:")
      : lines(`type: ${pick("Dataplane", '"Dataplane"')}${comment()}`, `name: ${value("n")}`));
  const networking = `${inSpec ? step : ""}networking:${comment()}${newline}`;
  const tail = maybe(`---${newline}type: Mesh${newline}networking:${newline}  outbound: []${newline}`, 0.3);
  const section = (list: readonly string[]) =>
    lines(
      `${indent}transparentProxying:`,
      `${indent}${step}redirectPortInbound: 15006`,
      `${indent}${step}redirectPortOutbound: 15001`,
      ...(list.length > 0
        ? [`${indent}${step}reachableServices:`, ...list.map((name) => `${indent}${step}${step}- ${name}`)]
        : []),
    );
  const whole = (middle: string) => head + networking + before + first + middle + after + tail;
  return {
    text: whole(gone),
    transparent: whole(section([])),
    withServices: whole(section(eachOnce(services))),
  };
}

/** By what they mean: quotation marks are none of it. */
function eachOnce(services: readonly string[]): string[] {
  const names = new Map<string, string>();
  for (const service of services) {
    const name = service.replace(/^(["'])(.*)\1$/, "$2");
    if (!names.has(name)) names.set(name, service);
  }
  return [...names.values()];
}
