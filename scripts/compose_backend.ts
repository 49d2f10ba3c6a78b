/** The backend of one process: its parts, put together from settings, a database and a broker connection. */
import { hostname } from "node:os";
import process from "node:process";
import { v4 as uuid } from "uuid";
import { AgentDirectory, type ChangedAgent } from "../actors/agent_directory.ts";
import { Announcer } from "../actors/announcer.ts";
import { auditProjector } from "../actors/audit_projector.ts";
import type { BackendCapabilities, Connection } from "../actors/backend.ts";
import { BrokerClock } from "../actors/broker_clock.ts";
import type { Bus } from "../actors/bus.ts";
import { BusAccess } from "../actors/bus_access.ts";
import { CatchUp } from "../actors/catch_up.ts";
import { replayDeadLetter } from "../actors/dead_letter_replay.ts";
import { createDispatcher } from "../actors/dispatcher.ts";
import { eventsProjector } from "../actors/events_projector.ts";
import type { ManifestTimeout } from "../actors/manifest_timeout.ts";
import { execMessages } from "../actors/exec_messages.ts";
import { ExecutionRegistry } from "../actors/execution_registry.ts";
import { groupWatcher } from "../actors/group_watcher.ts";
import { HealthBoard } from "../actors/health_board.ts";
import { heartbeatProjector } from "../actors/heartbeat_projector.ts";
import type { AuthSettings } from "../actors/http/auth.ts";
import type { HttpServices } from "../actors/http/services.ts";
import { httpActor } from "../actors/http_actor.ts";
import { createJobCatalogue } from "../actors/jobs.ts";
import { openKv } from "../actors/kv.ts";
import { missingStreams } from "../actors/missing_streams.ts";
import { KvAccess } from "../actors/kv_access.ts";
import { leaseKeeper } from "../actors/lease_keeper.ts";
import { Latch } from "../actors/latch.ts";
import type { Log } from "../actors/log.ts";
import { outboxPublisher } from "../actors/outbox_publisher.ts";
import { OutboxSignal } from "../actors/outbox_signal.ts";
import { outputObjects } from "../actors/output_objects.ts";
import { probeBrokerTime } from "../actors/probe.ts";
import { Projection } from "../actors/projection.ts";
import { provision } from "../actors/provision.ts";
import { ensureReplayConsumers, removeReplayConsumers } from "../actors/provision_consumers.ts";
import { provisioner } from "../actors/provisioner.ts";
import { reaper } from "../actors/reaper.ts";
import { rememberJobs } from "../actors/remembered_jobs.ts";
import { rebuild } from "../actors/rebuild.ts";
import { replayKeeper } from "../actors/replay_keeper.ts";
import { resultsProjector } from "../actors/results_projector.ts";
import { retention } from "../actors/retention.ts";
import { scriptDigest, storeScript } from "../actors/script_objects.ts";
import { StreamAccess } from "../actors/stream_access.ts";
import { type Clock, systemClock } from "../actors/system/clock.ts";
import type { ChildDefinition, Grantors } from "../actors/system/definition.ts";
import type { System } from "../actors/system/supervisor.ts";
import { MAX_NAMED_PCS } from "../actors/targets.ts";
import { WriterLease } from "../actors/writer_lease.ts";
import { readAllPcIds, readPcIdsWithoutShell } from "../db/agents.ts";
import type { Database } from "../db/client.ts";
import { timeoutWithRetriesSecs } from "../wire/deadlines.ts";
import { parseDurationMs } from "../wire/duration.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { holderIsDead } from "./lease_holder.ts";

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
  /** Something about the broker that its operator should know, such as an old version; null = nothing. */
  readonly brokerRisk: string | null;
  /** An empty database for a rebuild, which goes away when it is disposed of. */
  readonly openScratch: () => Promise<{ readonly db: Database } & AsyncDisposable>;
  /** Lets a PC's credential reach the subjects of its groups, where each agent has one of its own. */
  readonly admit?: (pcId: string, groups: readonly string[] | undefined) => Promise<unknown>;
  /** Takes a PC's credential away and ends its connection, where each agent has one of its own. */
  readonly expel?: (pcId: string) => Promise<void>;
  readonly listening: (url: string) => void;
}

/** What a process starts and supervises as its backend. */
export interface Backend {
  /** In the order of starting; stopped in reverse. */
  readonly actors: readonly ChildDefinition<BackendCapabilities>[];
  readonly grantors: Grantors<BackendCapabilities>;
  readonly services: Omit<HttpServices, "closing">;
  readonly registry: ExecutionRegistry;
  readonly catchUp: CatchUp;
  readonly health: HealthBoard;
  /** Has health tell which actors are being started again, and why. */
  follow(system: System): void;
}

/** Puts the backend together; nothing runs yet. */
export async function composeBackend(options: BackendOptions): Promise<Backend> {
  const { db, bus, log } = options;
  const clock = options.clock ?? systemClock;
  const announcer = new Announcer(log);
  const health = new HealthBoard((announcement) => announcer.announce(announcement));
  const registry = new ExecutionRegistry();
  const lease = new WriterLease({
    db,
    clock,
    log,
    holder: `${hostname()}/${process.pid}/${uuid()}`,
    isDead: holderIsDead,
  });
  const projection = new Projection({ db, registry, clock, announcer });
  const catchUp = new CatchUp(
    ["backend_results_projector", "backend_events_projector"],
    () => lease.tenure?.term,
  );
  const provisioned = new Latch();
  const outbox = new OutboxSignal(db);
  const directory = new AgentDirectory();
  directory.heard(await readAllPcIds(db));
  const jobs = createJobCatalogue({
    jobs: openKv(bus, "jobs"),
    jobsYaml: openKv(bus, "jobs_yaml"),
    scriptCurrent: openKv(bus, "script_current"),
    schedules: openKv(bus, "schedules"),
  }, log);
  const remembered = rememberJobs(jobs);
  const objects = outputObjects(bus.jetstream, log);
  const manifestTimeout: ManifestTimeout = async (jobId) => {
    const manifest = await remembered.get(jobId).catch((thrown: unknown) => {
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
  const dispatcher = createDispatcher({
    db,
    clock,
    jobs: remembered,
    fleet: {
      allPcIds: () => readAllPcIds(db),
      membersOf: (group) => directory.membersOf(group),
      withoutShell: (shell, pcIds) =>
        readPcIdsWithoutShell(db, { shell, pcIds, limit: MAX_NAMED_PCS + 1 }),
    },
    storeScript: (name, script) => storeScript(bus, name, script),
    scriptDigest: (name) => scriptDigest(bus, name),
    outboxChanged: () => outbox.poke(),
    published: (execId, timeoutMs) => outbox.published(execId, timeoutMs),
    dispatched: (execId, at) =>
      announcer.announce({
        type: "transition",
        exec_id: execId,
        from: null,
        to: "pending",
        event: "DISPATCHED",
        at,
        result_id: null,
      }),
  });
  if (options.brokerRisk !== null) health.risk("broker", options.brokerRisk);
  bus.onStatus((connected) => health.report("broker", connected ? null : "not connected"));
  const services: Backend["services"] = {
    db,
    clock,
    log,
    version: options.version,
    auth: options.auth,
    jobs,
    dispatcher,
    bus,
    missingStreams: () => missingStreams(bus),
    announcements: announcer,
    async expel(pcId) {
      await options.expel?.(pcId);
      directory.forget(pcId);
      await removeReplayConsumers(bus, pcId, directory.groupsOf(pcId));
    },
    deadLetters: {
      replay: (id, actor) =>
        replayDeadLetter(
          {
            db,
            lease,
            projection,
            outputObjects: objects,
            manifestTimeout,
            clock,
            outboxChanged: () => outbox.poke(),
          },
          id,
          actor,
        ),
    },
    rebuild: () =>
      rebuild({
        db,
        openScratch: options.openScratch,
        streams: new StreamAccess(bus, log, [
          "backend_audit_projector",
          "backend_events_projector",
          "backend_results_projector",
        ]),
        projection,
        registry,
        lease,
        outputObjects: objects,
        manifestTimeout,
        brokerNow: () => new BrokerClock(clock, () => probeBrokerTime(bus)).now(),
        clock,
        log,
      }),
    health: () => ({ components: health.components() }),
  };
  const grantors: Grantors<BackendCapabilities> = {
    db: () => db,
    streams: (ask) => new StreamAccess(bus, log, ask),
    bus: (ask) => new BusAccess(bus, ask),
    kv: (ask) => new KvAccess(bus, ask),
    connection: () => connectionOf(bus),
    provision: () => async () => {
      await provision(bus, { replicas: options.replicas, fenced: options.fenced, log });
    },
    provisioned: () => provisioned,
    projection: () => projection,
    registry: () => registry,
    lease: () => lease,
    catchUp: () => catchUp,
    brokerClock: () => new BrokerClock(clock, () => probeBrokerTime(bus)),
    outbox: () => outbox,
    execMessages: () => execMessages(bus),
    outputObjects: () => objects,
    manifestTimeout: () => manifestTimeout,
    agents: () => directory,
    announce: () => announcer.announce.bind(announcer),
    replayConsumers: () => async ({ pcId, groups, leftGroups }: ChangedAgent) => {
      await options.admit?.(pcId, groups);
      await ensureReplayConsumers(bus, pcId, groups ?? [], { leftGroups, log });
    },
    health: (_ask, actorName) => (problem: string | null) => health.report(actorName, problem),
    sweepIntervalMs: () => options.sweepIntervalMs,
    http: () => ({ services, ...options.bind, listening: options.listening }),
  };
  const actors = [
    provisioner,
    leaseKeeper,
    resultsProjector,
    eventsProjector,
    auditProjector,
    groupWatcher,
    heartbeatProjector,
    replayKeeper,
    outboxPublisher,
    reaper,
    retention,
    httpActor,
  ];
  const follow = (system: System): void => {
    system.onChange(({ name, state, lastFailure }) => {
      if (state === "running") health.report(name, null);
      if (state === "backing off" || state === "gave up") {
        health.report(name, `${state}: ${lastFailure}`);
      }
    });
  };
  return { actors, grantors, services, registry, catchUp, health, follow };
}

/** Resolves as soon as the connection is as wanted. */
function connectionOf(bus: Bus): Connection {
  const becomes = (wanted: boolean, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      if (bus.connected === wanted) return resolve();
      const stop = bus.onStatus((connected) => {
        if (connected !== wanted) return;
        end();
        resolve();
      });
      const onAbort = () => {
        end();
        reject(signal.reason as Error);
      };
      const end = () => {
        stop();
        signal.removeEventListener("abort", onAbort);
      };
      signal.addEventListener("abort", onAbort, { once: true });
    });
  return {
    connected: (signal) => becomes(true, signal),
    lost: (signal) => becomes(false, signal),
  };
}
