/** Whether the terminal cannot move its cursor, as Emacs' shell says of itself by `TERM=dumb`. */
export function isDumbTerminal(): boolean {
  // Asking the user for the right to know it would disturb more than a strange display.
  const { state } = Deno.permissions.querySync({ name: "env", variable: "TERM" });
  return state === "granted" && Deno.env.get("TERM") === "dumb";
}

/** A variable of the environment; without a permission to read it there is none. */
export function environmentVariable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    return undefined;
  }
}

/** The name of the user, for people. */
export function userName(): string | undefined {
  try {
    return Deno.env.get("USER") ?? Deno.env.get("LOGNAME");
  } catch {
    return undefined; // without the right to know it there is none
  }
}

/** The variables of this process, for programs that it starts; none where they may not be read. */
export function environmentVariables(): Record<string, string> {
  try {
    return Deno.env.toObject();
  } catch {
    return {};
  }
}

/** The variable that makes a process of furu's program a computing process. */
const COMPUTE = "FURU_COMPUTE";

/** What a computing process is told when it is started. */
export interface ComputeOrder {
  /** Where its supervisor is. */
  readonly socket: string;
  /** Which process it is. */
  readonly token: string;
  /**
   * What it puts back before it begins: variables of the run's process that it was started with changed;
   * `null` for none.
   */
  readonly restore?: Readonly<Record<string, string | null>>;
}

/**
 * The variables with which furu's program becomes a computing process. They are no arguments, since those are
 * the ones of the run's own process: modules see the same in `Deno.args` and `process.argv`.
 */
export function computeEnvironment(order: ComputeOrder): Record<string, string> {
  return { [COMPUTE]: JSON.stringify(order) };
}

/**
 * What this process was told to be, if it is to be a computing process; nobody that it starts is told again.
 */
export function takeComputeOrder(): ComputeOrder | undefined {
  // Never with a question to the user: a computing process may do anything.
  if (Deno.permissions.querySync({ name: "env", variable: COMPUTE }).state !== "granted") return undefined;
  const text = Deno.env.get(COMPUTE);
  if (text === undefined) return undefined;
  Deno.env.delete(COMPUTE);
  const order: ComputeOrder = JSON.parse(text);
  for (const [name, value] of Object.entries(order.restore ?? {})) {
    if (value === null) Deno.env.delete(name);
    else Deno.env.set(name, value);
  }
  return order;
}
