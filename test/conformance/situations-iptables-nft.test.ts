import { describeSituations } from "./run-situations.ts";
import { NFT } from "./ways.ts";

describeSituations(NFT);
