/**
 * What the rest of the process is told after a commit, and only then. Members are named as the
 * API names them, because pages get these very objects as server-sent events.
 */
export type Announcement =
  | TransitionAnnouncement
  | RolloutAnnouncement
  | RunAnnouncement
  | AgentAnnouncement
  | HeartbeatsAnnouncement
  | DeadLetterAnnouncement
  | ObsAnnouncement
  | HealthAnnouncement;

/** An execution changed its state or its counters. */
export interface TransitionAnnouncement {
  readonly type: "transition";
  readonly exec_id: string;
  readonly from: string | null;
  readonly to: string;
  readonly event: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly result_id: string | null;
}

/** A rollout went on, was held, paused or ended. */
export interface RolloutAnnouncement {
  readonly type: "rollout";
  readonly exec_id: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
  /** The present one, from 0. */
  readonly wave: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A run began (outcome null) or settled. */
export interface RunAnnouncement {
  readonly type: "run";
  readonly result_id: string;
  readonly exec_id: string | null;
  readonly pc_id: string;
  readonly outcome: string | null;
  readonly exit_code: number | null;
}

/** An agent was heard of for the first time, or its row was removed. */
export interface AgentAnnouncement {
  readonly type: "agent";
  readonly pc_id: string;
}

/** Agents were heard: who shows presence may look again. Told at most every 10 s. */
export interface HeartbeatsAnnouncement {
  readonly type: "heartbeats";
}

export interface DeadLetterAnnouncement {
  readonly type: "dead_letter";
  readonly stream: string;
  readonly sequence: number;
}

/** An endpoint noticed something. */
export interface ObsAnnouncement {
  readonly type: "obs";
  readonly pc_id: string;
  readonly kind: string;
}

/** A component of the process went up or down. */
export interface HealthAnnouncement {
  readonly type: "health";
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Where committed changes can be listened to. */
export interface Announcements {
  /** Calls the listener, synchronously, after each commit. It must not throw or block. Returns the unsubscribe. */
  subscribe(listener: (announcement: Announcement) => void): () => void;
}
