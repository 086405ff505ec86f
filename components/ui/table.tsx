// Every table of the console. On a phone its rows are cards: what stands above a column there labels its cells here,
// but the first, which names its row and heads its card.
import clsx from "clsx";
import type { ReactNode } from "react";
import { ScrollBox } from "./scroll-box.tsx";

export interface Column<R> {
  readonly head: string;
  readonly cell: (row: R) => ReactNode;
  readonly right?: boolean;
  /** its cells are buttons: its head is only heard, and nothing labels them */
  readonly action?: boolean;
  /** what its cell takes of a card's three columns: all, or two; else one, and the first column's cell all */
  readonly span?: "wide" | "double";
  /** of its cells */
  readonly className?: string;
}

interface TableProps<R> {
  /** for screen readers: the page says it in its own way */
  readonly caption: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  readonly keyOf: (row: R) => string | number;
  readonly className?: string;
}

export function Table<R>({ caption, columns, rows, keyOf, className }: TableProps<R>) {
  return (
    <ScrollBox label={caption} className={className}>
      <table className="table">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ head, right, action }) => (
              <th key={head} scope="col" className={right ? "r" : undefined}>
                {action ? <span className="sr-only">{head}</span> : head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column, n) => (
                <Cell key={column.head} column={column} row={row} namesRow={n === 0} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}

interface CellProps<R> {
  readonly column: Column<R>;
  readonly row: R;
  readonly namesRow: boolean;
}

function Cell<R>({ column, row, namesRow }: CellProps<R>) {
  const { head, cell, right, action, span, className } = column;
  const classes = clsx((right || action) && "r", className) || undefined;
  if (namesRow) {
    return (
      <th scope="row" data-span={span} className={classes}>
        {cell(row)}
      </th>
    );
  }
  return (
    <td data-label={action ? undefined : head} data-span={action ? "wide" : span} className={classes}>
      {cell(row)}
    </td>
  );
}
