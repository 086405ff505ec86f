// Where next-auth answers. Its options are made per request: they need what the server was started with.
import NextAuth from "next-auth";
import { authOptions } from "../../../auth-options.ts";

interface Context {
  readonly params: Promise<{ readonly nextauth: string[] }>;
}

function handler(request: Request, context: Context): Promise<Response> {
  return NextAuth(authOptions())(request, context);
}

export { handler as GET, handler as POST };
