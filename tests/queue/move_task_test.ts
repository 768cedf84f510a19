import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path/join";
import { StoreError } from "../../lib/core/errors.ts";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import { enqueue } from "../../lib/queue/queue.ts";
import { moveFile } from "../../lib/store/file_steps.ts";
import { exists, osError } from "../rig.ts";
import { firstName, QueueRig } from "./rig.ts";

/** Files whose `rename` works and says otherwise, as often as told. */
function lying(code: string, times = 1) {
  let left = times;
  return {
    files: {
      rename: async (from: string, to: string) => {
        await systemFiles.rename(from, to);
        if (left-- > 0) throw osError(code);
      },
    },
  };
}

for (const code of ["ENOENT", "EIO", "ESTALE"]) {
  Deno.test(`moveFile() sees that a rename worked which reported ${code}`, async () => {
    await using rig = new QueueRig();
    const [file = ""] = await rig.fill(1);
    assert(await moveFile(rig.store(lying(code)), rig.todo(file), join(rig.paths.done, file)));
    assert(exists(join(rig.paths.done, file)));
  });
}

Deno.test("moveFile() tells that somebody else was faster, or that the new folder is gone", async () => {
  await using rig = new QueueRig();
  const [file = ""] = await rig.fill(1);
  const store = rig.store();
  assertEquals(await moveFile(store, rig.todo("other"), join(rig.paths.done, "other")), false);
  assertEquals(await moveFile(store, rig.todo(file), join(rig.paths.done, "gone", file)), false);
  assert(exists(rig.todo(file)), "it stays where it was");
});

Deno.test("moveFile() tries again after an error that passes", async () => {
  await using rig = new QueueRig();
  const [file = ""] = await rig.fill(1);
  let failures = 2;
  const store = rig.store({
    files: {
      rename: (from, to) => failures-- > 0 ? Promise.reject(osError("EIO")) : systemFiles.rename(from, to),
    },
  });
  assert(await moveFile(store, rig.todo(file), join(rig.paths.done, file)));
});

Deno.test("moveFile() names both places when it cannot move, and leaves the file", async () => {
  await using rig = new QueueRig();
  const [file = ""] = await rig.fill(1);
  const to = join(rig.paths.done, file);
  for (const code of ["EACCES", "EIO"]) {
    const store = rig.store({ files: { rename: () => Promise.reject(osError(code)) } });
    const error = await assertRejects(() => moveFile(store, rig.todo(file), to), StoreError);
    for (const part of [rig.todo(file), to, code]) assert(error.message.includes(part), error.message);
  }
  assert(exists(rig.todo(file)));
});

Deno.test("enqueue() over the same task changes nothing, and leaves no private name", async () => {
  await using rig = new QueueRig();
  const [file = ""] = await rig.fill(1);
  const before = Deno.readTextFileSync(rig.todo(file));
  const name = firstName(0);
  const task = { schema: 1, hash: name.hash, name: "t", spec: "default" } as const;
  await enqueue(rig.store(), rig.paths, task, name);
  assertEquals(Deno.readTextFileSync(rig.todo(file)), before);
  assertEquals(rig.run().filter((path) => path.includes(".tmp-")), []);
});

Deno.test("enqueue() makes a task once when the answer is lost and a worker has taken it already", async () => {
  await using rig = new QueueRig();
  await rig.fill(0);
  const name = firstName(1);
  const elsewhere = join(rig.paths.done, "taken");
  let renames = 0;
  const store = rig.store({
    files: {
      rename: async (from, to) => {
        if (renames++ > 0) return await systemFiles.rename(from, to);
        await systemFiles.rename(from, to);
        await systemFiles.rename(to, elsewhere);
        throw osError("EIO");
      },
    },
  });
  await enqueue(store, rig.paths, { schema: 1, hash: name.hash, name: "t", spec: "default" }, name);
  assert(exists(elsewhere));
  assertEquals(rig.run("queue/todo/default/"), []);
});

Deno.test("enqueue() names the file when the spec has no queue, and leaves no private name", async () => {
  await using rig = new QueueRig();
  await rig.fill(0);
  const name = firstName(1);
  const task = { schema: 1, hash: name.hash, name: "t", spec: "other" } as const;
  const error = await assertRejects(() => enqueue(rig.store(), rig.paths, task, name), StoreError);
  assert(error.message.includes(join("todo", "other")), error.message);
  assertEquals(rig.run().filter((path) => path.includes(".tmp-")), []);
});
