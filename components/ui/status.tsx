// A status as a shape and a word in its colour. No two statuses share a shape, so colour is never needed.
import clsx from "clsx";
import type { ReactNode } from "react";

const SHAPES = {
  disc: <circle cx="4" cy="4" r="4" stroke="none" />,
  ring: <circle cx="4" cy="4" r="3.2" fill="none" strokeWidth="1.6" />,
  square: <path d="M0 0h8v8H0z" stroke="none" />,
  half: <path d="M.8.8h6.4v6.4H.8z M.8 4h6.4v3.2H.8z" fillRule="evenodd" fill="none" strokeWidth="1.6" />,
  hollow: <path d="M.8.8h6.4v6.4H.8z" fill="none" strokeWidth="1.6" />,
  triangle: <path d="M4 0l4 8H0z" stroke="none" />,
  glass: <path d="M0 0h8L4 4l4 4H0l4-4z" stroke="none" />,
  cross: <path d="M1 1l6 6M7 1L1 7" fill="none" strokeWidth="2" />,
  dash: <path d="M0 4h8" fill="none" strokeWidth="2" />,
  tick: <path d="M.6 4.4l2.3 2.4L7.4 1.4" fill="none" strokeWidth="1.8" />,
  anchor: <path d="M4 1v6M1 4.4A3 3 0 0 0 4 7a3 3 0 0 0 3-2.6M2.4 1h3.2" fill="none" strokeWidth="1.5" />,
  moon: (
    <>
      <circle cx="4" cy="4" r="3.3" fill="none" strokeWidth="1.3" />
      <path d="M4 .7a3.3 3.3 0 0 1 0 6.6z" stroke="none" />
    </>
  ),
  pause: <path d="M.6 0h2.4v8H.6zM5 0h2.4v8H5z" stroke="none" />,
  barred: <path d="M4 .8a3.2 3.2 0 1 0 0 6.4a3.2 3.2 0 1 0 0-6.4M1.8 6.2l4.4-4.4" fill="none" strokeWidth="1.4" />,
  diamond: <path d="M4 .6L7.4 4L4 7.4L.6 4z" fill="none" strokeWidth="1.3" />,
  seal: <path d="M4 0a4 4 0 1 0 0 8a4 4 0 1 0 0-8M1.9 4.2l1.5 1.5l2.8-3.1" fill="none" strokeWidth="1.2" />,
  clock: <path d="M4 .8a3.2 3.2 0 1 0 0 6.4a3.2 3.2 0 1 0 0-6.4M4 2.2V4l1.4 1" fill="none" strokeWidth="1.2" />,
  pair: (
    <path
      d="M3 1.4a2.6 2.6 0 1 0 0 5.2a2.6 2.6 0 1 0 0-5.2M5 1.4a2.6 2.6 0 1 1 0 5.2a2.6 2.6 0 1 1 0-5.2"
      fill="none"
      strokeWidth="1.1"
    />
  ),
  play: <path d="M.8 0l7 4l-7 4z" stroke="none" />,
  lock: <path d="M.6 3.6h6.8V8H.6zM2 3.6V2.4a2 2 0 0 1 4 0v1.2" fill="none" strokeWidth="1.3" />,
} as const;

type Shape = keyof typeof SHAPES;
type Hue = "free" | "use" | "wait" | "off" | "bad";

const STATUSES: Readonly<Record<string, readonly [Shape, Hue]>> = {
  pending: ["ring", "wait"],
  running: ["square", "use"],
  stopping: ["half", "wait"],
  stopped: ["hollow", "off"],
  expired: ["glass", "off"],
  failed: ["cross", "bad"],
  cancelled: ["dash", "off"],
  scheduled: ["clock", "wait"],
  verifying: ["pair", "use"],
  completed: ["seal", "free"],
  online: ["disc", "free"],
  busy: ["play", "use"],
  quarantined: ["lock", "bad"],
  available: ["disc", "free"],
  approved: ["tick", "wait"],
  joined: ["anchor", "wait"],
  draining: ["moon", "wait"],
  offline: ["cross", "bad"],
  suspended: ["pause", "bad"],
  rejected: ["barred", "bad"],
  removed: ["diamond", "off"],
  declared: ["triangle", "wait"],
  "no sandbox": ["triangle", "bad"],
};

interface StatusProps {
  readonly status: string;
  /** what is read instead of the status word, such as "offline 3 min" */
  readonly children?: ReactNode;
  readonly title?: string;
}

export function Status({ status, children, title }: StatusProps) {
  const [shape, hue] = STATUSES[status] ?? ["dash", "off"];
  return (
    <span className={clsx("tag", hue !== "off" && `tag-${hue}`)} title={title}>
      <svg viewBox="0 0 8 8" aria-hidden="true">
        {SHAPES[shape]}
      </svg>
      {children ?? status}
    </span>
  );
}
