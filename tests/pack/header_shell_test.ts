import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FIND } from "../../lib/pack/header_shell.ts";

describe("the shell part of a packed file", () => {
  it("takes ~ in FURU_CACHE_DIR for the user's home", async () => {
    for (const [given, folder] of [["~", "/h"], ["~/a b", "/h/a b"], ["/x/~", "/x/~"], ["", "/t"]] as const) {
      const { stdout } = await new Deno.Command("sh", {
        args: ["-c", `${FIND}\nshow() { printf %s "$1"; }\nfuru_each show`],
        env: { FURU_CACHE_DIR: given, HOME: "/h", TMPDIR: "/t" },
      }).output();
      assertEquals(new TextDecoder().decode(stdout), folder);
    }
  });

  const folders = async (env: Record<string, string>, mounts = "") => {
    const path = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(path, mounts);
      const { stdout, stderr } = await new Deno.Command("sh", {
        args: ["-c", `${FIND}\nfuru_mounts=${path}\nshow() { echo "$1"; return 1; }\nfuru_each show`],
        clearEnv: true,
        env: { PATH: "/usr/bin:/bin", HOME: "/h", TMPDIR: "/t", ...env },
      }).output();
      assertEquals(new TextDecoder().decode(stderr), "");
      return new TextDecoder().decode(stdout).trim().split("\n");
    } finally {
      await Deno.remove(path);
    }
  };
  const mount = (root: string, point: string) =>
    `36 35 98:0 / / rw shared:1 - ext4 /dev/sda rw\n37 36 98:0 ${root} ${point} rw - ext4 /dev/sda rw\n`;

  it("prefers TMPDIR, but in a Slurm job what lasts longer than that", async () => {
    assertEquals(await folders({}), ["/t", "/tmp", "/h/.cache"]);
    assertEquals(await folders({ SLURM_JOB_ID: "12" }), ["/tmp", "/h/.cache", "/t"]);
    assertEquals(await folders({ SLURM_JOB_ID: "12", XDG_CACHE_HOME: "/c", TMPDIR: "" }), [
      "/tmp",
      "/c",
      "/h/.cache",
    ]);
    assertEquals(await folders({ SLURM_JOB_ID: "12", FURU_CACHE_DIR: "/f" }), ["/f"]);
  });

  it("takes a /tmp that is mounted for the job alone last of all", async () => {
    const job = { SLURM_JOB_ID: "12" };
    const last = ["/h/.cache", "/t", "/tmp"];
    assertEquals(await folders(job, mount("/var/slurm/12/.12", "/tmp")), last);
    assertEquals(await folders(job, mount("/scratch/bob.12", "/tmp")), last);
    assertEquals(await folders(job, mount("/var/slurm/12", "/tmp/sub")), ["/tmp", "/h/.cache", "/t"]);
    assertEquals(await folders(job, mount("/var/slurm/123", "/tmp")), ["/tmp", "/h/.cache", "/t"]);
    assertEquals(await folders({}, mount("/var/slurm/12", "/tmp")), ["/t", "/tmp", "/h/.cache"]);
  });
});
