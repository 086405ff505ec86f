// The difference of two small texts, line by line, as people know it from diff.

/** @returns lines with "- ", "+ " or "  " before them; unchanged ones only near a change */
export function lineDiff(before: string, after: string, context = 2): string[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  const longest = commonLengths(a, b);
  const marked: { readonly mark: " " | "-" | "+"; readonly line: string }[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      marked.push({ mark: " ", line: a[i] ?? "" });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && (longest[i + 1]?.[j] ?? 0) >= (longest[i]?.[j + 1] ?? 0))) {
      marked.push({ mark: "-", line: a[i] ?? "" });
      i += 1;
    } else {
      marked.push({ mark: "+", line: b[j] ?? "" });
      j += 1;
    }
  }
  const near = (at: number) =>
    marked.slice(Math.max(0, at - context), at + context + 1).some(({ mark }) => mark !== " ");
  return marked.filter((_, at) => near(at)).map(({ mark, line }) => `${mark} ${line}`);
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** [i][j]: how many lines a[i…] and b[j…] have in common, in order. */
function commonLengths(a: readonly string[], b: readonly string[]): number[][] {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const row = table[i];
      if (!row) continue;
      row[j] = a[i] === b[j] ? 1 + (table[i + 1]?.[j + 1] ?? 0) : Math.max(table[i + 1]?.[j] ?? 0, row[j + 1] ?? 0);
    }
  }
  return table;
}
