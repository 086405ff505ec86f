// What is not there, or is somebody else's.
import type { Metadata } from "next";
import { LinkButton } from "../components/ui/button.tsx";
import { Empty } from "../components/ui/empty.tsx";

export const metadata: Metadata = { title: "Not found" };

export default function NotFound() {
  return (
    <div className="sheet">
      <Empty wholePage title="Nothing is berthed here" action={<LinkButton href="/">To the market</LinkButton>}>
        <p>The page does not exist, or it belongs to another account.</p>
      </Empty>
    </div>
  );
}
