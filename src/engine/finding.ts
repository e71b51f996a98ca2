// SPDX-License-Identifier: Apache-2.0

/**
 * What `status` can find, by code: whether the installation is degraded by it (exit status 2), or it is only worth a word.
 * A code is part of the interface: scripts match on it, `docs/findings.md` explains it, and a test holds both together.
 */
export const FINDINGS = {
  unfinished: { degrades: true, about: "an installation, or its removal, ended on its way" },
  "record-damaged": { degrades: true, about: "what the installation remembers is gone or cannot be read" },
  "second-installation": { degrades: true, about: "there are two installations in this network namespace" },
  "pin-missing": { degrades: true, about: "the pin of a map or program is gone" },
  "hook-detached": { degrades: true, about: "a program is not attached any more" },
  "hook-replaced": { degrades: true, about: "another program runs in the place of one of ours" },
  "cgroup-gone": { degrades: true, about: "the cgroup of the installation is gone, or was made anew" },
  "interface-gone": { degrades: true, about: "an interface whose inbound traffic is intercepted is gone" },
  "interface-replaced": { degrades: true, about: "an interface went and came back as another one" },
  "interface-down": { degrades: true, about: "the interface whose inbound traffic is intercepted is down" },
  "interface-added": { degrades: true, about: "an interface came that no program is attached to" },
  "interface-renamed": {
    degrades: false,
    about: "the interface has another name; its traffic is intercepted",
  },
  "address-added": { degrades: true, about: "this host has an address that it did not have" },
  "address-lost": { degrades: true, about: "this host lost an address" },
  "link-local-changed": { degrades: false, about: "this host has other link-local addresses than it had" },
  "passthrough-address-gone": { degrades: true, about: "::6 is gone from lo" },
  "ipv6-added": { degrades: true, about: "this host speaks IPv6 by now, and no rule intercepts it" },
  "name-servers-changed": { degrades: true, about: "resolv.conf names other name servers" },
  "rules-unrecorded": { degrades: true, about: "nothing is written down of the rules that are there" },
  "rules-missing": { degrades: true, about: "rules of iptables are gone" },
  "rules-unexpected": {
    degrades: true,
    about: "there are rules of ours that this installation does not know",
  },
  "rules-reordered": { degrades: true, about: "rules of iptables stand in another order" },
  "rules-before": { degrades: false, about: "rules of others are asked before ours" },
  "networks-missing": { degrades: true, about: "the rules for virtual networks are gone" },
  "networks-of-another": {
    degrades: true,
    about: "the rules for virtual networks are another installation's",
  },
  "programs-missing": {
    degrades: true,
    about: "the programs beside the rules for virtual networks are gone",
  },
  "other-programs": { degrades: false, about: "programs of others are at the same hooks" },
  "put-back-gone": {
    degrades: true,
    about: "nobody has confirmed the installation, and what would have put back is gone",
  },
  "put-back-failed": {
    degrades: true,
    about: "nobody has confirmed the installation, and putting back has failed",
  },
  "stored-otherwise": { degrades: true, about: "what is stored for the next start is another configuration" },
  "stored-disabled": { degrades: false, about: "what is stored is not installed when the host starts" },
  "stored-broken": { degrades: true, about: "the program that installs what is stored is gone" },
  "stored-outdated": { degrades: false, about: "the unit that installs what is stored is another version's" },
  "firewalld-otherwise": {
    degrades: true,
    about: "firewalld keeps other rules than those that are installed",
  },
  "proxy-gone": { degrades: true, about: "the proxy listened when this was installed, and does not now" },
  "proxy-not-listening": { degrades: false, about: "the proxy does not listen, and has not been seen to" },
  "proxy-family": { degrades: false, about: "the proxy listens in one address family alone" },
  "proxy-user": { degrades: false, about: "who listens on the proxy's port is another user" },
  "dns-proxy-not-listening": { degrades: false, about: "nobody listens where DNS queries are sent" },
  "old-connections": {
    degrades: false,
    about: "connections that are not intercepted, older than the installation",
  },
} as const satisfies Record<string, { readonly degrades: boolean; readonly about: string }>;

export type FindingCode = keyof typeof FINDINGS;

/** One thing that is not as it was installed, or that is worth knowing beside it. */
export interface Finding {
  readonly code: FindingCode;
  /** Not all of what was asked for is in place. */
  readonly degrades: boolean;
  /** A sentence, without its end. */
  readonly message: string;
  /** What the user can do: the rest of that sentence, with its end. */
  readonly remedy: string;
}

export function finding(code: FindingCode, message: string, remedy: string): Finding {
  return { code, degrades: FINDINGS[code].degrades, message, remedy };
}

/** What is to be done about most of them. */
export const INSTALL_AGAIN = "`tproxyctl install` sets it right, `tproxyctl uninstall` removes it.";

/** For people, one line. */
export function describeFinding({ degrades, message, remedy }: Finding): string {
  return `${degrades ? "finding" : "note"}: ${message}; ${remedy}`;
}
