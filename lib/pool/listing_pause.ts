/** No pause is longer than this: one listing that was slow, once, says little of the next. */
const LONGEST_PAUSE_MS = 30_000;

/**
 * How long a folder is left alone after it was listed, so that listings take a small part of the time however slow the file
 * server is.
 *
 * @param tookMs What the listing took. @param times How many times as long the pause is, within half a minute.
 * @returns Milliseconds.
 */
export function listingPause(tookMs: number, times: number): number {
  return Math.min(tookMs * times, LONGEST_PAUSE_MS);
}
