// What somebody sees at a job's host when it is not the job that answers: one sentence and what to do, without any script.
import type { IncomingHttpHeaders } from "node:http";
import { headerOf, type WireResponse } from "../message.ts";

export interface Notice {
  readonly status: number;
  readonly title: string;
  readonly text: string;
  /** where the rental's page is */
  readonly console: string | null;
  /** whether it may help to ask again soon */
  readonly again: boolean;
}

const AGAIN_SECONDS = 3;
const STYLE = [
  ":root{color-scheme:light dark}",
  "body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;",
  "background:light-dark(#f5f2ea,#0c141c);color:light-dark(#14202b,#e9e6dc)}",
  "main{box-sizing:border-box;width:100%;max-width:34rem;padding:2rem 1.5rem;",
  "border-top:4px solid light-dark(#c43f0a,#ff7a3d)}",
  "h1{margin:0 0 .5rem;font-size:1.375rem;line-height:1.3;text-wrap:balance}",
  "p{margin:0 0 1rem;color:light-dark(#45535f,#a9b4be);overflow-wrap:anywhere}",
  "a{color:light-dark(#a33307,#ff925f)}",
].join("");

/** Nothing of a ticket, a session or a page that failed is kept, framed, or told to others. */
export const PRIVATE_HEADERS = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
} as const;

export function noticeResponse(notice: Notice, asked: IncomingHttpHeaders): WireResponse {
  const { status, title, text, again } = notice;
  const headers = { ...PRIVATE_HEADERS, ...(again ? { "retry-after": String(AGAIN_SECONDS) } : {}) };
  if (!headerOf(asked, "accept")?.includes("text/html"))
    return { status, headers: { ...headers, "content-type": "text/plain; charset=utf-8" }, body: `${title} ${text}\n` };
  return {
    status,
    headers: {
      ...headers,
      "content-type": "text/html; charset=utf-8",
      ...(again ? { refresh: String(AGAIN_SECONDS) } : {}),
    },
    body: html(notice),
  };
}

/**
 * Leads on to a link with a ticket. A redirect would do, but browsers hold it against a page that may send forms to itself
 * only.
 */
export function followResponse(url: string): WireResponse {
  const headers = { ...PRIVATE_HEADERS, "content-type": "text/html; charset=utf-8", refresh: `0; url=${url}` };
  const notice = { status: 200, title: "Opening the port…", text: "", console: null, again: false };
  return { status: 200, headers, body: html(notice) };
}

function html({ title, text, console: href }: Notice): string {
  const said = text === "" ? "" : `<p>${escaped(text)}</p>`;
  const link = href === null ? "" : `<p><a href="${escaped(href)}">To the rental</a></p>`;
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>${escaped(title)}</title><style>${STYLE}</style></head>`,
    `<body><main><h1>${escaped(title)}</h1>${said}${link}</main></body></html>\n`,
  ].join("");
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
