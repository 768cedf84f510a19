/**
 * Where this Deno keeps what it has downloaded: a process with another HOME, or with an environment of its own, must not
 * download it again.
 */
export function denoDir(): string {
  const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}
