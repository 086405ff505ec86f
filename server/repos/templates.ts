// The catalogue of templates; what is retired is found by nobody.
import { and, asc, eq, isNull } from "drizzle-orm";
import { templates } from "../../drizzle/schema/template.ts";
import type { Db } from "../deps.ts";

export type TemplateRow = typeof templates.$inferSelect;

export function offeredTemplates(db: Db): Promise<TemplateRow[]> {
  return db
    .select()
    .from(templates)
    .where(isNull(templates.retiredAt))
    .orderBy(asc(templates.position), templates.slug);
}

/** null where there is none, or none any more */
export async function offeredTemplate(db: Db, slug: string): Promise<TemplateRow | null> {
  const [row] = await db
    .select()
    .from(templates)
    .where(and(eq(templates.slug, slug), isNull(templates.retiredAt)));
  return row ?? null;
}
