// SPDX-License-Identifier: Apache-2.0

/** Whole numbers from `first` to `last`, both included; `first` ≤ `last`. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}
