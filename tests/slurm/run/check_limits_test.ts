import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConfigError } from "../../../lib/core/errors.ts";
import { checkDagLimits, dagLimitFaults } from "../../../lib/slurm/run/check_limits.ts";

const hash = "0123456789abcdef0123456789abcdef";
const node = (limits: Record<string, number>, spec = "default") => ({ name: "toy/A", hash, spec, limits });
const specsOf = (licenses?: string) => ({ default: { extra: licenses === undefined ? {} : { licenses } } });

describe("limits in DAG mode", () => {
  it("are kept only where Slurm counts licences of their names", () => {
    const table: [licenses: string | undefined, takes: Record<string, number>, faults: number][] = [
      [undefined, {}, 0],
      [undefined, { matlab: 1 }, 1],
      ["matlab", { matlab: 1 }, 0],
      ["matlab", { matlab: 2 }, 1],
      ["matlab:2", { matlab: 2 }, 0],
      ["matlab=2,ansys@server:1", { matlab: 1, ansys: 1 }, 0],
      ["ansys:9", { matlab: 1, api: 3 }, 2],
    ];
    for (const [licenses, takes, faults] of table) {
      assertEquals(dagLimitFaults([node(takes)], specsOf(licenses)).length, faults, `${licenses}`);
    }
    assertEquals(dagLimitFaults([node({ x: 1 }, "none"), node({ x: 1 }, "none")], {}), [
      "toy/A(01234567) takes 1 of limit 'x' (spec 'none')",
    ]);
  });

  it("are refused with what to do instead", () => {
    const error = assertThrows(() => checkDagLimits([node({ x: 1 })], specsOf()), ConfigError);
    for (const part of ["toy/A(01234567) takes 1 of limit 'x'", "--slurm pool", '"licenses"']) {
      assertEquals(error.message.includes(part), true, part);
    }
    checkDagLimits([node({})], specsOf());
  });
});
