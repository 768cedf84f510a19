import { furuGlobals } from "../core/globals.ts";
import { currentSession, type Displayed } from "../core/system/session.ts";

/**
 * In a kernel of `deno jupyter`: lets cells show artifacts, plans, runs and tables. What that takes is loaded
 * when the first one is shown.
 */
export function beginNotebook(): void {
  if (currentSession() !== "notebook") return;
  furuGlobals().display ??= async (kind, value) => {
    const { display } = await import("../notebook/display.ts");
    return await display(kind as Displayed, value);
  };
}

beginNotebook();
