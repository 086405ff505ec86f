// An incident is an event with a code of this catalogue: what an operator should know of, and the edges that are counted.

/**
 * What each incident means, for operators. Nothing else decides what their list shows and what alerts count. A refused
 * message of the streams is none: anybody can send thousands, so they are parked with their reason and counted there.
 */
export const INCIDENTS = {
  "provider-offline": "fell silent",
  "maintenance-outlasted": "stayed silent after its announced maintenance",
  "gpu-lost": "a GPU is gone from the report",
  "gpu-vanished": "a GPU vanished under a running execution",
  "two-agents": "two agents speak with one identity",
  "capacity-mismatch": "the node has other GPUs than were declared",
  "node-stranger": "another node carries the issued name",
  "node-gone": "its node left the cluster",
  "node-renamed": "its node has another name than the one issued",
  "csr-refused": "a certificate for another name was asked for",
} as const satisfies Record<string, string>;
export type IncidentCode = keyof typeof INCIDENTS;

export const INCIDENT_CODES = Object.keys(INCIDENTS).filter(isIncident);

export function isIncident(code: string): code is IncidentCode {
  return Object.hasOwn(INCIDENTS, code);
}

/** How long an incident counts beside a provider's name. */
export const INCIDENT_WINDOW_MS = 7 * 86_400_000;

/** Which edge of a provider's columns an event tells of. The end of a window is counted as one, whatever drains on. */
export const EDGES = {
  "provider-approved": { column: "admission", to: "approved" },
  "provider-rejected": { column: "admission", to: "rejected" },
  "provider-suspended": { column: "admission", to: "suspended" },
  "provider-removed": { column: "admission", to: "removed" },
  "provider-joined": { column: "presence", to: "joined" },
  "provider-online": { column: "presence", to: "online" },
  "provider-offline": { column: "presence", to: "offline" },
  "drain-started": { column: "drain", to: "draining" },
  "drain-ended": { column: "drain", to: "none" },
  "maintenance-started": { column: "drain", to: "maintenance" },
  "maintenance-ended": { column: "drain", to: "none" },
} as const satisfies Record<string, { column: "admission" | "presence" | "drain"; to: string }>;
export type EdgeCode = keyof typeof EDGES;

export const EDGE_CODES = Object.keys(EDGES).filter(isEdge);

export function isEdge(code: string): code is EdgeCode {
  return Object.hasOwn(EDGES, code);
}

/** Enrolment is the first edge of admission; it says itself whether the machine was admitted at once. */
const OTHERS = ["provider-enrolled"] as const;

/** All codes that are counted. Labels of metrics live for ever, so that there is a catalogue of them. */
export const COUNTED_CODES: readonly string[] = [...new Set([...INCIDENT_CODES, ...EDGE_CODES, ...OTHERS])];
