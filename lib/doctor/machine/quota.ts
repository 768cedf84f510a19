/** What a user is allowed on a filesystem, and has. */
export interface Quota {
  /** In bytes; nothing without a limit. */
  readonly bytes?: QuotaUse | undefined;
  /** In files; nothing without a limit. */
  readonly files?: QuotaUse | undefined;
}

/** A limit and what is used of it. */
export interface QuotaUse {
  /** What is used. */
  readonly used: number;
  /** The lowest limit: what is above it is refused, at once or after some days. */
  readonly limit: number;
}

/**
 * Reads what `quota -w -p -u` printed, in KiB.
 *
 * @param source The device or server's folder of the filesystem in question.
 */
export function parseQuota(text: string, source: string): Quota {
  for (const line of text.split("\n")) {
    const [name, ...cells] = line.trim().split(/\s+/);
    if (name === source && cells.length >= 8) return quotaOf(cells);
  }
  return {};
}

/** Reads what `lfs quota -q -u USER FOLDER` printed, in KiB; a long path has a line of its own. */
export function parseLustreQuota(text: string): Quota {
  const [, ...cells] = text.trim().split(/\s+/);
  return quotaOf(cells);
}

/** Used, soft limit, hard limit and grace of blocks, then of files. An asterisk says that it is above. */
function quotaOf(cells: readonly string[]): Quota {
  const use = (from: number, unit: number): QuotaUse | undefined => {
    const [used = NaN, soft = NaN, hard = NaN] = cells.slice(from, from + 3)
      .map((cell) => parseInt(cell.replace("[", "")));
    const limits = [soft, hard].filter((limit) => limit > 0);
    return Number.isNaN(used) || limits.length === 0
      ? undefined
      : { used: used * unit, limit: Math.min(...limits) * unit };
  };
  return { bytes: use(0, 1024), files: use(4, 1) };
}
