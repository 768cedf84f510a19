/** Where a path is mounted from. */
export interface Mount {
  /** The folder that it is mounted at. */
  readonly at: string;
  /** The kind of filesystem, as `nfs4`. */
  readonly type: string;
  /** The device or the server's folder. */
  readonly source: string;
  /** Its options, those of the mount and those of the filesystem. */
  readonly options: readonly string[];
}

/** Filesystems that other machines may see, too. */
const SHARED =
  /^(nfs4?|lustre|gpfs|beegfs|ceph|fuse\.(ceph|glusterfs|beegfs|sshfs|lustre|weka)|glusterfs|wekafs|panfs|pvfs2|orangefs|afs|cifs|smb3|9p|virtiofs|ocfs2|gfs2|daos)$/;
/** Filesystems whose contents are gone after the machine or the container has ended. */
const FLEETING = /^(tmpfs|ramfs|overlay|aufs)$/;

/** Reads `/proc/self/mountinfo` (proc(5)). */
export function parseMounts(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , , at, own = ""] = before.split(" ");
    const [type, source = "", ofSystem = ""] = after.split(" ");
    if (at === undefined || type === undefined || type === "") return [];
    const options = [...new Set([...own.split(","), ...ofSystem.split(",")])].filter((each) => each !== "");
    return [{ at: unescaped(at), type, source: unescaped(source), options }];
  });
}

/** The mount that a path is on: of several at one folder the last one hides the others. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    const isAbove = path === mount.at || path.startsWith(mount.at === "/" ? "/" : `${mount.at}/`);
    if (isAbove && mount.at.length >= (found?.at.length ?? 0)) found = mount;
  }
  return found;
}

/** Whether other machines may see what is there. */
export function isShared({ type }: Pick<Mount, "type">): boolean {
  return SHARED.test(type);
}

/** Whether what is there is gone once the machine, or the container, has ended. */
export function isFleeting({ type }: Pick<Mount, "type">): boolean {
  return FLEETING.test(type);
}

/** Whether it is NFS. */
export function isNfs({ type }: Pick<Mount, "type">): boolean {
  return /^nfs4?$/.test(type);
}

/**
 * The most seconds for which an NFS client believes what it knows of a file or folder: as the mount's options
 * say, else as nfs(5) has it.
 */
export function cachedAttributesSec({ options }: Pick<Mount, "options">): number {
  if (options.includes("noac")) return 0;
  const valueOf = (name: string): number | undefined => {
    const text = options.findLast((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
    return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
  };
  const all = valueOf("actimeo");
  return Math.max(valueOf("acregmax") ?? all ?? 60, valueOf("acdirmax") ?? all ?? 60);
}

/** Spaces and their like stand as octal numbers. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
