import { bytesText } from "../../ui/text.ts";
import {
  delayText,
  type DoctorFinding,
  findingOf,
  type Judgement,
  type Outcome,
  type Outcomes,
} from "./finding.ts";
import { cachedAttributesSec, isFleeting, isNfs, isShared, type Mount } from "./mounts.ts";
import type { Quota } from "./quota.ts";
import type { StoreFacts } from "./store_facts.ts";

/** What the facts of a store are judged by. */
export interface StoreContext {
  /** Seconds for which a claim counts without a heartbeat. */
  leaseSec: number;
  /** Seconds between two heartbeats. */
  heartbeatSec: number;
  /** Whether several machines are to use it. */
  slurm: boolean;
}

/** An owner file is changed for a new one at so many claims; a record has a few names more. */
const LINKS_NEEDED = 1010;
const SLOW_SYNC_MS = 500;
const SLOW_STEPS_MS = 100;
const LITTLE_BYTES = 5e9;
const LEAST_BYTES = 1e8;
const FEW_FILES = 100_000;
const LEAST_FILES = 1000;
const CLOCK_MS = 5000;

const fine = (found: string, values?: Record<string, unknown>): Judgement => ({
  level: "fine",
  found,
  ...(values ? { values } : {}),
});

const refused = (effect: string, fix: string) => ({ error }: { error: string }): Judgement => ({
  level: "wrong",
  found: error,
  effect,
  fix,
});

const ELSEWHERE = 'keep the store on another filesystem (FURU_PATH, or "root" in furu.json)';

/** Judges the filesystem of a store. */
export function storeFindings(facts: Outcomes<StoreFacts>, context: StoreContext): DoctorFinding[] {
  const { leaseSec, heartbeatSec } = context;
  return [
    ...findingOf(facts.place, {
      id: "store.place",
      what: "store",
      unanswered: refused("nothing can be stored", 'correct FURU_PATH, --root or "root" in furu.json'),
      judge: ({ root, base, exists }) =>
        fine(exists ? root : `${root} (made by the first run; looked at is ${base})`, { root, exists }),
    }),
    ...findingOf(facts.write, {
      id: "store.write",
      what: "writing",
      unanswered: ({ error, code }) => ({
        level: "wrong",
        found: error,
        effect: "nothing can be computed: only commands that read work",
        fix: code === "EROFS"
          ? "it is mounted read-only here: use a machine where it is not, or another folder (FURU_PATH)"
          : code === "ENOSPC" || code === "EDQUOT"
          ? "make room: furu gc, furu du"
          : "ask its owner for the right to write, or use another folder (FURU_PATH)",
      }),
      judge: () => fine("works"),
    }),
    ...findingOf(mountOutcome(facts.place), {
      id: "store.filesystem",
      what: "filesystem",
      judge: (mount) => judgeMount(mount, context),
    }),
    ...findingOf(facts.links, {
      id: "store.hard-links",
      what: "hard links",
      unanswered: refused("a store is refused there: claims and results are links", ELSEWHERE),
      judge: ({ exclusive, sameFile, counted }) => {
        if (exclusive && sameFile && counted) return fine("work, and never replace what is there");
        const faults = [
          ...(exclusive ? [] : ["a link replaces what is there"]),
          ...(sameFile ? [] : ["two names of a file have different inodes"]),
          ...(counted ? [] : ["the number of names of a file is not counted"]),
        ];
        const effect = "two processes could claim the same artifact, or lose a result";
        return { level: "wrong", found: faults.join(", "), effect, fix: ELSEWHERE };
      },
    }),
    ...findingOf(facts.linkLimit, {
      id: "store.link-limit",
      what: "names of a file",
      judge: ({ most }) =>
        most >= LINKS_NEEDED ? fine(`${most} at most`, { most }) : {
          level: "warning",
          found: `${most} at most`,
          values: { most },
          effect: `a process that holds more than ${most} claims makes more owner files, which takes longer`,
        },
    }),
    ...findingOf(facts.exclusive, {
      id: "store.exclusive-create",
      what: "exclusive files",
      unanswered: refused("two processes could write the same file", ELSEWHERE),
      judge: ({ refused: works }) =>
        works ? fine("work") : {
          level: "wrong",
          found: "a file that is there is opened as if it were new",
          effect: "two processes could write the same file",
          fix: ELSEWHERE,
        },
    }),
    ...findingOf(facts.rename, {
      id: "store.rename",
      what: "renaming",
      unanswered: refused("tasks of a pool and results that are replaced cannot be moved", ELSEWHERE),
      judge: ({ replaced, folder }) =>
        replaced && folder ? fine("works, over files and of folders") : {
          level: "wrong",
          found: replaced ? "a folder is not moved with what is in it" : "a file is not replaced",
          effect: "tasks of a pool and results that are replaced cannot be moved",
          fix: ELSEWHERE,
        },
    }),
    ...findingOf(facts.touch, {
      id: "store.heartbeat",
      what: "heartbeats",
      unanswered: refused("a process that lives seems dead after its lease", ELSEWHERE),
      judge: (value) => judgeTouch(value, heartbeatSec),
    }),
    ...findingOf(facts.sync, {
      id: "store.sync",
      what: "reaching the disk",
      judge: ({ ms }) => judgeSync(ms, leaseSec),
    }),
    ...findingOf(facts.steps, {
      id: "store.speed",
      what: "small files",
      judge: ({ ms }) => {
        const found = `${delayText(median(ms))} to make, link, move and remove one`;
        const values = { medianMs: rounded(median(ms)), maxMs: rounded(Math.max(...ms)) };
        if (median(ms) < SLOW_STEPS_MS) return fine(found, values);
        return {
          level: "warning",
          found,
          values,
          effect: "a task that takes less than a second takes longer to store than to compute",
          fix:
            "make few large artifacts rather than many tiny ones, or keep the store on a faster filesystem",
        };
      },
    }),
    ...findingOf(facts.space, { id: "store.space", what: "free space", judge: judgeSpace }),
    ...findingOf(facts.space, { id: "store.files", what: "free inodes", judge: judgeFiles }),
    ...findingOf(facts.quota, {
      id: "store.quota",
      what: "quota",
      unanswered: ({ error }) =>
        error.includes("there is no program")
          ? fine(`none that is told (${error})`)
          : { level: "unknown", found: `cannot be asked: ${error}` },
      judge: judgeQuota,
    }),
    ...findingOf(facts.modes, {
      id: "store.modes",
      what: "permission bits",
      judge: ({ kept }) =>
        kept ? fine("are kept") : {
          level: "warning",
          found: "are not kept",
          effect: "what furu makes in a store that people share may not be writable for the others",
          fix: "share a store on a filesystem with permission bits only",
        },
    }),
    ...findingOf(facts.place, { id: "store.sharing", what: "sharing", judge: judgeSharing }),
    ...findingOf(facts.letters, {
      id: "store.letters",
      what: "capital letters",
      judge: ({ differ }) =>
        differ ? fine("differ from small ones") : {
          level: "warning",
          found: "are the same as small ones in names",
          effect: "tasks whose names differ in nothing else share their folder",
          fix: "do not name two tasks alike but for capital letters",
        },
    }),
    ...findingOf(facts.unlinked, {
      id: "store.open-files",
      what: "open files",
      judge: ({ readable, leaves }) => {
        if (!readable) {
          const effect = "a process that reads a result while it is removed fails";
          return { level: "warning", found: "cannot be read once they are removed", effect };
        }
        const nfs = leaves.length === 0 ? "" : `, as ${leaves[0]!.replace(/(\.nfs).*/, "$1...")} until then`;
        return fine(`stay until they are closed${nfs}`, { leaves });
      },
    }),
    ...findingOf(facts.clock, {
      id: "store.clock",
      what: "clock of the file server",
      judge: ({ aheadMs, unsureMs }) => {
        const values = { aheadMs, unsureMs: rounded(unsureMs) };
        const off = delayText(Math.abs(aheadMs));
        if (Math.abs(aheadMs) <= CLOCK_MS) return fine(`agrees with this machine's to ${off}`, values);
        return {
          level: "warning",
          found: `is ${off} ${aheadMs > 0 ? "ahead of" : "behind"} this machine's`,
          values,
          effect: "furu works (it compares no clocks), but times that people and other tools see are wrong",
          fix: "ask the administrator to have the clocks set (NTP, chrony)",
        };
      },
    }),
  ];
}

function mountOutcome(place: Outcome<StoreFacts["place"]> | undefined): Outcome<Mount> | undefined {
  if (!place?.ok || place.value.mount === undefined) return undefined;
  return { ok: true, value: place.value.mount };
}

function judgeMount(mount: Mount, { slurm, leaseSec }: StoreContext): Judgement {
  const { type, source, options, at } = mount;
  const told = options.filter((each) =>
    /^(noac|actimeo=|ac(reg|dir)max=|soft|softerr|hard|vers=|ro$|lookupcache=)/.test(each)
  );
  const found = `${type} (${source} at ${at}${told.length > 0 ? `, ${told.join(",")}` : ""})`;
  const values = { type, source, at, options };
  const warn = (effect: string, fix: string): Judgement => ({ level: "warning", found, effect, fix, values });
  if (isFleeting(mount)) {
    return warn(
      type === "overlay" || type === "aufs"
        ? "what is stored is gone with the container"
        : "what is stored is in memory, and gone when the machine is started again",
      ELSEWHERE,
    );
  }
  if (slurm && !isShared(mount)) return fine(`${found}: of this machine, if nodes do not see it too`, values);
  if (isNfs(mount) && options.some((each) => each === "soft" || each === "softerr")) {
    return warn(
      "while the server is away writes fail, or are lost without an error",
      "ask the administrator to mount it 'hard'",
    );
  }
  if (isNfs(mount) && cachedAttributesSec(mount) > leaseSec / 2) {
    const needed = Math.ceil(cachedAttributesSec(mount) * 2 / 60) * 60;
    return {
      ...warn(
        `a host may believe old attributes for ${cachedAttributesSec(mount)} s, the lease is ${leaseSec} s`,
        `set leaseSec to ${needed}`,
      ),
      settings: [{ path: ["leaseSec"], value: needed }],
    };
  }
  return fine(found, values);
}

function judgeTouch({ changed, granularityMs }: StoreFacts["touch"], heartbeatSec: number): Judgement {
  const values = { granularityMs };
  const unit = granularityMs >= 60_000 ? "more than 2 s" : delayText(granularityMs);
  const found = `a file's time is kept to ${unit}`;
  if (!changed || granularityMs >= heartbeatSec * 1000) {
    return {
      level: "wrong",
      found: changed ? found : "a file's time cannot be changed",
      values,
      effect: "a process that lives seems dead after its lease",
      fix: ELSEWHERE,
    };
  }
  return fine(found, values);
}

function judgeSync(ms: readonly number[], leaseSec: number): Judgement {
  const longest = Math.max(...ms);
  const values = { medianMs: rounded(median(ms)), maxMs: rounded(longest) };
  const found = `takes ${delayText(median(ms))}, ${delayText(longest)} at most`;
  // Three looks at a heartbeat within a lease must still be possible.
  if (longest > leaseSec * 1000 / 6) {
    const needed = Math.ceil(longest * 6 / 60_000) * 60;
    return {
      level: "warning",
      found,
      values,
      effect: "a heartbeat may come too late, and a process that lives seem dead",
      fix: `set leaseSec to ${needed}`,
      settings: [{ path: ["leaseSec"], value: needed }],
    };
  }
  if (median(ms) <= SLOW_SYNC_MS) return fine(found, values);
  return {
    level: "warning",
    found,
    values,
    effect: "each result takes that long to store",
    fix: "make few large artifacts rather than many tiny ones, or keep the store on a faster filesystem",
  };
}

function judgeSpace({ free, size }: StoreFacts["space"]): Judgement {
  const found = `${bytesText(free)} of ${bytesText(size)}`;
  const values = { freeBytes: free, bytes: size };
  if (free < LEAST_BYTES) {
    return {
      level: "wrong",
      found,
      values,
      effect: "results cannot be stored",
      fix: "make room: furu gc, furu du",
    };
  }
  if (free >= LITTLE_BYTES) return fine(found, values);
  return {
    level: "warning",
    found,
    values,
    effect: "it may be full soon",
    fix: "make room: furu gc, furu du",
  };
}

function judgeFiles({ files, freeFiles }: StoreFacts["space"]): Judgement {
  // Some filesystems (btrfs, many of clusters) count none.
  if (files === 0) return fine("are not limited");
  const found = `${freeFiles} of ${files}`;
  const values = { freeFiles, files };
  const fix = "remove what nobody needs: furu gc; make few large artifacts rather than many tiny ones";
  if (freeFiles < LEAST_FILES) {
    return { level: "wrong", found, values, effect: "results cannot be stored", fix };
  }
  if (freeFiles >= FEW_FILES) return fine(found, values);
  return { level: "warning", found, values, effect: "each stored result takes one at least", fix };
}

function judgeQuota({ bytes, files }: Quota): Judgement {
  if (!bytes && !files) return fine("none that is told");
  const parts = [
    ...(bytes ? [`${bytesText(bytes.used)} of ${bytesText(bytes.limit)}`] : []),
    ...(files ? [`${files.used} of ${files.limit} files`] : []),
  ];
  const share = Math.max(...[bytes, files].map((use) => use ? use.used / use.limit : 0));
  const found = parts.join(", ");
  const fix = "make room: furu gc, furu du; or ask for more";
  const values = { bytes, files };
  if (share >= 1) return { level: "wrong", found, effect: "results cannot be stored", fix, values };
  if (share < 0.9) return fine(found, values);
  return { level: "warning", found, effect: "it may be used up soon", fix, values };
}

function judgeSharing({ mode, umask, exists, root, base }: StoreFacts["place"]): Judgement {
  const found = `folder ${mode.toString(8)}, umask ${umask.toString(8).padStart(3, "0")}`;
  const values = { mode, umask };
  if (!exists) return fine(`${found}: a new store is yours alone`, values);
  if ((mode & 0o020) === 0) return fine(`${found}: only its owner may write`, values);
  if ((mode & 0o1000) !== 0 && base === root) {
    return {
      level: "warning",
      found: `${found}: people share it, and it has the sticky bit`,
      values,
      effect: "nobody can remove or rename what another one has made",
      fix: `chmod -t ${root}`,
    };
  }
  if ((mode & 0o2000) !== 0) return fine(`${found}: its group may write`, values);
  return {
    level: "warning",
    found: `${found}: its group may write, but new files belong to the groups of those who make them`,
    values,
    effect: "what one has stored another one may not be able to replace or remove",
    fix: `chmod g+s ${root}, and chgrp -R what is in it`,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
