import { errorCode, FuruError, UsageError } from "../../core/errors.ts";
import { interruptible } from "../../core/system/interrupts.ts";
import { reportCounts, ReportSource } from "../../page/report_source.ts";
import { defineCommand } from "../program/command.ts";
import { switchFlag, valueFlag, wholeNumber } from "../program/flag.ts";
import { openWithProgram } from "../program/open_with_program.ts";
import { readableStore } from "../program/readable_store.ts";
import { ABOUT_SUBJECT, findSubject, subjectArgs } from "./subject.ts";

/** Only this machine itself can reach it. */
const HOSTNAME = "127.0.0.1";
/** Milliseconds that open connections have to end. */
const GRACE_MS = 1000;

const flags = {
  all: switchFlag("All that is in the store", { short: "a" }),
  port: valueFlag("N", "The port (default: one that is free)", parsePort, { short: "p" }),
  open: switchFlag("Open it in a browser"),
};

/** `furu serve`: the page of `furu report`, live. */
export const serveCommand = defineCommand({
  ...subjectArgs,
  description: [
    "Shows the page of furu report in a browser, and goes on with it while a run goes on. It only reads, is " +
    `reached from this machine alone (${HOSTNAME}), and only with the address that it prints: that has a secret ` +
    "in it. Ctrl-C ends it.",
    "From elsewhere it is reached through ssh, as it says.",
    ABOUT_SUBJECT,
  ],
  flags,
  examples: (program) => [
    ["", "the latest run"],
    ["--port 8080", "on a port of your own, for a tunnel that stays"],
    ...(program.script ? [] : [["pipeline.ts", "all that the pipeline needs"]] as const),
  ],
  async run({ args, flags, globals, io, program, engine }) {
    const store = await readableStore(engine, { mayLack: true });
    const subject = await findSubject({ args, flags, io, program }, store);
    // Loaded when used, as the rest of furu.
    const [{ LiveReport }, { newToken, pageHandler }] = await Promise.all([
      import("../../page/live_report.ts"),
      import("../../page/page_server.ts"),
    ]);
    const live = new LiveReport(new ReportSource(store, subject), store.machine.clock);
    const { report } = await live.current();
    const token = newToken();
    await interruptible(async (signal) => {
      const server = listen(pageHandler(live, { token, signal }), flags.port ?? 0);
      const { port } = server.addr as Deno.NetAddr;
      const url = `http://${HOSTNAME}:${port}/?token=${token}`;
      const { host, user } = store.machine.self;
      if (globals.json) io.out(`${JSON.stringify({ url, port, token, title: report.title })}\n`);
      else {
        io.out(`${url}\n`);
        io.err(
          `${report.title}, ${reportCounts(report)}; Ctrl-C ends it\n` +
            `from elsewhere: ssh -L ${port}:${HOSTNAME}:${port} ${
              user === undefined ? "" : `${user}@`
            }${host}\n`,
        );
      }
      await using page = flags.open ? await redirectTo(url) : undefined;
      if (page && !await openWithProgram(page.path)) io.err("no browser is there to open it\n");
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      live.close();
      // Those who look are told first; a connection that does not end holds up nothing.
      await Promise.race([server.shutdown(), store.machine.clock.sleep(GRACE_MS)]);
    });
    return 0;
  },
});

function listen(
  handler: (request: Request) => Promise<Response>,
  port: number,
): Deno.HttpServer {
  try {
    return Deno.serve({ hostname: HOSTNAME, port, onListen: () => {} }, handler);
  } catch (cause) {
    const why = errorCode(cause) === "EADDRINUSE"
      ? `port ${port} is in use; without --port a free one is taken`
      : errorCode(cause) === "EACCES"
      ? `port ${port} is not allowed; from 1024 they are`
      : (cause as Error).message;
    throw new FuruError(`Cannot serve on ${HOSTNAME}: ${why}`, { cause });
  }
}

/**
 * A file of our own that leads to the page: what a browser is started with can be seen by everybody on the
 * machine, and the address has the secret in it.
 */
async function redirectTo(url: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempFile({ prefix: "furu-serve-", suffix: ".html" });
  await Deno.writeTextFile(path, `<!doctype html><meta http-equiv="refresh" content="0; url=${url}">\n`);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path).catch(() => {}) };
}

function parsePort(text: string): number {
  const port = wholeNumber(text, 1);
  if (port <= 65_535) return port;
  throw new UsageError(`a port from 1 to 65535 is needed: current value is '${text}'`);
}
