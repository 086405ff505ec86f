"use client";
// Keeps a server-rendered page fresh: asks again every few seconds while somebody looks, and when a stream speaks.
import { useRouter } from "next/navigation";
import { useEffect } from "react";

interface LiveProps {
  readonly everyMs: number;
  /** a same-origin stream of server-sent events; each event means that something changed */
  readonly stream?: string;
}

/** Events that come together lead to one refresh. */
const GATHER_MS = 150;

export function Live({ everyMs, stream }: LiveProps) {
  const { refresh } = useRouter();
  useEffect(() => {
    const look = () => {
      if (document.visibilityState === "visible") refresh();
    };
    const timer = setInterval(look, everyMs);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [everyMs, refresh]);

  useEffect(() => {
    if (!stream) return;
    const source = new EventSource(stream);
    let gathering: ReturnType<typeof setTimeout> | undefined;
    source.onmessage = () => {
      clearTimeout(gathering);
      gathering = setTimeout(refresh, GATHER_MS);
    };
    return () => {
      clearTimeout(gathering);
      source.close();
    };
  }, [stream, refresh]);
  return null;
}
