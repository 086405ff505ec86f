// What workspaces can be rented with, in the operators' order.
import { imageIn } from "../../../domain/job/template.ts";
import type { TemplateView } from "../../../protocol/job-views.ts";
import type { Deps } from "../../deps.ts";
import { offeredTemplates } from "../../repos/templates.ts";

export async function listTemplates({
  db,
  settings,
}: Pick<Deps, "db" | "settings">): Promise<{ templates: TemplateView[]; count: number; next_cursor: null }> {
  const rows = await offeredTemplates(db);
  const templates = rows.map(
    ({ slug, name, description, image, base, env, command, httpPort, minVramMb, minDiskGb }) => ({
      ...{ slug, name, description, base, env },
      command: command && [...command],
      http_port: httpPort,
      image: imageIn(settings.workspaceRegistry, image),
      min_vram_mb: minVramMb,
      min_disk_gb: minDiskGb,
    }),
  );
  return { templates, count: templates.length, next_cursor: null };
}
