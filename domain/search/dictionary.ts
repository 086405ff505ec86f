// Few values that many rows share, as small whole numbers.

export class Dictionary {
  private readonly codes = new Map<string, number>();
  private readonly values: string[] = [];

  get size(): number {
    return this.values.length;
  }

  /** The value's code; a new value gets the next one. */
  add(value: string): number {
    const known = this.codes.get(value);
    if (known !== undefined) return known;
    this.codes.set(value, this.values.length);
    return this.values.push(value) - 1;
  }

  /** @returns undefined for what was never added */
  find(value: string): number | undefined {
    return this.codes.get(value);
  }

  /** @throws RangeError for a code that was never given */
  value(code: number): string {
    const value = this.values[code];
    if (value === undefined) throw new RangeError(`no value has the code ${code}`);
    return value;
  }
}
