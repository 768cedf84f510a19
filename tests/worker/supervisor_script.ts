/** A supervisor for the tests to kill: its task starts a program and blocks. */
import { Rig, run } from "./rig.ts";

const [logPath, infoPath] = Deno.args;
const rig = new Rig();
const worker = await rig.start();
Deno.writeTextFileSync(infoPath!, JSON.stringify({ child: worker.pid, socket: rig.listener.path }));
await run(worker, "grandchild", "block", { logPath });
