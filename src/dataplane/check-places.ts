// SPDX-License-Identifier: Apache-2.0
import { formatAddress, isLoopback, parseAddress, sameAddress, unmapAddress } from "../core/address.ts";
import type { Findings } from "./finding.ts";
import type { HostAddresses, Interception } from "./interception.ts";
import { Unfilled } from "./plain.ts";
import type { Networking } from "./schema.ts";

/** Where connections come in, and to whom they go. */
export function checkPlaces(
  networking: Networking,
  interception: Interception,
  host: HostAddresses,
  findings: Findings,
): void {
  checkAddress(networking.address, host, findings);
  const { gateway, inbound } = networking;
  const hasGateway = gateway !== undefined && gateway !== null;
  const hasInbound = inbound instanceof Unfilled || (inbound ?? []).length > 0;
  if (hasGateway) {
    if (hasInbound)
      findings.error("networking.inbound", "a gateway has no inbounds: Kuma refuses this", "remove it");
    if (interception.inbound.redirect)
      findings.error(
        "networking.gateway",
        "inbound connections of a gateway go past the proxy, and are redirected to it",
        "install with --redirect-inbound=false",
      );
    return;
  }
  if (!hasInbound)
    findings.error("networking", "has neither inbound nor gateway: Kuma refuses this", "add one of them");
  if (hasInbound && !interception.inbound.redirect)
    findings.error(
      "networking.inbound",
      "inbound connections are not redirected: they reach the service past the proxy",
      "install without --redirect-inbound=false",
    );
  if (Array.isArray(inbound))
    for (const [index, each] of inbound.entries()) checkInbound(each, index, interception, findings);
  const admin = networking.admin instanceof Unfilled ? undefined : networking.admin?.port;
  const taken = typeof admin === "number" ? takenBy(admin, interception) : undefined;
  if (taken !== undefined)
    findings.error("networking.admin.port", `${admin} is ${taken}`, "give the admin API another port");
}

type Inbound = Exclude<NonNullable<Networking["inbound"]>, Unfilled>[number];

function checkInbound(inbound: Inbound, index: number, interception: Interception, findings: Findings): void {
  const path = `networking.inbound.${index}`;
  const { port, servicePort } = inbound;
  if (port === undefined || port === null)
    findings.error(path, "has no port: Kuma refuses this", "add the port of the service");
  if (typeof port === "number") {
    const taken = takenBy(port, interception);
    if (taken !== undefined)
      findings.error(
        `${path}.port`,
        `${port} is ${taken}: connections to it never reach the service`,
        "give the service another port",
      );
    else if (interception.inbound.redirect && !interception.interceptsInbound(port))
      findings.error(
        `${path}.port`,
        `${port} is left alone: connections to it reach the service past the proxy`,
        "take it out of --exclude-inbound-ports, or into --include-inbound-ports where that is given",
      );
  }
  if (typeof servicePort !== "number" || servicePort === port) return;
  const taken = takenBy(servicePort, interception);
  if (taken !== undefined)
    findings.error(
      `${path}.servicePort`,
      `${servicePort} is ${taken}: the proxy would call itself, without end`,
      "write the port where the service listens",
    );
}

function takenBy(port: number, { inbound, outbound, dnsPort }: Interception): string | undefined {
  if (port === inbound.port) return "the proxy's port for inbound connections";
  if (port === outbound.port) return "the proxy's port for outbound connections";
  return port === dnsPort ? "the DNS proxy's port" : undefined;
}

function checkAddress(address: Networking["address"], host: HostAddresses, findings: Findings): void {
  const path = "networking.address";
  if (address instanceof Unfilled) return;
  if (address === undefined || address === null || address === "") {
    findings.error(
      "networking",
      "has no address: Kuma refuses this",
      "add the address where other hosts find this one",
    );
    return;
  }
  const parsed = parseAddress(address);
  if (parsed === undefined) {
    if (/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(address) && !/^[0-9.]+$/.test(address)) return; // a name, for Kuma to look up
    findings.error(
      path,
      `${JSON.stringify(address)} is neither an IP address nor a name`,
      "write 10.0.0.1 or fd00::1",
    );
    return;
  }
  if (/^[0.:]+$/.test(formatAddress(parsed))) {
    findings.error(
      path,
      `${address} is no address of one host: Kuma refuses it`,
      "write the address where other hosts find this one",
    );
  } else if (isLoopback(parsed)) {
    findings.warning(
      path,
      `${address} is the same on every host: no other one gets here by it`,
      "write an address of this host",
    );
  } else if (host !== undefined && !host.some((own) => sameAddress(own, unmapAddress(parsed)))) {
    const own = host.filter((each) => !isLoopback(each)).map(formatAddress);
    findings.warning(path, `${address} is no address of this host`, `write one of them: ${own.join(", ")}`);
  }
}
