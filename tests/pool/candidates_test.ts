import { assertEquals, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Candidates } from "../../lib/pool/worker/candidates.ts";

const FILES = Array.from({ length: 100 }, (_, n) => `${n}`);

function all(picker: Candidates): string[] {
  const files: string[] = [];
  for (let file; (file = picker.next()) !== undefined;) files.push(file);
  return files;
}

describe("a task picker", () => {
  it("gives every file of a listing once, to different workers in a different order", () => {
    const orders = ["0123456789ab", "ba9876543210"].map((id) => {
      const picker = new Candidates(() => id);
      assertEquals(picker.fill(FILES), true);
      return all(picker);
    });
    for (const order of orders) assertEquals(order.toSorted(), FILES.toSorted());
    assertNotEquals(orders[0], orders[1]);
  });

  it("gives no file again that was refused", () => {
    const picker = new Candidates(() => "1");
    picker.refuse("3");
    assertEquals(picker.fill(["3"]), false);
    picker.fill(FILES);
    assertEquals(all(picker).includes("3"), false);
  });

  it("gives a list up when others are always faster", () => {
    const picker = new Candidates(() => "1");
    picker.fill(FILES);
    let tried = 0;
    for (; picker.next() !== undefined; tried++) picker.tried(tried === 0);
    assertEquals(tried, 17);
  });
});
