// A provider's three columns, and the one status that people see.

export const ADMISSIONS = ["pending", "approved", "rejected", "suspended", "removed"] as const;
export type Admission = (typeof ADMISSIONS)[number];

export const PRESENCES = ["unseen", "joined", "online", "offline"] as const;
export type Presence = (typeof PRESENCES)[number];

/** `maintenance` while an announced window is open. Anything but `none` takes no new work. */
export const DRAINS = ["none", "draining", "maintenance"] as const;
export type Drain = (typeof DRAINS)[number];

export const APPEAL_DECISIONS = ["granted", "upheld"] as const;
export type AppealDecision = (typeof APPEAL_DECISIONS)[number];

/** What runs executions there: plain sandboxed processes, which need no image, containers, or pods of our cluster. */
/** `external`: a third-party worker of batch jobs that speaks the seed's API; nobody rents it. */
export const RUNTIMES = ["process", "docker", "kubernetes", "external"] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** A third-party worker: it takes batch jobs alone, nobody rents it, and no agent of Berth looks after it. */
export function isExternal(runtime: Runtime): boolean {
  return runtime === "external";
}

/** A node of our cluster: the Node object decides about its presence, not the agent's beats. */
export function isNode(runtime: Runtime): boolean {
  return runtime === "kubernetes";
}

/** Whether executions there are made of images, pulled by whoever rents and begun with what a template runs. */
export function usesImages(runtime: Runtime): boolean {
  return runtime === "kubernetes" || runtime === "docker";
}

/**
 * Whether a batch job without a command can run there: only an engine knows what an image runs by itself. Processes use no
 * image, and pods wrap the command in a shell.
 */
export function runsImagesOwn(runtime: Runtime): boolean {
  return runtime === "docker" || runtime === "external";
}

export const PRESENCE_EVENTS = ["fullReport", "cleanReport", "silent"] as const;
export type PresenceEvent = (typeof PRESENCE_EVENTS)[number];

/**
 * The law of presence. `fullReport`: a beat that still holds an execution the broker has ended;
 * `cleanReport`: a beat that holds none. An absent cell changes nothing.
 */
export const PRESENCE_TRANSITIONS = {
  unseen: { fullReport: "joined", cleanReport: "online" },
  joined: { cleanReport: "online", silent: "offline" },
  online: { silent: "offline" },
  offline: { fullReport: "joined", cleanReport: "online" },
} as const satisfies Record<Presence, Partial<Record<PresenceEvent, Presence>>>;

/** @returns the presence after the event, or the same where the table has no cell. */
export function presenceAfter(presence: Presence, event: PresenceEvent): Presence {
  const row: Partial<Record<PresenceEvent, Presence>> = PRESENCE_TRANSITIONS[presence];
  return row[event] ?? presence;
}

export const PROVIDER_STATUSES = [
  "pending",
  "approved",
  "joined",
  "available",
  "draining",
  "quarantined",
  "offline",
  "suspended",
  "removed",
  "rejected",
] as const;
export type ProviderStatus = (typeof PROVIDER_STATUSES)[number];

/**
 * What people see: a pure view over admission, drain and presence.
 * @param quarantined caught with wrong results: it is heard and takes no new work. Its agent is not told so in this word
 */
export function providerStatus(
  admission: Admission,
  presence: Presence,
  drain: Drain,
  quarantined = false,
): ProviderStatus {
  if (admission !== "approved") return admission;
  switch (presence) {
    case "unseen":
      return "approved";
    case "joined":
      return "joined";
    case "online":
      if (quarantined) return "quarantined";
      return drain === "none" ? "available" : "draining";
    case "offline":
      return "offline";
  }
}

/** A provider is offline after this much silence, as far as the broker listened. */
export const OFFLINE_AFTER_MS = 120_000;
/** A longer gap between the stamps of the listening web is the broker's own silence. */
export const LISTENING_GAP_MS = 15_000;
export const LISTENING_STAMP_EVERY_MS = 5_000;
/** The reputation a provider starts with, what an offline edge costs, and the bounds. */
export const REPUTATION_START = 100;
export const REPUTATION_OFFLINE = -20;
export const REPUTATION_MAX = 1000;

/**
 * How long a provider has been silent while somebody listened.
 * @param lastSeenAt its last beat
 * @param listeningSince start of the unbroken span in which the broker listened
 * @param listenedUntil the newest stamp of that span; silence after it is the broker's own
 */
export function silence(lastSeenAt: Date, listeningSince: Date, listenedUntil: Date): { ms: number; since: Date } {
  const since = lastSeenAt > listeningSince ? lastSeenAt : listeningSince;
  return { ms: Math.max(0, listenedUntil.getTime() - since.getTime()), since };
}

/** Applies a change of reputation within 0…1000. @returns the score after, and the change that was really applied. */
export function changeReputation(score: number, delta: number): { score: number; applied: number } {
  const next = Math.min(REPUTATION_MAX, Math.max(0, score + delta));
  return { score: next, applied: next - score };
}
