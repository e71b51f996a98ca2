// SPDX-License-Identifier: Apache-2.0

const held = new Set<number>();

/**
 * The open files whose locks this process holds. Programs that it runs inherit them: a lock lasts as long as one of these
 * does, so where this process is killed, the next one waits until what it had begun is over.
 */
export function heldLocks(): readonly number[] {
  return [...held];
}

/** @param fd of a file that is locked by flock(2) */
export function holdLock(fd: number): Disposable {
  held.add(fd);
  return { [Symbol.dispose]: () => void held.delete(fd) };
}
