/** What a script may see of the agent's environment; everything else stays out (agent.md §1.7). */
const ALLOWED = new Set([
  ...["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"],
  ...["SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "OS"],
  ...["USERPROFILE", "USERNAME", "USERDOMAIN", "COMPUTERNAME", "HOMEDRIVE", "HOMEPATH", "PUBLIC"],
  ...["APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "ALLUSERSPROFILE", "PSMODULEPATH"],
  ...["PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432", "COMMONPROGRAMFILES"],
  ...["NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"],
]);

/** Names in the environment of a script that say which run it belongs to. */
export const RESULT_ID_VARIABLE = "KANADE_RESULT_ID";

export interface RunIdentity {
  readonly pcId: string;
  readonly execId: string | null;
  readonly resultId: string;
}

/** The environment of one script: an allow-list of the agent's, plus which run it is. */
export function scriptEnvironment(
  agentEnvironment: Readonly<Record<string, string | undefined>>,
  run: RunIdentity,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(agentEnvironment)) {
    if (value !== undefined && isAllowed(name)) environment[name] = value;
  }
  environment["KANADE_PC_ID"] = run.pcId;
  if (run.execId !== null) environment["KANADE_EXEC_ID"] = run.execId;
  environment[RESULT_ID_VARIABLE] = run.resultId;
  return environment;
}

// Names are compared without case, as Windows does.
function isAllowed(name: string): boolean {
  const upper = name.toUpperCase();
  return ALLOWED.has(upper) || upper.startsWith("LC_");
}
