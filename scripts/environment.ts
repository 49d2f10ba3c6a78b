/** Variables by their names. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment without what is empty, which counts as unset. */
export function withoutEmpty(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
}
