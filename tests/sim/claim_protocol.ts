import { errorCode } from "../../lib/core/errors.ts";
import type { Files } from "../../lib/core/system/files.ts";
import type { Machine, Owner } from "../../lib/core/system/machine.ts";

/**
 * The claim protocol of section 4 of the design in its shortest form, to try the simulator with: one record, one
 * folder, no attempts' numbers and no sweeping.
 */
export interface ClaimModel {
  /** Exclusive by `link`, or, as a fault that the simulator must find, by looking and then writing. */
  how: "link" | "check-then-write";
  /** Computes; throws to fail. */
  create: (machine: Machine) => Promise<void>;
}

const DIR = "/s/d";
const RUNNING = `${DIR}/running.json`;
const RECORD = "/s/record.json";
const LEASE_MS = 30_000;

interface Claim {
  id: string;
  owner: Owner;
}

/** Returns the id of the attempt whose record it has seen. */
export async function getByModel(machine: Machine, model: ClaimModel): Promise<string> {
  const { files, clock } = machine;
  for (let turn = 1;; turn++) {
    const stored = await readJson<Claim>(files, RECORD);
    if (stored) {
      // Our own temporary file may be why the one that succeeded could not remove the folder.
      if (turn > 1) await tolerate(files.remove(DIR), "ENOENT", "ENOTEMPTY");
      return stored.id;
    }
    const claim: Claim = { id: machine.randomId(), owner: machine.self };
    const own = `${DIR}/.own-${claim.id}`;
    await tolerate(files.mkdir(DIR), "EEXIST");
    if (!await writeNew(files, own, claim)) continue;
    const won = model.how === "link"
      ? await linkOnce(files, own, RUNNING, claim.id)
      : await files.stat(RUNNING) === undefined &&
        await tolerate(files.write(RUNNING, JSON.stringify(claim)), "ENOENT");
    if (!won) {
      await tolerate(files.remove(own), "ENOENT");
      await watch(machine);
      await clock.sleep(500);
      continue;
    }
    const id = await attempt(machine, model, claim, own);
    if (id !== undefined) return id;
  }
}

async function attempt(
  machine: Machine,
  model: ClaimModel,
  claim: Claim,
  own: string,
): Promise<string | undefined> {
  const { files } = machine;
  const beat = machine.beat({ path: own, unlink: true, intervalMs: LEASE_MS / 3, onLost: () => {} });
  let result: string | undefined;
  try {
    result = (await readJson<Claim>(files, RECORD))?.id;
    if (result === undefined) {
      await model.create(machine);
      const fresh = `${DIR}/.record-${claim.id}`;
      if (await writeNew(files, fresh, claim)) {
        result = await linkOnce(files, fresh, RECORD, claim.id)
          ? claim.id
          : (await readJson<Claim>(files, RECORD))?.id;
        await tolerate(files.remove(fresh), "ENOENT");
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.InvalidData)) throw error; // the task's own failure: tried again
  } finally {
    await beat.stop();
  }
  await end(machine, claim, result !== undefined);
  return result;
}

async function end(machine: Machine, claim: Claim, success: boolean): Promise<void> {
  const { files } = machine;
  if (await linkEnd(machine, claim.id, { id: machine.randomId(), ended: claim.id })) {
    if (await removeClaim(machine, claim.id) && success) {
      await tolerate(files.remove(endOf(claim.id)), "ENOENT");
    }
  }
  if (success) await tolerate(files.remove(DIR), "ENOENT", "ENOTEMPTY");
}

/** Waits until the claim changes hands, and clears it away when its owner is dead. */
async function watch(machine: Machine): Promise<void> {
  const { files, clock } = machine;
  let seen = { id: "", mtimeMs: 0, since: 0, last: 0, looks: 0 };
  for (;;) {
    const before = clock.monotonic();
    const claim = await readJson<Claim>(files, RUNNING);
    if (!claim) return;
    const mtimeMs = await mtime(files, RUNNING);
    const after = clock.monotonic();
    const same = claim.id === seen.id && mtimeMs === seen.mtimeMs && after - seen.last < LEASE_MS / 3;
    seen = same
      ? { ...seen, last: after, looks: seen.looks + 1 }
      : { id: claim.id, mtimeMs: mtimeMs ?? 0, since: after, last: after, looks: 1 };
    const dead = machine.isGone(claim.owner) || (seen.looks >= 3 && before - seen.since > LEASE_MS);
    const ended = await readJson(files, endOf(claim.id)) !== undefined;
    if (ended && (dead || seen.looks >= 3)) return void await removeClaim(machine, claim.id);
    if (!ended && dead) {
      const owning = await linkEnd(machine, claim.id, { id: machine.randomId(), ended: claim.id });
      if (owning && !await removeClaim(machine, claim.id)) {
        await tolerate(files.remove(endOf(claim.id)), "ENOENT");
      }
      return;
    }
    await clock.sleep(LEASE_MS / 5);
  }
}

/** Renames it away, looks what it was, and puts it back when it was another one that has not ended. */
async function removeClaim(machine: Machine, id: string): Promise<boolean> {
  const { files } = machine;
  const trash = `${DIR}/.trash-${machine.randomId()}`;
  await tolerate(files.rename(RUNNING, trash), "ENOENT", "EIO");
  const got = await readJson<Claim>(files, trash);
  if (!got) return false;
  if (got.id !== id && await readJson(files, endOf(got.id)) === undefined) {
    await tolerate(files.link(trash, RUNNING), "EEXIST", "EIO");
  }
  await tolerate(files.remove(trash), "ENOENT");
  return got.id === id;
}

async function linkEnd(
  machine: Machine,
  id: string,
  content: { id: string; ended: string },
): Promise<boolean> {
  const { files } = machine;
  const own = `${DIR}/.end-${content.id}`;
  if (!await writeNew(files, own, content)) return false;
  const won = await linkOnce(files, own, endOf(id), content.id);
  await tolerate(files.remove(own), "ENOENT");
  return won;
}

/** The exclusive step: whatever the answer, the target tells whether it is ours. */
async function linkOnce(files: Files, own: string, name: string, id: string): Promise<boolean> {
  try {
    await files.link(own, name);
    return true;
  } catch (error) {
    const there = await readJson<{ id: string }>(files, name);
    if (there === undefined && errorCode(error) === "EIO") throw error;
    return there?.id === id;
  }
}

/** False when the folder has just been removed by another process. */
async function writeNew(files: Files, path: string, content: unknown): Promise<boolean> {
  return await tolerate(files.write(path, JSON.stringify(content)), "ENOENT");
}

async function readJson<T>(files: Files, path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await files.readText(path));
  } catch (error) {
    if (error instanceof SyntaxError || errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function mtime(files: Files, path: string): Promise<number | undefined> {
  try {
    using file = await files.open(path);
    return (await file.stat()).mtimeMs;
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ESTALE") return undefined;
    throw error;
  }
}

function endOf(id: string): string {
  return `${DIR}/end-${id}.json`;
}

async function tolerate(operation: Promise<void>, ...codes: string[]): Promise<boolean> {
  try {
    await operation;
    return true;
  } catch (error) {
    if (codes.includes(errorCode(error) ?? "")) return false;
    throw error;
  }
}
