// npm run bench -- verification: plays every attack and writes the tables and the picture of docs/verification.md.
import { readFile, writeFile } from "node:fs/promises";
import { playAll, tables } from "./cells.ts";
import { chart } from "./chart.ts";
import { FULL } from "./world.ts";

const PAGE = "docs/verification.md";
const PICTURE = "docs/verification.svg";
const BEGIN = "<!-- figures: written by npm run bench -- verification -->";
const END = "<!-- end of figures -->";
const SEEDS = [1, 2];

export async function benchVerification(): Promise<string> {
  const seeds = process.env.BENCH_SEEDS?.split(",").map(Number) ?? SEEDS;
  if (seeds.some((seed) => !Number.isInteger(seed)))
    throw new Error("BENCH_SEEDS is whole numbers with commas between");
  const rows = playAll(FULL, seeds, (name) => process.stderr.write(`  ${name}\n`));
  const figures = tables(rows, FULL, seeds);
  const page = await readFile(PAGE, "utf8");
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${PAGE} has lost its marks`);
  await writeFile(PAGE, `${page.slice(0, begin + BEGIN.length)}\n\n${figures}\n\n${page.slice(end)}`);
  await writeFile(PICTURE, chart(rows));
  return `${figures}\n\nWritten to ${PAGE} and ${PICTURE}`;
}
