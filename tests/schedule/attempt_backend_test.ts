import { InlineComputer } from "../../lib/run/computer.ts";
import { AttemptBackend } from "../../lib/schedule/attempt_backend.ts";
import type { BackendEvent } from "../../lib/schedule/backend.ts";
import { Rig, testRuntime } from "../rig.ts";
import { backendContract } from "./backend_contract.ts";

backendContract("AttemptBackend", () => {
  const rig = new Rig();
  const runtime = testRuntime(rig.root);
  const events: BackendEvent[] = [];
  const backend = new AttemptBackend(runtime, {
    name: "test",
    runId: "run",
    computer: new InlineComputer(runtime, "run"),
    forced: undefined,
    onEvent: () => {},
    report: (event) => events.push(event),
  });
  return Promise.resolve({
    backend,
    events,
    stranger: testRuntime(rig.root),
    [Symbol.asyncDispose]: async () => {
      await backend.stop("drain");
      await rig[Symbol.asyncDispose]();
    },
  });
});
