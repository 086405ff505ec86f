// What is counted of the talk with the API server. Whoever opens it says where the counts go.

export interface Tally {
  /** A call that was refused or not answered. @param answer its HTTP status, or `none` */
  callFailed(answer: string): void;
  /** A watch ended otherwise than it should; it goes on from where it was. */
  watchBroke(watch: string): void;
  /** All was listed: at a watch's start, and where the server had forgotten too much to go on from. */
  watchListed(watch: string): void;
}

/** Answers that are no trouble: there already, not there, changed meanwhile, too old to go on from. */
const USUAL = [404, 409, 410];

export function isFailure(status: number): boolean {
  return status >= 400 && !USUAL.includes(status);
}
