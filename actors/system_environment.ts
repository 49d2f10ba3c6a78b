import process from "node:process";

/** What a program that we start needs of the environment; ours holds secrets. */
export function systemEnvironment(): NodeJS.ProcessEnv {
  const names = ["PATH", "HOME", "TMPDIR", "SystemRoot", "TEMP"];
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}
