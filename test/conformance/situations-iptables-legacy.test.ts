import { describeSituations } from "./run-situations.ts";
import { LEGACY } from "./ways.ts";

describeSituations(LEGACY);
