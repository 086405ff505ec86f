// Which image: one of the catalogue with what it brings and needs, or the customer's own. Works without script.
import type { TemplateView } from "../../protocol/job-views.ts";
import { Field, Input, tied } from "../ui/field.tsx";

interface TemplateChoiceProps {
  readonly templates: readonly TemplateView[];
  /** slug; empty for an image of one's own */
  readonly chosen: string;
  readonly image: string | undefined;
  readonly error: (field: string) => string | undefined;
}

/** Native radio buttons, so that arrow keys, forms without script and screen readers know them. */
export function TemplateChoice({ templates, chosen, image, error }: TemplateChoiceProps) {
  const refused = error("template");
  return (
    <fieldset className="templates" aria-describedby={refused ? "template-error" : undefined}>
      <legend className="mb-2 font-[560] text-small">Template</legend>
      <div className="grid gap-2 sm:grid-cols-2">
        {templates.map((template) => (
          <Card key={template.slug} value={template.slug} chosen={chosen} name={template.name}>
            {template.description}
            <Facts template={template} />
          </Card>
        ))}
        <Card value="" chosen={chosen} name="Custom image">
          Any image of yours that a machine can pull. On a cluster it needs an sshd: openssh-server on Debian and
          Ubuntu, openssh on Alpine.
        </Card>
      </div>
      {refused && (
        <p id="template-error" className="mt-1 font-[560] text-bad text-small">
          {refused}
        </p>
      )}
      <Field id="image" label="Image" className="template-image mt-3" error={error("image")}>
        <Input
          {...tied("image", error("image"))}
          name="image"
          defaultValue={image}
          placeholder="ubuntu:24.04"
          spellCheck={false}
          autoCapitalize="none"
        />
      </Field>
    </fieldset>
  );
}

interface CardProps {
  readonly value: string;
  readonly chosen: string;
  readonly name: string;
  readonly children: React.ReactNode;
}

function Card({ value, chosen, name, children }: CardProps) {
  const id = `template-${value || "custom"}`;
  return (
    <label htmlFor={id} className="template">
      <input
        id={id}
        type="radio"
        name="template"
        value={value}
        defaultChecked={chosen === value}
        aria-labelledby={`${id}-name`}
        aria-describedby={`${id}-words`}
        className="mt-1 accent-buoy"
      />
      <span className="min-w-0">
        <span id={`${id}-name`} className="block font-[560] text-cell">
          {name}
        </span>
        <span id={`${id}-words`} className="block text-ink-2 text-small [overflow-wrap:anywhere]">
          {children}
        </span>
      </span>
    </label>
  );
}

function Facts({ template }: { readonly template: TemplateView }) {
  const { base, command, min_vram_mb, min_disk_gb } = template;
  const vram = min_vram_mb > 0 ? `${Math.round((min_vram_mb / 1024) * 10) / 10} GB of VRAM a GPU, ` : "";
  return (
    <span className="mt-1 block text-ink-3">
      Needs {vram}
      {min_disk_gb} GB of disk. <span className="num">{base ?? template.image}</span>
      {base && ", with sshd"}
      {command && ". Providers of plain processes start nothing by themselves"}
    </span>
  );
}
