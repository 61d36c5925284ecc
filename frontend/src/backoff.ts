// How long to wait before reconnecting.

export const RESTART_CODE = 1012; // the exchange restarts: every socket was closed at once
const RESTART_WAIT_MS_MAX = 5_000;
const FIRST_WAIT_MS = 500;
const WAIT_MS_MAX = 30_000;

/**
 * Milliseconds to wait after a close with `code`. `failures` counts earlier failures in a row. Half of the wait is
 * random, and all of it after a restart, so that the browsers of a class do not all reconnect at once.
 */
export function waitMs(code: number, failures: number, random: () => number): number {
  if (code === RESTART_CODE && failures === 0) return Math.floor(random() * RESTART_WAIT_MS_MAX);
  const longest = Math.min(FIRST_WAIT_MS * 2 ** failures, WAIT_MS_MAX);
  return Math.floor(longest / 2 + (random() * longest) / 2);
}
