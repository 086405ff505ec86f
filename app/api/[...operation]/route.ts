// The wire behind Next alone; web/main.ts answers these paths itself before Next sees them.
import { answerFetch } from "../../../server/http/fetch.ts";

export { answerFetch as DELETE, answerFetch as GET, answerFetch as HEAD, answerFetch as OPTIONS, answerFetch as POST };
