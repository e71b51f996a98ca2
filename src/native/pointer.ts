// SPDX-License-Identifier: Apache-2.0

declare const pointee: unique symbol;

/**
 * The address of a C object of type `T`. A plain number or bigint passed where C wants a pointer crashes the
 * process, so pointers are a type of their own that only `src/native` makes.
 */
export type Pointer<T extends string> = bigint & { readonly [pointee]: T };

/** A pointer, or where C says NULL, the errno that explains it (positive). */
export type PointerOrErrno<T extends string> = Pointer<T> | number;

/** Whether the pointer is there, and not an errno in its place. */
export function isPointer<T extends string>(value: PointerOrErrno<T>): value is Pointer<T> {
  return typeof value === "bigint";
}
