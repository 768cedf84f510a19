import { format } from "@std/fmt/duration";

/**
 * A duration for people: `0.35 s`, `4.2 s`, `42 s`, `3m 20s`, `2h 5m`.
 *
 * @param ms Milliseconds.
 */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 0.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  // Nobody wants the seconds of hours.
  const unit = seconds < 3600 ? 1 : 60;
  return format(Math.round(seconds / unit) * unit * 1000, { ignoreZero: true });
}
