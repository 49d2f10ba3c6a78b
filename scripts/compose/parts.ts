/** What the backend's actors and its API share: made once, in one place, from settings, a database and a connection. */
import { hostname } from "node:os";
import process from "node:process";
import { v4 as uuid } from "uuid";
import { AgentDirectory } from "../../actors/agent_directory.ts";
import { Announcer } from "../../actors/announcer.ts";
import { BrokerClock } from "../../actors/broker_clock.ts";
import type { Bus } from "../../actors/bus.ts";
import { CatchUp } from "../../actors/catch_up.ts";
import type { Dispatcher } from "../../actors/dispatch_types.ts";
import type { CommandSigner } from "../../actors/command_signer.ts";
import { createDispatcher } from "../../actors/dispatcher.ts";
import { ExecutionRegistry } from "../../actors/execution_registry.ts";
import { HealthBoard } from "../../actors/health_board.ts";
import type { AuthSettings } from "../../actors/http/auth.ts";
import { InventoryIntake } from "../../actors/inventory_intake.ts";
import { type InTurn, oneByOne } from "../../actors/in_turn.ts";
import { createJobCatalogue, type JobCatalogue } from "../../actors/jobs.ts";
import { Metrics } from "../../actors/metrics.ts";
import { openKv } from "../../actors/kv.ts";
import { Latch } from "../../actors/latch.ts";
import type { Log } from "../../actors/log.ts";
import type { ManifestTimeout } from "../../actors/manifest_timeout.ts";
import type { Enrolment } from "../../actors/outside.ts";
import { OutboxSignal } from "../../actors/outbox_signal.ts";
import { type OutputObjects, outputObjects } from "../../actors/output_objects.ts";
import { probeBrokerTime } from "../../actors/probe.ts";
import { Projection } from "../../actors/projection.ts";
import { rememberJobs } from "../../actors/remembered_jobs.ts";
import { rolloutAnnouncement } from "../../actors/rollout_decisions.ts";
import { scriptDigest, storeScript } from "../../actors/script_objects.ts";
import { type Clock, systemClock } from "../../actors/system/clock.ts";
import { type Fleet, MAX_NAMED_PCS } from "../../actors/targets.ts";
import { WriterLease } from "../../actors/writer_lease.ts";
import { readAllPcIds, readPcIdsWithCommandKey, readPcIdsWithoutShell } from "../../db/agents.ts";
import type { Database } from "../../db/client.ts";
import type { Keep } from "../../db/retention.ts";
import { timeoutWithRetriesSecs } from "../../wire/deadlines.ts";
import { parseDurationMs } from "../../wire/duration.ts";
import { Fault, messageOf } from "../../wire/fault.ts";
import type { BucketName } from "../../wire/streams.ts";
import { formatInstant } from "../../wire/time.ts";
import { holderIsDead } from "../lease_holder.ts";

export interface BackendOptions {
  readonly db: Database;
  readonly bus: Bus;
  readonly log: Log;
  readonly clock?: Clock;
  readonly version: string;
  readonly auth: AuthSettings;
  readonly bind: { readonly hostname: string; readonly port: number };
  readonly replicas: number;
  /** Whether each agent has a credential of its own on this broker. */
  readonly fenced: boolean;
  readonly sweepIntervalMs: number;
  readonly keep: Keep;
  /** Where Stately's inspector receives what machines do; absent = nowhere. */
  readonly inspectUrl?: string | undefined;
  /** Something about the broker that its operator should know, such as an old version; null = nothing. */
  readonly brokerRisk: string | null;
  /** An empty database for a rebuild, which goes away when it is disposed of. */
  readonly openScratch: () => Promise<{ readonly db: Database } & AsyncDisposable>;
  /** Lets a PC's credential reach the subjects of its groups, where each agent has one of its own. */
  readonly admit?: (pcId: string, groups: readonly string[] | undefined) => Promise<unknown>;
  /** Takes a PC's credential away and ends its connection, where each agent has one of its own. */
  readonly expel?: (pcId: string) => Promise<boolean>;
  /** Gives a PC a credential of its own, where the broker is ours. */
  readonly enrol?: (pcId: string, groups: readonly string[] | undefined) => Promise<Enrolment>;
  /** Whether a PC has a credential of its own, where the broker is ours. */
  readonly isEnrolled?: (pcId: string) => boolean;
  /** Signs what leaves for the agents; absent = nobody does. */
  readonly signer?: CommandSigner;
  readonly listening: (url: string) => void;
}

/** What is shared. Each has one instance in a process. */
export interface BackendParts {
  readonly options: BackendOptions;
  readonly db: Database;
  readonly bus: Bus;
  readonly log: Log;
  readonly clock: Clock;
  readonly announcer: Announcer;
  readonly health: HealthBoard;
  readonly metrics: Metrics;
  readonly registry: ExecutionRegistry;
  readonly lease: WriterLease;
  readonly projection: Projection;
  readonly inventory: InventoryIntake;
  readonly catchUp: CatchUp;
  readonly provisioned: Latch;
  readonly outbox: OutboxSignal;
  readonly directory: AgentDirectory;
  readonly jobs: JobCatalogue;
  /** Changes of jobs wait for each other. */
  readonly inTurn: InTurn;
  readonly objects: OutputObjects;
  readonly manifestTimeout: ManifestTimeout;
  readonly fleet: Fleet;
  readonly dispatcher: Dispatcher;
  /** The zone of this machine's clock, an IANA name. */
  readonly hostZone: string;
  readonly brokerClock: () => BrokerClock;
}

/** Makes the parts; nothing runs yet. */
export async function makeParts(options: BackendOptions): Promise<BackendParts> {
  const { db, bus, log } = options;
  const clock = options.clock ?? systemClock;
  const announcer = new Announcer(log);
  const registry = new ExecutionRegistry();
  const lease = new WriterLease({
    db,
    clock,
    log,
    holder: `${hostname()}/${process.pid}/${uuid()}`,
    isDead: holderIsDead,
  });
  const inventory = new InventoryIntake();
  const outbox = new OutboxSignal(db);
  const directory = new AgentDirectory();
  directory.heard(await readAllPcIds(db));
  const inTurn = oneByOne();
  const jobs = jobsOf({ bus, log, inTurn });
  const remembered = rememberJobs(jobs);
  const fleet = fleetOf(db, directory);
  return {
    options,
    db,
    bus,
    log,
    clock,
    announcer,
    health: new HealthBoard((announcement) => announcer.announce(announcement)),
    metrics: new Metrics(clock),
    registry,
    lease,
    projection: new Projection({ db, registry, clock, announcer, inventory }),
    inventory,
    catchUp: new CatchUp(
      ["backend_results_projector", "backend_events_projector"],
      () => lease.tenure?.term,
    ),
    provisioned: new Latch(),
    outbox,
    directory,
    jobs,
    inTurn,
    objects: outputObjects(bus, log),
    manifestTimeout: timeoutOfManifest(remembered, log),
    fleet,
    dispatcher: dispatcherOf({
      db,
      bus,
      clock,
      outbox,
      fleet,
      announcer,
      jobs: remembered,
      signer: options.signer,
    }),
    hostZone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
    brokerClock: () => new BrokerClock(clock, () => probeBrokerTime(bus)),
  };
}

/** The jobs over their buckets. @param changeId the change that writes them; absent = they are only read */
export function jobsOf(
  { bus, log, inTurn }: Pick<BackendParts, "bus" | "log" | "inTurn">,
  changeId?: string,
): JobCatalogue {
  const open = (bucket: BucketName) => openKv(bus, bucket, changeId);
  const buckets = {
    jobs: open("jobs"),
    jobsYaml: open("jobs_yaml"),
    scriptCurrent: open("script_current"),
    schedules: open("schedules"),
  };
  return createJobCatalogue(buckets, log, inTurn);
}

type RememberedJobs = ReturnType<typeof rememberJobs>;

function timeoutOfManifest(jobs: RememberedJobs, log: Log): ManifestTimeout {
  return async (jobId) => {
    const manifest = await jobs.get(jobId).catch((thrown: unknown) => {
      if (thrown instanceof Fault && thrown.retryable) throw thrown;
      // The manifest's own fault is not that of the runs of its job.
      log.warn("manifest not readable", { jobId, error: messageOf(thrown) });
      return undefined;
    });
    if (manifest === undefined) return null;
    return timeoutWithRetriesSecs(
      Math.ceil(parseDurationMs(manifest.execute.timeout) / 1_000),
      null,
    );
  };
}

function fleetOf(db: Database, directory: AgentDirectory): Fleet {
  return {
    allPcIds: () => readAllPcIds(db),
    membersOf: (group) => directory.membersOf(group),
    withoutShell: (shell, pcIds) =>
      readPcIdsWithoutShell(db, { shell, pcIds, limit: MAX_NAMED_PCS + 1 }),
  };
}

type DispatcherParts =
  & Pick<BackendParts, "db" | "bus" | "clock" | "outbox" | "fleet" | "announcer">
  & { readonly jobs: RememberedJobs; readonly signer: CommandSigner | undefined };

function dispatcherOf(parts: DispatcherParts): Dispatcher {
  const { db, bus, clock, outbox, fleet, announcer, jobs, signer } = parts;
  return createDispatcher({
    ...(signer === undefined ? {} : {
      announcingOurKey: (pcIds: readonly string[]) =>
        readPcIdsWithCommandKey(db, { keyId: signer.keyId, pcIds }),
    }),
    db,
    clock,
    jobs,
    fleet,
    storeScript: (name, script) => storeScript(bus, name, script),
    scriptDigest: (name) => scriptDigest(bus, name),
    outboxChanged: () => outbox.poke(),
    published: (execId, timeoutMs) => outbox.published(execId, timeoutMs),
    rolloutChanged: (change) => announcer.announce(rolloutAnnouncement(change)),
    dispatched: (execId, at) =>
      announcer.announce({
        type: "transition",
        exec_id: execId,
        from: null,
        to: "pending",
        event: "DISPATCHED",
        at: formatInstant(at),
        result_id: null,
      }),
  });
}
