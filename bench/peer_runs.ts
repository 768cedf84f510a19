import { type BenchContext, count } from "./bench.ts";
import { Folder } from "./folder.ts";
import { medianMs } from "./measure.ts";
import { names, PEER_PROJECTS, type PeerProject } from "./peer_projects.ts";
import type { Peer } from "./peers.ts";
import { runProcess } from "./process.ts";

/** How long a tool took. */
export interface PeerTime {
  /** As the table calls it. */
  tool: string;
  /** Milliseconds of the whole process. */
  ms: number;
  /** Over how many targets. */
  targets: number;
}

/**
 * Each tool that is installed making tiny files from nothing; slow ones make fewer.
 *
 * @param known What was measured before: the same is not measured again.
 * @param dir Where the files are made; by default in the system's folder for temporary files.
 */
export async function firstRuns(
  { peers, quick }: BenchContext,
  targets: number,
  known: readonly PeerTime[],
  dir?: string,
): Promise<PeerTime[]> {
  const times: PeerTime[] = [];
  for (const project of PEER_PROJECTS) {
    const peer = peers.get(project.peer);
    if (!peer) continue;
    const fewer = Math.min(targets, quick ? Math.ceil(project.most / 10) : project.most);
    const before = known.find((time) => time.tool === project.tool && time.targets === fewer);
    if (before) {
      times.push(before);
      continue;
    }
    await using folder = new Folder(dir);
    project.write(folder, fewer);
    const ms = await medianMs(() => run(folder, project, peer, fewer), {
      rounds: quick ? 1 : 3,
      warmUp: quick ? 0 : 1,
      before: () => clear(folder, project),
    });
    expectAll(folder, project, fewer);
    times.push({ tool: project.tool, ms, targets: fewer });
  }
  return times;
}

/** Each tool that is installed and remembers what is there, finding that nothing is to be done. */
export async function secondRuns({ peers, quick }: BenchContext, targets: number): Promise<PeerTime[]> {
  const times: PeerTime[] = [];
  for (const project of PEER_PROJECTS) {
    const peer = peers.get(project.peer);
    if (!peer || project.remembers === "no") continue;
    await using folder = new Folder();
    project.write(folder, targets);
    await clear(folder, project);
    if (project.remembers === "by files") { for (const name of names(targets)) folder.write(name, "1\n"); }
    else await run(folder, project, peer, targets);
    const ms = await medianMs(() => run(folder, project, peer, targets), { rounds: quick ? 1 : 3 });
    times.push({ tool: project.tool, ms, targets });
  }
  return times;
}

async function clear(folder: Folder, { makes }: PeerProject): Promise<void> {
  for (const name of makes) await folder.remove(name);
  await folder.clear("o");
}

async function run(folder: Folder, project: PeerProject, peer: Peer, targets: number): Promise<void> {
  // What the tools keep for themselves goes into the folder too.
  const env = { XDG_CACHE_HOME: folder.at("xdg"), PARALLEL_HOME: folder.at("xdg") };
  await runProcess(project.command(peer, targets), { cwd: folder.path, env });
}

/** A tool that did nothing would look fast. */
function expectAll(folder: Folder, { makes, tool }: PeerProject, targets: number): void {
  if (!makes.includes("o")) return;
  const made = [...Deno.readDirSync(folder.at("o"))].length;
  if (made !== targets) {
    throw new Error(`Cannot measure ${tool}: it made ${count(made)} of ${count(targets)}`);
  }
}
