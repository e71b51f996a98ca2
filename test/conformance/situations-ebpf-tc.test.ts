import { describeSituations } from "./run-situations.ts";
import { TC } from "./ways.ts";

describeSituations(TC);
