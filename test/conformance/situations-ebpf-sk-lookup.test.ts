import { describeSituations } from "./run-situations.ts";
import { SK_LOOKUP } from "./ways.ts";

describeSituations(SK_LOOKUP);
