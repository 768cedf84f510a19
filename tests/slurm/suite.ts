import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { type Cluster, type ClusterOptions, slurmAvailable, startCluster } from "./cluster.ts";

/** What the tests of a {@link describeOnSlurm} are written with. */
export interface SlurmSuite {
  /** The cluster, inside of tests. */
  readonly cluster: Cluster;
  /** Registers a test; when it fails the cluster's state and logs are kept. */
  it(name: string, body: (t: Deno.TestContext) => Promise<void>): void;
}

/**
 * A group of tests with one real cluster. They run where Slurm is installed; where it is not, one line says that they are
 * left out. `FURU_TEST_SLURM=required`, as CI sets it, makes a failure of that; `FURU_TEST_SLURM=off` leaves them out.
 */
export function describeOnSlurm(
  name: string,
  register: (suite: SlurmSuite) => void,
  { ignore = false, ...options }: ClusterOptions & { ignore?: boolean } = {},
): void {
  const wanted = Deno.env.get("FURU_TEST_SLURM") ?? "";
  const off = wanted === "off";
  if (ignore) return describe.ignore(name, () => {});
  if (off || (!slurmAvailable() && wanted !== "required")) {
    console.log(
      `${off ? "FURU_TEST_SLURM is off" : "Slurm is not installed"}: left out are the tests "${name}"`,
    );
    describe.ignore(name, () => {});
    return;
  }
  describe(name, () => {
    let cluster: Cluster | undefined;
    beforeAll(async () => {
      cluster = await startCluster(options);
    });
    afterAll(async () => await cluster?.stop());
    register({
      get cluster() {
        if (!cluster) throw new Error("The cluster is there only inside of tests");
        return cluster;
      },
      it: (title, body) =>
        it(title, async (t) => {
          try {
            await body(t);
          } catch (error) {
            cluster?.keep();
            throw error;
          }
        }),
    });
  });
}
