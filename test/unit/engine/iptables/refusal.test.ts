// The texts are what iptables 1.8.9 printed.

import { describe, expect, test } from "vitest";
import { findLine, hintForRefusal, mayPass, quoteRefusal } from "../../../../src/engine/iptables/refusal.ts";

const TEXT = "*nat\n-N OURS\n-A OURS -j NOWHERE\n-A OUTPUT -j OURS\nCOMMIT\n";

interface Case {
  readonly title: string;
  readonly exitCode: number | undefined;
  readonly stderr: string;
  readonly again: boolean;
  readonly line?: number;
  readonly hint?: RegExp;
}

const CASES: readonly Case[] = [
  {
    title: "nft, a match that is not known",
    exitCode: 2,
    stderr: `iptables-nft-restore v1.8.9 (nf_tables): Couldn't load match \`nope':No such file or directory

Error occurred at line: 3
Try \`iptables-nft-restore -h' or 'iptables-nft-restore --help' for more information.`,
    again: false,
    line: 3,
    hint: /Change the option/,
  },
  {
    title: "nft, a jump to nowhere, noticed a line later",
    exitCode: 2,
    stderr:
      "iptables-nft-restore v1.8.9 (nf_tables): Chain 'NOWHERE' does not exist\nError occurred at line: 4",
    again: false,
    line: 3,
  },
  {
    title: "nft, a rule that is not there",
    exitCode: 1,
    stderr: "iptables-nft-restore: line 3 failed: Bad rule (does a matching rule exist in that chain?).",
    again: false,
    line: 3,
  },
  {
    title: "nft, a rule that the kernel refuses",
    exitCode: 4,
    stderr:
      "iptables-nft-restore v1.8.9 (nf_tables): \nline 3: RULE_APPEND failed (Invalid argument): rule in chain OURS",
    again: false,
    line: 3,
  },
  {
    title: "nft, a chain in use",
    exitCode: 4,
    stderr:
      "iptables-nft-restore v1.8.9 (nf_tables): \nline 2: CHAIN_DEL failed (Device or resource busy): chain KT",
    again: false,
    line: 2,
  },
  {
    title: "nft, a busy kernel",
    exitCode: 4,
    stderr:
      "iptables-nft-restore v1.8.9 (nf_tables): \nline 3: RULE_APPEND failed (Cannot allocate memory): rule",
    again: true,
    line: 3,
  },
  {
    title: "nft, not root",
    exitCode: 4,
    stderr:
      "iptables-nft-restore v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)",
    again: false,
    hint: /as root, with the capabilities/,
  },
  {
    title: "legacy, a line",
    exitCode: 1,
    stderr: "iptables-restore: line 3 failed",
    again: false,
    line: 3,
  },
  {
    title: "legacy, the commit",
    exitCode: 1,
    stderr: "iptables-restore: line 5 failed",
    again: true,
    line: 5,
    hint: /dmesg/,
  },
  {
    title: "legacy, the commit is missing",
    exitCode: 1,
    stderr: "iptables-restore: COMMIT expected at line 5",
    again: false,
    line: 5,
  },
  {
    title: "legacy, the lock is held",
    exitCode: 4,
    stderr:
      "Can't lock /run/xtables.lock: Resource temporarily unavailable\n" +
      "Another app is currently holding the xtables lock. Stopped waiting after 1s.",
    again: true,
    hint: /--wait/,
  },
  {
    title: "legacy, no lock file",
    exitCode: 4,
    stderr: "Fatal: can't open lock file /run/xtables.lock: Read-only file system",
    again: false,
    hint: /XTABLES_LOCKFILE/,
  },
  {
    title: "legacy, no table",
    exitCode: 2,
    stderr:
      "iptables-restore v1.8.9 (legacy): iptables-restore: unable to initialize table 'nat'\nError occurred at line: 1",
    again: false,
    line: 1,
    hint: /NET_ADMIN.*modprobe iptable_nat/,
  },
  {
    title: "legacy, no table raw for IPv6",
    exitCode: 2,
    stderr:
      "ip6tables-restore v1.8.9 (legacy): ip6tables-restore: unable to initialize table 'raw'\nError occurred at line: 1",
    again: false,
    line: 1,
    hint: /modprobe ip6table_raw\).*--skip-dns-conntrack-zone-split/,
  },
  {
    title: "legacy, no table, asked for by iptables",
    exitCode: 3,
    stderr:
      "iptables v1.8.9 (legacy): can't initialize iptables table `mangle': Table does not exist (do you need to insmod?)",
    again: false,
    hint: /modprobe iptable_mangle\)/,
  },
  { title: "killed", exitCode: undefined, stderr: "", again: false, hint: /run the command again/ },
];

describe.each(CASES)("$title", ({ exitCode, stderr, again, line, hint }) => {
  const refusal = {
    exitCode,
    stderr,
    ending: exitCode === undefined ? "killed by SIGKILL" : `exit status ${exitCode}`,
  };

  test(again ? "is tried again" : "is not tried again", () => {
    expect(mayPass(refusal, TEXT)).toBe(again);
  });

  test("names its line", () => {
    expect(findLine(refusal, TEXT)?.number).toBe(line);
  });

  test("is quoted in one line, and says what to do", () => {
    const quote = quoteRefusal(refusal);
    expect(quote).toMatch(new RegExp(`^${refusal.ending}`));
    expect(quote).not.toMatch(/\n|Try `/);
    expect(hintForRefusal(refusal, false, findLine(refusal, TEXT)?.text)).toMatch(hint ?? /./);
  });
});

test("the line is shown as it stands in the text", () => {
  const refusal = { exitCode: 2, stderr: "Error occurred at line: 3", ending: "exit status 2" };
  expect(findLine(refusal, TEXT)).toEqual({ number: 3, text: "-A OURS -j NOWHERE" });
  expect(findLine({ ...refusal, stderr: "Error occurred at line: 99" }, TEXT)).toBeUndefined();
});
