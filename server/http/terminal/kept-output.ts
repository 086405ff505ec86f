// The end of what a shell wrote, for a browser that was away: as many bytes as fit, counted from the shell's first.

export class KeptOutput {
  readonly #ring: Buffer;
  #end = 0;

  /** @param limit bytes that are kept */
  constructor(limit: number) {
    this.#ring = Buffer.alloc(limit);
  }

  /** How many bytes were written so far. */
  get end(): number {
    return this.#end;
  }

  /** How many of the first bytes are gone. */
  get start(): number {
    return Math.max(0, this.#end - this.#ring.length);
  }

  add(chunk: Buffer): void {
    const { length } = this.#ring;
    const part = chunk.subarray(Math.max(0, chunk.length - length)); // more than fits would only overwrite itself
    const at = (this.#end + chunk.length - part.length) % length;
    const before = part.subarray(0, length - at);
    before.copy(this.#ring, at);
    part.copy(this.#ring, 0, before.length);
    this.#end += chunk.length;
  }

  /**
   * What was written after the first `received` bytes. Where some of that is gone, or a newcomer asks (null), it begins
   * at the first whole line that is left.
   */
  since(received: number | null): { readonly from: number; readonly bytes: Buffer } {
    if (received !== null && received >= this.start && received <= this.#end)
      return { from: received, bytes: this.#slice(received) };
    const all = this.#slice(this.start);
    const skipped = this.start === 0 ? 0 : all.indexOf("\n") + 1;
    return { from: this.start + skipped, bytes: all.subarray(skipped) };
  }

  #slice(from: number): Buffer {
    const { length } = this.#ring;
    const size = this.#end - from;
    const at = from % length;
    return Buffer.concat([this.#ring.subarray(at, at + size), this.#ring.subarray(0, Math.max(0, at + size - length))]);
  }
}
