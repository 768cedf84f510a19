import type { SupervisorMessage } from "./protocol.ts";

const TYPES: readonly string[] = [
  "configure",
  "task",
  "artifacts",
  "abort",
  "drop",
  "stop",
] satisfies SupervisorMessage["type"][];

/**
 * Reads a message of the supervisor. That is of the same version, as its first message said: what it sends
 * has its form.
 *
 * @throws {Error} for what is no such message.
 */
export function parseSupervisorMessage(line: string): SupervisorMessage {
  const message = JSON.parse(line);
  if (!TYPES.includes(message?.type)) throw new Error(`no such type: ${line.slice(0, 200)}`);
  return message;
}
