import { parseDurationMs } from "../../wire/duration.ts";
import type { Log } from "../log.ts";
import type { Clock } from "./clock.ts";

/**
 * What an actor is: a name, what it may touch, how it is restarted, and its run function. It gets
 * exactly the capabilities that it names; there is no other way to reach one (ARCHITECTURE.md, "Actors").
 */

/** Given to every actor without asking. */
export interface Always {
  readonly log: Log;
  /** Aborts when the actor is to stop; its run function then returns. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Says "I do my work now": the state becomes running. */
  readonly ready: () => void;
}

/** Given to an actor that says what it handles. */
export interface Counting {
  /** Counts work that is done, one piece unless given: whoever looks at the tree sees how much it is. */
  readonly handled: (pieces?: number) => void;
}

/** Who handles nothing cannot count, and who counts has said what. */
type CountingOf<Handles> = [Handles] extends [never] ? unknown : Counting;

/** One capability: what is said when asking for it, and what is handed out. A union gives each ask its own grant. */
export interface Capability {
  readonly ask: unknown;
  readonly grant: unknown;
}

/** The permissions part of a definition: capability name to what is asked of it. */
export type Asks<Table> = { readonly [K in keyof Table]?: AskOf<Table[K]> };

/** What a definition with the permissions P is handed. */
export type GrantsOf<Table, P> = {
  readonly [K in keyof P & keyof Table]: GrantOf<Table[K], P[K]>;
};

type AskOf<C> = C extends Capability ? C["ask"] : never;
type GrantOf<C, Ask> = C extends Capability ? Ask extends C["ask"] ? C["grant"] : never : never;

/** How often an actor may fail before its failure is its parent's. */
export interface Restart {
  /** A duration such as `60s`. */
  readonly within: string;
  readonly atMost: number;
}

export interface Definition<Table, P, Handles extends string> {
  /** Lower-case snake case; unique among its siblings. */
  readonly name: string;
  readonly permissions: P;
  /** The pieces of work that it counts, such as `results`; absent = it does nothing that could be counted. */
  readonly handles?: Handles;
  readonly restart?: Restart;
  /** How long it may take to return after its signal aborted; 10 s unless given. */
  readonly stopWithin?: string;
  /** Runs until the signal aborts. Returning before that is a failure, as throwing is. */
  readonly run: (grants: Always & CountingOf<Handles> & GrantsOf<Table, P>) => Promise<void>;
}

/** Hands out capabilities: one function per capability, called once per start of an actor that declared it. */
export type Grantors<Table> = {
  readonly [K in keyof Table]: (ask: AskOf<Table[K]>, actorName: string) => unknown;
};

export interface RestartLimit {
  readonly withinMs: number;
  readonly atMost: number;
}

/** A capability that was asked for, and what of it: the words of the ask, none when it is all or nothing. */
export interface Permission {
  readonly name: string;
  readonly of: readonly string[];
}

/** An actor as the supervisor sees it. */
export interface ActorDefinition<Table> {
  readonly kind: "actor";
  readonly name: string;
  readonly permissions: readonly Permission[];
  /** Null = it counts nothing. */
  readonly handles: string | null;
  readonly limit: RestartLimit;
  readonly stopWithinMs: number;
  start(always: Always & Counting, grantors: Grantors<Table>): Promise<void>;
}

/** Actors that fail together: one that fails over its limit restarts all of them. */
export interface GroupDefinition<Table> {
  readonly kind: "group";
  readonly name: string;
  readonly limit: RestartLimit;
  readonly children: readonly ChildDefinition<Table>[];
}

export type ChildDefinition<Table> = ActorDefinition<Table> | GroupDefinition<Table>;

/** Eleven failures in a row take about two minutes of backing off: a shorter time would never be exceeded. */
const DEFAULT_RESTART: Restart = { within: "5m", atMost: 10 };
const DEFAULT_STOP_WITHIN = "10s";

/**
 * `defineActor` for one table of capabilities. Asking for one that the table lacks, or using one
 * that was not asked for, does not compile.
 *
 * @throws {Fault} `invalid_input` when a duration of the definition is none
 */
export function actorsWith<Table extends { readonly [K in keyof Table]: Capability }>() {
  return function defineActor<const P extends Asks<Table>, const Handles extends string = never>(
    definition:
      & Definition<Table, P, Handles>
      & { readonly permissions: { readonly [K in Exclude<keyof P, keyof Table>]: never } },
  ): ActorDefinition<Table> {
    const { name, permissions, handles = null } = definition;
    // The one place where what is handed out meets what was asked for: the steps below build exactly this shape.
    const run = definition.run as (
      grants: Always & Partial<Counting> & GrantsOf<Table, P>,
    ) => Promise<void>;
    return {
      kind: "actor",
      name,
      permissions: Object.entries(permissions).map(([name, ask]) => ({ name, of: wordsOf(ask) })),
      handles,
      limit: limitOf(definition.restart),
      stopWithinMs: parseDurationMs(definition.stopWithin ?? DEFAULT_STOP_WITHIN),
      // async: a grantor or run function that throws at once is a failure like any other.
      start: async ({ handled, ...always }, grantors) =>
        await run({
          ...always,
          ...(handles === null ? {} : { handled }),
          ...grant<Table, P>(name, permissions, grantors),
        }),
    };
  };
}

/** A part of the tree with a restart limit of its own. */
export function group<Table>(
  name: string,
  children: readonly ChildDefinition<Table>[],
  restart?: Restart,
): GroupDefinition<Table> {
  return { kind: "group", name, limit: limitOf(restart), children };
}

/** Asks the grantors for what was declared, and for nothing else. */
function grant<Table, P extends Asks<Table>>(
  actorName: string,
  permissions: P,
  grantors: Grantors<Table>,
): GrantsOf<Table, P> {
  const granted: Record<PropertyKey, unknown> = {};
  for (const capability of Object.keys(permissions) as (keyof P & keyof Table)[]) {
    const ask = permissions[capability] as AskOf<Table[keyof Table]>;
    granted[capability] = grantors[capability](ask, actorName);
  }
  // The one place where the table's types meet run time: the loop above built exactly this shape.
  return granted as GrantsOf<Table, P>;
}

/** `true` says nothing; a text, a list of texts, or lists by what may be done with them. */
function wordsOf(ask: unknown): readonly string[] {
  if (typeof ask === "string") return [ask];
  if (Array.isArray(ask)) return ask.map(String);
  if (typeof ask !== "object" || ask === null) return [];
  return Object.entries(ask).map(([what, of]) => `${what} ${wordsOf(of).join(", ")}`.trim());
}

function limitOf(restart: Restart = DEFAULT_RESTART): RestartLimit {
  return { withinMs: parseDurationMs(restart.within), atMost: restart.atMost };
}
