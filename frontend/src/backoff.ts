// How long to wait before the next try.

export const RESTART_CODE = 1012; // the exchange restarts: everybody was sent away at once
const RESTART_WAIT_MS_MAX = 5_000;
const FIRST_WAIT_MS = 500;
const WAIT_MS_MAX = 30_000;

/**
 * Milliseconds to wait after a close with `code`, for the `failures`-th time in a row (0 for the first). Half of the
 * wait is chance, so that a class of browsers does not come back in one instant; after a restart all of it is.
 */
export function waitMs(code: number, failures: number, random: () => number): number {
  if (code === RESTART_CODE && failures === 0) return Math.floor(random() * RESTART_WAIT_MS_MAX);
  const longest = Math.min(FIRST_WAIT_MS * 2 ** failures, WAIT_MS_MAX);
  return Math.floor(longest / 2 + (random() * longest) / 2);
}
