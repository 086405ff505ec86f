// Which SSH key may log in: those of the account, or one pasted here.
import type { SshKeyView } from "../../protocol/account-views.ts";
import { Field, TextArea, tied } from "../ui/field.tsx";

interface SshChoiceProps {
  readonly keys: readonly SshKeyView[];
  readonly error: string | undefined;
  readonly chosen: string;
  readonly onChoose: (value: string) => void;
}

export function SshChoice({ keys, error, chosen, onChoose }: SshChoiceProps) {
  const pasted = (
    <Field
      id="pasted_key"
      label="SSH public key"
      hint={
        <>
          What <code>cat ~/.ssh/id_ed25519.pub</code> prints. Only public keys log in; there are no passwords.
        </>
      }
      error={error}
    >
      <TextArea {...tied("pasted_key", error, true)} name="pasted_key" placeholder="ssh-ed25519 AAAA…" />
    </Field>
  );
  if (keys.length === 0) {
    return (
      <>
        <input type="hidden" name="ssh_public_key" value="paste" />
        {pasted}
      </>
    );
  }
  const choices = [
    { value: "", words: keys.length === 1 ? `My key: ${keys[0]?.name}` : `All my ${keys.length} keys` },
    ...(keys.length > 1 ? keys.map((key) => ({ value: key.public_key, words: `Only ${key.name}` })) : []),
    { value: "paste", words: "Another key" },
  ];
  return (
    <fieldset className="grid gap-2">
      <legend className="mb-1 font-[560] text-small">Who may log in</legend>
      {choices.map(({ value, words }) => (
        <label key={value} className="flex min-h-6 items-center gap-2 text-cell">
          <input
            type="radio"
            name="ssh_public_key"
            value={value}
            checked={chosen === value}
            onChange={() => onChoose(value)}
            className="accent-buoy"
          />
          {words}
        </label>
      ))}
      {chosen === "paste" ? pasted : error && <p className="font-[560] text-bad text-small">{error}</p>}
    </fieldset>
  );
}
