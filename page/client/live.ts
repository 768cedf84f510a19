import type { LiveEvent } from "../../lib/page/report_model.ts";
import type { Model } from "./model.ts";

/** What is said of the connection. */
export type LiveState = "live" | "lost" | "ended" | { readonly trouble: string };

/** Takes what `furu serve` tells of a run that goes on, until that ends. */
export function follow(model: Model, version: number, onState: (state: LiveState) => void): void {
  const token = new URLSearchParams(location.search).get("token") ?? "";
  let known = version;
  let events: EventSource;
  const open = (): void => {
    events = new EventSource(`events?${new URLSearchParams({ token, since: `${known}` })}`);
    events.addEventListener("open", () => onState("live"));
    events.addEventListener("error", () => {
      onState("lost");
      // The address says what is known, so that a new one is needed.
      events.close();
      setTimeout(open, 3000);
    });
    events.addEventListener("bye", () => {
      events.close();
      onState("ended");
    });
    for (const type of ["delta", "report", "trouble", "well"]) {
      events.addEventListener(type, (event) => take(JSON.parse((event as MessageEvent<string>).data)));
    }
  };
  const take = (event: LiveEvent): void => {
    if (event.type === "trouble") return onState({ trouble: event.text });
    onState("live");
    if (event.type === "well") return;
    known = event.version;
    if (event.type === "delta") model.apply(event.delta);
    else model.replace(event.report);
  };
  open();
}
