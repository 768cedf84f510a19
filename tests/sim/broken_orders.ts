import { basename } from "@std/path/posix/basename";
import type { Files } from "../../lib/core/system/files.ts";
import type { Machine } from "../../lib/core/system/machine.ts";

/** Makes a machine whose files do something as code would that breaks a rule of ARCHITECTURE, "One attempt". */
export type Breaking = (machine: Machine) => Machine;

/** Takes a claim away and removes it, without a look whose it is. */
export const withoutLook: Breaking = broken((files) => ({
  rename: async (from, to) => {
    await files.rename(from, to);
    if (from.endsWith(".claim")) await files.remove(to);
  },
}));

/** Puts an end over whatever is there. */
export const withoutExclusiveEnd: Breaking = broken((files) => ({
  link: (existing, name) =>
    basename(name).startsWith("end-") ? files.rename(existing, name) : files.link(existing, name),
}));

/** Makes a record visible, and syncs afterwards. */
export const withLateSync: Breaking = broken((files) => {
  const late: string[] = [];
  const after = async (path: string, made: Promise<void>) => {
    await made;
    if (late.includes(path)) { for (const each of late.splice(0)) await files.sync(each).catch(() => {}); }
  };
  return {
    sync: (path) => {
      late.push(path);
      return Promise.resolve();
    },
    link: (existing, name) => after(existing, files.link(existing, name)),
    rename: (from, to) => after(from, files.rename(from, to)),
  };
});

function broken(change: (files: Files) => Partial<Files>): Breaking {
  return (machine) => {
    const { files } = machine;
    const changed = change(files);
    const proxy = new Proxy(files, {
      get(target, key) {
        const value = Reflect.get(changed, key) ?? Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    return { ...machine, files: proxy };
  };
}
