// The smallest change that makes a Node carry our marks and leaves everybody else's alone.
import {
  CORDONED,
  cordonAfter,
  HEARTBEAT,
  LABEL_KEYS,
  lacks,
  type Marks,
  TAINT,
  TAINT_EFFECT,
} from "../../../../../domain/node/marks.ts";
import { type NodeObject, seenNode } from "./read.ts";

/**
 * A JSON merge patch, good only for the version that was read.
 * @returns null where nothing is missing
 */
export function markPatch(node: NodeObject, marks: Marks, prefix: string) {
  const seen = seenNode(node, prefix);
  if (!lacks(seen, marks)) return null;
  const key = (name: string) => `${prefix}/${name}`;
  const taint = key(TAINT);
  const others = (node.spec?.taints ?? []).filter((one) => one.key !== taint);
  const ours = marks.taint === null ? [] : [{ key: taint, value: marks.taint, effect: TAINT_EFFECT }];
  const { cordoned, note } = cordonAfter(seen.cordoned, seen.annotations[CORDONED] ?? null, marks.cordon);
  return {
    metadata: {
      resourceVersion: node.metadata.resourceVersion,
      labels: Object.fromEntries(LABEL_KEYS.map((name) => [key(name), marks.labels[name] ?? null])),
      annotations: { [key(HEARTBEAT)]: marks.heartbeat, [key(CORDONED)]: note },
    },
    spec: {
      ...(cordoned === seen.cordoned ? {} : { unschedulable: cordoned ? true : null }),
      ...(marks.taint === seen.taint ? {} : { taints: [...others, ...ours] }),
    },
  };
}
