/** What went wrong in a world: an invariant does not hold, or somebody is stuck. */
export class Violation extends Error {
  /** Always `"Violation"`. */
  override readonly name = "Violation";
}
