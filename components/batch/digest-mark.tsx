// A digest that can be compared at a glance: a picture, a letter, and its ends in figures.
import clsx from "clsx";
import { boxesOf, type DigestGroup, shortDigest } from "./lanes.ts";

interface DigestMarkProps {
  readonly digest: string;
  readonly group?: DigestGroup | undefined;
}

const HUES: Readonly<Record<string, string>> = { B: "digest-other", C: "digest-third" };

export function DigestMark({ digest, group }: DigestMarkProps) {
  const hue =
    group && !group.accepted ? (HUES[group.letter] ?? (group.letter === "A" ? "digest-other" : "digest-fourth")) : "";
  return (
    <span className={clsx("digest", hue)} title={digest}>
      <svg viewBox="0 0 5 5" aria-hidden="true" shapeRendering="crispEdges">
        {boxesOf(digest).map(({ x, y }) => (
          <rect key={`${x}${y}`} x={x} y={y} width="1" height="1" />
        ))}
      </svg>
      {group && <b className="font-[620] text-small">{group.letter}</b>}
      <span className="num text-small text-ink-2">{shortDigest(digest)}</span>
    </span>
  );
}
