import { runProcess } from "./process.ts";

/** The tools that furu is measured beside. */
export const PEER_NAMES = ["make", "ninja", "parallel", "doit", "joblib", "snakemake"] as const;
/** One of them. */
export type PeerName = typeof PEER_NAMES[number];

/** Those that take minutes where the others take seconds: measured when asked for. */
export const SLOW_PEERS: readonly PeerName[] = ["parallel", "doit", "joblib", "snakemake"];

/** A tool that is installed. */
export interface Peer {
  /** What starts it. For joblib: a Python that has it. */
  readonly command: string;
  /** Its version as it tells it. */
  readonly version: string;
}

/** Those that are installed. */
export type Peers = ReadonlyMap<PeerName, Peer>;

/**
 * Pythons that may have joblib: a distribution's packages are in its own one, which need not be first on
 * PATH.
 */
const PYTHONS = ["python3", "/usr/bin/python3"];

/** Looks for the tools; never installs anything. */
export async function findPeers(names: readonly PeerName[]): Promise<Peers> {
  const found = new Map<PeerName, Peer>();
  for (const name of names) {
    const candidates = name === "joblib"
      ? PYTHONS.map((python) => [python, "-c", "import joblib; print('joblib', joblib.__version__)"])
      : [[name, "--version"]];
    for (const [command = "", ...args] of candidates) {
      const version = await firstLine([command, ...args]);
      if (version !== undefined && !found.has(name)) found.set(name, { command, version });
    }
  }
  return found;
}

async function firstLine(command: readonly string[]): Promise<string | undefined> {
  try {
    return (await runProcess(command)).split("\n", 1)[0];
  } catch {
    return undefined; // not there, or not able to start: it is left out, and the bench says so
  }
}
