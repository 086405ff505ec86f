"use client";
// A box as wide as where it stands, that scrolls sideways where its content is wider: a stop of the Tab key only while
// it does, and until a script has looked.
import clsx from "clsx";
import { type ReactNode, useEffect, useRef, useState } from "react";

interface ScrollBoxProps {
  /** what is in it */
  readonly label: string;
  readonly className?: string | undefined;
  readonly children: ReactNode;
}

export function ScrollBox({ label, className, children }: ScrollBoxProps) {
  const ref = useRef<HTMLDivElement>(null);
  const [scrolls, setScrolls] = useState(true);
  useEffect(() => {
    const box = ref.current;
    if (!box) return;
    const sizes = new ResizeObserver(() => setScrolls(box.scrollWidth > box.clientWidth));
    for (const each of [box, ...box.children]) sizes.observe(each);
    return () => sizes.disconnect();
  }, []);
  return (
    <div
      ref={ref}
      className={clsx("contain-inline-size relative overflow-x-auto", className)}
      {...(scrolls ? { role: "group", "aria-label": label, tabIndex: 0 } : {})}
    >
      {children}
    </div>
  );
}
