import { DIRECTION_CASES } from "./directions.ts";
import { DNS_CASES } from "./dns.ts";
import { MIXED_CASES } from "./mixed.ts";
import { OTHER_CASES, USER_CASES } from "./others.ts";
import type { RuleCase } from "./rule-case.ts";

/** Default, each option alone, and ten mixed configurations. */
export const RULE_CASES: readonly RuleCase[] = [
  ...DIRECTION_CASES,
  ...USER_CASES,
  ...DNS_CASES,
  ...OTHER_CASES,
  ...MIXED_CASES,
];
