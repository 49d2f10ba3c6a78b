import type { Manifest } from "../../../wire/manifest.ts";
import { ask } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { Problem } from "../../shared/ui/states.tsx";

/** One of the jobs of the catalogue. */
export function JobField({ job, onJob }: {
  readonly job: string;
  readonly onJob: (job: string) => void;
}) {
  const jobs = useQuery({
    key: ["jobs"],
    load: ({ signal }) => ask<readonly Manifest[]>("/api/jobs", { signal }),
  });
  // A link may name a job that is gone: what is chosen is shown all the same.
  const isUnknown = job !== "" && jobs.data?.every(({ id }) => id !== job) === true;
  return (
    <div class="field">
      <label for="job">Job</label>
      <select
        id="job"
        class="select"
        value={job}
        onChange={({ currentTarget }) => onJob(currentTarget.value)}
      >
        <option value="">Choose one</option>
        {isUnknown && <option value={job}>{job}: not in the catalogue</option>}
        {jobs.data?.map(({ id, version, description }) => (
          <option key={id} value={id}>
            {id} {version}
            {description ? `: ${description}` : ""}
          </option>
        ))}
      </select>
      {jobs.data?.length === 0 && (
        <span class="hint">
          There are no jobs yet: <a href="#/jobs/new">write one</a>.
        </span>
      )}
      {jobs.isError && <Problem error={jobs.error} retry={() => void jobs.refetch()} />}
    </div>
  );
}
