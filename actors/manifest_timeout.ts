/** Seconds that a job's manifest gives its runs; null when it is not known. */
export type ManifestTimeout = (jobId: string) => Promise<number | null>;
