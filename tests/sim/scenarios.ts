import { claimScenario } from "./claim_scenario.ts";
import { contendedScenario, cutsScenario } from "./contended_scenario.ts";
import { dagSiteScenario } from "./dag_scenario.ts";
import { getScenario } from "./get_scenario.ts";
import { partialScenario } from "./partial_scenario.ts";
import { poolDetachedScenario, poolScenario, poolSiteScenario, poolTwoScenario } from "./pool_scenario.ts";
import { queueScenario } from "./queue_scenario.ts";
import { replaceScenario } from "./replace_scenario.ts";
import { aheadScenario, runScenario } from "./run_scenario.ts";
import type { Scenario } from "./scenario.ts";
import { tidyScenario } from "./tidy_scenario.ts";

/** All that `deno task sim` plays. */
export const scenarios: readonly Scenario[] = [
  claimScenario("claim", "link"),
  getScenario("get"),
  getScenario("nested", { nested: true }),
  contendedScenario(),
  cutsScenario(),
  replaceScenario("forced", "forced"),
  replaceScenario("invalid", "invalid"),
  runScenario,
  aheadScenario,
  partialScenario,
  tidyScenario("tidy"),
  queueScenario,
  poolScenario,
  poolTwoScenario,
  poolDetachedScenario,
  poolSiteScenario,
  dagSiteScenario,
];
